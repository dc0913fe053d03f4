// Adding, changing and removing titles: the API document, design.md section 5, live-clients.md sections 2 and 3.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import {
	ISO,
	MISSING_OID,
	OID,
	STATUSES,
	WATCHLIST_FIELDS,
	blames,
	everything,
	fields,
	good,
	hex,
	invalid,
	listed,
	person,
	refused,
	says,
} from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const THERE = 'Anime already in watchlist. Use update endpoint to modify.';
const NOT_FOUND = 'Watchlist item not found';
const add = async (who, body) => good(await who.post('/api/watchlist', body), 201);
const fill = async (who, count, more = {}) => {
	const items = [];
	for (let i = 0; i < count; i++) items.push(await add(who, listed(`${more.prefix ?? 'a'}-${i}`, more.fields)));
	return items;
};

describe('adding', () => {
	test('answers 201 with the whole document', async () => {
		const who = await person(daemon);
		const body = {
			animeId: 'attack-on-titan-001',
			animeTitle: 'Attack on Titan',
			animeImage: 'https://cdn.example.com/aot.jpg',
			status: 'watching',
			rating: 9,
			episodesWatched: 12,
			totalEpisodes: 25,
			notes: 'Amazing storyline and animation!',
		};
		const data = await add(who, body);
		fields(data, WATCHLIST_FIELDS);
		const { _id, user, createdAt, updatedAt, ...rest } = data;
		assert.deepEqual(rest, body);
		assert.match(_id, OID);
		assert.equal(user, who.id);
		assert.match(createdAt, ISO);
		assert.equal(updatedAt, createdAt);
	});
	test('fills in the defaults', async () => {
		const who = await person(daemon);
		const data = await add(who, { animeId: 'x', animeTitle: 'X' });
		const { animeImage, status, rating, episodesWatched, totalEpisodes, notes } = data;
		assert.deepEqual(
			{ animeImage, status, rating, episodesWatched, totalEpisodes, notes },
			{ animeImage: '', status: 'plan_to_watch', rating: null, episodesWatched: 0, totalEpisodes: 0, notes: '' },
		);
	});
	test('the same title twice is 409 and changes nothing', async () => {
		const who = await person(daemon);
		await add(who, listed('x', { rating: 3 }));
		const held = await everything(who);
		refused(await who.post('/api/watchlist', listed('x', { rating: 8, notes: 'new' })), 409, THERE);
		assert.equal(await everything(who), held);
	});
	test('of several equal additions at the same moment exactly one wins', async () => {
		const who = await person(daemon);
		const replies = await Promise.all(Array.from({ length: 8 }, () => who.post('/api/watchlist', listed('x'))));
		assert.deepEqual(replies.map((r) => r.status).sort(), [201, ...Array(7).fill(409)]);
	});
	test('after a removal it can be added again: the same _id, and none of the old values', async () => {
		const who = await person(daemon);
		const first = await add(
			who,
			listed('x', {
				rating: 3,
				notes: 'old',
				episodesWatched: 4,
				status: 'dropped',
				totalEpisodes: 12,
				animeImage: 'http://old/',
			}),
		);
		says(await who.del(`/api/watchlist/${first._id}`), 'Removed from watchlist');
		const second = await add(who, listed('x'));
		assert.equal(second._id, first._id);
		const { animeImage, status, rating, episodesWatched, totalEpisodes, notes } = second;
		assert.deepEqual(
			{ animeImage, status, rating, episodesWatched, totalEpisodes, notes },
			{ animeImage: '', status: 'plan_to_watch', rating: null, episodesWatched: 0, totalEpisodes: 0, notes: '' },
		);
		assert.ok(second.createdAt >= first.createdAt);
		assert.equal(good(await who.get('/api/watchlist')).length, 1);
	});
	test('two users who add the same title have items with ids that have nothing in common', async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		assert.notEqual((await add(a, listed('x')))._id, (await add(b, listed('x')))._id);
	});
	test('reports each failing rule with its text', async () => {
		const who = await person(daemon);
		invalid(
			await who.post('/api/watchlist', { animeId: '', animeTitle: '', status: 'seen', rating: 11, episodesWatched: -1 }),
			[
				['animeId', 'Anime ID is required'],
				['animeTitle', 'Anime title is required'],
				['status', 'Invalid status'],
				['rating', 'Rating must be between 1 and 10'],
				['episodesWatched', 'Episodes watched must be a positive number'],
			],
		);
		invalid(await who.post('/api/watchlist', {}), [
			['animeId', 'Anime ID is required'],
			['animeTitle', 'Anime title is required'],
		]);
		invalid(await who.post('/api/watchlist'), [
			['animeId', 'Anime ID is required'],
			['animeTitle', 'Anime title is required'],
		]);
		assert.deepEqual(good(await who.get('/api/watchlist')), []);
	});
	test('a rating of null is refused here', async () => {
		const who = await person(daemon);
		invalid(await who.post('/api/watchlist', listed('x', { rating: null })), [['rating', 'Rating must be between 1 and 10']]);
	});
	test('a rating is a whole number from 1 to 10, also as digits', async () => {
		const who = await person(daemon);
		for (const rating of [0, 11, -1, 5.5, '0', '11', '5.5', 'x', '', true, [], {}, [5], 1e9])
			invalid(await who.post('/api/watchlist', listed('x', { rating })), [['rating', 'Rating must be between 1 and 10']]);
		for (const [i, rating] of [1, 10, '1', '7', '10'].entries())
			assert.strictEqual((await add(who, listed(`r-${i}`, { rating }))).rating, Number(rating));
	});
	test('counts are whole numbers from 0 to 1,000,000, also as digits', async () => {
		const who = await person(daemon);
		for (const name of ['episodesWatched', 'totalEpisodes']) {
			for (const value of [-1, 1.5, 1000001, 'x', '-1', '1.5', '', true, [], {}])
				blames(await who.post('/api/watchlist', listed('x', { [name]: value })), name);
			for (const [i, value] of [0, 1000000, '0', '12'].entries())
				assert.strictEqual((await add(who, listed(`${name}-${i}`, { [name]: value })))[name], Number(value));
		}
	});
	test('a status is one of five, written exactly', async () => {
		const who = await person(daemon);
		for (const status of ['', 'Watching', ' watching', 'watching ', 'seen', 0, true, [], ['watching'], {}])
			invalid(await who.post('/api/watchlist', listed('x', { status })), [['status', 'Invalid status']]);
		for (const status of STATUSES) assert.equal((await add(who, listed(status, { status }))).status, status);
	});
	test('a numeric animeId is stored as text and found by it', async () => {
		const who = await person(daemon);
		assert.strictEqual((await add(who, { animeId: 21, animeTitle: 'One Piece' })).animeId, '21');
		refused(await who.post('/api/watchlist', { animeId: '21', animeTitle: 'One Piece' }), 409, THERE);
		assert.equal(good(await who.get('/api/watchlist/check/21')).inWatchlist, true);
	});
	test('an animeId has 1 to 200 bytes and no control characters', async () => {
		const who = await person(daemon);
		await add(who, listed('a'.repeat(200)));
		await add(who, listed('é'.repeat(100)));
		for (const animeId of ['a'.repeat(201), 'é'.repeat(101), 'a\nb', 'a\u0001', '\u007f', 'tab\there'])
			blames(await who.post('/api/watchlist', { animeId, animeTitle: 'X' }), 'animeId');
		for (const animeId of [[], {}, true, null, ['x']])
			blames(await who.post('/api/watchlist', { animeId, animeTitle: 'X' }), 'animeId');
	});
	test('titles have at most 300 characters, images 2048, notes 500; characters count, not bytes', async () => {
		const who = await person(daemon);
		for (const [name, most] of [
			['animeTitle', 300],
			['animeImage', 2048],
			['notes', 500],
		]) {
			const data = await add(who, listed(`${name}-long`, { [name]: '続'.repeat(most) }));
			assert.equal(data[name], '続'.repeat(most));
			blames(await who.post('/api/watchlist', listed('y', { [name]: '続'.repeat(most + 1) })), name);
			blames(await who.post('/api/watchlist', listed('y', { [name]: 'x'.repeat(most + 1) })), name);
		}
		const emoji = await add(who, listed('emoji', { notes: '📺'.repeat(500) }));
		assert.equal(emoji.notes, '📺'.repeat(500));
	});
	test('texts of a wrong type are 422', async () => {
		const who = await person(daemon);
		for (const name of ['animeTitle', 'animeImage', 'notes'])
			for (const value of [[], {}, true]) blames(await who.post('/api/watchlist', listed('x', { [name]: value })), name);
		assert.deepEqual(good(await who.get('/api/watchlist')), []);
	});
	test('ignores unknown fields: nobody sets user, _id or dates', async () => {
		const [who, other] = [await person(daemon), await person(daemon)];
		const data = await add(
			who,
			listed('x', {
				user: other.id,
				_id: MISSING_OID,
				createdAt: '2000-01-01T00:00:00.000Z',
				updatedAt: '2100-01-01T00:00:00.000Z',
				more: 1,
			}),
		);
		assert.equal(data.user, who.id);
		assert.notEqual(data._id, MISSING_OID);
		assert.ok(data.createdAt > '2020' && data.updatedAt < '2100');
		assert.deepEqual(good(await other.get('/api/watchlist')), []);
	});
	test('keeps every character: quotes, markup, SQL, right-to-left, both forms of é', async () => {
		const who = await person(daemon);
		const texts = [
			"'; DROP TABLE watchlist; --",
			'<script>alert(1)</script>',
			'"\\\\"',
			'مرحبا',
			'\u00e9',
			'e\u0301',
			'%s%n',
			'𝄞🏳️‍🌈',
			' lead and trail ',
			'null',
			'__proto__',
		];
		for (const text of texts) {
			const data = await add(who, { animeId: text, animeTitle: text, notes: text });
			assert.deepEqual([data.animeId, data.animeTitle, data.notes], [text, text, text]);
		}
		assert.equal(good(await who.get('/api/watchlist?limit=100')).length, texts.length);
		for (const text of texts)
			assert.equal(good(await who.get(`/api/watchlist/check/${encodeURIComponent(text)}`)).item?.notes, text);
	});
});

describe('changing', () => {
	test('answers the whole document with the new values', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { totalEpisodes: 25, animeImage: 'http://i/' }));
		const change = { status: 'completed', rating: 10, episodesWatched: 25, notes: 'Finally finished! Masterpiece ending.' };
		const data = good(await who.put(`/api/watchlist/${item._id}`, change));
		fields(data, WATCHLIST_FIELDS);
		assert.deepEqual({ ...item, ...change, updatedAt: data.updatedAt }, data);
		assert.ok(data.updatedAt >= item.updatedAt);
		assert.deepEqual(good(await who.get('/api/watchlist')), [data]);
	});
	test('each field is its own: the others stay', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { status: 'watching', rating: 5, episodesWatched: 3, notes: 'n' }));
		let held = item;
		for (const change of [{ status: 'on_hold' }, { rating: 6 }, { episodesWatched: 4 }, { notes: '' }]) {
			const data = good(await who.put(`/api/watchlist/${item._id}`, change));
			assert.deepEqual(data, { ...held, ...change, updatedAt: data.updatedAt });
			held = data;
		}
	});
	test('sets status, rating, episodesWatched and notes, nothing else', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { totalEpisodes: 12 }));
		const data = good(
			await who.put(`/api/watchlist/${item._id}`, {
				animeId: 'y',
				animeTitle: 'Y',
				animeImage: 'http://y/',
				totalEpisodes: 99,
				user: MISSING_OID,
				_id: MISSING_OID,
				createdAt: '2000-01-01T00:00:00.000Z',
			}),
		);
		assert.deepEqual(data, { ...item, updatedAt: data.updatedAt });
	});
	test('null clears a rating', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { rating: 5 }));
		assert.strictEqual(good(await who.put(`/api/watchlist/${item._id}`, { rating: null })).rating, null);
		assert.equal(good(await who.get('/api/watchlist/stats')).averageRating, '0');
	});
	test('an empty body is no error', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { rating: 5 }));
		for (const body of [{}, undefined]) {
			const data = good(await who.put(`/api/watchlist/${item._id}`, body));
			assert.deepEqual(data, { ...item, updatedAt: data.updatedAt });
		}
	});
	test('digits will do as numbers', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x'));
		const data = good(await who.put(`/api/watchlist/${item._id}`, { rating: '7', episodesWatched: '12' }));
		assert.strictEqual(data.rating, 7);
		assert.strictEqual(data.episodesWatched, 12);
	});
	test('the rules of adding hold, and a refused change changes nothing, not even its good half', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { rating: 5 }));
		invalid(await who.put(`/api/watchlist/${item._id}`, { status: 'seen', rating: 11, episodesWatched: 1.5 }), [
			['status', 'Invalid status'],
			['rating', 'Rating must be between 1 and 10'],
			['episodesWatched', 'Episodes watched must be a positive number'],
		]);
		blames(await who.put(`/api/watchlist/${item._id}`, { rating: 6, notes: 'x'.repeat(501) }), 'notes');
		for (const status of [[], '']) blames(await who.put(`/api/watchlist/${item._id}`, { rating: 6, status }), 'status');
		assert.deepEqual(good(await who.get('/api/watchlist')), [item]);
	});
	test('an unknown or malformed id is 404, also for a body that would be refused or is empty', async () => {
		const who = await person(daemon);
		for (const id of [MISSING_OID, 'x', '0'.repeat(23), '0'.repeat(25), 'z'.repeat(24), '%20', hex(100), '-1'])
			refused(await who.put(`/api/watchlist/${id}`, { status: 'watching' }), 404, NOT_FOUND);
	});
	test("somebody else's item is 404 and stays as it is", async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		const item = await add(a, listed('x', { rating: 5 }));
		refused(await b.put(`/api/watchlist/${item._id}`, { rating: 1 }), 404, NOT_FOUND);
		assert.deepEqual(good(await a.get('/api/watchlist')), [item]);
	});
});

describe('removing', () => {
	test('takes it off every view', async () => {
		const who = await person(daemon);
		const [item, other] = [await add(who, listed('x', { rating: 5 })), await add(who, listed('y', { rating: 6 }))];
		says(await who.del(`/api/watchlist/${item._id}`), 'Removed from watchlist');
		assert.deepEqual(good(await who.get('/api/watchlist')), [other]);
		assert.deepEqual(good(await who.get('/api/watchlist/check/x')), { inWatchlist: false, item: null });
		const stats = good(await who.get('/api/watchlist/stats'));
		assert.deepEqual([stats.total, stats.averageRating], [1, '6']);
		refused(await who.del(`/api/watchlist/${item._id}`), 404, NOT_FOUND);
		refused(await who.put(`/api/watchlist/${item._id}`, { rating: 5 }), 404, NOT_FOUND);
	});
	test('an unknown, malformed or foreign id is 404', async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		const item = await add(a, listed('x'));
		for (const id of [MISSING_OID, 'x', '0'.repeat(23), hex(100), item._id])
			refused(await b.del(`/api/watchlist/${id}`), 404, NOT_FOUND);
		assert.equal(good(await a.get('/api/watchlist')).length, 1);
	});
	test('leaves the progress of the same title alone', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x'));
		good(await who.post('/api/continue-watching', { animeId: 'x', animeTitle: 'X', currentEpisode: 3, currentTime: 60 }));
		says(await who.del(`/api/watchlist/${item._id}`), 'Removed from watchlist');
		assert.equal(good(await who.get('/api/continue-watching/x')).currentTime, 60);
	});
});

describe('with MAX_ITEMS=3', () => {
	test('a fourth key is 422 too_many_items in either collection; stubs count; known keys go on', async () => {
		const own = await startDaemon({ env: { MAX_ITEMS: '3' } });
		const who = await person(own);
		const items = await fill(who, 3);
		const full = refused(await who.post('/api/watchlist', listed('d')), 422, undefined, 'too_many_items');
		assert.ok(full.message.length > 0);
		says(await who.del(`/api/watchlist/${items[0]._id}`), 'Removed from watchlist');
		refused(await who.post('/api/watchlist', listed('d')), 422, undefined, 'too_many_items');
		await add(who, listed('a-0'));
		good(await who.put(`/api/watchlist/${items[1]._id}`, { rating: 5 }));
		for (let i = 0; i < 3; i++) good(await who.post('/api/continue-watching', { ...listed(`p-${i}`), currentEpisode: 1 }));
		refused(
			await who.post('/api/continue-watching', { ...listed('p-3'), currentEpisode: 1 }),
			422,
			undefined,
			'too_many_items',
		);
		good(await who.post('/api/continue-watching', { ...listed('p-0'), currentEpisode: 2 }));
		assert.equal(good(await who.get('/api/watchlist')).length, 3);
		assert.equal(good(await who.get('/api/continue-watching')).length, 3);
		const other = await person(own);
		await add(other, listed('d'));
		await own.stop();
	});
});

test('null in an optional field, rating aside, is as if the field were not there', async () => {
	const who = await person(daemon);
	const item = await add(who, {
		animeId: 'x',
		animeTitle: 'X',
		animeImage: null,
		status: null,
		episodesWatched: null,
		totalEpisodes: null,
		notes: null,
	});
	assert.deepEqual(
		[item.animeImage, item.status, item.episodesWatched, item.totalEpisodes, item.notes],
		['', 'plan_to_watch', 0, 0, ''],
	);
	good(await who.put(`/api/watchlist/${item._id}`, { status: 'dropped', notes: 'n', episodesWatched: 3 }));
	const data = good(await who.put(`/api/watchlist/${item._id}`, { status: null, notes: null, episodesWatched: null }));
	assert.deepEqual([data.status, data.notes, data.episodesWatched], ['dropped', 'n', 3]);
});
