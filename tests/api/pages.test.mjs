// What belongs to nobody: the page, health, metrics, the contract, headers and unknown routes (design.md section 5, live-clients.md section 4).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { exchange } from '../harness/raw.mjs';
import { ISO, NOT_AUTHORIZED, good, listed, person, refused } from './support.mjs';

let daemon, api, who;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
	who = await person(daemon);
});

describe('GET /', () => {
	test('is an HTML page that loads nothing from elsewhere', async () => {
		const reply = await api('GET', '/');
		assert.equal(reply.status, 200);
		assert.match(reply.headers.get('content-type'), /^text\/html/);
		assert.match(reply.text, /<!doctype html>/i);
		for (const [, url] of reply.text.matchAll(/\b(?:src|href)\s*=\s*["']?([^"'\s>]+)/gi))
			assert.doesNotMatch(url, /^(https?:)?\/\//, `${url} is loaded from elsewhere`);
		assert.doesNotMatch(
			reply.text,
			/\sstyle\s*=|\son\w+\s*=/i,
			'the content security policy allows no inline style or script',
		);
	});
	test('its style sheet is CSS', async () => {
		const reply = await api('GET', '/page.css');
		assert.equal(reply.status, 200);
		assert.match(reply.headers.get('content-type'), /^text\/css/);
		assert.ok(reply.text.length > 0);
	});
});

describe('health', () => {
	test('/health has the fields of the API and a status, without a token', async () => {
		const first = await api('GET', '/health');
		assert.equal(first.status, 200);
		assert.deepEqual(Object.keys(first.json).sort(), ['message', 'status', 'success', 'timestamp', 'uptime']);
		const { success, status, message, timestamp, uptime } = first.json;
		assert.deepEqual([success, status, message], [true, 'ok', 'Server is running']);
		assert.match(timestamp, ISO);
		assert.ok(typeof uptime === 'number' && uptime >= 0);
		await waitFor(async () => (await api('GET', '/health')).json.uptime > uptime, { what: 'a growing uptime' });
	});
	test('/health/ready is 200 when writes are taken', async () => {
		const reply = await api('GET', '/health/ready');
		assert.equal(reply.status, 200, reply.text);
		assert.equal(reply.json.success, true);
	});
	test('a token is not looked at', async () => {
		for (const path of ['/health', '/health/ready', '/'])
			assert.equal((await api('GET', path, { token: 'null' })).status, 200);
	});
});

describe('/metrics', () => {
	const local = { host: () => `localhost:${daemon.port}` };
	test('is Prometheus text from the machine itself', async () => {
		const reply = await api('GET', '/metrics');
		assert.equal(reply.status, 200, reply.text);
		assert.match(reply.headers.get('content-type'), /^text\/plain; *version=0\.0\.4/);
		const typed = new Set();
		for (const line of reply.text.split('\n')) {
			if (line === '') continue;
			const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram|summary)$/.exec(line);
			if (type) typed.add(type[1]);
			else if (!line.startsWith('# HELP ')) {
				const sample = /^([a-z_]+)(\{[^}]*\})? -?[0-9.e+-]+$/.exec(line);
				assert.ok(sample, `no sample: ${line}`);
				assert.ok(
					typed.has(sample[1]) || typed.has(sample[1].replace(/_(bucket|sum|count)$/, '')),
					`${sample[1]} has no TYPE before it`,
				);
				assert.match(sample[1], /^(tsuzuki|process)_/);
			}
		}
		assert.ok(typed.size > 0);
		assert.equal((await api('GET', '/metrics', { headers: { host: local.host() } })).status, 200);
	});
	test('names no user, title, address or token', async () => {
		good(await who.post('/api/watchlist', listed('a-very-private-title')), 201);
		const { text } = await api('GET', '/metrics');
		for (const secret of [who.username, who.email, who.id, who.deviceId, 'a-very-private-title'])
			assert.ok(!text.includes(secret));
	});
	const forwarded = {
		'x-forwarded-for': '127.0.0.1',
		'X-Forwarded-For': '203.0.113.9',
		'x-real-ip': '127.0.0.1',
		forwarded: 'for=127.0.0.1',
		'x-forwarded-host': 'localhost',
		via: '1.1 proxy',
	};
	for (const [name, value] of Object.entries(forwarded).filter(([n]) => n !== 'via'))
		test(`is refused with ${name}: ${value}, which a proxy sets`, async () => {
			const reply = await api('GET', '/metrics', { headers: { [name]: value } });
			assert.ok([401, 403].includes(reply.status), `${reply.status} ${reply.text}`);
			assert.equal(reply.json.success, false);
		});
	test('is refused under a Host that is not local, as after DNS rebinding', async () => {
		for (const host of [
			'example.com',
			`example.com:${daemon.port}`,
			'localhost.example.com',
			'127.0.0.1.example.com',
			'203.0.113.9',
		])
			assert.ok([401, 403].includes((await api('GET', '/metrics', { headers: { host } })).status), host);
	});
	test('is refused with the token of somebody who is no admin, from elsewhere', async () => {
		const reply = await api('GET', '/metrics', { token: who.token, headers: { 'x-forwarded-for': '203.0.113.9' } });
		assert.ok([401, 403].includes(reply.status), `${reply.status} ${reply.text}`);
	});
	test('never has CORS headers', async () => {
		for (const headers of [
			{ origin: 'http://example.com' },
			{ origin: 'http://example.com', 'x-forwarded-for': '203.0.113.9' },
		]) {
			const reply = await api('GET', '/metrics', { headers });
			for (const [name] of reply.headers) assert.ok(!name.startsWith('access-control-'), name);
		}
	});
});

describe('/api/openapi.json', () => {
	test('is the document of the source tree, without a token', async () => {
		const reply = await api('GET', '/api/openapi.json');
		assert.equal(reply.status, 200);
		assert.match(reply.headers.get('content-type'), /^application\/json/);
		assert.deepEqual(reply.json, JSON.parse(readFileSync(new URL('../../schema/openapi.json', import.meta.url), 'utf8')));
	});
});

describe('what is not there', () => {
	test('is 404 "Route not found" for every method, with a token or without, and never 401', async () => {
		for (const path of [
			'/api',
			'/api/',
			'/api/nothing',
			'/api/auth',
			'/api/auth/me/more',
			'/api/users',
			'/nothing',
			'/healthy',
			'/health/x',
			'/index.html',
			'/api/history/progress',
			'/api/notification/x',
			'/favicon.ico',
			'/.env',
			'/.git/config',
		])
			for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
				for (const token of [undefined, who.token, 'null']) {
					const reply = await api(method, path, { token });
					refused(reply, 404, 'Route not found');
				}
	});
	test('outside /api/ a wrong method is 404 too', async () => {
		for (const path of ['/', '/health', '/health/ready', '/metrics'])
			for (const method of ['POST', 'PUT', 'DELETE'])
				refused(await api(method, path, { body: {} }), 404, 'Route not found');
	});
	test('under /api/ a wrong method is 405 and Allow names the right ones', async () => {
		const sorted = (allow) =>
			allow
				.split(',')
				.map((s) => s.trim())
				.filter((m) => m !== 'HEAD' && m !== 'OPTIONS')
				.sort()
				.join();
		for (const [method, path, allow] of [
			['GET', '/api/auth/login', 'POST'],
			['DELETE', '/api/auth/register', 'POST'],
			['POST', '/api/auth/me', 'GET'],
			['PATCH', '/api/watchlist', 'GET,POST'],
			['PUT', '/api/watchlist', 'GET,POST'],
			['POST', '/api/watchlist/stats', 'DELETE,GET,PUT'],
			['PATCH', '/api/watchlist/0123456789abcdef01234567', 'DELETE,PUT'],
			['PUT', '/api/continue-watching', 'DELETE,GET,POST'],
			['POST', '/api/continue-watching/x', 'DELETE,GET'],
			['GET', '/api/users/profile', 'PUT'],
			['POST', '/api/users/preferences', 'GET,PUT'],
			['GET', '/api/history/progress/x/restore', undefined],
			['PUT', '/api/history/progress/x', 'GET'],
			['POST', '/api/notification', 'GET'],
			['DELETE', '/api/openapi.json', 'GET'],
			['PUT', '/api/watchlist/check/x', 'DELETE,GET'],
		]) {
			const reply = await api(method, path, { token: who.token });
			if (allow === undefined) {
				// a GET of a key that ends in /restore is a history
				good(reply);
				continue;
			}
			assert.equal(reply.status, 405, `${method} ${path}: ${reply.text}`);
			assert.equal(reply.json.success, false);
			assert.equal(sorted(reply.headers.get('allow') ?? ''), allow, `${method} ${path}`);
		}
	});
	test('a wrong method needs no token to be told', async () => {
		assert.equal((await api('PATCH', '/api/watchlist')).status, 405);
	});
	test('HEAD of what is not there is 404 without a body', async () => {
		const reply = await api('HEAD', '/api/nothing');
		assert.equal(reply.status, 404);
		assert.equal(reply.text, '');
	});
	test('/socket.io/, which the mobile client polls for ever, is a 404 that no limit counts', async () => {
		for (const path of ['/socket.io/', '/socket.io/?EIO=4&transport=websocket', '/socket.io/?EIO=4&transport=polling']) {
			const reply = await api('GET', path);
			assert.equal(reply.status, 404, path);
			assert.equal(reply.headers.get('x-ratelimit-limit'), null);
			assert.ok(reply.text.length < 200);
		}
		const upgrade = await exchange(
			daemon,
			'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
				'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
			{ count: 1 },
		);
		assert.equal(upgrade.responses[0].status, 404);
	});
});

describe('headers', () => {
	const fixed = {
		'cross-origin-opener-policy': 'same-origin',
		'cross-origin-resource-policy': 'same-origin',
		'origin-agent-cluster': '?1',
		'referrer-policy': 'no-referrer',
		'x-content-type-options': 'nosniff',
		'x-dns-prefetch-control': 'off',
		'x-download-options': 'noopen',
		'x-frame-options': 'SAMEORIGIN',
		'x-permitted-cross-domain-policies': 'none',
		'x-xss-protection': '0',
	};
	const every = () => [
		['GET', '/'],
		['GET', '/health'],
		['GET', '/api/auth/me'],
		['GET', '/api/nothing'],
		['PATCH', '/api/watchlist'],
		['OPTIONS', '/api/watchlist'],
		['POST', '/api/auth/login'],
		['GET', '/api/watchlist'],
		['GET', '/metrics'],
	];
	test('the security headers are on every reply, preflight and error included', async () => {
		for (const [method, path] of every())
			for (const token of [undefined, who.token]) {
				const reply = await api(method, path, { token });
				for (const [name, value] of Object.entries(fixed))
					assert.equal(reply.headers.get(name), value, `${name} of ${method} ${path}`);
				const policy = reply.headers.get('content-security-policy') ?? '';
				assert.match(policy, /default-src 'self'/);
				assert.match(policy, /object-src 'none'/);
				assert.match(policy, /frame-ancestors 'self'/);
				assert.doesNotMatch(policy, /unsafe-inline|upgrade-insecure-requests/);
				assert.equal(reply.headers.get('strict-transport-security'), null, 'HSTS only over TLS');
				assert.equal(reply.headers.get('x-powered-by'), null);
			}
	});
	test('no header comes twice', async () => {
		for (const [method, path] of every()) {
			const { rawHeaders } = await api(method, path, { token: who.token, headers: { origin: 'http://example.com' } });
			const names = rawHeaders.filter((_, i) => i % 2 === 0).map((n) => n.toLowerCase());
			assert.deepEqual(names, [...new Set(names)], `${method} ${path}`);
		}
	});
	test('data is never stored by anybody in between, and has no ETag', async () => {
		for (const path of ['/api/auth/me', '/api/watchlist', '/api/continue-watching', '/api/nothing']) {
			const reply = await api('GET', path, { token: who.token });
			assert.match(reply.headers.get('cache-control') ?? '', /no-store/, path);
			assert.equal(reply.headers.get('etag'), null);
		}
	});
	test('JSON says its charset', async () => {
		assert.equal((await api('GET', '/health')).headers.get('content-type'), 'application/json; charset=utf-8');
	});
	test('a Content-Length is on every reply, right to the byte', async () => {
		for (const path of ['/', '/health', '/api/nothing', '/api/openapi.json']) {
			const reply = await api('GET', path);
			assert.equal(Number(reply.headers.get('content-length')), reply.buffer.length, path);
			if (path === '/health')
				// its uptime grows
				continue;
			const head = await api('HEAD', path);
			assert.equal(head.headers.get('content-length'), reply.headers.get('content-length'), `HEAD ${path}`);
		}
	});
});

describe('CORS', () => {
	const origin = 'http://localhost:3000';
	test('without FRONTEND_URL any origin may read, errors included', async () => {
		for (const path of ['/api/watchlist', '/api/nothing', '/health', '/api/auth/me']) {
			const reply = await api('GET', path, { headers: { origin } });
			assert.equal(reply.headers.get('access-control-allow-origin'), '*', path);
			assert.notEqual(reply.headers.get('access-control-allow-credentials'), 'true');
		}
	});
	test('a preflight is 204, empty, and allows what was asked', async () => {
		const reply = await api('OPTIONS', '/api/continue-watching', {
			headers: {
				origin,
				'access-control-request-method': 'POST',
				'access-control-request-headers': 'authorization,content-type',
			},
		});
		assert.equal(reply.status, 204, reply.text);
		assert.equal(reply.text, '');
		const methods = reply.headers
			.get('access-control-allow-methods')
			.split(',')
			.map((s) => s.trim());
		for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE']) assert.ok(methods.includes(method), method);
		const allowed = reply.headers.get('access-control-allow-headers').toLowerCase();
		assert.ok(allowed.includes('authorization') && allowed.includes('content-type'), allowed);
		assert.match(reply.headers.get('vary') ?? '', /access-control-request-headers/i);
	});
	test('a preflight is answered for every API path and needs no token', async () => {
		for (const path of ['/api/auth/login', '/api/watchlist/0123456789abcdef01234567', '/api/history/progress/x/restore'])
			assert.equal(
				(await api('OPTIONS', path, { headers: { origin, 'access-control-request-method': 'PUT' } })).status,
				204,
				path,
			);
	});
	test('headers of a preflight cannot be used to split the answer', async () => {
		const reply = await exchange(
			daemon,
			'OPTIONS /api/watchlist HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\nAccess-Control-Request-Method: PUT\r\n' +
				'Access-Control-Request-Headers: x-a\r\n\tSet-Cookie: a=b\r\nConnection: close\r\n\r\n',
		);
		assert.doesNotMatch(reply.text, /^set-cookie:/im);
	});
	test('with FRONTEND_URL each origin of the list is told back, with Vary, and others get nothing', async () => {
		const own = await startDaemon({ env: { FRONTEND_URL: 'http://localhost:5173, https://app.example.com/' } });
		const there = client(own.url).api;
		for (const allowed of ['http://localhost:5173', 'https://app.example.com'])
			for (const path of ['/api/auth/me', '/api/nothing']) {
				const reply = await there('GET', path, { headers: { origin: allowed } });
				assert.equal(reply.headers.get('access-control-allow-origin'), allowed);
				assert.match(reply.headers.get('vary') ?? '', /\borigin\b/i);
			}
		for (const other of [
			'http://localhost:5174',
			'https://app.example.com.evil.org',
			'http://app.example.com',
			'null',
			'https://APP.example.com:443x',
		])
			for (const method of ['GET', 'OPTIONS']) {
				const reply = await there(method, '/api/auth/me', {
					headers: { origin: other, 'access-control-request-method': 'GET' },
				});
				assert.notEqual(reply.headers.get('access-control-allow-origin'), other, other);
				assert.notEqual(reply.headers.get('access-control-allow-origin'), '*');
				assert.match(reply.headers.get('vary') ?? '', /\borigin\b/i);
			}
		await own.stop();
	});
});

test('with BASE_PATH requests with the prefix and without it both arrive', async () => {
	const own = await startDaemon({ env: { BASE_PATH: '/anime' } });
	const there = client(own.url).api;
	for (const path of ['/anime/health', '/health', '/anime/', '/']) assert.equal((await there('GET', path)).status, 200, path);
	refused(await there('GET', '/anime/api/auth/me'), 401, NOT_AUTHORIZED);
	refused(await there('GET', '/animeapi/auth/me'), 404, 'Route not found');
	await own.stop();
});
