// The command line as a user runs it: a data folder of its own, one process a command. See README.md.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { BIN, tempDir } from '../harness/daemon.mjs';

export const CLI = process.env.TSUZUKI_CLI || path.join(path.dirname(BIN), 'tsuzuki');
const PATIENCE = Number(process.env.TSUZUKI_TEST_PATIENCE || 1);
const RUN_MS = 30000 * PATIENCE;
const REPORT = /(ERROR|WARNING): \w+Sanitizer|runtime error:|LeakSanitizer|check failed/;

function environment(home, env) {
	const all = {
		PATH: process.env.PATH,
		HOME: home,
		TZ: 'UTC',
		LANG: 'C.UTF-8',
		ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1',
		LSAN_OPTIONS: 'exitcode=98',
		UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
		TSAN_OPTIONS: 'exitcode=97',
		...env,
	};
	for (const key of Object.keys(all)) if (all[key] === undefined || all[key] === null) delete all[key];
	return all;
}

/** One data folder and whoever works with it. */
export class Cli {
	constructor({ dir, env = {}, wrap = [] } = {}) {
		this.dir = dir ?? path.join(tempDir('cli'), 'data');
		this.env = env;
		this.wrap = wrap;
	}

	/** Starts a command: {child, ended}. */
	start(args, options) {
		return this.launch([...this.wrap, CLI, '--data-dir', this.dir, ...args], options);
	}

	/** Runs what stands before the command alone: it starts the command itself. */
	bare() {
		return this.launch(this.wrap).ended;
	}

	launch(line, { input = '', env = {} } = {}) {
		const began = Date.now();
		const child = spawn(line[0], line.slice(1), { env: environment(path.dirname(this.dir), { ...this.env, ...env }) });
		const out = { stdout: '', stderr: '' };
		for (const name of ['stdout', 'stderr'])
			child[name].setEncoding('utf8').on('data', (text) => {
				out[name] += text;
			});
		child.stdin.on('error', () => {});
		child.stdin.end(input);
		const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
		const ended = new Promise((resolve, reject) => {
			child.once('error', reject);
			child.once('close', (code, signal) => {
				clearTimeout(timer);
				if (REPORT.test(out.stderr)) reject(new Error(`${line.join(' ')}: ${out.stderr}`));
				else resolve({ code, signal, ...out, ms: Date.now() - began });
			});
		});
		return { child, ended };
	}

	/** Runs a command to its end: {code, signal, stdout, stderr, ms}. */
	run(args, options) {
		return this.start(args, options).ended;
	}

	/** One that must succeed. */
	async ok(...args) {
		const end = await this.run(args);
		assert.equal(end.code, 0, `tsuzuki ${args.join(' ')}: ${end.code}, ${end.signal}\n${end.stdout}\n${end.stderr}`);
		return end;
	}

	/** One that must end with that code and say so in these words. */
	async fails(code, pattern, ...args) {
		const end = await this.run(args);
		assert.equal(end.code, code, `tsuzuki ${args.join(' ')}: ${end.code}, ${end.signal}\n${end.stdout}\n${end.stderr}`);
		assert.equal(end.stdout, '', 'a message is no data');
		assert.match(end.stderr, pattern);
		return end;
	}

	/** What it prints with --json. */
	async json(...args) {
		const { stdout } = await this.ok(...args, '--json');
		assert.match(stdout, /^[^\n]*\n$/, 'one document, one line');
		return JSON.parse(stdout);
	}

	status() {
		return this.json('status');
	}

	/** Logs in to a daemon as an account that `register` made. */
	async login(daemon, account, { args = [], password = account.password } = {}) {
		return this.run(['login', daemon.url, '--email', account.email, ...args], { input: `${password}\n` });
	}

	/** Everything that it holds, without what only says which store it is. */
	async holds() {
		const { watchlist, progress } = await this.json('export', '--offline');
		const bare = (items) =>
			items.map(({ user, ...item }) => item).sort((a, b) => (a.animeId < b.animeId ? -1 : a.animeId > b.animeId ? 1 : 0));
		return { watchlist: bare(watchlist), progress: bare(progress) };
	}
}

/** A store that is logged in. */
export async function member(daemon, account, options) {
	const cli = new Cli(options);
	const end = await cli.login(daemon, account);
	assert.equal(end.code, 0, end.stderr);
	return cli;
}

/** Both show the same. */
export async function same(a, b) {
	assert.deepEqual(await a.holds(), await b.holds());
}
