// Two command lines, each with a folder of its own, and one server: what was done offline meets.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { client } from '../harness/client.mjs';
import { Cli, member, same } from './support.mjs';

let daemon;
let account;
before(async () => {
	daemon = await startDaemon();
});
const register = () => client(daemon.url).register();

describe('two devices of one account', () => {
	test('both edit offline, both sync, both show the same', async () => {
		account = await register();
		const [a, b] = [await member(daemon, account), await member(daemon, account)];
		await a.ok('add', 'one', 'One', '--offline');
		await a.ok('set', 'one', '--rating', '9', '--offline');
		await b.ok('add', 'two', 'Two', '--status', 'watching', '--offline');
		await a.ok('progress', 'one', '--episode', '3', '--time', '100', '--duration', '1440', '--offline');
		assert.equal((await a.status()).waiting, 3);
		for (const cli of [a, b, a]) await cli.ok('sync');
		await b.ok('set', 'one', '--notes', 'from b', '--offline');
		await a.ok('set', 'one', '--status', 'completed', '--offline');
		await a.ok('rm', 'two', '--offline');
		for (const cli of [b, a, b]) await cli.ok('sync');
		await same(a, b);
		const { watchlist } = await a.json('show', 'one');
		assert.deepEqual([watchlist.rating, watchlist.status, watchlist.notes], [9, 'completed', 'from b']);
		for (const cli of [a, b]) {
			const status = await cli.status();
			assert.deepEqual([status.waiting, status.rejected], [0, []]);
		}
	});

	test('a command takes its change to the server, a reading one brings back what is new', async () => {
		account = await register();
		const [a, b] = [await member(daemon, account), await member(daemon, account)];
		await a.ok('add', 'one', 'One', '--rating', '7');
		const { api } = client(daemon.url);
		const [item] = (await api('GET', '/api/watchlist', { token: account.token })).json.data;
		assert.equal(item.rating, 7);
		assert.equal((await b.json('list'))[0].rating, 7);
		assert.equal((await b.json('list'))[0]._id, item._id, 'an item has one id everywhere');
		await api('POST', '/api/continue-watching', { token: account.token,
			body: { animeId: 'one', animeTitle: 'One', currentEpisode: 5, currentTime: 33, duration: 1440 } });
		assert.equal((await a.json('resume')).currentTime, 33);
	});

	test('what was held before the first log-in is given to the account', async () => {
		account = await register();
		const a = new Cli();
		await a.ok('add', 'one', 'One', '--notes', 'before');
		await a.ok('progress', 'one', '--episode', '2', '--time', '20');
		assert.equal((await a.login(daemon, account)).code, 0);
		const b = await member(daemon, account);
		await same(a, b);
		assert.equal((await b.json('show', 'one')).watchlist.notes, 'before');
		const { api } = client(daemon.url);
		const devices = (await api('GET', '/api/devices', { token: account.token })).json.data;
		assert.equal(devices.length, 3, 'the one that registered, and the two');
		assert.equal((await a.json('devices')).filter((d) => d.current).length, 1);
	});

	test('what really happened later wins, in either order of syncing', async () => {
		account = await register();
		const [a, b] = [await member(daemon, account), await member(daemon, account)];
		await a.ok('add', 'one', 'One');
		await b.ok('sync');
		await a.ok('set', 'one', '--rating', '1', '--offline');
		await b.ok('set', 'one', '--rating', '2', '--offline');
		await b.ok('sync');
		await a.ok('sync');
		await b.ok('sync');
		await same(a, b);
		assert.equal((await a.json('show', 'one')).watchlist.rating, 2);
	});

	test('logging out keeps everything; logging in again goes on where it was', async () => {
		account = await register();
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One');
		const device = (await a.status()).device.id;
		await a.ok('logout');
		await a.ok('set', 'one', '--rating', '4');
		assert.equal((await a.status()).loggedIn, false);
		assert.equal((await a.status()).waiting, 1);
		assert.equal((await a.login(daemon, account)).code, 0);
		assert.equal((await a.status()).waiting, 0);
		assert.equal((await a.status()).device.id, device);
		const { api } = client(daemon.url);
		assert.equal((await api('GET', '/api/watchlist', { token: account.token })).json.data[0].rating, 4);
	});

	test('more than a push and a page hold', async () => {
		account = await register();
		const { api } = client(daemon.url);
		const ops = Array.from({ length: 1000 }, (_, i) => ({ n: i + 1, collection: 'watchlist', key: `k${i}`, set: { status: 'watching' } }));
		for (let at = 0; at < 3; at++) {
			const reply = await api('POST', '/api/sync', { token: account.token,
				body: { ops: ops.map((op) => ({ ...op, n: op.n + at * 1000, key: `${op.key}-${at}` })) } });
			assert.equal(reply.status, 200, reply.text);
		}
		const a = await member(daemon, account);
		assert.equal((await a.json('list')).length, 3000);
	});
});

test('what the server can never take is kept, and status says why', async () => {
	const small = await startDaemon({ env: { MAX_ITEMS: '2' } });
	const a = new Cli();
	for (const key of ['one', 'two', 'three']) await a.ok('add', key, '--rating', '5');
	const login = await a.login(small, await client(small.url).register());
	assert.equal(login.code, 0, login.stderr);
	assert.match(login.stderr, /can never take 1/);
	const status = await a.status();
	assert.equal(status.waiting, 0);
	assert.equal(status.rejectedCount, 1);
	const [{ collection, code, message, set }] = status.rejected;
	assert.deepEqual([collection, code, set.rating], ['watchlist', 'too_many_items', 5]);
	assert.ok(message.length > 10);
	assert.match((await a.ok('status')).stdout, /Refused: +\S+ of watchlist: .*too_many_items/);
	await small.stop();
});
