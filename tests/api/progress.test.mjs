// Progress: sync-protocol.md sections 2 and 4, design.md section 5, live-clients.md.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import {
	ISO,
	OID,
	PROGRESS_FIELDS,
	blames,
	fields,
	good,
	hex,
	invalid,
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

const post = async (who, body) => good(await who.post('/api/continue-watching', body));
const open = (key, episode, more = {}) => ({ ...listed(key), currentEpisode: episode, ...more });
const get = async (who, key) => good(await who.get(`/api/continue-watching/${encodeURIComponent(key)}`));
const place = ({ currentEpisode, currentTime, duration }) => [currentEpisode, currentTime, duration];
const source = ({ episodeTitle, episodeId, dub, server }) => [episodeTitle, episodeId, dub, server];
const NO_PROGRESS = 'No progress found for this anime';

describe('saving', () => {
	test('answers 200 with the whole item, on create and on update, with one _id', async () => {
		const who = await person(daemon);
		const body = {
			animeId: 'attack-on-titan-001',
			animeTitle: 'Attack on Titan',
			animeImage: 'https://cdn.example.com/aot.jpg',
			currentEpisode: 13,
			currentTime: 720,
			duration: 1440,
			episodeTitle: 'Episode 13 - Primal Desire',
			episodeId: 'ep=123',
			dub: 'yes',
			server: 'hd-2',
		};
		const first = await post(who, body);
		fields(first, PROGRESS_FIELDS);
		const { _id, user, lastWatched, createdAt, updatedAt, ...rest } = first;
		assert.deepEqual(rest, body);
		assert.match(_id, OID);
		assert.equal(user, who.id);
		for (const at of [lastWatched, createdAt, updatedAt]) assert.match(at, ISO);
		const second = await post(who, { ...body, currentTime: 800 });
		assert.deepEqual(second, { ...first, currentTime: 800, lastWatched: second.lastWatched, updatedAt: second.updatedAt });
		assert.deepEqual(await get(who, body.animeId), second);
		assert.deepEqual(good(await who.get('/api/continue-watching')), [second]);
	});
	test('what is left out becomes its default', async () => {
		const who = await person(daemon);
		const data = await post(who, { animeId: 'x', animeTitle: 'X', currentEpisode: 1 });
		assert.deepEqual(place(data), [1, 0, 0]);
		assert.deepEqual(source(data), ['', '', 'no', '']);
		assert.equal(data.animeImage, '');
	});
	test('an image that is left out stays', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 1, 10, 100, { animeImage: 'http://image/' }));
		assert.equal((await post(who, watched('x', 1, 20, 100))).animeImage, 'http://image/');
		assert.equal((await post(who, open('x', 2))).animeImage, 'http://image/');
	});
	test('the title follows what was sent last', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 1, 10, 100));
		assert.equal((await post(who, { ...watched('x', 1, 20, 100), animeTitle: 'Renamed' })).animeTitle, 'Renamed');
	});
	test('plain REST means it: backwards too, and to another episode', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		assert.deepEqual(place(await post(who, watched('x', 5, 10, 1440))), [5, 10, 1440]);
		assert.deepEqual(place(await post(who, watched('x', 2, 30, 1300))), [2, 30, 1300]);
	});
	test('currentTime 0 with a duration is a place: the beginning', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		assert.deepEqual(place(await post(who, watched('x', 5, 0, 1440))), [5, 0, 1440]);
	});
	test('fractions are kept', async () => {
		const who = await person(daemon);
		assert.deepEqual(place(await post(who, watched('x', 1, 720.25, 1440.5))), [1, 720.25, 1440.5]);
		assert.deepEqual(place(await get(who, 'x')), [1, 720.25, 1440.5]);
	});
	test('digits will do as numbers, and a numeric animeId is text', async () => {
		const who = await person(daemon);
		const data = await post(who, {
			animeId: 21,
			animeTitle: 'X',
			currentEpisode: '13',
			currentTime: '720',
			duration: '1440',
		});
		assert.strictEqual(data.animeId, '21');
		assert.deepEqual(place(data), [13, 720, 1440]);
		assert.deepEqual(place(await get(who, '21')), [13, 720, 1440]);
	});
	test('unknown fields are ignored: nobody sets user, _id or dates', async () => {
		const [who, other] = [await person(daemon), await person(daemon)];
		const data = await post(
			who,
			watched('x', 1, 5, 10, {
				user: other.id,
				_id: '0'.repeat(24),
				lastWatched: '2100-01-01T00:00:00.000Z',
				nonsense: [],
			}),
		);
		assert.equal(data.user, who.id);
		assert.notEqual(data._id, '0'.repeat(24));
		assert.ok(data.lastWatched < '2100');
		assert.deepEqual(good(await other.get('/api/continue-watching')), []);
	});
	test('an item has another _id here than on the watchlist, and other people have others', async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		const ids = [
			(await post(a, watched('x', 1, 5, 10)))._id,
			(await post(b, watched('x', 1, 5, 10)))._id,
			good(await a.post('/api/watchlist', listed('x')), 201)._id,
		];
		assert.equal(new Set(ids).size, 3);
	});
});

describe('opening an episode', () => {
	const openings = {
		'no currentTime': {},
		'currentTime 0 and duration 0': { currentTime: 0, duration: 0 },
		'currentTime 0 alone': { currentTime: 0 },
		'a duration alone': { duration: 1440 },
		'event open, whatever the times': { event: 'open', currentTime: 55, duration: 1440 },
	};
	for (const [name, times] of Object.entries(openings)) {
		test(`${name}: never overwrites the place of that episode`, async () => {
			const who = await person(daemon);
			await post(who, watched('x', 13, 720, 1440));
			assert.deepEqual(place(await post(who, open('x', 13, times))), [13, 720, 1440]);
			assert.deepEqual(place(await get(who, 'x')), [13, 720, 1440]);
		});
		test(`${name}: another episode shows at 0, and opening the old one again finds its place`, async () => {
			const who = await person(daemon);
			await post(who, watched('x', 13, 720, 1440));
			assert.deepEqual(place(await post(who, open('x', 14, times))), [14, 0, 0]);
			assert.deepEqual(place(await get(who, 'x')), [14, 0, 0]);
			assert.deepEqual(place(good(await who.get('/api/continue-watching'))[0]), [14, 0, 0]);
			assert.deepEqual(place(await post(who, open('x', 13, times))), [13, 720, 1440]);
		});
		test(`${name}: a title never watched shows at 0`, async () => {
			const who = await person(daemon);
			assert.deepEqual(place(await post(who, open('x', 3, times))), [3, 0, 0]);
		});
	}
	test('shows the details of what was opened: title, id, dub and server', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 13, 720, 1440, { episodeTitle: 'Thirteen', episodeId: 'ep=13', dub: 'no', server: 'hd-1' }));
		assert.deepEqual(
			source(await post(who, open('x', 14, { episodeTitle: 'Fourteen', episodeId: 'ep=14', dub: 'yes', server: 'hd-2' }))),
			['Fourteen', 'ep=14', 'yes', 'hd-2'],
		);
		assert.deepEqual(
			source(await post(who, open('x', 13, { episodeTitle: '13 again', episodeId: 'ep=13b', dub: 'yes', server: 'hd-2' }))),
			['13 again', 'ep=13b', 'yes', 'hd-2'],
		);
	});
	test('counts as watching: lastWatched moves and the list shows it first', async () => {
		const who = await person(daemon);
		const old = await post(who, watched('x', 13, 720, 1440));
		const other = await post(who, watched('y', 1, 5, 10));
		await waitFor(async () => (await post(who, open('x', 14))).lastWatched > other.lastWatched, {
			what: 'a later lastWatched',
		});
		const [first] = good(await who.get('/api/continue-watching'));
		assert.equal(first.animeId, 'x');
		assert.ok(first.lastWatched > old.lastWatched);
	});
	test('a place saved after it is the place, and the earlier one is gone from view', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 13, 720, 1440));
		await post(who, open('x', 14));
		assert.deepEqual(place(await post(who, watched('x', 14, 100, 1440))), [14, 100, 1440]);
		assert.deepEqual(place(await post(who, open('x', 13))), [13, 0, 0]);
		assert.deepEqual(place(await post(who, open('x', 14))), [14, 100, 1440]);
	});
	test('that happened before the last tick and arrives after it leaves the place in view, without details of its own', async () => {
		const who = await person(daemon);
		const thirteen = { episodeTitle: 'Thirteen', episodeId: 'ep=13', dub: 'yes', server: 'hd-2' };
		await post(who, watched('x', 13, 700, 1440, { age: 300000, ...thirteen }));
		await post(who, watched('x', 13, 720, 1440, { age: 100000 }));
		const data = await post(who, open('x', 14, { age: 200000, episodeTitle: 'Fourteen' }));
		assert.deepEqual(place(data), [13, 720, 1440]);
		assert.deepEqual(source(data), ['', '', 'no', '']);
		assert.deepEqual(place(await post(who, open('x', 14))), [14, 0, 0]);
	});
	test('opening an episode again without its details keeps them, another one has the defaults', async () => {
		const who = await person(daemon);
		await post(who, open('x', 14, { episodeTitle: 'Fourteen', episodeId: 'ep=14', dub: 'yes', server: 'hd-2' }));
		assert.deepEqual(source(await post(who, open('x', 14))), ['Fourteen', 'ep=14', 'yes', 'hd-2']);
		assert.deepEqual(source(await post(who, open('x', 15))), ['', '', 'no', '']);
	});
});

describe('a missing field keeps its value for the same episode, else takes its default', () => {
	test('duration', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 13, 720, 1440));
		assert.deepEqual(place(await post(who, watched('x', 13, 730))), [13, 730, 1440]);
		assert.deepEqual(place(await post(who, watched('x', 14, 30))), [14, 30, 0]);
	});
	test('currentTime, with an event that says it is a place', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 13, 720, 1440));
		for (const event of ['pause', 'stop', 'manual', 'seek', 'heartbeat'])
			assert.deepEqual(place(await post(who, open('x', 13, { event, duration: 1441 }))), [13, 720, 1441]);
		assert.deepEqual(place(await post(who, open('x', 14, { event: 'manual' }))), [14, 0, 0]);
	});
	test('the details of the source', async () => {
		const who = await person(daemon);
		await post(
			who,
			watched('x', 13, 720, 1440, { episodeTitle: 'Thirteen', episodeId: 'ep=13', dub: 'yes', server: 'hd-2' }),
		);
		assert.deepEqual(source(await post(who, watched('x', 13, 730, 1440))), ['Thirteen', 'ep=13', 'yes', 'hd-2']);
		assert.deepEqual(source(await post(who, watched('x', 13, 740, 1440, { dub: 'no' }))), [
			'Thirteen',
			'ep=13',
			'no',
			'hd-2',
		]);
		assert.deepEqual(source(await post(who, watched('x', 14, 5, 1440))), ['', '', 'no', '']);
	});
});

describe('event', () => {
	for (const event of ['heartbeat', 'pause', 'stop', 'seek', 'manual'])
		test(`${event} with currentTime 0 and duration 0 is a place all the same`, async () => {
			const who = await person(daemon);
			assert.deepEqual(place(await post(who, watched('x', 3, 0, 0, { event }))), [3, 0, 0]);
			const rows = good(await who.get('/api/history/progress/x'));
			assert.ok(
				rows.some((row) => row.event === event && row.registers.position),
				JSON.stringify(rows),
			);
		});
	test('an unknown one, or one of a wrong type, is 422', async () => {
		const who = await person(daemon);
		for (const event of ['play', '', 'Open', 'heartbeat ', 7, true, [], {}])
			blames(await who.post('/api/continue-watching', watched('x', 1, 5, 10, { event })), 'event');
	});
	test('session is a text of bounded length', async () => {
		const who = await person(daemon);
		for (const more of [{ session: '' }, { session: 'c1f0' }]) await post(who, watched('x', 1, 5, 10, more));
		for (const value of [7, true, [], {}, 'x'.repeat(10000)])
			blames(await who.post('/api/continue-watching', watched('x', 1, 5, 10, { session: value })), 'session');
	});
	test('age and playing are numbers that are not negative', async () => {
		const who = await person(daemon);
		for (const name of ['age', 'playing']) {
			await post(who, watched('x', 1, 5, 10, { event: 'heartbeat', [name]: 0 }));
			for (const value of [-1, 'x', true, [], {}])
				blames(
					await who.post('/api/continue-watching', watched('x', 1, 5, 10, { event: 'heartbeat', [name]: value })),
					name,
				);
		}
	});
});

describe('age', () => {
	test('an op that happened before the place was saved, and arrives after it, loses', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		assert.deepEqual(place(await post(who, watched('x', 5, 100, 1440, { age: 60000 }))), [5, 900, 1440]);
		assert.deepEqual(place(await post(who, watched('x', 4, 100, 1440, { age: 60000, event: 'heartbeat' }))), [5, 900, 1440]);
		const rows = good(await who.get('/api/history/progress/x'));
		assert.deepEqual(
			rows.filter((r) => r.outcome === 'superseded').map((r) => r.rule),
			['later_stamp', 'later_stamp'],
		);
	});
	test('lastWatched is when it happened, not when it arrived', async () => {
		const who = await person(daemon);
		const now = await post(who, watched('y', 1, 5, 10));
		const old = await post(who, watched('x', 1, 5, 10, { age: 3600000 }));
		const apart = Date.parse(now.lastWatched) - Date.parse(old.lastWatched);
		assert.ok(apart > 3000000 && apart <= 3600000, `${apart} ms apart`);
		assert.deepEqual(
			good(await who.get('/api/continue-watching')).map((i) => i.animeId),
			['y', 'x'],
		);
	});
	test('of two offline ops the later one wins, in whatever order they arrive', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 2, 200, 1440, { age: 60000 }));
		assert.deepEqual(place(await post(who, watched('x', 1, 100, 1440, { age: 120000 }))), [2, 200, 1440]);
		assert.deepEqual(place(await post(who, watched('x', 3, 300, 1440, { age: 30000 }))), [3, 300, 1440]);
	});
	test("takes fractions of a millisecond, which a browser's clock has", async () => {
		const who = await person(daemon);
		assert.deepEqual(place(await post(who, watched('x', 3, 300, 1440, { age: 1000.25 }))), [3, 300, 1440]);
	});
	test('one that reaches back before 1970 is as old as can be, not an error', async () => {
		const who = await person(daemon);
		const data = await post(who, watched('x', 1, 5, 10, { age: 9e15 }));
		assert.ok(data.lastWatched >= '1970-01-01T00:00:00.000Z' && data.lastWatched < '1971', data.lastWatched);
	});
});

describe('validation', () => {
	test('each failing rule is told with its text', async () => {
		const who = await person(daemon);
		invalid(
			await who.post('/api/continue-watching', {
				animeId: '',
				animeTitle: '',
				currentEpisode: 0,
				currentTime: -1,
				duration: -1,
				dub: 'maybe',
				server: 7,
			}),
			[
				['animeId', 'Anime ID is required'],
				['animeTitle', 'Anime title is required'],
				['currentEpisode', 'Current episode must be at least 1'],
				['currentTime', 'Current time must be a positive number'],
				['duration', 'Duration must be a positive number'],
				['dub', "Dub must be either 'yes' or 'no'"],
				['server', 'Server must be a string'],
			],
		);
		invalid(await who.post('/api/continue-watching', {}), [
			['animeId', 'Anime ID is required'],
			['animeTitle', 'Anime title is required'],
			['currentEpisode', 'Current episode must be at least 1'],
		]);
		invalid(await who.post('/api/continue-watching'), [['animeId'], ['animeTitle'], ['currentEpisode']]);
		assert.deepEqual(good(await who.get('/api/continue-watching')), []);
	});
	test('currentEpisode is a whole number from 1 to 1,000,000', async () => {
		const who = await person(daemon);
		for (const currentEpisode of [0, -1, 1.5, 1000001, 'x', '', '1.5', true, [], {}, null])
			invalid(await who.post('/api/continue-watching', { ...listed('x'), currentEpisode, currentTime: 5 }), [
				['currentEpisode', 'Current episode must be at least 1'],
			]);
		assert.equal((await post(who, watched('x', 1000000, 5))).currentEpisode, 1000000);
	});
	test('times are finite numbers from 0 to 10,000,000', async () => {
		const who = await person(daemon);
		for (const [name, text] of [
			['currentTime', 'Current time must be a positive number'],
			['duration', 'Duration must be a positive number'],
		]) {
			for (const value of [-0.5, -1, 10000000.5, 1e300, 'x', '', 'Infinity', 'NaN', true, [], {}])
				invalid(await who.post('/api/continue-watching', { ...watched('x', 1, 5, 10), [name]: value }), [[name, text]]);
			assert.equal((await post(who, { ...watched('x', 1, 5, 10), [name]: 10000000 }))[name], 10000000);
		}
	});
	test('texts have bounds: titles 300 characters, images 2048, ids of titles 200 bytes', async () => {
		const who = await person(daemon);
		for (const [name, most] of [
			['animeTitle', 300],
			['episodeTitle', 300],
			['animeImage', 2048],
		]) {
			assert.equal((await post(who, { ...watched('x', 1, 5, 10), [name]: '続'.repeat(most) }))[name], '続'.repeat(most));
			blames(await who.post('/api/continue-watching', { ...watched('x', 1, 5, 10), [name]: '続'.repeat(most + 1) }), name);
		}
		blames(await who.post('/api/continue-watching', watched('é'.repeat(101), 1, 5, 10)), 'animeId');
		blames(await who.post('/api/continue-watching', watched('a\u0007', 1, 5, 10)), 'animeId');
		for (const name of ['episodeId', 'server'])
			blames(await who.post('/api/continue-watching', { ...watched('x', 1, 5, 10), [name]: 'x'.repeat(20000) }), name);
	});
	test('texts of a wrong type are 422', async () => {
		const who = await person(daemon);
		for (const name of ['animeId', 'animeTitle', 'animeImage', 'episodeTitle', 'episodeId', 'server', 'dub'])
			for (const value of [[], {}, true])
				blames(await who.post('/api/continue-watching', { ...watched('x', 1, 5, 10), [name]: value }), name);
		assert.deepEqual(good(await who.get('/api/continue-watching')), []);
	});
});

describe('reading', () => {
	test('an unknown title is 404', async () => {
		const who = await person(daemon);
		for (const key of ['x', 'a'.repeat(300), '%20', 'a/b'])
			refused(await who.get(`/api/continue-watching/${key}`), 404, NO_PROGRESS);
	});
	test('one title is the whole item, for keys of every shape', async () => {
		const who = await person(daemon);
		for (const key of ['a/b', 'a b', '100%', 'a+b', 'ä', 'q?x=1', 'Case', 'case']) {
			const data = await post(who, watched(key, 1, 5, 10));
			assert.equal(data.animeId, key);
			assert.deepEqual(await get(who, key), data);
		}
	});
	test('the list has the newest lastWatched first and counts what it returns', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 5; i++) await post(who, watched(`k-${i}`, 1, 5, 10, { age: i * 1000 * 60 }));
		const reply = await who.get('/api/continue-watching');
		fields(reply.json, ['count', 'data', 'success']);
		assert.equal(reply.json.count, 5);
		assert.deepEqual(
			good(reply).map((i) => i.animeId),
			['k-0', 'k-1', 'k-2', 'k-3', 'k-4'],
		);
		for (const item of good(reply)) fields(item, PROGRESS_FIELDS);
	});
	test('20 come by default; limit is clamped to 1 to 100', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 103; i++) await post(who, watched(`k-${i}`, 1, 5, 10, { age: i * 1000 * 60 }));
		for (const [query, count] of [
			['', 20],
			['?limit=3', 3],
			['?limit=0', 1],
			['?limit=-3', 1],
			['?limit=100', 100],
			['?limit=101', 100],
			['?limit=99999999999999999999', 100],
		]) {
			const reply = await who.get(`/api/continue-watching${query}`);
			assert.equal(good(reply).length, count, query);
			assert.equal(reply.json.count, count, query);
			assert.deepEqual(
				good(reply).map((i) => i.animeId),
				Array.from({ length: count }, (_, i) => `k-${i}`),
			);
		}
	});
	test('a limit that is no integer is 422', async () => {
		const who = await person(daemon);
		for (const limit of ['abc', '1.5', '', '1e2']) blames(await who.get(`/api/continue-watching?limit=${limit}`), 'limit');
	});
	test('nobody sees what another watches', async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		await post(a, watched('x', 1, 5, 10));
		refused(await b.get('/api/continue-watching/x'), 404, NO_PROGRESS);
		assert.deepEqual(good(await b.get('/api/continue-watching')), []);
	});
	test('running playback and stored items come in one order', async () => {
		const who = await person(daemon);
		for (const [i, key] of ['a', 'b', 'c'].entries())
			for (let tick = 0; tick < 4; tick++)
				await post(
					who,
					watched(key, 1, 10 + tick, 100, { event: 'heartbeat', session: key, age: 600000 - i * 100000 - tick * 1000 }),
				);
		await post(who, watched('between', 1, 5, 10, { age: 450000 }));
		assert.deepEqual(
			good(await who.get('/api/continue-watching')).map((i) => i.animeId),
			['c', 'between', 'b', 'a'],
		);
	});
	test('more titles run at once than are kept running, and none is lost', async () => {
		const who = await person(daemon);
		for (let tick = 0; tick < 3; tick++)
			for (let i = 0; i < 40; i++)
				await post(
					who,
					watched(`r-${i}`, 1, 10 + tick, 100, {
						event: 'heartbeat',
						session: 's',
						age: 600000 - tick * 50000 - i * 1000,
					}),
				);
		const items = good(await who.get('/api/continue-watching?limit=100'));
		assert.deepEqual(
			items.map((i) => i.animeId),
			Array.from({ length: 40 }, (_, i) => `r-${39 - i}`),
		);
		assert.ok(items.every((i) => i.currentTime === 12));
	});
});

describe('deleting', () => {
	for (const path of ['/api/continue-watching', '/api/watchlist/check'])
		test(`DELETE ${path}/:animeId forgets the title, and a second time is 404`, async () => {
			const who = await person(daemon);
			await post(who, watched('x', 1, 5, 10));
			await post(who, watched('y', 1, 5, 10));
			says(await who.del(`${path}/x`), 'Progress deleted successfully');
			refused(await who.get('/api/continue-watching/x'), 404, NO_PROGRESS);
			assert.deepEqual(
				good(await who.get('/api/continue-watching')).map((i) => i.animeId),
				['y'],
			);
			refused(await who.del(`${path}/x`), 404, 'Progress not found');
			refused(await who.del(`${path}/never`), 404, 'Progress not found');
		});
	test('touches no watchlist, by either path', async () => {
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('x')), 201);
		await post(who, watched('x', 1, 5, 10));
		says(await who.del('/api/watchlist/check/x'), 'Progress deleted successfully');
		assert.equal(good(await who.get('/api/watchlist/check/x')).inWatchlist, true);
		refused(await who.del('/api/watchlist/check/x'), 404, 'Progress not found');
		assert.equal(good(await who.get('/api/watchlist')).length, 1);
	});
	test('what happened before it and arrives after it answers 200 with data null and stays deleted', async () => {
		const who = await person(daemon);
		await post(who, watched('x', 5, 900, 1440));
		says(await who.del('/api/continue-watching/x'), 'Progress deleted successfully');
		for (const more of [
			{ age: 3600000 },
			{ age: 3600000, event: 'heartbeat', session: 's' },
			{ age: 3600000, event: 'seek' },
			{ age: 3600000, event: 'open' },
		]) {
			const reply = await who.post('/api/continue-watching', watched('x', 5, 950, 1440, more));
			assert.equal(reply.status, 200, reply.text);
			assert.deepEqual(reply.json, { success: true, data: null });
		}
		refused(await who.get('/api/continue-watching/x'), 404, NO_PROGRESS);
		assert.deepEqual(good(await who.get('/api/continue-watching')), []);
	});
	test('what happens after it brings the title back, with nothing of the old place', async () => {
		const who = await person(daemon);
		const before = await post(
			who,
			watched('x', 5, 900, 1440, { episodeTitle: 'Five', dub: 'yes', animeImage: 'http://image/' }),
		);
		says(await who.del('/api/continue-watching/x'), 'Progress deleted successfully');
		const after = await post(who, open('x', 5));
		assert.equal(after._id, before._id);
		assert.deepEqual(place(after), [5, 0, 0]);
		assert.deepEqual(source(after), ['', '', 'no', '']);
		assert.equal(after.animeImage, 'http://image/', 'what describes the title survives a delete');
		assert.deepEqual(place(await post(who, watched('x', 5, 7))), [5, 7, 0]);
	});
	test("somebody else's title cannot be deleted", async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		await post(a, watched('x', 1, 5, 10));
		refused(await b.del('/api/continue-watching/x'), 404, 'Progress not found');
		refused(await b.del('/api/watchlist/check/x'), 404, 'Progress not found');
		await get(a, 'x');
	});
});

test('two devices of one user share one place', async () => {
	const who = await person(daemon);
	const phone = await session(daemon, who);
	await post(who, watched('x', 5, 900, 1440));
	assert.deepEqual(place(await get(phone, 'x')), [5, 900, 1440]);
	await post(phone, watched('x', 6, 10, 1440));
	assert.deepEqual(place(await get(who, 'x')), [6, 10, 1440]);
});

test('many writes at the same moment are each taken whole', async () => {
	const who = await person(daemon);
	const replies = await Promise.all(
		Array.from({ length: 40 }, (_, i) =>
			who.post('/api/continue-watching', watched(`m-${i % 8}`, 1 + i, i, 1440, { notes: hex(2) })),
		),
	);
	for (const reply of replies) good(reply);
	assert.equal(good(await who.get('/api/continue-watching')).length, 8);
	for (const item of good(await who.get('/api/continue-watching')))
		assert.equal(item.currentEpisode, item.currentTime + 1, 'episode and time are of one write');
});
