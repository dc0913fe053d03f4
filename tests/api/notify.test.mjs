// What a service manager sees: readiness, reloading, stopping, signs of life, and a socket that it hands in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { client, request } from '../harness/client.mjs';
import { BIN, startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { good, person } from './support.mjs';

// Node has no datagram sockets of files: a few lines of another language print what comes, one line a datagram.
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(repr(s.recv(4096).decode()), flush=True)
`;
const children = [];
after(() => children.forEach((child) => child.kill('SIGKILL')));

async function manager() {
	const file = path.join(tempDir('notify'), 'notify');
	const child = spawn('python3', ['-c', LISTENER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
	children.push(child);
	const told = { file, text: '' };
	child.stdout.setEncoding('utf8').on('data', (chunk) => {
		told.text += chunk;
	});
	await waitFor(() => told.text.startsWith('bound'), { what: 'the listener' });
	told.count = (pattern) => told.text.split('\n').filter((line) => pattern.test(line)).length;
	return told;
}

describe('notifying the service manager', () => {
	test('ready, reloading, ready again, stopping, in that order', async () => {
		const told = await manager();
		const daemon = await startDaemon({ env: { NOTIFY_SOCKET: told.file } });
		await waitFor(() => told.count(/READY=1/) === 1, { what: 'READY' });
		assert.equal(told.count(/WATCHDOG/), 0);
		daemon.signal('SIGHUP');
		await waitFor(() => told.count(/READY=1/) === 2, { what: 'the second READY' });
		assert.equal(told.count(/RELOADING=1\\nMONOTONIC_USEC=\d+/), 1);
		await daemon.stop();
		await waitFor(() => told.count(/STOPPING=1/) === 1, { what: 'STOPPING' });
		const order = told.text.match(/READY|RELOADING|STOPPING/g);
		assert.deepEqual(order, ['READY', 'RELOADING', 'READY', 'STOPPING']);
	});
	test('settings that are wrong are reloaded in vain, and that ends too', async () => {
		const told = await manager();
		const daemon = await startDaemon({ config: 'LOG_LEVEL=debug\n', env: { NOTIFY_SOCKET: told.file, LOG_LEVEL: undefined } });
		const who = await person(daemon);
		writeFileSync(daemon.configPath, 'NO_SUCH_SETTING=1\n');
		daemon.signal('SIGHUP');
		await waitFor(() => told.count(/READY=1/) === 2, { what: 'the second READY' });
		await daemon.waitLog('the settings stay as they were');
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
	test('signs of life come while the loop turns, and only then', async () => {
		const told = await manager();
		const daemon = await startDaemon({ env: { NOTIFY_SOCKET: told.file, WATCHDOG_USEC: '400000' } });
		await waitFor(() => told.count(/WATCHDOG=1/) >= 3, { what: 'three signs of life' });
		daemon.signal('SIGSTOP');
		daemon.signal('SIGCONT');
		const before = told.count(/WATCHDOG=1/);
		await waitFor(() => told.count(/WATCHDOG=1/) > before, { what: 'another one' });
		await daemon.stop();
	});
	test('another process\'s watchdog is not ours', async () => {
		const told = await manager();
		const daemon = await startDaemon({ env: { NOTIFY_SOCKET: told.file, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' } });
		const who = await person(daemon);
		for (let i = 0; i < 20; i++)
			good(await who.get('/api/auth/me'));
		await daemon.stop();
		assert.equal(told.count(/WATCHDOG/), 0);
	});
	test('a socket that is not there is logged and does no harm', async () => {
		const daemon = await startDaemon({ env: { NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '1000' } });
		await daemon.waitLog('NOTIFY_SOCKET cannot be used');
		await daemon.stop();
	});
});

// A socket unit in a few lines: holds a listening socket that nobody else accepts on, and starts the program with
// descriptor 3. It is told "start COUNT PID" and "stop" line by line; PID 0 is the program's own.
const UNIT = `
import os, signal, socket, sys
where, line = sys.argv[1], sys.argv[2:]
kind = sys.stdin.readline().strip()
s = socket.socket(socket.AF_UNIX if where else socket.AF_INET, socket.SOCK_STREAM)
s.bind(where or ("127.0.0.1", 0))
if kind == "listening":
    s.listen(64)
print("at", where or s.getsockname()[1], flush=True)
for order in sys.stdin:
    words = order.split()
    if words[0] == "start":
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.dup2(s.fileno(), 3)
            os.set_inheritable(3, True)
            if s.fileno() != 3:
                s.close()
            os.environ.update(LISTEN_FDS=words[1], LISTEN_PID=str(os.getpid()))
            os.execvp(line[0], line)
    else:
        os.kill(child, signal.SIGTERM)
    if words[0] == "stop" or words[-1] == "wait":
        print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
`;

async function socketUnit({ dataDir, where = '', kind = 'listening' }) {
	const file = path.join(tempDir('settings'), 'tsuzuki.env');
	writeFileSync(file, 'RATE_LIMIT_AUTH=off\nRATE_LIMIT_API=off\n');
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'python3', '-c', UNIT, where, BIN, '--config', file, '--data-dir', dataDir, '--port', '1']);
	children.push(child);
	const unit = { out: '', err: '' };
	child.stdout.setEncoding('utf8').on('data', (chunk) => {
		unit.out += chunk;
	});
	child.stderr.setEncoding('utf8').on('data', (chunk) => {
		unit.err += chunk;
	});
	unit.tell = (line) => child.stdin.write(`${line}\n`);
	unit.tell(kind);
	await waitFor(() => /^at /m.test(unit.out), { what: 'the socket' });
	unit.port = /^at (.*)/m.exec(unit.out)[1];
	unit.exits = () => [...unit.out.matchAll(/^exit (-?\d+)/gm)].map((match) => Number(match[1]));
	unit.end = async () => {
		const before = unit.exits().length;
		unit.tell('stop');
		await waitFor(() => unit.exits().length > before, { what: 'the exit' });
		return unit.exits().at(-1);
	};
	return unit;
}

describe('socket activation', () => {
	test('serves on the socket that was handed in, and a restart loses no request', async () => {
		const unit = await socketUnit({ dataDir: path.join(tempDir('data'), 'data') });
		const url = `http://127.0.0.1:${unit.port}`;
		unit.tell('start 1');
		const who = await client(url).register();
		assert.match(unit.err, /serving on the socket that was handed in/);
		let done = false;
		let count = 0;
		const load = (async () => {
			while (!done) {
				const reply = await request(url, 'GET', '/api/auth/me', { token: who.token });
				assert.equal(reply.status, 200, reply.text);
				count++;
			}
		})();
		let failed;
		load.catch((error) => {
			failed = error;
		});
		await waitFor(() => failed || count > 5, { what: 'some load' });
		assert.equal(await unit.end(), 0, unit.err);
		unit.tell('start 1');
		const before = count;
		await waitFor(() => failed || count > before + 5, { what: 'answers after the restart' });
		done = true;
		await load;
		assert.equal(await unit.end(), 0, unit.err);
	});
	test('a unix socket too, whose file it leaves alone', async () => {
		const where = path.join(tempDir('sock'), 'http.sock');
		const unit = await socketUnit({ dataDir: path.join(tempDir('data'), 'data'), where });
		unit.tell('start 1');
		const reply = await request('http://localhost', 'GET', '/health', { socketPath: where });
		assert.equal(reply.status, 200);
		assert.equal(await unit.end(), 0, unit.err);
		assert.ok(existsSync(where));
	});
	test('anything else that is handed in is refused with what to do', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		for (const [kind, count] of [['listening', 2], ['bound', 1]]) {
			const unit = await socketUnit({ dataDir, kind });
			unit.tell(`start ${count} wait`);
			await waitFor(() => unit.exits().length === 1, { what: 'the exit' });
			assert.equal(unit.exits()[0], 78, unit.err);
			assert.match(unit.err, /LISTEN_FDS: .*ListenStream/);
		}
	});
	test('what was meant for another process is not taken', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		const daemon = await startDaemon({ dataDir, env: { LISTEN_PID: '1', LISTEN_FDS: '1' } });
		assert.doesNotMatch(daemon.log(), /handed in/);
		await daemon.stop();
	});
});

describe('the credential jwt.key', () => {
	const key = 'a credential of more than thirty-two characters';
	const withKey = (text) => {
		const dir = tempDir('credentials');
		if (text !== undefined)
			writeFileSync(path.join(dir, 'jwt.key'), text, { mode: 0o400 });
		return dir;
	};
	test('signs the tokens, comes before the folder\'s own secret, and no secret is made', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		const daemon = await startDaemon({ dataDir, env: { CREDENTIALS_DIRECTORY: withKey(`${key}\n`) } });
		const who = await person(daemon);
		assert.ok(!existsSync(path.join(dataDir, 'jwt.secret')));
		await daemon.restart({ env: { CREDENTIALS_DIRECTORY: withKey(key) } });
		good(await who.get('/api/auth/me'));
		await daemon.restart({ env: { CREDENTIALS_DIRECTORY: withKey('another credential of more than 32 characters') } });
		assert.equal((await who.get('/api/auth/me')).status, 401);
		await daemon.restart({ env: { CREDENTIALS_DIRECTORY: undefined, JWT_SECRET: key } });
		good(await who.get('/api/auth/me'));
		await daemon.stop();
		assert.ok(!daemon.log().includes(key));
	});
	test('without one the folder\'s own is made; one that is too short is exit 78', async () => {
		const daemon = await startDaemon({ env: { CREDENTIALS_DIRECTORY: withKey() } });
		assert.ok(existsSync(path.join(daemon.dataDir, 'jwt.secret')));
		await daemon.stop();
		const refused = await startDaemon({ env: { CREDENTIALS_DIRECTORY: withKey('short') }, expectExit: 78 });
		assert.match(refused.log(), /jwt\.key: the secret is shorter than 32 characters/);
	});
});
