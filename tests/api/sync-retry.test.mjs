// Exactly once: retries of every kind, receipts, and devices that were cloned or restored (S3; sync-protocol.md section 6).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { everything, good, person, refused, session } from './support.mjs';
import { Device, MINUTE, at, clear, exchange, place, rate, remove } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const KEY = 'show';
async function pair(on = daemon) {
	const who = await person(on, { deviceName: 'TV' });
	return [new Device(who), new Device(await session(on, who, { deviceName: 'Phone' }))];
}
const send = (device, ops, more = {}) => exchange(device.who, { now: Date.now(), ops, ...more });
const rows = async ({ who }, collection = 'watchlist', key = KEY) => good(await who.get(`/api/history/${collection}/${key}`)).length;
const MANY = [
	{ n: 1, ...rate(KEY, 7) },
	{ n: 2, ...place(KEY, 5, 100, { event: 'seek' }) },
	{ n: 3, ...place(KEY, 5, 101, { event: 'heartbeat', session: 's' }) },
	{ n: 4, ...rate(KEY, 11) },
	{ n: 5, ...remove('watchlist', 'other') },
	{ n: 6, collection: 'watchlist', key: KEY, set: { notes: 'n' } },
	{ n: 9, ...rate(KEY, 3, { age: MINUTE }) },
	{ n: 12, ...clear('watchlist', { age: 2 * MINUTE }) },
];

/** An op's first outcome and stamp. */
const first = (results) => results.map(({ n, outcome, rule, stamp, code }) => ({ n, outcome, rule, stamp, code }));

async function forks(device, ops) {
	const [held, before] = [await everything(device.who), await exchange(device.who)];
	const reply = await device.who.post('/api/sync', { now: Date.now(), ops });
	refused(reply, 409, undefined, 'device_forked');
	const after = await exchange(device.who);
	assert.deepEqual([after.head, after.ack], [before.head, before.ack], 'nothing was taken');
	assert.equal(await everything(device.who), held, 'nothing was written');
}

describe('a push that is sent again', () => {
	test('changes nothing, however often, and is answered with the first outcomes and stamps', async () => {
		const [tv] = await pair();
		const once = await send(tv, MANY);
		const held = await everything(tv.who);
		const [watchlist, progress] = [await rows(tv), await rows(tv, 'progress')];
		for (let i = 0; i < 4; i++) {
			const again = await send(tv, MANY);
			assert.deepEqual(first(again.results), first(once.results));
			assert.deepEqual([again.head, again.ack], [once.head, 12]);
		}
		assert.equal(await everything(tv.who), held);
		assert.deepEqual([await rows(tv), await rows(tv, 'progress')], [watchlist, progress]);
	});
	test('many times at once is taken once', async () => {
		const [tv] = await pair();
		const answers = await Promise.all(Array.from({ length: 8 }, () => send(tv, MANY)));
		for (const { results } of answers) assert.deepEqual(first(results), first(answers[0].results));
		assert.equal(await rows(tv), 3);
	});
	test('in part, and with new ops behind, takes only the new ones', async () => {
		const [tv] = await pair();
		const [, two, three] = await tv.push(rate('a', 1), rate('b', 2), rate('c', 3));
		const { results, ack } = await send(tv, [
			{ n: 2, ...rate('b', 2) },
			{ n: 3, ...rate('c', 3) },
			{ n: 4, ...rate('d', 4) },
		]);
		assert.deepEqual([results[0].stamp, results[1].stamp, results[2].outcome, ack], [two.stamp, three.stamp, 'applied', 4]);
		for (const key of ['a', 'b', 'c', 'd']) assert.equal(await rows(tv, 'watchlist', key), 1);
	});
	test('after other pushes keeps its outcome and stamp, and tells what holds now', async () => {
		const [tv, phone] = await pair();
		const op = { n: 1, ...rate(KEY, 7) };
		const [once] = await tv.push(op);
		const newer = await phone.act(rate(KEY, 2));
		const [again] = (await send(tv, [op])).results;
		assert.deepEqual(again, { n: 1, outcome: 'applied', stamp: once.stamp, registers: { rating: { value: 2, stamp: newer.stamp } } });
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.equal(item.rating, 2, 'an old push does not come back over a newer one');
	});
	test('does not bring back what was deleted since, and names no register that is void', async () => {
		const [tv, phone] = await pair();
		const op = { n: 1, ...rate(KEY, 7) };
		const [once] = await tv.push(op);
		await phone.act(remove('watchlist', KEY));
		assert.deepEqual((await send(tv, [op])).results, [{ n: 1, outcome: 'applied', stamp: once.stamp }]);
		assert.deepEqual(good(await tv.who.get('/api/watchlist')), []);
		await phone.act(clear('watchlist'));
		assert.deepEqual((await send(tv, [op])).results, [{ n: 1, outcome: 'applied', stamp: once.stamp }]);
	});
	test('a delete is told with the delete that holds now', async () => {
		const [tv, phone] = await pair();
		await tv.push({ n: 1, ...rate(KEY, 7) });
		const op = { n: 2, ...remove('watchlist', KEY) };
		const [once] = await tv.push(op);
		const [same] = (await send(tv, [op])).results;
		assert.deepEqual(same, { n: 2, outcome: 'applied', stamp: once.stamp, deletedStamp: once.stamp });
		await phone.act(rate(KEY, 1));
		const later = await phone.act(remove('watchlist', KEY));
		const [again] = (await send(tv, [op])).results;
		assert.deepEqual(again, { n: 2, outcome: 'applied', stamp: once.stamp, deletedStamp: later.stamp });
	});
	test('keeps the rule of what lost, of a candidate, and the code of what was rejected', async () => {
		const [tv, phone] = await pair();
		await tv.push(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }), rate(KEY, 5));
		const ops = [
			{ n: 1, ...place(KEY, 5, 3, { event: 'heartbeat', session: 'ph' }) },
			{ n: 2, ...rate(KEY, 1, { age: MINUTE }) },
			{ n: 3, ...rate('', 1) },
			{ n: 4, collection: 'watchlist', key: KEY, set: { rating: 2, notes: 'n' }, age: MINUTE },
		];
		const once = await phone.push(...ops);
		assert.deepEqual(
			once.map((r) => r.rule ?? r.code),
			['early_rewind', 'later_stamp', 'invalid_key', 'later_stamp'],
		);
		// What was opened may have been written by the op too: a retry tells it as it is now.
		const again = (await send(phone, ops)).results;
		delete again[0].registers.opened;
		assert.deepEqual(again, once);
	});
	test('with a cursor from before brings the item of its own op, if not told, and nothing of it twice', async () => {
		const [tv, phone] = await pair();
		const { cursor } = await exchange(tv.who);
		await phone.act(rate('x', 1));
		const ops = [{ n: 1, ...rate(KEY, 7) }];
		await send(tv, ops, { cursor });
		const again = await send(tv, ops, { cursor });
		const keys = again.items.map((i) => i.key);
		assert.ok(keys.includes('x'));
		assert.equal(new Set(keys).size, keys.length);
		assert.equal(again.cursor, again.head);
	});
	test('is known after a restart, and after a kill', async () => {
		const own = await startDaemon();
		const [tv, phone] = await pair(own);
		const once = await send(tv, MANY);
		for (const end of ['stop', 'kill']) {
			await own[end]();
			await own.restart();
			const again = await send(tv, MANY);
			assert.deepEqual(first(again.results), first(once.results), end);
			assert.equal(await rows(tv), 3, end);
		}
		await phone.act(rate(KEY, 1));
		assert.deepEqual(first((await send(tv, MANY)).results), first(once.results));
		await own.stop();
	});
	test('that was cut off by a kill at any moment is whole or not there, and a retry makes it whole (S2)', async () => {
		const own = await startDaemon();
		const [tv] = await pair(own);
		for (let round = 0; round < 5; round++) {
			const ops = tv.number(Array.from({ length: 200 }, (_, i) => rate(`r${round}-${i}`, 1 + (i % 10))));
			const lost = tv.who.post('/api/sync', { now: Date.now(), ops }).catch(() => undefined);
			for (let turn = 0; turn < 1 + 5 * round; turn++) await new Promise((resolve) => setImmediate(resolve));
			await own.kill();
			const answered = (await lost)?.status === 200;
			await own.restart();
			const { ack } = await exchange(tv.who);
			assert.ok(ack === tv.n || ack === tv.n - 200, `${ack} of ${tv.n}: all or nothing`);
			assert.ok(!answered || ack === tv.n, 'what was answered is there');
			const { results } = await send(tv, ops);
			for (const { outcome } of results) assert.equal(outcome, 'applied');
			assert.equal(await rows(tv, 'watchlist', `r${round}-0`), 1);
			assert.equal(await rows(tv, 'watchlist', `r${round}-199`), 1);
		}
		await own.stop();
	});
});

describe('the content of an op', () => {
	const raw = (device, text) =>
		device.who.api('POST', '/api/sync', { token: device.who.token, body: text, headers: { 'content-type': 'application/json' } });
	test('is compared as JSON values: the order of keys, 7 or 7.0, escapes and blanks make no difference', async () => {
		const [tv] = await pair();
		const forms = [
			'{"ops":[{"n":1,"collection":"progress","key":"A","event":"seek","set":{"position":{"currentEpisode":7,"currentTime":70,"duration":0}}}]}',
			'{"ops":[{"set":{"position":{"duration":0.0,"currentTime":7e1,"currentEpisode":7.0}},"key":"\\u0041","event":"seek","collection":"progress","n":1}]}',
			'{ "ops" : [ { "n" : 1.0, "collection":"progress", "key":"A","event":"seek", "set": {"position":\n{"currentEpisode":7,"currentTime":70.0,"duration":0e9}}}]}',
		];
		const stamps = [];
		for (const form of forms) stamps.push(good(await raw(tv, form)).results[0].stamp);
		assert.equal(new Set(stamps).size, 1);
		assert.equal(await rows(tv, 'progress', 'A'), 1);
	});
	test('does not include n, at and age: a retry may say anew how long ago it was', async () => {
		const [tv] = await pair();
		const op = { n: 1, ...rate(KEY, 7) };
		const [once] = (await send(tv, [{ ...op, age: 5000 }])).results;
		for (const more of [{ age: 9000 }, { at: Date.now() - 20000 }, {}])
			assert.deepEqual((await send(tv, [{ ...op, ...more }])).results, [once]);
	});
	const op = { n: 1, ...place(KEY, 5, 100, { event: 'seek', session: 's' }) };
	const others = {
		'another value': { ...op, set: { position: at(5, 100.5) } },
		'another key': { ...op, key: 'Show' },
		'another event': { ...op, event: 'manual' },
		'no event': (({ event, ...rest }) => rest)(op),
		'another session': { ...op, session: 't' },
		'another collection': { n: 1, ...rate(KEY, 1) },
		'one register more': { ...op, set: { ...op.set, animeTitle: 'T' } },
		'an origin': { ...op, origin: '0123456789abcdef' },
		'a field that nobody knows': { ...op, more: 1 },
		'a text for a number': { ...op, set: { position: { ...at(5, 100), duration: '1440' } } },
		'a delete': { n: 1, ...remove('progress', KEY) },
	};
	for (const [what, other] of Object.entries(others))
		test(`that comes with ${what} under its number is a fork: 409, and nothing is written`, async () => {
			const [tv] = await pair();
			await send(tv, [op]);
			await forks(tv, [other]);
			await forks(tv, [{ n: 1, ...other }, { n: 2, ...rate('new', 1) }]);
			const [again] = (await send(tv, [op])).results;
			assert.equal(again.outcome, 'applied', 'the device that did it goes on');
		});
	test('of a rejected op is compared too', async () => {
		const [tv] = await pair();
		await send(tv, [{ n: 1, ...rate('', 1) }]);
		await forks(tv, [{ n: 1, ...rate('', 2) }]);
		await forks(tv, [{ n: 1, ...rate(KEY, 1) }]);
	});
});

describe('numbers', () => {
	test('may leave gaps, but one below the highest taken that was never used is a fork', async () => {
		const [tv] = await pair();
		await send(tv, [{ n: 5, ...rate('a', 1) }]);
		await send(tv, [{ n: 9, ...rate('b', 1) }]);
		for (const n of [1, 4, 6, 8]) await forks(tv, [{ n, ...rate('c', 1) }]);
		assert.equal((await exchange(tv.who)).ack, 9);
	});
	test('are remembered for the newest 2,000: an older one is a fork', async () => {
		const [tv] = await pair();
		for (let push = 0; push < 23; push++) await tv.push(...Array.from({ length: 100 }, () => rate(KEY, 1 + (push % 10))));
		const old = (n) => ({ n, ...rate(KEY, 1 + (Math.floor((n - 1) / 100) % 10)) });
		const { results } = await send(tv, [old(301), old(302), old(1000), old(2300)]);
		for (const { outcome } of results) assert.equal(outcome, 'applied');
		await forks(tv, [old(1)]);
		await forks(tv, [old(200), old(2300)]);
		const next = await send(tv, [{ n: 2301, ...rate(KEY, 10) }]);
		assert.deepEqual([next.results[0].outcome, next.ack], ['applied', 2301]);
	});
	test('belong to the device, not to the session: two sessions of one device share them', async () => {
		const [tv] = await pair();
		await send(tv, [{ n: 1, ...rate(KEY, 7) }]);
		const same = new Device(await session(daemon, tv.who, { deviceId: tv.id }));
		assert.equal(same.id, tv.id);
		assert.equal((await send(same, [{ n: 1, ...rate(KEY, 7) }])).results[0].outcome, 'applied');
		assert.equal(await rows(tv), 1);
		await forks(same, [{ n: 1, ...rate(KEY, 8) }]);
	});
	test('of two devices are their own', async () => {
		const [tv, phone] = await pair();
		await send(tv, [{ n: 1, ...rate('a', 1) }]);
		await send(phone, [{ n: 1, ...rate('b', 2) }]);
		assert.deepEqual([await rows(tv, 'watchlist', 'a'), await rows(tv, 'watchlist', 'b')], [1, 1]);
	});
	test('go up to 2^53 - 1', async () => {
		const [tv] = await pair();
		const n = Number.MAX_SAFE_INTEGER;
		const data = await send(tv, [{ n, ...rate(KEY, 1) }]);
		assert.deepEqual([data.results[0].n, data.ack], [n, n]);
		assert.equal((await send(tv, [{ n, ...rate(KEY, 1) }])).results[0].outcome, 'applied');
	});
});

test('a forked device gets a new identity by refresh, numbers its ops anew, and its twin goes on', async () => {
	const [tv] = await pair();
	await send(tv, [{ n: 1, ...rate('a', 1) }, { n: 2, ...rate('b', 2) }]);
	// The clone was taken after op 1, and did something else as op 2.
	const mine = [{ n: 2, ...rate('c', 3) }];
	await forks(tv, mine);
	const reply = good(await tv.who.api('POST', '/api/auth/refresh', { body: { refreshToken: tv.who.refreshToken, newDevice: true } }));
	assert.notEqual(reply.deviceId, tv.id);
	const post = (path, body) => tv.who.api('POST', path, { token: reply.token, body });
	const pushed = good(await post('/api/sync', { now: Date.now(), ops: mine.map((op) => ({ ...op, n: 1 })) }));
	assert.deepEqual([pushed.results[0].outcome, pushed.ack], ['applied', 1]);
	assert.equal(pushed.results[0].stamp.slice(17), reply.deviceId);
	const twin = good(await tv.who.api('POST', '/api/auth/refresh', { body: { refreshToken: tv.who.refreshToken } }));
	assert.equal(twin.deviceId, tv.id, 'the presented token stays good');
	const { results } = await send(tv, [{ n: 2, ...rate('b', 2) }, { n: 3, ...rate('d', 4) }]);
	assert.deepEqual(
		results.map((r) => r.outcome),
		['applied', 'applied'],
	);
	assert.deepEqual(
		good(await tv.who.get('/api/watchlist'))
			.map((i) => i.animeId)
			.sort(),
		['a', 'b', 'c', 'd'],
	);
});
