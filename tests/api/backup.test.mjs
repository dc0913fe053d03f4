// Backups: by command and by schedule, verified, bounded, without secret and owed mail (design.md section 5).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { request } from '../harness/client.mjs';
import { runDaemon, startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { good, listed, person, watched } from './support.mjs';

const settings = (text = '') => {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, text);
	return file;
};
const run = (dataDir, words, text) => runDaemon({ args: [...words, '--config', settings(text), '--data-dir', dataDir] });
const folder = (dataDir) => path.join(dataDir, 'backups');
const names = (dataDir) => (existsSync(folder(dataDir)) ? readdirSync(folder(dataDir)).sort() : []);
const NAME = /^tsuzuki-\d{8}T\d{9}Z\.db$/;
const health = async (daemon) => (await request(daemon.url, 'GET', '/health')).json;

async function some(daemon) {
	const who = await person(daemon);
	for (let i = 0; i < 5; i++)
		good(await who.post('/api/watchlist', listed(`w-${i}`, { notes: `note ${i}` })), 201);
	good(await who.post('/api/continue-watching', watched('p', 1, 10, 1440)));
	return who;
}

describe('tsuzukid backup', () => {
	test('beside a running daemon: named by its time, 0600, verified, with what was acknowledged', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		const made = await run(daemon.dataDir, ['backup']);
		assert.equal(made.code, 0, made.stderr);
		const [name, ...more] = names(daemon.dataDir);
		assert.deepEqual(more, []);
		assert.match(name, NAME);
		assert.equal(made.stdout, `Made and verified.\n${path.join(folder(daemon.dataDir), name)}\n`);
		assert.equal(statSync(path.join(folder(daemon.dataDir), name)).mode & 0o777, 0o600);
		assert.equal(statSync(folder(daemon.dataDir)).mode & 0o777, 0o700);
		assert.match(daemon.log(), /backup made and verified/);
		const copy = tempDir('copy');
		writeFileSync(path.join(copy, 'tsuzuki.db'), readFileSync(path.join(folder(daemon.dataDir), name)));
		assert.match((await run(copy, ['verify'])).stdout, /^all agrees: 1 users, 6 items/);
		await daemon.stop();
	});
	test('without one too, and with a copy where it was asked for', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		await daemon.stop();
		const to = path.join(tempDir('usb'), 'copy.db');
		const made = await run(daemon.dataDir, ['backup', to]);
		assert.equal(made.code, 0, made.stderr);
		assert.equal(made.stdout, `Made and verified.\n${to}\n`);
		assert.deepEqual(readFileSync(to), readFileSync(path.join(folder(daemon.dataDir), names(daemon.dataDir)[0])));
		assert.equal(statSync(to).mode & 0o777, 0o600);
		const again = await run(daemon.dataDir, ['backup', to]);
		assert.equal(again.code, 64);
		assert.match(again.stderr, /already/);
		assert.equal(names(daemon.dataDir).length, 1);
		const nowhere = await run(daemon.dataDir, ['backup', '/nowhere/at/all.db']);
		assert.equal(nowhere.code, 74);
		assert.match(nowhere.stderr, /cannot be written.*The backup is at/);
	});
	test('holds neither the secret nor owed mail nor a mailed password', async () => {
		const daemon = await startDaemon({ env: { EMAIL_HOST: '127.0.0.1', EMAIL_PORT: '9', EMAIL_FROM: 'a@example.org', EMAIL_TLS: 'off' } });
		const who = await some(daemon);
		good(await who.post('/api/auth/forgot-password', { email: who.email }));
		assert.equal((await run(daemon.dataDir, ['backup'])).code, 0);
		const bytes = readFileSync(path.join(folder(daemon.dataDir), names(daemon.dataDir)[0]));
		const secret = readFileSync(path.join(daemon.dataDir, 'jwt.secret'), 'utf8').trim();
		assert.ok(!bytes.includes(secret) && !bytes.includes(Buffer.from(secret, 'hex')));
		assert.ok(!existsSync(path.join(daemon.dataDir, 'backups', 'jwt.secret')));
		const rows = execFileSync('python3', ['-c', `
import sqlite3, sys
c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(c.execute("select count(*) from owed_mail").fetchone()[0],
      c.execute("select count(*) from profile where reset_hash is not null").fetchone()[0])`,
		path.join(folder(daemon.dataDir), names(daemon.dataDir)[0])], { encoding: 'utf8' });
		assert.equal(rows, '0 0\n');
		await daemon.stop();
	});
	test('only BACKUP_KEEP stay; other files are never touched', async () => {
		const dataDir = tempDir('keep');
		assert.equal((await runDaemon({ args: ['user', 'add', 'anna', 'anna@example.org', '--config', settings(), '--data-dir', dataDir], input: 'secret6' })).code, 0);
		mkdirSync(folder(dataDir));
		const others = ['before-repair-20200101T000000000Z.db', 'tsuzuki-2020.db', 'tsuzuki-20200101T000000000Z.db.bak', 'tsuzuki-20201301T000000000Z.db'];
		for (const name of others)
			writeFileSync(path.join(folder(dataDir), name), 'mine');
		writeFileSync(path.join(folder(dataDir), 'tsuzuki-20200101T000000000Z.db'), 'old');
		writeFileSync(path.join(folder(dataDir), 'tsuzuki-29990101T000000000Z.db'), 'a clock went wrong');
		writeFileSync(path.join(folder(dataDir), 'tsuzuki-20200101T000000001Z.db.partial'), 'a crash');
		for (let i = 0; i < 3; i++)
			assert.equal((await run(dataDir, ['backup'], 'BACKUP_KEEP=2\n')).code, 0);
		const left = names(dataDir);
		for (const name of others)
			assert.ok(left.includes(name), name);
		const regular = left.filter((name) => !others.includes(name));
		assert.equal(regular.length, 2, regular);
		assert.ok(regular.every((name) => NAME.test(name)));
	});
	test('a database that does not agree with itself gets none, and the good ones stay', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		await daemon.stop();
		assert.equal((await run(daemon.dataDir, ['backup'])).code, 0);
		const file = path.join(daemon.dataDir, 'tsuzuki.db');
		const bytes = readFileSync(file);
		for (let at = bytes.indexOf('note 3'); at >= 0; at = bytes.indexOf('note 3', at + 1))
			if (bytes[at - 1] !== 0x22)
				bytes.write('vote 3', at);
		writeFileSync(file, bytes);
		const failed = await run(daemon.dataDir, ['backup'], 'BACKUP_KEEP=1\n');
		assert.equal(failed.code, 74);
		assert.match(failed.stderr, /does not agree with itself \(register: .*\).*tsuzukid verify/);
		assert.equal(names(daemon.dataDir).length, 1);
	});
	test('where none can be made it says so', async () => {
		const daemon = await startDaemon();
		await daemon.stop();
		writeFileSync(folder(daemon.dataDir), 'a file in the way');
		const failed = await run(daemon.dataDir, ['backup']);
		assert.equal(failed.code, 74);
		assert.match(failed.stderr, /could not be made/);
	});
	test('under load each is whole, and the daemon goes on', async () => {
		const daemon = await startDaemon();
		const who = await some(daemon);
		let done = false;
		const load = (async () => {
			for (let i = 0; !done; i++)
				good(await who.post('/api/continue-watching', watched(`l-${i % 50}`, 1, i, 9999)));
		})();
		load.catch(() => {});
		for (let i = 0; i < 5; i++)
			assert.equal((await run(daemon.dataDir, ['backup'])).code, 0);
		done = true;
		await load;
		assert.equal(names(daemon.dataDir).length, 5);
		await daemon.stop();
		assert.match((await run(daemon.dataDir, ['verify'])).stdout, /^all agrees/);
	});
	test('--help', async () => {
		for (const command of ['backup', 'restore'])
			assert.match((await runDaemon({ args: [command, '--help'] })).stdout, new RegExp(`^tsuzukid ${command}: `));
	});
});

describe('scheduled backups', () => {
	test('come by themselves, and only BACKUP_KEEP stay', async () => {
		const daemon = await startDaemon({ env: { BACKUP_EVERY: '1s', BACKUP_KEEP: '2' } });
		await some(daemon);
		await daemon.waitLog(/\(1 old ones removed\)/);
		assert.ok(names(daemon.dataDir).length <= 3);
		assert.ok(names(daemon.dataDir).every((name) => NAME.test(name) || name.endsWith('.partial')));
		await daemon.stop();
	});
	test('off: none', async () => {
		const daemon = await startDaemon({ env: { BACKUP_EVERY: 'off' } });
		const who = await some(daemon);
		for (let i = 0; i < 50; i++)
			good(await who.get('/api/auth/me'));
		assert.equal((await health(daemon)).status, 'ok');
		await daemon.stop();
		assert.deepEqual(names(daemon.dataDir), []);
		const wrong = await run(daemon.dataDir, ['--check-config'], 'BACKUP_EVERY=never\n');
		assert.equal(wrong.code, 78);
	});
	test('one that fails is logged, shows in /health, is tried again, and heals', async () => {
		const daemon = await startDaemon({ env: { BACKUP_EVERY: '1s' } });
		await some(daemon);
		await daemon.waitLog('backup made and verified');
		rmSync(folder(daemon.dataDir), { recursive: true });
		writeFileSync(folder(daemon.dataDir), 'a file in the way');
		await daemon.waitLog(/could not be made: .*It is tried again/);
		const sick = await waitFor(async () => {
			const now = await health(daemon);
			return now.status === 'degraded' && now;
		});
		assert.match(sick.reason, /backup/i);
		rmSync(folder(daemon.dataDir));
		await waitFor(async () => (await health(daemon)).status === 'ok', { what: 'health to come back' });
		await daemon.stop();
	});
});
