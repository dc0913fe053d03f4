// Two users who exchange at the same time, with the same device id, keys, numbers and cursors, learn nothing of each other
// (S10; sync-protocol.md section 8).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { NOT_AUTHORIZED, everything, good, hex, person, refused, session } from './support.mjs';
import { Device, MINUTE, clear, epochOf, exchange, msOf, place, pullAll, rate, remove, seqOf } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

/** Two users whose devices have one id. */
async function twins() {
	const deviceId = hex(8);
	const [a, b] = [await person(daemon, { deviceId, deviceName: 'Of A' }), await person(daemon, { deviceId, deviceName: 'Of B' })];
	assert.deepEqual([a.deviceId, b.deviceId], [deviceId, deviceId]);
	return [new Device(a), new Device(b)];
}
const PRIVATE = /private|Of A/;
/** What B gets to see, in one text. */
async function whatBSees(b, cursor = null) {
	const { items, data } = await pullAll(b.who, { cursor });
	return JSON.stringify([[...items], data]) + (await everything(b.who));
}

test('the same numbers of the same device id are each user\'s own: nothing is a retry, nothing a fork', async () => {
	const [a, b] = await twins();
	const mine = [{ n: 1, ...rate('k', 1) }, { n: 2, ...place('k', 1, 10) }];
	const theirs = [{ n: 1, ...rate('k', 9) }, { n: 2, ...remove('progress', 'k') }];
	const one = await exchange(a.who, { ops: mine });
	const two = await exchange(b.who, { ops: theirs });
	for (const { results, ack } of [one, two])
		assert.deepEqual([results.map((r) => r.outcome), ack], [['applied', 'applied'], 2]);
	assert.deepEqual((await exchange(a.who, { ops: mine })).results, one.results);
	assert.deepEqual((await exchange(b.who, { ops: theirs.slice(0, 1) })).results, two.results.slice(0, 1));
	refused(await a.who.post('/api/sync', { ops: theirs }), 409, undefined, 'device_forked');
	refused(await b.who.post('/api/sync', { ops: mine }), 409, undefined, 'device_forked');
	assert.equal(good(await a.who.get('/api/watchlist'))[0].rating, 1);
	assert.equal(good(await b.who.get('/api/watchlist'))[0].rating, 9);
});

test('the same keys are two items: another id, no merge, no winner of the other', async () => {
	const [a, b] = await twins();
	await a.push(rate('k', 9), { collection: 'watchlist', key: 'k', set: { notes: 'private' } });
	const late = await b.act(rate('k', 1, { age: MINUTE }));
	assert.deepEqual(Object.keys(late).sort(), ['n', 'outcome', 'stamp']);
	const [one, two] = [await pullAll(a.who), await pullAll(b.who)];
	assert.notEqual(one.items.get('watchlist/k')._id, two.items.get('watchlist/k')._id);
	assert.doesNotMatch(await whatBSees(b), PRIVATE);
	assert.equal(two.items.get('watchlist/k').registers.notes, undefined);
});

test("deletes, barriers and ticks of one touch nothing of the other", async () => {
	const [a, b] = await twins();
	const tick = (time, age) => place('x', 5, time, { event: 'heartbeat', session: 's', age });
	await a.push(rate('k', 9), place('k', 3, 100), tick(600, 5000));
	const held = await everything(a.who);
	const before = await exchange(a.who);
	await b.push(rate('k', 1), remove('watchlist', 'k'), tick(5, 4000), clear('progress'), clear('watchlist'));
	assert.equal(await everything(a.who), held);
	const after = await exchange(a.who, { cursor: before.cursor });
	assert.deepEqual([after.items, after.cleared, after.head], [[], {}, before.head]);
});

test("the order of one's acts is not that of the other: a stamp comes from one's own clock and numbers", async () => {
	const [a, b] = await twins();
	const { stamp } = await a.act(rate('k', 9));
	const early = await b.act(rate('k', 1, { age: 5000 }));
	assert.ok(msOf(early.stamp) < msOf(stamp) - 1000, `${early.stamp} is moved behind ${stamp}`);
});

test('a session of one is no session of the other: what holds a place is asked within the user', async () => {
	const [a, b] = await twins();
	const tick = (time, more) => place('x', 5, time, { event: 'heartbeat', session: 's', ...more });
	await a.act(tick(900, { age: MINUTE }));
	await b.act(tick(10));
	await b.act(tick(900, { session: 't' }));
	assert.equal(good(await a.who.get('/api/continue-watching/x')).currentTime, 900);
});

test('heads and cursors tell nothing of how much others do', async () => {
	const [a, b] = await twins();
	await b.act(rate('k', 1));
	const before = await exchange(b.who);
	for (let i = 0; i < 5; i++) await a.push(rate('k', 1 + i), rate('l', 1));
	assert.equal((await exchange(b.who)).head, before.head);
	await b.act(rate('k', 2));
	assert.equal(seqOf((await exchange(b.who)).head), seqOf(before.head) + 1);
});

describe("another user's cursor", () => {
	test('at any place, and as a head, shows only what is one\'s own', async () => {
		const [a, b] = await twins();
		await a.push(rate('private-1', 1), place('private-2', 1, 5), remove('watchlist', 'private-3'), clear('progress'));
		await b.act(rate('mine', 1));
		const { head } = await exchange(a.who);
		for (const seq of [0, 1, seqOf(head), seqOf(head) + 5])
			for (const body of [{ cursor: `${epochOf(head)}:${seq}` }, { head: `${epochOf(head)}:${seq}` }]) {
				const data = await exchange(b.who, body);
				assert.equal(data.offer, true);
				assert.deepEqual(
					data.items.map((i) => i.key),
					['mine'],
				);
				assert.deepEqual(data.cleared, {});
				assert.doesNotMatch(JSON.stringify(data), PRIVATE);
			}
	});
	test('of an epoch that ended is as unknown as any: it neither counts here nor is it known to be lost', async () => {
		const own = await startDaemon();
		const [a, b] = [new Device(await person(own)), new Device(await person(own))];
		await a.push(rate('private', 1), rate('private-2', 1));
		await b.act(rate('mine', 1));
		const ended = (await exchange(a.who)).head;
		await own.restart();
		await a.act(rate('private', 2));
		const mine = (await exchange(b.who)).head;
		const data = await exchange(b.who, { cursor: ended });
		assert.equal(data.offer, true);
		assert.notEqual(epochOf(data.head), epochOf(mine));
		// A loses history: its epochs are marked, and still they are unknown to B.
		const lost = (await exchange(a.who)).head;
		await exchange(a.who, { cursor: '00000000:7' });
		assert.equal((await exchange(a.who, { cursor: lost })).offer, true);
		const next = await exchange(b.who, { cursor: lost });
		assert.equal(next.offer, true);
		assert.notEqual(epochOf(next.head), epochOf(data.head));
		await own.stop();
	});
	test('is answered in the same way as one that nobody ever had', async () => {
		const [a] = await twins();
		await a.act(rate('private', 1));
		const theirs = (await exchange(a.who)).head;
		const shapes = [];
		for (const cursor of [theirs, `${hex(4)}:1`]) {
			const [, c] = await twins();
			await c.act(rate('mine', 1));
			const { now, cursor: next, head, items, ...rest } = await exchange(c.who, { cursor });
			assert.equal(seqOf(next), seqOf(head));
			shapes.push([rest, items.length, seqOf(head)]);
		}
		assert.deepEqual(shapes[0], shapes[1]);
	});
});

test('an origin of the other does not make an op theirs, nor does it name their device', async () => {
	const [a] = await twins();
	const b = new Device(await person(daemon));
	await a.act(rate('k', 9));
	await b.push(rate('k', 1, { origin: a.id }));
	const late = await b.act(rate('k', 2, { age: MINUTE }), 'superseded');
	assert.equal(late.winner.device, a.id, 'the id that B sent itself, not the name that A gave it');
	assert.equal(good(await a.who.get('/api/watchlist'))[0].rating, 9);
	assert.doesNotMatch(await whatBSees(b), PRIVATE);
	assert.ok(!(await a.who.get('/api/history/watchlist/k')).text.includes(b.id));
});

test("an offer with another user's stamp learns nothing and takes nothing", async () => {
	const [a, b] = await twins();
	const { stamp } = await a.act(rate('k', 9));
	const [result] = await b.push(rate('k', 3, { origin: a.id, stamp }));
	assert.equal(result.outcome, 'applied');
	assert.equal(good(await a.who.get('/api/watchlist'))[0].rating, 9);
	assert.equal(good(await b.who.get('/api/watchlist'))[0].rating, 3);
});

test('both at once, a hundred pushes, end where each alone would have', async () => {
	const [a, b] = await twins();
	const acts = (of) => Array.from({ length: 50 }, (_, i) => [rate(`k${i % 5}`, 1 + (i % 10)), { collection: 'watchlist', key: 'own', set: { notes: `${of} ${i}` } }]);
	await Promise.all(
		[
			[a, 'private'],
			[b, 'mine'],
		].map(async ([device, of]) => {
			for (const ops of acts(of)) await device.push(...ops);
		}),
	);
	const [one, two] = [await pullAll(a.who), await pullAll(b.who)];
	assert.equal(one.items.get('watchlist/own').registers.notes.value, 'private 49');
	assert.equal(two.items.get('watchlist/own').registers.notes.value, 'mine 49');
	assert.deepEqual([one.items.size, two.items.size, seqOf(one.data.head), seqOf(two.data.head)], [6, 6, 100, 100]);
	assert.doesNotMatch(await whatBSees(b), PRIVATE);
});

test('an exchange of a user who is gone is 401, and the next one with that device id begins with nothing', async () => {
	const [a, b] = await twins();
	await a.push(rate('private', 1));
	const { head } = await exchange(a.who);
	assert.equal((await a.who.del('/api/users/account')).status, 200);
	refused(await a.who.post('/api/sync', { cursor: null }), 401, 'User not found');
	const c = new Device(await person(daemon, { deviceId: a.id }));
	const data = await exchange(c.who, { cursor: null });
	assert.deepEqual([data.items, data.ack, seqOf(data.head)], [[], 0, 0]);
	assert.equal((await exchange(c.who, { cursor: head })).items.length, 0);
	assert.doesNotMatch(await whatBSees(b), PRIVATE);
});

test('without a token, or with one that was ended, nothing is exchanged', async () => {
	const [a] = await twins();
	const { api } = client(daemon.url);
	const body = { cursor: null, ops: [{ n: 1, ...rate('k', 1) }] };
	refused(await api('POST', '/api/sync', { body }), 401, NOT_AUTHORIZED);
	const other = await session(daemon, a.who);
	good(await a.who.del(`/api/devices/${other.deviceId}`));
	refused(await other.post('/api/sync', body), 401, NOT_AUTHORIZED);
	assert.deepEqual((await exchange(a.who, { cursor: null })).items, []);
});
