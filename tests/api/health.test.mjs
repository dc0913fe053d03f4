// /health, /health/ready and /metrics: a full disk and its end, reasons, the Prometheus text.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { request } from '../harness/client.mjs';
import { startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { good, listed, person } from './support.mjs';

const get = (daemon, where) => request(daemon.url, 'GET', where);

/** A folder on a small disk of its own; undefined where that cannot be had. */
function smallDisk(t, size) {
	const dir = tempDir('disk');
	if (process.getuid() !== 0 || spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]).status !== 0)
		return undefined;
	t.after(() => spawnSync('umount', ['-l', dir]));
	return dir;
}

describe('health', () => {
	test('ok and ready, without reasons', async () => {
		const daemon = await startDaemon();
		const health = (await get(daemon, '/health')).json;
		assert.equal(health.status, 'ok');
		assert.ok(!('reason' in health) && !('reasons' in health));
		assert.equal((await get(daemon, '/health/ready')).status, 200);
		await daemon.stop();
	});
	test('a full disk: 507, not ready, reads go on; with space again writes heal by themselves', async (t) => {
		const disk = smallDisk(t, '4m');
		if (!disk) {
			t.skip('no small disk can be mounted here');
			return;
		}
		const dataDir = path.join(disk, 'data');
		mkdirSync(dataDir);
		const daemon = await startDaemon({ dataDir, env: { BACKUP_EVERY: 'off' } });
		const who = await person(daemon);
		good(await who.post('/api/watchlist', listed('before')), 201);
		// Little space: degraded, but writes are taken.
		await waitFor(async () => (await get(daemon, '/health')).json.reasons?.includes('space_low'), { what: 'space_low' });
		assert.equal((await get(daemon, '/health/ready')).status, 200);
		const filler = path.join(disk, 'filler');
		assert.notEqual(spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']).status, 0);
		const ready = await waitFor(async () => {
			const reply = await get(daemon, '/health/ready');
			return reply.status === 503 && reply;
		}, { what: 'not ready' });
		assert.match(ready.json.message, /disk is full\. Free some space/);
		const full = await waitFor(async () => {
			const reply = await who.post('/api/watchlist', listed(`more-${Date.now()}`, { notes: 'x'.repeat(400) }));
			return reply.status !== 201 && reply;
		}, { what: 'a refusal' });
		assert.equal(full.status, 507, full.text);
		assert.equal(full.json.code, 'disk_full');
		const health = (await get(daemon, '/health')).json;
		assert.equal(health.status, 'degraded');
		assert.equal(health.reasons[0], 'disk_full');
		assert.match(health.reason, /disk is full/);
		good(await who.get('/api/watchlist'));
		rmSync(filler);
		// "within 5 s", asserted at five times that; nobody writes meanwhile.
		await waitFor(async () => (await get(daemon, '/health/ready')).status === 200, { timeout: 25000, what: 'ready again' });
		good(await who.post('/api/watchlist', listed('after')), 201);
		await daemon.stop();
	});
	test('a clock that was set back for good shows', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		await daemon.stop();
		const set = spawnSync('python3', ['-c', `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("update account set clock_offset = 3600000")
c.commit()`, path.join(daemon.dataDir, 'tsuzuki.db')]);
		assert.equal(set.status, 0);
		await daemon.restart();
		const health = await waitFor(async () => {
			const { json } = await get(daemon, '/health');
			return json.status === 'degraded' && json;
		});
		assert.deepEqual(health.reasons, ['clock_offset']);
		assert.match(daemon.log(), /clock of this machine was set back by 3600 s/);
		assert.equal((await get(daemon, '/health/ready')).status, 200);
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
});

describe('metrics', () => {
	test('every metric is documented, and the other way round', async () => {
		const daemon = await startDaemon({ env: { BACKUP_EVERY: '1s' } });
		await daemon.waitLog('backup made and verified');
		const { text } = await get(daemon, '/metrics');
		const names = new Set([...text.matchAll(/^# TYPE tsuzuki_(\w+) /gm)].map((match) => match[1]));
		const readme = readFileSync(new URL('../../daemon/README.md', import.meta.url), 'utf8');
		const table = readme.slice(readme.indexOf('## Metrics'), readme.indexOf('## What stays'));
		const documented = new Set([...table.matchAll(/`(\w+)(?:\{\w+\})?`/g)].map((match) => match[1])
			.filter((word) => !['hash', 'read', 'mail', 'backup', 'tsuzuki_'].includes(word)));
		assert.deepEqual([...names].sort(), [...documented].sort());
		await daemon.stop();
	});
	test('the text is what Prometheus reads', async (t) => {
		const daemon = await startDaemon();
		await person(daemon);
		const { text, headers } = await get(daemon, '/metrics');
		assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
		const seen = new Set();
		let current;
		for (const line of text.trimEnd().split('\n')) {
			const [, kind, name] = /^# (HELP|TYPE) (tsuzuki_[a-z_]+) \S/.exec(line) ?? [];
			if (kind === 'HELP') {
				assert.ok(!seen.has(name), `${name} twice`);
				seen.add(name);
				current = name;
			} else if (kind === 'TYPE') {
				assert.equal(name, current);
				assert.match(line, /(counter|gauge)$/);
				assert.equal(line.endsWith('counter'), name.endsWith('_total'), line);
			} else {
				assert.match(line, new RegExp(`^${current}(\\{[a-z]+="[^"\\\\]*"\\})? \\d+$`));
			}
		}
		assert.ok(text.endsWith('\n'));
		assert.match(text, /^tsuzuki_ready 1$/m);
		await daemon.stop();
		const tool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
		if (tool.error)
			t.diagnostic('promtool is not here; its own rules were not asked');
		else
			assert.equal(tool.status, 0, tool.stdout + tool.stderr);
	});
});
