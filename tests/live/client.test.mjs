// clients/js against the real program: resuming, ticks that wait, renewal, ends, patience.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { good, listed, person, session } from '../api/support.mjs';
import { LiveError, TsuzukiLive } from '../../clients/js/tsuzuki-live.js';
import { Replica, WebSocket, pulled, tickOf } from './support.mjs';

function clientOf(daemon, who, options = {}) {
	const live = new TsuzukiLive({ url: daemon.url, token: () => who.token, WebSocket, least: 20, most: 100, ...options });
	live.log = [];
	for (const name of ['state', 'welcome', 'offer', 'items', 'error', 'end']) live.on(name, (value) => live.log.push([name, value]));
	live.start();
	return live;
}
const opened = (live) => waitFor(() => live.state === 'open', { what: 'an open connection' });
const told = (live, name) => live.log.filter(([n]) => n === name).map(([, value]) => value);

test('it follows, and resumes after the server was away without losing or repeating', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	good(await who.post('/api/watchlist', listed('first')), 201);
	const replica = new Replica();
	const live = clientOf(daemon, who, { cursor: null, apply: (frame) => replica.apply(frame) });
	await waitFor(() => replica.items.size === 1, { what: 'the first item' });
	for (const end of ['restart', 'kill']) {
		if (end === 'kill') await daemon.kill();
		await daemon.restart();
		good(await who.post('/api/watchlist', listed(end)), 201);
		await waitFor(() => replica.items.has(`watchlist/${end}`), { what: `what came after ${end}` });
	}
	assert.deepEqual(replica.held(), (await pulled(who)).held());
	assert.equal(told(live, 'items').flatMap((frame) => frame.items).filter((item) => item.key === 'first').length, 1);
	assert.equal(live.cursor, replica.cursor);
	live.stop();
	assert.equal(live.state, 'stopped');
	await daemon.stop();
});

test('ticks are acknowledged; those made while away wait, the last heartbeat of a playback for all, with their age', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const live = clientOf(daemon, who);
	const ack = await live.progress(tickOf('a', 1, 5));
	assert.equal(ack.outcome, 'applied');
	assert.equal(live.head, ack.head);
	await assert.rejects(live.progress({ animeId: 'a' }), (error) =>
		error instanceof LiveError && error.code === 'validation_failed' && error.errors.some((entry) => entry.path === 'currentEpisode'));
	await daemon.kill();
	await waitFor(() => live.state !== 'open', { what: 'the loss to be seen' });
	const beat = (at) => live.progress(tickOf('b', 1, at, { event: 'heartbeat', session: 's' }));
	const waiting = [beat(10), beat(11), live.progress(tickOf('c', 2, 7)), beat(12)];
	await daemon.restart();
	const acks = await Promise.all(waiting);
	assert.deepEqual(acks.map((one) => one.id === acks[3].id), [true, true, false, true], 'three heartbeats became one');
	assert.equal(good(await who.get('/api/continue-watching/b')).currentTime, 12);
	assert.equal(good(await who.get('/api/continue-watching/c')).currentTime, 7);
	const synced = await live.sync({ ops: [{ n: 1, collection: 'watchlist', key: 'w', set: { rating: 4 } }] });
	assert.equal(synced.results[0].outcome, 'applied');
	const left = [live.progress(tickOf('d', 1, 1))];
	live.stop();
	await assert.rejects(left[0], { code: 'stopped' });
	await daemon.stop();
});

test('a page that cannot be stored is asked for again', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const replica = new Replica();
	let failures = 2;
	const live = clientOf(daemon, who, {
		apply: async (frame) => {
			if (failures-- > 0) throw new Error('the store is shut');
			replica.apply(frame);
		},
	});
	await opened(live);
	good(await who.post('/api/watchlist', listed('a')), 201);
	await waitFor(() => replica.items.has('watchlist/a'), { what: 'the page at last' });
	assert.equal(told(live, 'error').length, 2);
	live.stop();
	await daemon.stop();
});

describe('tokens', () => {
	test('are renewed before they expire, on the same connection', async () => {
		const daemon = await startDaemon({ env: { JWT_EXPIRE: '3s' } });
		const who = await person(daemon);
		let { token, refreshToken } = who;
		const reasons = [];
		const renew = async (why) => {
			reasons.push(why);
			if (reasons.length === 1) return token;
			const { data } = (await who.api('POST', '/api/auth/refresh', { body: { refreshToken } })).json;
			({ token, refreshToken } = data);
			return token;
		};
		const live = clientOf(daemon, who, { token: renew });
		await waitFor(() => reasons.length >= 4, { what: 'three renewals' });
		await live.progress(tickOf('a', 1, 1));
		assert.deepEqual(reasons.slice(1, 4), ['renew', 'renew', 'renew']);
		assert.equal(told(live, 'welcome').length, 1, 'one connection');
		live.stop();
		await daemon.stop();
	});
	test('that are refused are asked for once more, then it ends', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const reasons = [];
		const live = clientOf(daemon, who, { token: (why) => reasons.push(why) && 'nonsense' });
		await waitFor(() => live.state === 'stopped', { what: 'the end' });
		assert.deepEqual(reasons, ['connect', 'denied']);
		assert.equal(told(live, 'end')[0].code, 'not_authorized');
		await daemon.stop();
	});
	test('of a session that was revoked end it', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const phone = await session(daemon, who);
		const live = clientOf(daemon, phone);
		await opened(live);
		await phone.post('/api/auth/logout');
		await waitFor(() => live.state === 'stopped', { what: 'the end' });
		assert.equal(told(live, 'end')[0].code, 'revoked');
		await daemon.stop();
	});
});

test('a lost history is told as an offer', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const live = clientOf(daemon, who, { cursor: 'abcdef01:4', head: 'abcdef01:4' });
	await opened(live);
	assert.equal(told(live, 'offer').length, 1);
	live.stop();
	await daemon.stop();
});

test('waits double up to a bound, and are left to chance', async () => {
	const { setTimeout: real } = globalThis;
	for (const [chance, expected] of [[1, [1, 2, 4, 8, 8, 8]], [0.25, [0.25, 0.5, 1, 2, 2, 2]]]) {
		const delays = [];
		class Refusing {
			constructor() {
				queueMicrotask(() => this.onclose({ code: 1006 }));
			}
			close() {}
		}
		globalThis.setTimeout = (run, ms) => {
			if (ms <= 8) delays.push(ms);
			return real(run, ms);
		};
		const live = new TsuzukiLive({ url: 'http://nowhere.invalid', token: 'x', WebSocket: Refusing, least: 1, most: 8, random: () => chance });
		live.start();
		await waitFor(() => delays.length >= 6, { what: 'six attempts' });
		live.stop();
		globalThis.setTimeout = real;
		assert.deepEqual(delays.slice(0, 6), expected);
	}
});

test('a connection that has gone silent is asked, then given up; what was asked is asked again', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	let dead = false;
	const sent = [];
	class Deaf extends WebSocket {
		send(text) {
			sent.push(JSON.parse(text).type);
			if (!dead) super.send(text);
		}
	}
	const live = clientOf(daemon, who, { WebSocket: Deaf, patience: 300 });
	await opened(live);
	live.heartbeat = 0.02;
	await live.progress(tickOf('a', 1, 1));
	await waitFor(() => sent.filter((type) => type === 'sync').length >= 2, { what: 'two probes' });
	assert.equal(told(live, 'welcome').length, 1, 'which were answered');
	dead = true;
	const ack = live.progress(tickOf('a', 1, 2));
	await waitFor(() => live.state !== 'open', { what: 'the connection to be given up' });
	dead = false;
	assert.equal((await ack).outcome, 'applied');
	live.stop();
	await daemon.stop();
});

test('without a WebSocket it says so', async () => {
	const live = new TsuzukiLive({ url: 'http://localhost', token: 'x', WebSocket: null });
	const ended = new Promise((resolve) => live.on('end', resolve));
	if (globalThis.WebSocket) return live.stop();
	live.start();
	assert.match((await ended).message, /no WebSocket/);
});
