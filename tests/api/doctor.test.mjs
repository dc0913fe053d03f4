// `tsuzukid doctor`: everything that can be wrong is named, with a command that fixes it.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { freePort, runDaemon, startDaemon, tempDir } from '../harness/daemon.mjs';
import { startSmtp } from '../harness/smtp.mjs';
import { good, listed, person } from './support.mjs';

/** {code, checks by name, stderr} of `doctor --json` with these settings. */
async function doctor(dataDir, settings = '') {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, settings);
	const run = await runDaemon({ args: ['doctor', '--json', '--config', file, '--data-dir', dataDir] });
	assert.equal(run.stderr, '');
	const json = JSON.parse(run.stdout);
	assert.equal(json.ok, run.code === 0);
	const found = Object.fromEntries(json.checks.map((check) => [check.name, check]));
	for (const { name, result, fix } of json.checks)
		assert.equal(fix === null, result === 'ok', `${name} ${result}: ${fix}`);
	return { ...run, checks: found, bad: json.checks.filter((check) => check.result !== 'ok').map((check) => check.name) };
}

/** Runs a fix as it stands, with our program in the place of an installed one. */
function paste(fix) {
	const dir = tempDir('bin');
	writeFileSync(path.join(dir, 'tsuzukid'), `#!/bin/sh\nexec '${process.env.TSUZUKI_BIN ?? new URL('../../build/asan/bin/tsuzukid', import.meta.url).pathname}' "$@"\n`, { mode: 0o755 });
	execFileSync('sh', ['-c', fix], { env: { ...process.env, PATH: `${dir}:${process.env.PATH}` } });
}

async function ready(options = {}) {
	const daemon = await startDaemon(options);
	const who = await person(daemon);
	good(await who.post('/api/watchlist', listed('w', { notes: 'a note to find' })), 201);
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, '');
	assert.equal((await runDaemon({ args: ['backup', '--config', file, '--data-dir', daemon.dataDir] })).code, 0);
	return daemon;
}

describe('tsuzukid doctor', () => {
	test('a sound server: every line is ok, in both forms', async () => {
		const daemon = await ready();
		const settings = `PORT=${daemon.port}\n`;
		const { code, bad, checks } = await doctor(daemon.dataDir, settings);
		assert.deepEqual(bad, []);
		assert.equal(code, 0);
		assert.deepEqual(Object.keys(checks), ['settings', 'data folder', 'secret', 'database', 'free space', 'backup',
			'daemon', 'port', 'certificate', 'mail', 'clock', 'descriptors']);
		const file = path.join(tempDir('settings'), 'tsuzuki.env');
		writeFileSync(file, settings);
		const text = await runDaemon({ args: ['doctor', '--config', file, '--data-dir', daemon.dataDir] });
		assert.equal(text.code, 0);
		assert.equal(text.stdout.trimEnd().split('\n').length, 12);
		for (const line of text.stdout.trimEnd().split('\n'))
			assert.match(line, /^ok {4}[a-z ]{12} \S/);
		await daemon.stop();
	});
	test('no daemon: 69, and the port is looked at', async () => {
		const daemon = await ready();
		await daemon.stop();
		const port = await freePort();
		const { code, bad, checks } = await doctor(daemon.dataDir, `PORT=${port}\n`);
		assert.deepEqual(bad, ['daemon']);
		assert.equal(code, 69);
		assert.equal(checks.daemon.fix, 'systemctl start tsuzukid');
		const other = net.createServer();
		await new Promise((resolve) => other.listen(port, '0.0.0.0', resolve));
		const taken = await doctor(daemon.dataDir, `PORT=${port}\n`);
		assert.deepEqual(taken.bad, ['daemon', 'port']);
		assert.match(taken.checks.port.text, /in use/);
		assert.match(taken.checks.port.fix, new RegExp(`^ss .*${port}`));
		other.close();
	});
	test('faults in the data folder are named, and what is said fixes them', async () => {
		const daemon = await ready();
		const settings = `PORT=${daemon.port}\n`;
		const file = (name) => path.join(daemon.dataDir, name);
		const cases = [
			['data folder', 'warn', /mode 755/, () => chmodSync(daemon.dataDir, 0o755)],
			['secret', 'fail', /read by other users/, () => chmodSync(file('jwt.secret'), 0o644)],
			['database', 'warn', /read by other users/, () => chmodSync(file('tsuzuki.db'), 0o644)],
			['backup', 'warn', /none yet/, () => rmSync(file('backups'), { recursive: true })],
			['backup', 'fail', /does not verify/, () => writeFileSync(file('backups/tsuzuki-20250101T000000000Z.db'), 'x'),
				() => readdirSync(file('backups')).forEach((name) => rmSync(file(`backups/${name}`)))],
			['backup', 'warn', /h old/, () => {
				const all = readdirSync(file('backups')).sort();
				const old = readFileSync(file(`backups/${all.at(-1)}`));
				all.forEach((name) => rmSync(file(`backups/${name}`)));
				writeFileSync(file('backups/tsuzuki-20250101T000000000Z.db'), old, { mode: 0o600 });
			}],
		];
		for (const [name, result, says, harm, before] of cases) {
			before?.();
			harm();
			const sick = await doctor(daemon.dataDir, settings);
			assert.deepEqual(sick.bad, [name], JSON.stringify(sick.checks[name]));
			assert.equal(sick.checks[name].result, result);
			assert.match(sick.checks[name].text, says);
			assert.equal(sick.code === 0, result === 'warn');
			paste(sick.checks[name].fix.replace('--data-dir', `--config /dev/null --data-dir`));
			assert.deepEqual((await doctor(daemon.dataDir, settings)).bad, [], sick.checks[name].fix);
		}
		await daemon.stop();
	});
	test('a folder that is missing, a short secret, a young one', async () => {
		const daemon = await ready();
		await daemon.stop();
		const settings = `PORT=${await freePort()}\n`;
		const file = path.join(daemon.dataDir, 'jwt.secret');
		const later = new Date(Date.now() + 3600000);
		utimesSync(file, later, later);
		const young = await doctor(daemon.dataDir, settings);
		assert.deepEqual(young.bad, ['secret', 'daemon']);
		assert.match(young.checks.secret.text, /younger than the newest session/);
		writeFileSync(file, 'short');
		const short = await doctor(daemon.dataDir, settings);
		assert.equal(short.code, 78);
		assert.match(short.checks.secret.text, /less than 32/);
		const missing = path.join(tempDir('none'), 'data');
		const none = await doctor(missing, settings);
		assert.equal(none.code, 74);
		assert.equal(none.checks['data folder'].result, 'fail');
		paste(none.checks['data folder'].fix);
		assert.equal((await doctor(missing, settings)).checks['data folder'].result, 'ok');
	});
	test('a database that is damaged, foreign or newer', async () => {
		const daemon = await ready();
		await daemon.stop();
		const file = path.join(daemon.dataDir, 'tsuzuki.db');
		const bytes = readFileSync(file);
		const settings = `PORT=${await freePort()}\n`;
		const harm = async (change, says, fix) => {
			const image = Buffer.from(bytes);
			change(image);
			writeFileSync(file, image);
			const sick = await doctor(daemon.dataDir, settings);
			assert.equal(sick.checks.database.result, 'fail', JSON.stringify(sick.checks.database));
			assert.match(sick.checks.database.text, says);
			assert.equal(sick.code, 78);
			assert.match(sick.checks.database.fix, fix);
		};
		await harm((image) => {
			for (let at = image.indexOf('a note to find'); at >= 0; at = image.indexOf('a note to find', at + 1))
				if (image[at - 1] !== 0x22)
					image.write('a vote to find', at);
		}, /register: .*a vote to find/, /verify --repair/);
		await harm((image) => image.writeUInt32BE(999, 60), /newer|schema/, /restore --latest/);
		await harm((image) => image.write('hello', 0), /./, /restore --latest/);
	});
	test('the relay: one that answers, one that does not', async () => {
		const smtp = await startSmtp();
		const daemon = await ready();
		const base = `PORT=${daemon.port}\nEMAIL_HOST=127.0.0.1\nEMAIL_FROM=a@example.org\nEMAIL_TLS=off\n`;
		assert.deepEqual((await doctor(daemon.dataDir, `${base}EMAIL_PORT=${smtp.port}\n`)).bad, []);
		const dead = await doctor(daemon.dataDir, `${base}EMAIL_PORT=${await freePort()}\n`);
		assert.deepEqual(dead.bad, ['mail']);
		assert.match(dead.checks.mail.text, /refused/);
		assert.equal(dead.code, 69);
		await smtp.close?.();
		await daemon.stop();
	});
	test('the certificate: good, about to expire, expired, none', async () => {
		const daemon = await ready();
		const dir = tempDir('tls');
		const make = (days) => {
			const [cert, key] = [path.join(dir, `c${days}.pem`), path.join(dir, `k${days}.pem`)];
			const request = path.join(dir, 'request.pem');
			const openssl = (...words) => assert.equal(spawnSync('openssl', words).status, 0, words.join(' '));
			openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x',
				'-keyout', key, '-out', request);
			openssl('x509', '-req', '-in', request, '-signkey', key, '-days', String(days), '-out', cert);
			return `PORT=${daemon.port}\nTLS_CERT=${cert}\nTLS_KEY=${key}\n`;
		};
		const state = async (days) => (await doctor(daemon.dataDir, make(days))).checks.certificate;
		assert.match((await state(90)).text, /valid for (89|90) days/);
		assert.equal((await state(5)).result, 'warn');
		assert.match((await state(-1)).text, /expired/);
		await daemon.stop();
	});
	test('another port than the daemon\'s, and a daemon that is not well', async () => {
		const daemon = await ready({ env: { BACKUP_EVERY: '1s' } });
		const wrong = await doctor(daemon.dataDir, 'PORT=1\n');
		assert.deepEqual(wrong.bad, ['port']);
		assert.match(wrong.checks.port.text, new RegExp(`serves on port ${daemon.port}; the settings say 1`));
		rmSync(path.join(daemon.dataDir, 'backups'), { recursive: true });
		writeFileSync(path.join(daemon.dataDir, 'backups'), 'in the way');
		await daemon.waitLog('could not be made');
		const sick = await doctor(daemon.dataDir, `PORT=${daemon.port}\n`);
		assert.equal(sick.checks.daemon.result, 'warn');
		assert.match(sick.checks.daemon.text, /The last backup failed/);
		await daemon.stop();
	});
	test('settings that are wrong: 78 with the line, as everywhere', async () => {
		const file = path.join(tempDir('settings'), 'tsuzuki.env');
		writeFileSync(file, 'PORT=5000\nPROT=1\n');
		const run = await runDaemon({ args: ['doctor', '--config', file, '--data-dir', tempDir('d')] });
		assert.equal(run.code, 78);
		assert.match(run.stderr, /tsuzuki\.env:2: .*did you mean PORT/);
		assert.match((await runDaemon({ args: ['doctor', '--help'] })).stdout, /^tsuzukid doctor: /);
	});
});
