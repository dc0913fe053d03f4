// Bytes that no proper client sends: never answered as if nothing were wrong, never mis-framed, never a spinning loop
// (design.md section 5; limits.md section 4). What libwebsockets refuses by itself is its own 403 or a silent close.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { RawConnection, exchange } from '../harness/raw.mjs';

let daemon;
before(async () => {
	daemon = await startDaemon();
});

const HOST = 'Host: localhost\r\n';
const GET = `GET /health HTTP/1.1\r\n${HOST}\r\n`;
const get = (path, headers = '') => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`;
const post = (body, { path = '/api/auth/login', headers = '' } = {}) =>
	`POST ${path} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${
		headers}\r\n${body}`;
// A body that log-in refuses, so that its status tells it from every other answer.
const LOGIN = post('{}');

/** Sends the bytes; the one answer has this status and our JSON shape, and the connection is closed. */
async function refused(data, status) {
	const { responses, closed } = await exchange(daemon, data);
	assert.deepEqual(responses.map((r) => r.status), [status]);
	assert.equal(responses[0].json?.success, false);
	assert.equal(responses[0].headers.get('connection'), 'close');
	assert.equal(responses[0].headers.get('access-control-allow-origin'), '*');
	assert.ok(closed);
}

/** Closed without an answer, or with the library's own 403. */
async function notServed(data) {
	const { text, closed } = await exchange(daemon, data);
	assert.ok(closed);
	assert.match(text, /^$|^HTTP\/1\.[01] 403 /);
}

/** The statuses of `count` answers on one connection, whose parts are sent one after the other's answer. */
async function dialogue(parts) {
	const connection = await RawConnection.open(daemon);
	let responses = [];
	for (const [i, part] of parts.entries()) {
		await connection.send(part);
		responses = await connection.responses(i + 1);
	}
	connection.destroy();
	return responses.map((r) => r.status);
}

async function alive() {
	const { responses } = await exchange(daemon, GET, { count: 1 });
	assert.equal(responses[0].status, 200);
}

describe('bad framing is 400 and the end of the connection', () => {
	const body = (lengths, rest = '{}') => `POST /api/auth/login HTTP/1.1\r\n${HOST}${lengths}\r\n${rest}`;
	const cases = {
		'no Host': 'GET /health HTTP/1.1\r\n\r\n',
		'an empty Host': 'GET /health HTTP/1.1\r\nHost: \r\n\r\n',
		'two Hosts': `GET /health HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`,
		'the same Host twice': `GET /health HTTP/1.1\r\n${HOST}${HOST}\r\n`,
		'no version': `GET /health\r\n${HOST}\r\n`,
		'a version to come': `GET /health HTTP/2.0\r\n${HOST}\r\n`,
		'a length and chunks': body('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
		'chunks and a length': body('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
		'two lengths': body('Content-Length: 2\r\nContent-Length: 4\r\n'),
		'the same length twice': body('Content-Length: 2\r\nContent-Length: 2\r\n'),
		'a list of lengths': body('Content-Length: 2, 2\r\n'),
		'a negative length': body('Content-Length: -1\r\n'),
		'a length with a plus': body('Content-Length: +2\r\n'),
		'a length of letters': body('Content-Length: two\r\n'),
		'a length in hexadecimal': body('Content-Length: 0x2\r\n'),
		'a length with something behind it': body('Content-Length: 2x\r\n'),
		'a length of 20 digits': body('Content-Length: 18446744073709551618\r\n'),
		'a length of 40 digits': body(`Content-Length: ${'1'.repeat(40)}\r\n`),
		'a space before the colon of a length': body('Content-Length : 2\r\n'),
		'a space before the colon of an encoding': body('Content-Length: 5\r\nTransfer-Encoding : chunked\r\n', '0\r\n\r\n'),
		'a NUL at the start of the path': get('/%00'),
		'a NUL at the start of a segment': get('/health/%00x'),
		'a NUL at the end of the path': get('/health/%00'),
		'a NUL before the query': get('/health/%00?a=b'),
		'a line feed in the path': get('/health%0a'),
		'a header in the path': get('/health%0d%0aX-Forwarded-For:%201.2.3.4'),
		'a path that is not UTF-8': get('/api/watchlist/check/%ff'),
		'a query that is not UTF-8': get('/health?a=%c0%80'),
		'17 query parameters': get(`/health?${Array.from({ length: 17 }, (_, i) => `a${i}=1`).join('&')}`),
	};
	for (const [name, data] of Object.entries(cases))
		test(name, () => refused(data, 400));
});

describe('protocols that are not offered', () => {
	const upgrade = (path, protocol, headers = '') =>
		get(path, `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n${headers}`);
	const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
	test('HTTP/2 is 400', () => refused(upgrade('/health', 'h2c', 'HTTP2-Settings: AAMAAABk\r\n'), 400));
	test('WebSocket is 404 where there is none', () => refused(upgrade('/nope', 'websocket', KEY), 404));
	test('WebSocket of a subprotocol nobody knows is 404', () =>
		refused(upgrade('/nope', 'websocket', `${KEY}Sec-WebSocket-Protocol: foo\r\n`), 404));
	test('and so on a connection that was used', async () => {
		assert.deepEqual(await dialogue([GET, LOGIN, upgrade('/nope', 'websocket', KEY)]), [200, 422, 404]);
	});
});

describe('what the library refuses by itself is not served', () => {
	const cases = {
		'a broken escape': get('/api/watchlist/check/%zz'),
		'half an escape': get('/api/watchlist/check/%2'),
		'an absolute address': get('http://localhost/health'),
		'no slash': get('health'),
		'TRACE': `TRACE /health HTTP/1.1\r\n${HOST}\r\n`,
		'CONNECT': `CONNECT example.org:443 HTTP/1.1\r\n${HOST}\r\n`,
		'CONNECT with a path': `CONNECT /health HTTP/1.1\r\n${HOST}\r\nhello`,
		'a method nobody knows': `BREW /health HTTP/1.1\r\n${HOST}\r\n`,
		'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
		'an upgrade to nothing known': get('/health', 'Connection: Upgrade\r\nUpgrade: gopher\r\n'),
		'20 kB of path': get(`/${'a'.repeat(20000)}`),
		'20 kB of headers': get('/health', `X-Long: ${'a'.repeat(20000)}\r\n`),
		'a TLS hello': Buffer.from('16030100c8010000c40303', 'hex'),
	};
	for (const [name, data] of Object.entries(cases)) {
		// A hello alone is no request; its connection is cut by the deadline for headers.
		test(name, () => notServed(name === 'a TLS hello' ? [data, '\r\n\r\n'] : data));
	}
	test('an upgrade to nothing known on a connection that was used', async () => {
		const connection = await RawConnection.open(daemon);
		await connection.send(GET);
		await connection.responses(1);
		await connection.send(get('/health', 'Connection: Upgrade\r\nUpgrade: gopher\r\n'));
		const { text } = await connection.closing();
		assert.doesNotMatch(text.slice(text.indexOf('}') + 1), /^HTTP\/1\.1 200/);
		await alive();
	});
});

// The library's parser gives up before any callback (daemon/README.md, "What stays the library's"): there is nobody who
// could answer 400, so what counts is that the connection ends there and then and takes nothing along.
describe('a NUL within a segment or a query', () => {
	const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
	const hostile = [get('/heal%00th'), get('/api/watchlist/check/a%00b'), get('/health?a=b%00'), get('/health?a=%00&c=d'),
		post('{}', { path: '/api/auth%00/login' })];
	test('ends the connection at once, not at the deadline for headers, and leaks nothing', async () => {
		await alive();
		const before = descriptors();
		for (let i = 0; i < 20; i++) {
			const ends = await Promise.all(hostile.map((data) => exchange(daemon, data)));
			for (const { text, ms } of ends) {
				assert.equal(text, '');
				assert.ok(ms < 6000, `${ms} ms`);
			}
		}
		await waitFor(() => descriptors() <= before, { what: 'all descriptors to be given back' });
		await alive();
	});
	test('also byte by byte, and after other requests on the connection', async () => {
		for (const data of hostile) {
			const connection = await RawConnection.open(daemon);
			await connection.send(GET);
			await connection.responses(1);
			await connection.send(LOGIN);
			await connection.responses(2);
			for (const byte of data)
				await connection.send(byte);
			const { responses, ms } = await connection.closing();
			assert.deepEqual(responses.map((r) => r.status), [200, 422]);
			assert.ok(ms < 6000, `${ms} ms`);
		}
		await alive();
	});
	test('while others are served', async () => {
		const other = await RawConnection.open(daemon);
		for (const [i, data] of hostile.entries()) {
			await other.send(GET);
			await exchange(daemon, data);
			assert.equal((await other.responses(i + 1)).length, i + 1);
		}
		other.destroy();
	});
});

describe('sizes', () => {
	test('a path over 4096 bytes is 414', () => refused(get(`/${'a'.repeat(4200)}`), 414));
	test('a query over 4096 bytes is 414', () => refused(get(`/health?a=${'b'.repeat(4200)}`), 414));
	test('a token over 4096 bytes is 431', () => refused(get('/api/auth/me', `Authorization: Bearer ${'a'.repeat(4200)}\r\n`), 431));
	test('a chunked body is 411', () =>
		refused(`POST /api/auth/login HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, 411));
	test('a body over its route\'s bound is 413, and the answer is not lost', () => refused(post(' '.repeat(70000)), 413));
	test('1 MiB is read and dropped', () => refused(post(' '.repeat(1000000)), 413));
	test('a body that is only announced is 413', () =>
		refused(`POST /api/auth/login HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n`, 413));
	test('many headers, a long cookie: served', async () => {
		const headers = Array.from({ length: 100 }, (_, i) => `X-H${i}: y\r\n`).join('');
		assert.deepEqual(await dialogue([get('/health', `${headers}Cookie: ${'c'.repeat(6000)}\r\n`)]), [200]);
	});
});

describe('one connection, request after request', () => {
	test('after every kind of answer it can be used again', async () => {
		assert.deepEqual(await dialogue([
			GET, LOGIN, get('/api/nope'), GET, post('{"a":1}', { path: '/api/nope' }), LOGIN,
			post('{"a":1}', { path: '/api/watchlist' }), GET, post('{'), LOGIN,
			`POST /api/auth/me HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, GET,
			`PUT /api/users/profile HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, LOGIN,
			`POST /api/auth/login HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`, GET,
			`GET /health HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, LOGIN,
			`POST /api/auth/login HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, GET,
		]), [200, 422, 404, 200, 404, 422, 401, 200, 400, 422, 405, 200, 401, 422, 415, 200, 200, 422, 422, 200]);
	});
	test('HEAD has the length of the body and no body', async () => {
		const connection = await RawConnection.open(daemon);
		await connection.send(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
		const [head] = await connection.responses(1, { head: true });
		assert.equal(head.status, 200);
		assert.ok(Number(head.headers.get('content-length')) > 0);
		const before = connection.bytes.length;
		await connection.send(GET);
		await connection.responses(2, { head: true });
		assert.match(connection.bytes.subarray(before).toString('latin1'), /^HTTP\/1\.1 200 /);
		connection.destroy();
	});
	test('headers and body that come byte by byte', async () => {
		const connection = await RawConnection.open(daemon);
		for (const byte of LOGIN)
			await connection.send(byte);
		assert.equal((await connection.responses(1))[0].status, 422);
		connection.destroy();
	});
	test('Expect: 100-continue is answered before the body', async () => {
		const connection = await RawConnection.open(daemon);
		const whole = post('{}', { headers: 'Expect: 100-continue\r\n' });
		await connection.send(whole.slice(0, -2));
		assert.equal((await connection.responses(1))[0].status, 100);
		await connection.send('{}');
		assert.equal((await connection.responses(2))[1].status, 422);
		connection.destroy();
	});
	test('HTTP/1.0 and Connection: close end with the answer', async () => {
		for (const data of ['GET /health HTTP/1.0\r\n\r\n', get('/health', 'Connection: close\r\n')]) {
			const { responses, reset } = await exchange(daemon, data);
			assert.deepEqual(responses.map((r) => r.status), [200]);
			assert.equal(responses[0].headers.get('connection'), 'close');
			assert.equal(reset, false);
		}
	});
	test('a POST without a length has an empty body, and ends the connection', async () => {
		const { responses } = await exchange(daemon, `POST /api/auth/login HTTP/1.1\r\n${HOST}\r\n`);
		assert.deepEqual(responses.map((r) => r.status), [422]);
		assert.equal(responses[0].headers.get('connection'), 'close');
	});
});

// Requests sent before the answer to the first: the first is answered, the others in order or not at all. A request
// answered twice, out of order, or with another's body would show in the statuses.
describe('pipelining', () => {
	const mixes = {
		'two GETs': [[GET, 200], [GET, 200]],
		'three POSTs': [[LOGIN, 422], [LOGIN, 422], [LOGIN, 422]],
		'a POST and a GET': [[LOGIN, 422], [GET, 200]],
		'a GET and a POST': [[GET, 200], [LOGIN, 422]],
		'a refused body and a GET': [[post('{"a":1}', { path: '/api/nope' }), 404], [GET, 200]],
		'an empty PUT and a POST': [[`PUT /api/users/profile HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, 401], [LOGIN, 422]],
		'forty GETs': Array.from({ length: 40 }, () => [GET, 200]),
	};
	for (const [name, mix] of Object.entries(mixes)) {
		for (const [how, data] of [['in one piece', mix.map(([text]) => text).join('')], ['in pieces', mix.map(([text]) => text)]]) {
			test(`${name}, ${how}`, async () => {
				const { responses } = await exchange(daemon, [data].flat(), { end: true });
				assert.ok(responses.length >= 1, 'the first answer always arrives');
				assert.deepEqual(responses.map((r) => r.status), mix.slice(0, responses.length).map(([, status]) => status));
			});
		}
	}
	// A log-in hashes on a worker: its answer is pending while these arrive.
	const PENDING = post('{"email":"nobody@example.com","password":"wrong-password"}');
	const during = { 'a stray byte': 'X', 'a GET': GET, 'a POST': LOGIN, 'many bytes': 'X'.repeat(200000) };
	for (const [name, more] of Object.entries(during)) {
		test(`${name} while an answer is pending`, async () => {
			const { responses } = await exchange(daemon, [PENDING, more], { end: true });
			assert.equal(responses[0]?.status, 401);
			for (const later of responses.slice(1))
				assert.ok([200, 422, 403].includes(later.status), `${later.status}`);
			await alive();
		});
		test(`${name} in the same piece as a request whose answer will be pending`, async () => {
			const { responses } = await exchange(daemon, PENDING + more, { count: 1 });
			assert.equal(responses[0]?.status, 401);
			await alive();
		});
	}
	test('a client that goes away while its answer is pending', async () => {
		for (let i = 0; i < 20; i++) {
			const connection = await RawConnection.open(daemon);
			await connection.send(PENDING);
			connection.destroy();
		}
		await alive();
	});
});

describe('those who take their time', () => {
	const cpu = () => {
		const fields = readFileSync(`/proc/${daemon.pid}/stat`, 'latin1').split(') ')[1].split(' ');
		return Number(fields[11]) + Number(fields[12]);
	};
	// A deadline may be missed by a busy machine, so five times as long is allowed.
	const cut = async (first, drip, most, options) => {
		const connection = await RawConnection.open(daemon, options);
		const begin = Date.now();
		await connection.send(first);
		const timer = drip && setInterval(() => connection.send(drip), 200);
		try {
			const end = await connection.closing({ timeout: 5 * most });
			assert.ok(Date.now() - begin < 5 * most);
			return end;
		} finally {
			clearInterval(timer);
			connection.destroy();
		}
	};
	test('silence, dripping headers, half a body and a dripping body are cut, and cost nothing', async () => {
		const body = `POST /api/auth/login HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`;
		const before = cpu();
		await Promise.all([
			cut('', '', 6000),
			cut('GET / HTTP/1.1\r\nX-Slow: ', 'a', 6000),
			cut(body, '', 15000),
			cut(body, ' ', 15000),
		]);
		// In ticks of 10 ms: a loop that spins takes a hundred of them a second.
		assert.ok(cpu() - before < 1000, `${cpu() - before} ticks`);
		await alive();
	});
	test('endless pipelining is answered once and cut, and costs nothing', async () => {
		const before = cpu();
		const all = await Promise.all(Array.from({ length: 10 }, () => cut(GET + GET, GET, 2000, { halfOpen: true })));
		for (const { responses } of all)
			assert.deepEqual(responses.map((r) => r.status), [200]);
		assert.ok(cpu() - before < 60, `${cpu() - before} ticks`);
		await alive();
	});
});
