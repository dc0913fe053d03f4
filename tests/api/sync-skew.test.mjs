// When an op really happened: wrong clocks, in both directions (S4; sync-protocol.md section 3).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, hex, invalid, person, session } from './support.mjs';
import { Device, MINUTE, YEAR, counterOf, exchange, msOf, place, rate, remove, serverShows } from './replica.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

async function pair(skews = {}) {
	const who = await person(daemon, { deviceName: 'TV' });
	const other = await session(daemon, who, { deviceName: 'Phone' });
	return [new Device(who, { skew: skews.tv }), new Device(other, { skew: skews.phone })];
}
/** The op was stamped as having happened `ago` ms before it was received, which was while `act` ran. */
async function happened(ago, act) {
	const begin = Date.now();
	const { stamp } = await act();
	const ms = msOf(stamp);
	assert.ok(ms >= begin - ago - 1 && ms <= Date.now() - ago + 1, `${begin - ms} ms ago instead of ${ago}`);
	return stamp;
}
const rating = async ({ who }) => good(await who.get('/api/watchlist'))[0]?.rating;

for (const [what, skew] of [
	['ten years ahead', 10 * YEAR],
	['ten years behind', -10 * YEAR],
	['a year ahead', YEAR],
	['in 1970', -Date.now() + 5000],
	['before 1970', -60 * YEAR - 1000],
	['in the year 9999', 253402300799000 - Date.now()],
	['three seconds ahead', 3000],
	['three seconds behind', -3000],
])
	describe(`a device whose clock is ${what}`, () => {
		test('has its acts stamped with the time when they happened', async () => {
			const [tv] = await pair({ tv: skew });
			await happened(MINUTE, () => tv.act(rate('a', 1, { at: tv.now() - MINUTE })));
			await happened(30000, () => tv.act(rate('b', 1, { age: 30000 })));
			await happened(0, () => tv.act(rate('c', 1)));
		});
		test('neither wins nor loses against what another did before or after', async () => {
			const [tv, phone] = await pair({ tv: skew });
			await phone.act(rate('x', 1, { age: 90000 }));
			await tv.act(rate('x', 2, { at: tv.now() - MINUTE }));
			assert.equal(await rating(phone), 2, 'later than the other');
			await phone.act(rate('x', 3, { age: 30000 }));
			assert.equal(await rating(phone), 3, 'and earlier than the next');
			await tv.act(rate('x', 4, { at: tv.now() - 45000 }), 'superseded');
			assert.equal(await rating(phone), 3);
			await tv.act(rate('x', 5, { at: tv.now() - 15000 }));
			assert.equal(await rating(phone), 5);
		});
		test('blocks nobody: a plain write of another one right after it wins', async () => {
			const [tv, phone] = await pair({ tv: skew });
			await tv.act(rate('x', 2, { at: tv.now() }));
			await phone.act(rate('x', 3));
			assert.equal(await rating(phone), 3);
			await tv.act(remove('watchlist', 'x', { at: tv.now() }));
			assert.equal(await rating(phone), undefined);
			await phone.act(rate('x', 4));
			assert.equal(await rating(phone), 4);
		});
		test('is answered with a clock that is right', async () => {
			const [tv] = await pair({ tv: skew });
			const begin = Date.now();
			const { now } = await tv.exchange([rate('a', 1, { at: tv.now() })]);
			assert.ok(now >= begin - 1 && now <= Date.now() + 1, `${now} is not between ${begin} and ${Date.now()}`);
		});
	});

test('two devices, ten years wrong in opposite directions, quarrel in the order of what happened, whoever syncs first', async () => {
	for (const lateFirst of [true, false]) {
		const [tv, phone] = await pair({ tv: 10 * YEAR, phone: -10 * YEAR });
		// What happened: tv at -50 s, phone at -40 s, tv at -30 s, phone at -20 s.
		const ofTv = () => tv.push(rate('x', 1, { at: tv.now() - 50000 }), rate('x', 3, { at: tv.now() - 30000 }));
		const ofPhone = () => phone.push(rate('x', 2, { at: phone.now() - 40000 }), rate('x', 4, { at: phone.now() - 20000 }));
		for (const push of lateFirst ? [ofPhone, ofTv] : [ofTv, ofPhone]) await push();
		assert.equal(await rating(tv), 4);
		const history = good(await tv.who.get('/api/history/watchlist/x'));
		const times = [...history].sort((a, b) => (a.stamp < b.stamp ? -1 : 1));
		assert.deepEqual(
			times.map((r) => r.registers.rating),
			[1, 2, 3, 4],
		);
	}
});

describe('the time of an op', () => {
	test('is by the sender\'s clock as it is, while that is less than 2 s off', async () => {
		const [tv] = await pair();
		for (const skew of [-1200, 0, 1200]) {
			const now = Date.now() + skew;
			const at = now - MINUTE;
			const key = `k${skew}`;
			const [{ stamp }] = (await exchange(tv.who, { now, ops: tv.number([rate(key, 1, { at })]) })).results;
			assert.equal(msOf(stamp), at, `skew ${skew}`);
		}
	});
	test('is never later than its arrival', async () => {
		const [tv] = await pair();
		for (const [i, at] of [5000, MINUTE, YEAR, 1e300].entries())
			await happened(0, () => tv.act(rate(`k${i}`, 1, { at: Date.now() + at })));
		await happened(0, () => tv.act(rate('negative', 1, { age: -MINUTE })));
	});
	test('is never before 1970', async () => {
		const [tv] = await pair();
		for (const [i, more] of [{ age: 1e18 }, { age: 1e300 }, { at: -1 }, { at: -1e300 }, { at: 0 }].entries()) {
			const { stamp } = await tv.act(rate(`k${i}`, 1, more));
			assert.equal(msOf(stamp), 0);
		}
		assert.equal(good(await tv.who.get('/api/watchlist')).length, 5, 'they are items like any other');
		assert.equal(good(await tv.who.get('/api/watchlist'))[0].updatedAt, '1970-01-01T00:00:00.000Z');
		await tv.act(rate('k0', 2));
		assert.equal((await serverShows(tv.who))['watchlist/k0'].rating.value, 2);
	});
	test('by age does not depend on the clock, also when the push says no clock at all', async () => {
		const [tv] = await pair();
		for (const [i, now] of [undefined, null, 0, -1e300, 1e300].entries())
			await happened(MINUTE, async () => {
				const [result] = (await exchange(tv.who, { now, ops: tv.number([rate(`k${i}`, 1, { age: MINUTE })]) })).results;
				assert.equal(result.outcome, 'applied');
				return result;
			});
	});
	test('may be a fraction of a millisecond', async () => {
		const [tv] = await pair();
		await happened(1000, () => tv.act(rate('a', 1, { age: 1000.5 })));
	});
	test('cannot be told twice, nor as a text: that op is rejected, the others are taken', async () => {
		const [tv] = await pair();
		const results = await tv.push(
			rate('a', 1, { at: Date.now(), age: 5 }),
			rate('b', 1, { at: String(Date.now()) }),
			rate('c', 1, { age: null }),
			rate('d', 1),
		);
		assert.deepEqual(
			results.map((r) => r.code ?? r.outcome),
			['invalid_time', 'invalid_time', 'invalid_time', 'applied'],
		);
	});
	test('with at, but without the clock that it is by, is a push that cannot be read: nothing is written', async () => {
		const [tv] = await pair();
		const ops = tv.number([rate('a', 1), rate('b', 1, { at: Date.now() })]);
		invalid(await tv.who.post('/api/sync', { ops }), [['now']]);
		for (const now of ['1771000000123', true, {}, []]) invalid(await tv.who.post('/api/sync', { now, ops }), [['now']]);
		assert.deepEqual(good(await tv.who.get('/api/watchlist')), []);
	});
});

describe("a device's own order", () => {
	const stamps = (results) => results.map((r) => r.stamp);
	test('is kept when a later number comes out up to 10 s earlier: same millisecond, next counter', async () => {
		const [tv] = await pair();
		const now = Date.now();
		const op = (key, ago) => rate(key, 1, { at: now - ago });
		const { results } = await exchange(tv.who, { now, ops: tv.number([op('a', 20000), op('b', 30000), op('c', 20001), op('d', 20000)]) });
		const made = stamps(results);
		assert.deepEqual(
			made.map((s) => [msOf(s) - (now - 20000), counterOf(s)]),
			[
				[0, 0],
				[0, 1],
				[0, 2],
				[0, 3],
			],
		);
	});
	test('is not kept beyond that', async () => {
		const [tv] = await pair();
		const now = Date.now();
		const op = (key, ago) => rate(key, 1, { at: now - ago });
		const { results } = await exchange(tv.who, { now, ops: tv.number([op('a', 20000), op('b', 30001)]) });
		assert.deepEqual(
			results.map((r) => [now - msOf(r.stamp), counterOf(r.stamp)]),
			[
				[20000, 0],
				[30001, 0],
			],
		);
	});
	test('is kept over pushes, and over a restart', async () => {
		const own = await startDaemon();
		const tv = new Device(await person(own));
		const op = (ago) => rate('a', 1 + (tv.n % 10), { age: ago });
		const made = [(await tv.act(op(20000))).stamp];
		made.push((await tv.act(op(25000))).stamp);
		await own.restart();
		made.push((await tv.act(op(28000))).stamp);
		assert.deepEqual(
			made.map((s) => [msOf(s), counterOf(s)]),
			[0, 1, 2].map((counter) => [msOf(made[0]), counter]),
		);
		await own.stop();
	});
	test('makes the later of two acts win, though the clock went back between them', async () => {
		const [tv] = await pair();
		const now = Date.now();
		await exchange(tv.who, { now, ops: tv.number([rate('x', 1, { at: now - 1000 }), rate('x', 2, { at: now - 9000 })]) });
		assert.equal(await rating(tv), 2);
	});
	test('is that of each device whose acts are forwarded, not of the one that forwards', async () => {
		const [tv] = await pair();
		const [one, two] = [hex(8), hex(8)];
		const now = Date.now();
		const op = (origin, ago) => rate(`${origin}-${ago}`, 1, { origin, at: now - ago });
		const ops = tv.number([op(one, 20000), op(two, 25000), op(one, 21000), op(two, 24000)]);
		const { results } = await exchange(tv.who, { now, ops });
		assert.deepEqual(
			results.map((r) => [now - msOf(r.stamp), counterOf(r.stamp)]),
			[
				[20000, 0],
				[25000, 0],
				[20000, 1],
				[24000, 0],
			],
		);
	});
	test('does not hold for REST calls and their like, which carry no number: they happen when they arrive', async () => {
		const [tv] = await pair();
		await tv.act(place('x', 5, 100, { event: 'seek', age: 1000 }));
		const begin = Date.now();
		const { stamp } = await tv.act(place('x', 5, 200, { event: 'seek' }));
		assert.ok(msOf(stamp) >= begin - 1);
	});
});
