// Pings come every `heartbeat` seconds, and two that are not answered close (sync-protocol.md section 7).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon, waitFor } from '../../harness/daemon.mjs';
import { person } from '../../api/support.mjs';
import { follow, tickOf } from '../support.mjs';

test('who answers pings stays, who does not is cut after two', async () => {
	const daemon = await startDaemon();
	const who = await person(daemon);
	const alive = await follow(daemon, who);
	const dead = await follow(daemon, who, {}, { autoPong: false });
	const beat = alive.welcome.heartbeat * 1000;
	await waitFor(() => alive.pings >= 1 && dead.pings >= 1, { timeout: 5 * beat, what: 'a ping' });
	await waitFor(() => dead.end, { timeout: 5 * 3 * beat, what: 'the silent one to be cut' });
	assert.equal(dead.pings, 2);
	await waitFor(() => alive.pings > 2, { timeout: 5 * beat, what: 'further pings' });
	assert.equal((await alive.tick(1, tickOf('a', 1, 1))).outcome, 'applied');
	await alive.close();
	await daemon.stop();
});
