// strace around or upon a program: system calls that fail, kill or wait. See README.md.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { waitFor } from '../harness/daemon.mjs';

/** Why strace cannot be used here; undefined when it can. */
export function straceMissing() {
	const done = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=getppid', 'true']);
	if (done.error) return 'strace is not installed';
	return done.status === 0 ? undefined : 'strace may not trace here';
}

/**
 * The words before a command that inject `what` (such as "error=EIO:when=3") into `calls`. The program stays the
 * child and strace is its grandchild: signals and exit codes are the program's.
 */
export function wrapped(calls, what) {
	return `strace -D -f -qq -o /dev/null -e trace=${calls} -e signal=none -e inject=${calls}:${what}`;
}

function threads(pid) {
	return readdirSync(`/proc/${pid}/task`).map((tid) => readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'));
}

/** Injects from now on, into every thread of a running program. Resolves when it does; detach() ends it. */
export async function attach(pid, calls, what) {
	const child = spawn(
		'strace',
		['-f', '-qq', '-o', '/dev/null', '-p', String(pid), '-e', `trace=${calls}`, '-e', 'signal=none', '-e', `inject=${calls}:${what}`],
		{ stdio: ['ignore', 'ignore', 'pipe'] },
	);
	let said = '';
	child.stderr.setEncoding('utf8').on('data', (text) => {
		said += text;
	});
	const ended = new Promise((resolve) => child.once('close', resolve));
	await waitFor(
		() => {
			if (child.exitCode !== null) throw new Error(`strace ended: ${said}`);
			return threads(pid).every((status) => !/^TracerPid:\t0$/m.test(status));
		},
		{ what: 'strace to attach' },
	);
	return {
		async detach() {
			child.kill('SIGINT');
			await ended;
		},
		ended,
	};
}
