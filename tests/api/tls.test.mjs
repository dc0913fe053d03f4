// Certificates that change under a stream of HTTPS requests: SIGHUP reads them, a broken one changes nothing, nobody notices.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import tls from 'node:tls';
import { before, describe, test } from 'node:test';
import { client, request } from '../harness/client.mjs';
import { startDaemon, tempDir, waitFor } from '../harness/daemon.mjs';
import { person } from './support.mjs';

const ROUNDS = 40;
const STREAMS = 3;
const RELOADED = /The certificate was reloaded/g;
const KEPT = /The certificate was not reloaded and the old one stays in use\./g;
let folder;
let pairs;
let broken;

// A pair of our own making; PEM texts.
function pair(name) {
	const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
		'-subj', `/CN=${name}`, '-keyout', key, '-out', cert], { stdio: 'ignore' });
	return { name, key: readFileSync(key), cert: readFileSync(cert) };
}

// What a new connection is shown.
function shown(daemon) {
	return new Promise((resolve, reject) => {
		const socket = tls.connect({ host: '127.0.0.1', port: daemon.port, rejectUnauthorized: false }, () => {
			const { subject } = socket.getPeerCertificate();
			socket.end();
			resolve(subject.CN);
		});
		socket.on('error', reject);
	});
}

const times = (daemon, pattern) => (daemon.log().match(pattern) ?? []).length;

async function start() {
	const [cert, key] = [join(folder, 'served.crt'), join(folder, 'served.key')];
	const put = (one) => {
		for (const [path, bytes] of [[cert, one.cert], [key, one.key]]) {
			rmSync(path, { force: true });
			if (bytes !== null)
				writeFileSync(path, bytes, { mode: 0o600 });
		}
	};
	put(pairs[0]);
	const daemon = await startDaemon({ config: `TLS_CERT=${cert}\nTLS_KEY=${key}\nLOG_LEVEL=info\n`, env: { LOG_LEVEL: null } });
	return { daemon, put };
}

// Requests without a pause, each checked; `agent` says whether they share a connection.
function stream(daemon, who, agent) {
	const state = { sent: 0, failed: [], stop: false };
	state.done = (async () => {
		while (!state.stop) {
			state.sent++;
			try {
				const write = state.sent % 2 === 0;
				const reply = write
					? await request(daemon.url, 'POST', '/api/continue-watching', { token: who.token, agent, body: {
						animeId: 'tls', animeTitle: 'TLS', currentEpisode: 1, currentTime: state.sent, duration: 1440 } })
					: await request(daemon.url, 'GET', '/api/auth/me', { token: who.token, agent });
				if (reply.status !== 200 || reply.json?.success !== true)
					state.failed.push(`${reply.status} ${reply.text}`);
			} catch (error) {
				state.failed.push(error.message);
			}
		}
	})();
	return state;
}

before(() => {
	folder = tempDir('tls');
	pairs = ['one', 'two', 'three', 'four'].map(pair);
	const [one, two] = pairs;
	broken = [
		{ cert: 'no certificate\n', key: one.key },
		{ cert: two.cert, key: one.key }, // of another pair
		{ cert: one.cert, key: '' },
		{ cert: null, key: one.key }, // missing
		{ cert: one.cert.subarray(0, one.cert.length / 2), key: one.key },
	];
});

describe('over TLS', () => {
	test('a certificate is read again on SIGHUP under load, a broken one never, and no request fails', async () => {
		const { daemon, put } = await start();
		const who = await person(daemon);
		const agents = [undefined, new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })];
		const streams = Array.from({ length: STREAMS }, (_, i) => stream(daemon, who, agents[i % agents.length]));
		let current = pairs[0];
		for (let round = 0; round < ROUNDS; round++) {
			const bad = round % 4 === 3;
			const pattern = bad ? KEPT : RELOADED;
			const told = times(daemon, pattern);
			if (!bad)
				current = pairs[(round + 1) % pairs.length];
			put(bad ? broken[(round >> 2) % broken.length] : current);
			daemon.signal('SIGHUP');
			await waitFor(() => times(daemon, pattern) > told, { what: `round ${round} in the log` });
			assert.equal(await shown(daemon), current.name, `round ${round}`);
		}
		for (const one of streams)
			one.stop = true;
		await Promise.all(streams.map((one) => one.done));
		agents[1].destroy();
		for (const one of streams) {
			assert.deepEqual(one.failed, []);
			assert.ok(one.sent >= 10, `only ${one.sent} requests`);
		}
		assert.equal(times(daemon, RELOADED), ROUNDS * 3 / 4);
		assert.equal(times(daemon, KEPT), ROUNDS / 4);
		await daemon.stop();
	});

	test('a connection that was there keeps working with what it began with', async () => {
		const { daemon, put } = await start();
		const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
		const first = await request(daemon.url, 'GET', '/health', { agent });
		assert.equal(first.status, 200);
		put(pairs[1]);
		daemon.signal('SIGHUP');
		await waitFor(async () => await shown(daemon) === 'two', { what: 'the new certificate' });
		const second = await request(daemon.url, 'GET', '/health', { agent });
		assert.equal(second.status, 200);
		const [socket] = Object.values(agent.freeSockets)[0] ?? [];
		assert.equal(socket?.getPeerCertificate().subject.CN, 'one', 'it is still the first connection');
		agent.destroy();
		await daemon.stop();
	});

	test('a reload writes no key into the log, and names the file and what is wrong', async () => {
		const { daemon, put } = await start();
		put(broken[1]);
		daemon.signal('SIGHUP');
		await daemon.waitLog(/stays in use\. TLS_KEY: \S*served\.key holds no key for that certificate .*mismatch/);
		assert.doesNotMatch(daemon.log(), /BEGIN|PRIVATE/);
		assert.equal((await client(daemon.url).api('GET', '/health')).status, 200);
		await daemon.stop();
	});
});
