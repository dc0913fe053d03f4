// Who is too late is closed with 4408: no hello, a frame that never ends (sync-protocol.md section 7).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { person } from '../api/support.mjs';
import { Live, follow, header, tickOf } from './support.mjs';

test('ten seconds for hello, fifteen for a whole frame; then 4408, and a crowd that never says hello is gone', async () => {
	const daemon = await startDaemon({ env: { MAX_CONNECTIONS_PER_ADDRESS: '0' } });
	const who = await person(daemon);
	const silent = [];
	for (let i = 0; i < 200; i++) silent.push(new Live(daemon, i % 2 ? { headers: header(who.token) } : {}));
	await Promise.all(silent.map((live) => live.opened));
	const dripping = await follow(daemon, who);
	dripping.ws.send('{"type":', { fin: false });
	const timer = setInterval(() => dripping.end || dripping.ws.send(' ', { fin: false }), 500);
	const chatty = new Live(daemon);
	await chatty.opened;
	const errors = setInterval(() => chatty.end || chatty.send('{}'), 500);
	const busy = await follow(daemon, who);
	assert.equal((await busy.tick(1, tickOf('a', 1, 5))).type, 'ack', 'nobody else is held up');
	for (const live of silent) {
		const bye = await live.next('bye', 50000);
		assert.equal(bye.code, 'no_hello');
		assert.equal(await live.code(), 4408);
	}
	assert.equal(await chatty.code(50000), 4408, 'frames that are no hello do not help');
	assert.equal((await dripping.next('bye', 75000)).code, 'unfinished');
	assert.equal(await dripping.code(), 4408);
	clearInterval(timer);
	clearInterval(errors);
	assert.equal((await busy.tick(2, tickOf('a', 1, 6))).type, 'ack', 'one that said hello stays');
	await busy.close();
	await daemon.stop();
});
