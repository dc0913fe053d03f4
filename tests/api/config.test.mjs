// Settings and starting: design.md section 5. A daemon never starts with a setting that it does not understand.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readFileSync,
	readdirSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { runDaemon, startDaemon, tempDir } from '../harness/daemon.mjs';
import { good, listed, person, session } from './support.mjs';

const SECRET = 'a-secret-that-must-never-be-printed-0123456789';
const output = (run) => run.stdout + run.stderr;

/** --check-config on a file with these lines. */
async function check(lines, { env = {}, args = [] } = {}) {
	const dir = tempDir('settings');
	const file = path.join(dir, 'tsuzuki.env');
	writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
	const run = await runDaemon({
		args: ['--config', file, '--data-dir', path.join(dir, 'data'), ...args, '--check-config'],
		env,
	});
	assert.ok(!existsSync(path.join(dir, 'data')), '--check-config makes nothing');
	return { ...run, file };
}
async function refuses(lines, line, name, options) {
	const run = await check(lines, options);
	assert.equal(run.code, 78, `${lines}: ${output(run)}`);
	assert.ok(run.stderr.includes(run.file), `names the file: ${run.stderr}`);
	assert.match(run.stderr, new RegExp(`:${line}\\b|line ${line}\\b`), `names the line: ${run.stderr}`);
	assert.ok(run.stderr.includes(name), `names the setting: ${run.stderr}`);
	return run;
}

describe('the command line', () => {
	test('--version says it and exits 0', async () => {
		const run = await runDaemon({ args: ['--version'] });
		assert.equal(run.code, 0);
		assert.match(run.stdout, /^tsuzukid \d+\.\d+\.\d+/);
	});
	test('--help names every flag on standard output and exits 0', async () => {
		const run = await runDaemon({ args: ['--help'] });
		assert.equal(run.code, 0);
		for (const flag of ['--config', '--data-dir', '--port', '--bind', '--check-config', '--version', '--help'])
			assert.ok(run.stdout.includes(flag), flag);
	});
	test('an unknown flag, a missing value or a stray word is exit 64 and named', async () => {
		for (const [args, named] of [
			[['--colour'], '--colour'],
			[['--port'], '--port'],
			[['--config'], '--config'],
			[['serve-me'], 'serve-me'],
			[['-x'], 'x'],
		]) {
			const run = await runDaemon({ args });
			assert.equal(run.code, 64, `${args}: ${output(run)}`);
			assert.ok(run.stderr.includes(named), run.stderr);
			assert.equal(run.stdout, '');
		}
	});
	test('a port that is no port is refused and named', async () => {
		for (const port of ['x', '-1', '65536', '80.5', '', '5000x', ' 80', '0x50']) {
			const run = await check([], { args: ['--port', port] });
			assert.ok([64, 78].includes(run.code), `${port}: ${output(run)}`);
			assert.match(run.stderr, /port/i);
		}
	});
	test('a file named by --config that is missing is an error that names it', async () => {
		for (const file of ['/nowhere/at/all.env', path.join(tempDir('none'), 'x.env')]) {
			const run = await runDaemon({ args: ['--config', file, '--check-config'] });
			assert.notEqual(run.code, 0);
			assert.ok(run.stderr.includes(file), run.stderr);
		}
	});
	test('a folder as settings file is an error that names it', async () => {
		const dir = tempDir('folder');
		const run = await runDaemon({ args: ['--config', dir, '--check-config'] });
		assert.notEqual(run.code, 0);
		assert.ok(run.stderr.includes(dir), run.stderr);
	});
});

describe('the settings file', () => {
	test('takes comments, blank lines, Windows line ends and the last line without one', async () => {
		const dir = tempDir('settings');
		const file = path.join(dir, 'tsuzuki.env');
		writeFileSync(file, '# comment\r\n\r\n  # indented\r\nPORT=5001\r\nJWT_EXPIRE=1d\r\n\nLOG_LEVEL=warn');
		const run = await runDaemon({ args: ['--config', file, '--check-config'] });
		assert.equal(run.code, 0, output(run));
	});
	test('takes the .env of the API document as it stands, but for its sample secret', async () => {
		const sample = [
			'# Server Configuration',
			'PORT=5000',
			'NODE_ENV=development',
			'',
			'# Database',
			'MONGODB_URI=mongodb://localhost:27017/anime_streaming',
			'',
			'# JWT Configuration',
			`JWT_SECRET=${SECRET}`,
			'JWT_EXPIRE=7d',
			'',
			'# Email Configuration (Gmail SMTP)',
			'EMAIL_HOST=smtp.gmail.com',
			'EMAIL_PORT=587',
			'EMAIL_USER=your_email@gmail.com',
			'EMAIL_PASS=your_app_specific_password',
			'EMAIL_FROM=Anime Stream <noreply@animestream.com>',
			'',
			'# Frontend URL',
			'FRONTEND_URL=http://localhost:5173',
		];
		const run = await check(sample);
		assert.equal(run.code, 0, output(run));
		assert.ok(!output(run).includes(SECRET) && !output(run).includes('your_app_specific_password'));
		await refuses(
			sample.map((l) => (l.startsWith('JWT_SECRET') ? 'JWT_SECRET=your_super_secret_jwt_key_min_32_characters_long' : l)),
			9,
			'JWT_SECRET',
		);
	});
	test('a Mongo URI is answered with a hint when the program starts', async () => {
		const daemon = await startDaemon({ config: 'MONGODB_URI=mongodb://user:hunter2@localhost:27017/x\n' });
		assert.match(daemon.log(), /MONGODB_URI/);
		assert.ok(!daemon.log().includes('hunter2'));
		await daemon.stop();
	});
	test('an unknown setting is exit 78 with file, line and name', async () => {
		await refuses(['PORT=5000', '', 'COLOUR=blue'], 3, 'COLOUR');
		assert.equal((await check(['port=5000'])).code, 78);
	});
	test('a misspelt setting is answered with the right one', async () => {
		const run = await refuses(['JWT_EXPIRES=7d'], 1, 'JWT_EXPIRES');
		assert.match(run.stderr, /JWT_EXPIRE\b/);
	});
	test('a line that is no KEY=VALUE is exit 78 with file and line', async () => {
		for (const line of ['just words', '=5000', 'PORT 5000', ': '])
			assert.equal((await check(['LOG_LEVEL=info', line])).code, 78, line);
	});
	const wrong = {
		PORT: ['x', '0x50', '-1', '65536', '5000 5001', '1e3'],
		BIND: ['nowhere', '999.1.1.1', 'unix:relative', '1.2.3'],
		JWT_EXPIRE: ['7', '7 d', 'd', '-1d', '7w', '1.5h', '0s', '99999999999999d'],
		REFRESH_EXPIRE: ['90', 'never'],
		RATE_LIMIT_AUTH: ['5', '5/15', '/15m', '-5/15m', '5/0s', 'none', '5/15m/1'],
		RATE_LIMIT_API: ['x'],
		RATE_LIMIT_SYNC: ['600 / x'],
		MAX_CONNECTIONS: ['many', '-1'],
		MAX_CONNECTIONS_PER_ADDRESS: ['1.5'],
		WATCHLIST_PAGE_DEFAULT: ['-1', 'all', '101'],
		MAX_ITEMS: ['0', '-1', 'x'],
		TRUSTED_PROXIES: ['localhost', '10.0.0.0/33', '10.0.0.0/x', '::/129'],
		BASE_PATH: ['no-slash', '/a b', '/x?y'],
		REGISTRATION: ['OPEN?', 'maybe', 'true'],
		HISTORY_KEEP: ['x', '-1'],
		HISTORY_DAYS: ['x'],
		LOG_LEVEL: ['loud'],
		LOG_FORMAT: ['xml'],
		EMAIL_PORT: ['smtp', '70000'],
		EMAIL_TLS: ['maybe'],
		FRONTEND_URL: ['localhost', 'ftp://x', 'javascript:alert(1)'],
	};
	for (const [name, values] of Object.entries(wrong))
		test(`${name}: a bad value is exit 78 with file, line and name`, async () => {
			for (const value of values) await refuses(['# first', `${name}=${value}`], 2, name);
		});
	const right = {
		PORT: ['1', '65535'],
		BIND: ['0.0.0.0', '::', '127.0.0.1', '::1', 'unix:/run/tsuzuki.sock'],
		JWT_EXPIRE: ['30s', '15m', '12h', '7d'],
		RATE_LIMIT_AUTH: ['off', '5/15m', '1000/1h'],
		RATE_LIMIT_API: ['off'],
		WATCHLIST_PAGE_DEFAULT: ['0', '1', '100'],
		TRUSTED_PROXIES: ['127.0.0.1', '10.0.0.0/8,::1', '127.0.0.1, fd00::/8'],
		BASE_PATH: ['/tsuzuki', '/a/b'],
		REGISTRATION: ['open', 'first', 'closed'],
		LOG_LEVEL: ['error', 'warn', 'info', 'debug'],
		LOG_FORMAT: ['text', 'json'],
		FRONTEND_URL: ['http://localhost:5173', 'https://a.example,https://b.example/'],
		NODE_ENV: ['production', 'development'],
	};
	for (const [name, values] of Object.entries(right))
		test(`${name}: good values pass`, async () => {
			for (const value of values) {
				const run = await check([`${name}=${value}`]);
				assert.equal(run.code, 0, `${name}=${value}: ${output(run)}`);
			}
		});
});

describe('secrets', () => {
	test("a JWT_SECRET shorter than 32 characters or the document's sample is exit 78, with a fix, and never printed", async () => {
		for (const secret of ['short-but-private', 'x'.repeat(31), 'your_super_secret_jwt_key_min_32_characters_long']) {
			const run = await refuses(['', `JWT_SECRET=${secret}`], 2, 'JWT_SECRET');
			assert.ok(!output(run).includes(secret), output(run));
			const inherited = await check([], { env: { JWT_SECRET: secret } });
			assert.equal(inherited.code, 78);
			assert.ok(inherited.stderr.includes('JWT_SECRET'));
			assert.ok(!output(inherited).includes(secret));
		}
		assert.equal((await check([`JWT_SECRET=${'x'.repeat(32)}`])).code, 0);
	});
	test('a refused neighbour of a secret does not print it either', async () => {
		const run = await check([`JWT_SECRET=${SECRET}`, 'EMAIL_PASS=mail-pass-private', 'PORT=x']);
		assert.equal(run.code, 78);
		assert.ok(!output(run).includes(SECRET) && !output(run).includes('mail-pass-private'));
	});
	test('a line without = that may be a secret is not printed', async () => {
		const run = await check([`JWT_SECRET ${SECRET}`]);
		assert.equal(run.code, 78);
		assert.ok(!output(run).includes(SECRET));
	});
	test('a running daemon never logs them, at any level', async () => {
		const daemon = await startDaemon({ config: `JWT_SECRET=${SECRET}\nEMAIL_PASS=mail-pass-private\nLOG_LEVEL=debug\n` });
		const who = await person(daemon);
		await daemon.stop();
		for (const secret of [SECRET, 'mail-pass-private', who.password, who.token, who.refreshToken])
			assert.ok(!daemon.log().includes(secret));
	});
	test("jwt.key of $CREDENTIALS_DIRECTORY is used before the data folder's", async () => {
		const dir = tempDir('credentials');
		writeFileSync(path.join(dir, 'jwt.key'), `${SECRET}\n`, { mode: 0o400 });
		const daemon = await startDaemon({ env: { CREDENTIALS_DIRECTORY: dir } });
		const who = await person(daemon);
		assert.ok(!existsSync(path.join(daemon.dataDir, 'jwt.secret')));
		await daemon.restart({ env: { CREDENTIALS_DIRECTORY: undefined, JWT_SECRET: SECRET } });
		good(await who.get('/api/auth/me'));
		await daemon.stop();
	});
	test('a jwt.secret that is too short is refused, not replaced', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		mkdirSync(dataDir, { mode: 0o700 });
		writeFileSync(path.join(dataDir, 'jwt.secret'), 'short-private', { mode: 0o600 });
		const run = await startDaemon({ dataDir, expectExit: 78 });
		assert.ok(run.log().includes('jwt.secret'), run.log());
		assert.ok(!run.log().includes('short-private'));
		assert.equal(readFileSync(path.join(dataDir, 'jwt.secret'), 'utf8'), 'short-private');
	});
});

describe('where settings come from', () => {
	test('flags win over the environment, the environment over the file', async () => {
		const config = 'WATCHLIST_PAGE_DEFAULT=2\nREGISTRATION=closed\nPORT=1\n';
		const daemon = await startDaemon({ config, env: { WATCHLIST_PAGE_DEFAULT: '3', REGISTRATION: undefined, PORT: '2' } });
		const { api } = client(daemon.url);
		assert.equal(
			(
				await api('POST', '/api/auth/register', {
					body: { username: 'abc', email: 'a@example.com', password: 'longenough' },
				})
			).status,
			403,
			'from the file',
		);
		await daemon.restart({ env: { REGISTRATION: 'open' } });
		const who = await person(daemon);
		for (let i = 0; i < 4; i++) good(await who.post('/api/watchlist', listed(`x-${i}`)), 201);
		assert.equal(good(await who.get('/api/watchlist')).length, 3, 'from the environment');
		await daemon.stop();
	});
	test('a bad value in the environment is exit 78 and says that it comes from there', async () => {
		const run = await check([], { env: { PORT: 'x' } });
		assert.equal(run.code, 78);
		assert.match(run.stderr, /PORT/);
		assert.match(run.stderr, /environment/i);
	});
	test("an environment full of other programs' variables is no error", async () => {
		assert.equal((await check([], { env: { COLOUR: 'blue', EMAIL: 'x', JWT: 'y' } })).code, 0);
	});
	test('the first start makes the data folder, and logs where it listens', async () => {
		const daemon = await startDaemon();
		assert.ok(existsSync(path.join(daemon.dataDir, 'tsuzuki.db')));
		assert.ok(daemon.log().includes(String(daemon.port)), daemon.log());
		await daemon.stop();
	});
	test('without EMAIL_HOST the log says that no mail is sent', async () => {
		const daemon = await startDaemon({ env: { LOG_LEVEL: 'info' } });
		assert.match(daemon.log(), /EMAIL_HOST|no mail/i);
		await daemon.stop();
	});
});

describe('LOG_FORMAT=json', () => {
	const everyLine = (text) => {
		const lines = text.split('\n').filter((l) => l !== '');
		assert.ok(lines.length > 0);
		for (const line of lines) {
			const entry = JSON.parse(line);
			assert.ok(
				typeof entry.level === 'string' && typeof entry.message === 'string' && typeof entry.time === 'string',
				line,
			);
		}
	};
	test('every line of a whole life is JSON', async () => {
		const daemon = await startDaemon({ env: { LOG_FORMAT: 'json' } });
		const who = await person(daemon);
		assert.equal((await who.post('/api/watchlist', listed('a quote " and\na newline'))).status, 422);
		await daemon.stop();
		everyLine(daemon.log());
	});
	test('and so is the message of a failed start', async () => {
		const blocker = net.createServer().listen(0, '127.0.0.1');
		await new Promise((resolve) => blocker.once('listening', resolve));
		const run = await startDaemon({ port: blocker.address().port, env: { LOG_FORMAT: 'json' }, expectExit: true });
		blocker.close();
		assert.notEqual(run.code, 0);
		everyLine(run.log());
	});
});

describe('what cannot be had', () => {
	test('a port that is taken: an exit code and a message that names it', async () => {
		const blocker = net.createServer().listen(0, '127.0.0.1');
		await new Promise((resolve) => blocker.once('listening', resolve));
		const { port } = blocker.address();
		const run = await startDaemon({ port, expectExit: true });
		blocker.close();
		assert.notEqual(run.code, 0);
		assert.ok(run.log().includes(String(port)), run.log());
		assert.match(run.log(), /in use|taken/i);
	});
	test('a data folder that cannot be made or written: an exit code and a message that names it', async () => {
		const dir = tempDir('blocked');
		writeFileSync(path.join(dir, 'file'), 'x');
		for (const dataDir of [path.join(dir, 'file'), path.join(dir, 'file', 'data'), '/proc/self/nothing', '/dev/null/data']) {
			const run = await startDaemon({ dataDir, expectExit: true });
			assert.notEqual(run.code, 0);
			assert.ok(run.log().includes(dataDir), run.log());
		}
		assert.equal(readFileSync(path.join(dir, 'file'), 'utf8'), 'x');
	});
	test(
		'a data folder without write permission (as a user who is not root)',
		{ skip: process.getuid() === 0 && 'root may write anywhere' },
		async () => {
			const dataDir = path.join(tempDir('readonly'), 'data');
			mkdirSync(dataDir, { mode: 0o500 });
			const run = await startDaemon({ dataDir, expectExit: true });
			chmodSync(dataDir, 0o700);
			assert.notEqual(run.code, 0);
			assert.ok(run.log().includes(dataDir), run.log());
		},
	);
	test('a socket path of BIND serves requests', async () => {
		const socket = path.join(tempDir('socket'), 's');
		const daemon = await startDaemon({ bind: `unix:${socket}` });
		const reply = await client('http://localhost', { socketPath: socket }).api('GET', '/health');
		assert.equal(reply.status, 200);
		await daemon.stop();
	});
});

describe('a database that is not ours to use is exit 78 and left byte for byte as it was', () => {
	const db = (dir) => path.join(dir, 'tsuzuki.db');
	const digest = (dir) =>
		Object.fromEntries(
			readdirSync(dir)
				.filter((n) => /^tsuzuki\.db/.test(n) && statSync(path.join(dir, n)).size > 0 && !n.endsWith('-shm'))
				.map((n) => [
					n,
					createHash('sha256')
						.update(readFileSync(path.join(dir, n)))
						.digest('hex'),
				]),
		);

	async function used() {
		const daemon = await startDaemon();
		const who = await person(daemon);
		for (let i = 0; i < 50; i++) good(await who.post('/api/watchlist', listed(`x-${i}`, { notes: 'n'.repeat(400) })), 201);
		await daemon.stop();
		return { daemon, who };
	}
	function patch(file, offset, bytes) {
		const data = readFileSync(file);
		Buffer.from(bytes).copy(data, offset);
		writeFileSync(file, data);
	}
	async function refusedStart(dataDir, pattern) {
		const before = digest(dataDir);
		const run = await startDaemon({ dataDir, expectExit: 78 });
		assert.match(run.log(), pattern);
		assert.ok(run.log().includes('tsuzuki.db'), run.log());
		assert.deepEqual(digest(dataDir), before);
	}
	test('text in place of a database', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		mkdirSync(dataDir, { mode: 0o700 });
		writeFileSync(db(dataDir), 'this is a shopping list\n'.repeat(500));
		await refusedStart(dataDir, /not a|database|damaged/i);
	});
	test('a database of another program', async () => {
		const { daemon } = await used();
		patch(db(daemon.dataDir), 68, [0x12, 0x34, 0x56, 0x78]); // application_id
		await refusedStart(daemon.dataDir, /another|other program|not.*tsuzuki/i);
	});
	test('a database of a newer tsuzuki', async () => {
		const { daemon } = await used();
		patch(db(daemon.dataDir), 60, [0, 0, 0x27, 0x0f]); // user_version
		await refusedStart(daemon.dataDir, /newer/i);
	});
	test('a database whose header is damaged', async () => {
		const { daemon } = await used();
		patch(db(daemon.dataDir), 0, Buffer.alloc(100, 0xaa));
		await refusedStart(daemon.dataDir, /damaged|corrupt|not a/i);
	});
	test('a database that was cut short', async () => {
		const { daemon } = await used();
		truncateSync(db(daemon.dataDir), 4096);
		await refusedStart(daemon.dataDir, /damaged|corrupt/i);
	});
	test('and put right again it goes on with everything', async () => {
		const { daemon, who } = await used();
		const whole = readFileSync(db(daemon.dataDir));
		patch(db(daemon.dataDir), 60, [0, 0, 0x27, 0x0f]);
		await refusedStart(daemon.dataDir, /newer/i);
		writeFileSync(db(daemon.dataDir), whole);
		await daemon.restart();
		assert.equal(good(await who.get('/api/watchlist/stats')).total, 50);
		good(await (await session(daemon, who)).get('/api/auth/me'));
		await daemon.stop();
	});
	test('an empty file is a new database', async () => {
		const dataDir = path.join(tempDir('data'), 'data');
		mkdirSync(dataDir, { mode: 0o700 });
		writeFileSync(db(dataDir), '');
		const daemon = await startDaemon({ dataDir });
		await person(daemon);
		await daemon.stop();
	});
	test('a data folder behind a symbolic link is the folder it names', async () => {
		const { daemon, who } = await used();
		const link = path.join(tempDir('link'), 'data');
		symlinkSync(daemon.dataDir, link);
		const there = await startDaemon({ dataDir: link });
		const { api } = client(there.url);
		good(await api('GET', '/api/auth/me', { token: who.token }));
		await there.stop();
	});
});
