// The list of devices: design.md section 5 (REST).
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { DEVICE, ISO, NOT_AUTHORIZED, fields, good, hex, person, refused, session } from './support.mjs';

let daemon, api;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
});

const list = async (who) => good(await who.get('/api/devices'));
const me = (token) => api('GET', '/api/auth/me', { token });
const refresh = (refreshToken, more = {}) => api('POST', '/api/auth/refresh', { body: { refreshToken, ...more } });

describe('list', () => {
	test('has id, name, lastSeen and current of every device, and exactly the asking one is current', async () => {
		const who = await person(daemon, { deviceName: 'Kitchen' });
		const phone = await session(daemon, who, { deviceName: 'Phone' });
		for (const [asking, other] of [
			[who, phone],
			[phone, who],
		]) {
			const devices = await list(asking);
			assert.equal(devices.length, 2);
			for (const device of devices) {
				fields(device, ['current', 'id', 'lastSeen', 'name']);
				assert.match(device.id, DEVICE);
				assert.match(device.lastSeen, ISO);
			}
			const byId = Object.fromEntries(devices.map((d) => [d.id, d]));
			assert.equal(byId[asking.deviceId].current, true);
			assert.equal(byId[other.deviceId].current, false);
			assert.equal(byId[who.deviceId].name, 'Kitchen');
			assert.equal(byId[phone.deviceId].name, 'Phone');
		}
	});
	test('a device without a name has an empty or a made one, but a text', async () => {
		const [only] = await list(await person(daemon));
		assert.equal(typeof only.name, 'string');
	});
	test("holds nobody else's devices, even with the same id", async () => {
		const deviceId = hex(8);
		const a = await person(daemon, { deviceId, deviceName: 'A' });
		const b = await person(daemon, { deviceId, deviceName: 'B' });
		assert.deepEqual(
			(await list(a)).map((d) => d.name),
			['A'],
		);
		assert.deepEqual(
			(await list(b)).map((d) => d.name),
			['B'],
		);
		good(await a.del(`/api/devices/${deviceId}`));
		assert.deepEqual(
			(await list(b)).map((d) => d.name),
			['B'],
		);
	});
});

describe('deviceId at login', () => {
	test('a known one keeps its place in the list, and both sessions work', async () => {
		const who = await person(daemon, { deviceName: 'Kitchen' });
		const again = await session(daemon, who, { deviceId: who.deviceId });
		assert.equal(again.deviceId, who.deviceId);
		const devices = await list(again);
		assert.deepEqual(
			devices.map(({ id, name }) => [id, name]),
			[[who.deviceId, 'Kitchen']],
		);
		good(await me(who.token));
	});
	test('a new name renames it', async () => {
		const who = await person(daemon, { deviceName: 'Old' });
		const again = await session(daemon, who, { deviceId: who.deviceId, deviceName: 'New' });
		assert.deepEqual(
			(await list(again)).map((d) => d.name),
			['New'],
		);
	});
	test('any well-formed one is taken, known or not', async () => {
		const who = await person(daemon);
		const deviceId = hex(8);
		assert.equal((await session(daemon, who, { deviceId })).deviceId, deviceId);
	});
});

describe('revoking', () => {
	test('ends every session of that device, leaves the others and takes it off the list', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who);
		const phone2 = await session(daemon, who, { deviceId: phone.deviceId });
		good(await me(phone.token));
		const reply = await who.del(`/api/devices/${phone.deviceId}`);
		assert.equal(reply.status, 200, reply.text);
		assert.equal(reply.json.success, true);
		for (const gone of [phone, phone2]) {
			refused(await me(gone.token), 401, NOT_AUTHORIZED);
			refused(await refresh(gone.refreshToken), 401, NOT_AUTHORIZED);
		}
		good(await me(who.token));
		assert.deepEqual(
			(await list(who)).map((d) => d.id),
			[who.deviceId],
		);
	});
	test('may take the asking device itself', async () => {
		const who = await person(daemon);
		assert.equal((await who.del(`/api/devices/${who.deviceId}`)).status, 200);
		refused(await me(who.token), 401, NOT_AUTHORIZED);
	});
	test('an unknown, malformed or already revoked id is 404', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who);
		assert.equal((await who.del(`/api/devices/${phone.deviceId}`)).status, 200);
		const bodies = new Set();
		for (const id of [phone.deviceId, hex(8), 'x', hex(9), hex(40), '%20', 'z'.repeat(16)]) {
			const reply = await who.del(`/api/devices/${id}`);
			refused(reply, 404);
			bodies.add(reply.text);
		}
		assert.equal(bodies.size, 1);
	});
	test("somebody else's device is 404 and lives on", async () => {
		const [a, b] = [await person(daemon), await person(daemon)];
		refused(await b.del(`/api/devices/${a.deviceId}`), 404);
		good(await me(a.token));
	});
	test('a revoked device may log in again under its id', async () => {
		const who = await person(daemon);
		const phone = await session(daemon, who);
		assert.equal((await who.del(`/api/devices/${phone.deviceId}`)).status, 200);
		const back = await session(daemon, who, { deviceId: phone.deviceId });
		good(await me(back.token));
		refused(await me(phone.token), 401, NOT_AUTHORIZED);
	});
});

describe('at most 100 devices', () => {
	async function crowd(who, count) {
		const all = [];
		for (let i = 0; i < count; i++) all.push(good(await refresh(who.refreshToken, { newDevice: true })));
		return all;
	}
	test('the longest unused without a session goes first', async () => {
		const who = await person(daemon);
		const all = await crowd(who, 99);
		assert.equal((await list(who)).length, 100);
		assert.equal((await api('POST', '/api/auth/logout', { token: all[50].token })).status, 200);
		const [newest] = await crowd(who, 1);
		const ids = (await list(who)).map((d) => d.id);
		assert.equal(ids.length, 100);
		assert.ok(!ids.includes(all[50].deviceId));
		assert.ok(ids.includes(newest.deviceId));
		for (const [i, { token }] of all.entries()) assert.equal((await me(token)).status, i === 50 ? 401 : 200, `device ${i}`);
	});
	test('where all have a session, one of the longest unused loses it', async () => {
		const who = await person(daemon);
		const all = await crowd(who, 105);
		const devices = await list(who);
		assert.equal(devices.length, 100);
		const ids = new Set(devices.map((d) => d.id));
		for (const { deviceId, token } of all) assert.equal((await me(token)).status, ids.has(deviceId) ? 200 : 401);
		for (const { deviceId } of all.slice(-50)) assert.ok(ids.has(deviceId), 'a new device never pushes out a newer one');
	});
});
