// Servers that are away, are others, were put back, or let nobody in: nothing is lost, and the message says what to do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { freePort, startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { Cli, member, same } from './support.mjs';

const register = (daemon, overrides) => client(daemon.url).register(overrides);
const AWAY_MS = 2000; // the promise; asserted at five times

/** A copy of the stopped server's folder, and how to put it back. */
async function backup(daemon) {
	await daemon.stop();
	const folder = path.join(tempDir('backup'), 'data');
	cpSync(daemon.dataDir, folder, { recursive: true });
	await daemon.restart();
	return async () => {
		await daemon.stop();
		rmSync(daemon.dataDir, { recursive: true });
		cpSync(folder, daemon.dataDir, { recursive: true });
		await daemon.restart();
	};
}

describe('who gets in', () => {
	test('a wrong password leaves everything as it was', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const cli = new Cli();
		await cli.ok('add', 'one');
		const end = await cli.login(daemon, account, { password: 'not this one' });
		assert.equal(end.code, 4, end.stderr);
		assert.match(end.stderr, /does not know this address with this password/);
		assert.doesNotMatch(end.stderr, /not this one/);
		assert.equal((await cli.status()).server, null);
		assert.equal((await cli.login(daemon, account)).code, 0);
		const file = readFileSync(path.join(cli.dir, 'session.json'), 'utf8');
		assert.ok(!file.includes(account.password), 'the password is in no file');
		await daemon.stop();
	});

	test('a revoked session keeps everything, and the next log-in brings it', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const [a, b] = [await member(daemon, account), await member(daemon, account)];
		await a.ok('add', 'one', 'One');
		const { device } = await a.status();
		await b.ok('devices', '--revoke', device.id);
		const end = await a.ok('set', 'one', '--rating', '6');
		assert.match(end.stderr, /session at .* is over\. Everything is kept here; `tsuzuki login` continues/);
		await a.fails(4, /is over/, 'sync');
		assert.equal((await a.status()).waiting, 1);
		assert.equal((await a.json('show', 'one')).watchlist.rating, 6);
		const again = await a.run(['login'], { input: `${account.password}\n` });
		assert.equal(again.code, 0, again.stderr);
		await b.ok('sync');
		await same(a, b);
		await b.fails(5, /no such device/, 'devices', '--revoke', '0123456789abcdef');
		await b.fails(2, /16 hexadecimal/, 'devices', '--revoke', 'x/../y');
		await daemon.stop();
	});

	test('an access token that ran out is renewed without a word', async () => {
		const daemon = await startDaemon({ env: { JWT_EXPIRE: '1s' } });
		const account = await register(daemon);
		const a = await member(daemon, account);
		const tokens = () => JSON.parse(readFileSync(path.join(a.dir, 'session.json'), 'utf8'));
		const first = tokens();
		const { exp } = JSON.parse(Buffer.from(first.token.split('.')[1], 'base64url'));
		await waitFor(() => Date.now() / 1000 > exp + 1, { what: 'the token to be old' });
		const { stderr } = await a.ok('add', 'one');
		assert.doesNotMatch(stderr, /tsuzuki: /);
		assert.notEqual(tokens().token, first.token);
		assert.equal((await a.status()).waiting, 0);
		await daemon.stop();
	});

	test('a folder of one account takes no other of the same server', async () => {
		const daemon = await startDaemon();
		const [mine, theirs] = [await register(daemon), await register(daemon)];
		const a = await member(daemon, mine);
		await a.ok('add', 'one');
		const end = await a.login(daemon, theirs);
		assert.equal(end.code, 6, end.stderr);
		assert.match(end.stderr, new RegExp(`holds what ${mine.email} watches.*--data-dir`));
		assert.equal((await a.status()).account, mine.email);
		await a.ok('sync');
		const { api } = client(daemon.url);
		assert.deepEqual((await api('GET', '/api/watchlist', { token: theirs.token })).json.data, []);
		await daemon.stop();
	});
});

describe('a server that is away', () => {
	test('refusing, silent, or something else: said within the promise, and nothing is lost', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await daemon.stop();
		const port = Number(new URL(daemon.url).port);
		const look = async (pattern) => {
			const end = await a.ok('list');
			assert.match(end.stderr, pattern);
			assert.ok(end.ms < 5 * AWAY_MS, `${end.ms} ms`);
			await a.fails(3, pattern, 'sync').then((failed) => assert.ok(failed.ms < 5 * 60000));
		};
		await a.ok('add', 'one');
		await look(/offline: .*cannot be reached|cannot be reached/);
		const portal = http.createServer((request, response) => response.end('<html>Log in to this network</html>'));
		await new Promise((resolve) => portal.listen(port, '127.0.0.1', resolve));
		await look(/does not answer as a tsuzuki server/);
		await new Promise((resolve) => portal.close(resolve));
		const sockets = new Set();
		const silent = net.createServer((socket) => {
			sockets.add(socket);
			socket.on('error', () => {});
		});
		await new Promise((resolve) => silent.listen(port, '127.0.0.1', resolve));
		const end = await a.ok('list');
		assert.match(end.stderr, /offline: /);
		assert.ok(end.ms < 5 * AWAY_MS, `${end.ms} ms`);
		for (const socket of sockets) socket.destroy();
		await new Promise((resolve) => silent.close(resolve));
		assert.notEqual((await a.status()).lastTry, null);
		await daemon.restart();
		await a.ok('sync');
		assert.deepEqual([(await a.status()).waiting, (await a.status()).lastTry], [0, null]);
		await daemon.stop();
	});

	test('what a server says reaches the terminal without control characters', async () => {
		let status = 500;
		const hostile = http.createServer((request, response) => {
			response.writeHead(status, { 'content-type': 'application/json' });
			response.end(JSON.stringify({ success: false, message: 'no\u001b]0;owned\u0007\u202e\nmore', errors: [{ msg: 'bad\u009b31m' }] }));
		});
		await new Promise((resolve) => hostile.listen(0, '127.0.0.1', resolve));
		const where = { url: `http://127.0.0.1:${hostile.address().port}` };
		for (const [answer, code] of [[500, 3], [422, 2], [401, 4], [200, 1]]) {
			status = answer;
			const end = await new Cli().login(where, { email: 'a@b.c', password: 'password' });
			assert.equal(end.code, code, end.stderr);
			assert.match(end.stderr, /^tsuzuki: [^\u0000-\u001f\u007f-\u009f\u202e]+\n$/);
		}
		await new Promise((resolve) => hostile.close(resolve));
	});

	test('a certificate that proves nothing is refused; --ca trusts it', async () => {
		const dir = tempDir('ca');
		const [key, cert] = [path.join(dir, 'a.key'), path.join(dir, 'a.crt')];
		execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
			'-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
		const daemon = await startDaemon({ env: { TLS_CERT: cert, TLS_KEY: key } });
		const account = await register(daemon);
		const a = new Cli();
		const end = await a.login(daemon, account);
		assert.equal(end.code, 3, end.stderr);
		assert.match(end.stderr, /certificate .* does not prove .*--ca FILE/);
		assert.equal((await a.status()).server, null);
		const trusted = await a.login(daemon, account, { args: ['--ca', cert] });
		assert.equal(trusted.code, 0, trusted.stderr);
		await a.ok('add', 'one');
		assert.equal((await a.status()).waiting, 0);
		await daemon.stop();
	});
});

describe('histories that part', () => {
	test('another server at the same address: nothing is lost, and after a log-in it has everything', async () => {
		const port = await freePort();
		const first = await startDaemon({ port });
		const name = { username: 'mover', email: 'mover@example.com', password: 'the-same-everywhere' };
		const account = await register(first, name);
		const a = await member(first, account);
		await a.ok('add', 'one', 'One', '--rating', '8');
		await a.ok('progress', 'one', '--episode', '2', '--time', '20');
		await first.stop();
		const second = await startDaemon({ port });
		await register(second, name);
		const before = await a.holds();
		await a.ok('set', 'one', '--notes', 'meanwhile');
		await a.fails(4, /is over/, 'sync');
		assert.equal((await a.json('show', 'one', '--offline')).watchlist.rating, before.watchlist[0].rating);
		assert.equal((await a.login(second, account)).code, 0);
		const b = await member(second, account);
		await same(a, b);
		const { watchlist, progress } = await b.json('show', 'one');
		assert.deepEqual([watchlist.rating, watchlist.notes, progress.currentTime], [8, 'meanwhile', 20]);
		await second.stop();
	});

	test('another server that knows the account: moved without a log-in', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One');
		await daemon.stop();
		// Its database under another identity: what a copy of a server that went its own way is.
		execFileSync('python3', ['-c', `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE meta SET value = ? WHERE name = 'server'", ("f" * 24,))
db.commit()`, path.join(daemon.dataDir, 'tsuzuki.db')]);
		await daemon.restart();
		const device = (await a.status()).device.id;
		await a.ok('set', 'one', '--rating', '2', '--offline');
		await a.ok('sync');
		assert.equal((await a.status()).waiting, 0);
		assert.notEqual((await a.status()).device.id, device, 'it is a device of its own there');
		await same(a, await member(daemon, account));
		await daemon.stop();
	});

	test('a copied folder: both go on as devices of their own, and both have everything', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One');
		const b = new Cli();
		cpSync(a.dir, b.dir, { recursive: true });
		await a.ok('add', 'left', 'Left', '--offline');
		await b.ok('add', 'right', 'Right', '--offline');
		await b.ok('set', 'one', '--rating', '3', '--offline');
		for (const cli of [a, b, a, b]) await cli.ok('sync');
		assert.notEqual((await a.status()).device.id, (await b.status()).device.id);
		await same(a, b);
		assert.deepEqual((await a.json('list')).map((item) => item.animeId).sort(), ['left', 'one', 'right']);
		await daemon.stop();
	});

	test('a folder put back from an old copy', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One');
		const old = path.join(tempDir('old'), 'data');
		cpSync(a.dir, old, { recursive: true });
		await a.ok('set', 'one', '--rating', '1');
		await a.ok('set', 'one', '--rating', '2');
		rmSync(a.dir, { recursive: true });
		cpSync(old, a.dir, { recursive: true });
		await a.ok('set', 'one', '--notes', 'after', '--offline');
		await a.ok('sync');
		const { watchlist } = await a.json('show', 'one');
		assert.deepEqual([watchlist.rating, watchlist.notes], [2, 'after']);
		await same(a, await member(daemon, account));
		await daemon.stop();
	});

	test('a server put back from an old backup gets back what any device holds', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const [a, b] = [await member(daemon, account), await member(daemon, account)];
		await a.ok('add', 'one', 'One');
		await b.ok('sync');
		const restore = await backup(daemon);
		await a.ok('set', 'one', '--rating', '10');
		await b.ok('add', 'two', 'Two');
		await b.ok('progress', 'two', '--episode', '1', '--time', '11');
		await a.ok('sync');
		await restore();
		await b.ok('set', 'two', '--notes', 'still here', '--offline');
		for (const cli of [a, b, a, b]) await cli.ok('sync');
		await same(a, b);
		await same(a, await member(daemon, account));
		const held = await a.holds();
		assert.deepEqual(held.watchlist.map((item) => [item.animeId, item.rating, item.notes]), [['one', 10, ''], ['two', null, 'still here']]);
		assert.equal(held.progress[0].currentTime, 11);
		await daemon.stop();
	});

	test('session.json lost: a log-in goes on with the same data', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One');
		rmSync(path.join(a.dir, 'session.json'));
		await a.ok('set', 'one', '--rating', '5');
		assert.equal((await a.login(daemon, account)).code, 0);
		await same(a, await member(daemon, account));
		assert.equal((await a.json('show', 'one')).watchlist.rating, 5);
		writeFileSync(path.join(a.dir, 'session.json'), '{"url": 7');
		await a.ok('set', 'one', '--rating', '6');
		assert.equal((await a.login(daemon, account)).code, 0);
		await same(a, await member(daemon, account));
		await daemon.stop();
	});

	test('tsuzuki.db lost: everything comes back from the server', async () => {
		const daemon = await startDaemon();
		const account = await register(daemon);
		const a = await member(daemon, account);
		await a.ok('add', 'one', 'One', '--rating', '5');
		for (const end of ['', '-wal', '-shm']) rmSync(path.join(a.dir, `tsuzuki.db${end}`), { force: true });
		await a.ok('add', 'two', 'Two');
		await a.ok('sync');
		assert.deepEqual((await a.holds()).watchlist.map((item) => item.animeId), ['one', 'two']);
		await same(a, await member(daemon, account));
		await daemon.stop();
	});
});
