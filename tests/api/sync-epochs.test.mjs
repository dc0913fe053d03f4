// Epochs: restarts, a database put back from a backup, and how everything that devices still hold comes back (S7;
// sync-protocol.md sections 1, 3 and 6).
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { startDaemon, tempDir } from '../harness/daemon.mjs';
import { good, person, session } from './support.mjs';
import {
	Copy,
	Device,
	MINUTE,
	YEAR,
	clear,
	counterOf,
	deviceOf,
	epochOf,
	exchange,
	msOf,
	place,
	rate,
	remove,
	seqOf,
	serverShows,
	stampOf,
} from './replica.mjs';

async function pair(on) {
	const who = await person(on, { deviceName: 'TV' });
	return [new Device(who), new Device(await session(on, who, { deviceName: 'Phone' }))];
}
const rows = async ({ who }, collection, key) => good(await who.get(`/api/history/${collection}/${key}`)).length;

/** A backup as an owner takes it: the stopped server's folder, copied. */
async function backup(daemon) {
	await daemon.stop();
	const folder = path.join(tempDir('backup'), 'data');
	cpSync(daemon.dataDir, folder, { recursive: true });
	await daemon.restart();
	return folder;
}
/** And put back. */
async function restore(daemon, folder) {
	await daemon.stop();
	rmSync(daemon.dataDir, { recursive: true });
	cpSync(folder, daemon.dataDir, { recursive: true });
	await daemon.restart();
}

/** Every settled register, delete and barrier of a copy, as offers: one op per distinct stamp of an item. */
function offers(copy) {
	const ops = new Map();
	const of = (name, stamp, op) => {
		const key = `${name} ${stamp}`;
		if (!ops.has(key)) ops.set(key, { ...op, stamp, origin: deviceOf(stamp) });
		return ops.get(key);
	};
	for (const [name, { registers, deletedStamp }] of copy.items) {
		const [collection] = name.split('/', 1);
		const key = name.slice(collection.length + 1);
		for (const [register, { value, stamp }] of Object.entries(registers))
			(of(name, stamp, { collection, key }).set ??= {})[register] = value;
		if (deletedStamp) of(`${name} delete`, deletedStamp, { collection, key, delete: true });
	}
	for (const [collection, stamp] of Object.entries(copy.cleared)) of(`${collection} clear`, stamp, { collection, clear: true });
	return [...ops.values()];
}

/** Syncs as a client does that is told to offer: it offers what it held, then keeps what it is sent. */
async function recover(copy, head) {
	const data = await exchange(copy.device.who, { cursor: copy.cursor, head, ops: [] });
	if (!data.offer) return false;
	const mine = offers(copy);
	copy.apply([], data);
	for (let more = data.more; more; ) {
		const page = await exchange(copy.device.who, { cursor: copy.cursor, ops: [] });
		copy.apply([], page);
		({ more } = page);
	}
	await copy.sync(mine);
	return true;
}

describe('a restart', () => {
	test('begins an epoch with the first write, not before; cursors of the one before stay good', async () => {
		const daemon = await startDaemon();
		const [tv, phone] = await pair(daemon);
		await tv.push(rate('a', 1), rate('b', 1));
		const { cursor } = await exchange(tv.who, { cursor: null });
		await daemon.restart();
		const quiet = await exchange(phone.who, { cursor });
		assert.deepEqual([quiet.head, quiet.offer, quiet.items], [cursor, undefined, []]);
		await phone.act(rate('b', 2));
		const { head } = await exchange(phone.who);
		assert.notEqual(epochOf(head), epochOf(cursor));
		assert.equal(seqOf(head), seqOf(cursor) + 1, 'numbers go on');
		const data = await exchange(tv.who, { cursor, head: cursor });
		assert.deepEqual([data.offer, data.items.map((i) => i.key), data.cursor], [undefined, ['b'], head]);
		await daemon.stop();
	});
	test('and a kill, many times, leave every cursor that was ever given good', async () => {
		const daemon = await startDaemon();
		const [tv] = await pair(daemon);
		const cursors = [];
		for (let i = 0; i < 6; i++) {
			await tv.act(rate(`k${i}`, 1));
			cursors.push((await exchange(tv.who)).head);
			await daemon[i % 2 ? 'kill' : 'stop']();
			await daemon.restart();
		}
		assert.equal(new Set(cursors.map(epochOf)).size, 6);
		for (const [i, cursor] of cursors.entries()) {
			const data = await exchange(tv.who, { cursor });
			assert.equal(data.offer, undefined);
			assert.deepEqual(
				data.items.map((item) => item.key),
				Array.from({ length: 5 - i }, (_, j) => `k${i + 1 + j}`),
			);
		}
		await daemon.stop();
	});
	test('begins one for each user by itself', async () => {
		const daemon = await startDaemon();
		const [[a], [b]] = [await pair(daemon), await pair(daemon)];
		await a.act(rate('a', 1));
		await b.act(rate('b', 1));
		await daemon.restart();
		const before = await exchange(b.who);
		await a.act(rate('a', 2));
		assert.equal((await exchange(b.who)).head, before.head);
		await daemon.stop();
	});
});

describe('a server that lost history', () => {
	/** The backup has `a` and `b`; since then the tv changed `a`, added `c`, the phone deleted `b`. */
	async function lost() {
		const daemon = await startDaemon();
		const [tv, phone] = await pair(daemon);
		const copies = [new Copy(tv), new Copy(phone)];
		await copies[0].sync([rate('a', 1), rate('b', 1), place('x', 1, 10)]);
		const old = (await exchange(tv.who)).head;
		const folder = await backup(daemon);
		await copies[0].sync([rate('a', 2), rate('c', 3), place('x', 7, 700)]);
		await copies[1].sync([remove('watchlist', 'b')]);
		await copies[0].sync();
		const held = await serverShows(tv.who);
		const { head } = await exchange(tv.who);
		await restore(daemon, folder);
		return { daemon, tv, phone, copies, old, held, head };
	}

	test('says so to whoever comes with a cursor of the lost stretch: from zero, with offer, in a new epoch', async () => {
		const { daemon, tv, head, old } = await lost();
		const data = await exchange(tv.who, { cursor: head });
		assert.equal(data.offer, true);
		assert.deepEqual(data.items.map((i) => i.key).sort(), ['a', 'b', 'x']);
		for (const epoch of [head, old]) assert.notEqual(epochOf(data.cursor), epochOf(epoch));
		await daemon.stop();
	});
	test('regains everything from the devices that hold it, with the very stamps', async () => {
		const { daemon, tv, copies, held, head } = await lost();
		assert.notDeepEqual(await serverShows(tv.who), held);
		for (const copy of copies) assert.equal(await recover(copy, head), true);
		assert.deepEqual(await serverShows(tv.who), held);
		for (const copy of copies) {
			await copy.sync();
			assert.deepEqual(copy.shows(), held);
		}
		const [item] = good(await tv.who.get('/api/continue-watching'));
		assert.deepEqual([item.currentEpisode, item.currentTime], [7, 700]);
		assert.deepEqual(
			good(await tv.who.get('/api/watchlist'))
				.map((i) => [i.animeId, i.rating])
				.sort(),
			[
				['a', 2],
				['c', 3],
			],
		);
		await daemon.stop();
	});
	test('keeps its devices logged in, and what happens meanwhile wins over what is offered', async () => {
		const { daemon, tv, phone, copies, head } = await lost();
		good(await tv.who.get('/api/auth/me'));
		good(await phone.who.get('/api/auth/me'));
		const newest = await phone.act(rate('a', 9, { n: 100 }));
		assert.equal(await recover(copies[0], head), true);
		const shows = await serverShows(tv.who);
		assert.deepEqual(shows['watchlist/a'].rating, { value: 9, stamp: newest.stamp });
		assert.equal(shows['watchlist/c'].rating.value, 3);
		await daemon.stop();
	});
	test('shows by the head alone, when the cursor is older than the backup', async () => {
		const { daemon, tv, head, old } = await lost();
		const good = await exchange(tv.who, { cursor: old, head: old });
		assert.equal(good.offer, undefined, 'the old cursor by itself proves nothing');
		const data = await exchange(tv.who, { cursor: old, head });
		assert.equal(data.offer, true);
		assert.equal(data.items.length, 3, 'from zero');
		const without = await exchange(tv.who, { head });
		assert.equal(without.offer, true);
		await daemon.stop();
	});
	test('begins one epoch for it, not one for each who comes: marked ones are answered the same', async () => {
		const { daemon, tv, phone, head, old } = await lost();
		const first = await exchange(tv.who, { cursor: head });
		for (const body of [{ cursor: head }, { cursor: old, head }, { cursor: old }, { head: old }]) {
			const data = await exchange(phone.who, body);
			assert.deepEqual([data.offer, data.cursor, data.items.length], [true, first.cursor, 3]);
		}
		const after = await exchange(phone.who, { cursor: first.cursor, head: first.head });
		assert.deepEqual([after.offer, after.items], [undefined, []]);
		await daemon.restart();
		assert.equal((await exchange(phone.who, { cursor: head })).offer, true, 'and it is known after a restart');
		assert.equal((await exchange(phone.who, { cursor: first.cursor })).offer, undefined);
		await daemon.stop();
	});
	test('shows in the answer to a push too: the ops are taken, and the page starts from zero', async () => {
		const { daemon, tv, head } = await lost();
		tv.n = 50;
		const data = await tv.exchange([rate('d', 4)], { cursor: head });
		assert.deepEqual([data.offer, data.results[0].outcome, data.items.map((i) => i.key).sort()], [true, 'applied', ['a', 'b', 'd', 'x']]);
		await daemon.stop();
	});
	test('shows although it was written to before anybody noticed, with as many changes as were lost', async () => {
		const { daemon, tv, phone, copies, held, head } = await lost();
		phone.n = 50;
		for (let i = 0; i < 20; i++) await phone.act(rate(`new${i}`, 1));
		assert.ok(seqOf((await exchange(tv.who)).head) > seqOf(head));
		for (const copy of copies) assert.equal(await recover(copy, head), true);
		const shows = await serverShows(tv.who);
		for (const [name, registers] of Object.entries(held)) assert.deepEqual(shows[name], registers, name);
		await daemon.stop();
	});
	test('regains deletes and barriers: what was cleared does not come back', async () => {
		const daemon = await startDaemon();
		const [tv] = await pair(daemon);
		const copy = new Copy(tv);
		await copy.sync([rate('a', 1), place('x', 1, 10), place('y', 2, 20)]);
		const folder = await backup(daemon);
		await copy.sync([remove('watchlist', 'a'), clear('progress')]);
		const { head, cleared } = await exchange(tv.who);
		await restore(daemon, folder);
		assert.equal(good(await tv.who.get('/api/continue-watching')).length, 2);
		assert.equal(await recover(copy, head), true);
		assert.deepEqual(good(await tv.who.get('/api/continue-watching')), []);
		assert.deepEqual(good(await tv.who.get('/api/watchlist')), []);
		assert.deepEqual((await exchange(tv.who)).cleared, cleared);
		await daemon.stop();
	});
});

describe('an offer', () => {
	let daemon;
	before(async () => {
		daemon = await startDaemon();
	});
	const origin = 'fedcba9876543210';
	test('is accepted with exactly its stamp', async () => {
		const [tv] = await pair(daemon);
		const stamp = stampOf(Date.now() - YEAR, origin, 77);
		assert.deepEqual(await tv.act(rate('a', 7, { stamp, origin })), { n: 1, outcome: 'applied', stamp });
		const [item] = (await exchange(tv.who, { cursor: null })).items;
		assert.deepEqual(item.registers.rating, { value: 7, stamp });
	});
	test('loses to what is newer, in its registers, as any op', async () => {
		const [tv] = await pair(daemon);
		const newer = await tv.act(rate('a', 1));
		const stamp = stampOf(Date.now() - MINUTE, origin);
		const op = { collection: 'watchlist', key: 'a', set: { rating: 7, notes: 'n' }, stamp, origin };
		const merged = await tv.act(op, 'merged');
		assert.deepEqual(merged.registers, { rating: { value: 1, stamp: newer.stamp } });
	});
	test('of what is held already is applied and not journalled: registers, deletes and barriers', async () => {
		const own = await startDaemon();
		const [tv] = await pair(own);
		const ops = [rate('a', 7), remove('watchlist', 'b'), clear('progress'), { collection: 'watchlist', key: 'c', set: { notes: 'n', rating: 3 } }];
		const results = await tv.push(...ops);
		await own.restart();
		await tv.act(rate('of another epoch', 1));
		const before = await exchange(tv.who);
		const counts = [await rows(tv, 'watchlist', 'a'), await rows(tv, 'watchlist', 'b')];
		const again = await tv.push(...ops.map((op, i) => ({ ...op, stamp: results[i].stamp, origin: tv.id })));
		assert.deepEqual(
			again.map(({ n, ...rest }) => rest),
			results.map(({ stamp }) => ({ outcome: 'applied', stamp })),
		);
		assert.equal((await exchange(tv.who)).head, before.head);
		assert.deepEqual([await rows(tv, 'watchlist', 'a'), await rows(tv, 'watchlist', 'b')], counts);
		await own.stop();
	});
	test('from two devices that hold the same is journalled once', async () => {
		const [tv, phone] = await pair(daemon);
		const op = rate('a', 7, { stamp: stampOf(Date.now() - MINUTE, origin), origin });
		await tv.act(op);
		await phone.act(op);
		assert.equal(await rows(tv, 'watchlist', 'a'), 1);
	});
	test("of equal stamps and different values is decided by the value, whoever comes first", async () => {
		const stamp = stampOf(Date.now() - MINUTE, origin);
		const shown = [];
		for (const order of [
			[3, 7],
			[7, 3],
		]) {
			const [tv] = await pair(daemon);
			for (const rating of order) await tv.push(rate('a', rating, { stamp, origin }));
			shown.push(good(await tv.who.get('/api/watchlist'))[0].rating);
		}
		assert.deepEqual(shown, [7, 7]);
	});
	test('later than the beginning of the epoch is put at the beginning, in its order; what happens here is later still', async () => {
		const own = await startDaemon();
		const [tv, phone] = await pair(own);
		await tv.act(rate('z', 1));
		await own.restart();
		const begin = Date.now();
		await tv.act(rate('z', 2));
		const began = Date.now();
		// As a server leaves them behind whose clock was ahead when it lost its history.
		const future = Date.now() + 10 * YEAR;
		const offer = (key, ms) => rate(key, 7, { stamp: stampOf(ms, origin, 9), origin });
		const results = await tv.push(offer('a', future), offer('b', future + 1), offer('c', began + 2500), offer('d', began + 100500));
		for (const { outcome, stamp } of results) {
			assert.equal(outcome, 'applied');
			assert.equal(deviceOf(stamp), origin);
			assert.ok(msOf(stamp) >= begin - 2 && msOf(stamp) <= began, 'the beginning');
			assert.equal(msOf(stamp), msOf(results[0].stamp));
		}
		const [a, b, c, d] = results.map((r) => counterOf(r.stamp));
		assert.deepEqual([a, b], [65535, 65535], 'as late as can be told');
		assert.ok(c >= 2 && c <= 4 + (began - begin) / 1000, `${c} seconds`);
		assert.ok(d - c === 98, `${d - c} seconds between them`);
		const newer = await phone.act(rate('a', 1));
		assert.ok(newer.stamp > results[0].stamp);
		await own.stop();
	});
});

describe('a cursor or head of somebody else', () => {
	let daemon;
	before(async () => {
		daemon = await startDaemon();
	});
	test('(another user) is unknown here: an own epoch begins, and nothing of theirs is told', async () => {
		const [[a], [b]] = [await pair(daemon), await pair(daemon)];
		await a.push(rate('secret', 1), rate('more', 2));
		await b.act(rate('mine', 1));
		const theirs = (await exchange(a.who)).head;
		const before = (await exchange(b.who)).head;
		const data = await exchange(b.who, { cursor: theirs });
		assert.equal(data.offer, true);
		assert.deepEqual(
			data.items.map((i) => i.key),
			['mine'],
		);
		for (const head of [theirs, before]) assert.notEqual(epochOf(data.cursor), epochOf(head));
		assert.equal((await exchange(a.who)).head, theirs, 'and nothing happens to them');
		assert.equal((await exchange(a.who, { cursor: theirs })).offer, undefined);
	});
	test('(another server) is the same', async () => {
		const other = await startDaemon();
		const [c] = await pair(other);
		await c.act(rate('there', 1));
		const there = await exchange(c.who);
		const [a] = await pair(daemon);
		await a.act(rate('here', 1));
		const here = await exchange(a.who);
		assert.notEqual(there.server, here.server, 'two servers have two identities');
		assert.equal((await exchange(a.who, { head: there.head })).offer, true);
		await other.stop();
	});
	test('of the present epoch, but beyond its end, proves a loss too', async () => {
		const [a] = await pair(daemon);
		await a.act(rate('here', 1));
		const { head } = await exchange(a.who);
		const beyond = `${epochOf(head)}:${seqOf(head) + 1}`;
		const data = await exchange(a.who, { cursor: beyond });
		assert.equal(data.offer, true);
		assert.notEqual(epochOf(data.head), epochOf(head));
		assert.equal((await exchange(a.who, { cursor: beyond })).cursor, data.cursor);
		assert.equal((await exchange(a.who, { cursor: `${epochOf(head)}:9223372036854775807` })).offer, true);
	});
});

test('the identity of a server is kept through restarts and a restore', async () => {
	const daemon = await startDaemon();
	const [tv] = await pair(daemon);
	const { server } = await exchange(tv.who);
	assert.ok(server.length > 0);
	const folder = await backup(daemon);
	assert.equal((await exchange(tv.who)).server, server);
	await tv.act(rate('a', 1));
	await restore(daemon, folder);
	assert.equal((await exchange(tv.who)).server, server);
	await daemon.stop();
});
