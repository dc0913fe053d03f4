// Who may open the live channel: path, version, origin, subprotocol, token, rate (sync-protocol.md section 7).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { exchange } from '../harness/raw.mjs';
import { person } from '../api/support.mjs';
import { Live, follow, header, refusal } from './support.mjs';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const upgrade = (lines = [], path = '/api/live') =>
	[
		`GET ${path} HTTP/1.1`,
		'Host: localhost',
		'Connection: Upgrade',
		'Upgrade: websocket',
		`Sec-WebSocket-Key: ${KEY}`,
		'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Protocol: tsuzuki.v1',
	]
		.map((line) => {
			const name = line.split(':')[0].toLowerCase();
			return lines.find((other) => other.split(':')[0].toLowerCase() === name) ?? line;
		})
		.filter((line) => !/: -$/.test(line))
		.concat('', '')
		.join('\r\n');

describe('the upgrade', () => {
	let daemon;
	let who;
	test('begins', async () => {
		daemon = await startDaemon();
		who = await person(daemon);
	});
	test('is taken with the token in hello, and the subprotocol is agreed', async () => {
		const live = await follow(daemon, who);
		assert.equal(live.ws.protocol, 'tsuzuki.v1');
		assert.equal(live.welcome.device, who.deviceId);
		await live.close();
	});
	test('is taken with the token in its header: then hello needs none', async () => {
		const live = new Live(daemon, { headers: header(who.token) });
		const welcome = await live.hello();
		assert.equal(welcome.device, who.deviceId);
		await live.close();
	});
	test('is taken whatever the case of the path, and with one slash at the end', async () => {
		for (const path of ['/API/Live', '/api/live/', '/api/live?x=1']) {
			const live = new Live(daemon, { url: `${daemon.url.replace(/^http/, 'ws')}${path}` });
			await live.hello({ token: who.token });
			await live.close();
		}
	});
	test('of another path is 404', async () => {
		for (const path of ['/', '/api/lives', '/api/live/x', '/socket.io/', '/health']) {
			const reply = await refusal(daemon, { path });
			assert.equal(reply.status, 404, path);
			assert.equal(reply.json.message, 'Route not found');
		}
	});
	test('with a token that is not good is 401', async () => {
		for (const authorization of ['Bearer x', `bearer ${who.token}`, 'Basic eA==', `Bearer ${who.token}x`]) {
			const reply = await refusal(daemon, { headers: { authorization } });
			assert.equal(reply.status, 401, authorization);
			assert.equal(reply.json.message, 'Not authorized to access this route');
		}
	});
	test('takes no token from the URL', async () => {
		const live = new Live(daemon, { url: `${daemon.url.replace(/^http/, 'ws')}/api/live?token=${who.token}` });
		await live.opened;
		live.send({ type: 'hello' });
		assert.equal((await live.next('bye')).code, 'not_authorized');
		assert.equal(await live.code(), 4401);
	});
	test('without the subprotocol is 400, also when the name of another one is known', async () => {
		for (const line of ['-', 'chat', 'tsuzuki.v2', 'http', 'http, tsuzuki.v1', 'TSUZUKI.V1']) {
			const reply = (await exchange(daemon, upgrade([`Sec-WebSocket-Protocol: ${line}`]))).responses[0];
			assert.equal(reply.status, 400, line);
			assert.match(reply.text, /Offer the subprotocol tsuzuki\.v1/);
		}
		const live = new Live(daemon, { protocol: ['chat', 'tsuzuki.v1'] });
		await live.hello({ token: who.token });
		assert.equal(live.ws.protocol, 'tsuzuki.v1');
		await live.close();
	});
	test('of another version is 426 and says which', async () => {
		for (const version of ['8', '0', '-', '14', '13, 8']) {
			const reply = (await exchange(daemon, upgrade([`Sec-WebSocket-Version: ${version}`]))).responses[0];
			assert.equal(reply.status, 426, version);
			assert.equal(reply.headers.get('sec-websocket-version'), '13');
		}
	});
	test('that is no opening of a WebSocket is 400', async () => {
		for (const lines of [['Sec-WebSocket-Key: -'], ['Sec-WebSocket-Key: short'], ['Connection: close']]) {
			const reply = (await exchange(daemon, upgrade(lines))).responses[0];
			assert.equal(reply.status, 400, lines[0]);
		}
		const old = (await exchange(daemon, upgrade().replace('HTTP/1.1', 'HTTP/1.0'))).responses[0];
		assert.equal(old.status, 400);
	});
	test('is for GET: without Upgrade 426, other methods 404 or 405', async () => {
		const { api } = client(daemon.url);
		const plain = await api('GET', '/api/live');
		assert.equal(plain.status, 426);
		assert.equal(plain.headers.get('upgrade'), 'websocket');
		const post = await api('POST', '/api/live', { body: {} });
		assert.equal(post.status, 405);
		assert.match(post.headers.get('allow'), /GET/);
		const reply = (await exchange(daemon, upgrade().replace('GET', 'POST'))).responses[0];
		assert.ok([400, 404].includes(reply.status), String(reply.status));
	});
	test('ends', () => daemon.stop());
});

test('FRONTEND_URL names the origins whose pages may open it; programs have none', async () => {
	const daemon = await startDaemon({ env: { FRONTEND_URL: 'https://anime.example,http://localhost:3000' } });
	const who = await person(daemon);
	for (const origin of ['https://anime.example', 'http://localhost:3000', `http://127.0.0.1:${daemon.port}`, undefined]) {
		const live = new Live(daemon, { headers: origin ? { origin } : {} });
		await live.hello({ token: who.token });
		await live.close();
	}
	for (const origin of ['https://evil.example', 'null', 'https://anime.example.evil.example', 'http://anime.example', 'x']) {
		const reply = await refusal(daemon, { headers: { origin, ...header(who.token) } });
		assert.equal(reply.status, 403, origin);
		assert.equal(reply.json.success, false);
	}
	await daemon.stop();
});

test('every origin may when FRONTEND_URL is not set', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const live = new Live(daemon, { headers: { origin: 'https://any.example' } });
	await live.hello({ token: who.token });
	await live.close();
	await daemon.stop();
});

describe('RATE_LIMIT_SYNC', () => {
	test('counts upgrades by device where there is a token in the header, else by address', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_SYNC: '3/15m' } });
		const [one, two] = [await person(daemon), await person(daemon)];
		for (let i = 0; i < 3; i++) await new Live(daemon, { headers: header(one.token) }).opened;
		const reply = await refusal(daemon, { headers: header(one.token) });
		assert.equal(reply.status, 429);
		assert.equal(reply.json.code, 'rate_limited');
		assert.ok(Number(reply.headers['retry-after']) > 0);
		for (let i = 0; i < 3; i++) await new Live(daemon, { headers: header(two.token) }).opened;
		for (let i = 0; i < 3; i++) await new Live(daemon).opened;
		assert.equal((await refusal(daemon)).status, 429);
		await daemon.stop();
	});
	test('shares its bucket with POST /api/continue-watching, and frames do not count in it', async () => {
		const daemon = await startDaemon({ env: { RATE_LIMIT_SYNC: '2/15m' } });
		const who = await person(daemon);
		const live = new Live(daemon, { headers: header(who.token) });
		await live.hello();
		const body = { animeId: 'a', animeTitle: 'A', currentEpisode: 1, currentTime: 1, duration: 9 };
		for (let id = 0; id < 10; id++) assert.equal((await live.tick(id, body)).type, 'ack');
		assert.equal((await who.post('/api/continue-watching', body)).status, 200);
		assert.equal((await who.post('/api/continue-watching', body)).status, 429);
		await daemon.stop();
	});
});

test('a live connection counts for MAX_CONNECTIONS_PER_ADDRESS until it is gone', async () => {
	const daemon = await startDaemon({ env: { MAX_CONNECTIONS_PER_ADDRESS: '3' } });
	const who = await person(daemon);
	const lives = [];
	for (let i = 0; i < 3; i++) lives.push(await follow(daemon, who));
	await assert.rejects(new Live(daemon).opened);
	await lives.pop().close();
	const again = await follow(daemon, who);
	await again.close();
	await daemon.stop();
});
