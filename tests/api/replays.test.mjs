// The worst that happened to viewers in the field, played again. Each test says what happened, and proves that it does not here.
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { startDaemon, tempDir } from '../harness/daemon.mjs';
import { good, hex, listed, person, refused, session, watched } from './support.mjs';
import { Copy, Device, MINUTE, YEAR, at, exchange, from, msOf, place, rate, remove } from './replica.mjs';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KEY = 'show';

let daemon;
before(async () => {
	daemon = await startDaemon();
});
async function pair(on = daemon) {
	const who = await person(on, { deviceName: 'TV' });
	return [new Device(who), new Device(await session(on, who, { deviceName: 'Phone' }))];
}
const shown = async ({ who }, key = KEY) => {
	const { currentEpisode, currentTime } = good(await who.get(`/api/continue-watching/${key}`));
	return [currentEpisode, currentTime];
};
const history = async ({ who }, key = KEY) => good(await who.get(`/api/history/progress/${key}`));

// An audio book stood at 27,599 s on the phone. A player that still had an old session open woke up, started at the
// beginning and reported 1.6 s: seven and a half hours were gone.
test('a stale session does not overwrite 27,599 s with 1.6 s, and what it said can be had all the same', async () => {
	const [phone, stale] = await pair();
	const book = (time, more) => ({ collection: 'progress', key: KEY, event: 'heartbeat', set: { position: at(1, time, 40000) }, ...more });
	await stale.act(book(1200, { session: 'old', age: DAY }));
	await phone.act(book(27599, { session: 'new', age: 5 * MINUTE }));
	const woke = await stale.act(book(1.6, { session: 'old' }), 'candidate');
	assert.equal(woke.rule, 'early_rewind');
	assert.deepEqual(await shown(phone), [1, 27599]);
	assert.deepEqual(woke.registers.position.value, at(1, 27599, 40000), 'the player is told where the viewer really is');
	const row = (await history(phone)).find((r) => r.outcome === 'candidate');
	assert.equal(row.registers.position.currentTime, 1.6);
	good(await phone.who.post(`/api/history/progress/${KEY}/restore`, { seq: row.seq }));
	assert.deepEqual(await shown(phone), [1, 1.6], 'somebody who meant it gets it');
});

// An episode was downloaded for the plane while it was at minute 20. When the phone came online again, the download's own
// place, 0, replaced the minutes that were streamed meanwhile.
test('an offline download does not wipe the place that was streamed', async () => {
	const [tv, phone] = await pair();
	await tv.act(place(KEY, 4, 1200, { event: 'heartbeat', session: 'tv', age: 3 * HOUR }));
	const opened = from(4, { episodeId: 'file:///downloads/4.mkv', server: 'download' });
	await tv.act(place(KEY, 4, 1350, { event: 'heartbeat', session: 'tv', age: HOUR, playing: 2 * 3600 }));
	// What the phone did two hours ago arrives now: it opened the file, and its player said 0.
	await phone.push(
		{ collection: 'progress', key: KEY, event: 'open', set: { opened }, age: 2 * HOUR },
		place(KEY, 4, 0, { event: 'heartbeat', session: 'file', age: 2 * HOUR - 1000 }),
	);
	assert.deepEqual(await shown(tv), [4, 1350]);
	// And the same player, now, as it begins to play the file from its beginning.
	await phone.act({ collection: 'progress', key: KEY, event: 'open', set: { opened } });
	assert.deepEqual(await shown(tv), [4, 1350]);
	await phone.act(place(KEY, 4, 0, { event: 'heartbeat', session: 'file' }), 'candidate');
	assert.deepEqual(await shown(tv), [4, 1350]);
});

// Somebody went back from episode 9 to episode 3, to watch it again with a friend. "The furthest place wins" undid that at
// every sync.
test('a deliberate rewind stays: the furthest place does not win', async () => {
	const [tv, phone] = await pair();
	const copy = new Copy(phone);
	await tv.act(place(KEY, 9, 1000, { event: 'heartbeat', session: 'tv', age: HOUR }));
	await copy.sync();
	await tv.act(place(KEY, 3, 30, { event: 'seek', session: 'tv', age: 10 * MINUTE }));
	await copy.sync();
	assert.deepEqual(copy.shows()[`progress/${KEY}`].position.value, at(3, 30));
	// The phone still has the further place from before, and says so again and again.
	for (let i = 0; i < 3; i++) {
		await phone.act(place(KEY, 9, 1000, { age: HOUR - MINUTE }), 'superseded');
		assert.deepEqual(await shown(tv), [3, 30]);
	}
});

// An episode was finished on the TV, and the next one begun. A browser tab, paused in the middle of the old episode since the
// evening before, went on reporting its place every ten seconds.
test('a paused player does not rewrite an episode that was finished elsewhere', async () => {
	const [tv, tab] = await pair();
	const tick = (device, episode, time, age, event = 'heartbeat') =>
		device.push(place(KEY, episode, time, { event, session: device.id, age }));
	await tick(tab, 5, 700, DAY);
	await tick(tab, 5, 700, DAY - 1000, 'pause');
	await tick(tv, 5, 1430, HOUR, 'seek');
	await tick(tv, 5, 1440, HOUR - 10000, 'stop');
	for (let i = 0; i < 5; i++) {
		const [result] = await tick(tab, 5, 700, 50 * MINUTE - i * 10000);
		assert.deepEqual([result.outcome, result.rule], ['candidate', 'paused_player']);
		assert.deepEqual(await shown(tv), [5, 1440]);
	}
	await tick(tv, 6, 20, 10 * MINUTE);
	await tick(tab, 5, 700, 0);
	assert.deepEqual(await shown(tv), [6, 20]);
});

// The list said "completed, 10". A phone that had been off for a week sent its last state, "watching", with only some of
// the fields, and the rest fell back to what it had then.
test('an old partial update does not overwrite "completed", and what it alone knows is kept', async () => {
	const [tv, phone] = await pair();
	good(await tv.who.post('/api/watchlist', listed(KEY, { status: 'watching', episodesWatched: 3 })), 201);
	const copy = new Copy(phone);
	await copy.sync();
	const done = await tv.act({ collection: 'watchlist', key: KEY, set: { status: 'completed', rating: 10, episodesWatched: 12 } });
	const set = { status: 'watching', episodesWatched: 4 };
	// A week ago, which is before the item was made here: as far back as it can be in this test.
	const old = await phone.act({ collection: 'watchlist', key: KEY, set, age: 7 * DAY }, 'superseded');
	assert.deepEqual(old.registers, {
		status: { value: 'completed', stamp: done.stamp },
		episodesWatched: { value: 12, stamp: done.stamp },
	});
	await phone.act({ collection: 'watchlist', key: KEY, set: { notes: 'from the train' } });
	const [item] = good(await tv.who.get('/api/watchlist'));
	assert.deepEqual([item.status, item.rating, item.episodesWatched, item.notes], ['completed', 10, 12, 'from the train']);
});

// The web page posted currentTime 0 of duration 0 whenever an episode's page was opened, before the player knew anything:
// whoever looked at a page lost the place.
test('opening a page, which posts 0 of 0, loses no place', async () => {
	const [tv, phone] = await pair();
	good(await tv.who.post('/api/continue-watching', watched(KEY, 7, 650, 1440)));
	for (const body of [watched(KEY, 7, 0, 0), { ...watched(KEY, 7), duration: undefined, currentTime: undefined }]) {
		good(await phone.who.post('/api/continue-watching', body));
		assert.deepEqual(await shown(tv), [7, 650]);
	}
	good(await phone.who.post('/api/continue-watching', watched(KEY, 8, 0, 0)));
	assert.deepEqual(await shown(tv), [8, 0], 'another episode shows as opened');
	good(await phone.who.post('/api/continue-watching', watched(KEY, 7, 0, 0)));
	assert.deepEqual(await shown(tv), [7, 650], 'and the old one is where it was');
});

// "Give me what changed since 10:00" was the cursor. A phone uploaded at 10:05 what it had recorded at 9:00, stamped 9:00:
// nobody who had synced at 10:00 ever heard of it.
test('an upload that comes late is delivered to everybody: a cursor is not a time', async () => {
	const [tv, phone] = await pair();
	const copy = new Copy(tv);
	await copy.sync([rate('other', 1)]);
	await phone.act(place(KEY, 2, 300, { age: 5 * HOUR }));
	await copy.sync();
	assert.deepEqual(copy.shows()[`progress/${KEY}`].position.value, at(2, 300));
	await phone.act(place('older still', 1, 5, { age: 400 * DAY }));
	const data = await copy.sync();
	assert.deepEqual(
		data.items.map((i) => i.key),
		['older still'],
	);
});

// A title was deleted on the TV. The phone, offline at that time, had created its row earlier; its "create" arrived later, and
// the title stood in the list again, for ever.
test('a row that was created before the delete does not bring the title back, however late it arrives', async () => {
	const [tv, phone] = await pair();
	await tv.act(rate(KEY, 5, { age: 3 * HOUR }));
	await tv.act(remove('watchlist', KEY, { age: HOUR }));
	const whole = { animeTitle: 'Show', status: 'watching', rating: 8, notes: 'created offline' };
	for (const age of [2 * HOUR, 61 * MINUTE])
		assert.equal((await phone.act({ collection: 'watchlist', key: KEY, set: whole, age }, 'merged')).rule, 'deleted_later');
	assert.deepEqual(good(await tv.who.get('/api/watchlist')), []);
	const copy = new Copy(phone);
	await copy.sync();
	assert.equal(copy.shows()[`watchlist/${KEY}`], undefined);
	await phone.act({ collection: 'watchlist', key: KEY, set: { status: 'watching' }, age: 30 * MINUTE });
	const [item] = good(await tv.who.get('/api/watchlist'));
	assert.deepEqual([item.status, item.rating, item.notes], ['watching', null, ''], 'adding it after the delete does');
});

// Two boxes were set up from one disk image. Both were "device 1": the acknowledgement of the one made the other throw away
// what it had not sent yet.
test('two identical players that share an identity lose nothing: the second gets one of its own', async () => {
	const deviceId = hex(8);
	const who = await person(daemon, { deviceId });
	const one = new Device(who);
	const two = new Device(await session(daemon, who, { deviceId }));
	assert.equal(one.id, two.id);
	await one.push(rate('a', 1), rate('b', 2));
	const mine = [rate('x', 3), rate('y', 4)];
	const body = { now: Date.now(), ops: mine.map((op, i) => ({ n: i + 1, ...op })) };
	refused(await two.who.post('/api/sync', body), 409, undefined, 'device_forked');
	const fresh = good(await two.who.api('POST', '/api/auth/refresh', { body: { refreshToken: two.who.refreshToken, newDevice: true } }));
	assert.notEqual(fresh.deviceId, deviceId);
	good(await two.who.api('POST', '/api/sync', { token: fresh.token, body }));
	await one.push(rate('c', 5));
	assert.deepEqual(
		good(await who.get('/api/watchlist'))
			.map((i) => [i.animeId, i.rating])
			.sort(),
		[
			['a', 1],
			['b', 2],
			['c', 5],
			['x', 3],
			['y', 4],
		],
	);
});

// The battery of a player's clock was empty: it was a year ahead. What it wrote was "newest" for a year, and nobody else could
// change that title.
test('a clock one year ahead freezes nothing', async () => {
	const who = await person(daemon, { deviceName: 'Player' });
	const player = new Device(who, { skew: YEAR });
	const phone = new Device(await session(daemon, who, { deviceName: 'Phone' }));
	const ahead = await player.act(place(KEY, 3, 100, { at: player.now() - 5000 }));
	assert.ok(msOf(ahead.stamp) < Date.now());
	await phone.act(place(KEY, 3, 900, { event: 'seek' }));
	assert.deepEqual(await shown(phone), [3, 900]);
	await player.act(place(KEY, 3, 101, { at: player.now() - 4000 }), 'superseded');
	good(await phone.who.post('/api/continue-watching', watched(KEY, 4, 10, 1440, { event: 'manual' })));
	assert.deepEqual(await shown(phone), [4, 10]);
	await player.act(remove('progress', KEY, { at: player.now() }));
	await phone.act(place(KEY, 4, 20, { event: 'seek' }));
	assert.deepEqual(await shown(phone), [4, 20]);
});

// A disk broke, and the month-old backup was put back. Every client said "nothing new", because its cursor was higher than
// anything that the server had: a month was gone, while it was on every phone.
test('a server that was put back from an old backup regains what its devices hold', async () => {
	const own = await startDaemon();
	const [tv, phone] = await pair(own);
	const copy = new Copy(phone);
	await tv.push(rate('a', 1), place(KEY, 1, 10));
	await own.stop();
	const backup = path.join(tempDir('backup'), 'data');
	cpSync(own.dataDir, backup, { recursive: true });
	await own.restart();
	// The month.
	await tv.push(rate('a', 8), rate('b', 9), place(KEY, 12, 1300), remove('watchlist', 'c'));
	await copy.sync();
	const held = copy.shows();
	const { head } = await exchange(phone.who);
	await own.stop();
	rmSync(own.dataDir, { recursive: true });
	cpSync(backup, own.dataDir, { recursive: true });
	await own.restart();
	assert.deepEqual(await shown(tv), [1, 10], 'the month is gone here');
	const told = await exchange(phone.who, { cursor: copy.cursor, head, ops: [] });
	assert.equal(told.offer, true);
	const ops = [];
	for (const [name, { registers, deletedStamp }] of copy.items) {
		const [collection, key] = name.split('/');
		for (const [register, { value, stamp }] of Object.entries(registers))
			ops.push({ collection, key, set: { [register]: value }, stamp, origin: stamp.slice(17) });
		if (deletedStamp) ops.push(remove(collection, key, { stamp: deletedStamp, origin: deletedStamp.slice(17) }));
	}
	copy.apply([], told);
	await copy.sync(ops);
	assert.deepEqual(await shown(tv), [12, 1300]);
	assert.deepEqual(
		good(await tv.who.get('/api/watchlist'))
			.map((i) => [i.animeId, i.rating])
			.sort(),
		[
			['a', 8],
			['b', 9],
		],
	);
	assert.deepEqual(copy.shows(), held);
	await own.stop();
});
