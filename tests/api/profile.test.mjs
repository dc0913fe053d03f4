// Profile, settings, preferences and notifications: design.md section 5, live-clients.md section 2.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import {
	MISSING_OID,
	STATUSES,
	USER_FIELDS,
	blames,
	fields,
	good,
	hex,
	invalid,
	person,
	refused,
	says,
	session,
} from './support.mjs';

let daemon, who;
before(async () => {
	daemon = await startDaemon();
	who = await person(daemon);
});

describe('PUT /api/users/profile', () => {
	const put = (body, by = who) => by.put('/api/users/profile', body);

	test('answers the whole user, and me agrees', async () => {
		const username = unique('New');
		const data = good(await put({ username, avatar: 'https://cdn.example.com/avatar.jpg' }));
		fields(data, USER_FIELDS);
		assert.equal(data.username, username);
		assert.equal(data.avatar, 'https://cdn.example.com/avatar.jpg');
		assert.equal(data.email, who.email);
		assert.deepEqual(good(await who.get('/api/auth/me')), data);
	});
	test('absent and empty names are ignored', async () => {
		const { username } = good(await who.get('/api/auth/me'));
		assert.equal(good(await put({ username: '' })).username, username);
		assert.equal(good(await put({})).username, username);
	});
	test('a missing body is as {}', async () => {
		const mine = good(await who.get('/api/auth/me'));
		const data = good(await put(undefined));
		assert.equal(data.username, mine.username);
		assert.equal(data.avatar, mine.avatar);
	});
	test('role, email, password and _id are ignored', async () => {
		const mine = good(await who.get('/api/auth/me'));
		const data = good(
			await put({ role: 'admin', email: 'new@example.com', password: 'another-one', _id: MISSING_OID, isVerified: true }),
		);
		for (const name of ['role', 'email', '_id', 'isVerified']) assert.equal(data[name], mine[name]);
		await session(daemon, who);
	});
	test('one field leaves the other: the web client sends them separately', async () => {
		good(await put({ avatar: 'https://cdn.example.com/one.png' }));
		const username = unique();
		assert.equal(good(await put({ username })).avatar, 'https://cdn.example.com/one.png');
		assert.equal(good(await put({ avatar: 'http://cdn.example.com/two.png' })).username, username);
	});
	test('an empty avatar clears it', async () => {
		good(await put({ avatar: 'https://cdn.example.com/one.png' }));
		assert.equal(good(await put({ avatar: '' })).avatar, '');
	});
	test('an avatar is an http or https URL', async () => {
		for (const avatar of [
			'javascript:alert(1)',
			'data:image/png;base64,AA==',
			'ftp://example.com/a',
			'cdn.example.com/a.jpg',
			'//example.com/a',
			'http://',
			'https:/one',
			' https://example.com/a b',
		])
			blames(await put({ avatar }), 'avatar');
		for (const avatar of [7, [], {}, true]) blames(await put({ avatar }), 'avatar');
	});
	test('an avatar has at most 2048 characters', async () => {
		const base = 'https://cdn.example.com/';
		good(await put({ avatar: base + 'a'.repeat(2048 - base.length) }));
		blames(await put({ avatar: base + 'a'.repeat(2049 - base.length) }), 'avatar');
	});
	test("a name that somebody has in any case is 409, one's own in another case is not", async () => {
		const other = await person(daemon, { username: `Taken_${hex(6)}` });
		refused(await put({ username: other.username.toUpperCase() }), 409, 'Username already taken');
		const mine = `Case_${hex(6)}`;
		good(await put({ username: mine }));
		assert.equal(good(await put({ username: mine.toUpperCase() })).username, mine.toUpperCase());
	});
	test('the old name is free after a change, and the new one is taken', async () => {
		const one = await person(daemon);
		const name = unique('next');
		good(await put({ username: name }, one));
		const two = await person(daemon, { username: one.username, email: `${unique()}@example.com` });
		refused(await put({ username: name }, two), 409, 'Username already taken');
	});
	test('the rules of registration hold', async () => {
		invalid(await put({ username: 'a-' }), [
			['username', 'Username must be between 3 and 30 characters'],
			['username', 'Username can only contain letters, numbers, and underscores'],
		]);
		for (const username of [[], {}, true]) blames(await put({ username }), 'username');
	});
	test('a refused change changes nothing, not even its good half', async () => {
		const mine = good(await who.get('/api/auth/me'));
		blames(await put({ username: unique(), avatar: 'nonsense' }), 'avatar');
		assert.deepEqual(good(await who.get('/api/auth/me')), mine);
	});
});

describe('PUT /api/users/settings', () => {
	const off = Object.fromEntries(STATUSES.map((s) => [s, false]));
	test('begins with five times false', async () => {
		assert.deepEqual((await person(daemon)).user.notificationIgnore, off);
	});
	test('takes the five booleans and answers the whole user', async () => {
		const all = { watching: true, on_hold: false, plan_to_watch: true, completed: true, dropped: false };
		const data = good(await who.put('/api/users/settings', all));
		fields(data, USER_FIELDS);
		assert.deepEqual(data.notificationIgnore, all);
		assert.deepEqual(good(await who.get('/api/auth/me')).notificationIgnore, all);
		assert.deepEqual((await session(daemon, who)).user.notificationIgnore, all);
	});
	test('may be partial', async () => {
		const one = await person(daemon);
		good(await one.put('/api/users/settings', { dropped: true }));
		assert.deepEqual(good(await one.put('/api/users/settings', { watching: true })).notificationIgnore, {
			...off,
			dropped: true,
			watching: true,
		});
		assert.deepEqual(good(await one.put('/api/users/settings', { dropped: false })).notificationIgnore, {
			...off,
			watching: true,
		});
		assert.deepEqual(good(await one.put('/api/users/settings', {})).notificationIgnore, { ...off, watching: true });
	});
	test('what is no boolean is 422 for that field and changes nothing', async () => {
		const one = await person(daemon);
		for (const value of ['true', 1, [], {}])
			blames(await one.put('/api/users/settings', { watching: true, dropped: value }), 'dropped');
		assert.deepEqual(good(await one.get('/api/auth/me')).notificationIgnore, off);
	});
	test('unknown fields are ignored', async () => {
		const one = await person(daemon);
		assert.deepEqual(good(await one.put('/api/users/settings', { rewatching: true, role: 'admin' })).notificationIgnore, off);
	});
});

describe('/api/users/preferences', () => {
	const AUDIO = "Audio preference must be either 'sub' or 'dub'";
	const SERVER = "Server preference must be either 'hd-1' or 'hd-2'";
	test('begin as sub and hd-1', async () => {
		const one = await person(daemon);
		assert.deepEqual(good(await one.get('/api/users/preferences')), { audio: 'sub', server: 'hd-1' });
	});
	test('a PUT may be partial, answers the whole user and stays', async () => {
		const one = await person(daemon);
		const data = good(await one.put('/api/users/preferences', { audio: 'dub' }));
		fields(data, USER_FIELDS);
		assert.deepEqual(data.preferences, { audio: 'dub', server: 'hd-1' });
		good(await one.put('/api/users/preferences', { server: 'hd-2' }));
		assert.deepEqual(good(await one.get('/api/users/preferences')), { audio: 'dub', server: 'hd-2' });
	});
	test('other values are 422 with the known texts and change nothing', async () => {
		const one = await person(daemon);
		invalid(await one.put('/api/users/preferences', { audio: 'raw', server: 'hd-3' }), [
			['audio', AUDIO],
			['server', SERVER],
		]);
		invalid(await one.put('/api/users/preferences', { audio: 'dub', server: 2 }), [['server', SERVER]]);
		invalid(await one.put('/api/users/preferences', { audio: ['sub'] }), [['audio', AUDIO]]);
		assert.deepEqual(good(await one.get('/api/users/preferences')), { audio: 'sub', server: 'hd-1' });
	});
});

describe('notifications', () => {
	test('the list is there and empty', async () => {
		const reply = await who.get('/api/notification');
		assert.deepEqual(reply.json, { success: true, data: [] });
	});
	test('clearing an empty list works', async () => {
		says(await who.del('/api/notification/clear'), 'All notifications cleared');
	});
	test('reading one that is not there is 404', async () => {
		for (const id of [MISSING_OID, 'x', hex(40)])
			refused(await who.put(`/api/notification/${id}/read`), 404, 'Notification not found');
	});
	test('what the live backend had beyond is 404 and never 401, with a token or without', async () => {
		const { api } = client(daemon.url);
		for (const [method, path] of [
			['GET', '/api/random'],
			['POST', '/api/contact'],
			['GET', '/api/app-version'],
		])
			for (const token of [who.token, undefined]) refused(await api(method, path, { token }), 404, 'Route not found');
	});
});
