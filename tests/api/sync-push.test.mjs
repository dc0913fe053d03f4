// Pushing: what becomes of an op, and what its result tells (sync-protocol.md sections 4 and 6).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, hex, listed, person, session, watched } from './support.mjs';
import { Device, MINUTE, at, clear, counterOf, deviceOf, exchange, from, msOf, place, pullAll, rate, remove } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const KEY = 'show';
async function pair() {
	const who = await person(daemon, { deviceName: 'TV' });
	return [new Device(who), new Device(await session(daemon, who, { deviceName: 'Phone' }))];
}
const progress = async (device) => good(await device.who.get(`/api/continue-watching/${KEY}`));
const history = async (device, collection = 'progress') => good(await device.who.get(`/api/history/${collection}/${KEY}`));

describe('a result', () => {
	test('of what won whole has the number, the outcome and the stamp, and nothing else', async () => {
		const [tv] = await pair();
		const results = await tv.push(rate(KEY, 9), place(KEY, 3, 100), remove('progress', 'other'), clear('progress', { age: 1000 }));
		assert.deepEqual(
			results.map(({ stamp, ...rest }) => rest),
			[1, 2, 3, 4].map((n) => ({ n, outcome: 'applied' })),
		);
		for (const { stamp } of results) assert.equal(deviceOf(stamp), tv.id);
	});
	test('of what lost names the rule, the winner with its device, and all registers as they are', async () => {
		const [tv, phone] = await pair();
		const won = await tv.act(place(KEY, 5, 900));
		const lost = await phone.act(place(KEY, 4, 10, { age: MINUTE }), 'superseded');
		assert.deepEqual(lost, {
			n: 1,
			outcome: 'superseded',
			rule: 'later_stamp',
			stamp: lost.stamp,
			winner: { stamp: won.stamp, device: 'TV' },
			registers: { position: { value: at(5, 900), stamp: won.stamp } },
		});
		assert.ok(lost.stamp < won.stamp);
		assert.equal((await progress(tv)).currentTime, 900);
	});
	test('of what won in part tells only the registers that lost', async () => {
		const [tv, phone] = await pair();
		const won = await tv.act(rate(KEY, 9));
		const set = { rating: 2, notes: 'from the phone', status: 'dropped' };
		const merged = await phone.act({ collection: 'watchlist', key: KEY, set, age: MINUTE }, 'merged');
		assert.equal(merged.rule, 'later_stamp');
		assert.deepEqual(merged.winner, { stamp: won.stamp, device: 'TV' });
		assert.deepEqual(merged.registers, { rating: { value: 9, stamp: won.stamp } });
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.deepEqual([item.rating, item.notes, item.status], [9, 'from the phone', 'dropped']);
	});
	test('names the winner by its id when it has no name, and the greatest one of several', async () => {
		const who = await person(daemon);
		const [a, b] = [new Device(who), new Device(await session(daemon, who))];
		await a.act(rate(KEY, 9));
		const newest = await b.act({ collection: 'watchlist', key: KEY, set: { notes: 'n' } });
		const set = { rating: 1, notes: 'old' };
		const { winner } = await a.act({ collection: 'watchlist', key: KEY, set, age: MINUTE }, 'superseded');
		assert.deepEqual(winner, { stamp: newest.stamp, device: b.id });
	});
	test('of an edit older than the delete names the delete, and no register that is void', async () => {
		const [tv, phone] = await pair();
		await tv.act(rate(KEY, 9, { age: 10 * MINUTE }));
		const gone = await tv.act(remove('watchlist', KEY));
		const late = await phone.act(rate(KEY, 3, { age: MINUTE }), 'superseded');
		assert.deepEqual(late, {
			n: 1,
			outcome: 'superseded',
			rule: 'deleted_later',
			stamp: late.stamp,
			winner: { stamp: gone.stamp, device: 'TV' },
		});
		assert.deepEqual(good(await tv.who.get('/api/watchlist')), []);
	});
	test('of an edit older than the barrier names the barrier; what describes the title wins all the same', async () => {
		const [tv, phone] = await pair();
		const barrier = await tv.act(clear('progress'));
		const set = { position: at(3, 100), animeTitle: 'Show' };
		const late = await phone.act({ collection: 'progress', key: KEY, set, age: MINUTE }, 'merged');
		assert.equal(late.rule, 'cleared_later');
		assert.deepEqual(late.winner, { stamp: barrier.stamp, device: 'TV' });
		assert.equal(late.registers, undefined, 'the title is held as sent, the position is void');
		assert.deepEqual(good(await tv.who.get('/api/continue-watching')), []);
	});
	test('of a delete is applied when the item is gone, merged when a later edit keeps it, else superseded', async () => {
		const [tv, phone] = await pair();
		const edit = await tv.act(rate(KEY, 9));
		const kept = await phone.act(remove('watchlist', KEY, { age: MINUTE }), 'merged');
		assert.equal(kept.rule, 'later_stamp');
		assert.deepEqual(kept.winner, { stamp: edit.stamp, device: 'TV' });
		assert.equal(kept.deletedStamp, undefined);
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.equal(item.rating, 9);
		const gone = await phone.act(remove('watchlist', KEY));
		const stale = await tv.act(remove('watchlist', KEY, { age: MINUTE }), 'superseded');
		assert.equal(stale.rule, 'later_stamp');
		assert.deepEqual(stale.winner, { stamp: gone.stamp, device: 'Phone' });
		assert.equal(stale.deletedStamp, gone.stamp);
	});
	test('of a barrier that lost to a later one names that one', async () => {
		const [tv, phone] = await pair();
		const later = await tv.act(clear('watchlist'));
		const stale = await phone.act(clear('watchlist', { age: MINUTE }), 'superseded');
		assert.deepEqual(stale, {
			n: 1,
			outcome: 'superseded',
			rule: 'later_stamp',
			stamp: stale.stamp,
			winner: { stamp: later.stamp, device: 'TV' },
		});
	});
	test('of a candidate names why, whom it would have rewound, and the place as it stays', async () => {
		const [tv, phone] = await pair();
		const held = await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }));
		const early = await phone.act(place(KEY, 5, 600, { event: 'heartbeat', session: 'ph' }), 'candidate');
		assert.equal(early.rule, 'early_rewind');
		assert.deepEqual(early.winner, { stamp: held.stamp, device: 'TV' });
		assert.deepEqual(early.registers.position, { value: at(5, 900), stamp: held.stamp });
		assert.equal((await progress(tv)).currentTime, 900);
		const [row] = (await history(tv)).filter((r) => r.outcome === 'candidate');
		assert.deepEqual([row.rule, row.registers.position.currentTime, row.current], ['early_rewind', 600, false]);
	});
	test('of a paused player names that rule', async () => {
		const [tv, phone] = await pair();
		await tv.act(place(KEY, 5, 600, { event: 'heartbeat', session: 'tv', age: 10 * MINUTE }));
		const held = await phone.act(place(KEY, 5, 900, { event: 'seek', session: 'ph', age: 9 * MINUTE }));
		const paused = await tv.act(place(KEY, 5, 600.4, { event: 'pause', session: 'tv', age: 8 * MINUTE }), 'candidate');
		assert.equal(paused.rule, 'paused_player');
		assert.deepEqual(paused.winner, { stamp: held.stamp, device: 'Phone' });
		assert.equal((await progress(tv)).currentTime, 900);
	});
	test('of each op stands in the order of the ops, on what the ops before it left', async () => {
		const [tv] = await pair();
		const results = await tv.push(rate(KEY, 1), remove('watchlist', KEY), rate(KEY, 2), rate(KEY, 3, { age: MINUTE }));
		assert.deepEqual(
			results.map((r) => r.outcome),
			['applied', 'applied', 'applied', 'superseded'],
		);
		assert.equal(results[3].rule, 'deleted_later');
		const stamps = results.slice(0, 3).map((r) => r.stamp);
		assert.deepEqual([...stamps].sort(), stamps, 'stamps ascend');
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.equal(item.rating, 2);
	});
});

describe('an op without an event', () => {
	test('is asked no questions: the place goes where it says, backwards too', async () => {
		const [tv, phone] = await pair();
		await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv' }));
		await phone.act(place(KEY, 5, 10));
		assert.equal((await progress(tv)).currentTime, 10);
	});
	test('carries whole registers: a part of one is refused', async () => {
		const [tv] = await pair();
		const [a, b] = await tv.push(
			{ collection: 'progress', key: KEY, set: { position: { currentEpisode: 5, currentTime: 3 } } },
			{ collection: 'progress', key: KEY, set: { opened: { currentEpisode: 5 } } },
		);
		assert.deepEqual([a.code, b.code], ['invalid_value', 'invalid_value']);
	});
	test('writes only what it names: two devices fill in one item', async () => {
		const [tv, phone] = await pair();
		await tv.act(rate(KEY, 9));
		await phone.act({ collection: 'watchlist', key: KEY, set: { notes: 'good' } });
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.deepEqual([item.rating, item.notes, item.status], [9, 'good', 'plan_to_watch']);
	});
	test('of another device has that device in its stamp and in the history', async () => {
		const [tv] = await pair();
		const origin = hex(8);
		const { stamp } = await tv.act(place(KEY, 5, 900, { origin }));
		assert.equal(deviceOf(stamp), origin);
		const [row] = await history(tv);
		assert.equal(row.device.id, origin);
	});
});

describe('an op with an event', () => {
	test('may leave fields out: they keep their value in the same episode, and the result tells the whole', async () => {
		const [tv] = await pair();
		const first = await tv.act({
			...place(KEY, 5, 100, { event: 'seek' }),
			set: { position: at(5, 100), opened: { currentEpisode: 5, episodeId: 'ep=5', server: 'hd-1' } },
		});
		assert.deepEqual(first.registers, { opened: { value: from(5, { episodeId: 'ep=5', server: 'hd-1' }), stamp: first.stamp } });
		const part = { position: { currentEpisode: 5, currentTime: 200 }, opened: { currentEpisode: 5, dub: 'yes' } };
		const next = await tv.act({ collection: 'progress', key: KEY, event: 'seek', set: part });
		assert.deepEqual(next.registers, {
			position: { value: at(5, 200), stamp: next.stamp },
			opened: { value: from(5, { episodeId: 'ep=5', server: 'hd-1', dub: 'yes' }), stamp: next.stamp },
		});
	});
	test('takes defaults for what it leaves out of another episode', async () => {
		const [tv] = await pair();
		await tv.act(place(KEY, 5, 100, { event: 'seek' }));
		const set = { position: { currentEpisode: 6 } };
		const next = await tv.act({ collection: 'progress', key: KEY, event: 'seek', set });
		assert.deepEqual(next.registers, {
			position: { value: at(6, 0, 0), stamp: next.stamp },
			opened: { value: from(6), stamp: next.stamp },
		});
	});
	test('does not write what would not change, and tells whose value that is', async () => {
		const [tv] = await pair();
		const opened = { currentEpisode: 5, episodeId: 'ep=5' };
		const tick = (time) => ({ collection: 'progress', key: KEY, event: 'heartbeat', set: { position: at(5, time), opened } });
		const first = await tv.act(tick(100));
		const second = await tv.act(tick(101));
		assert.deepEqual(second.registers, { opened: { value: from(5, { episodeId: 'ep=5' }), stamp: first.stamp } });
	});
	test('open: writes what was opened and leaves every place where it is', async () => {
		const [tv] = await pair();
		await tv.act(place(KEY, 5, 900, { event: 'seek' }));
		await tv.act({ collection: 'progress', key: KEY, event: 'open', set: { opened: { currentEpisode: 6 } } });
		assert.deepEqual([(await progress(tv)).currentEpisode, (await progress(tv)).currentTime], [6, 0]);
		await tv.act({ collection: 'progress', key: KEY, event: 'open', set: { opened: { currentEpisode: 5 } } });
		assert.deepEqual([(await progress(tv)).currentEpisode, (await progress(tv)).currentTime], [5, 900]);
	});
	for (const event of ['seek', 'manual'])
		test(`${event}: the user meant it, backwards too, from a session that has only begun`, async () => {
			const [tv, phone] = await pair();
			await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }));
			await phone.act(place(KEY, 5, 10, { event, session: 'ph' }));
			assert.equal((await progress(tv)).currentTime, 10);
		});
	for (const event of ['heartbeat', 'pause', 'stop']) {
		test(`${event}: writes the place when it goes on, and a small step back`, async () => {
			const [tv, phone] = await pair();
			await tv.act(place(KEY, 5, 900, { event, session: 'tv', age: MINUTE }));
			await phone.act(place(KEY, 5, 870, { event, session: 'ph' }));
			assert.equal((await progress(tv)).currentTime, 870);
		});
		test(`${event}: is a candidate when a young session of another device would go far back`, async () => {
			const [tv, phone] = await pair();
			await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }));
			await phone.act(place(KEY, 5, 869, { event, session: 'ph' }), 'candidate');
			assert.equal((await progress(tv)).currentTime, 900);
		});
		test(`${event}: of a sitting that has lasted long enough goes back, by its own word for how long it played`, async () => {
			const [tv, phone] = await pair();
			await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }));
			await phone.act(place(KEY, 5, 300, { event, session: 'ph', playing: 61 }));
			assert.equal((await progress(tv)).currentTime, 300);
		});
		test(`${event}: of the session that holds the place goes wherever it likes`, async () => {
			const [tv] = await pair();
			await tv.act(place(KEY, 5, 900, { event: 'heartbeat', session: 'tv', age: MINUTE }));
			await tv.act(place(KEY, 5, 10, { event, session: 'tv' }));
			assert.equal((await progress(tv)).currentTime, 10);
		});
		test(`${event}: older than the place is merged and loses, and is never a candidate`, async () => {
			const [tv, phone] = await pair();
			await tv.act(place(KEY, 5, 900, { event: 'seek', session: 'tv' }));
			const late = await phone.act(place(KEY, 5, 10, { event, session: 'ph', age: MINUTE }), 'superseded');
			assert.equal(late.rule, 'later_stamp');
			assert.equal((await progress(tv)).currentTime, 900);
		});
	}
	test('ticks of one sitting coalesce into one row of the history, within a push and over pushes', async () => {
		const [tv] = await pair();
		const tick = (time, age) => place(KEY, 5, time, { event: 'heartbeat', session: 's', age });
		await tv.push(tick(1, 9000), tick(2, 8000), tick(3, 7000));
		await tv.push(tick(4, 6000), tick(5, 5000));
		const rows = (await history(tv)).filter((r) => Object.keys(r.registers).join() === 'position');
		assert.deepEqual(
			rows.map((r) => r.registers.position.currentTime),
			[5],
		);
	});
	test('leaves the same item as the same act over REST', async () => {
		const [one] = await pair();
		const [two] = await pair();
		const body = { animeImage: 'https://cdn.example/x.png', episodeTitle: 'E', episodeId: 'ep=5', dub: 'yes', server: 'hd-2' };
		good(await one.who.post('/api/continue-watching', watched(KEY, 5, 300, 1440, { event: 'manual', ...body })));
		const { animeImage, ...opened } = body;
		const set = { animeTitle: `Title of ${KEY}`, animeImage, position: at(5, 300), opened: { currentEpisode: 5, ...opened } };
		await two.act({ collection: 'progress', key: KEY, event: 'manual', set });
		const strip = ({ _id, user, createdAt, updatedAt, lastWatched, ...rest }) => rest;
		assert.deepEqual(strip(await progress(two)), strip(await progress(one)));
	});
});

describe('values', () => {
	test('of every register arrive as they were sent, bounds and odd texts included', async () => {
		const [tv] = await pair();
		const text = 'ä "quoted" \\ \u2028 🎬';
		const set = {
			animeTitle: text.repeat(18),
			animeImage: '',
			totalEpisodes: 1000000,
			episodesWatched: 0,
			status: 'on_hold',
			rating: null,
			notes: '🎬'.repeat(500),
		};
		await tv.act({ collection: 'watchlist', key: KEY, set });
		const position = at(1000000, 0.1, 10000000);
		await tv.act({ collection: 'progress', key: text, set: { position, opened: from(1, { server: text }) } });
		const { items } = await pullAll(tv.who);
		const values = (name) => Object.fromEntries(Object.entries(items.get(name).registers).map(([k, { value }]) => [k, value]));
		assert.deepEqual(values(`watchlist/${KEY}`), set);
		assert.deepEqual(values(`progress/${text}`), { position, opened: from(1, { server: text }) });
	});
	test('a null rating clears the rating, and the numbers of the list follow', async () => {
		const [tv] = await pair();
		good(await tv.who.post('/api/watchlist', listed(KEY, { rating: 7, status: 'watching' })), 201);
		await tv.act(rate(KEY, null));
		const stats = good(await tv.who.get('/api/watchlist/stats'));
		assert.deepEqual([stats.total, stats.watching, stats.averageRating], [1, 1, '0']);
		await tv.act(rate(KEY, 8));
		assert.equal(good(await tv.who.get('/api/watchlist/stats')).averageRating, '8');
	});
	test('an edit after a delete begins a new life: old registers read as their defaults, the title stays', async () => {
		const [tv] = await pair();
		good(await tv.who.post('/api/watchlist', listed(KEY, { rating: 7, notes: 'old life' })), 201);
		await tv.act(remove('watchlist', KEY));
		await tv.act({ collection: 'watchlist', key: KEY, set: { status: 'watching' } });
		const [item] = good(await tv.who.get('/api/watchlist'));
		assert.deepEqual([item.animeTitle, item.rating, item.notes, item.status], [`Title of ${KEY}`, null, '', 'watching']);
	});
	test('two ops of one moment have two stamps, in the order of their numbers', async () => {
		const [tv] = await pair();
		const results = await tv.push(...Array.from({ length: 50 }, (_, i) => rate(`k${i}`, 1, { age: 5000 })));
		const stamps = results.map((r) => r.stamp);
		assert.equal(new Set(stamps).size, 50);
		assert.deepEqual([...stamps].sort(), stamps);
		assert.equal(msOf(stamps[0]), msOf(stamps[49]));
		assert.equal(counterOf(stamps[49]) - counterOf(stamps[0]), 49);
	});
});

test('a push without ops writes nothing: the head stays', async () => {
	const [tv] = await pair();
	await tv.act(rate(KEY, 1));
	const before = await exchange(tv.who);
	const after = await exchange(tv.who, { now: Date.now(), ops: [] });
	assert.equal(after.head, before.head);
	assert.deepEqual(after.results, []);
	assert.equal(after.ack, 1);
});
