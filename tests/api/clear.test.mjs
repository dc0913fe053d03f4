// Clearing all progress: one barrier, not a delete for each row (sync-protocol.md section 4).
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { everything, good, listed, person, refused, says, session, watched } from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const CLEARED = 'All watch history cleared';
const post = async (who, body) => good(await who.post('/api/continue-watching', body));
const clear = (who) => who.del('/api/continue-watching');

test('empties every view, and answers the same when there is nothing', async () => {
	const who = await person(daemon);
	says(await clear(who), CLEARED);
	for (let i = 0; i < 5; i++) await post(who, watched(`x-${i}`, 1, 5, 10));
	says(await clear(who), CLEARED);
	const reply = await who.get('/api/continue-watching');
	assert.deepEqual(reply.json, { success: true, count: 0, data: [] });
	refused(await who.get('/api/continue-watching/x-1'), 404, 'No progress found for this anime');
	refused(await who.del('/api/continue-watching/x-1'), 404, 'Progress not found');
	says(await clear(who), CLEARED);
});

test('takes playback that is running along', async () => {
	const who = await person(daemon);
	for (let i = 0; i < 5; i++) await post(who, watched('x', 1, i, 1440, { event: 'heartbeat', session: 's' }));
	says(await clear(who), CLEARED);
	assert.deepEqual(good(await who.get('/api/continue-watching')), []);
});

test('what a device recorded before it and sends after it stays gone, for known and unknown titles', async () => {
	const who = await person(daemon);
	await post(who, watched('known', 5, 900, 1440));
	says(await clear(who), CLEARED);
	for (const key of ['known', 'unknown'])
		for (const more of [{}, { event: 'heartbeat', session: 's' }, { event: 'open' }])
			assert.equal(await post(who, watched(key, 5, 950, 1440, { age: 3600000, ...more })), null);
	assert.deepEqual(good(await who.get('/api/continue-watching')), []);
	refused(await who.get('/api/continue-watching/unknown'), 404);
});

test('what happens after it counts, with nothing of the old place', async () => {
	const who = await person(daemon);
	const before = await post(who, watched('x', 5, 900, 1440, { episodeTitle: 'Five' }));
	says(await clear(who), CLEARED);
	const after = await post(who, { ...listed('x'), currentEpisode: 5 });
	assert.equal(after._id, before._id);
	assert.deepEqual([after.currentTime, after.duration, after.episodeTitle], [0, 0, '']);
	assert.deepEqual(good(await who.get('/api/continue-watching')), [after]);
});

test('erases the history: no value of before can be read or restored', async () => {
	const who = await person(daemon);
	await post(who, watched('x', 5, 777, 1440, { episodeTitle: 'A private title' }));
	const [row] = good(await who.get('/api/history/progress/x'));
	says(await clear(who), CLEARED);
	const text = (await who.get('/api/history/progress/x')).text;
	assert.ok(!text.includes('777') && !text.includes('private'), text);
	refused(await who.post('/api/history/progress/x/restore', { seq: row.seq }), 404);
	await post(who, watched('x', 6, 1, 1440));
	const later = (await who.get('/api/history/progress/x')).text;
	assert.ok(!later.includes('777') && !later.includes('private'), later);
	refused(await who.post('/api/history/progress/x/restore', { seq: row.seq }), 404);
});

test('an op that it had already made void leaves none of its values', async () => {
	const who = await person(daemon);
	await post(who, watched('x', 1, 1, 10));
	says(await clear(who), CLEARED);
	assert.equal(await post(who, watched('x', 5, 777, 1440, { age: 3600000, episodeTitle: 'A private title' })), null);
	const { text } = await who.get('/api/history/progress/x');
	assert.ok(!text.includes('777') && !text.includes('private'), text);
});

test('leaves the watchlist and its history alone, and other people', async () => {
	const [who, other] = [await person(daemon), await person(daemon)];
	good(await who.post('/api/watchlist', listed('x', { rating: 5 })), 201);
	await post(who, watched('x', 1, 5, 10));
	await post(other, watched('x', 1, 5, 10));
	const held = await everything(other);
	says(await clear(who), CLEARED);
	assert.equal(good(await who.get('/api/watchlist')).length, 1);
	assert.equal(good(await who.get('/api/history/watchlist/x')).length, 1);
	assert.equal(await everything(other), held);
});

test('holds for every device of the user', async () => {
	const who = await person(daemon);
	const phone = await session(daemon, who);
	await post(who, watched('x', 1, 5, 10));
	says(await clear(phone), CLEARED);
	assert.deepEqual(good(await who.get('/api/continue-watching')), []);
});

test('a long history is gone at once, and stays gone while its rows are still being removed, restarts included', async () => {
	const own = await startDaemon();
	const who = await person(own);
	for (let i = 0; i < 400; i += 20)
		await Promise.all(Array.from({ length: 20 }, (_, j) => post(who, watched(`k-${i + j}`, 1, 5, 10))));
	says(await clear(who), CLEARED);
	assert.deepEqual(good(await who.get('/api/continue-watching?limit=100')), []);
	assert.deepEqual(good(await who.get('/api/history/progress/k-7')), []);
	await own.kill();
	await own.restart();
	assert.deepEqual(good(await who.get('/api/continue-watching?limit=100')), []);
	refused(await who.get('/api/continue-watching/k-399'), 404);
	await post(who, watched('k-7', 2, 5, 10));
	assert.deepEqual(
		good(await who.get('/api/continue-watching')).map((i) => i.animeId),
		['k-7'],
	);
	await own.stop();
});
