// Without any server, from the first minute: every command, its help, its output, its exit code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { tempDir } from '../harness/daemon.mjs';
import { CLI, Cli } from './support.mjs';

const COMMANDS = ['list', 'show', 'resume', 'add', 'set', 'rm', 'progress', 'history', 'undo', 'sync', 'status', 'login',
	'logout', 'devices', 'export'];

describe('the store works without a server', () => {
	test('a title is added, changed, watched, shown and exported', async () => {
		const cli = new Cli();
		await cli.ok('add', 'one-piece-001', 'One Piece', '--status', 'watching', '--total', '1100');
		await cli.ok('set', 'one-piece-001', '--rating', '9', '--notes', 'on the train', '--watched', '12');
		await cli.ok('progress', 'one-piece-001', '--episode', '13', '--time', '12:00', '--duration', '1440');
		const { watchlist, progress } = await cli.json('show', 'one-piece-001');
		assert.equal(watchlist.animeTitle, 'One Piece');
		assert.equal(watchlist.status, 'watching');
		assert.equal(watchlist.rating, 9);
		assert.equal(watchlist.notes, 'on the train');
		assert.equal(watchlist.episodesWatched, 12);
		assert.equal(watchlist.totalEpisodes, 1100);
		assert.equal(progress.animeTitle, 'One Piece', 'what is watched is called as in the watchlist');
		assert.deepEqual([progress.currentEpisode, progress.currentTime, progress.duration], [13, 720, 1440]);
		assert.deepEqual(await cli.json('list', '--status', 'watching'), [watchlist]);
		assert.deepEqual(await cli.json('list', '--status', 'dropped'), []);
		assert.deepEqual(await cli.json('list', '--continue'), [progress]);
		assert.deepEqual(await cli.json('resume'), progress);
		assert.deepEqual(await cli.json('export'), { watchlist: [watchlist], progress: [progress] });
		assert.match((await cli.ok('resume')).stdout, /^One Piece: episode 13 at 12:00 of 24:00/);
	});

	test('opening an episode never overwrites a place', async () => {
		const cli = new Cli();
		await cli.ok('progress', 'a', '--episode', '3', '--time', '1:02:03', '--duration', '2:00:00');
		assert.equal((await cli.json('resume', 'a')).currentTime, 3723);
		await cli.ok('progress', 'a', '--episode', '4');
		assert.deepEqual(await cli.json('resume', 'a').then((p) => [p.currentEpisode, p.currentTime]), [4, 0]);
		await cli.ok('progress', 'a', '--episode', '3');
		assert.deepEqual(await cli.json('resume', 'a').then((p) => [p.currentEpisode, p.currentTime]), [3, 3723]);
	});

	test('a paused player does not take the place of another sitting', async () => {
		const cli = new Cli();
		await cli.ok('progress', 'a', '--episode', '1', '--time', '700', '--duration', '1440', '--event', 'heartbeat', '--session', 'tv');
		await cli.ok('progress', 'a', '--episode', '1', '--time', '10', '--duration', '1440', '--event', 'heartbeat', '--session', 'bed');
		assert.equal((await cli.json('resume', 'a')).currentTime, 700);
		const { progress } = await cli.json('history', 'a', '--progress');
		assert.deepEqual(progress.map((e) => e.outcome), ['candidate', 'applied']);
	});

	test('the last change is taken back, and back again', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a', 'Title', '--rating', '3');
		await cli.ok('set', 'a', '--status', 'completed');
		await cli.ok('set', 'a', '--rating', '8', '--notes', 'better than I thought');
		const before = await cli.json('show', 'a');
		await cli.ok('undo', 'a');
		let { watchlist } = await cli.json('show', 'a');
		assert.deepEqual([watchlist.rating, watchlist.notes, watchlist.status], [3, '', 'completed']);
		await cli.ok('undo', 'a');
		({ watchlist } = await cli.json('show', 'a'));
		assert.equal(watchlist.rating, before.watchlist.rating);
		assert.equal(watchlist.notes, before.watchlist.notes);
	});

	test('a removed title comes back whole, an added one goes, an old entry can be named', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a', 'Title', '--rating', '3', '--notes', 'mine');
		await cli.ok('rm', 'a');
		await cli.fails(5, /no a here/, 'show', 'a');
		await cli.ok('undo', 'a');
		const { watchlist } = await cli.json('show', 'a');
		assert.deepEqual([watchlist.animeTitle, watchlist.rating, watchlist.notes], ['Title', 3, 'mine']);
		await cli.ok('add', 'b');
		await cli.ok('undo', 'b');
		await cli.fails(5, /no b here/, 'show', 'b');
		await cli.ok('progress', 'c', '--episode', '1', '--time', '100');
		await cli.ok('progress', 'c', '--episode', '2', '--time', '200');
		const entry = (await cli.json('history', 'c')).progress.find((e) => e.registers.position.currentEpisode === 1);
		await cli.ok('undo', 'c', '--seq', String(entry.seq));
		assert.equal((await cli.json('resume', 'c')).currentTime, 100);
		await cli.ok('undo', 'c');
		assert.equal((await cli.json('resume', 'c')).currentTime, 200);
	});

	test('rm is about the watchlist unless it is told otherwise', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a');
		await cli.ok('progress', 'a', '--episode', '1', '--time', '5');
		await cli.ok('rm', 'a');
		assert.equal((await cli.json('show', 'a')).watchlist, null);
		await cli.fails(5, /not in the watchlist/, 'rm', 'a');
		await cli.ok('rm', 'a', '--progress');
		await cli.fails(5, /not being watched/, 'rm', 'a', '--progress');
	});

	test('what waits for a server that nobody has named is nothing, and syncing says what to do', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a');
		const status = await cli.status();
		assert.deepEqual([status.loggedIn, status.server, status.waiting, status.rejected], [false, null, 0, []]);
		await cli.fails(4, /tsuzuki login URL/, 'sync');
		await cli.fails(4, /Not logged in/, 'devices');
		await cli.ok('logout');
	});

	test('the folder is of this user alone, wherever it is', async () => {
		const home = tempDir('home');
		const cli = new Cli({ dir: path.join(home, '.local', 'share', 'tsuzuki'), env: { HOME: home } });
		const first = spawnSync(CLI, ['add', 'a'], { env: { HOME: home, PATH: process.env.PATH } });
		assert.equal(first.status, 0, String(first.stderr));
		assert.equal((await cli.json('list')).length, 1, '~/.local/share/tsuzuki is where it lies');
		assert.equal(statSync(cli.dir).mode & 0o777, 0o700);
		for (const file of ['tsuzuki.db', 'session.json']) assert.equal(statSync(path.join(cli.dir, file)).mode & 0o777, 0o600);
		const data = path.join(home, 'elsewhere');
		mkdirSync(data);
		await cli.run(['add', 'b', '--data-dir', path.join(data, 'deep', 'down')]);
		assert.ok(statSync(path.join(data, 'deep', 'down', 'tsuzuki.db')).isFile());
	});
});

describe('words, options, exit codes', () => {
	const cli = new Cli();

	test('--help is everything on standard output; nothing said is the short form and a wrong use', async () => {
		const help = await cli.run(['--help']);
		assert.equal(help.code, 0);
		for (const name of COMMANDS) assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'));
		const nothing = await cli.run([], {});
		assert.equal(nothing.code, 2);
		assert.equal(nothing.stdout, '');
		assert.match(nothing.stderr, /Usage: tsuzuki COMMAND/);
		assert.match((await cli.run(['--version'])).stdout, /^tsuzuki \d+\.\d+\.\d+\n$/);
	});

	for (const name of COMMANDS)
		test(`tsuzuki ${name} --help has an example`, async () => {
			const { code, stdout, stderr } = await cli.run([name, '--help']);
			assert.equal(code, 0);
			assert.equal(stderr, '');
			assert.match(stdout, new RegExp(`Examples:\n(.*\n)*.*tsuzuki ${name}`));
			assert.equal((await cli.run(['help', name])).stdout, stdout);
		});

	const wrong = [
		[['lst'], /There is no command lst\. Did you mean list\?/],
		[['stauts'], /Did you mean status\?/],
		[['add'], /Say which title/],
		[['add', 'a', 'b', 'c'], /one word too many/],
		[['add', 'a', '--raitng', '3'], /does not take --raitng\. Did you mean --rating\?/],
		[['list', '--rating', '3'], /does not take --rating/],
		[['set', 'a', '--rating'], /--rating needs a value/],
		[['list', '--json=yes'], /--json takes no value/],
		[['add', 'a', '--rating', '11'], /--rating takes 1 to 10/],
		[['add', 'a', '--status', 'seen'], /plan_to_watch, watching/],
		[['list', '--status', 'seen'], /plan_to_watch, watching/],
		[['list', '--status', 'watching', '--continue'], /do not go together/],
		[['add', 'a', '--total', '-1'], /whole number/],
		[['add', 'a', '--title', 'x'.repeat(301)], /at most 300/],
		[['add', 'x'.repeat(201)], /1 to 200 bytes/],
		[['add', 'a\nb'], /control characters/],
		[['progress', 'a'], /--episode/],
		[['progress', 'a', '--episode', '0'], /from 1 to 1,000,000/],
		[['progress', 'a', '--episode', '1', '--time', '12:60'], /--time takes/],
		[['progress', 'a', '--episode', '1', '--time', '1e3'], /--time takes/],
		[['progress', 'a', '--episode', '1', '--event', 'watch'], /open, heartbeat/],
		[['progress', 'a', '--episode', '1', '--dub', 'maybe'], /yes or no/],
		[['undo', 'a', '--seq', 'x'], /--seq takes/],
		[['login', 'ftp://x', '--email', 'a@b.c'], /no address of a server/],
		[['login', '--email', 'a@b.c'], /Say which server/],
		[['login', 'http://localhost:1'], /--email/],
	];
	for (const [args, pattern] of wrong)
		test(`wrong: ${args.join(' ').slice(0, 60).replace('\n', ' ')}`, async () => {
			const { code, stdout, stderr } = await new Cli().run(args, { input: 'password\n' });
			assert.equal(code, 2, stderr);
			assert.equal(stdout, '');
			assert.match(stderr, pattern);
			assert.match(stderr, /^tsuzuki: [^\n]+\n$/, 'one line, that says who speaks');
		});

	test('adding twice is a conflict, changing what is not there is not found', async () => {
		const one = new Cli();
		await one.ok('add', 'a');
		await one.fails(6, /already/, 'add', 'a');
		await one.fails(5, /not in the watchlist/, 'set', 'b', '--rating', '3');
		await one.fails(5, /no history/, 'history', 'b');
		await one.fails(5, /no history/, 'undo', 'b');
		await one.fails(2, /what is to be changed/, 'set', 'a');
		await one.fails(5, /Nothing is being watched/, 'resume');
	});
});

describe('what people see', () => {
	// A terminal of our own: util-linux' script runs the command in one.
	const onTerminal = (cli, args, env = {}) => {
		const line = [CLI, ...args, '--data-dir', cli.dir].map((word) => `'${word}'`).join(' ');
		return new Cli({ dir: cli.dir, env: { TERM: 'xterm', ...env }, wrap: ['script', '-qec', line, '/dev/null'] }).bare();
	};

	test('a terminal gets a table with bars, a pipe gets lines with tabs', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a', 'Ghost Story', '--watched', '6', '--total', '12');
		assert.equal((await cli.ok('list')).stdout, 'a\tplan_to_watch\t6/12\t\tGhost Story\n');
		const seen = (await onTerminal(cli, ['list'])).stdout;
		assert.match(seen, /KEY +STATUS +SEEN +RATING +TITLE/);
		assert.match(seen, /█████░░░░░ 6\/12/);
		assert.match(seen, /\u001b\[1m/);
		assert.doesNotMatch((await onTerminal(cli, ['list'], { NO_COLOR: '1' })).stdout, /\u001b/);
		assert.doesNotMatch((await onTerminal(cli, ['list', '--no-color'])).stdout, /\u001b/);
		assert.doesNotMatch((await onTerminal(cli, ['list'], { TERM: 'dumb' })).stdout, /\u001b|█/);
	});

	test('text of others reaches the terminal without control characters', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a', 'T\u001b]0;owned\u0007\u009b31m\u202eend', '--notes', 'two\nlines\ttab');
		for (const args of [['list'], ['show', 'a'], ['history', 'a'], ['resume']]) {
			if (args[0] === 'resume') await cli.ok('progress', 'a', '--episode', '1', '--time', '1');
			const { stdout } = await cli.ok(...args);
			assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
		}
		assert.equal((await cli.json('show', 'a')).watchlist.notes, 'two\nlines\ttab', 'JSON keeps it');
	});

	test('a reader that goes away is an error, not a crash', async () => {
		const cli = new Cli();
		await cli.ok('add', 'a');
		const closed = new Cli({ dir: cli.dir, wrap: ['sh', '-c', '"$@" >/dev/full', 'sh'] });
		const end = await closed.run(['list', '--json']);
		assert.equal(end.code, 74, end.stderr);
	});
});
