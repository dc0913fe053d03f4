// `tsuzukid user ...` from outside: beside a running daemon (over its control socket) and without one.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { BIN, runDaemon, startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { follow } from '../live/support.mjs';
import { good, person, refused } from './support.mjs';

const settings = () => {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, '');
	return file;
};

/** `tsuzukid user ...` on a data folder; the input is what stands on standard input. */
async function user(dataDir, words, input = '') {
	return runDaemon({ args: ['user', ...words, '--config', settings(), '--data-dir', dataDir], input });
}

/** Sends raw bytes to the control socket: what it answers until it closes. */
function control(dataDir, bytes) {
	return new Promise((resolve, reject) => {
		const socket = net.connect({ path: path.join(dataDir, 'control.sock') });
		let text = '';
		socket.setEncoding('utf8').on('data', (chunk) => {
			text += chunk;
		});
		socket.on('error', reject);
		socket.on('close', () => resolve(text));
		socket.write(bytes);
	});
}

async function list(dataDir) {
	const run = await user(dataDir, ['list', '--json']);
	assert.equal(run.code, 0, run.stderr);
	return JSON.parse(run.stdout);
}

/** Every command once, whoever does it; `login` tells whether somebody can log in. */
async function wholeLife(dataDir, login) {
	const name = unique('anna');
	const email = `${name}@example.org`;
	let run = await user(dataDir, ['add', name, ` ${email.toUpperCase()}`], 'first-secret\n');
	assert.equal(run.code, 0, run.stderr);
	assert.equal(run.stdout, `Added ${name} (user).\n`);
	const [row] = await list(dataDir);
	assert.deepEqual({ ...row, createdAt: 0 },
		{ username: name, email, role: 'user', createdAt: 0, lastSeen: null });
	await login({ email, password: 'first-secret' }, 200);

	run = await user(dataDir, ['passwd', email], 'second-secret\nnot read\n');
	assert.equal(run.code, 0, run.stderr);
	await login({ email, password: 'first-secret' }, 401);
	await login({ email, password: 'second-secret' }, 200);

	run = await user(dataDir, ['role', name.toUpperCase(), 'admin']);
	assert.equal(run.stdout, `${name} is an admin now.\n`, run.stderr);
	assert.equal((await list(dataDir))[0].role, 'admin');

	run = await user(dataDir, ['delete', name]);
	assert.equal(run.code, 64);
	assert.match(run.stderr, /--yes/);
	run = await user(dataDir, ['delete', name, '--yes']);
	assert.equal(run.code, 0, run.stderr);
	assert.deepEqual(await list(dataDir), []);
	await login({ email, password: 'second-secret' }, 401);
}

async function allRefused(dataDir) {
	const name = unique('bert');
	assert.equal((await user(dataDir, ['add', name, `${name}@example.org`, '--admin'], 'six666')).code, 0);
	const cases = [
		[['add', name, 'other@example.org'], 'secret6', /already; choose another name/],
		[['add', name.toUpperCase(), 'other@example.org'], 'secret6', /already; choose another name/],
		[['add', 'other_name', `${name}@EXAMPLE.org`], 'secret6', /has that e-mail address already/],
		[['add', 'ab', 'ab@example.org'], 'secret6', /3 to 30/],
		[['add', 'a b c', 'ab@example.org'], 'secret6', /letters, digits/],
		[['add', 'abc', 'nowhere'], 'secret6', /no e-mail address/],
		[['add', 'abc', 'abc@example.org'], 'short', /at least 6/],
		[['add', 'abc', 'abc@example.org'], '', /No password/],
		[['add', 'abc', 'abc@example.org'], 'x'.repeat(1025), /longer than 1024/],
		[['add', 'abc', 'abc@example.org'], Buffer.from([0xff, 0xfe, 0x41, 0x42, 0x43, 0x44, 10]), /not UTF-8/],
		[['add', 'abc'], 'secret6', /needs NAME EMAIL/],
		[['add', 'abc', 'abc@example.org', 'secret6'], '', /no further argument/],
		[['add', 'abc', 'abc@example.org', '--password=x'], '', /unknown flag --password/],
		[['passwd', 'nobody_here'], 'secret6', /no user nobody_here/],
		[['role', 'nobody_here', 'admin'], '', /no user nobody_here/],
		[['role', name, 'owner'], '', /user or admin/],
		[['delete', 'nobody@example.org', '--yes'], '', /no user nobody@example.org/],
		[['remove', name], '', /unknown command user remove/],
		[['lst'], '', /did you mean list/],
	];
	for (const [words, input, says] of cases) {
		const run = await user(dataDir, words, input);
		assert.equal(run.code, 64, `${words}: ${run.stdout}${run.stderr}`);
		assert.match(run.stderr, says);
		assert.equal(run.stdout, '');
	}
	assert.equal((await list(dataDir)).length, 1);
}

describe('tsuzukid user', () => {
	test('a whole life beside a running daemon', async () => {
		const daemon = await startDaemon({ env: { REGISTRATION: 'closed' } });
		await wholeLife(daemon.dataDir, async (body, status) => {
			const reply = await client(daemon.url).api('POST', '/api/auth/login', { body });
			assert.equal(reply.status, status, reply.text);
		});
		for (const secret of ['first-secret', 'second-secret', 'argon2'])
			assert.ok(!daemon.log().includes(secret), 'a password in the log');
		assert.match(daemon.log(), /administration: the account anna_\w+ was given a new password/);
		await daemon.stop();
	});
	test('a whole life without one', async () => {
		const dataDir = tempDir('alone');
		await wholeLife(dataDir, async () => {});
		const daemon = await startDaemon({ dataDir });
		await daemon.stop();
	});
	test('what is made without a daemon can log in with one', async () => {
		const dataDir = tempDir('alone');
		assert.equal((await user(dataDir, ['add', 'carla', 'carla@example.org', '--admin'], 'a-good-one\r\n')).code, 0);
		const daemon = await startDaemon({ dataDir });
		const account = good(await client(daemon.url).api('POST', '/api/auth/login',
			{ body: { email: 'carla@example.org', password: 'a-good-one' } }));
		assert.equal(account.role, 'admin');
		const far = { token: account.token, headers: { 'x-forwarded-for': '192.0.2.1' } };
		assert.equal((await client(daemon.url).api('GET', '/metrics', far)).status, 200);
		await daemon.stop();
	});
	test('what is refused, beside a daemon', async () => {
		const daemon = await startDaemon();
		await allRefused(daemon.dataDir);
		await daemon.stop();
	});
	test('what is refused, without one', async () => {
		await allRefused(tempDir('alone'));
	});
	test('the table says when somebody was seen last', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const run = await user(daemon.dataDir, ['list']);
		const [head, row, ...more] = run.stdout.trimEnd().split('\n');
		assert.match(head, /^NAME +ROLE +CREATED \(UTC\) +LAST SEEN +E-MAIL$/);
		assert.match(row, new RegExp(`^${who.username} +user +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  ${who.email}$`));
		assert.deepEqual(more, []);
		await daemon.stop();
		assert.match((await user(tempDir('nothing'), ['list'])).stderr, /cannot be read.*--data-dir/);
	});
	test('a changed password ends every session and closes live connections', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const live = await follow(daemon, who);
		assert.equal((await user(daemon.dataDir, ['passwd', who.username], 'brand-new-one\n')).code, 0);
		assert.equal(await live.code(), 4403);
		refused(await who.get('/api/auth/me'), 401);
		await daemon.stop();
	});
	test('a role counts from the next request on, both ways', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const metrics = () => who.get('/metrics', undefined, { headers: { 'x-forwarded-for': '192.0.2.1' } });
		assert.equal((await metrics()).status, 403);
		assert.equal((await user(daemon.dataDir, ['role', who.email, 'admin'])).code, 0);
		assert.equal((await metrics()).status, 200);
		assert.equal((await user(daemon.dataDir, ['role', who.email, 'user'])).code, 0);
		assert.equal((await metrics()).status, 403);
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
	test('a deleted account is gone at once', async () => {
		const daemon = await startDaemon();
		const who = await person(daemon);
		const live = await follow(daemon, who);
		assert.equal((await user(daemon.dataDir, ['delete', who.username, '--yes'])).code, 0);
		assert.equal(await live.code(), 4403);
		refused(await who.get('/api/auth/me'), 401, 'User not found');
		await daemon.stop();
	});
	test('on a terminal the password is typed twice and not shown', async (t) => {
		const dataDir = tempDir('terminal');
		/** On a terminal of its own; each answer is typed when its prompt has come. */
		const typed = async (words, answers) => {
			const line = [BIN, 'user', ...words, '--config', settings(), '--data-dir', dataDir].join(' ');
			const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...process.env, ASAN_OPTIONS: 'exitcode=99' } });
			const run = { out: '' };
			child.on('error', (error) => {
				run.error = error;
			});
			child.stdout.setEncoding('utf8').on('data', (chunk) => {
				run.out += chunk;
			});
			child.on('close', (code) => {
				run.code = code;
			});
			for (const [prompt, answer] of answers) {
				await waitFor(() => run.error || run.code !== undefined || run.out.includes(prompt), { what: prompt });
				child.stdin.write(`${answer}\n`);
			}
			await waitFor(() => run.error || run.code !== undefined, { what: 'the end' });
			return run;
		};
		const prompts = (first, second) => [['New password: ', first], ['Once more: ', second]];
		const run = await typed(['add', 'dora', 'dora@example.org'], prompts('typed-secret', 'typed-secret'));
		if (run.error) {
			t.skip('there is no script(1)');
			return;
		}
		assert.equal(run.code, 0, run.out);
		assert.match(run.out, /New password: \r?\nOnce more: \r?\nAdded dora/);
		assert.ok(!run.out.includes('typed-secret'), run.out);
		const differs = await typed(['passwd', 'dora'], prompts('typed-secret', 'other-secret'));
		assert.equal(differs.code, 64, differs.out);
		assert.match(differs.out, /two passwords differ/);
		assert.equal((await typed(['delete', 'dora'], [['[yes/no]', 'no']])).code, 64);
		assert.equal((await list(dataDir)).length, 1);
		assert.equal((await typed(['delete', 'dora'], [['[yes/no]', 'yes']])).code, 0);
		assert.deepEqual(await list(dataDir), []);
	});
	test('--help of each, and of the word alone', async () => {
		for (const command of ['add', 'list', 'passwd', 'role', 'delete']) {
			const run = await runDaemon({ args: ['user', command, '--help'] });
			assert.equal(run.code, 0);
			assert.match(run.stdout, new RegExp(`^tsuzukid user ${command}: .*\\n\\nUsage: tsuzukid user ${command} `));
			assert.match(run.stdout, /Exit status: 0 ended well, 64/);
		}
		assert.equal((await runDaemon({ args: ['user', '--help'] })).code, 0);
		const alone = await runDaemon({ args: ['user'] });
		assert.equal(alone.code, 64);
		assert.match(alone.stderr, /user add/);
	});
});

describe('the control socket', () => {
	test('is the owner\'s alone, and gone after a stop', async () => {
		const daemon = await startDaemon();
		const file = path.join(daemon.dataDir, 'control.sock');
		assert.ok(statSync(file).isSocket());
		assert.equal(statSync(file).mode & 0o777, 0o600);
		await daemon.stop();
		assert.ok(!existsSync(file));
	});
	test('what a crash left behind is replaced', async () => {
		const daemon = await startDaemon();
		await daemon.kill();
		assert.ok(existsSync(path.join(daemon.dataDir, 'control.sock')));
		assert.equal((await user(daemon.dataDir, ['add', 'emil', 'emil@example.org'], 'secret6')).code, 0);
		await daemon.restart();
		assert.equal((await user(daemon.dataDir, ['role', 'emil', 'admin'])).code, 0);
		await daemon.stop();
	});
	test('lies in RUNTIME_DIRECTORY when there is one, and is found', async () => {
		const runtime = tempDir('runtime');
		const dataDir = path.join(tempDir('deep'), 'x'.repeat(100), 'y'.repeat(100));
		mkdirSync(dataDir, { recursive: true });
		const daemon = await startDaemon({ dataDir, env: { RUNTIME_DIRECTORY: `${runtime}:/nowhere` } });
		assert.ok(statSync(path.join(runtime, 'control.sock')).isSocket());
		assert.ok(lstatSync(path.join(dataDir, 'control.sock')).isSymbolicLink());
		assert.equal(readlinkSync(path.join(dataDir, 'control.sock')), path.join(runtime, 'control.sock'));
		const run = await user(dataDir, ['add', 'frida', 'frida@example.org'], 'secret6');
		assert.equal(run.code, 0, run.stderr);
		assert.match(daemon.log(), /the account frida was added/);
		await daemon.stop();
	});
	test('nonsense is answered or cut, and harms nothing', async () => {
		const daemon = await startDaemon();
		const code = (text) => JSON.parse(text).code;
		assert.equal(code(await control(daemon.dataDir, 'nonsense\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '[]\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '{}\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '{"command":"user add","command":"x"}\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '{"command":7}\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '{"command":"user add","name":"abc","email":"a@b.cc","role":"user","hash":"plain"}\n')), 64);
		assert.equal(code(await control(daemon.dataDir, '{"command":"user role","name":"\\u0007","role":"admin"}\n')), 64);
		assert.equal(code(await control(daemon.dataDir, `${'['.repeat(8000)}\n`)), 64);
		assert.equal(await control(daemon.dataDir, 'x'.repeat(20000)), '');
		assert.deepEqual(await list(daemon.dataDir), []);
		await daemon.stop();
	});
	test('who asks nothing is cut, and does not keep others out for long', async () => {
		const daemon = await startDaemon();
		const file = path.join(daemon.dataDir, 'control.sock');
		const silent = Array.from({ length: 20 }, () => net.connect({ path: file }).on('error', () => {}));
		await Promise.all(silent.map((socket) => new Promise((resolve) => socket.on('close', resolve))));
		assert.equal((await user(daemon.dataDir, ['add', 'gerd', 'gerd@example.org'], 'secret6')).code, 0);
		await daemon.stop();
	});
	test('another user is turned away', async (t) => {
		if (process.getuid() !== 0) {
			t.skip('only root can act as somebody else');
			return;
		}
		const daemon = await startDaemon();
		for (let dir = daemon.dataDir; dir !== '/tmp' && dir.length > 1; dir = path.dirname(dir))
			chmodSync(dir, 0o755);
		chmodSync(path.join(daemon.dataDir, 'control.sock'), 0o666);
		const code = `const s=require('net').connect(${JSON.stringify(path.join(daemon.dataDir, 'control.sock'))});
			let t='';s.on('data',c=>t+=c);s.on('error',()=>{});s.on('close',()=>console.log('['+t+']'));s.write('{}\\n');`;
		const run = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', code],
			{ encoding: 'utf8', timeout: 60000, env: { PATH: process.env.PATH } });
		assert.equal(run.stdout, '[]\n', run.stderr);
		await waitFor(() => /turned away from the control socket/.test(daemon.log()));
		await daemon.stop();
	});
	test('root acts as the owner of the data folder', async (t) => {
		if (process.getuid() !== 0) {
			t.skip('only root can act as somebody else');
			return;
		}
		const dataDir = tempDir('owned');
		spawnSync('chown', ['65534:65534', dataDir]);
		// The leak sanitizer cannot look into a process that has changed its user.
		const run = await runDaemon({ args: ['user', 'add', 'hanna', 'hanna@example.org', '--config', settings(),
			'--data-dir', dataDir], input: 'secret6', env: { ASAN_OPTIONS: 'detect_leaks=0:exitcode=99' } });
		assert.equal(run.code, 0, run.stderr);
		for (const name of ['tsuzuki.db', 'tsuzuki.lock'])
			assert.equal(statSync(path.join(dataDir, name)).uid, 65534, name);
		assert.equal(readFileSync(path.join(dataDir, 'tsuzuki.db')).subarray(0, 6).toString(), 'SQLite');
	});
});
