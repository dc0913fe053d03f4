// Changing the password: design.md section 5, live-clients.md D8.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { NOT_AUTHORIZED, good, invalid, person, refused, says, session } from './support.mjs';

let daemon, api;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
});

const NEXT = 'newsecurepassword456';
const change = (who, currentPassword, newPassword) => who.post('/api/auth/reset-password', { currentPassword, newPassword });
const login = (who, password) => api('POST', '/api/auth/login', { body: { email: who.email, password } });

test('the new password works and the old one no longer does', async () => {
	const who = await person(daemon);
	says(await change(who, who.password, NEXT), 'Password updated successfully');
	good(await login(who, NEXT));
	refused(await login(who, who.password), 401, 'Invalid credentials');
});

test('the own tokens work on: no client fetches new ones', async () => {
	const who = await person(daemon);
	says(await change(who, who.password, NEXT), 'Password updated successfully');
	good(await who.get('/api/auth/me'));
	good(await api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }));
});

test('every other session of the user ends, access and refresh token; other users notice nothing', async () => {
	const who = await person(daemon);
	const others = [await session(daemon, who), await session(daemon, who, { deviceId: who.deviceId })];
	const stranger = await person(daemon);
	for (const other of others) good(await other.get('/api/auth/me'));
	says(await change(who, who.password, NEXT), 'Password updated successfully');
	for (const other of others) {
		refused(await other.get('/api/auth/me'), 401, NOT_AUTHORIZED);
		refused(await api('POST', '/api/auth/refresh', { body: { refreshToken: other.refreshToken } }), 401, NOT_AUTHORIZED);
	}
	good(await stranger.get('/api/auth/me'));
});

test('a wrong current password is 400, never 401, and changes nothing', async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	refused(await change(who, `${who.password}x`, NEXT), 400, 'Current password is incorrect');
	good(await login(who, who.password));
	good(await who.get('/api/auth/me'));
	good(await other.get('/api/auth/me'));
});

test('each failing rule is told', async () => {
	const who = await person(daemon);
	invalid(await change(who, '', '12345'), [
		['currentPassword', 'Current password is required'],
		['newPassword', 'New password must be at least 6 characters long'],
	]);
	invalid(await change(who, who.password, '12345'), [['newPassword', 'New password must be at least 6 characters long']]);
	invalid(await who.post('/api/auth/reset-password'), [['currentPassword'], ['newPassword']]);
	invalid(await change(who, ['x'], { a: 1 }), [['currentPassword'], ['newPassword']]);
	invalid(await change(who, who.password, 'x'.repeat(1025)), [['newPassword']]);
	good(await login(who, who.password));
});

test('a wrong current password with a short new one is a 422: the rules are looked at first', async () => {
	const who = await person(daemon);
	assert.equal((await change(who, 'not it', 'x')).status, 422);
});

test('needs a token', async () => {
	refused(
		await api('POST', '/api/auth/reset-password', { body: { currentPassword: 'a', newPassword: NEXT } }),
		401,
		NOT_AUTHORIZED,
	);
});

test("of two changes at the same moment that both name the old password, the winner's password is the one that works", async () => {
	const who = await person(daemon);
	const replies = await Promise.all([
		change(who, who.password, 'first-password'),
		change(who, who.password, 'second-password'),
	]);
	const worked = replies.map((r) => r.status);
	assert.ok(worked.includes(200), JSON.stringify(worked));
	for (const status of worked) assert.ok(status === 200 || status === 400, `status ${status}`);
	const logins = [await login(who, 'first-password'), await login(who, 'second-password')].map((r) => r.status);
	assert.deepEqual(logins.sort(), [200, 401]);
	refused(await login(who, who.password), 401, 'Invalid credentials');
});
