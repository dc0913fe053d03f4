// The journal as people see it: sync-protocol.md section 5.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import {
	DEVICE,
	ISO,
	PROGRESS_FIELDS,
	WATCHLIST_FIELDS,
	blames,
	fields,
	good,
	listed,
	person,
	refused,
	says,
	session,
	watched,
} from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const STAMP = /^[0-9a-f]{16}-[0-9a-f]{16}$/;
const history = async (who, key, collection = 'progress') =>
	good(await who.get(`/api/history/${collection}/${encodeURIComponent(key)}`));
const restore = (who, key, seq, collection = 'progress') =>
	who.post(`/api/history/${collection}/${encodeURIComponent(key)}/restore`, { seq });
const post = async (who, body) => good(await who.post('/api/continue-watching', body));

describe('a row', () => {
	test('has exactly the promised fields', async () => {
		const who = await person(daemon, { deviceName: 'Kitchen' });
		await post(who, watched('x', 5, 900, 1440, { session: 'c1f0', episodeTitle: 'Five' }));
		const [row] = await history(who, 'x');
		fields(row, ['at', 'current', 'device', 'event', 'outcome', 'received', 'registers', 'rule', 'seq', 'session', 'stamp']);
		assert.ok(Number.isInteger(row.seq) && row.seq > 0);
		assert.match(row.at, ISO);
		assert.match(row.received, ISO);
		assert.match(row.stamp, STAMP);
		assert.equal(row.stamp.slice(17), who.deviceId);
		assert.equal(parseInt(row.stamp.slice(0, 12), 16), Date.parse(row.at), 'the stamp is the time of the act');
		assert.match(row.device.id, DEVICE);
		assert.deepEqual(row.device, { id: who.deviceId, name: 'Kitchen' });
		assert.deepEqual(
			[row.event, row.session, row.outcome, row.rule, row.current],
			['manual', 'c1f0', 'applied', 'newest', true],
		);
		assert.deepEqual(row.registers.position, { currentEpisode: 5, currentTime: 900, duration: 1440 });
		assert.deepEqual(row.registers.opened, { currentEpisode: 5, episodeTitle: 'Five', episodeId: '', dub: 'no', server: '' });
	});
	test('tells when it happened apart from when it was heard of', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440, { age: 3600000 }));
		const [row] = await history(who, 'x');
		const late = Date.parse(row.received) - Date.parse(row.at);
		assert.ok(late >= 3599000 && late <= 3601000, `${late} ms`);
	});
	test('of an opening carries opened and no position', async () => {
		const who = await person(daemon);
		await post(who, { ...listed('x'), currentEpisode: 3, episodeId: 'ep=3' });
		const [row] = await history(who, 'x');
		assert.equal(row.event, 'open');
		assert.equal(row.registers.position, undefined);
		assert.equal(row.registers.opened.episodeId, 'ep=3');
	});
	test('of a delete says so and has no registers', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		says(await who.del('/api/continue-watching/x'), 'Progress deleted successfully');
		const rows = await history(who, 'x');
		fields(rows[0], ['at', 'current', 'delete', 'device', 'event', 'outcome', 'received', 'rule', 'seq', 'session', 'stamp']);
		assert.equal(rows[0].delete, true);
		assert.equal(rows[0].outcome, 'applied');
		assert.equal(rows[1].registers.position.currentTime, 900, 'a delete can be undone: the row before keeps its values');
		assert.equal(rows[1].current, true, 'the title survives a delete, and this row gave it');
	});
	test('that lost to a delete says deleted_later', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		says(await who.del('/api/continue-watching/x'), 'Progress deleted successfully');
		assert.equal(await post(who, watched('x', 5, 950, 1440, { age: 600000 })), null);
		const lost = (await history(who, 'x')).find((r) => r.outcome === 'superseded');
		assert.equal(lost.rule, 'deleted_later');
		assert.equal(lost.current, false);
	});
	test('of the watchlist carries what was set', async () => {
		const who = await person(daemon);
		const item = good(await who.post('/api/watchlist', listed('x', { rating: 9, totalEpisodes: 25 })), 201);
		good(await who.put(`/api/watchlist/${item._id}`, { status: 'completed', rating: null }));
		const [put, add] = await history(who, 'x', 'watchlist');
		assert.deepEqual(put.registers, { status: 'completed', rating: null });
		assert.deepEqual(add.registers, {
			animeTitle: 'Title of x',
			animeImage: '',
			totalEpisodes: 25,
			episodesWatched: 0,
			status: 'plan_to_watch',
			rating: 9,
			notes: '',
		});
		assert.equal(put.current, true);
		assert.equal(add.current, true, 'its notes still hold');
	});
	test('names the device that did it, with the name it has now', async () => {
		const who = await person(daemon, { deviceName: 'Kitchen' });
		const phone = await session(daemon, who, { deviceName: 'Phone' });
		await post(who, watched('x', 1, 5, 10));
		await post(phone, watched('x', 2, 5, 10));
		await session(daemon, who, { deviceId: phone.deviceId, deviceName: 'New phone' });
		assert.deepEqual(
			(await history(who, 'x')).map((r) => r.device.name),
			['New phone', 'Kitchen'],
		);
	});
	test('of a revoked device still names the device', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who, { deviceName: 'Phone' });
		await post(phone, watched('x', 2, 5, 10));
		assert.equal((await who.del(`/api/devices/${phone.deviceId}`)).status, 200);
		const [row] = await history(who, 'x');
		assert.equal(row.device.id, phone.deviceId);
		assert.equal(typeof row.device.name, 'string');
	});
});

describe('the list', () => {
	test('has the newest first, winners included, and current on what holds', async () => {
		const who = await person(daemon);
		for (const episode of [1, 2, 3]) await post(who, watched('x', episode, 100, 1440));
		const rows = await history(who, 'x');
		assert.deepEqual(
			rows.map((r) => r.registers.position.currentEpisode),
			[3, 2, 1],
		);
		assert.deepEqual(
			rows.map((r) => r.current),
			[true, false, true],
			'the oldest row still gives the title',
		);
		const seqs = rows.map((r) => r.seq);
		assert.deepEqual(
			seqs,
			[...seqs].sort((a, b) => b - a),
		);
		assert.equal(new Set(seqs).size, 3);
	});
	test('of an unknown item is empty, in both collections', async () => {
		const who = await person(daemon);
		for (const collection of ['progress', 'watchlist'])
			for (const key of ['x', 'a/b', 'a'.repeat(500)])
				assert.deepEqual((await who.get(`/api/history/${collection}/${key}`)).json, { success: true, data: [] });
	});
	test('of an unknown collection is 404', async () => {
		const who = await person(daemon);
		for (const collection of ['accounts', 'Progress2', '%20', 'items'])
			refused(await who.get(`/api/history/${collection}/x`), 404);
		refused(await who.post('/api/history/accounts/x/restore', { seq: 1 }), 404);
	});
	test('keeps both collections of one key apart', async () => {
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('x')), 201);
		await post(who, watched('x', 1, 5, 10));
		assert.equal((await history(who, 'x', 'watchlist')).length, 1);
		assert.equal((await history(who, 'x', 'progress')).length, 1);
	});
	test('finds keys with slashes, pluses and the word restore', async () => {
		const who = await person(daemon);
		for (const key of ['a/b', 'a b', 'a+b', 'x/restore', 'restore', '100%']) {
			await post(who, watched(key, 1, 5, 10));
			assert.equal((await history(who, key)).length, 1, key);
		}
	});
	test("is nobody else's", async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		await post(a, watched('x', 1, 5, 10));
		assert.deepEqual(await history(b, 'x'), []);
	});
});

describe('ticks coalesce', () => {
	const tick = (time, age, more = {}) => watched('x', 5, time, 1440, { event: 'heartbeat', session: 's', age, ...more });
	test('a session that ticks forward is one or two rows, whose seq stays while it grows', async () => {
		const who = await person(daemon);
		await post(who, tick(0, 600000));
		await post(who, tick(1, 599000));
		const before = await history(who, 'x');
		for (let i = 2; i < 40; i++) await post(who, tick(i, 600000 - i * 1000));
		const rows = await history(who, 'x');
		assert.ok(rows.length <= 2, `${rows.length} rows`);
		assert.equal(rows[0].registers.position.currentTime, 39);
		assert.deepEqual(
			rows.map((r) => r.seq),
			before.map((r) => r.seq),
		);
		assert.equal(rows[0].current, true);
	});
	const breaks = {
		'a pause': { event: 'pause' },
		'a seek': { event: 'seek' },
		'another session': { session: 't' },
		'another episode': { currentEpisode: 6 },
		'going back': { currentTime: 1 },
		'another source': { server: 'hd-2' },
	};
	for (const [name, more] of Object.entries(breaks))
		test(`${name} starts a new row, and the place that was left stays readable`, async () => {
			const who = await person(daemon);
			for (let i = 0; i < 5; i++) await post(who, tick(100 + i, 600000 - i * 1000));
			const before = (await history(who, 'x')).length;
			await post(who, tick(105, 500000, more));
			const rows = await history(who, 'x');
			assert.equal(rows.length, before + 1);
			assert.ok(rows.some((r) => r.registers.position.currentTime === 104));
		});
	test('another device starts a new row', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who);
		for (let i = 0; i < 5; i++) await post(who, tick(100 + i, 600000 - i * 1000));
		await post(phone, tick(105, 500000));
		const rows = await history(who, 'x');
		assert.deepEqual(
			rows.slice(0, 2).map((r) => r.registers.position.currentTime),
			[105, 104],
		);
		assert.deepEqual(
			rows.slice(0, 2).map((r) => r.device.id),
			[phone.deviceId, who.deviceId],
		);
	});
	test('an hour of playback costs a handful of rows', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 360; i++)
			await post(
				who,
				watched('x', 1 + Math.floor(i / 120), (i % 120) * 10, 1440, {
					event: 'heartbeat',
					session: 's',
					age: 3600000 - i * 10000,
				}),
			);
		assert.ok((await history(who, 'x')).length <= 6);
	});
});

describe('restore', () => {
	test('writes the values again as a new row and answers the whole item', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440, { episodeTitle: 'Five' }));
		await post(who, watched('x', 6, 10, 1300, { episodeTitle: 'Six' }));
		const old = (await history(who, 'x'))[1];
		const data = good(await restore(who, 'x', old.seq));
		fields(data, PROGRESS_FIELDS);
		assert.deepEqual([data.currentEpisode, data.currentTime, data.duration, data.episodeTitle], [5, 900, 1440, 'Five']);
		assert.deepEqual(good(await who.get('/api/continue-watching/x')), data);
		const rows = await history(who, 'x');
		assert.equal(rows.length, 3);
		assert.ok(rows[0].seq > rows[1].seq);
		assert.deepEqual(rows[0].registers.position, old.registers.position);
		assert.deepEqual(
			rows.map((r) => r.current),
			[true, false, false],
		);
	});
	test('can itself be undone', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		await post(who, watched('x', 6, 10, 1300));
		const [six, five] = await history(who, 'x');
		assert.equal(good(await restore(who, 'x', five.seq)).currentEpisode, 5);
		assert.equal(good(await restore(who, 'x', six.seq)).currentEpisode, 6);
	});
	test('of the watchlist brings back what that row set, and only that', async () => {
		const who = await person(daemon);
		const item = good(await who.post('/api/watchlist', listed('x', { rating: 9, notes: 'first' })), 201);
		good(await who.put(`/api/watchlist/${item._id}`, { rating: 3 }));
		good(await who.put(`/api/watchlist/${item._id}`, { rating: 4, notes: 'second' }));
		const rows = await history(who, 'x', 'watchlist');
		const data = good(await restore(who, 'x', rows[1].seq, 'watchlist'));
		fields(data, WATCHLIST_FIELDS);
		assert.deepEqual([data.rating, data.notes], [3, 'second']);
	});
	test('undoes a delete: the item is back with its values and its _id', async () => {
		const who = await person(daemon);
		const item = good(
			await who.post('/api/watchlist', listed('x', { rating: 9, notes: 'mine', status: 'watching', episodesWatched: 3 })),
			201,
		);
		says(await who.del(`/api/watchlist/${item._id}`), 'Removed from watchlist');
		const rows = await history(who, 'x', 'watchlist');
		assert.equal(rows[0].delete, true);
		const data = good(await restore(who, 'x', rows[1].seq, 'watchlist'));
		assert.deepEqual({ ...data, createdAt: '', updatedAt: '' }, { ...item, createdAt: '', updatedAt: '' });
		assert.deepEqual(good(await who.get('/api/watchlist')), [data]);
		assert.equal(good(await who.get('/api/watchlist/stats')).averageRating, '9');
		const place = await post(who, watched('y', 5, 900, 1440));
		says(await who.del('/api/continue-watching/y'), 'Progress deleted successfully');
		const back = good(await restore(who, 'y', (await history(who, 'y'))[1].seq));
		assert.deepEqual([back._id, back.currentEpisode, back.currentTime], [place._id, 5, 900]);
	});
	test("of an unknown row, a delete, another title's or another collection's row is 404 and changes nothing", async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		await post(who, watched('y', 5, 900, 1440));
		says(await who.del('/api/continue-watching/y'), 'Progress deleted successfully');
		const [x] = await history(who, 'x');
		const [gone] = await history(who, 'y');
		for (const [key, seq, collection] of [
			['x', 999999],
			['x', 9007199254740991],
			['y', gone.seq],
			['y', x.seq],
			['x', x.seq, 'watchlist'],
			['never', x.seq],
		])
			refused(await restore(who, key, seq, collection), 404);
		assert.deepEqual(await history(who, 'x'), [x]);
	});
	test("of somebody else's row is 404", async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		await post(a, watched('x', 5, 900, 1440));
		refused(await restore(b, 'x', (await history(a, 'x'))[0].seq), 404);
		refused(await b.get('/api/continue-watching/x'), 404);
	});
	test('without a number it is 422 for seq', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		for (const seq of [undefined, null, 'x', '', 1.5, 0, -1, true, [], {}]) blames(await restore(who, 'x', seq), 'seq');
		blames(await who.post('/api/history/progress/x/restore'), 'seq');
	});
	test('finds keys with slashes', async () => {
		const who = await person(daemon);
		await post(who, watched('a/b', 5, 900, 1440));
		await post(who, watched('a/b', 6, 1, 1440));
		const rows = await history(who, 'a/b');
		assert.equal(good(await who.post('/api/history/progress/a%2Fb/restore', { seq: rows[1].seq })).currentEpisode, 5);
	});
});

describe('the history is bounded', () => {
	test('with HISTORY_KEEP=5 old places go, the newest and what holds stay', async () => {
		const own = await startDaemon({ env: { HISTORY_KEEP: '5' } });
		const who = await person(own);
		for (let i = 1; i <= 40; i++) await post(who, watched('x', i, i, 1440));
		const rows = await history(who, 'x');
		assert.ok(rows.length >= 5 && rows.length <= 16, `${rows.length} rows`);
		assert.deepEqual(
			rows.slice(0, 5).map((r) => r.registers.position.currentEpisode),
			[40, 39, 38, 37, 36],
		);
		assert.equal(rows[0].current, true);
		await own.stop();
	});
	test('a value set long ago that still holds is never dropped', async () => {
		const own = await startDaemon({ env: { HISTORY_KEEP: '3' } });
		const who = await person(own);
		const item = good(await who.post('/api/watchlist', listed('x', { notes: 'from the beginning' })), 201);
		for (let i = 0; i < 30; i++) good(await who.put(`/api/watchlist/${item._id}`, { episodesWatched: i }));
		const rows = await history(who, 'x', 'watchlist');
		assert.ok(rows.length <= 14, `${rows.length} rows`);
		const first = rows.at(-1);
		assert.equal(first.registers.notes, 'from the beginning');
		assert.equal(first.current, true);
		await own.stop();
	});
});

test('it survives a crash of the program word for word', async () => {
	const own = await startDaemon();
	const who = await person(own);
	for (let i = 0; i < 5; i++)
		await post(who, watched('x', 1, 10 * i, 1440, { event: i % 2 ? 'pause' : 'heartbeat', session: 's' }));
	says(await who.del('/api/continue-watching/x'), 'Progress deleted successfully');
	const before = await history(who, 'x');
	await own.kill();
	await own.restart();
	assert.deepEqual(await history(who, 'x'), before);
	await own.stop();
});
