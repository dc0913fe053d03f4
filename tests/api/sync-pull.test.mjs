// Pulling: the delta since a cursor, page by page (sync-protocol.md section 6).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, invalid, listed, person, session, watched } from './support.mjs';
import { Copy, Device, MINUTE, at, clear, exchange, place, pullAll, rate, remove, seqOf, serverShows } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

async function pair() {
	const who = await person(daemon, { deviceName: 'TV' });
	return [new Device(who), new Device(await session(daemon, who, { deviceName: 'Phone' }))];
}
const keys = (data) => data.items.map((i) => i.key);
/** The same numbers every time: what fails here fails again. */
function dice(seed) {
	return (most) => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return Math.floor((seed / 2147483648) * most);
	};
}

describe('a cursor', () => {
	test('that is absent asks for nothing: the answer holds the head', async () => {
		const [tv] = await pair();
		await tv.act(rate('a', 1));
		const data = await exchange(tv.who);
		assert.deepEqual([data.items, data.more, data.cursor], [[], false, data.head]);
		assert.equal(seqOf(data.head), 1);
	});
	test('that is null asks for everything, stubs of deleted items too', async () => {
		const [tv] = await pair();
		await tv.push(rate('a', 1), place('b', 1, 5), rate('c', 3), remove('watchlist', 'c'));
		const data = await exchange(tv.who, { cursor: null });
		assert.deepEqual(keys(data), ['a', 'b', 'c']);
		assert.deepEqual(
			data.items.map((i) => i.deleted),
			[false, false, true],
		);
	});
	test('asks for what came after it, in the order of the last change, each item once', async () => {
		const [tv, phone] = await pair();
		await tv.push(rate('a', 1), rate('b', 1), rate('c', 1));
		const { cursor } = await exchange(phone.who);
		assert.deepEqual((await exchange(phone.who, { cursor })).items, []);
		await tv.push(rate('b', 2));
		await tv.push(rate('a', 2));
		await tv.push(rate('b', 3));
		const data = await exchange(phone.who, { cursor });
		assert.deepEqual(keys(data), ['a', 'b']);
		assert.equal(data.items[1].registers.rating.value, 3);
		assert.equal(data.cursor, data.head);
	});
	for (const cursor of ['', '1042', '9f3c2a10', '9f3c2a10:', '9f3c2a10:x', '9f3c2a10:-1', '9F3C2A10:1', '9f3c2a1:10', 'zzzzzzzz:1'])
		test(`"${cursor}" is ill-formed, as a cursor and as a head`, async () => {
			const [tv] = await pair();
			const op = { n: 1, ...rate('a', 1) };
			invalid(await tv.who.post('/api/sync', { cursor, ops: [op] }), [['cursor']]);
			invalid(await tv.who.post('/api/sync', { head: cursor, ops: [op] }), [['head']]);
			assert.deepEqual(good(await tv.who.get('/api/watchlist')), [], 'nothing was written');
		});
	for (const cursor of [1042, true, {}, [], '9f3c2a10:99999999999999999999', '9f3c2a10: 1', ' 9f3c2a10:1', '9f3c2a10:1\n'])
		test(`${JSON.stringify(cursor)} is none either`, async () => {
			const [tv] = await pair();
			invalid(await tv.who.post('/api/sync', { cursor }), [['cursor']]);
			invalid(await tv.who.post('/api/sync', { head: cursor }), [['head']]);
		});
});

describe('an item of a page', () => {
	test('has the ids and dates of the REST lists, and every register with its stamp', async () => {
		const [tv] = await pair();
		const { _id, createdAt } = good(await tv.who.post('/api/watchlist', listed('a', { rating: 9, notes: 'n' })), 201);
		const progress = good(await tv.who.post('/api/continue-watching', watched('a', 5, 300, 1440)));
		const { items } = await exchange(tv.who, { cursor: null });
		assert.deepEqual(
			items.map((i) => [i.collection, i._id, i.created, i.deleted]),
			[
				['watchlist', _id, createdAt, false],
				['progress', progress._id, progress.createdAt, false],
			],
		);
		assert.deepEqual(Object.keys(items[0].registers).sort(), [
			'animeImage',
			'animeTitle',
			'episodesWatched',
			'notes',
			'rating',
			'status',
			'totalEpisodes',
		]);
		assert.deepEqual(items[1].registers.position.value, at(5, 300));
	});
	test('shows whatever REST did: adding, changing, deleting, watching, bringing back', async () => {
		const [tv, phone] = await pair();
		let { cursor } = await exchange(phone.who);
		const since = async () => {
			const data = await exchange(phone.who, { cursor });
			({ cursor } = data);
			return data.items;
		};
		const { _id } = good(await tv.who.post('/api/watchlist', listed('a', { rating: 9 })), 201);
		assert.deepEqual((await since()).map((i) => i.registers.rating.value), [9]);
		good(await tv.who.put(`/api/watchlist/${_id}`, { rating: null }));
		assert.deepEqual((await since()).map((i) => i.registers.rating.value), [null]);
		await tv.who.del(`/api/watchlist/${_id}`);
		assert.deepEqual((await since()).map((i) => [i.key, i.deleted]), [['a', true]]);
		good(await tv.who.post('/api/continue-watching', watched('b', 5, 300, 1440)));
		good(await tv.who.post('/api/continue-watching', watched('b', 5, 10, 1440)));
		assert.deepEqual((await since()).map((i) => i.registers.position.value.currentTime), [10]);
		const rows = good(await tv.who.get('/api/history/progress/b'));
		good(await tv.who.post('/api/history/progress/b/restore', { seq: rows.at(-1).seq }));
		assert.deepEqual((await since()).map((i) => i.registers.position.value.currentTime), [300]);
		await tv.who.del('/api/continue-watching/b');
		assert.deepEqual((await since()).map((i) => [i.key, i.deleted]), [['b', true]]);
		assert.deepEqual(await since(), []);
	});
	test('that was deleted is a stub: its stamp, and only what describes the title', async () => {
		const [tv] = await pair();
		good(await tv.who.post('/api/watchlist', listed('a', { rating: 9, totalEpisodes: 12 })), 201);
		const { stamp } = await tv.act(remove('watchlist', 'a'));
		const [item] = (await exchange(tv.who, { cursor: null })).items;
		assert.deepEqual([item.deleted, item.deletedStamp], [true, stamp]);
		assert.deepEqual(Object.keys(item.registers).sort(), ['animeImage', 'animeTitle', 'totalEpisodes']);
	});
	test('that came back keeps its deletedStamp and has only registers of its new life', async () => {
		const [tv] = await pair();
		await tv.push(rate('a', 9), { collection: 'watchlist', key: 'a', set: { notes: 'old', animeTitle: 'A' } });
		const gone = await tv.act(remove('watchlist', 'a'));
		const back = await tv.act({ collection: 'watchlist', key: 'a', set: { status: 'watching' } });
		const [item] = (await exchange(tv.who, { cursor: null })).items;
		assert.deepEqual([item.deleted, item.deletedStamp], [false, gone.stamp]);
		assert.deepEqual(Object.keys(item.registers).sort(), ['animeTitle', 'status']);
		assert.equal(item.registers.status.stamp, back.stamp);
	});
	test('of a cleared collection shows nothing that the clear made void; the barrier is in every answer', async () => {
		const [tv] = await pair();
		await tv.push(place('a', 1, 5), rate('a', 1));
		assert.deepEqual((await exchange(tv.who)).cleared, {});
		const { stamp } = await tv.act(clear('progress'));
		for (const body of [{}, { cursor: null }, { cursor: null, limit: 1 }, { now: Date.now(), ops: [] }])
			assert.deepEqual((await exchange(tv.who, body)).cleared, { progress: stamp });
		const answer = await tv.exchange([rate('b', 1)]);
		assert.deepEqual(answer.cleared, { progress: stamp });
		const { items } = await exchange(tv.who, { cursor: null });
		const progress = items.find((i) => i.collection === 'progress');
		assert.deepEqual([progress?.deleted ?? true, progress?.registers ?? {}], [true, {}]);
	});
	test('that is being watched comes with its newest place, in its turn among the others', async () => {
		const [tv, phone] = await pair();
		const tick = (key, time, age) => place(key, 5, time, { event: 'heartbeat', session: key, age });
		await tv.push(tick('a', 1, 9000), tick('b', 1, 9000));
		const { cursor } = await exchange(phone.who);
		await tv.push(tick('a', 2, 8000));
		await tv.push(rate('x', 1));
		await tv.push(tick('b', 2, 7000));
		await tv.push(tick('a', 3, 6000));
		const whole = await exchange(phone.who, { cursor });
		assert.deepEqual(keys(whole), ['x', 'b', 'a']);
		assert.deepEqual(
			whole.items.slice(1).map((i) => i.registers.position.value.currentTime),
			[2, 3],
		);
		const found = [];
		await pullAll(phone.who, { cursor, limit: 1, onPage: (data) => found.push(...keys(data)) });
		assert.deepEqual(found, ['x', 'b', 'a']);
	});
	test('is there for more running shows than run at a time', async () => {
		const [tv] = await pair();
		for (const round of [1, 2])
			await tv.push(...Array.from({ length: 20 }, (_, i) => place(`k${i}`, 5, round, { event: 'heartbeat', session: 's', age: 20000 - round * 5000 })));
		const { items } = await pullAll(tv.who, { limit: 3 });
		assert.equal(items.size, 20);
		for (const item of items.values()) assert.equal(item.registers.position.value.currentTime, 2);
	});
});

describe('an answer to a push', () => {
	test('leaves out what its own results told', async () => {
		const [tv] = await pair();
		const { cursor } = await exchange(tv.who);
		const data = await tv.exchange([rate('a', 1), rate('a', 2), place('b', 1, 5, { event: 'seek' }), remove('watchlist', 'z')], { cursor });
		assert.deepEqual(data.items, []);
		assert.equal(data.cursor, data.head);
		assert.deepEqual((await exchange(tv.who, { cursor: data.cursor })).items, []);
	});
	test('has what others did, and its own item when somebody else changed it too', async () => {
		const [tv, phone] = await pair();
		const { cursor } = await exchange(tv.who);
		await phone.push(rate('a', 1), rate('b', 1));
		const data = await tv.exchange([{ collection: 'watchlist', key: 'a', set: { notes: 'n' } }, rate('c', 1)], { cursor });
		assert.deepEqual(keys(data).sort(), ['a', 'b']);
		const { registers } = data.items.find((i) => i.key === 'a');
		assert.deepEqual([registers.rating.value, registers.notes.value], [1, 'n']);
	});
	test('has an item that its own op brought back to life: results do not say since when it lives', async () => {
		const [tv] = await pair();
		await tv.push(rate('a', 1), remove('watchlist', 'a'));
		const { cursor } = await exchange(tv.who);
		const data = await tv.exchange([rate('a', 2), rate('a', 3), rate('b', 1)], { cursor });
		assert.deepEqual(keys(data), ['a']);
		const [item] = good(await tv.who.get('/api/watchlist')).filter((i) => i.animeId === 'a');
		assert.equal(data.items[0].created, item.createdAt);
	});
	test('is not shortened by what is left out: the page holds as many others as it may', async () => {
		const [tv, phone] = await pair();
		const { cursor } = await exchange(tv.who);
		for (const key of ['a', 'b', 'c']) await phone.push(rate(key, 1));
		const data = await tv.exchange([rate('x', 1), rate('y', 1), rate('z', 1)], { cursor, limit: 3 });
		assert.deepEqual(keys(data), ['a', 'b', 'c']);
		assert.equal(data.more, false);
	});
});

describe('a page', () => {
	const six = async (who) => {
		const device = new Device(who);
		await device.push(...[1, 2, 3].map((i) => rate(`a${i}`, i)));
		await device.push(...[1, 2, 3, 4].map((i) => rate(`b${i}`, i)));
		return device;
	};
	test('never splits what one push wrote', async () => {
		const [{ who }] = await pair();
		await six(who);
		for (const limit of [4, 5, 6]) {
			const first = await exchange(who, { cursor: null, limit });
			assert.deepEqual([keys(first), first.more], [['a1', 'a2', 'a3'], true], `limit ${limit}`);
			const second = await exchange(who, { cursor: first.cursor, limit });
			assert.deepEqual([keys(second), second.more], [['b1', 'b2', 'b3', 'b4'], false], `limit ${limit}`);
		}
	});
	test('splits a push that alone exceeds it, and the rest follows', async () => {
		const [{ who }] = await pair();
		await six(who);
		const found = [];
		await pullAll(who, { limit: 2, onPage: (data) => found.push(keys(data)) });
		assert.deepEqual(found.flat().sort(), ['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'b4']);
		for (const page of found) assert.ok(page.length <= 2);
	});
	for (const [limit, most] of [
		[0, 1],
		[-7, 1],
		[1, 1],
		[7, 7],
		[7.0, 7],
		[undefined, 500],
		[null, 500],
		[1000, 1000],
		[1001, 1000],
		[9007199254740991, 1000],
	])
		test(`of limit ${limit} holds ${most}`, async () => {
			const many = await crowd();
			const data = await exchange(many, { cursor: null, limit });
			assert.deepEqual([data.items.length, data.more], [most, true]);
		});
	for (const limit of ['7', 1.5, true, {}, []])
		test(`of limit ${JSON.stringify(limit)} is refused`, async () => {
			const [tv] = await pair();
			invalid(await tv.who.post('/api/sync', { cursor: null, limit }), [['limit']]);
		});
	let crowded;
	function crowd() {
		return (crowded ??= (async () => {
			const [tv] = await pair();
			for (let push = 0; push < 11; push++) await tv.push(...Array.from({ length: 100 }, (_, i) => rate(`k${push}-${i}`, 1)));
			return tv.who;
		})());
	}
	test('is at most 1 MiB, whatever the limit, and nothing is left out', async () => {
		const [tv] = await pair();
		const set = { animeImage: `https://cdn.example/${'x'.repeat(2000)}`, notes: 'n'.repeat(500), animeTitle: 't'.repeat(300) };
		for (const part of ['a', 'b', 'c'])
			await tv.push(...Array.from({ length: 300 }, (_, i) => ({ collection: 'watchlist', key: `${part}${i}`, set })));
		let pages = 0;
		const { items } = await pullAll(tv.who, {
			limit: 1000,
			onPage: (data) => {
				pages++;
				assert.ok(Buffer.byteLength(JSON.stringify(data.items)) <= 1024 * 1024);
			},
		});
		assert.equal(items.size, 900);
		assert.ok(pages >= 3);
	});
	test('is cut by bytes between two pushes when it can be', async () => {
		const [tv] = await pair();
		const set = { animeImage: `https://cdn.example/${'x'.repeat(2000)}`, notes: 'n'.repeat(500), animeTitle: 't'.repeat(300) };
		await tv.push(rate('first', 1));
		await tv.push(...Array.from({ length: 300 }, (_, i) => ({ collection: 'watchlist', key: `k${i}`, set })));
		await tv.push(...Array.from({ length: 300 }, (_, i) => ({ collection: 'watchlist', key: `l${i}`, set })));
		const first = await exchange(tv.who, { cursor: null, limit: 1000 });
		assert.equal(first.items.length, 301);
		const second = await exchange(tv.who, { cursor: first.cursor, limit: 1000 });
		assert.equal(second.items.length, 300);
	});
	test('loses nothing when an older act touched one of its items later', async () => {
		const [tv, phone] = await pair();
		for (const key of ['a', 'b', 'c']) await tv.push(place(key, 5, 900, { event: 'seek', session: 'tv' }));
		// Neither changes what `a` holds, both are journalled for it.
		await phone.act(place('a', 5, 3, { age: MINUTE }), 'superseded');
		await phone.act(place('a', 5, 3, { event: 'heartbeat', session: 'ph' }), 'candidate');
		for (const limit of [1, 2, 3]) {
			const { items } = await pullAll(tv.who, { limit });
			assert.deepEqual([...items.keys()].sort(), ['progress/a', 'progress/b', 'progress/c'], `limit ${limit}`);
		}
	});
	test('shows no value that a clear made void, while the rows of a long list are still being erased', async () => {
		const [tv, phone] = await pair();
		for (const part of ['a', 'b', 'c'])
			await tv.push(...Array.from({ length: 1000 }, (_, i) => ({ collection: 'watchlist', key: `${part}${i}`, set: { notes: 'secret' } })));
		const { cursor } = await exchange(phone.who);
		const { stamp } = await tv.act(clear('watchlist'));
		const look = (data) => {
			assert.doesNotMatch(JSON.stringify(data), /secret/);
			assert.deepEqual(data.cleared, { watchlist: stamp });
			for (const item of data.items) assert.deepEqual([item.deleted, item.registers], [true, {}]);
		};
		await pullAll(phone.who, { limit: 1000, onPage: look });
		look(await exchange(phone.who, { cursor }));
		const op = { n: 3000, collection: 'watchlist', key: 'c999', set: { notes: 'secret' } };
		look(await exchange(tv.who, { cursor, ops: [op] }));
	});
	test('of any limit leads to the same, after any history', async () => {
		const [tv, phone] = await pair();
		const roll = dice(7);
		for (let round = 0; round < 40; round++) {
			const device = roll(2) ? tv : phone;
			const ops = Array.from({ length: 1 + roll(5) }, () => {
				const key = `k${roll(12)}`;
				const age = roll(3) ? 0 : roll(MINUTE);
				const acts = [
					() => rate(key, 1 + roll(10), { age }),
					() => place(key, 1 + roll(2), roll(1000), { age }),
					() => place(key, 1, roll(1000), { event: 'heartbeat', session: `s${roll(2)}`, age }),
					() => ({ collection: 'watchlist', key, set: { notes: `n${roll(99)}`, animeTitle: key }, age }),
					() => remove(roll(2) ? 'watchlist' : 'progress', key, { age }),
				];
				return acts[roll(acts.length)]();
			});
			await device.push(...ops);
		}
		const whole = (await pullAll(tv.who, { limit: 1000 })).items;
		for (const limit of [1, 2, 3, 5, 8]) {
			const { items } = await pullAll(tv.who, { limit });
			assert.deepEqual(new Map([...items].sort()), new Map([...whole].sort()), `limit ${limit}`);
		}
	});
});

test('copies that push and pull in any order, with pages of any size, hold in the end what the server holds (S1)', async () => {
	const who = await person(daemon, { deviceName: 'TV' });
	const copies = [new Copy(new Device(who))];
	for (const deviceName of ['Phone', 'Laptop']) copies.push(new Copy(new Device(await session(daemon, who, { deviceName }))));
	const roll = dice(11);
	for (let round = 0; round < 60; round++) {
		const copy = copies[roll(3)];
		const ops = Array.from({ length: roll(5) }, () => {
			const key = `k${roll(6)}`;
			const age = roll(2) ? 0 : roll(MINUTE);
			const acts = [
				() => rate(key, 1 + roll(10), { age }),
				() => place(key, 1 + roll(2), roll(1000), { age }),
				() => ({ collection: 'progress', key, set: { animeTitle: `t${roll(9)}`, position: at(1, roll(99)) }, age }),
				() => ({ collection: 'watchlist', key, set: { notes: `n${roll(99)}`, status: 'watching' }, age }),
				() => remove(roll(2) ? 'watchlist' : 'progress', key, { age }),
				() => (roll(8) ? rate(key, null, { age }) : clear(roll(2) ? 'watchlist' : 'progress', { age })),
			];
			return acts[roll(acts.length)]();
		});
		await copy.sync(ops, { limit: 1 + roll(6) });
	}
	for (const copy of copies) await copy.sync();
	const server = await serverShows(who);
	assert.ok(Object.keys(server).length > 0);
	for (const copy of copies) assert.deepEqual(copy.shows(), server);
});
