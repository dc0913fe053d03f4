// Hostile pushes: one bad op is rejected in its own result and blocks nothing (S8); a push that is malformed as a whole is
// refused and writes nothing (sync-protocol.md section 6).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { blames, good, listed, person, refused } from './support.mjs';
import { Device, at, clear, deviceOf, exchange, msOf, place, pullAll, rate, remove, stampOf } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const device = async (on = daemon) => new Device(await person(on));
const list = async ({ who }) => good(await who.get('/api/watchlist?limit=100')).map((i) => i.animeId);
const text = (who, body) => who.api('POST', '/api/sync', { token: who.token, body, headers: { 'content-type': 'application/json' } });
const seen = (set, more) => ({ collection: 'progress', key: 'k', set, ...more });
const wanted = (set, more) => ({ collection: 'watchlist', key: 'k', set, ...more });
const long = (n, what = 'x') => what.repeat(n);
const origin = '0123456789abcdef';
const goodStamp = stampOf(Date.now() - 60000, origin);
const tick = (more, set = { position: at(1, 2) }) => seen(set, { event: 'heartbeat', ...more });

const BAD = {
	invalid_op: {
		'does nothing': { collection: 'watchlist', key: 'k' },
		'sets and deletes': { ...rate('k', 1), delete: true },
		'deletes and clears': { ...clear('watchlist'), delete: true },
		'deletes false': { ...remove('watchlist', 'k'), delete: false },
		'deletes 1': { ...remove('watchlist', 'k'), delete: 1 },
		'clears null': { collection: 'watchlist', clear: null },
		'sets nothing': wanted({}),
		'sets null': wanted(null),
		'sets a list': wanted([]),
		'sets a text': wanted('rating'),
		'clears one key': { ...clear('watchlist'), key: 'k' },
		'has no collection': { key: 'k', delete: true },
		'has a field that nobody knows': rate('k', 1, { more: 1 }),
		'has an empty field name': rate('k', 1, { '': 1 }),
	},
	invalid_key: {
		'has no key': { collection: 'watchlist', delete: true },
		'has an empty key': rate('', 1),
		'has a key of 201 bytes': rate(long(201), 1),
		'has a key of 101 letters of two bytes': rate(long(101, 'ä'), 1),
		'has a number as key': rate(7, 1),
		'has null as key': rate(null, 1),
		'has a key with a tab': rate('a\tb', 1),
		'has a key with a line end': rate('a\n', 1),
		'has a key with an escape': rate('\u001b[31m', 1),
		'has a key with DEL': rate('a\u007f', 1),
	},
	invalid_value: {
		'rates 0': rate('k', 0),
		'rates 11': rate('k', 11),
		'rates 7.5': rate('k', 7.5),
		'rates "7"': rate('k', '7'),
		'rates true': rate('k', true),
		'rates a list': rate('k', [7]),
		'rates deep in nothing': rate('k', JSON.parse(`${long(50, '[')}${long(50, ']')}`)),
		'has an unknown status': wanted({ status: 'seen' }),
		'has no status': wanted({ status: null }),
		'has notes of 501 letters': wanted({ notes: long(501) }),
		'has notes of a number': wanted({ notes: 5 }),
		'has a title of 301 letters': wanted({ animeTitle: long(301) }),
		'has a picture of 2,049 letters': wanted({ animeImage: long(2049) }),
		'has minus one episodes': wanted({ totalEpisodes: -1 }),
		'has too many episodes': wanted({ episodesWatched: 1000001 }),
		'has half an episode': wanted({ episodesWatched: 1.5 }),
		'has one good and one bad register': wanted({ rating: 5, notes: 5 }),
		'has a place without a time': seen({ position: { currentEpisode: 1, duration: 1 } }),
		'has a place in episode 0': seen({ position: at(0, 1) }),
		'has a place before the beginning': seen({ position: at(1, -0.1) }),
		'has a place at the end of time': seen({ position: at(1, 10000000.5) }),
		'has a place that is a number': seen({ position: 5 }),
		'has a place that is a list': seen({ position: [1, 2, 3] }),
		'has a place with a field more': seen({ position: { ...at(1, 2), speed: 2 } }),
		'has a place with a text': seen({ position: at(1, '2') }),
		'was opened in a language that nobody has': seen({ opened: { currentEpisode: 1, episodeTitle: '', episodeId: '', dub: 'maybe', server: '' } }),
		'was opened without an episode': seen({ opened: { dub: 'no' } }, { event: 'open' }),
		'was opened as nothing': seen({ animeTitle: 'T' }, { event: 'open' }),
		'ticks without an episode': tick({}, { position: { currentTime: 5 } }),
		'ticks in one episode and has opened another': tick({}, { position: at(1, 2), opened: { currentEpisode: 2 } }),
		'ticks with a field more': tick({}, { position: { ...at(1, 2), more: 1 } }),
	},
	invalid_event: {
		'has an event that nobody knows': tick({ event: 'play' }),
		'has an empty event': tick({ event: '' }),
		'has a number as event': tick({ event: 1 }),
		'has null as event': tick({ event: null }),
		'has an event in the watchlist': rate('k', 1, { event: 'manual' }),
		'has an event with a delete': remove('progress', 'k', { event: 'stop' }),
		'opens with a place': tick({ event: 'open' }),
		'ticks without a place': tick({}, { opened: { currentEpisode: 1 } }),
	},
	invalid_session: {
		'has a number as session': tick({ session: 5 }),
		'has a session of 65 bytes': tick({ session: long(65) }),
		'has a session with a line end': tick({ session: 'a\nb' }),
		'has a session with a delete': remove('progress', 'k', { session: 's' }),
		'has a session in the watchlist': rate('k', 1, { session: 's' }),
	},
	invalid_time: {
		'says when and how long ago': rate('k', 1, { at: Date.now(), age: 1 }),
		'says when as a text': rate('k', 1, { at: '2026-02-12T00:00:00Z' }),
		'says how long ago as a text': rate('k', 1, { age: '5' }),
		'says null ago': rate('k', 1, { age: null }),
		'has played without an event': seen({ position: at(1, 2) }, { playing: 5 }),
		'has played for less than nothing': tick({ playing: -1 }),
		'has played for ever': tick({ playing: 1e300 }),
		'has played a text': tick({ playing: '5' }),
	},
	invalid_origin: {
		'comes from nowhere': rate('k', 1, { origin: '' }),
		'comes from 15 digits': rate('k', 1, { origin: origin.slice(1) }),
		'comes from no digits': rate('k', 1, { origin: long(16, 'g') }),
		'comes from a number': rate('k', 1, { origin: 1234567890123456 }),
		'comes from null': rate('k', 1, { origin: null }),
	},
	invalid_stamp: {
		'is stamped, but of no origin': rate('k', 1, { stamp: goodStamp }),
		'is stamped by another': rate('k', 1, { stamp: goodStamp, origin: 'fedcba9876543210' }),
		'is stamped too shortly': rate('k', 1, { stamp: goodStamp.slice(1), origin }),
		'is stamped with a number': rate('k', 1, { stamp: 5, origin }),
		'is stamped with nothing': rate('k', 1, { stamp: stampOf(0, long(16, '0')), origin: long(16, '0') }),
		'is stamped and says when': rate('k', 1, { stamp: goodStamp, origin, at: Date.now() }),
		'is stamped and says how long ago': rate('k', 1, { stamp: goodStamp, origin, age: 5 }),
		'is stamped and ticks': tick({ stamp: goodStamp, origin }),
	},
	unknown_collection: {
		'is of an unknown collection': rate('k', 1, { collection: 'films' }),
		'is of a collection in capitals': rate('k', 1, { collection: 'Watchlist' }),
		'is of collection 1': rate('k', 1, { collection: 1 }),
		'is of collection null': clear(null),
	},
	unknown_register: {
		'sets an unknown register': wanted({ mood: 5 }),
		'sets a good and an unknown register': wanted({ rating: 5, mood: 5 }),
		"sets a register of the other collection": wanted({ position: at(1, 2) }),
		'sets a register with an empty name': wanted({ '': 5 }),
		'sets what every object has': wanted({ constructor: 5 }),
	},
};

for (const [code, cases] of Object.entries(BAD))
	describe(`an op is rejected as ${code}, and the ops beside it are taken, when it`, () => {
		for (const [what, op] of Object.entries(cases))
			test(what, async () => {
				const tv = await device();
				const results = await tv.push(rate('before', 1), op, rate('after', 2));
				assert.deepEqual(
					results.map((r) => r.outcome),
					['applied', 'rejected', 'applied'],
				);
				const { n, code: found, message, ...rest } = results[1];
				assert.deepEqual([n, found, rest], [2, code, { outcome: 'rejected' }]);
				assert.ok(message.length > 0 && !message.includes('x'.repeat(20)), 'a text for people, never the value');
				assert.deepEqual((await list(tv)).sort(), ['after', 'before']);
				assert.deepEqual(good(await tv.who.get('/api/continue-watching')), []);
				assert.equal((await exchange(tv.who)).ack, 3, 'its number is taken');
			});
	});

describe('an op is rejected as invalid_n, answered with null, when', () => {
	for (const n of [null, 'x', '5', 0, -1, 1.5, 9007199254740992, 1e300, true, [], {}])
		test(`its number is ${JSON.stringify(n)}`, async () => {
			const tv = await device();
			const ops = [{ n: 1, ...rate('before', 1) }, { ...rate('k', 1), n }, { n: 2, ...rate('after', 1) }];
			const { results, ack } = await exchange(tv.who, { now: Date.now(), ops });
			assert.deepEqual([results[1].n, results[1].outcome, results[1].code], [null, 'rejected', 'invalid_n']);
			assert.deepEqual([(await list(tv)).sort(), ack], [['after', 'before'], 2]);
		});
	for (const op of [null, 5, 'op', true, [], [1], {}])
		test(`it is ${JSON.stringify(op)}`, async () => {
			const tv = await device();
			const { results } = await exchange(tv.who, { ops: [op, { n: 1, ...rate('after', 1) }] });
			assert.deepEqual([results[0].n, results[0].code, results[1].outcome], [null, 'invalid_n', 'applied']);
		});
	test('a thousand of them are, between them nothing is lost', async () => {
		const tv = await device();
		const ops = Array.from({ length: 1000 }, (_, i) => (i % 2 ? { n: i, ...rate(`k${i}`, 1) } : { n: 'x' }));
		const { results } = await exchange(tv.who, { ops });
		assert.equal(results.filter((r) => r.outcome === 'applied').length, 500);
	});
});

describe('an op is rejected as too_many_items', () => {
	test('on a new key above MAX_ITEMS, stubs counted; what is there goes on, and a retry stays rejected', async () => {
		const own = await startDaemon({ env: { MAX_ITEMS: '3' } });
		const tv = await device(own);
		const results = await tv.push(rate('a', 1), rate('b', 1), remove('watchlist', 'c'), rate('d', 1), rate('a', 2), place('d', 1, 2));
		assert.deepEqual(
			results.map((r) => r.code ?? r.outcome),
			['applied', 'applied', 'applied', 'too_many_items', 'applied', 'applied'],
		);
		await tv.act(rate('c', 1));
		for (const op of [rate('e', 1), remove('watchlist', 'e'), rate('e', 1, { origin, stamp: goodStamp })])
			assert.equal((await tv.act(op, 'rejected')).code, 'too_many_items');
		await own.restart({ env: { MAX_ITEMS: '5' } });
		const [again] = (await exchange(tv.who, { now: Date.now(), ops: [{ n: 4, ...rate('d', 1) }] })).results;
		assert.equal(again.code, 'too_many_items', 'under its old number');
		await tv.act(rate('d', 1));
		await own.stop();
	});
});

describe('a push that is malformed as a whole is 422 and writes nothing:', () => {
	const op = { n: 1, ...rate('k', 1) };
	const cases = [
		['ops that are no list', 'ops', { ops: { 0: op } }],
		['ops that are a text', 'ops', { ops: 'all' }],
		['numbers that go backwards', 'ops', { ops: [{ n: 2, ...rate('a', 1) }, op] }],
		['a number twice', 'ops', { ops: [op, op] }],
		['numbers that go backwards behind a bad op', 'ops', { ops: [{ n: 3, ...rate('a', 1) }, { n: 'x' }, { n: 2, ...rate('b', 1) }] }],
		['a clock that is a text', 'now', { now: 'noon', ops: [op] }],
		['a cursor that is a number', 'cursor', { cursor: 5, ops: [op] }],
		['a head that is a list', 'head', { head: [], ops: [op] }],
		['a limit that is a text', 'limit', { limit: 'all', ops: [op] }],
	];
	for (const [what, path, body] of cases)
		test(what, async () => {
			const tv = await device();
			blames(await tv.who.post('/api/sync', body), path);
			assert.deepEqual([await list(tv), (await exchange(tv.who)).ack], [[], 0]);
		});
	for (const count of [1001, 10000])
		test(`${count} ops`, async () => {
			const tv = await device();
			const ops = Array.from({ length: count }, (_, i) => ({ n: i + 1, ...rate(`k${i % 50}`, 1) }));
			const json = refused(await tv.who.post('/api/sync', { ops }), 422, 'Validation failed', 'too_many_ops');
			assert.deepEqual(
				json.errors.map((e) => e.path),
				['ops'],
			);
			assert.deepEqual(await list(tv), []);
		});
	test('but a thousand ops are taken', async () => {
		const tv = await device();
		const results = await tv.push(...Array.from({ length: 1000 }, (_, i) => rate(`k${i}`, 1)));
		assert.equal(results.filter((r) => r.outcome === 'applied').length, 1000);
	});
	test('fields that nobody knows beside the ops are no fault', async () => {
		const tv = await device();
		const { results } = await exchange(tv.who, { ops: [op], mood: 'good', '': [] });
		assert.equal(results[0].outcome, 'applied');
	});
	test('neither are nulls for what may be missing, nor an empty body', async () => {
		const tv = await device();
		assert.equal((await exchange(tv.who, { now: null, head: null, limit: null, ops: null })).results.length, 0);
		const reply = await tv.who.api('POST', '/api/sync', { token: tv.who.token });
		assert.deepEqual(good(reply).results, []);
	});
});

describe('a body that is no JSON object is 400 and writes nothing:', () => {
	const around = (inside) => `{"ops":[{"n":1,"collection":"watchlist","key":"k","set":{"rating":1}},${inside}]}`;
	for (const [what, body] of [
		['half of one', '{"ops":['],
		['a list', '[]'],
		['a number', '5'],
		['one with a comma too many', around('')],
		['a key twice', around('{"n":2,"n":3}')],
		['a number that no double holds', around('{"n":2,"at":1e999}')],
		['NUL in a text', around('{"n":2,"key":"a\\u0000"}')],
		['half a pair', around('{"n":2,"key":"\\ud800"}')],
		['65 levels', around(`{"n":2,"set":${long(63, '[')}${long(63, ']')}}`)],
		['100,000 levels', around(`{"n":2,"set":${long(100000, '[')}${long(100000, ']')}}`)],
		['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
	])
		test(what, async () => {
			const tv = await device();
			refused(await text(tv.who, body), 400);
			assert.deepEqual([await list(tv), (await exchange(tv.who)).ack], [[], 0]);
		});
});

describe('size', () => {
	const MIB = 1024 * 1024;
	test('a body over 4 MiB is 413 and writes nothing', async () => {
		const tv = await device();
		const body = JSON.stringify({ ops: [{ n: 1, ...rate('k', 1) }], pad: long(4 * MIB) });
		const reply = await text(tv.who, body).catch((error) => error);
		// A client that is still sending when the connection closes may see no answer.
		if (reply instanceof Error) assert.match(reply.code ?? reply.message, /ECONNRESET|EPIPE|socket hang up/);
		else refused(reply, 413);
		assert.deepEqual([await list(tv), (await exchange(tv.who)).ack], [[], 0]);
	});
	test('a body just below it is taken', async () => {
		const tv = await device();
		const body = JSON.stringify({ ops: [{ n: 1, ...rate('k', 1) }], pad: long(4 * MIB - 200) });
		assert.ok(body.length < 4 * MIB);
		assert.equal(good(await text(tv.who, body)).results[0].outcome, 'applied');
	});
	test('an op with a text of 3 MiB is rejected like any bad op, and keeps its receipt', async () => {
		const tv = await device();
		const ops = tv.number([rate('before', 1), wanted({ notes: long(3 * MIB) }), rate('after', 1)]);
		const { results } = await exchange(tv.who, { ops });
		assert.deepEqual(
			results.map((r) => r.code ?? r.outcome),
			['applied', 'invalid_value', 'applied'],
		);
		assert.deepEqual((await exchange(tv.who, { ops })).results, results);
		ops[1].set.notes = `y${ops[1].set.notes.slice(1)}`;
		refused(await tv.who.post('/api/sync', { ops }), 409, undefined, 'device_forked');
	});
	test('a thousand ops as large as they may be fit, and come back whole', async () => {
		const tv = await device();
		const set = { animeTitle: long(300, '"'), animeImage: long(2048, '\u0001'), notes: long(500, '\\') };
		for (const part of [0, 1, 2])
			await tv.push(...Array.from({ length: 200 }, (_, i) => ({ collection: 'watchlist', key: `${part}-${i}`, set })));
		const { items } = await pullAll(tv.who, { limit: 1000 });
		assert.equal(items.size, 600);
		for (const { registers } of items.values()) assert.equal(registers.animeImage.value, set.animeImage);
	});
});

describe('odd, but good:', () => {
	for (const key of ['__proto__', 'constructor', '..', 'a/b', '%00', ' ', '\u202e', '🎬'.repeat(50), long(200), '\u00a0', "';--"])
		test(`the key ${JSON.stringify(key).slice(0, 30)}`, async () => {
			const tv = await device();
			await tv.push(rate(key, 7), rate('other', 1));
			const { items } = await pullAll(tv.who);
			assert.equal(items.get(`watchlist/${key}`).registers.rating.value, 7);
			assert.equal(items.size, 2);
			await tv.act(remove('watchlist', key));
			assert.deepEqual(await list(tv), ['other']);
		});
	test('a stamp of the year 9999, or of the end of all stamps, wins nothing against what comes after', async () => {
		const tv = await device();
		const begin = Date.now();
		for (const ms of [253402300799000, 0xffffffffffff]) {
			const { stamp } = await tv.act(rate('k', 3, { origin, stamp: stampOf(ms, origin, 0xffff) }));
			assert.ok(msOf(stamp) <= Date.now() + 1 && msOf(stamp) >= begin - 600000);
			assert.equal(deviceOf(stamp), origin);
		}
		await tv.act(rate('k', 4));
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.equal(item.rating, 4);
	});
	test('a stamp of 1970 is kept as it is, and loses', async () => {
		const tv = await device();
		await tv.act(rate('k', 4));
		const lost = await tv.act(rate('k', 3, { origin, stamp: stampOf(0, origin) }), 'superseded');
		assert.equal(lost.stamp, stampOf(0, origin));
		assert.equal(lost.winner.device.length > 0, true);
	});
	test('digits of origin and stamp in capitals are the same device', async () => {
		const tv = await device();
		const { stamp } = await tv.act(rate('k', 4, { origin: 'ABCDEF0123456789' }));
		assert.equal(deviceOf(stamp), 'abcdef0123456789');
	});
});

test('when too much waits, a push is 503 with Retry-After and nothing of it is written; sent again, it is taken once', async () => {
	const own = await startDaemon();
	const tv = await device(own);
	const devices = await Promise.all(Array.from({ length: 6 }, async () => new Device(await person(own))));
	// Of each device the same numbers with other contents, so that at most one of its pushes can be taken.
	const pushes = devices.flatMap((d) =>
		Array.from({ length: 30 }, (_, i) => {
			const origin = i.toString(16).padStart(16, '0');
			const ops = Array.from({ length: 1000 }, (_, j) => ({ n: j + 1, ...rate(`k${j % 7}`, 1 + (j % 10)), origin }));
			return { d, body: JSON.stringify({ ops }) };
		}),
	);
	const replies = await Promise.all(pushes.map(({ d, body }) => text(d.who, body)));
	const busy = replies.filter((r) => r.status === 503);
	assert.ok(busy.length > 0, 'some had to wait');
	for (const reply of busy) {
		refused(reply, 503, undefined, 'busy');
		assert.match(reply.headers.get('retry-after'), /^[1-9]\d*$/);
	}
	for (const reply of replies) assert.ok([200, 409, 503].includes(reply.status), reply.text);
	for (const d of devices) {
		const mine = pushes.map((push, i) => ({ ...push, status: replies[i].status })).filter((push) => push.d === d);
		const taken = mine.filter(({ status }) => status === 200);
		assert.ok(taken.length <= 1, 'of pushes with the same numbers one is taken');
		assert.equal((await exchange(d.who)).ack, taken.length ? 1000 : 0);
		const { body } = taken[0] ?? mine[0];
		for (const { outcome } of good(await text(d.who, body)).results) assert.notEqual(outcome, 'rejected');
		assert.equal((await exchange(d.who)).ack, 1000);
		assert.equal(good(await d.who.get('/api/history/watchlist/k0')).filter((r) => r.current).length, 1);
	}
	await tv.act(rate('k', 1));
	await own.stop();
});

test('whatever else comes, the program answers, and the next good push is taken', async () => {
	const tv = await device();
	let seed = 5;
	const roll = (most) => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return Math.floor((seed / 2147483648) * most);
	};
	const base = JSON.stringify({ now: Date.now(), cursor: null, ops: [{ n: 1, ...rate('a', 1) }, { n: 2, ...tick({ session: 's', age: 5 }) }, { n: 3, ...clear('progress') }] });
	const junk = ['"', '{', '}', '[', ']', ',', ':', '0', '-1', '1e9', 'null', 'true', '\\', 'n', '""', '{}', '[]', '\u0007', 'é'];
	for (let round = 0; round < 300; round++) {
		let body = base;
		for (let i = 0; i <= roll(4); i++) {
			const place = roll(body.length);
			body = body.slice(0, place) + junk[roll(junk.length)] + body.slice(place + roll(4));
		}
		const who = round % 10 ? tv.who : (await device()).who;
		const reply = await text(who, body);
		assert.ok([200, 400, 409, 422].includes(reply.status), `${reply.status} to ${body}`);
	}
	const fresh = await device();
	good(await fresh.who.post('/api/watchlist', listed('a')), 201);
	await fresh.act(rate('a', 1));
	assert.ok(daemon.running);
});
