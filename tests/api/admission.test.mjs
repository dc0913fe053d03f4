// Playback is admitted before it is merged: the table of sync-protocol.md section 4. No test waits: `age` says when an op happened.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { good, person, refused, says, session, watched } from './support.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const TITLE = 'show';
const MINUTES = 60000;

/** A scene of one user: each act happens `at` seconds after the scene began, an hour ago. */
async function scene(on = daemon) {
	const tv = await person(on, { deviceName: 'TV' });
	const phone = await session(on, tv, { deviceName: 'Phone' });
	const began = Date.now() - 60 * MINUTES;
	const act = async (by, at, event, episode, time, more = {}) => {
		const body = watched(TITLE, episode, time, 1440, { event, age: Math.max(0, Date.now() - began - at * 1000), ...more });
		return good(await by.post('/api/continue-watching', body));
	};
	const shows = async (episode, time) => {
		const { currentEpisode, currentTime } = good(await tv.get(`/api/continue-watching/${TITLE}`));
		assert.deepEqual([currentEpisode, currentTime], [episode, time]);
	};
	const history = async () => good(await tv.get(`/api/history/progress/${TITLE}`));
	const candidates = async () =>
		(await history()).filter((r) => r.outcome === 'candidate').map((r) => [r.rule, r.registers.position.currentTime]);
	return { tv, phone, act, shows, history, candidates };
}

describe('a paused player', () => {
	test('that ticks on where it stands never takes the place from the one who watches on', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		for (const at of [110, 200, 1000]) {
			await s.act(s.tv, at, 'heartbeat', 5, 600, { session: 'tv' });
			await s.shows(5, 900);
		}
		assert.deepEqual([...new Set((await s.candidates()).map(([rule]) => rule))], ['paused_player']);
	});
	test('nor when the other one went on to the next episode, however long ago', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 6, 10, { session: 'ph' });
		await s.act(s.tv, 3000, 'heartbeat', 5, 600.5, { session: 'tv' });
		await s.shows(6, 10);
	});
	test('neither by its pause nor by its stop', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		await s.act(s.tv, 110, 'pause', 5, 600.2, { session: 'tv' });
		await s.act(s.tv, 120, 'stop', 5, 600.9, { session: 'tv' });
		await s.shows(5, 900);
		assert.deepEqual([...new Set((await s.candidates()).map(([rule]) => rule))], ['paused_player']);
	});
	test('is one within less than a second of where its last real tick was: a whole second is playback again', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		await s.act(s.tv, 110, 'heartbeat', 5, 600.9, { session: 'tv' });
		await s.shows(5, 900);
		await s.act(s.tv, 120, 'heartbeat', 5, 601, { session: 'tv' });
		await s.shows(5, 601);
	});
	test('cannot creep: what was a candidate moves no anchor', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		for (const [i, time] of [600.3, 600.6, 600.9].entries())
			await s.act(s.tv, 110 + i, 'heartbeat', 5, time, { session: 'tv' });
		await s.act(s.tv, 120, 'heartbeat', 5, 601.2, { session: 'tv' });
		await s.shows(5, 601.2);
	});
	test('takes the place again when somebody resumes it there', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		await s.act(s.tv, 110, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.tv, 115, 'heartbeat', 5, 605, { session: 'tv' });
		await s.shows(5, 605);
	});
	test('on another episode than its anchor is none', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		await s.act(s.tv, 110, 'heartbeat', 6, 600, { session: 'tv' });
		await s.shows(6, 600);
	});
	test('is still one after a restart of the server', async () => {
		const own = await startDaemon();
		const s = await scene(own);
		await s.act(s.tv, 0, 'heartbeat', 5, 600, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 900, { session: 'ph' });
		await own.restart();
		await s.act(s.tv, 200, 'heartbeat', 5, 600, { session: 'tv' });
		await s.shows(5, 900);
		await own.kill();
		await own.restart();
		await s.act(s.tv, 300, 'heartbeat', 5, 600, { session: 'tv' });
		await s.shows(5, 900);
		assert.ok((await s.candidates()).every(([rule]) => rule === 'paused_player'));
		await own.stop();
	});
	test('alone holds its place and may stand there as long as it likes', async () => {
		const s = await scene();
		for (const at of [0, 10, 20, 30]) await s.act(s.tv, at, 'heartbeat', 5, 600, { session: 'tv' });
		await s.shows(5, 600);
		assert.deepEqual(await s.candidates(), []);
	});
});

describe('a session that has just begun', () => {
	test('does not rewind: a heartbeat from the beginning is kept aside', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		const data = await s.act(s.phone, 100, 'heartbeat', 5, 0, { session: 'ph' });
		assert.equal(data.currentTime, 900, 'the answer shows the place that holds');
		await s.shows(5, 900);
		assert.deepEqual(await s.candidates(), [['early_rewind', 0]]);
	});
	test('takes the place when it has run for more than a minute', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		for (const at of [0, 20, 40, 58]) {
			await s.act(s.phone, 100 + at, 'heartbeat', 5, at, { session: 'ph' });
			await s.shows(5, 900);
		}
		await s.act(s.phone, 165, 'heartbeat', 5, 65, { session: 'ph' });
		await s.shows(5, 65);
	});
	test('that ends early leaves the place alone: pause and stop are asked the same', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 3, { session: 'ph' });
		await s.act(s.phone, 110, 'pause', 5, 13, { session: 'ph' });
		await s.act(s.phone, 111, 'stop', 5, 15, { session: 'ph' });
		await s.shows(5, 900);
	});
	test('may go back 30 seconds, not more', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 869.5, { session: 'ph' });
		await s.shows(5, 900);
		await s.act(s.phone, 105, 'heartbeat', 5, 870.5, { session: 'ph' });
		await s.shows(5, 870.5);
	});
	test('may go to another episode, before or after', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 4, 1, { session: 'ph' });
		await s.shows(4, 1);
		await s.act(s.tv, 200, 'heartbeat', 6, 1, { session: 'tv2' });
		await s.shows(6, 1);
	});
	test('may go forward', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 901, { session: 'ph' });
		await s.shows(5, 901);
	});
	test('began when its player says so: `playing` seconds before', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 300, 'heartbeat', 5, 100, { session: 'ph', playing: 30 });
		await s.shows(5, 900);
		await s.act(s.tv, 310, 'heartbeat', 5, 910, { session: 'tv' });
		await s.act(s.phone, 600, 'heartbeat', 5, 120, { session: 'another', playing: 120 });
		await s.shows(5, 120);
	});
	test('begins anew after ten minutes without a tick', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 10, { session: 'ph' });
		await s.act(s.phone, 100 + 601, 'heartbeat', 5, 20, { session: 'ph' });
		await s.shows(5, 900);
		assert.ok((await s.candidates()).every(([rule]) => rule === 'early_rewind'));
	});
	test('with nine minutes between two ticks is the same session', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 10, { session: 'ph' });
		await s.act(s.phone, 100 + 540, 'heartbeat', 5, 20, { session: 'ph' });
		await s.shows(5, 20);
	});
	test('is still young after a restart of the server', async () => {
		const own = await startDaemon();
		const s = await scene(own);
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 1, { session: 'ph' });
		await own.kill();
		await own.restart();
		await s.act(s.phone, 140, 'heartbeat', 5, 41, { session: 'ph' });
		await s.shows(5, 900);
		await s.act(s.phone, 165, 'heartbeat', 5, 66, { session: 'ph' });
		await s.shows(5, 66);
		await own.stop();
	});
});

describe('what the user meant is always written', () => {
	for (const event of ['seek', 'manual'])
		test(`${event}: backwards, from a young session`, async () => {
			const s = await scene();
			await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
			await s.act(s.phone, 100, event, 5, 3, { session: 'ph' });
			await s.shows(5, 3);
			assert.deepEqual(await s.candidates(), []);
		});
	test('plain REST without event is manual: backwards, from any device', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		good(await s.phone.post('/api/continue-watching', watched(TITLE, 5, 3, 1440)));
		await s.shows(5, 3);
		const [row] = await s.history();
		assert.equal(row.event, 'manual');
	});
	test('the session that holds the place may go back as it likes', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.tv, 5, 'heartbeat', 5, 100, { session: 'tv' });
		await s.shows(5, 100);
		assert.deepEqual(await s.candidates(), []);
	});
	test('a session that sought back holds the place and ticks on from there', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'seek', 5, 10, { session: 'ph' });
		await s.act(s.phone, 105, 'heartbeat', 5, 15, { session: 'ph' });
		await s.shows(5, 15);
	});
});

describe('who a session is', () => {
	test('the same name on two devices is two sessions', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'same' });
		await s.act(s.phone, 100, 'heartbeat', 5, 1, { session: 'same' });
		await s.shows(5, 900);
	});
	test('two names on one device are two sessions', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'one' });
		await s.act(s.tv, 100, 'heartbeat', 5, 1, { session: 'two' });
		await s.shows(5, 900);
	});
	test('a missing name is the empty one', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900);
		await s.act(s.tv, 100, 'heartbeat', 5, 1, { session: '' });
		await s.shows(5, 1);
		await s.act(s.tv, 110, 'heartbeat', 5, 900, { session: 'named' });
		await s.act(s.tv, 120, 'heartbeat', 5, 1);
		await s.shows(5, 900);
	});
	test('it belongs to one title: the same session elsewhere is another', async () => {
		const s = await scene();
		await s.act(s.phone, 0, 'heartbeat', 1, 5, { session: 'ph', animeId: 'other' });
		await s.act(s.tv, 10, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 1, { session: 'ph' });
		await s.shows(5, 900);
	});
});

describe('a candidate', () => {
	test('is answered 200 with the place that holds, and stands in the history with all it said', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 7, { session: 'ph' });
		const row = (await s.history()).find((r) => r.outcome === 'candidate');
		assert.equal(row.rule, 'early_rewind');
		assert.equal(row.event, 'heartbeat');
		assert.equal(row.session, 'ph');
		assert.equal(row.current, false);
		assert.deepEqual(row.device, { id: s.phone.deviceId, name: 'Phone' });
		assert.deepEqual(row.registers.position, { currentEpisode: 5, currentTime: 7, duration: 1440 });
	});
	test('can be restored', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		await s.act(s.phone, 100, 'heartbeat', 5, 7, { session: 'ph' });
		const row = (await s.history()).find((r) => r.outcome === 'candidate');
		const data = good(await s.tv.post(`/api/history/progress/${TITLE}/restore`, { seq: row.seq }));
		assert.equal(data.currentTime, 7);
		await s.shows(5, 7);
	});
	test('does not touch lastWatched', async () => {
		const s = await scene();
		const { lastWatched } = await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		assert.equal((await s.act(s.phone, 100, 'heartbeat', 5, 7, { session: 'ph' })).lastWatched, lastWatched);
	});
	test('candidates of one young session that ticks forward are one row', async () => {
		const s = await scene();
		await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
		for (let i = 0; i < 10; i++) await s.act(s.phone, 100 + i * 5, 'heartbeat', 5, i * 5, { session: 'ph' });
		const rows = await s.candidates();
		assert.ok(rows.length <= 2, JSON.stringify(rows));
		assert.deepEqual(rows[0], ['early_rewind', 45]);
	});
});

describe('an op older than the stored place', () => {
	for (const event of ['heartbeat', 'pause', 'stop'])
		test(`${event}: is superseded without further questions, never a candidate`, async () => {
			const s = await scene();
			await s.act(s.tv, 1000, 'heartbeat', 5, 900, { session: 'tv' });
			await s.act(s.phone, 500, event, 5, 1, { session: 'ph' });
			await s.shows(5, 900);
			assert.deepEqual(await s.candidates(), []);
			const row = (await s.history()).find((r) => r.outcome === 'superseded');
			assert.equal(row.rule, 'later_stamp');
		});
});

test('after a delete nothing is held: the next tick is the place, from the beginning too', async () => {
	const s = await scene();
	await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
	says(await s.tv.del(`/api/continue-watching/${TITLE}`), 'Progress deleted successfully');
	good(await s.phone.post('/api/continue-watching', watched(TITLE, 5, 1, 1440, { event: 'heartbeat', session: 'ph' })));
	await s.shows(5, 1);
});

test('a tick from before a delete revives nothing', async () => {
	const s = await scene();
	await s.act(s.tv, 0, 'heartbeat', 5, 900, { session: 'tv' });
	says(await s.tv.del(`/api/continue-watching/${TITLE}`), 'Progress deleted successfully');
	assert.equal(await s.act(s.tv, 10, 'heartbeat', 5, 910, { session: 'tv' }), null);
	refused(await s.tv.get(`/api/continue-watching/${TITLE}`), 404);
});
