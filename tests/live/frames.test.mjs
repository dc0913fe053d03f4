// Every row of the frame table (sync-protocol.md section 7): hello, welcome, progress, ack, sync, synced, items, error, bye.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, listed, person, watched } from '../api/support.mjs';
import { Live, Replica, follow, frameFits, pulled, seen, tickOf } from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});
after(() => daemon.stop());

const seq = (cursor) => Number(cursor.split(':')[1]);

describe('hello', () => {
	test('is answered by welcome, which says where the stream begins and who is there', async () => {
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('a')), 201);
		const live = await follow(daemon, who);
		const { welcome } = live;
		assert.equal(welcome.device, who.deviceId);
		assert.equal(welcome.heartbeat, 45);
		assert.equal(welcome.offer, false);
		assert.equal(welcome.cursor, welcome.head, 'without a cursor: only what comes from now on');
		assert.ok(Math.abs(welcome.now - Date.now()) < 60000);
		const { data } = (await who.post('/api/sync', {})).json;
		assert.equal(welcome.server, data.server);
		assert.equal(welcome.head, data.head);
		await live.close();
	});
	test('with a cursor of null brings everything, stubs too, after welcome', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 3; i++) good(await who.post('/api/watchlist', listed(`k${i}`)), 201);
		good(await who.post('/api/continue-watching', watched('gone', 1, 5, 10)));
		assert.equal((await who.del('/api/continue-watching/gone')).status, 200);
		const live = await follow(daemon, who, { cursor: null });
		assert.equal(seq(live.welcome.cursor), 0);
		const items = await live.next();
		assert.equal(items.type, 'items');
		assert.deepEqual(items.items.map((item) => item.key).sort(), ['gone', 'k0', 'k1', 'k2']);
		assert.equal(items.items.find((item) => item.key === 'gone').deleted, true);
		assert.equal(items.cursor, live.welcome.head);
		await live.close();
	});
	test('with a cursor brings what changed since, and nothing when nothing did', async () => {
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('a')), 201);
		const { cursor } = (await who.post('/api/sync', {})).json.data;
		const still = await follow(daemon, who, { cursor, head: cursor });
		good(await who.post('/api/watchlist', listed('b')), 201);
		assert.deepEqual((await still.next()).items.map((item) => item.key), ['b'], 'the first frame is the change');
		const late = await follow(daemon, who, { cursor });
		assert.equal(late.welcome.cursor, cursor);
		assert.deepEqual((await late.next()).items.map((item) => item.key), ['b']);
		await Promise.all([still.close(), late.close()]);
	});
	test('may be followed by frames at once, which are answered after welcome', async () => {
		const who = await person(daemon);
		const live = new Live(daemon);
		await live.opened;
		live.send({ type: 'hello', token: who.token });
		for (let id = 0; id < 5; id++) live.send({ type: 'progress', id, ...tickOf('a', 1, id + 1) });
		assert.equal((await live.next()).type, 'welcome');
		for (let id = 0; id < 5; id++) {
			const ack = await live.next();
			assert.deepEqual([ack.type, ack.id], ['ack', id]);
		}
		await live.close();
	});
	test('with a wrong token is answered by bye, and 4401', async () => {
		const who = await person(daemon);
		for (const token of ['', 'x', `${who.token}x`, who.refreshToken, 'x'.repeat(5000)]) {
			const live = new Live(daemon);
			await live.opened;
			live.send({ type: 'hello', token });
			assert.equal((await live.next('bye')).code, 'not_authorized', token.slice(0, 40));
			assert.equal(await live.code(), 4401);
		}
	});
	test('that is malformed is refused, and may be said again', async () => {
		const who = await person(daemon);
		const live = new Live(daemon);
		await live.opened;
		for (const [path, more] of [
			['token', { token: 7 }],
			['cursor', { token: who.token, cursor: 'x' }],
			['cursor', { token: who.token, cursor: 12 }],
			['head', { token: who.token, head: '00000000:-1' }],
		]) {
			live.send({ type: 'hello', ...more });
			const error = await live.next();
			assert.equal(error.code, 'validation_failed', path);
			assert.deepEqual(error.errors.map((entry) => entry.path), [path]);
		}
		await live.hello({ token: who.token });
		await live.close();
	});
	test('comes first: other frames before it are refused', async () => {
		const who = await person(daemon);
		const live = new Live(daemon);
		await live.opened;
		live.send({ type: 'progress', id: 3, ...tickOf('a', 1, 1) });
		live.send({ type: 'sync', id: 4 });
		for (const id of [3, 4]) {
			const error = await live.next();
			assert.deepEqual([error.type, error.id, error.code], ['error', id, 'hello_first']);
		}
		await live.hello({ token: who.token });
		assert.equal((await who.get('/api/continue-watching')).json.count, 0, 'nothing was written');
		await live.close();
	});
	test('of an epoch that nobody knows is an offer, starts from zero, and is known afterwards', async () => {
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('a')), 201);
		const before = (await who.post('/api/sync', {})).json.data.head;
		const live = await follow(daemon, who, { cursor: 'abcdef01:5', head: 'abcdef01:7' });
		assert.equal(live.welcome.offer, true);
		assert.equal(seq(live.welcome.cursor), 0);
		assert.notEqual(live.welcome.head.slice(0, 8), before.slice(0, 8), 'a new epoch has begun');
		assert.deepEqual((await live.next()).items.map((item) => item.key), ['a']);
		const again = await follow(daemon, who, { cursor: 'abcdef01:5' });
		assert.equal(again.welcome.offer, true);
		assert.equal(again.welcome.head.slice(0, 8), live.welcome.head.slice(0, 8), 'but no further one');
		const beyond = await follow(daemon, who, { head: `${live.welcome.head.slice(0, 8)}:999999` });
		assert.equal(beyond.welcome.offer, true, 'a head beyond the end proves a loss without any cursor');
		await Promise.all([live.close(), again.close(), beyond.close()]);
	});
});

describe('progress', () => {
	test('is acknowledged with outcome, stamp and head, and is what REST shows', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const fields = tickOf('a', 3, 12.5, { event: 'heartbeat', session: 's', episodeTitle: 'Three', dub: 'yes', server: 'hd-1' });
		const ack = await live.tick(0, fields);
		assert.deepEqual([ack.type, ack.outcome], ['ack', 'applied']);
		assert.equal(ack.stamp.slice(17), who.deviceId);
		assert.equal(ack.head, (await who.post('/api/sync', {})).json.data.head);
		const shown = good(await who.get('/api/continue-watching/a'));
		assert.deepEqual([shown.currentEpisode, shown.currentTime, shown.duration], [3, 12.5, 1440]);
		assert.deepEqual([shown.episodeTitle, shown.dub, shown.server], ['Three', 'yes', 'hd-1']);
		await live.close();
	});
	test('of a paused player is a candidate, with rule, winner and the registers that hold', async () => {
		const who = await person(daemon);
		const [phone, tv] = [await follow(daemon, who), await follow(daemon, who)];
		const tick = (at, session) => tickOf('a', 1, at, { event: 'heartbeat', session });
		await phone.tick(1, tick(100, 'phone'));
		await tv.tick(1, tick(500, 'tv'));
		const ack = await phone.tick(2, tick(100.2, 'phone'));
		assert.deepEqual([ack.outcome, ack.rule], ['candidate', 'paused_player']);
		assert.equal(ack.winner.device, who.deviceId);
		assert.equal(ack.registers.position.value.currentTime, 500);
		assert.equal(good(await who.get('/api/continue-watching/a')).currentTime, 500);
		await Promise.all([phone.close(), tv.close()]);
	});
	test('with an age is stamped when it happened, and may lose', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const now = await live.tick(1, tickOf('a', 1, 100));
		const old = await live.tick(2, tickOf('a', 1, 50, { event: 'manual', age: 60000 }));
		assert.deepEqual([old.outcome, old.rule], ['superseded', 'later_stamp']);
		assert.equal(old.winner.stamp, now.stamp);
		assert.ok(old.stamp < now.stamp);
		await live.close();
	});
	test('is read as POST /api/continue-watching is: the same faults, each by its field', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const bad = [
			{},
			{ animeId: 'a' },
			tickOf('', 1, 1),
			tickOf('a', 0, 1),
			tickOf('a', 1, -1),
			tickOf('a', 1, 1, { duration: 'x' }),
			tickOf('a', 1, 1, { event: 'jump' }),
			tickOf('a', 1, 1, { session: 'x'.repeat(65) }),
			tickOf('a', 1, 1, { dub: 'maybe', episodeTitle: 7, age: -1, playing: 'x' }),
			tickOf('x'.repeat(201), 1, 1),
		];
		for (const [id, fields] of bad.entries()) {
			const reply = await who.post('/api/continue-watching', fields);
			assert.equal(reply.status, 422);
			live.send({ type: 'progress', id, ...fields });
			const error = await live.answer(id);
			assert.deepEqual([error.type, error.code, error.message], ['error', 'validation_failed', 'Validation failed']);
			assert.deepEqual(error.errors, reply.json.errors, JSON.stringify(fields));
		}
		assert.equal((await live.tick(99, tickOf('a', 1, 1))).outcome, 'applied', 'the connection stays');
		await live.close();
	});
	test('over MAX_ITEMS is refused', async () => {
		const small = await startDaemon({ env: { MAX_ITEMS: '2' } });
		const who = await person(small);
		const live = await follow(small, who);
		for (let id = 0; id < 2; id++) assert.equal((await live.tick(id, tickOf(`k${id}`, 1, 1))).type, 'ack');
		const error = await live.tick(2, tickOf('k2', 1, 1));
		assert.deepEqual([error.type, error.code], ['error', 'too_many_items']);
		assert.equal((await live.tick(3, tickOf('k1', 1, 2))).type, 'ack');
		await small.stop();
	});
});

describe('sync', () => {
	test('is the exchange of POST /api/sync', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const body = {
			now: Date.now(),
			cursor: null,
			ops: [
				{ n: 1, collection: 'watchlist', key: 'a', set: { status: 'completed', rating: 10 } },
				{ n: 2, collection: 'watchlist', key: 'b', set: { status: 'nonsense' } },
				{ n: 3, collection: 'progress', key: 'a', event: 'heartbeat', session: 's', age: 10,
					set: { position: { currentEpisode: 1, currentTime: 5, duration: 9 } } },
			],
		};
		const synced = await live.sync(5, body);
		assert.equal(synced.type, 'synced');
		assert.deepEqual(synced.results.map((r) => [r.n, r.outcome]), [[1, 'applied'], [2, 'rejected'], [3, 'applied']]);
		assert.equal(synced.ack, 3);
		const again = await live.sync(6, body);
		assert.deepEqual(again.results.map((r) => [r.n, r.stamp]), synced.results.map((r) => [r.n, r.stamp]));
		const { data } = (await who.post('/api/sync', body)).json;
		const { type, id, ...fields } = again;
		assert.deepEqual({ ...fields, now: 0 }, { ...data, now: 0 }, 'the same answer as over REST');
		await live.close();
	});
	test('pages, and says more', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 7; i++) good(await who.post('/api/watchlist', listed(`k${i}`)), 201);
		const live = await follow(daemon, who);
		const replica = new Replica();
		let rounds = 0;
		for (let cursor = null, more = true; more; rounds++) {
			const page = await live.sync(rounds, { cursor, limit: 3, ops: [] });
			replica.apply(page);
			({ cursor, more } = page);
		}
		assert.equal(rounds, 3);
		assert.deepEqual(replica.held(), (await pulled(who)).held());
		await live.close();
	});
	test('malformed as a whole is refused: fields, numbers, too many ops, a forked device', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const op = (n, rating = 5) => ({ n, collection: 'watchlist', key: 'a', set: { rating } });
		const wrong = async (id, body, code) => {
			live.send({ type: 'sync', id, ...body });
			const error = await live.answer(id);
			assert.deepEqual([error.type, error.code], ['error', code]);
			return error;
		};
		await wrong(1, { cursor: 'x' }, 'validation_failed');
		await wrong(2, { ops: {} }, 'validation_failed');
		await wrong(3, { ops: [op(2), op(1)] }, 'validation_failed');
		await wrong(4, { ops: Array.from({ length: 101 }, (_, i) => op(i + 1)) }, 'too_many_ops');
		assert.equal((await live.sync(5, { ops: [op(1)] })).results[0].outcome, 'applied');
		await wrong(6, { ops: [op(1, 6)] }, 'device_forked');
		assert.equal((await live.sync(7, { ops: [op(2)] })).type, 'synced', 'the connection stays');
		await live.close();
	});
	test('of a hundred large ops, close to 256 KiB, is taken', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const ops = Array.from({ length: 100 }, (_, i) => ({
			n: i + 1, collection: 'watchlist', key: `k${i}`,
			set: { notes: 'n'.repeat(400), animeImage: `https://a.example/${'x'.repeat(2000)}` },
		}));
		const synced = await live.sync(1, { ops });
		assert.equal(synced.results.length, 100);
		assert.ok(synced.results.every((r) => r.outcome === 'applied'));
		assert.equal((await live.tick(2, tickOf('a', 1, 1))).outcome, 'applied', 'what follows a large frame');
		await live.close();
	});
});

describe('a frame that is not good', () => {
	test('is refused by itself: what is no JSON without id, unknown types and ids with what can be read', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		for (const text of ['', '{', 'null', '[]', '7', '"x"', '{"a":1,"a":2}', '{"type":"progress","id":1}}', '\u0000', '['.repeat(100),
			`{"type":"progress","id":1,"x":"${'y'.repeat(70000)}"`]) {
			live.send(text);
			const error = await live.next();
			assert.deepEqual([error.type, error.code, error.id], ['error', 'invalid_json', undefined], text.slice(0, 40));
		}
		for (const [frame, code, id] of [
			[{}, 'unknown_type'],
			[{ type: 'nonsense', id: 4 }, 'unknown_type', 4],
			[{ type: 7, id: 5 }, 'unknown_type', 5],
			[{ type: 'welcome', id: 6 }, 'unknown_type', 6],
			[{ type: 'progress' }, 'invalid_id'],
			[{ type: 'progress', id: -1 }, 'invalid_id'],
			[{ type: 'progress', id: 1.5 }, 'invalid_id'],
			[{ type: 'sync', id: '7' }, 'invalid_id'],
			[{ type: 'sync', id: 2 ** 53 }, 'invalid_id'],
		]) {
			live.send(frame);
			const error = await live.next();
			assert.deepEqual([error.type, error.code, error.id], ['error', code, id], JSON.stringify(frame));
		}
		assert.equal((await live.tick(7, tickOf('a', 1, 1))).outcome, 'applied', 'the connection stays');
		await live.close();
	});
});

test('the schema tells good frames from bad ones', () => {
	assert.ok(frameFits('client', { type: 'hello', token: 'x', cursor: null }));
	assert.ok(!frameFits('client', { type: 'hello', cursor: 'x' }));
	assert.ok(!frameFits('client', { type: 'progress', id: 1 }));
	assert.ok(!frameFits('server', { type: 'ack', id: 1 }));
	assert.ok(!frameFits('server', { type: 'bye', code: 'nonsense', message: 'x' }));
	assert.ok(!frameFits('server', { type: 'error', code: 'busy', message: 'x', more: 1 }));
});

test('every kind of frame that the server sends was seen above', () => {
	assert.deepEqual([...seen].sort(), ['ack', 'bye', 'error', 'items', 'synced', 'welcome']);
});
