// The live web and mobile clients, request by request as live-clients.md section 2 recorded them; asserted is what each one reads.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { ISO, STATUSES, good } from './support.mjs';

let daemon, api;
before(async () => {
	// The manual's advice for today's clients, which never page.
	daemon = await startDaemon({ env: { WATCHLIST_PAGE_DEFAULT: '0', FRONTEND_URL: 'http://localhost:5173' } });
	({ api } = client(daemon.url));
});

const ORIGIN = 'http://localhost:5173';

/** The web client: attaches its token to every call, preflights what a browser would. */
function web() {
	let token;
	const call = async (method, path, body) => {
		const preflight = await api('OPTIONS', path, {
			headers: {
				origin: ORIGIN,
				'access-control-request-method': method,
				'access-control-request-headers': 'authorization,content-type',
			},
		});
		assert.equal(preflight.status, 204);
		assert.equal(preflight.headers.get('access-control-allow-origin'), ORIGIN);
		const reply = await api(method, path, {
			token,
			body,
			headers: { origin: ORIGIN, accept: 'application/json, text/plain, */*' },
		});
		assert.equal(reply.headers.get('access-control-allow-origin'), ORIGIN, 'the browser shows the reply to the page');
		assert.ok(reply.json, reply.text);
		return reply;
	};
	return {
		call,
		use: (value) => {
			token = value;
		},
		has: () => token,
	};
}

function showsUser(user, username) {
	assert.equal(user.username, username);
	assert.ok(user.username[0], 'the mobile client shows the first letter');
	assert.match(user.email, /@/);
	assert.equal(typeof user.avatar, 'string');
	assert.match(user.createdAt, ISO);
	assert.ok(!Number.isNaN(new Date(user.createdAt).getTime()), 'the profile page prints the date');
}

describe('the web client', () => {
	test('a whole visit: register, add, watch, rate, change, remove, log in again', async () => {
		const w = web();
		const username = unique('web');
		const account = { username, email: `${username}@example.com`, password: 'longenough1' };
		const registered = await w.call('POST', '/api/auth/register', account);
		assert.equal(registered.json.success, true);
		showsUser(registered.json.data, username);
		w.use(registered.json.data.token);

		// A page load.
		assert.deepEqual((await w.call('GET', '/api/continue-watching')).json.data, []);
		assert.deepEqual((await w.call('GET', '/api/watchlist')).json.data, []);
		const bell = await w.call('GET', '/api/notification');
		assert.ok(Array.isArray(bell.json.data));

		// The list, used as a map from animeId to entry.
		const added = [];
		for (let i = 0; i < 25; i++) {
			const reply = await w.call('POST', '/api/watchlist', {
				animeId: `show-${i}`,
				animeTitle: `Show ${i}`,
				animeImage: 'https://cdn/i.jpg',
				status: 'plan_to_watch',
			});
			const { _id, animeId, animeTitle, animeImage, status } = reply.json.data;
			assert.deepEqual(
				[animeId, animeTitle, animeImage, status],
				[`show-${i}`, `Show ${i}`, 'https://cdn/i.jpg', 'plan_to_watch'],
			);
			added.push(_id);
		}
		const list = (await w.call('GET', '/api/watchlist')).json.data;
		assert.equal(list.length, 25, 'it never pages: the whole list has to come');
		assert.deepEqual(new Set(list.map((i) => i._id)), new Set(added));
		const changed = (await w.call('PUT', `/api/watchlist/${added[3]}`, { status: 'watching' })).json.data;
		assert.deepEqual(
			[changed._id, changed.animeId, changed.status],
			[added[3], 'show-3', 'watching'],
			'it replaces its entry by the reply',
		);
		assert.equal(changed.animeTitle, 'Show 3');
		assert.deepEqual(
			(await w.call('GET', '/api/watchlist?status=watching')).json.data.map((i) => i.animeId),
			['show-3'],
		);
		assert.equal((await w.call('DELETE', `/api/watchlist/${added[4]}`)).status, 200);
		const again = await w.call('POST', '/api/watchlist', {
			animeId: 'show-3',
			animeTitle: 'Show 3',
			animeImage: '',
			status: 'completed',
		});
		assert.equal(again.status, 409);

		// Watching: always currentTime 0 and duration 0.
		const watch = (episode, id) =>
			w.call('POST', '/api/continue-watching', {
				animeId: 'show-3',
				episodeId: id,
				animeTitle: 'Show 3',
				animeImage: 'https://cdn/i.jpg',
				currentEpisode: episode,
				currentTime: 0,
				duration: 0,
				episodeTitle: `Episode ${episode}`,
			});
		const opened = (await watch(1, 'ep=123')).json.data;
		assert.deepEqual(
			[opened.animeId, opened.currentEpisode, opened.episodeId, opened.episodeTitle],
			['show-3', 1, 'ep=123', 'Episode 1'],
		);
		await watch(2, 'ep=124');
		const [resume] = (await w.call('GET', '/api/continue-watching')).json.data;
		assert.deepEqual(
			[resume.animeId, resume.currentEpisode, resume.episodeId, resume.currentTime, resume.duration],
			['show-3', 2, 'ep=124', 0, 0],
		);
		assert.equal(resume._id, opened._id);
		assert.equal((await w.call('DELETE', '/api/continue-watching/show-3')).status, 200);
		assert.equal((await w.call('DELETE', '/api/continue-watching')).status, 200);

		// The profile: one field at a time, the reply replaces the stored user.
		const renamed = unique('web');
		showsUser((await w.call('PUT', '/api/users/profile', { username: renamed })).json.data, renamed);
		const pictured = (await w.call('PUT', '/api/users/profile', { avatar: 'https://cdn/me.png' })).json.data;
		showsUser(pictured, renamed);
		assert.equal(pictured.avatar, 'https://cdn/me.png');
		const settings = Object.fromEntries(STATUSES.map((s, i) => [s, i % 2 === 0]));
		assert.deepEqual((await w.call('PUT', '/api/users/settings', settings)).json.data.notificationIgnore, settings);

		// The password: the token works on.
		const moved = await w.call('POST', '/api/auth/reset-password', {
			currentPassword: account.password,
			newPassword: 'evenlonger2',
		});
		assert.equal(moved.json.message, 'Password updated successfully');
		good(await w.call('GET', '/api/auth/me'));

		// Log in again, with the old token still attached and rememberMe.
		const back = await w.call('POST', '/api/auth/login', { email: account.email, password: 'evenlonger2', rememberMe: true });
		assert.equal(back.json.success, true);
		showsUser(back.json.data, renamed);
		assert.deepEqual(back.json.data.notificationIgnore, settings);
		w.use(back.json.data.token);
		assert.equal((await w.call('GET', '/api/watchlist')).json.data.length, 24);
	});
	test('shows each field its message: errors is a list of {path, msg}', async () => {
		const w = web();
		const reply = await w.call('POST', '/api/auth/register', { username: 'a!', email: 'x', password: '1' });
		const field = {};
		reply.json.errors.forEach((e) => {
			field[e.path] = e.msg;
		});
		assert.deepEqual(Object.keys(field).sort(), ['email', 'password', 'username']);
		assert.equal(field.email, 'Please provide a valid email');
		assert.equal(field.password, 'Password must be at least 6 characters long');
		for (const text of Object.values(field)) assert.equal(typeof text, 'string');
	});
	test('is never logged out by a mistake: only a bad token or a bad log-in is a 401', async () => {
		const w = web();
		const username = unique('web');
		w.use(
			(await w.call('POST', '/api/auth/register', { username, email: `${username}@example.com`, password: 'longenough1' }))
				.json.data.token,
		);
		for (const [method, path, body] of [
			['POST', '/api/auth/reset-password', { currentPassword: 'wrong one', newPassword: 'whatever1' }],
			['GET', '/api/random'],
			['POST', '/api/contact', { name: 'x' }],
			['PUT', '/api/watchlist/undefined', { status: 'watching' }],
			['DELETE', '/api/continue-watching/undefined'],
			['PUT', '/api/notification/undefined/read'],
			['POST', '/api/auth/forgot-password', { email: 'nobody' }],
		])
			assert.notEqual((await w.call(method, path, body)).status, 401, `${method} ${path}`);
	});
	test('forgotten password: shows the message, whoever asks', async () => {
		const reply = await web().call('POST', '/api/auth/forgot-password', { email: 'nobody@example.com' });
		assert.deepEqual(reply.json, { success: true, message: 'Password reset email sent successfully' });
	});
});

describe('the mobile client', () => {
	test('a whole visit: exact statuses, success, token as text, preferences, audio and server', async () => {
		const username = unique('app');
		const account = { username, email: `${username}@example.com`, password: 'longenough1' };
		const registered = await api('POST', '/api/auth/register', { body: account });
		assert.equal(registered.status, 201);
		assert.equal(registered.json.success, true);
		assert.equal(typeof registered.json.data.token, 'string');
		const signed = await api('POST', '/api/auth/login', { body: { email: account.email, password: account.password } });
		assert.equal(signed.status, 200);
		showsUser(signed.json.data, username);
		const { token } = signed.json.data;
		const call = (method, path, body) => api(method, path, { token, body });

		// At each start.
		const preferences = await call('GET', '/api/users/preferences');
		assert.equal(preferences.json.success, true);
		assert.deepEqual(preferences.json.data, { audio: 'sub', server: 'hd-1' });
		assert.equal((await call('PUT', '/api/users/preferences', { audio: 'dub' })).json.success, true);
		assert.equal((await call('PUT', '/api/users/preferences', { server: 'hd-2' })).json.success, true);
		assert.deepEqual((await call('GET', '/api/users/preferences')).json.data, { audio: 'dub', server: 'hd-2' });
		assert.equal((await api('GET', '/socket.io/?EIO=4&transport=websocket')).status, 404);

		// Watching: no currentTime, no duration, no episodeId.
		const watch = (episode) =>
			call('POST', '/api/continue-watching', {
				animeId: 'show-1',
				animeTitle: 'Show 1',
				animeImage: 'https://cdn/i.jpg',
				currentEpisode: episode,
				episodeTitle: `Episode ${episode}`,
				server: 'hd-2',
				dub: 'yes',
			});
		const { data } = (await watch(4)).json;
		assert.deepEqual(
			[
				data.animeId,
				data.animeTitle,
				data.animeImage,
				data.currentEpisode,
				data.currentTime,
				data.duration,
				data.episodeTitle,
				data.dub,
				data.server,
			],
			['show-1', 'Show 1', 'https://cdn/i.jpg', 4, 0, 0, 'Episode 4', 'yes', 'hd-2'],
		);
		await watch(5);
		const list = (await call('GET', '/api/continue-watching')).json;
		assert.equal(list.success, true);
		assert.deepEqual(
			list.data.map((i) => [i.animeId, i.currentEpisode, i.dub, i.server]),
			[['show-1', 5, 'yes', 'hd-2']],
		);

		// The list.
		const added = (
			await call('POST', '/api/watchlist', {
				animeId: 'show-1',
				animeTitle: 'Show 1',
				animeImage: 'https://cdn/i.jpg',
				status: 'watching',
			})
		).json.data;
		for (const name of ['_id', 'animeId', 'animeTitle', 'animeImage', 'status']) assert.equal(typeof added[name], 'string');
		const changed = (await call('PUT', `/api/watchlist/${added._id}`, { status: 'on_hold' })).json.data;
		assert.deepEqual([changed._id, changed.animeId, changed.status], [added._id, 'show-1', 'on_hold']);
		assert.equal((await call('DELETE', `/api/watchlist/${added._id}`)).status, 200);
		assert.equal((await call('DELETE', '/api/continue-watching/show-1')).status, 200);
		showsUser(
			(await call('PUT', '/api/users/profile', { username: unique('app') })).json.data,
			(await call('GET', '/api/auth/me')).json.data.username,
		);
		const forgot = await api('POST', '/api/auth/forgot-password', { body: { email: account.email } });
		assert.equal(forgot.status, 200);
		assert.equal(forgot.json.success, true);
	});
});

test('a place that a player saved outlives both clients, which always send zeros or nothing', async () => {
	const username = unique('both');
	const { token } = (
		await api('POST', '/api/auth/register', { body: { username, email: `${username}@example.com`, password: 'longenough1' } })
	).json.data;
	const call = (method, path, body) => api(method, path, { token, body });
	good(
		await call('POST', '/api/continue-watching', {
			animeId: 's',
			animeTitle: 'S',
			currentEpisode: 13,
			currentTime: 720,
			duration: 1440,
		}),
	);
	good(
		await call('POST', '/api/continue-watching', {
			animeId: 's',
			episodeId: 'ep=13',
			animeTitle: 'S',
			animeImage: '',
			currentEpisode: 13,
			currentTime: 0,
			duration: 0,
			episodeTitle: 'E',
		}),
	);
	good(
		await call('POST', '/api/continue-watching', {
			animeId: 's',
			animeTitle: 'S',
			animeImage: '',
			currentEpisode: 13,
			episodeTitle: 'E',
			server: 'hd-1',
			dub: 'no',
		}),
	);
	const { currentEpisode, currentTime, duration } = good(await call('GET', '/api/continue-watching/s'));
	assert.deepEqual([currentEpisode, currentTime, duration], [13, 720, 1440]);
});
