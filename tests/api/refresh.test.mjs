// Refresh tokens: design.md section 5 (REST, Tokens).
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import {
	DEVICE,
	NOT_AUTHORIZED,
	NO_USER,
	TOKEN_FIELDS,
	claims,
	fields,
	good,
	person,
	refused,
	says,
	session,
} from './support.mjs';

let daemon, api;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
});

const refresh = (refreshToken, more = {}) => api('POST', '/api/auth/refresh', { body: { refreshToken, ...more } });
const me = (token) => api('GET', '/api/auth/me', { token });

test('gives a new token, a new refresh token and the same device, under data', async () => {
	const who = await person(daemon);
	const data = good(await refresh(who.refreshToken));
	fields(data, TOKEN_FIELDS);
	assert.equal(data.deviceId, who.deviceId);
	assert.equal(data.idKey, who.user.idKey);
	assert.notEqual(data.refreshToken, who.refreshToken);
	assert.equal(claims(data.token).sid, claims(who.token).sid);
	assert.equal(good(await me(data.token))._id, who.id);
	good(await me(who.token));
});

test('needs no access token and does not look at one', async () => {
	const who = await person(daemon);
	good(await api('POST', '/api/auth/refresh', { token: 'null', body: { refreshToken: who.refreshToken } }));
});

test('goes on for many generations', async () => {
	const who = await person(daemon);
	let { refreshToken } = who;
	for (let i = 0; i < 10; i++) {
		const data = good(await refresh(refreshToken));
		good(await me(data.token));
		({ refreshToken } = data);
	}
});

test('a lost reply logs nobody out: the token before works until its successor is first used', async () => {
	const who = await person(daemon);
	good(await refresh(who.refreshToken)); // lost on the way
	good(await refresh(who.refreshToken)); // lost again
	const second = good(await refresh(who.refreshToken));
	const third = good(await refresh(second.refreshToken));
	good(await me(third.token));
	good(await refresh(third.refreshToken));
});

test('a refresh token older than the one before is theft: the session ends, for thief and owner alike', async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	const second = good(await refresh(who.refreshToken));
	const third = good(await refresh(second.refreshToken));
	refused(await refresh(who.refreshToken), 401, NOT_AUTHORIZED);
	refused(await refresh(third.refreshToken), 401, NOT_AUTHORIZED);
	refused(await refresh(second.refreshToken), 401, NOT_AUTHORIZED);
	for (const { token } of [who, second, third]) refused(await me(token), 401, NOT_AUTHORIZED);
	good(await me(other.token));
	good(await refresh(other.refreshToken));
});

test('newDevice gives another device in a session of its own; the presented token stays valid', async () => {
	const who = await person(daemon);
	const twin = good(await refresh(who.refreshToken, { newDevice: true }));
	fields(twin, TOKEN_FIELDS);
	assert.match(twin.deviceId, DEVICE);
	assert.notEqual(twin.deviceId, who.deviceId);
	assert.notEqual(claims(twin.token).sid, claims(who.token).sid);
	good(await refresh(twin.refreshToken));
	const again = good(await refresh(who.refreshToken));
	assert.equal(again.deviceId, who.deviceId);
	const ids = good(await api('GET', '/api/devices', { token: twin.token })).map(({ id }) => id);
	assert.deepEqual(ids.sort(), [who.deviceId, twin.deviceId].sort());
	says(await api('POST', '/api/auth/logout', { token: twin.token }), 'Logged out successfully');
	good(await me(again.token));
});

test('newDevice false is as if it were not there', async () => {
	const who = await person(daemon);
	assert.equal(good(await refresh(who.refreshToken, { newDevice: false })).deviceId, who.deviceId);
});

test('what is no refresh token of this server is refused with 401', async () => {
	const who = await person(daemon);
	const elsewhere = await startDaemon();
	const stranger = await person(elsewhere);
	for (const token of [
		'',
		'x',
		'null',
		'.',
		'A'.repeat(100),
		'ü'.repeat(20),
		who.token,
		stranger.refreshToken,
		`${who.refreshToken}A`,
		`${who.refreshToken}=`,
		who.refreshToken.slice(0, -1),
		who.refreshToken.slice(1),
	])
		refused(await refresh(token), 401, NOT_AUTHORIZED);
	good(await refresh(who.refreshToken));
	await elsewhere.stop();
});

test('a refresh token with any one byte changed is refused', async () => {
	const who = await person(daemon);
	const bytes = Buffer.from(who.refreshToken, 'base64url');
	assert.equal(bytes.toString('base64url'), who.refreshToken);
	for (let at = 0; at < bytes.length; at++) {
		const forged = Buffer.from(bytes);
		forged[at] ^= 1 << (at % 8);
		refused(await refresh(forged.toString('base64url')), 401, NOT_AUTHORIZED);
	}
	good(await refresh(who.refreshToken));
});

test('without a token in the body, or with one that is no text, it is 422 for refreshToken', async () => {
	for (const body of [{}, { refreshToken: null }, { refreshToken: 7 }, { refreshToken: [] }, { refreshToken: {} }]) {
		const reply = await api('POST', '/api/auth/refresh', { body });
		assert.equal(reply.status, 422, `${JSON.stringify(body)}: ${reply.text}`);
		assert.deepEqual(
			reply.json.errors.map((e) => e.path),
			['refreshToken'],
		);
	}
});

test('the refresh token of a deleted account is "User not found"', async () => {
	const who = await person(daemon);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	refused(await refresh(who.refreshToken), 401, NO_USER);
});

test('a refresh token ends after REFRESH_EXPIRE', async () => {
	const short = await startDaemon({ env: { JWT_EXPIRE: '1s', REFRESH_EXPIRE: '1s' } });
	const who = await person(short);
	const last = await waitFor(
		async () => {
			const reply = await who.api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } });
			return reply.status !== 200 && reply;
		},
		{ what: 'the end of the refresh token' },
	);
	assert.equal(last.status, 401, last.text);
	await short.stop();
});

test('two refreshes with the same token at the same moment both give tokens that work', async () => {
	const who = await person(daemon);
	const both = await Promise.all([refresh(who.refreshToken), refresh(who.refreshToken)]);
	for (const reply of both) good(await me(good(reply).token));
	good(await refresh(both[1].json.data.refreshToken));
});
