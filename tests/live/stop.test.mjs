// The server stops: bye with retryAfter and 1001 for everybody, acks of what was taken first, and nobody can hold it up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, person } from '../api/support.mjs';
import { Live, follow, tickOf } from './support.mjs';

// "exits 0 within 5 s" (design.md section 5), asserted at five times that.
const STOP_MS = 25000 * Number(process.env.TSUZUKI_TEST_PATIENCE || 1);

test('everybody is told bye and when to come back, whether hello was said or not', async () => {
	const daemon = await startDaemon();
	const lives = [];
	for (let i = 0; i < 20; i++) lives.push(await follow(daemon, await person(daemon)));
	const silent = new Live(daemon);
	await silent.opened;
	const stopping = daemon.stop();
	for (const live of [...lives, silent]) {
		const bye = await live.next('bye');
		assert.deepEqual([bye.code, bye.retryAfter], ['stopping', 3]);
		assert.equal(await live.code(), 1001);
	}
	const { code, ms } = await stopping;
	assert.equal(code, 0);
	assert.ok(ms < STOP_MS, `${ms} ms`);
});

test('what was acknowledged is there after the restart; what was taken is acknowledged before bye', async () => {
	const daemon = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
	const who = await person(daemon);
	const lives = [];
	for (let i = 0; i < 4; i++) lives.push(await follow(daemon, who));
	const acked = new Map();
	for (const [i, live] of lives.entries()) {
		live.onFrame = (frame) => frame.type === 'ack' && acked.set(`k${i}`, frame.id);
		for (let id = 0; id < 300; id++) live.send({ type: 'progress', id, ...tickOf(`k${i}`, 1, id + 1, { event: 'heartbeat', session: 's' }) });
	}
	await lives[0].next('ack');
	await daemon.stop();
	await Promise.all(lives.map((live) => live.closed));
	for (const live of lives) assert.deepEqual([live.frames.at(-1)?.type, live.end.code], ['bye', 1001]);
	await daemon.restart();
	for (const [key, id] of acked) {
		const { currentTime } = good(await who.get(`/api/continue-watching/${key}`));
		assert.ok(currentTime >= id + 1, `${key}: acked ${id + 1}, found ${currentTime}`);
	}
	await daemon.stop();
});

test('clients that do not read or do not answer the close frame hold up nothing', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	for (let i = 0; i < 5; i++) {
		const live = await follow(daemon, who);
		live.ws._socket.pause();
	}
	const { code, ms } = await daemon.stop();
	assert.equal(code, 0);
	assert.ok(ms < STOP_MS, `${ms} ms`);
});
