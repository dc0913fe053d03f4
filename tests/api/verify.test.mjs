// `tsuzukid verify [--repair]` from outside: beside a running daemon and without one (design.md section 5).
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { runDaemon, startDaemon, tempDir } from '../harness/daemon.mjs';
import { everything, good, listed, person, watched } from './support.mjs';

/** `tsuzukid verify` on a data folder, with an empty settings file. */
async function verify(dataDir, ...args) {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, '');
	const run = await runDaemon({ args: ['verify', '--config', file, '--data-dir', dataDir, ...args] });
	return { ...run, lines: run.stdout.trimEnd().split('\n') };
}
const backups = (dataDir) => readdirSync(path.join(dataDir, 'backups')).filter((name) => name.startsWith('before-repair-'));

async function some(daemon) {
	const who = await person(daemon);
	for (let i = 0; i < 5; i++)
		good(await who.post('/api/watchlist', listed(`w-${i}`, { rating: 1 + i, notes: `a note on number ${i}` })), 201);
	for (let i = 0; i < 5; i++)
		good(await who.post('/api/continue-watching', watched('p', 1, i * 10, 1440, { event: 'heartbeat', session: 's' })));
	return who;
}

/** Overwrites the n-th place where the text stands in the database file; how many there were. */
function damage(dataDir, text, instead, which = () => true) {
	assert.equal(text.length, instead.length);
	const file = path.join(dataDir, 'tsuzuki.db');
	const bytes = readFileSync(file);
	let count = 0;
	for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1))
		if (which(bytes, at)) {
			bytes.write(instead, at);
			count++;
		}
	writeFileSync(file, bytes);
	return count;
}
// In the journal the text stands in JSON, in the item's row it does not.
const inJournal = (bytes, at) => bytes[at - 1] === 0x22;
const inTable = (bytes, at) => bytes[at - 1] !== 0x22;

describe('tsuzukid verify', () => {
	test('beside a running daemon: all agrees, and nothing is disturbed', async () => {
		const daemon = await startDaemon();
		const who = await some(daemon);
		const run = await verify(daemon.dataDir);
		assert.equal(run.code, 0, run.stdout + run.stderr);
		assert.match(run.stdout, /^all agrees: 1 users, 6 items, \d+ journal rows, 0 findings\n$/);
		good(await who.post('/api/watchlist', listed('later')), 201);
		assert.match((await verify(daemon.dataDir)).stdout, /^all agrees: 1 users, 7 items/);
		await daemon.stop();
		assert.match((await verify(daemon.dataDir)).stdout, /^all agrees: 1 users, 7 items/);
		await daemon.restart();
		good(await who.get('/api/watchlist'));
		await daemon.stop();
	});
	test('--repair is refused while a daemon runs', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		const run = await verify(daemon.dataDir, '--repair');
		assert.equal(run.code, 74);
		assert.match(run.stderr, /in use by another tsuzukid/);
		assert.equal(run.stdout, '');
		await daemon.stop();
	});
	test('after kill -9 it agrees, before and after the next start', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		await daemon.kill();
		const run = await verify(daemon.dataDir);
		assert.equal(run.code, 0, run.stdout + run.stderr);
		await daemon.restart();
		assert.equal((await verify(daemon.dataDir)).code, 0);
		await daemon.stop();
	});
	test('what is not what the journal says is found, and repaired after a backup', async () => {
		const daemon = await startDaemon();
		const who = await some(daemon);
		const held = await everything(who);
		await daemon.stop();
		assert.equal(damage(daemon.dataDir, 'a note on number 3', 'a vote on number 3', inTable), 1);
		const found = await verify(daemon.dataDir);
		assert.equal(found.code, 74);
		assert.equal(found.lines.length, 2, found.stdout);
		assert.match(found.lines[0], /^register: user [0-9a-f]{16}: watchlist "w-3": notes is "a vote on number 3"/);
		assert.match(found.lines[0], /but by the journal "a note on number 3"/);
		assert.match(found.lines[1], /^does not agree: .* 1 findings$/);
		const repaired = await verify(daemon.dataDir, '--repair');
		assert.equal(repaired.code, 0, repaired.stdout + repaired.stderr);
		const [backup, ...more] = backups(daemon.dataDir);
		assert.equal(more.length, 0);
		assert.ok(repaired.stdout.includes(path.join(daemon.dataDir, 'backups', backup)), repaired.stdout);
		assert.equal(statSync(path.join(daemon.dataDir, 'backups', backup)).mode & 0o777, 0o600);
		assert.match(repaired.stdout, /^lost: register: .*notes was "a vote on number 3".*now "a note on number 3"/m);
		assert.match(repaired.stdout, /\nall agrees: .* 0 findings\n$/);
		assert.equal((await verify(daemon.dataDir)).code, 0);
		await daemon.restart();
		assert.equal(await everything(who), held);
		await daemon.stop();
	});
	test('a damaged journal row is told, stays, and costs nothing that the table still has', async () => {
		const daemon = await startDaemon();
		const who = await some(daemon);
		const held = await everything(who);
		await daemon.stop();
		assert.equal(damage(daemon.dataDir, 'a note on number 2', 'a vote on number 2', inJournal), 1);
		const repaired = await verify(daemon.dataDir, '--repair');
		assert.equal(repaired.code, 74);
		assert.match(repaired.stdout, /^journal: .* fails its checksum/m);
		assert.match(repaired.stdout, /^left: journal: /m);
		assert.doesNotMatch(repaired.stdout, /^lost:/m);
		await daemon.restart();
		assert.equal(await everything(who), held);
		await daemon.stop();
	});
	test('--repair of what agrees makes no backup and changes nothing', async () => {
		const daemon = await startDaemon();
		await some(daemon);
		await daemon.stop();
		const run = await verify(daemon.dataDir, '--repair');
		assert.equal(run.code, 0);
		assert.match(run.stdout, /^all agrees: .*\n$/);
		assert.ok(!readdirSync(daemon.dataDir).includes('backups'));
	});
	test('a folder without a database is named, and stays as it was', async () => {
		const dir = mkdtempSync(path.join(tempDir('none'), 'x-'));
		for (const args of [[], ['--repair']]) {
			const run = await verify(dir, ...args);
			assert.equal(run.code, 74);
			assert.ok(run.stderr.includes(`${dir}/tsuzuki.db`), run.stderr);
			assert.deepEqual(readdirSync(dir), []);
		}
		writeFileSync(path.join(dir, 'tsuzuki.db'), 'not a database, but long enough to be looked at'.repeat(100));
		const run = await verify(dir);
		assert.equal(run.code, 74);
		assert.match(run.stdout, /is not a tsuzuki database/);
		rmSync(dir, { recursive: true });
	});
	test('usage: help, wrong flags, a mistyped command', async () => {
		const help = await runDaemon({ args: ['verify', '--help'] });
		assert.equal(help.code, 0);
		assert.match(help.stdout, /Usage: tsuzukid verify .*\[--repair\]/);
		const wrong = await runDaemon({ args: ['verify', '--port', '80'] });
		assert.equal(wrong.code, 64);
		const typo = await runDaemon({ args: ['verfiy'] });
		assert.equal(typo.code, 64);
		assert.match(typo.stderr, /did you mean verify\?/);
		assert.match((await runDaemon({ args: ['--help'] })).stdout, /tsuzukid verify/);
	});
});
