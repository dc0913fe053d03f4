// The stream is gap-free: whatever happened by whatever way in, each follower ends with what the server holds.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { good, listed, person, session, watched } from '../api/support.mjs';
import { Live, Replica, follow, follower, pulled, reaches, tickOf } from './support.mjs';

const seq = (cursor) => Number(cursor.split(':')[1]);
const headOf = async (who) => (await who.post('/api/sync', {})).json.data.head;

async function agrees(who, live, what) {
	await reaches(live.replica, await headOf(who));
	assert.deepEqual(live.faults, []);
	assert.deepEqual(live.replica.held(), (await pulled(who)).held(), what);
}

describe('what changed', () => {
	let daemon;
	before(async () => {
		daemon = await startDaemon();
	});
	after(() => daemon.stop());

	test('comes by every way in: REST, live, sync; added, changed, deleted, revived, restored, cleared', async () => {
		const who = await person(daemon);
		const other = await session(daemon, who);
		const live = await follower(daemon, who);
		const writer = await follow(daemon, other);
		const doc = good(await other.post('/api/watchlist', listed('a', { rating: 7 })), 201);
		const added = await live.next('items');
		assert.deepEqual(added.items.map((item) => [item.collection, item.key, item.registers.rating.value]), [['watchlist', 'a', 7]]);
		good(await other.put(`/api/watchlist/${doc._id}`, { status: 'completed' }));
		assert.equal((await live.next('items')).items[0].registers.status.value, 'completed');
		await other.del(`/api/watchlist/${doc._id}`);
		assert.equal((await live.next('items')).items[0].deleted, true);
		good(await other.post('/api/watchlist', listed('a')), 201);
		assert.equal((await live.next('items')).items[0].deleted, false);
		await writer.tick(1, tickOf('p', 1, 33));
		assert.equal((await live.next('items')).items[0].registers.position.value.currentTime, 33);
		await writer.sync(2, { ops: [{ n: 1, collection: 'progress', key: 'q', set: { position: { currentEpisode: 2, currentTime: 1, duration: 2 } } }] });
		assert.equal((await live.next('items')).items[0].key, 'q');
		await other.post('/api/sync', { ops: [{ n: 2, collection: 'watchlist', key: 'b', set: { notes: 'x' } }] });
		assert.equal((await live.next('items')).items[0].registers.notes.value, 'x');
		await writer.tick(3, tickOf('p', 1, 99));
		await live.next('items');
		const rows = good(await other.get('/api/history/progress/p'));
		good(await other.post('/api/history/progress/p/restore', { seq: rows.at(-1).seq }));
		assert.equal((await live.next('items')).items[0].registers.position.value.currentTime, 33);
		await other.del('/api/continue-watching');
		const cleared = await live.next('items');
		assert.deepEqual(cleared.items, []);
		assert.ok(cleared.cleared.progress);
		await agrees(who, live);
		await Promise.all([live.close(), writer.close()]);
	});

	test('leaves out what the connection acknowledged itself, but not what somebody else did to the same item', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const other = await follow(daemon, await session(daemon, who));
		for (let id = 0; id < 20; id++) await live.tick(id, tickOf('mine', 1, id + 1, { event: 'heartbeat', session: 's' }));
		good(await who.post('/api/watchlist', listed('theirs')), 201);
		const first = await live.next('items');
		assert.deepEqual(first.items.map((item) => item.key), ['theirs'], 'nothing of its own twenty ticks');
		assert.equal(first.cursor, await headOf(who), 'whose seqs the cursor covers all the same');
		await other.tick(1, tickOf('mine', 1, 700));
		assert.equal((await live.next('items')).items[0].registers.position.value.currentTime, 700);
		live.send({ type: 'progress', id: 100, ...tickOf('both', 1, 1) });
		other.send({ type: 'progress', id: 100, ...tickOf('both', 1, 2) });
		await Promise.all([live.answer(100), other.answer(100)]);
		const last = (await pulled(who)).items.get('progress/both').registers.position;
		// Whoever was first is told what came after it; the last one knows.
		const late = last.stamp.slice(17) === who.deviceId ? other : live;
		const told = () => late.frames.flatMap((frame) => frame.items ?? []).filter((item) => item.key === 'both').at(-1);
		await waitFor(() => told()?.registers.position.stamp === last.stamp, { what: 'the other one\'s tick' });
		assert.deepEqual(told().registers.position, last);
		await Promise.all([live.close(), other.close()]);
	});

	test('tells an item whole that its own tick brought back to life: since when it lives no ack says', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		await live.tick(1, tickOf('a', 1, 5));
		await who.del('/api/continue-watching/a');
		assert.equal((await live.next('items')).items[0].deleted, true);
		const { stamp } = await live.tick(2, tickOf('a', 1, 6));
		const [item] = (await live.next('items')).items;
		assert.deepEqual([item.key, item.deleted, Date.parse(item.created)], ['a', false, parseInt(stamp.slice(0, 12), 16)]);
		await live.close();
	});

	test('leaves out what a sync of the connection told, too', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		await live.sync(1, { ops: [{ n: 1, collection: 'watchlist', key: 'mine', set: { rating: 3 } }] });
		good(await who.post('/api/watchlist', listed('theirs')), 201);
		assert.deepEqual((await live.next('items')).items.map((item) => item.key), ['theirs']);
		await live.close();
	});

	test('never comes before the ack that it covers', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		const acked = new Map();
		let highest = 0;
		let wrong;
		live.onFrame = (frame) => {
			if (frame.type === 'ack') acked.set(frame.id, seq(frame.head));
			if (frame.type === 'items') highest = Math.max(highest, seq(frame.cursor));
			if (frame.type === 'ack' && seq(frame.head) <= highest) wrong = `ack ${frame.id} of ${frame.head} after a cursor of ${highest}`;
		};
		const noise = (async () => {
			for (let i = 0; i < 60; i++) good(await who.post('/api/continue-watching', watched(`noise${i % 5}`, 1, i + 1, 100)));
		})();
		for (let id = 0; id < 200; id++) live.send({ type: 'progress', id, ...tickOf(`k${id % 7}`, 1, id + 1) });
		await noise;
		await waitFor(() => acked.size === 200, { what: '200 acks' });
		assert.equal(wrong, undefined);
		assert.deepEqual([...acked.keys()], Array.from({ length: 200 }, (_, id) => id), 'in order');
		await live.close();
	});

	test('reaches two sockets of one device, each with its own stream', async () => {
		const who = await person(daemon);
		const [one, two] = [await follower(daemon, who), await follower(daemon, who)];
		const ack = await one.tick(1, tickOf('a', 1, 5));
		assert.equal(ack.outcome, 'applied');
		assert.equal((await two.next('items')).items[0].key, 'a', 'the other socket did not make it');
		assert.ok(!one.frames.some((frame) => frame.type === 'items'));
		await Promise.all([one.close(), two.close()]);
	});

	test('stays with its user', async () => {
		const [who, stranger] = [await person(daemon), await person(daemon)];
		const [mine, theirs] = [await follow(daemon, who), await follow(daemon, stranger, { cursor: null })];
		await mine.tick(1, tickOf('secret', 1, 5));
		good(await who.post('/api/watchlist', listed('secret')), 201);
		await mine.next('items');
		good(await stranger.post('/api/watchlist', listed('own')), 201);
		assert.deepEqual((await theirs.next()).items.map((item) => item.key), ['own']);
		await Promise.all([mine.close(), theirs.close()]);
	});

	test('of a push that is larger than a page comes whole, page by page', async () => {
		const who = await person(daemon);
		const live = await follower(daemon, who);
		const ops = Array.from({ length: 450 }, (_, i) => ({ n: i + 1, collection: 'watchlist', key: `k${i}`, set: { notes: 'n'.repeat(450) } }));
		const { data } = (await who.post('/api/sync', { ops })).json;
		assert.ok(data.results.every((r) => r.outcome === 'applied'));
		await agrees(who, live);
		assert.ok(live.frames.filter((frame) => frame.type === 'items').length > 1);
		const asked = new Replica();
		for (let cursor = null, more = true, id = 0; more; id++) {
			const page = await live.sync(id, { cursor, limit: 1000 });
			assert.ok(page.items.length <= 100, 'a page of the live channel is short');
			asked.apply(page);
			({ cursor, more } = page);
		}
		assert.deepEqual(asked.held(), live.replica.held(), 'a long delta, asked for by sync');
		await live.close();
	});

	test('reaches fifty devices of one user', async () => {
		const who = await person(daemon);
		const lives = [];
		for (let i = 0; i < 50; i++) lives.push(await follower(daemon, await session(daemon, who)));
		for (let i = 0; i < 20; i++) lives[i].send({ type: 'progress', id: i, ...tickOf(`k${i}`, 1, i + 1) });
		for (let i = 0; i < 20; i++) {
			const ack = await lives[i].answer(i);
			lives[i].replica.acked(`k${i}`, ack);
			lives[i].replica.registers('progress', `k${i}`, {
				position: { value: { currentEpisode: 1, currentTime: i + 1, duration: 1440 }, stamp: ack.stamp },
				animeTitle: { value: `Title of k${i}`, stamp: ack.stamp },
			});
		}
		good(await who.post('/api/watchlist', listed('end')), 201);
		const head = await headOf(who);
		const all = (await pulled(who)).held();
		for (const live of lives) {
			await reaches(live.replica, head);
			assert.deepEqual(live.replica.held(), all);
		}
		await Promise.all(lives.map((live) => live.close()));
	});
});

describe('resuming', () => {
	test('with the cursor misses nothing, over a gap, a restart and a kill', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const replica = new Replica();
		let live = await follower(daemon, who, replica);
		good(await who.post('/api/watchlist', listed('a')), 201);
		await agrees(who, live, 'before');
		for (const end of ['close', 'restart', 'kill']) {
			if (end === 'close') await live.close();
			good(await who.post('/api/watchlist', listed(`before-${end}`)), 201);
			good(await who.post('/api/continue-watching', watched('p', 1, 5, 10)));
			if (end === 'restart') await daemon.restart();
			if (end === 'kill') {
				await daemon.kill();
				await daemon.restart();
			}
			await live.closed;
			good(await who.post('/api/watchlist', listed(`after-${end}`)), 201);
			live = await follower(daemon, who, replica);
			assert.equal(live.welcome.offer, false, end);
			await agrees(who, live, end);
			const told = live.frames.flatMap((frame) => frame.items ?? []).map((item) => item.key);
			assert.ok(!told.includes('a'), 'no full reload');
		}
		await live.close();
		await daemon.stop();
	});
	test('tells a clear that was missed', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const live = await follower(daemon, who);
		good(await who.post('/api/continue-watching', watched('p', 1, 5, 10)));
		await reaches(live.replica, await headOf(who));
		await live.close();
		await who.del('/api/continue-watching');
		const again = await follower(daemon, who, live.replica);
		await agrees(who, again);
		assert.ok(again.replica.cleared.progress);
		await again.close();
		await daemon.stop();
	});
});

test('many writers by every way in, readers that come and go: all end with what the server holds', async () => {
	const daemon = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
	const who = await person(daemon);
	const sessions = [who];
	while (sessions.length < 4) sessions.push(await session(daemon, who));
	const readers = [];
	for (let i = 0; i < 3; i++) readers.push(await follower(daemon, sessions[i]));
	const rounds = 60;
	const key = (i) => `k${(i * 7) % 11}`;
	const rest = async (s) => {
		for (let i = 0; i < rounds; i++) {
			const reply = await s.post('/api/watchlist', listed(key(i), { rating: 1 + (i % 10) }));
			assert.ok([201, 409].includes(reply.status), reply.text);
			if (i % 5 === 4) await s.del(`/api/continue-watching/${key(i)}`);
			if (i === 30) await s.del('/api/continue-watching');
			good(await s.post('/api/continue-watching', watched(key(i), 1 + (i % 3), i + 1, 1440)));
		}
	};
	const ticks = async (s) => {
		const live = await follow(daemon, s);
		for (let id = 0; id < rounds * 3; id++) {
			const event = ['heartbeat', 'seek', 'open', 'stop'][id % 4];
			live.send({ type: 'progress', id, ...tickOf(key(id), 1 + (id % 4), (id * 13) % 1400, { event, session: `s${id % 3}` }) });
			if (id % 10 === 0) await live.answer(id);
		}
		await live.answer(rounds * 3 - 1);
		await live.close();
	};
	const pushes = async (s, first) => {
		const live = await follow(daemon, s);
		for (let i = 0; i < rounds / 2; i++) {
			const ops = [0, 1, 2].map((j) => ({
				n: first + i * 3 + j, collection: j % 2 ? 'watchlist' : 'progress', key: key(i + j),
				...(j === 2 && i % 3 === 0 ? { delete: true } : j % 2 ? { set: { notes: `note ${i}` } }
					: { event: 'manual', set: { position: { currentEpisode: 1, currentTime: i, duration: 99 } } }),
			}));
			if (i % 2) assert.equal((await live.sync(i, { ops })).type, 'synced');
			else assert.equal((await s.post('/api/sync', { ops })).status, 200);
		}
		await live.close();
	};
	let done = false;
	const comesAndGoes = (async () => {
		const replica = new Replica();
		let times = 0;
		for (; !done; times++) {
			const live = await follower(daemon, sessions[3], replica);
			await waitFor(() => live.frames.length > 3 || done, { what: 'some frames' });
			live.ws.terminate();
			await live.closed;
		}
		assert.ok(times > 1);
		return follower(daemon, sessions[3], replica);
	})();
	await Promise.all([rest(sessions[0]), ticks(sessions[1]), ticks(sessions[2]), pushes(sessions[3], 1)]);
	done = true;
	readers.push(await comesAndGoes);
	for (const [i, reader] of readers.entries()) await agrees(who, reader, `reader ${i}`);
	await daemon.stop();
});

test('a slow reader gets the newest state later, holds up nobody and costs no memory', async () => {
	const daemon = await startDaemon({ env: { RATE_LIMIT_LIVE: 'off' } });
	const who = await person(daemon);
	const slow = await follower(daemon, who);
	const fast = await follower(daemon, who);
	const writer = await follow(daemon, await session(daemon, who));
	slow.ws._socket.pause();
	const image = (i) => `https://a.example/${String(i).padStart(4, '0').repeat(500)}`;
	const memory = async () => Number(/tsuzuki_resident_memory_bytes (\d+)/.exec((await who.api('GET', '/metrics')).text)[1]);
	const rounds = 120;
	let early;
	for (let round = 0; round < rounds; round++) {
		const ops = Array.from({ length: 40 }, (_, i) => ({
			n: round * 40 + i + 1, collection: 'watchlist', key: `k${i}`, set: { animeImage: image(round), rating: 1 + (round % 10) },
		}));
		assert.equal((await writer.sync(round, { ops })).type, 'synced');
		if (round === 40) early = await memory();
	}
	// Six megabytes of changes have gone by since; what the slow one was not sent is kept nowhere.
	if (!/asan|tsan/.test(process.env.TSUZUKI_BIN ?? 'asan')) assert.ok((await memory()) < early + 4e6);
	await agrees(who, fast, 'the fast one');
	slow.ws._socket.resume();
	await agrees(who, slow, 'the slow one');
	const frames = (live) => live.frames.filter((frame) => frame.type === 'items').length;
	assert.ok(frames(slow) < rounds, `the slow one was told ${frames(slow)} times of ${rounds} changes`);
	await daemon.stop();
});

test('metrics count connections, frames and acks', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const metric = async (name) => Number(new RegExp(`^tsuzuki_${name} (\\d+)$`, 'm').exec((await who.api('GET', '/metrics')).text)?.[1]);
	const live = await follow(daemon, who);
	assert.equal(await metric('live_connections'), 1);
	await live.tick(1, tickOf('a', 1, 1));
	live.send('x');
	await live.next('error');
	good(await who.post('/api/watchlist', listed('a')), 201);
	await live.next('items');
	assert.equal(await metric('live_frames_received_total'), 3);
	assert.equal(await metric('live_frames_sent_total'), 4);
	assert.equal(await metric('live_acks_total'), 1);
	assert.equal(await metric('live_items_total'), 1);
	assert.equal(await metric('live_errors_total'), 1);
	await live.close();
	await waitFor(async () => (await metric('live_connections')) === 0, { what: 'the connection to be gone' });
	assert.equal(await metric('live_connections_total'), 1);
	await new Live(daemon).opened;
	assert.equal(await metric('live_connections'), 1);
	await daemon.stop();
});
