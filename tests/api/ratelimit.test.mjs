// Rate limits: design.md section 5, live-clients.md D3 and section 4. The windows are long: no test waits for one, but the one that says so.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { good, listed, person, session, watched } from './support.mjs';

const LIMITED = 'Too many requests from this IP, please try again later.';
const LIMITED_AUTH = 'Too many authentication attempts, please try again later.';
const ORIGIN = { origin: 'http://localhost:5173' };

const count = (reply, name) => {
	const value = reply.headers.get(name);
	assert.match(value ?? '', /^\d+$/, `${name} of ${reply.status}`);
	return Number(value);
};
const left = (reply) => count(reply, 'x-ratelimit-remaining');

function limited(reply, message, windowSeconds) {
	assert.equal(reply.status, 429, reply.text);
	assert.deepEqual(reply.json, { success: false, message, code: 'rate_limited' });
	const wait = count(reply, 'retry-after');
	assert.ok(wait >= 1 && wait <= windowSeconds, `Retry-After ${wait}`);
	assert.equal(left(reply), 0);
	assert.equal(reply.headers.get('access-control-allow-origin'), '*', 'the web client shows the text only with CORS');
}

const bad = { email: 'nobody', password: '' };

describe('signing in', () => {
	for (const [path, body] of [
		['/api/auth/register', bad],
		['/api/auth/login', bad],
		['/api/auth/forgot-password', bad],
	])
		test(`${path} has a bucket of its own, which counts down in the headers and then answers 429`, async () => {
			const daemon = await startDaemon({ env: { RATE_LIMIT_AUTH: '3/1h' } });
			const { api } = client(daemon.url);
			const ask = () => api('POST', path, { body, headers: ORIGIN });
			const begun = Math.floor(Date.now() / 1000);
			for (const remaining of [2, 1, 0]) {
				const reply = await ask();
				assert.equal(reply.status, 422, reply.text);
				assert.equal(count(reply, 'x-ratelimit-limit'), 3);
				assert.equal(left(reply), remaining);
				const reset = count(reply, 'x-ratelimit-reset');
				assert.ok(reset >= begun && reset <= Date.now() / 1000 + 3601, `reset ${reset}`);
				assert.equal(reply.headers.get('retry-after'), null);
			}
			limited(await ask(), LIMITED_AUTH, 3600);
			limited(await ask(), LIMITED_AUTH, 3600);
			for (const other of ['/api/auth/register', '/api/auth/login', '/api/auth/forgot-password'].filter((p) => p !== path))
				assert.equal((await api('POST', other, { body, headers: ORIGIN })).status, 422, other);
			assert.equal((await api('GET', '/api/openapi.json')).status, 200);
			await daemon.stop();
		});
	test('a good log-in counts as well as a bad one, whoever the account is', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_AUTH: '2/1h' } });
		const who = await person(daemon);
		await session(daemon, who);
		const { api } = client(daemon.url);
		assert.equal(
			(await api('POST', '/api/auth/login', { body: { email: `${unique()}@example.com`, password: 'x' } })).status,
			401,
		);
		limited(await api('POST', '/api/auth/login', { body: who }), LIMITED_AUTH, 3600);
		await daemon.stop();
	});
	test('a token does not help: these count by address', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_AUTH: '2/1h' } });
		const who = await person(daemon);
		for (let i = 0; i < 2; i++) assert.equal((await who.post('/api/auth/login', bad)).status, 422);
		limited(await who.post('/api/auth/login', bad), LIMITED_AUTH, 3600);
		await daemon.stop();
	});
});

describe('everything else under /api/', () => {
	test('counts together, per device: another device of the same user at the same address has its own bucket', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '4/1h' } });
		const who = await person(daemon);
		const phone = await session(daemon, who);
		const replies = [
			await who.get('/api/auth/me'),
			await who.get('/api/watchlist'),
			await who.post('/api/watchlist', listed('x')),
			await who.get('/api/devices'),
		];
		assert.deepEqual(replies.map(left), [3, 2, 1, 0]);
		assert.deepEqual(
			replies.map((r) => r.status),
			[200, 200, 201, 200],
		);
		limited(await who.get('/api/auth/me'), LIMITED, 3600);
		limited(await who.post('/api/watchlist', listed('y')), LIMITED, 3600);
		assert.equal(left(await phone.get('/api/auth/me')), 3);
		assert.equal(good(await phone.get('/api/watchlist')).length, 1, 'what was refused was not written');
		await daemon.stop();
	});
	test('two tokens of one device share its bucket', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '4/1h' } });
		const who = await person(daemon);
		const again = await session(daemon, who, { deviceId: who.deviceId });
		assert.equal(left(await who.get('/api/auth/me')), 3);
		assert.equal(left(await again.get('/api/auth/me')), 2);
		await daemon.stop();
	});
	test('two users with the same deviceId do not share one', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '4/1h' } });
		const a = await person(daemon, { deviceId: '00112233445566aa' });
		const b = await person(daemon, { deviceId: '00112233445566aa' });
		assert.equal(left(await a.get('/api/auth/me')), 3);
		assert.equal(left(await b.get('/api/auth/me')), 3);
		await daemon.stop();
	});
	test('without a token that verifies it counts by address: forged tokens buy nothing', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '3/1h' } });
		const who = await person(daemon);
		const { api } = client(daemon.url);
		const replies = [
			await api('GET', '/api/auth/me', { headers: ORIGIN }),
			await api('GET', '/api/auth/me', { token: 'null', headers: ORIGIN }),
			await api('GET', '/api/auth/me', { token: `${who.token}x`, headers: ORIGIN }),
		];
		assert.deepEqual(
			replies.map((r) => r.status),
			[401, 401, 401],
		);
		assert.deepEqual(replies.map(left), [2, 1, 0]);
		limited(await api('GET', '/api/auth/me', { token: 'another', headers: ORIGIN }), LIMITED, 3600);
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
});

describe('what players and replicas send all the time', () => {
	test('POST /api/continue-watching has the sync bucket, reading and deleting have not', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '3/1h', RATE_LIMIT_SYNC: '5/1h' } });
		const who = await person(daemon);
		for (const remaining of [4, 3, 2, 1, 0]) {
			const reply = await who.post('/api/continue-watching', watched('x', 1, 5, 10));
			good(reply);
			assert.equal(count(reply, 'x-ratelimit-limit'), 5);
			assert.equal(left(reply), remaining);
		}
		limited(await who.post('/api/continue-watching', watched('x', 1, 6, 10)), LIMITED, 3600);
		const list = await who.get('/api/continue-watching');
		assert.equal(count(list, 'x-ratelimit-limit'), 3);
		assert.equal(good(list)[0].currentTime, 5);
		assert.equal(left(await who.del('/api/continue-watching/x')), 1);
		await daemon.stop();
	});
	test('POST /api/sync shares it; one push counts once, and one too many writes nothing', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_SYNC: '3/1h' } });
		const who = await person(daemon);
		const ops = (key) => [1, 2, 3].map((n) => ({ n, collection: 'watchlist', key: `${key}${n}`, set: { rating: n } }));
		assert.equal(left(await who.post('/api/sync', { ops: ops('a') })), 2);
		good(await who.post('/api/continue-watching', watched('x', 1, 5, 10)));
		assert.equal(left(await who.post('/api/sync', { cursor: null })), 0);
		const more = ops('b').map((op) => ({ ...op, n: op.n + 3 }));
		limited(await who.post('/api/sync', { ops: more }, { headers: ORIGIN }), LIMITED, 3600);
		assert.equal(good(await who.get('/api/watchlist')).length, 3);
		await daemon.stop();
	});
	test("refresh shares it, counted by the refresh token's device; a bad one counts by address", async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_SYNC: '3/1h' } });
		const who = await person(daemon);
		const { api } = client(daemon.url);
		const refresh = (refreshToken) => api('POST', '/api/auth/refresh', { body: { refreshToken }, headers: ORIGIN });
		good(await who.post('/api/continue-watching', watched('x', 1, 5, 10)));
		const first = await refresh(who.refreshToken);
		assert.equal(left(first), 1);
		for (const remaining of [2, 1, 0]) {
			const reply = await refresh('nonsense');
			assert.equal(reply.status, 401);
			assert.equal(left(reply), remaining);
		}
		limited(await refresh('nonsense'), LIMITED, 3600);
		assert.equal(left(await refresh(good(first).refreshToken)), 0);
		await daemon.stop();
	});
});

describe('what never counts', () => {
	test('preflights, health, socket.io and the page: they have no such headers and go on when all is used up', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '2/1h', RATE_LIMIT_AUTH: '2/1h' } });
		const { api } = client(daemon.url);
		const free = async () => {
			for (const [method, path, status] of [
				['GET', '/health', 200],
				['GET', '/health/ready', 200],
				['GET', '/socket.io/?EIO=4', 404],
				['GET', '/', 200],
				['GET', '/page.css', 200],
				['OPTIONS', '/api/auth/login', 204],
				['OPTIONS', '/api/watchlist', 204],
			]) {
				const reply = await api(method, path, { headers: { ...ORIGIN, 'access-control-request-method': 'POST' } });
				assert.equal(reply.status, status, `${method} ${path}`);
				for (const name of ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'])
					assert.equal(reply.headers.get(name), null, `${name} of ${path}`);
			}
		};
		for (let i = 0; i < 5; i++) await free();
		assert.equal(left(await api('GET', '/api/auth/me')), 1);
		assert.equal(left(await api('GET', '/api/auth/me')), 0);
		assert.equal((await api('GET', '/api/auth/me')).status, 429);
		await free();
		await daemon.stop();
	});
	test('nothing does with "off"', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: 'off', RATE_LIMIT_AUTH: 'off', RATE_LIMIT_SYNC: 'off' } });
		const { api } = client(daemon.url);
		for (let i = 0; i < 150; i++) assert.equal((await api('GET', '/api/auth/me')).status, 401);
		for (let i = 0; i < 20; i++) assert.equal((await api('POST', '/api/auth/login', { body: bad })).status, 422);
		await daemon.stop();
	});
});

test('the limits of the API document hold when nothing is set: 5 sign-ins of each kind, 100 of the rest, 600 of progress', async () => {
	const daemon = await startDaemon({
		env: { RATE_LIMIT_API: undefined, RATE_LIMIT_AUTH: undefined, RATE_LIMIT_SYNC: undefined },
	});
	const who = await person(daemon);
	const { api } = client(daemon.url);
	assert.equal(count(await api('POST', '/api/auth/login', { body: bad }), 'x-ratelimit-limit'), 5);
	assert.equal(count(await api('POST', '/api/auth/register', { body: bad }), 'x-ratelimit-limit'), 5);
	assert.equal(count(await api('POST', '/api/auth/forgot-password', { body: bad }), 'x-ratelimit-limit'), 5);
	const me = await who.get('/api/auth/me');
	assert.equal(count(me, 'x-ratelimit-limit'), 100);
	assert.ok(count(me, 'x-ratelimit-reset') <= Date.now() / 1000 + 901);
	assert.equal(count(await who.post('/api/continue-watching', watched('x', 1, 5, 10)), 'x-ratelimit-limit'), 600);
	await daemon.stop();
});

test('browsers may read the headers', async () => {
	const daemon = await startDaemon({ env: { RATE_LIMIT_API: '2/1h' } });
	const { api } = client(daemon.url);
	for (let i = 0; i < 3; i++) {
		const exposed =
			(await api('GET', '/api/auth/me', { headers: ORIGIN })).headers.get('access-control-expose-headers')?.toLowerCase() ??
			'';
		for (const name of ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after'])
			assert.ok(exposed.includes(name), `${name} in ${exposed}`);
	}
	await daemon.stop();
});

describe('behind proxies', () => {
	const ask = (daemon, forwarded) =>
		client(daemon.url).api('GET', '/api/auth/me', {
			headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
		});
	test('without TRUSTED_PROXIES X-Forwarded-For buys nothing', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '3/1h' } });
		assert.deepEqual(
			[left(await ask(daemon, '203.0.113.1')), left(await ask(daemon, '203.0.113.2')), left(await ask(daemon))],
			[2, 1, 0],
		);
		assert.equal((await ask(daemon, '203.0.113.3')).status, 429);
		await daemon.stop();
	});
	test('the address is the rightmost that is no trusted proxy', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '3/1h', TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' } });
		assert.equal(left(await ask(daemon, '203.0.113.1')), 2);
		assert.equal(left(await ask(daemon, '198.51.100.7, 203.0.113.1')), 1, 'what stands left of it was written by the client');
		assert.equal(
			left(await ask(daemon, '198.51.100.8, 203.0.113.1, 10.1.2.3')),
			0,
			'a trusted proxy on the right is skipped',
		);
		assert.equal((await ask(daemon, '203.0.113.1')).status, 429);
		assert.equal(left(await ask(daemon, '203.0.113.2')), 2);
		assert.equal(left(await ask(daemon, '198.51.100.7')), 2);
		await daemon.stop();
	});
	test('IPv6 counts by /64', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '3/1h', TRUSTED_PROXIES: '127.0.0.1' } });
		assert.equal(left(await ask(daemon, '2001:db8:0:1::1')), 2);
		assert.equal(left(await ask(daemon, '2001:db8:0:1:ffff:ffff:ffff:ffff')), 1);
		assert.equal(left(await ask(daemon, '2001:db8:0:2::1')), 2);
		assert.equal(left(await ask(daemon, '::ffff:203.0.113.1')), 2);
		assert.equal(left(await ask(daemon, '203.0.113.1')), 1, 'the same address in its other form');
		assert.equal(left(await ask(daemon, '::ffff:203.0.113.2')), 2, 'mapped addresses are IPv4, not one /64');
		await daemon.stop();
	});
	test('nonsense in the header does no harm', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_API: '100/1h', TRUSTED_PROXIES: '127.0.0.1' } });
		for (const forwarded of [
			'',
			',',
			',,,,',
			'unknown',
			'999.1.1.1',
			'203.0.113.1:8080',
			'[2001:db8::1]:80',
			'x'.repeat(3000),
			'203.0.113.1, '.repeat(200),
		])
			assert.equal((await ask(daemon, forwarded)).status, 401, JSON.stringify(forwarded.slice(0, 50)));
		await daemon.stop();
	});
});

test('when the window is over requests are taken again', async () => {
	const daemon = await startDaemon({ env: { RATE_LIMIT_API: '2/1s' } });
	const { api } = client(daemon.url);
	await waitFor(async () => (await api('GET', '/api/auth/me')).status === 429, { what: 'the limit' });
	await waitFor(async () => (await api('GET', '/api/auth/me')).status === 401, { what: 'the next window' });
	await daemon.stop();
});
