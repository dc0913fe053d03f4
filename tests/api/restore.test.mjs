// `tsuzukid restore` from outside: what comes back, what is kept, what is refused (design.md section 5, promise S7).
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { runDaemon, startDaemon, tempDir } from '../harness/daemon.mjs';
import { everything, good, listed, person, refused, session } from './support.mjs';
import { client } from '../harness/client.mjs';

const settings = () => {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, '');
	return file;
};
const run = (dataDir, words) => runDaemon({ args: [...words, '--config', settings(), '--data-dir', dataDir] });
const backups = (dataDir) => readdirSync(path.join(dataDir, 'backups')).sort();

async function backup(daemon) {
	const made = await run(daemon.dataDir, ['backup']);
	assert.equal(made.code, 0, made.stderr);
	return made.stdout.trimEnd().split('\n').at(-1);
}

describe('tsuzukid restore', () => {
	test('brings back what the backup held, keeps what it replaced, and takes that back again', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('before', { notes: 'n' })), 201);
		const then = await everything(who);
		await backup(daemon);
		good(await who.post('/api/watchlist', listed('after')), 201);
		const now = await everything(who);
		await daemon.stop();
		const back = await run(daemon.dataDir, ['restore', '--latest']);
		assert.equal(back.code, 0, back.stderr);
		assert.match(back.stdout, /^Restored .*tsuzuki-\d{8}T\d{9}Z\.db\.\n/);
		assert.match(back.stdout, /live again.*--end-sessions/s);
		assert.equal(back.stderr, '');
		assert.ok(!existsSync(path.join(daemon.dataDir, 'restoring')));
		assert.equal(statSync(path.join(daemon.dataDir, 'tsuzuki.db')).mode & 0o777, 0o600);
		const kept = /before is (\S+);/.exec(back.stdout)[1];
		assert.match(kept, /backups\/replaced-\d{8}T\d{9}Z\.db$/);
		await daemon.restart();
		assert.equal(await everything(who), then);
		await daemon.stop();
		assert.equal((await run(daemon.dataDir, ['restore', kept])).code, 0);
		await daemon.restart();
		assert.equal(await everything(who), now);
		await daemon.stop();
		assert.match((await run(daemon.dataDir, ['verify'])).stdout, /^all agrees/);
	});
	test('a replaced database keeps what only its log held, even after kill -9', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const made = await backup(daemon);
		good(await who.post('/api/watchlist', listed('only-in-the-log')), 201);
		const now = await everything(who);
		await daemon.kill();
		assert.ok(statSync(path.join(daemon.dataDir, 'tsuzuki.db-wal')).size > 0);
		const back = await run(daemon.dataDir, ['restore', made]);
		assert.equal(back.code, 0, back.stderr);
		assert.ok(!existsSync(path.join(daemon.dataDir, 'tsuzuki.db-wal')));
		assert.equal((await run(daemon.dataDir, ['restore', /before is (\S+);/.exec(back.stdout)[1]])).code, 0);
		await daemon.restart();
		assert.equal(await everything(who), now);
		await daemon.stop();
	});
	test('a damaged database is replaced too, and kept with its log', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('held')), 201);
		const then = await everything(who);
		await backup(daemon);
		await daemon.stop();
		const file = path.join(daemon.dataDir, 'tsuzuki.db');
		writeFileSync(file, 'no database at all, '.repeat(1000));
		writeFileSync(`${file}-wal`, 'nor a log');
		const back = await run(daemon.dataDir, ['restore', '--latest']);
		assert.equal(back.code, 0, back.stderr);
		const kept = backups(daemon.dataDir).filter((name) => name.startsWith('replaced-'));
		assert.deepEqual(kept.map((name) => readFileSync(path.join(daemon.dataDir, 'backups', name), 'utf8').slice(0, 9)),
			['no databa', 'nor a log']);
		await daemon.restart();
		assert.equal(await everything(who), then);
		await daemon.stop();
	});
	test('into an empty folder, on another machine', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const made = await backup(daemon);
		await daemon.stop();
		const dataDir = tempDir('fresh');
		const back = await run(dataDir, ['restore', made]);
		assert.equal(back.code, 0, back.stderr);
		assert.doesNotMatch(back.stdout, /before is/);
		const other = await startDaemon({ dataDir });
		good(await client(other.url).api('POST', '/api/auth/login', { body: { email: who.email, password: who.password } }));
		await other.stop();
	});
	test('a session begun since goes on; one ended since lives again, and --end-sessions ends both', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const ended = await session(daemon, who);
		await backup(daemon);
		const later = await session(daemon, who);
		good(await ended.post('/api/auth/logout'));
		refused(await ended.get('/api/auth/me'), 401);
		await daemon.stop();
		assert.equal((await run(daemon.dataDir, ['restore', '--latest'])).code, 0);
		await daemon.restart();
		for (const one of [who, ended, later])
			good(await one.get('/api/auth/me'));
		await daemon.stop();
		const back = await run(daemon.dataDir, ['restore', '--latest', '--end-sessions']);
		assert.equal(back.code, 0, back.stderr);
		assert.match(back.stdout, /everybody has to log in anew/);
		await daemon.restart();
		for (const one of [who, ended, later]) {
			refused(await one.get('/api/auth/me'), 401);
			const reply = await one.api('POST', '/api/auth/refresh', { body: { refreshToken: one.refreshToken } });
			assert.equal(reply.status, 401, reply.text);
		}
		const anew = await session(daemon, who);
		good(await anew.get('/api/auth/me'));
		await daemon.restart();
		good(await anew.get('/api/auth/me'));
		await daemon.stop();
	});
	test('not while a daemon runs', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		await backup(daemon);
		const back = await run(daemon.dataDir, ['restore', '--latest']);
		assert.equal(back.code, 69);
		assert.match(back.stderr, /in use by another tsuzukid/);
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
	test('what cannot be used is refused, and nothing changes', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('w', { notes: 'a note to find' })), 201);
		const made = await backup(daemon);
		await daemon.stop();
		const file = path.join(daemon.dataDir, 'tsuzuki.db');
		const bytes = readFileSync(file);
		const dir = tempDir('bad');
		const bad = (name, change) => {
			const copy = path.join(dir, name);
			copyFileSync(made, copy);
			chmodSync(copy, 0o600);
			change(copy);
			return copy;
		};
		const patch = (copy, at, value) => {
			const image = readFileSync(copy);
			image.writeUInt32BE(value, at);
			writeFileSync(copy, image);
		};
		const cases = [
			[[], 64, /--latest, or the path/],
			[['--latest', made], 64, /--latest, or the path/],
			[[path.join(dir, 'missing.db')], 74, /missing\.db cannot be read/],
			[[dir], 74, /no file|cannot be read/],
			[[bad('text.db', (copy) => writeFileSync(copy, 'hello'.repeat(2000)))], 78, /not a tsuzuki database|database/],
			[[bad('cut.db', (copy) => truncateSync(copy, 8192))], 78, /./],
			[[bad('newer.db', (copy) => patch(copy, 60, 999))], 78, /newer tsuzuki/],
			[[bad('foreign.db', (copy) => patch(copy, 68, 1))], 78, /not a tsuzuki database/],
			[[bad('flipped.db', (copy) => {
				const image = readFileSync(copy);
				for (let at = image.indexOf('a note to find'); at >= 0; at = image.indexOf('a note to find', at + 1))
					if (image[at - 1] !== 0x22)
						image.write('a vote to find', at);
				writeFileSync(copy, image);
			})], 78, /does not agree with itself/],
		];
		for (const [words, code, says] of cases) {
			const back = await run(daemon.dataDir, ['restore', ...words]);
			assert.equal(back.code, code, `${words}: ${back.stdout}${back.stderr}`);
			assert.match(back.stderr, says);
			assert.deepEqual(readFileSync(file), bytes, `${words}`);
			assert.ok(!existsSync(path.join(daemon.dataDir, 'restoring')), `${words}`);
		}
		assert.deepEqual(backups(daemon.dataDir).filter((name) => name.startsWith('replaced')), []);
		assert.match((await run(tempDir('none'), ['restore', '--latest'])).stderr, /no backup/);
		await daemon.restart();
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
	test('a secret that is younger than the newest session is warned of', async () => {
		const daemon = await startDaemon();
		await person(daemon);
		const made = await backup(daemon);
		await daemon.stop();
		const later = new Date(Date.now() + 3600000);
		utimesSync(path.join(daemon.dataDir, 'jwt.secret'), later, later);
		const back = await run(daemon.dataDir, ['restore', made]);
		assert.equal(back.code, 0);
		assert.match(back.stderr, /Warning: .*jwt\.secret is younger than the newest session/);
		assert.equal((await run(daemon.dataDir, ['restore', made, '--end-sessions'])).stderr, '');
	});
});
