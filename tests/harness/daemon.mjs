// Starts the real program for a test and watches over it: see README.md of this folder.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { request } from './client.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BIN = process.env.TSUZUKI_BIN || path.join(root, 'build/asan/bin/tsuzukid');

// Sanitized and emulated builds are slow: deadlines are promises times five, and then this.
const PATIENCE = Number(process.env.TSUZUKI_TEST_PATIENCE || 1);
const START_MS = 20000 * PATIENCE;
const STOP_MS = 25000 * PATIENCE;
const LOG_CAP = 8 * 1024 * 1024;

// One line of any sanitizer's or valgrind's report, or of a failed CHECK().
const REPORT = /(ERROR|WARNING): \w+Sanitizer|runtime error:|LeakSanitizer|^==\d+== .*(Invalid (read|write|free)|uninitialised|definitely lost: [1-9])|CHECK failed|check failed/m;

const everyone = new Set();

/** Polls `probe` (which may be async) until it gives a truthy value, and gives that. */
export async function waitFor(probe, { timeout = 20000, what = 'a condition' } = {}) {
	const end = Date.now() + timeout * PATIENCE;
	for (;;) {
		const value = await probe();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`waited ${timeout * PATIENCE} ms in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

/** A port of 127.0.0.1 that nobody listens on, below the range that outgoing connections take theirs from. */
export async function freePort() {
	for (let tries = 0; tries < 200; tries++) {
		const port = 20000 + Math.floor(Math.random() * 12000);
		const free = await new Promise((resolve) => {
			const server = net.createServer();
			server.once('error', () => resolve(false));
			server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
		});
		if (free)
			return port;
	}
	throw new Error('no free port found');
}

/** A folder that is removed when the test file ends. */
export function tempDir(name = 'test') {
	const dir = mkdtempSync(path.join(os.tmpdir(), `tsuzuki-${name}-`));
	folders.push(dir);
	return dir;
}
const folders = [];

function cleanEnvironment(env) {
	const base = {
		PATH: process.env.PATH,
		HOME: os.tmpdir(),
		TZ: 'UTC',
		LANG: 'C.UTF-8',
		ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1',
		LSAN_OPTIONS: 'exitcode=98',
		UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
		TSAN_OPTIONS: `exitcode=97:halt_on_error=0:second_deadlock_stack=1${
			process.env.TSUZUKI_TSAN_SUPPRESSIONS ? `:suppressions=${process.env.TSUZUKI_TSAN_SUPPRESSIONS}` : ''}`,
	};
	const merged = { ...base, ...env };
	for (const key of Object.keys(merged))
		if (merged[key] === undefined || merged[key] === null)
			delete merged[key];
	return merged;
}

// The daemon dies with the process of the test, even when that one is killed.
function launch(args, options) {
	const wrap = (process.env.TSUZUKI_WRAP || '').split(' ').filter(Boolean);
	const line = ['setpriv', '--pdeathsig', 'KILL', '--', ...wrap, BIN, ...args];
	const child = spawn(line[0], line.slice(1), options);
	const run = { child, out: '', err: '', code: undefined, signal: undefined };
	const keep = (name) => (chunk) => {
		run[name] = (run[name] + chunk).slice(-LOG_CAP);
	};
	child.stdout.setEncoding('utf8').on('data', keep('out'));
	child.stderr.setEncoding('utf8').on('data', keep('err'));
	child.stdin.on('error', () => {});
	run.exited = new Promise((resolve) => {
		child.once('error', (error) => {
			run.err += `cannot start ${BIN}: ${error.message}\n`;
			run.code = 127;
			resolve({ code: 127, signal: null });
		});
		child.once('close', (code, signal) => {
			run.code = code;
			run.signal = signal;
			resolve({ code, signal });
		});
	});
	return run;
}

async function within(promise, ms) {
	let timer;
	const late = new Promise((resolve) => {
		timer = setTimeout(() => resolve(undefined), ms);
	});
	const value = await Promise.race([promise, late]);
	clearTimeout(timer);
	return value;
}

function tail(text) {
	return text.length > 20000 ? `...${text.slice(-20000)}` : text;
}

function blame(text, what) {
	return new Error(`${what}\n--- its output ---\n${tail(text)}\n--- end ---`);
}

/**
 * Runs the program with exactly these arguments until it exits: {code, signal, stdout, stderr}.
 * For --help, --check-config and administration commands. Fails on a crash or a sanitizer's report.
 */
export async function runDaemon({ args = [], env = {}, input = '', cwd, timeout = START_MS } = {}) {
	const run = launch(args, { env: cleanEnvironment(env), cwd, stdio: ['pipe', 'pipe', 'pipe'] });
	run.child.stdin.end(input);
	const end = await within(run.exited, timeout);
	if (!end) {
		run.child.kill('SIGKILL');
		await run.exited;
		throw blame(run.err, `tsuzukid ${args.join(' ')} did not exit within ${timeout} ms`);
	}
	if (end.signal || REPORT.test(run.err))
		throw blame(run.err, `tsuzukid ${args.join(' ')} crashed (code ${end.code}, signal ${end.signal})`);
	return { ...end, stdout: run.out, stderr: run.err };
}

class Daemon {
	constructor(options) {
		this.options = options;
		this.dataDir = options.dataDir ?? path.join(tempDir('data'), 'data');
		this.past = '';
		this.run = null;
		everyone.add(this);
	}

	get pid() {
		return this.run?.child.pid;
	}

	get running() {
		return this.run !== null && this.run.code === undefined && this.run.signal === undefined;
	}

	/** All of standard error so far, over restarts. */
	log() {
		return this.past + (this.run?.err ?? '');
	}

	/** All of standard output so far of the current run. */
	stdout() {
		return this.run?.out ?? '';
	}

	/** Waits until the log holds a match of `pattern`; gives the match. */
	waitLog(pattern, timeout = 20000) {
		const regex = pattern instanceof RegExp ? pattern
			: new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
		return waitFor(() => regex.exec(this.log()), { timeout, what: `${regex} in the log` });
	}

	arguments() {
		const { args = [], config, bind, port } = this.options;
		const line = [];
		if (config !== false) {
			// An empty file by default: the machine's own settings must not reach a test.
			const file = path.join(this.home ??= tempDir('config'), 'tsuzuki.env');
			writeFileSync(file, config ?? '', { mode: 0o600 });
			this.configPath = file;
			line.push('--config', file);
		}
		if (this.options.dataDir !== false)
			line.push('--data-dir', this.dataDir);
		if (port !== false && !this.socketPath)
			line.push('--port', String(this.port));
		if (bind !== false)
			line.push('--bind', bind ?? '127.0.0.1');
		return [...line, ...args];
	}

	environment() {
		return cleanEnvironment({
			RATE_LIMIT_AUTH: 'off',
			RATE_LIMIT_API: 'off',
			RATE_LIMIT_SYNC: 'off',
			LOG_LEVEL: 'debug',
			...this.options.env,
		});
	}

	async launch() {
		if (this.options.bind?.startsWith('unix:'))
			this.socketPath = this.options.bind.slice('unix:'.length);
		if (this.run)
			this.past = (this.past + this.run.err).slice(-LOG_CAP);
		const secure = this.options.env?.TLS_CERT || /^TLS_CERT=/m.test(this.options.config || '');
		this.url = `${secure ? 'https' : 'http'}://127.0.0.1:${this.port ?? 0}`;
		this.run = launch(this.arguments(),
			{ env: this.environment(), cwd: this.options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
		this.run.child.stdin.end();
		this.leaving = false;
	}

	async start() {
		const chosen = typeof this.options.port === 'number';
		for (let tries = 0; ; tries++) {
			this.port = this.options.port === false ? undefined
				: chosen ? this.options.port : this.portFixed ?? await freePort();
			await this.launch();
			if (await this.ready())
				break;
			const taken = /in use|taken/i.test(this.run.err) && !chosen && !this.portFixed && tries < 5;
			if (!taken)
				throw blame(this.run.err, `tsuzukid did not start (code ${this.run.code}, signal ${this.run.signal})`);
		}
		this.portFixed = this.port;
		return this;
	}

	async ready() {
		const end = Date.now() + START_MS;
		while (this.running) {
			try {
				const reply = await request(this.url, 'GET', '/health', { socketPath: this.socketPath, timeout: 2000 });
				if (reply.status > 0)
					return true;
			} catch {
				// Not listening yet.
			}
			if (Date.now() > end) {
				this.run.child.kill('SIGKILL');
				await this.run.exited;
				throw blame(this.run.err, `/health did not answer within ${START_MS} ms`);
			}
			await new Promise((resolve) => setTimeout(resolve, 15));
		}
		await this.run.exited;
		return false;
	}

	/** Waits for the exit that the test itself has caused. */
	async exit(timeout = STOP_MS) {
		this.leaving = true;
		const end = await within(this.run.exited, timeout);
		if (!end) {
			this.run.child.kill('SIGKILL');
			await this.run.exited;
			throw blame(this.run.err, `tsuzukid did not exit within ${timeout} ms`);
		}
		return end;
	}

	/** SIGTERM; {code, signal, ms}. Fails when the program crashed, reported or did not exit 0. */
	async stop() {
		if (!this.run)
			return { code: 0, signal: null, ms: 0 };
		const begin = Date.now();
		if (this.running)
			this.run.child.kill('SIGTERM');
		const end = await this.exit();
		this.verify();
		if (end.code !== 0 && !this.killed)
			throw blame(this.run.err, `tsuzukid exited with code ${end.code}, signal ${end.signal} after SIGTERM`);
		return { ...end, ms: Date.now() - begin };
	}

	/** SIGKILL, as a power cut of the process. */
	async kill() {
		this.leaving = true;
		this.killed = true;
		if (this.running)
			this.run.child.kill('SIGKILL');
		const end = await this.exit();
		this.verify();
		return end;
	}

	/** Any signal, without waiting. */
	signal(name) {
		this.run.child.kill(name);
	}

	/** Stops (unless it is dead already) and starts again on the same data and port; `changes` to options are kept. */
	async restart(changes = {}) {
		if (this.running)
			await this.stop();
		this.options = { ...this.options, ...changes, env: { ...this.options.env, ...changes.env } };
		this.killed = false;
		return this.start();
	}

	/** Fails when a sanitizer reported something, or when the program ended of its own accord. */
	verify() {
		const text = this.log();
		if (REPORT.test(text)) {
			this.blamed = true;
			throw blame(text.slice(Math.max(0, text.search(REPORT) - 2000)), 'the log holds a sanitizer\'s report');
		}
		if (this.run && !this.running && !this.leaving) {
			this.blamed = true;
			throw blame(text, `tsuzukid ended by itself (code ${this.run.code}, signal ${this.run.signal})`);
		}
	}
}

/** See README.md. With expectExit (true, or the code that is promised) it resolves once the program has ended. */
export async function startDaemon(options = {}) {
	const daemon = new Daemon(options);
	if (options.expectExit === undefined || options.expectExit === false)
		return daemon.start();
	everyone.delete(daemon);
	daemon.port = typeof options.port === 'number' ? options.port : await freePort();
	await daemon.launch();
	const end = await daemon.exit(START_MS);
	const text = daemon.log();
	if (end.signal || REPORT.test(text))
		throw blame(text, `tsuzukid crashed (code ${end.code}, signal ${end.signal})`);
	if (typeof options.expectExit === 'number' && end.code !== options.expectExit)
		throw blame(text, `tsuzukid exited with ${end.code} instead of ${options.expectExit}`);
	return Object.assign(daemon, { code: end.code, exitSignal: end.signal });
}

function sweep() {
	for (const dir of folders.splice(0))
		rmSync(dir, { recursive: true, force: true });
}

// What a test left running is stopped here, and a crash that no test looked for fails the file.
after(async () => {
	const failures = [];
	for (const daemon of everyone) {
		try {
			daemon.verify();
			if (daemon.running)
				await daemon.stop();
		} catch (error) {
			failures.push(error);
		}
		if (daemon.running)
			await daemon.kill().catch(() => {});
	}
	everyone.clear();
	if (!process.env.TSUZUKI_KEEP)
		sweep();
	if (failures.length > 0) {
		process.exitCode = 1;
		throw failures[0];
	}
});

process.on('exit', () => {
	for (const daemon of everyone)
		daemon.run?.child.kill('SIGKILL');
	if (!process.env.TSUZUKI_KEEP)
		sweep();
});

if (!existsSync(BIN))
	console.error(`tests/harness: ${BIN} is not there: build it, or name one with TSUZUKI_BIN`);
