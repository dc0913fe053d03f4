// The data folder: shared by programs, killed over, full, damaged.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync, closeSync, cpSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { BIN, startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { CLI, Cli, member, same } from './support.mjs';

const WAIT_MS = 5000; // how long a command waits for the folder

/** Holds a lock file until `release` is called; resolves when it has it. */
async function hold(file) {
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'flock', file, 'sh', '-c', 'echo held; read line'],
		{ stdio: ['pipe', 'pipe', 'inherit'] });
	await new Promise((resolve) => child.stdout.once('data', resolve));
	return async () => {
		child.stdin.end('\n');
		await new Promise((resolve) => child.once('close', resolve));
	};
}

describe('two programs, one folder', () => {
	test('whoever comes second waits for its turn', async () => {
		const cli = new Cli();
		await cli.ok('add', 'one');
		const release = await hold(path.join(cli.dir, 'tsuzuki.lock'));
		const { child, ended } = cli.start(['set', 'one', '--rating', '4']);
		// It has opened the lock's file: from here on it can only wait.
		await waitFor(() => execFileSync('sh', ['-c', `ls -l /proc/${child.pid}/fd 2>/dev/null; cat /proc/${child.pid}/wchan 2>/dev/null; true`])
			.toString().includes('nanosleep'), { what: 'the command to wait' });
		assert.equal(child.exitCode, null);
		await release();
		assert.equal((await ended).code, 0);
		assert.equal((await cli.json('show', 'one')).watchlist.rating, 4);
	});

	test('it does not wait for ever', async () => {
		const cli = new Cli();
		await cli.ok('add', 'one');
		const release = await hold(path.join(cli.dir, 'tsuzuki.lock'));
		const end = await cli.fails(1, /in use by another program.*Stop that one/, 'set', 'one', '--rating', '4');
		assert.ok(end.ms < 5 * WAIT_MS, `${end.ms} ms`);
		await release();
		assert.equal((await cli.json('show', 'one')).watchlist.rating, null);
	});

	test('a crowd of commands: every one of them is there', async () => {
		const cli = new Cli();
		await cli.ok('add', 'all');
		const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
		const ends = await Promise.all(keys.map((key) => cli.run(['add', key])));
		assert.deepEqual(ends.map((end) => end.code), keys.map(() => 0), ends.map((end) => end.stderr).join(''));
		assert.deepEqual((await cli.json('list')).map((item) => item.animeId).sort(), ['all', ...keys].sort());
	});

	test('a crowd that syncs at the same time renews one session once', async () => {
		const daemon = await startDaemon({ env: { JWT_EXPIRE: '1s' } });
		const account = await client(daemon.url).register();
		const cli = await member(daemon, account);
		const file = path.join(cli.dir, 'session.json');
		const { exp } = JSON.parse(Buffer.from(JSON.parse(readFileSync(file, 'utf8')).token.split('.')[1], 'base64url'));
		await waitFor(() => Date.now() / 1000 > exp + 1, { what: 'the token to be old' });
		const ends = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => cli.run(['add', key])));
		for (const end of ends) assert.equal(end.code, 0, end.stderr);
		await cli.ok('sync');
		assert.equal((await cli.status()).waiting, 0);
		await same(cli, await member(daemon, account));
		await daemon.stop();
	});

	test('a daemon has the folder: said, and left alone', async () => {
		const daemon = await startDaemon();
		await new Cli({ dir: daemon.dataDir }).fails(1, /in use by another program/, 'list');
		await daemon.stop();
		await new Cli({ dir: daemon.dataDir }).ok('list');
	});
});

describe('what breaks', () => {
	test('kill -9 at any moment: what was answered is there, and the next command works', async () => {
		const daemon = await startDaemon();
		const account = await client(daemon.url).register();
		const cli = await member(daemon, account);
		const saved = new Set();
		let killed = 0;
		for (let i = 0; i < 40; i++) {
			const key = `k${i}`;
			const { child, ended } = cli.start(['add', key, '--rating', String(1 + (i % 10))]);
			// From the first instruction to after the end, in forty steps.
			const timer = setTimeout(() => child.kill('SIGKILL'), i * 4);
			const end = await ended;
			clearTimeout(timer);
			if (end.signal) killed++;
			else {
				assert.equal(end.code, 0, end.stderr);
				saved.add(key);
			}
		}
		assert.ok(killed > 0, 'some were killed');
		await cli.ok('sync');
		const keys = new Set((await cli.json('list')).map((item) => item.animeId));
		for (const key of saved) assert.ok(keys.has(key), `${key} was answered, and is gone`);
		assert.equal((await cli.status()).waiting, 0);
		await same(cli, await member(daemon, account));
		execFileSync(BIN, ['verify', '--config', '/dev/null', '--data-dir', cli.dir], { stdio: 'pipe' });
		await daemon.stop();
	});

	test('kill -9 in the middle of exchanges', async () => {
		const daemon = await startDaemon();
		const account = await client(daemon.url).register();
		const cli = await member(daemon, account);
		for (let i = 0; i < 25; i++) {
			await cli.ok('add', `k${i}`, '--offline');
			const { child, ended } = cli.start(['sync']);
			const timer = setTimeout(() => child.kill('SIGKILL'), 10 + i * 6);
			const end = await ended;
			clearTimeout(timer);
			assert.ok(end.signal === 'SIGKILL' || end.code === 0, `${end.code} ${end.stderr}`);
		}
		await cli.ok('sync');
		const device = await client(daemon.url).api('GET', '/api/devices', { token: account.token });
		assert.equal(device.json.data.length, 2, 'it stayed the same device');
		await same(cli, await member(daemon, account));
		assert.equal((await cli.json('list')).length, 25);
		await daemon.stop();
	});

	test('a damaged store: a clear message, and the way back', async () => {
		const daemon = await startDaemon();
		const account = await client(daemon.url).register();
		const cli = await member(daemon, account);
		await cli.ok('add', 'one', 'One');
		const file = path.join(cli.dir, 'tsuzuki.db');
		const fd = openSync(file, 'r+');
		const size = statSync(file).size;
		for (let at = 4096; at < size; at += 4096) writeSync(fd, Buffer.alloc(64, 0xaa), 0, 64, at);
		closeSync(fd);
		await cli.fails(74, /damaged.*Move .* aside and log in again/, 'list', '--offline');
		writeFileSync(file, 'this is no database, and never was one'.repeat(100));
		await cli.fails(74, /damaged.*Move .* aside/, 'add', 'two');
		assert.match(readFileSync(file, 'utf8'), /^this is no database/, 'it is left as it was');
		cpSync(cli.dir, `${cli.dir}-aside`, { recursive: true });
		rmSync(cli.dir, { recursive: true });
		assert.equal((await cli.login(daemon, account)).code, 0);
		assert.equal((await cli.json('list'))[0].animeTitle, 'One');
		await daemon.stop();
	});

	test('a folder that cannot be', async () => {
		const dir = tempDir('not');
		writeFileSync(path.join(dir, 'file'), '');
		await new Cli({ dir: path.join(dir, 'file') }).fails(74, /cannot be made|Not a directory/, 'list');
		await new Cli({ dir: path.join(dir, 'file', 'under') }).fails(74, /cannot be made: Not a directory/, 'list');
		const end = await new Cli({ env: { HOME: null }, wrap: [CLI, 'list'] }).bare();
		assert.equal(end.code, 74);
		assert.match(end.stderr, /no HOME.*--data-dir/);
	});

	test('a full disk: said, nothing half done, and it goes on when there is room', async (t) => {
		const mount = tempDir('full');
		try {
			execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tsuzuki-client', mount], { stdio: 'pipe' });
		} catch {
			t.skip('a small file system cannot be mounted here');
			return;
		}
		try {
			const cli = new Cli({ dir: path.join(mount, 'data') });
			await cli.ok('add', 'first');
			const ballast = path.join(mount, 'ballast');
			const fd = openSync(ballast, 'w');
			try {
				for (;;) writeSync(fd, Buffer.alloc(1024));
			} catch (error) {
				assert.equal(error.code, 'ENOSPC');
			}
			closeSync(fd);
			const end = await cli.fails(74, /full|No space/i, 'add', 'second', '--notes', 'n'.repeat(400));
			assert.equal(end.signal, null);
			rmSync(ballast);
			await cli.ok('add', 'third');
			assert.deepEqual((await cli.json('list')).map((item) => item.animeId).sort(), ['first', 'third']);
		} finally {
			execFileSync('umount', ['-l', mount], { stdio: 'pipe' });
		}
	});
});

test('Ctrl-C ends a command that waits for a server at once', async () => {
	const daemon = await startDaemon();
	const account = await client(daemon.url).register();
	const cli = await member(daemon, account);
	daemon.signal('SIGSTOP');
	const { child, ended } = cli.start(['sync']);
	const lock = path.join(cli.dir, 'server.lock');
	await waitFor(() => execFileSync('sh', ['-c', `ls -l /proc/${child.pid}/fd 2>/dev/null; true`]).toString().includes(lock),
		{ what: 'the exchange to begin' });
	const began = Date.now();
	child.kill('SIGINT');
	const end = await ended;
	assert.equal(end.signal, 'SIGINT');
	assert.ok(Date.now() - began < 5000);
	daemon.signal('SIGCONT');
	await cli.ok('sync');
	await daemon.stop();
});
