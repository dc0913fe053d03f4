// An acknowledged write is on disk: kill -9, restart, and who may open the data folder (design.md sections 2 and 5).
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { NOT_AUTHORIZED, everything, good, listed, person, refused, says, session, watched } from './support.mjs';

describe('kill -9', () => {
	test('loses nothing that was acknowledged: every kind of write, word for word', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const items = [];
		for (let i = 0; i < 10; i++)
			items.push(good(await who.post('/api/watchlist', listed(`w-${i}`, { rating: 1 + (i % 10), notes: `n${i}` })), 201));
		good(await who.put(`/api/watchlist/${items[2]._id}`, { status: 'completed', rating: null }));
		says(await who.del(`/api/watchlist/${items[3]._id}`), 'Removed from watchlist');
		for (let i = 0; i < 10; i++)
			good(
				await who.post(
					'/api/continue-watching',
					watched(`p-${i % 4}`, 1 + i, i * 1.5, 1440, { event: i % 2 ? 'heartbeat' : 'pause', session: 's' }),
				),
			);
		says(await who.del('/api/continue-watching/p-1'), 'Progress deleted successfully');
		good(await who.put('/api/users/profile', { avatar: 'https://a.example/x.png' }));
		good(await who.put('/api/users/settings', { dropped: true }));
		good(await who.put('/api/users/preferences', { audio: 'dub' }));
		const held = await everything(who);
		await daemon.kill();
		await daemon.restart();
		assert.equal(await everything(who), held);
		assert.equal(good(await who.get('/api/watchlist/check/w-3')).inWatchlist, false);
		await daemon.stop();
	});
	test('in the middle of many writers: what was answered is there, ten times over', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const answered = new Map();
		for (let round = 0; round < 10; round++) {
			let stopped = false;
			const writers = Array.from({ length: 6 }, async (_, w) => {
				for (let n = 0; !stopped; n++) {
					const time = round * 10000 + n + 1;
					try {
						good(await who.post('/api/continue-watching', watched(`k-${w}`, 1, time, 100000)));
						answered.set(`k-${w}`, time);
					} catch (error) {
						if (error.code === 'ERR_ASSERTION') throw error;
						return;
					}
				}
			});
			const goal = (round + 1) * 3;
			while ((answered.get('k-0') ?? 0) % 10000 < goal && !stopped) await new Promise((resolve) => setImmediate(resolve));
			await daemon.kill();
			stopped = true;
			await Promise.all(writers);
			await daemon.restart();
			for (const [key, time] of answered) {
				const { currentTime } = good(await who.get(`/api/continue-watching/${key}`));
				assert.ok(currentTime >= time, `${key}: answered ${time}, found ${currentTime}`);
			}
		}
		await daemon.stop();
	});
	test('keeps deletions, clears, revocations, passwords and deleted accounts', async () => {
		const daemon = await startDaemon();
		const { api } = client(daemon.url);
		const who = await person(daemon);
		const [phone, tablet] = [await session(daemon, who), await session(daemon, who)];
		const leaver = await person(daemon);
		good(await who.post('/api/continue-watching', watched('x', 1, 5, 10)));
		says(await who.del('/api/continue-watching'), 'All watch history cleared');
		assert.equal((await who.del(`/api/devices/${phone.deviceId}`)).status, 200);
		says(await tablet.post('/api/auth/logout'), 'Logged out successfully');
		says(await leaver.del('/api/users/account'), 'Account deleted successfully');
		says(
			await who.post('/api/auth/reset-password', { currentPassword: who.password, newPassword: 'a-new-password' }),
			'Password updated successfully',
		);
		await daemon.kill();
		await daemon.restart();
		assert.deepEqual(good(await who.get('/api/continue-watching')), []);
		assert.equal(good(await who.post('/api/continue-watching', watched('x', 1, 7, 10, { age: 3600000 }))), null);
		refused(await phone.get('/api/auth/me'), 401, NOT_AUTHORIZED);
		refused(await tablet.get('/api/auth/me'), 401, NOT_AUTHORIZED);
		refused(await leaver.get('/api/auth/me'), 401, 'User not found');
		refused(await api('POST', '/api/auth/login', { body: who }), 401, 'Invalid credentials');
		good(await api('POST', '/api/auth/login', { body: { email: who.email, password: 'a-new-password' } }));
		await daemon.stop();
	});
});

describe('a restart', () => {
	test('keeps everybody logged in, with a secret of its own making', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const secret = path.join(daemon.dataDir, 'jwt.secret');
		assert.equal(statSync(secret).mode & 0o777, 0o600);
		await daemon.restart();
		good(await who.get('/api/auth/me'));
		good(await who.api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }));
		await daemon.stop();
	});
	test('with another secret ends every session, and the password still works', async () => {
		const daemon = await startDaemon({ env: { JWT_SECRET: 'the first secret of enough length' } });
		const who = await person(daemon);
		await daemon.restart({ env: { JWT_SECRET: 'another secret of enough length!' } });
		refused(await who.get('/api/auth/me'), 401, NOT_AUTHORIZED);
		refused(await who.api('POST', '/api/auth/refresh', { body: { refreshToken: who.refreshToken } }), 401, NOT_AUTHORIZED);
		const back = await session(daemon, who);
		good(await back.get('/api/auth/me'));
		await daemon.stop();
	});
	test('keeps ids: an item deleted before it and added after it has its _id', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const { _id } = good(await who.post('/api/watchlist', listed('x')), 201);
		says(await who.del(`/api/watchlist/${_id}`), 'Removed from watchlist');
		await daemon.restart();
		assert.equal(good(await who.post('/api/watchlist', listed('x')), 201)._id, _id);
		await daemon.stop();
	});
	test('goes on after what was saved: what is saved after it wins', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		good(await who.post('/api/continue-watching', watched('x', 5, 900, 1440)));
		await daemon.restart();
		assert.equal(good(await who.post('/api/continue-watching', watched('x', 5, 100, 1440))).currentTime, 100);
		await daemon.stop();
	});
	test('the files of the data folder are for their owner only', async () => {
		const daemon = await startDaemon();
		await person(daemon);
		for (const name of ['tsuzuki.db', 'jwt.secret'])
			assert.equal(statSync(path.join(daemon.dataDir, name)).mode & 0o077, 0, name);
		await daemon.stop();
	});
});

describe('SIGTERM', () => {
	test('under load exits 0, and what was answered is there', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const answered = new Map();
		let stopped = false;
		const writers = Array.from({ length: 6 }, async (_, w) => {
			for (let n = 1; !stopped; n++) {
				try {
					good(await who.post('/api/continue-watching', watched(`k-${w}`, 1, n, 100000)));
					answered.set(`k-${w}`, n);
				} catch (error) {
					if (error.code === 'ERR_ASSERTION') throw error;
					return;
				}
			}
		});
		while ((answered.get('k-0') ?? 0) < 10) await new Promise((resolve) => setImmediate(resolve));
		const end = await daemon.stop();
		stopped = true;
		await Promise.all(writers);
		assert.equal(end.code, 0);
		await daemon.restart();
		for (const [key, n] of answered) assert.ok(good(await who.get(`/api/continue-watching/${key}`)).currentTime >= n);
		await daemon.stop();
	});
	test('twice, and SIGINT, end it as well', async () => {
		for (const signals of [['SIGTERM', 'SIGTERM'], ['SIGINT']]) {
			const daemon = await startDaemon();
			for (const signal of signals) daemon.signal(signal);
			const end = await daemon.exit();
			assert.equal(end.code, 0);
		}
	});
	test('SIGHUP does not end it', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		daemon.signal('SIGHUP');
		good(await who.get('/api/auth/me'));
		daemon.signal('SIGHUP');
		good(await who.post('/api/watchlist', listed('x')), 201);
		await daemon.stop();
	});
});

test('a second process on the same data folder refuses with a message that names it, and the first goes on', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const second = await startDaemon({ dataDir: daemon.dataDir, expectExit: true });
	assert.notEqual(second.code, 0);
	assert.ok(second.log().includes(daemon.dataDir), second.log());
	assert.match(second.log(), /in use|running|lock/i);
	good(await who.post('/api/watchlist', listed('x')), 201);
	await daemon.restart();
	assert.equal(good(await who.get('/api/watchlist')).length, 1);
	await daemon.stop();
});
