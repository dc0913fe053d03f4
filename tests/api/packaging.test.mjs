// packaging/: what install-depends asks apt for, with stand-ins for dpkg and apt before it on the PATH; the manual.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BIN } from '../harness/daemon.mjs';

const script = new URL('../../packaging/install-depends', import.meta.url).pathname;
let folder;

function standIn(name, text) {
	writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

// What apt-get was asked to install, for packages in the given states.
function asked(list, states) {
	const calls = join(folder, 'calls');
	const cases = Object.entries(states).map(([name, state]) => `${name}) printf '%s' '${state}' ;;`).join(' ');
	writeFileSync(calls, '');
	writeFileSync(join(folder, 'list'), list);
	standIn('dpkg-query', `for last; do :; done; case $last in ${cases} *) exit 1 ;; esac`);
	standIn('apt-cache', "echo '  Candidate: 1.0'");
	standIn('apt-get', `echo "$@" >>'${calls}'`);
	standIn('sudo', 'exec "$@"');
	standIn('there', 'true');
	execFileSync(script, [join(folder, 'list')],
		{ env: { ...process.env, PATH: `${folder}:${process.env.PATH}` }, stdio: 'ignore' });
	return (/--no-install-recommends (.*)\n/.exec(readFileSync(calls, 'utf8')) ?? ['', ''])[1];
}

describe('install-depends', () => {
	before(() => {
		folder = mkdtempSync(join(tmpdir(), 'tsuzuki-packaging-'));
	});
	after(() => rmSync(folder, { recursive: true, force: true }));

	test('asks for nothing when everything is there', () => {
		assert.equal(asked('one\ntwo\n', { one: 'installed ', two: 'installed installed ' }), '');
	});

	test('takes a package that is only known, or only removed, as missing', () => {
		const states = { here: 'installed ', named: 'not-installed ', removed: 'config-files ', half: 'half-installed ',
			mixed: 'not-installed installed ' };
		assert.equal(asked('here\nunknown\nnamed\nremoved\nhalf\nmixed\n', states), 'unknown named removed half');
	});

	test('needs no package whose commands are all there', () => {
		assert.equal(asked('# a comment\n\nwith there\npart there absent\n', {}), 'part');
	});
});

describe('the manual', () => {
	for (const name of ['tsuzukid', 'tsuzuki'])
		test(`says about ${name}'s commands what the program says (else: packaging/reference PROGRAM)`, () => {
			const reference = new URL('../../packaging/reference', import.meta.url).pathname;
			const run = spawnSync(reference, [join(dirname(BIN), name), '--check'], { encoding: 'utf8' });
			assert.equal(run.status, 0, run.stdout + run.stderr);
		});
});
