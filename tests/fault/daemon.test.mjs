// Promise S2 from outside: the real program under faults of its system calls, on full disks, killed under load.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { checkAll, load, viewers } from './load.mjs';
import { attach, straceMissing, wrapped } from './strace.mjs';

const SEED = Number(process.env.TSUZUKI_FAULT_SEED || 1);
const EVERY = Number(process.env.TSUZUKI_FAULT_EVERY || 60);
const KILLS = Number(process.env.TSUZUKI_FAULT_KILLS || 30);
const PEOPLE = 3;
const noStrace = straceMissing();

/** The same numbers for the same seed. */
function dice(seed) {
	let state = (seed * 2654435761 + 12345) >>> 0;
	return (below) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 4294967296) * below);
	};
}

// The leak sanitizer cannot run in a traced process; what leaks is found by other tests.
const env = {
	ASAN_OPTIONS: 'exitcode=99:detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1',
	LOG_LEVEL: 'info',
};

async function start(options = {}) {
	const daemon = await startDaemon({ ...options, env: { ...env, ...options.env } });
	return daemon;
}

/** The program has ended, or will: how. */
async function ended(daemon) {
	const end = await daemon.exit();
	daemon.killed = true;
	return end;
}

/** Starts under strace: {daemon} when it serves, {end} when the fault ended it. */
async function startFaulty(daemon, calls, what) {
	process.env.TSUZUKI_WRAP = wrapped(calls, what);
	try {
		daemon.leaving = true;
		await daemon.restart();
		return true;
	} catch {
		await daemon.exit();
		return false;
	} finally {
		delete process.env.TSUZUKI_WRAP;
	}
}

/** Plain again: everything that was saved is there. */
async function restartAndCheck(daemon, people) {
	if (daemon.running) await daemon.kill();
	await daemon.restart();
	await checkAll(people);
}

const EXIT_IO = 74;
const LOST = /could not be (written|synced)/;

describe('an injected kill', { skip: noStrace }, () => {
	const calls = ['pwrite64', 'fdatasync', 'ftruncate', 'unlink', 'fsync'];
	test('under load, at the Nth write and sync: nothing that was acknowledged is lost', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		const roll = dice(SEED);
		const points = EVERY > 1 ? [1, 2, 3 + roll(6), 10 + roll(30), 40 + roll(100)] : Array.from({ length: 150 }, (_, i) => i + 1);
		for (const call of ['pwrite64', 'fdatasync'])
			for (const at of points) {
				if (call === 'fdatasync' && at > 60) continue;
				const trace = await attach(daemon.pid, call, `signal=KILL:when=${at}`);
				const writing = load(people);
				const end = await ended(daemon);
				await writing.done;
				await trace.ended;
				assert.equal(end.signal, 'SIGKILL', `${call} ${at}`);
				await restartAndCheck(daemon, people);
			}
		assert.ok(people.every((viewer) => viewer.saved > 0));
		await daemon.stop();
	});
	test('while it stops, at each call: nothing that was acknowledged is lost', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		for (const call of calls.slice(0, 4))
			for (let at = 1; ; at += EVERY > 1 && call === 'pwrite64' ? 7 : 1) {
				for (const viewer of people)
					for (let i = 0; i < 4; i++) await viewer.write(client(daemon.url).api);
				const trace = await attach(daemon.pid, call, `signal=KILL:when=${at}`);
				daemon.signal('SIGTERM');
				const end = await ended(daemon);
				await trace.ended;
				await restartAndCheck(daemon, people);
				if (end.signal !== 'SIGKILL') break;
			}
		await daemon.stop();
	});
	test('while it starts, the first time and after a kill, at each call: the next start works and all is there', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		for (const call of calls)
			for (let at = 1; ; at += EVERY > 1 ? 5 : 1) {
				for (const viewer of people) await viewer.write(client(daemon.url).api);
				await daemon.kill();
				const served = await startFaulty(daemon, call, `signal=KILL:when=${at}`);
				await restartAndCheck(daemon, people);
				if (served) break;
			}
		await daemon.stop();
		for (const call of calls)
			for (let at = 1; ; at += EVERY > 1 ? 9 : 1) {
				const fresh = await start();
				await fresh.kill();
				rmSync(fresh.dataDir, { recursive: true });
				const served = await startFaulty(fresh, call, `signal=KILL:when=${at}`);
				if (fresh.running) await fresh.kill();
				await fresh.restart();
				await checkAll(await viewers(fresh, 1));
				await fresh.stop();
				if (served) break;
			}
	});
});

describe('a sync that fails', { skip: noStrace }, () => {
	test('ends the program with 74 and its line, and what was acknowledged before is there', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		const roll = dice(SEED + 1);
		const points = EVERY > 1 ? [1, 2, 3 + roll(20)] : Array.from({ length: 40 }, (_, i) => i + 1);
		for (const at of points) {
			const trace = await attach(daemon.pid, 'fdatasync', `error=EIO:when=${at}`);
			const writing = load(people);
			const end = await ended(daemon);
			await writing.done;
			await trace.ended;
			assert.equal(end.code, EXIT_IO, `at ${at}: code ${end.code}, signal ${end.signal}\n${daemon.log()}`);
			assert.match(daemon.run.err, LOST);
			await restartAndCheck(daemon, people);
		}
		await daemon.stop();
	});
	test('and goes on failing: nothing is acknowledged any more', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		const trace = await attach(daemon.pid, 'fdatasync', 'error=EIO');
		const before = people.map((viewer) => viewer.saved);
		const writing = load(people);
		const end = await ended(daemon);
		await writing.done;
		await trace.ended;
		assert.deepEqual(people.map((viewer) => viewer.saved), before);
		assert.equal(end.code, EXIT_IO);
		await restartAndCheck(daemon, people);
		await daemon.stop();
	});
	test('between writes, in what the store does in the background, ends it as well', async () => {
		const daemon = await start();
		const [leaver, stayer] = await viewers(daemon, 2);
		for (let i = 0; i < 20; i++) await leaver.write(client(daemon.url).api);
		const trace = await attach(daemon.pid, 'fdatasync', 'error=EIO:when=2+');
		const reply = await client(daemon.url).api('DELETE', '/api/users/account', { token: leaver.token });
		assert.equal(reply.status, 200, reply.text);
		// Nobody writes any more: the next sync is that of a slice which removes the account's rows.
		const end = await ended(daemon);
		await trace.ended;
		assert.equal(end.code, EXIT_IO, daemon.log());
		await restartAndCheck(daemon, [stayer]);
		const gone = await client(daemon.url).api('GET', '/api/auth/me', { token: leaver.token });
		assert.equal(gone.status, 401);
		await daemon.stop();
	});
	test('at a start: it refuses with 74 or a line that says why, and the next one works', async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		for (const call of ['fdatasync', 'fsync', 'pwrite64'])
			for (let at = 1; ; at += EVERY > 1 ? 4 : 1) {
				for (const viewer of people) await viewer.write(client(daemon.url).api);
				await daemon.kill();
				const served = await startFaulty(daemon, call, `error=EIO:when=${at}`);
				if (!served) assert.equal(daemon.run.code, EXIT_IO, daemon.run.err);
				await restartAndCheck(daemon, people);
				if (served) break;
			}
		await daemon.stop();
	});
});

/** Writes are refused as the contract says, and reads go on. */
async function refusesAsFull(daemon, viewer) {
	const { api } = client(daemon.url);
	const reply = await viewer.write(api);
	assert.equal(reply.status, 507, reply.text);
	assert.equal(reply.json.success, false);
	assert.equal(reply.json.code, 'disk_full');
	await viewer.check();
	assert.equal((await api('GET', '/health')).json.status, 'degraded');
	assert.equal((await api('GET', '/health/ready')).status, 503);
}

async function acceptsAgain(daemon, people) {
	const { api } = client(daemon.url);
	await waitFor(async () => (await people[0].write(api)).status < 300, { what: 'writes to work again' });
	// A write of somebody else's, or the probe, may just have found the disk full: five seconds are promised.
	await waitFor(async () => (await api('GET', '/health/ready')).status === 200, { timeout: 25000, what: 'to be ready again' });
	await checkAll(people);
}

/** A small file system of its own; undefined where one may not be mounted. */
function smallDisk(t, size) {
	const dir = tempDir('small');
	const done = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]);
	if (done.status !== 0) return undefined;
	// Before the harness removes its folders.
	t.after(() => spawnSync('umount', ['-l', dir]));
	return dir;
}

describe('a full disk', () => {
	test('of a system call: writes answer 507, reads go on, and it heals by itself', { skip: noStrace }, async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		const trace = await attach(daemon.pid, 'pwrite64', 'error=ENOSPC');
		for (let i = 0; i < 3; i++) await refusesAsFull(daemon, people[i % PEOPLE]);
		await trace.detach();
		await acceptsAgain(daemon, people);
		const roll = dice(SEED + 2);
		const points = EVERY > 1 ? [2, 3 + roll(40)] : Array.from({ length: 60 }, (_, i) => i + 1);
		for (const at of points) {
			const once = await attach(daemon.pid, 'pwrite64', `error=ENOSPC:when=${at}..${at + 20}`);
			let refused = 0;
			const writing = load(people, (viewer, reply) => {
				if (reply.status < 300) return;
				assert.equal(reply.status, 507, reply.text);
				assert.equal(reply.json.code, 'disk_full');
				refused++;
			});
			await waitFor(() => refused > 2, { what: 'writes to be refused' });
			// Only an idle program can be let go of: a call that is being refused then would fail in another way.
			await writing.stop();
			await once.detach();
			await acceptsAgain(daemon, people);
		}
		await restartAndCheck(daemon, people);
		await daemon.stop();
	});
	test('of a real file system: the same, and nothing is lost', async (t) => {
		const disk = smallDisk(t, '16m');
		if (!disk) return t.skip('no file system may be mounted here');
		const daemon = await start({ dataDir: path.join(disk, 'data') });
		const people = await viewers(daemon, PEOPLE);
		for (let round = 0; round < 3; round++) {
			const filler = path.join(disk, 'filler');
			const { bavail, bsize } = statfsSync(disk);
			writeFileSync(filler, Buffer.alloc(bavail * bsize - round * 12288));
			let refused = 0;
			const writing = load(people, (viewer, reply) => {
				if (reply.status < 300) return;
				assert.equal(reply.status, 507, reply.text);
				refused++;
			});
			await waitFor(() => refused > 5, { what: 'the disk to be full' });
			await writing.stop();
			await refusesAsFull(daemon, people[0]);
			await checkAll(people);
			if (round === 1) {
				// Killed while it is full. Whether it can start there or not, it must not break anything.
				await daemon.kill();
				try {
					daemon.leaving = true;
					await daemon.restart();
					await checkAll(people);
				} catch (error) {
					if (error.code === 'ERR_ASSERTION') throw error;
					assert.equal(daemon.run.code, EXIT_IO, daemon.run.err);
					assert.match(daemon.run.err, /disk.*full|No space left/i);
				}
				rmSync(filler);
				if (!daemon.running) await daemon.restart();
			} else {
				rmSync(filler);
			}
			await acceptsAgain(daemon, people);
		}
		await restartAndCheck(daemon, people);
		await daemon.stop();
	});
});

describe('a disk that is slow', { skip: noStrace }, () => {
	test('keeps writes waiting, never what needs no disk: health and reads answer before the write does', async () => {
		const daemon = await start();
		const [viewer] = await viewers(daemon, 1);
		const { api } = client(daemon.url);
		const trace = await attach(daemon.pid, 'fdatasync', 'delay_enter=5000000:when=1');
		let written = false;
		const writing = viewer.write(api).then((reply) => {
			written = true;
			return reply;
		});
		for (let i = 0; i < 5; i++) {
			assert.equal((await api('GET', '/health')).status, 200);
			assert.equal((await api('GET', '/api/continue-watching', { token: viewer.token })).status, 200);
			assert.equal(written, false, 'the write was answered before its sync had ended');
		}
		assert.ok((await writing).status < 300);
		await trace.detach();
		await restartAndCheck(daemon, [viewer]);
		await daemon.stop();
	});
});

describe('kill -9 under load', () => {
	test(`${KILLS} times, at random moments: nothing acknowledged is lost, nothing is there twice`, async () => {
		const daemon = await start();
		const people = await viewers(daemon, PEOPLE);
		const roll = dice(SEED + 3);
		const began = Date.now();
		for (let round = 0; round < KILLS; round++) {
			const goal = roll(40);
			const before = people.reduce((sum, viewer) => sum + viewer.saved, 0);
			const writing = load(people);
			await waitFor(() => people.reduce((sum, viewer) => sum + viewer.saved, 0) - before >= goal, { what: 'writes' });
			await daemon.kill();
			await writing.done;
			await daemon.restart();
			await checkAll(people);
			if (round % 100 === 99) console.log(`# ${round + 1} kills, ${Math.round((Date.now() - began) / 1000)} s`);
		}
		const saved = people.reduce((sum, viewer) => sum + viewer.saved, 0);
		console.log(`# ${KILLS} kills, ${saved} acknowledged writes, none lost`);
		await daemon.stop();
	});
});
