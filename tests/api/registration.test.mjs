// REGISTRATION (design.md section 5): who may make accounts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { good, person, refused, session } from './support.mjs';

function newcomer() {
	const username = unique();
	return { username, email: `${username}@example.com`, password: 'securepassword123' };
}
const register = (daemon, body = newcomer()) => client(daemon.url).api('POST', '/api/auth/register', { body });

function shut(reply) {
	const { message } = refused(reply, 403, undefined, 'registration_closed');
	assert.ok(message.length > 0);
	assert.equal(reply.json.data, undefined);
}

describe('first', () => {
	test('the first account may be made, the second not, and the first works', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'first' } });
		const who = await person(daemon);
		shut(await register(daemon));
		shut(await register(daemon));
		good(await (await session(daemon, who)).get('/api/auth/me'));
		await daemon.stop();
	});
	test('stays shut over restarts and crashes', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'first' } });
		await person(daemon);
		await daemon.kill();
		await daemon.restart();
		shut(await register(daemon));
		await daemon.restart();
		shut(await register(daemon));
		await daemon.stop();
	});
	test('of many at the same moment exactly one gets in', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'first' } });
		const replies = await Promise.all(Array.from({ length: 8 }, () => register(daemon)));
		assert.deepEqual(replies.map((r) => r.status).sort(), [201, ...Array(7).fill(403)]);
		await daemon.stop();
	});
	test('a refused registration does not use it up', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'first' } });
		assert.equal((await register(daemon, { ...newcomer(), password: 'x' })).status, 422);
		assert.equal((await register(daemon)).status, 201);
		await daemon.stop();
	});
	test('does not tell whether an address is known', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'first' } });
		const who = await person(daemon);
		const [known, unknown] = [await register(daemon, { ...newcomer(), email: who.email }), await register(daemon)];
		shut(known);
		assert.equal(known.text, unknown.text);
		await daemon.stop();
	});
});

describe('closed', () => {
	test('nobody gets in, not even the first', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'closed' } });
		shut(await register(daemon));
		await daemon.stop();
	});
	test('accounts that are there go on', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		await daemon.restart({ env: { REGISTRATION: 'closed' } });
		good(await who.get('/api/auth/me'));
		good(await (await session(daemon, who)).get('/api/auth/me'));
		shut(await register(daemon));
		await daemon.restart({ env: { REGISTRATION: 'open' } });
		assert.equal((await register(daemon)).status, 201);
		await daemon.stop();
	});
});

test('open is the default', async () => {
	const daemon = await startDaemon();
	assert.equal((await register(daemon)).status, 201);
	assert.equal((await register(daemon)).status, 201);
	await daemon.stop();
});
