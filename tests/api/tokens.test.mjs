// Access tokens: design.md section 5 (Tokens), live-clients.md section 3 (Auth).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { EXPIRED, NOT_AUTHORIZED, NO_USER, claims, good, hex, jwt, person, refused, says, session } from './support.mjs';

const SECRET = `a test secret of enough length ${hex(8)}`;
let daemon, api;
before(async () => {
	daemon = await startDaemon({ env: { JWT_SECRET: SECRET } });
	({ api } = client(daemon.url));
});

const me = (authorization) => api('GET', '/api/auth/me', { headers: authorization === undefined ? {} : { authorization } });
const now = () => Math.floor(Date.now() / 1000);

test('the tokens are signed with JWT_SECRET', async () => {
	const who = await person(daemon);
	const [head, body] = who.token.split('.');
	assert.equal(
		jwt(SECRET, claims(who.token), { header: JSON.parse(Buffer.from(head, 'base64url')) }).split('.')[1].length,
		body.length,
	);
	good(await me(`Bearer ${jwt(SECRET, claims(who.token))}`));
});

describe('refused with "Not authorized to access this route"', () => {
	const cases = {
		'no header': async () => undefined,
		'an empty header': async () => '',
		'the scheme alone': async () => 'Bearer',
		'the scheme and a space': async () => 'Bearer ',
		'"null", which clients send that have no token': async () => 'Bearer null',
		'"undefined"': async () => 'Bearer undefined',
		'the scheme in lower case': async (who) => `bearer ${who.token}`,
		'the scheme in upper case': async (who) => `BEARER ${who.token}`,
		'another scheme': async (who) => `Token ${who.token}`,
		'no scheme': async (who) => who.token,
		'two spaces': async (who) => `Bearer  ${who.token}`,
		'a tab for the space': async (who) => `Bearer\t${who.token}`,
		'something after the token': async (who) => `Bearer ${who.token} x`,
		Basic: async (who) => `Basic ${Buffer.from(`${who.email}:${who.password}`).toString('base64')}`,
		'a refresh token': async (who) => `Bearer ${who.refreshToken}`,
		'another secret': async (who) => `Bearer ${jwt('some other secret of enough length', claims(who.token))}`,
		'an empty secret': async (who) => `Bearer ${jwt('', claims(who.token))}`,
		'alg none without a signature': async (who) => `Bearer ${jwt(SECRET, claims(who.token), { alg: 'none', hash: null })}`,
		'alg none with the dot left out': async (who) =>
			`Bearer ${jwt(SECRET, claims(who.token), { alg: 'none', hash: null }).slice(0, -1)}`,
		'alg NONE': async (who) => `Bearer ${jwt(SECRET, claims(who.token), { alg: 'NONE', hash: null })}`,
		'HS512 with the same secret': async (who) => `Bearer ${jwt(SECRET, claims(who.token), { alg: 'HS512', hash: 'sha512' })}`,
		'HS384 with the same secret': async (who) => `Bearer ${jwt(SECRET, claims(who.token), { alg: 'HS384', hash: 'sha384' })}`,
		'a header that says HS256 over an HS512 signature': async (who) =>
			`Bearer ${jwt(SECRET, claims(who.token), { hash: 'sha512' })}`,
		'a signature with its last bit turned': async (who) => {
			const bytes = Buffer.from(who.token.split('.')[2], 'base64url');
			bytes[31] ^= 1;
			return `Bearer ${who.token.slice(0, who.token.lastIndexOf('.'))}.${bytes.toString('base64url')}`;
		},
		'a shortened signature': async (who) => `Bearer ${who.token.slice(0, -4)}`,
		'an empty signature': async (who) => `Bearer ${who.token.slice(0, who.token.lastIndexOf('.') + 1)}`,
		'a changed payload': async (who) => {
			const [h, , s] = who.token.split('.');
			return `Bearer ${h}.${Buffer.from(JSON.stringify({ ...claims(who.token), exp: now() + 9e6 })).toString('base64url')}.${s}`;
		},
		'a payload that is no JSON': async () => `Bearer ${jwt(SECRET, 'not json')}`,
		'an empty payload': async () => `Bearer ${jwt(SECRET, {})}`,
		garbage: async () => 'Bearer a.b.c',
		dots: async () => 'Bearer ..',
		'2,000 letters': async () => `Bearer ${'x'.repeat(2000)}`,
	};
	for (const [name, header] of Object.entries(cases))
		test(name, async () => {
			const who = await person(daemon);
			refused(await me(await header(who)), 401, NOT_AUTHORIZED);
			good(await me(`Bearer ${who.token}`));
		});

	test('a well-signed token that lacks a claim or has one of a wrong type', async () => {
		const who = await person(daemon);
		const whole = claims(who.token);
		for (const name of ['id', 'sid', 'dev', 'exp']) {
			const { [name]: gone, ...rest } = whole;
			refused(await me(`Bearer ${jwt(SECRET, rest)}`), 401, NOT_AUTHORIZED);
			for (const value of [null, true, [], {}, name === 'exp' ? String(gone) : 7, name === 'exp' ? 'soon' : 'zz'])
				refused(await me(`Bearer ${jwt(SECRET, { ...whole, [name]: value })}`), 401, NOT_AUTHORIZED);
		}
	});
	test('the token in the query, a cookie or the body', async () => {
		const who = await person(daemon);
		refused(await api('GET', `/api/auth/me?token=${who.token}`), 401, NOT_AUTHORIZED);
		refused(await api('GET', '/api/auth/me', { headers: { cookie: `token=${who.token}` } }), 401, NOT_AUTHORIZED);
		refused(
			await api('POST', '/api/watchlist', { body: { token: who.token, animeId: 'a', animeTitle: 'b' } }),
			401,
			NOT_AUTHORIZED,
		);
	});
});

test('a token of a session that the store does not know is taken, as after a restore, and its device is listed', async () => {
	const who = await person(daemon);
	const dev = hex(8);
	const token = jwt(SECRET, {
		...claims(who.token),
		sid: hex(claims(who.token).sid.length / 2),
		dev,
		iat: now() - 5,
		exp: now() + 600,
	});
	assert.equal(good(await me(`Bearer ${token}`))._id, who.id);
	const ids = await waitFor(
		async () => {
			const list = good(await api('GET', '/api/devices', { token })).map(({ id }) => id);
			return list.includes(dev) && list;
		},
		{ what: 'the device in the list' },
	);
	assert.deepEqual(ids.sort(), [dev, who.deviceId].sort());
});

test('a well-signed token of an account that never was is "User not found"', async () => {
	const who = await person(daemon);
	refused(await me(`Bearer ${jwt(SECRET, { ...claims(who.token), id: '65c12345' + '0'.repeat(15) + '1' })}`), 401, NO_USER);
});

test('an expired token is told so, with the code token_expired', async () => {
	const who = await person(daemon);
	const old = jwt(SECRET, { ...claims(who.token), iat: now() - 100, exp: now() - 10 });
	refused(await me(`Bearer ${old}`), 401, EXPIRED, 'token_expired');
	refused(
		await me(`Bearer ${jwt('some other secret of enough length', { ...claims(who.token), exp: now() - 10 })}`),
		401,
		NOT_AUTHORIZED,
	);
});

test('with JWT_EXPIRE=1s a cached token too stops working when its time is up, and the refresh token still helps', async () => {
	const short = await startDaemon({ env: { JWT_EXPIRE: '1s' } });
	const who = await person(short);
	assert.equal(claims(who.token).exp - claims(who.token).iat, 1);
	const last = await waitFor(
		async () => {
			const reply = await who.get('/api/auth/me');
			return reply.status !== 200 && reply;
		},
		{ what: 'the end of the token' },
	);
	refused(last, 401, EXPIRED, 'token_expired');
	const { token } = good(await who.api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }));
	assert.equal(claims(token).id, who.id);
	await short.stop();
});

test('the token of a deleted account is "User not found"', async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	says(await who.del('/api/users/account'), 'Account deleted successfully');
	refused(await who.get('/api/auth/me'), 401, NO_USER);
	refused(await other.get('/api/auth/me'), 401, NO_USER);
});

test("logout really ends the session: access and refresh token, and nobody else's", async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	good(await who.get('/api/auth/me'));
	says(await who.post('/api/auth/logout'), 'Logged out successfully');
	refused(await who.get('/api/auth/me'), 401, NOT_AUTHORIZED);
	refused(await who.post('/api/auth/logout'), 401, NOT_AUTHORIZED);
	refused(await api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }), 401, NOT_AUTHORIZED);
	good(await other.get('/api/auth/me'));
	good(await api('POST', '/api/auth/refresh', { body: { refreshToken: other.refreshToken } }));
});

test('an ended session stays ended for every token that was ever made for it', async () => {
	const who = await person(daemon);
	says(await who.post('/api/auth/logout'), 'Logged out successfully');
	refused(await me(`Bearer ${jwt(SECRET, { ...claims(who.token), exp: now() + 1000 })}`), 401, NOT_AUTHORIZED);
});

test('two sessions of one account see the same data and have devices of their own', async () => {
	const who = await person(daemon);
	const other = await session(daemon, who);
	assert.notEqual(who.deviceId, other.deviceId);
	assert.notEqual(claims(who.token).sid, claims(other.token).sid);
	good(await who.post('/api/watchlist', { animeId: 'x', animeTitle: 'X' }), 201);
	assert.equal(good(await other.get('/api/watchlist'))[0].animeId, 'x');
});

test('a refused token reaches no data: a write with one changes nothing', async () => {
	const who = await person(daemon);
	for (const token of ['null', `${who.token}x`])
		refused(await api('POST', '/api/watchlist', { token, body: { animeId: 'x', animeTitle: 'X' } }), 401, NOT_AUTHORIZED);
	assert.deepEqual(good(await who.get('/api/watchlist')), []);
});
