// Whose connection it is, and until when: expiry and renewal, revocation by every way (sync-protocol.md section 7).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { hex, person, session } from '../api/support.mjs';
import { Live, follow, header, tickOf } from './support.mjs';

// A second is promised; five times that is asserted.
const WITHIN = 5000;

async function ended(live, code, bye) {
	const frame = await live.next('bye', WITHIN);
	assert.equal(frame.code, bye);
	assert.equal(await live.code(WITHIN), code);
}

describe('a session that ends closes its own connections with 4403 and no other', () => {
	let daemon;
	before(async () => {
		daemon = await startDaemon();
	});
	after(() => daemon.stop());

	const cases = {
		'log-out': async ({ phone }) => phone.post('/api/auth/logout'),
		'a revoked device': async ({ who, phone }) => who.del(`/api/devices/${phone.deviceId}`),
		'a changed password': async ({ who }) =>
			who.post('/api/auth/reset-password', { currentPassword: who.password, newPassword: 'another-password' }),
	};
	for (const [name, act] of Object.entries(cases)) {
		test(name, async () => {
			const who = await person(daemon);
			const phone = await session(daemon, who);
			const stranger = await person(daemon);
			const lives = [await follow(daemon, phone), await follow(daemon, phone)];
			const others = [await follow(daemon, who), await follow(daemon, stranger)];
			const reply = await act({ who, phone });
			assert.equal(reply.status, 200, reply.text);
			for (const live of lives) await ended(live, 4403, 'revoked');
			for (const live of others) assert.equal((await live.tick(1, tickOf('a', 1, 1))).outcome, 'applied');
			await Promise.all(others.map((live) => live.close()));
		});
	}
	test('a refresh token that was stolen', async () => {
		const who = await person(daemon);
		const { api } = client(daemon.url);
		const live = await follow(daemon, who);
		const refresh = (refreshToken) => api('POST', '/api/auth/refresh', { body: { refreshToken } });
		const second = await refresh(who.refreshToken);
		const third = await refresh(second.json.data.refreshToken);
		assert.equal(third.status, 200, third.text);
		assert.equal((await live.tick(1, tickOf('a', 1, 1))).outcome, 'applied', 'refreshing ends nothing');
		assert.equal((await refresh(who.refreshToken)).status, 401);
		await ended(live, 4403, 'revoked');
	});
	test('a deleted account closes all of them', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who);
		const lives = [await follow(daemon, who), await follow(daemon, phone)];
		assert.equal((await who.del('/api/users/account')).status, 200);
		for (const live of lives) await ended(live, 4403, 'account_deleted');
	});
	test('a log-in that takes the place of the longest unused session of its device', async () => {
		const who = await person(daemon);
		const deviceId = hex(8);
		const first = await session(daemon, who, { deviceId });
		const live = await follow(daemon, first);
		for (let i = 0; i < 8; i++) await session(daemon, who, { deviceId });
		assert.equal((await first.get('/api/auth/me')).status, 401, 'eight are kept for a device');
		await ended(live, 4403, 'revoked');
	});
	test('a slow reader as well, and frames that it sent before are not lost', async () => {
		const who = await person(daemon);
		const live = await follow(daemon, who);
		assert.equal((await live.tick(1, tickOf('a', 1, 7))).outcome, 'applied');
		live.ws._socket.pause();
		const phone = await session(daemon, who);
		// More than the sockets hold, so that a frame stands half written.
		const set = { animeImage: `https://a.example/${'x'.repeat(2000)}` };
		for (let round = 0; round < 40; round++) {
			const ops = Array.from({ length: 150 }, (_, i) => ({ n: round * 150 + i + 1, collection: 'watchlist', key: `k${i}`, set }));
			assert.equal((await phone.post('/api/sync', { ops })).status, 200);
		}
		assert.equal((await phone.del(`/api/devices/${who.deviceId}`)).status, 200);
		const metric = async () => /^tsuzuki_live_connections (\d+)$/m.exec((await phone.api('GET', '/metrics')).text)[1];
		const end = Date.now() + WITHIN;
		while ((await metric()) !== '0') assert.ok(Date.now() < end, 'the server gave it up');
		live.ws._socket.resume();
		await live.closed;
		assert.equal((await phone.get('/api/continue-watching/a')).json.data.currentTime, 7);
	});
	test('a token whose session has ended opens nothing', async () => {
		const who = await person(daemon);
		const waiting = new Live(daemon, { headers: header(who.token) });
		await waiting.opened;
		await who.post('/api/auth/logout');
		for (const live of [waiting, new Live(daemon)]) {
			await live.opened;
			live.send({ type: 'hello', ...(live === waiting ? {} : { token: who.token }) });
			await ended(live, 4401, 'not_authorized');
		}
	});
});

describe('a token that expires', () => {
	test('closes its connection with 4401', async () => {
		const daemon = await startDaemon({ env: { JWT_EXPIRE: '2s' } });
		const who = await person(daemon);
		const live = await follow(daemon, who);
		await ended(live, 4401, 'token_expired');
		const late = new Live(daemon);
		await late.opened;
		late.send({ type: 'hello', token: who.token });
		await ended(late, 4401, 'token_expired');
		await daemon.stop();
	});
	test('does not when a new hello with a new token of the same device came before', async () => {
		const daemon = await startDaemon({ env: { JWT_EXPIRE: '3s' } });
		const who = await person(daemon);
		const stale = await follow(daemon, who);
		const live = await follow(daemon, who);
		const cursor = live.welcome.cursor;
		let refreshToken = who.refreshToken;
		for (let i = 0; !stale.end; i++) {
			const { json } = await who.api('POST', '/api/auth/refresh', { body: { refreshToken } });
			({ refreshToken } = json.data);
			live.send({ type: 'hello', token: json.data.token });
			const welcome = await live.next('welcome');
			assert.equal(welcome.device, who.deviceId);
			if (i === 0) assert.equal(welcome.cursor, cursor, 'the stream goes on where it was');
			assert.equal((await live.tick(i, tickOf('a', 1, i + 1))).outcome, 'applied');
		}
		assert.equal(stale.end.code, 4401, 'the other one expired meanwhile');
		await live.close();
		await daemon.stop();
	});
	test('is not replaced by one of another device or user, or one that is not good', async () => {
		const daemon = await startDaemon();
		const [who, stranger] = [await person(daemon), await person(daemon)];
		const other = await session(daemon, who);
		const live = await follow(daemon, who);
		for (const [token, code] of [
			[other.token, 'other_device'],
			[stranger.token, 'other_device'],
			['x', 'not_authorized'],
			[undefined, 'validation_failed'],
		]) {
			live.send({ type: 'hello', token });
			assert.equal((await live.next('error')).code, code);
		}
		assert.equal((await live.tick(1, tickOf('a', 1, 1))).stamp.slice(17), who.deviceId);
		await live.close();
		await daemon.stop();
	});
});
