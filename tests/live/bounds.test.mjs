// What a connection may cost: sizes, kinds, rates, and the close code of each (sync-protocol.md section 7).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { good, listed, person } from '../api/support.mjs';
import { Live, follow, tickOf } from './support.mjs';

let daemon;
let who;
before(async () => {
	daemon = await startDaemon();
	who = await person(daemon);
});
after(() => daemon.stop());

const KIB = 1024;

describe('a frame', () => {
	test('of 256 KiB is taken, of one byte more closes with 1009', async () => {
		const live = await follow(daemon, who);
		const frame = (size) => {
			const [head, tail] = ['{"type":"sync","id":1,"x":"', '"}'];
			return head + 'x'.repeat(size - head.length - tail.length) + tail;
		};
		live.send(frame(256 * KIB));
		assert.equal((await live.next()).type, 'synced');
		live.send(frame(256 * KIB + 1));
		assert.equal(await live.code(), 1009);
	});
	test('in fragments of every size is the same frame', async () => {
		const live = await follow(daemon, who);
		const text = JSON.stringify({ type: 'progress', id: 1, ...tickOf('a', 1, 5, { episodeTitle: 'é'.repeat(200) }) });
		const bytes = Buffer.from(text);
		for (const size of [1, 7, 100, 511, 512, 513]) {
			for (let at = 0; at < bytes.length; at += size)
				live.ws.send(bytes.subarray(at, at + size), { binary: false, fin: at + size >= bytes.length });
			assert.equal((await live.answer(1)).type, 'ack', `fragments of ${size}`);
		}
		live.ws.send('', { fin: false });
		live.ws.send(bytes, { fin: false, binary: false });
		live.ws.send('', { fin: true });
		assert.equal((await live.answer(1)).type, 'ack', 'empty fragments around it');
		await live.close();
	});
	test('whose fragments never end closes with 1009, whatever they are', async () => {
		const live = await follow(daemon, who);
		const piece = 'x'.repeat(1000);
		for (let i = 0; i < 300 && !live.end; i++) live.ws.send(piece, { fin: false });
		assert.equal(await live.code(), 1009);
	});
	test('is small as long as nobody has said hello', async () => {
		const live = new Live(daemon);
		await live.opened;
		live.send(JSON.stringify({ type: 'hello', x: 'x'.repeat(20 * KIB) }));
		assert.equal(await live.code(), 1009);
	});
	test('of bytes closes with 1003', async () => {
		const live = await follow(daemon, who);
		live.ws.send(Buffer.from(JSON.stringify({ type: 'progress', id: 1, ...tickOf('a', 1, 5) })), { binary: true });
		assert.equal(await live.code(), 1003);
	});
	test('of text that is no UTF-8 closes with 1007', async () => {
		for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x7b, 0xc3]]) {
			const live = await follow(daemon, who);
			live.ws.send(Buffer.from(bytes), { binary: false });
			assert.equal(await live.code(), 1007, String(bytes));
		}
	});
	test('of control is answered, and does not disturb one in fragments', async () => {
		const live = await follow(daemon, who);
		const pong = new Promise((resolve) => live.ws.once('pong', (data) => resolve(data.toString())));
		const text = JSON.stringify({ type: 'progress', id: 1, ...tickOf('a', 1, 5) });
		live.ws.send(text.slice(0, 20), { fin: false });
		live.ws.ping('are you there');
		live.ws.send(text.slice(20), { fin: true });
		assert.equal(await pong, 'are you there');
		assert.equal((await live.answer(1)).type, 'ack');
		await live.close();
	});
});

describe('RATE_LIMIT_LIVE', () => {
	test('slows a connection down that is over it, loses nothing, and leaves others alone', async () => {
		const slow = await startDaemon({ env: { RATE_LIMIT_LIVE: '20/1s' } });
		const person1 = await person(slow);
		const live = await follow(slow, person1);
		const other = await follow(slow, await person(slow));
		for (let id = 0; id < 60; id++) live.send({ type: 'progress', id, ...tickOf(`k${id}`, 1, 1) });
		assert.equal((await other.tick(1, tickOf('a', 1, 1))).type, 'ack');
		for (let id = 0; id < 60; id++) assert.equal((await live.answer(id)).outcome, 'applied');
		const metric = /^tsuzuki_live_slowed_total (\d+)$/m.exec((await person1.api('GET', '/metrics')).text)[1];
		assert.ok(Number(metric) >= 2, metric);
		await slow.stop();
	});
	test('closes with 4429 when it is far over it for long', async () => {
		const slow = await startDaemon({ env: { RATE_LIMIT_LIVE: '5/1s' } });
		const live = await follow(slow, await person(slow));
		let sent = 0;
		const pour = setInterval(() => {
			for (let i = 0; i < 20 && !live.end; i++) live.send({ type: 'progress', id: sent++, ...tickOf('a', 1, 1) });
		}, 50);
		const bye = await live.next('bye', 100000);
		assert.equal(bye.code, 'flooding');
		assert.ok(bye.retryAfter > 0);
		clearInterval(pour);
		assert.equal(await live.code(), 4429);
		await slow.stop();
	});
	test('off is no limit', async () => {
		const free = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
		const live = await follow(free, await person(free));
		for (let id = 0; id < 3000; id++) live.send({ type: 'progress', id, ...tickOf('a', 1, id + 1, { event: 'heartbeat', session: 's' }) });
		assert.equal((await live.answer(2999)).outcome, 'applied');
		await free.stop();
	});
});

test('a client that sends and never reads is not read on, and what it sent comes later', async () => {
	const free = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
	const someone = await person(free);
	const live = await follow(free, someone);
	live.ws._socket.pause();
	const big = 'x'.repeat(2000);
	const frames = 12000;
	let id = 0;
	const metric = async () => Number(/^tsuzuki_live_frames_received_total (\d+)$/m.exec((await someone.api('GET', '/metrics')).text)[1]);
	for (; id < frames; id++) live.send({ type: 'progress', id, x: big });
	let before = -1;
	await waitFor(async () => {
		const now = await metric();
		const stands = now === before && now > 100;
		before = now;
		return stands;
	}, { what: 'the server to stop reading' });
	assert.ok(before < frames, `${before} of ${frames} were read`);
	const other = await follow(free, someone);
	assert.equal((await other.tick(1, tickOf('a', 1, 1))).type, 'ack');
	live.ws._socket.resume();
	assert.equal((await live.answer(frames - 1)).code, 'validation_failed');
	await free.stop();
});

test('a burst in one packet is answered frame by frame, large ones and exchanges between', async () => {
	const free = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
	const someone = await person(free);
	const live = await follow(free, someone);
	const socket = live.ws._socket;
	socket.cork();
	for (let id = 0; id < 300; id++) {
		if (id % 50 === 7) live.send({ type: 'sync', id, ops: [{ n: id, collection: 'watchlist', key: 'a', set: { rating: 1 + (id % 10) } }] });
		else if (id % 50 === 23) live.send({ type: 'sync', id, x: 'x'.repeat(80 * KIB) });
		else live.send({ type: 'progress', id, ...tickOf(`k${id % 5}`, 1, id + 1) });
	}
	socket.uncork();
	const order = [];
	live.onFrame = (frame) => frame.id !== undefined && order.push(frame.id);
	for (let id = 0; id < 300; id++) assert.ok(['ack', 'synced'].includes((await live.answer(id)).type));
	assert.deepEqual(order, [...order].sort((a, b) => a - b), 'answers keep the order');
	good(await someone.post('/api/watchlist', listed('end')), 201);
	await live.next('items');
	await free.stop();
});
