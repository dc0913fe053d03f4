// Deleting an account: design.md section 5, live-clients.md section 2.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { NO_USER, everything, good, listed, person, refused, says, session, watched } from './support.mjs';

let daemon, api;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
});

async function furnish(who) {
	for (let i = 0; i < 5; i++) {
		good(await who.post('/api/watchlist', listed(`a-${i}`, { rating: 5, notes: 'private' })), 201);
		good(await who.post('/api/continue-watching', watched(`a-${i}`, 1, 100 + i, 1440)));
	}
}

test('the token is then 401 "User not found" on every kind of route', async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	await furnish(who);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	for (const token of [who.token, other.token])
		for (const [method, path] of [
			['GET', '/api/auth/me'],
			['GET', '/api/watchlist'],
			['GET', '/api/continue-watching'],
			['GET', '/api/devices'],
			['GET', '/api/history/progress/a-1'],
			['DELETE', '/api/users/account'],
			['DELETE', '/api/continue-watching'],
		])
			refused(await api(method, path, { token }), 401, NO_USER);
	refused(await who.post('/api/continue-watching', watched('a-1', 1, 5, 10)), 401, NO_USER);
	refused(await api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }), 401, NO_USER);
});

test('nobody can log in to it, and the answer is that for an unknown address', async () => {
	const who = await person(daemon);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	refused(
		await api('POST', '/api/auth/login', { body: { email: who.email, password: who.password } }),
		401,
		'Invalid credentials',
	);
});

test('address and name are free again, and the new owner finds nothing of the old one', async () => {
	const who = await person(daemon);
	await furnish(who);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	const { username, email } = who;
	const next = await person(daemon, { username, email, deviceId: who.deviceId });
	assert.notEqual(next.id, who.id);
	assert.deepEqual(good(await next.get('/api/watchlist')), []);
	assert.deepEqual(good(await next.get('/api/continue-watching')), []);
	assert.equal(good(await next.get('/api/watchlist/stats')).total, 0);
	assert.deepEqual(good(await next.get('/api/history/watchlist/a-1')), []);
	assert.deepEqual(good(await next.get('/api/history/progress/a-1')), []);
	assert.equal(good(await next.get('/api/devices')).length, 1);
	refused(await who.get('/api/auth/me'), 401, NO_USER);
});

test('other accounts are untouched', async () => {
	const [who, other] = [await person(daemon), await person(daemon)];
	await furnish(who);
	await furnish(other);
	const before = await everything(other);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	assert.equal(await everything(other), before);
});

test('it stays deleted over a restart', async () => {
	const who = await person(daemon);
	await furnish(who);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	await daemon.restart();
	refused(await who.get('/api/auth/me'), 401, NO_USER);
	refused(
		await api('POST', '/api/auth/login', { body: { email: who.email, password: who.password } }),
		401,
		'Invalid credentials',
	);
});
