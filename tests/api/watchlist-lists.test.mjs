// Reading the watchlist, its statistics and single titles: the API document, design.md section 5, live-clients.md sections 2 and 3.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { STATUSES, WATCHLIST_FIELDS, blames, fields, good, hex, invalid, listed, person, says } from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const add = async (who, body) => good(await who.post('/api/watchlist', body), 201);
const fill = async (who, count, more = {}) => {
	const items = [];
	for (let i = 0; i < count; i++) items.push(await add(who, listed(`${more.prefix ?? 'a'}-${i}`, more.fields)));
	return items;
};
const newestFirst = (items) => [...items].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : a.updatedAt > b.updatedAt ? -1 : 0));

describe('reading', () => {
	test('lists whole documents, newest updatedAt first', async () => {
		const who = await person(daemon);
		await fill(who, 5);
		const reply = await who.get('/api/watchlist');
		fields(reply.json, ['data', 'pagination', 'success']);
		const items = good(reply);
		for (const item of items) fields(item, WATCHLIST_FIELDS);
		assert.deepEqual(
			items.map((i) => i.updatedAt),
			newestFirst(items).map((i) => i.updatedAt),
		);
		assert.deepEqual(items.map((i) => i.animeId).sort(), ['a-0', 'a-1', 'a-2', 'a-3', 'a-4']);
	});
	test('a change moves an item to the front', async () => {
		const who = await person(daemon);
		const items = await fill(who, 4);
		const newest = items.reduce((max, i) => (i.updatedAt > max ? i.updatedAt : max), '');
		await waitFor(
			async () => {
				const item = good(await who.put(`/api/watchlist/${items[1]._id}`, { notes: hex(4) }));
				return item.updatedAt > newest;
			},
			{ what: 'a later updatedAt' },
		);
		assert.equal(good(await who.get('/api/watchlist'))[0]._id, items[1]._id);
	});
	test('without page and limit: page 1 of 20, and the whole count', async () => {
		const who = await person(daemon);
		await fill(who, 23);
		const reply = await who.get('/api/watchlist');
		assert.equal(good(reply).length, 20);
		assert.deepEqual(reply.json.pagination, { page: 1, limit: 20, total: 23, pages: 2 });
	});
	test('pages hold each item once, in the one order; a page past the end is empty', async () => {
		const who = await person(daemon);
		await fill(who, 23);
		const all = good(await who.get('/api/watchlist?limit=100'));
		const paged = [];
		for (let page = 1; page <= 4; page++) {
			const reply = await who.get(`/api/watchlist?limit=7&page=${page}`);
			assert.deepEqual(reply.json.pagination, { page, limit: 7, total: 23, pages: 4 });
			paged.push(...good(reply));
		}
		assert.deepEqual(paged, all);
		for (const page of [5, 1000, 2147483648]) {
			const past = await who.get(`/api/watchlist?limit=7&page=${page}`);
			assert.deepEqual(good(past), []);
			assert.equal(past.json.pagination.total, 23);
		}
	});
	test('page and limit are clamped to their ranges', async () => {
		const who = await person(daemon);
		await fill(who, 3);
		for (const [query, page, limit, count] of [
			['limit=0', 1, 1, 1],
			['limit=-5', 1, 1, 1],
			['limit=101', 1, 100, 3],
			['limit=1000000', 1, 100, 3],
			['page=0', 1, 20, 3],
			['page=-2', 1, 20, 3],
			['page=1&limit=2', 1, 2, 2],
		]) {
			const reply = await who.get(`/api/watchlist?${query}`);
			assert.equal(good(reply).length, count, query);
			assert.equal(reply.json.pagination.page, page, query);
			assert.equal(reply.json.pagination.limit, limit, query);
		}
	});
	test('a page or limit that is no integer is 422', async () => {
		const who = await person(daemon);
		for (const name of ['page', 'limit'])
			for (const value of ['abc', '1.5', '', '1e2', '0x10', '--1', 'NaN', '%201x'])
				blames(await who.get(`/api/watchlist?${name}=${value}`), name);
	});
	test('an enormous integer is clamped, not misread', async () => {
		const who = await person(daemon);
		await fill(who, 2);
		const huge = '9'.repeat(30);
		const limited = await who.get(`/api/watchlist?limit=${huge}`);
		assert.equal(good(limited).length, 2);
		assert.equal(limited.json.pagination.limit, 100);
		assert.deepEqual(good(await who.get(`/api/watchlist?page=${huge}`)), []);
		assert.equal(good(await who.get(`/api/watchlist?page=-${huge}`)).length, 2);
	});
	test('filters by each status, and total counts what the filter lets through', async () => {
		const who = await person(daemon);
		for (const [i, status] of STATUSES.entries()) await fill(who, i, { prefix: status, fields: { status } });
		for (const [i, status] of STATUSES.entries()) {
			const reply = await who.get(`/api/watchlist?status=${status}&limit=2`);
			const items = good(reply);
			assert.equal(items.length, Math.min(i, 2));
			assert.ok(items.every((item) => item.status === status));
			assert.deepEqual(reply.json.pagination, { page: 1, limit: 2, total: i, pages: Math.ceil(i / 2) });
		}
	});
	test('a filter follows a change of status', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { status: 'watching' }));
		good(await who.put(`/api/watchlist/${item._id}`, { status: 'completed' }));
		assert.deepEqual(good(await who.get('/api/watchlist?status=watching')), []);
		assert.equal(good(await who.get('/api/watchlist?status=completed')).length, 1);
	});
	test('an unknown status filter is 422', async () => {
		const who = await person(daemon);
		for (const status of ['seen', 'WATCHING', 'watching%20', 'watching,dropped'])
			invalid(await who.get(`/api/watchlist?status=${status}`), [['status', 'Invalid status']]);
	});
	test('unknown parameters are ignored', async () => {
		const who = await person(daemon);
		await fill(who, 2);
		assert.equal(good(await who.get('/api/watchlist?sort=title&user=1&q=%E7%B6%9A')).length, 2);
	});
	test('an empty list has no pages', async () => {
		const who = await person(daemon);
		const reply = await who.get('/api/watchlist');
		assert.deepEqual(good(reply), []);
		assert.deepEqual(reply.json.pagination, { page: 1, limit: 20, total: 0, pages: 0 });
	});
	test('paths match in any case and with one slash at the end', async () => {
		const who = await person(daemon);
		await add(who, listed('Mixed-Case'));
		for (const path of ['/api/watchlist/', '/API/WatchList', '/Api/Watchlist/?limit=1'])
			assert.equal(good(await who.get(path)).length, 1, path);
		assert.equal(good(await who.get('/API/Watchlist/CHECK/Mixed-Case')).inWatchlist, true);
		assert.equal(good(await who.get('/api/watchlist/check/mixed-case')).inWatchlist, false);
		assert.equal(good(await who.get('/api/watchlist/STATS/')).total, 1);
	});
	test('HEAD answers as GET without the body', async () => {
		const who = await person(daemon);
		const reply = await who.api('HEAD', '/api/watchlist', { token: who.token });
		assert.equal(reply.status, 200);
		assert.equal(reply.text, '');
	});
});

describe('with WATCHLIST_PAGE_DEFAULT=0', () => {
	test('the whole list comes as page 1 of 1, and paging still works when asked for', async () => {
		const own = await startDaemon({ env: { WATCHLIST_PAGE_DEFAULT: '0' } });
		const who = await person(own);
		await fill(who, 23);
		const reply = await who.get('/api/watchlist');
		assert.equal(good(reply).length, 23);
		const { page, pages, total } = reply.json.pagination;
		assert.deepEqual({ page, pages, total }, { page: 1, pages: 1, total: 23 });
		const paged = await who.get('/api/watchlist?limit=5&page=2');
		assert.equal(good(paged).length, 5);
		assert.deepEqual(paged.json.pagination, { page: 2, limit: 5, total: 23, pages: 5 });
		await own.stop();
	});
});

describe('check', () => {
	test('holds the whole item, or null', async () => {
		const who = await person(daemon);
		const item = await add(who, listed('x', { rating: 9 }));
		assert.deepEqual(good(await who.get('/api/watchlist/check/x')), { inWatchlist: true, item });
		assert.deepEqual(good(await who.get('/api/watchlist/check/y')), { inWatchlist: false, item: null });
	});
	test('finds keys with slashes, blanks, percent signs, pluses and names of routes', async () => {
		const who = await person(daemon);
		for (const key of [
			'a/b',
			'a b',
			'100%',
			'a+b',
			'stats',
			'check/x',
			'x/restore',
			'ä',
			'q?x=1',
			'h#1',
			'semi;colon',
			'a:b',
			'a&b=c',
		]) {
			await add(who, listed(key));
			assert.equal(good(await who.get(`/api/watchlist/check/${encodeURIComponent(key)}`)).item?.animeId, key);
		}
	});
	test('an absent key of any shape is no error', async () => {
		const who = await person(daemon);
		for (const key of ['a'.repeat(200), 'a'.repeat(1000), '%E2%82%AC', '%01'])
			assert.deepEqual(good(await who.get(`/api/watchlist/check/${key}`)), { inWatchlist: false, item: null });
	});
});

describe('stats', () => {
	const stats = async (who) => good(await who.get('/api/watchlist/stats'));
	test('of an empty list are zeros and the text "0"', async () => {
		assert.deepEqual(await stats(await person(daemon)), {
			total: 0,
			plan_to_watch: 0,
			watching: 0,
			on_hold: 0,
			completed: 0,
			dropped: 0,
			averageRating: '0',
		});
	});
	test('count every status', async () => {
		const who = await person(daemon);
		for (const [i, status] of STATUSES.entries()) await fill(who, i, { prefix: status, fields: { status } });
		assert.deepEqual(await stats(who), {
			total: 10,
			plan_to_watch: 0,
			watching: 1,
			on_hold: 2,
			completed: 3,
			dropped: 4,
			averageRating: '0',
		});
	});
	for (const [ratings, expected] of [
		[[9], '9'],
		[[10, 10], '10'],
		[[8, 9], '8.5'],
		[[7, 7, 8], '7.33'],
		[[7, 8, 8], '7.67'],
		[[1, 2, 2, 2], '1.75'],
		[[8, 8, 8, 9, 9], '8.4'],
		[[null, 6, null], '6'],
		[[10, 10, 10, 10, 10, 10, 10, 9], '9.88'],
		[[null, null], '0'],
	])
		test(`averageRating of ${JSON.stringify(ratings)} is "${expected}": over rated items only`, async () => {
			const who = await person(daemon);
			for (const [i, rating] of ratings.entries()) await add(who, listed(`s-${i}`, rating === null ? {} : { rating }));
			assert.strictEqual((await stats(who)).averageRating, expected);
		});
	test('follow changes, removals and re-additions', async () => {
		const who = await person(daemon);
		const a = await add(who, listed('a', { rating: 4, status: 'watching' }));
		const b = await add(who, listed('b', { rating: 8, status: 'watching' }));
		good(await who.put(`/api/watchlist/${a._id}`, { rating: 7, status: 'completed' }));
		assert.deepEqual(await stats(who), {
			total: 2,
			plan_to_watch: 0,
			watching: 1,
			on_hold: 0,
			completed: 1,
			dropped: 0,
			averageRating: '7.5',
		});
		says(await who.del(`/api/watchlist/${b._id}`), 'Removed from watchlist');
		assert.deepEqual(await stats(who), {
			total: 1,
			plan_to_watch: 0,
			watching: 0,
			on_hold: 0,
			completed: 1,
			dropped: 0,
			averageRating: '7',
		});
		await add(who, listed('b'));
		assert.deepEqual(await stats(who), {
			total: 2,
			plan_to_watch: 1,
			watching: 0,
			on_hold: 0,
			completed: 1,
			dropped: 0,
			averageRating: '7',
		});
	});
});
