// One user never reads, writes or learns of another's data (sync-protocol.md S10). The cases come from openapi.json.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { client } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { MISSING_OID, NOT_AUTHORIZED, everything, good, hex, listed, person, refused, watched } from './support.mjs';

const doc = JSON.parse(readFileSync(new URL('../../schema/openapi.json', import.meta.url), 'utf8'));
const operations = Object.entries(doc.paths).flatMap(([path, methods]) =>
	Object.entries(methods).map(([method, operation]) => ({
		method: method.toUpperCase(),
		path,
		operation,
		secured: operation.security.some((s) => s.bearer) && operation.security.every((s) => s.bearer),
	})),
);

let daemon, api, a, b, owned;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
	[a, b] = [await person(daemon, { deviceName: 'Of A' }), await person(daemon, { deviceName: 'Of B' })];
	const item = good(await a.post('/api/watchlist', listed('of-a', { notes: 'private', rating: 9 })), 201);
	good(await a.post('/api/continue-watching', watched('of-a', 5, 777, 1440, { episodeTitle: 'private' })));
	const [row] = good(await a.get('/api/history/progress/of-a'));
	owned = { item, seq: row.seq };
	// B has data too, so that a mixed-up answer would show.
	good(await b.post('/api/watchlist', listed('of-b')), 201);
	good(await b.post('/api/continue-watching', watched('of-b', 1, 5, 10)));
});

// Per path: what A owns there, and an id of the same form that nobody has.
function targets(path) {
	if (path.startsWith('/api/devices/')) return { id: [a.deviceId, hex(8)] };
	if (path.startsWith('/api/notification/')) return { id: [owned.item._id, MISSING_OID] };
	if (path.startsWith('/api/history/')) return { collection: ['progress', 'progress'], key: ['of-a', 'of-x'] };
	if (path.includes('{animeId}')) return { animeId: ['of-a', 'of-x'] };
	return { id: [owned.item._id, MISSING_OID] };
}

const fill = (path, values, which) => path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name][which]));

function bodyOf(operation) {
	const examples = operation.requestBody?.content['application/json'].examples;
	const fine = examples && Object.values(examples).find((e) => e['x-expect'] < 300);
	return fine?.value;
}

describe("B's token on A's ids answers in the same bytes as an id that nobody has, and A's data stays", () => {
	for (const { method, path, operation } of operations.filter((o) => o.path.includes('{')))
		test(`${method} ${path}`, async () => {
			const [heldA, heldB] = [await everything(a), await everything(b)];
			const values = targets(path);
			const body = operation.operationId === 'restore' ? { seq: owned.seq } : bodyOf(operation);
			const theirs = await api(method, fill(path, values, 0), { token: b.token, body });
			const missing = await api(method, fill(path, values, 1), { token: b.token, body });
			assert.equal(theirs.status, missing.status);
			assert.equal(theirs.text, missing.text);
			assert.ok(!theirs.text.includes('private'));
			if (method !== 'GET') assert.equal(theirs.status, 404, theirs.text);
			assert.equal(await everything(a), heldA);
			assert.equal(await everything(b), heldB);
			good(await a.get('/api/auth/me'));
		});
	test("and the same holds for ids in the other collection's place and in upper case", async () => {
		const progress = good(await a.get('/api/continue-watching/of-a'));
		for (const id of [progress._id, owned.item._id.toUpperCase(), a.id])
			refused(await b.put(`/api/watchlist/${id}`, { rating: 1 }), 404, 'Watchlist item not found');
	});
});

describe('without a token nothing of a user is reached', () => {
	for (const { method, path, operation, secured } of operations)
		if (secured)
			test(`${method} ${path} is 401`, async () => {
				for (const which of [0, 1]) {
					const filled = path.includes('{') ? fill(path, targets(path), which) : path;
					refused(await api(method, filled, { body: bodyOf(operation) }), 401, NOT_AUTHORIZED);
				}
			});
	test('the operations that need none are the known few', () => {
		assert.deepEqual(
			operations
				.filter((o) => !o.secured)
				.map((o) => `${o.method} ${o.path}`)
				.sort(),
			[
				'GET /',
				'GET /api/openapi.json',
				'GET /health',
				'GET /health/ready',
				'GET /metrics',
				'GET /page.css',
				'POST /api/auth/forgot-password',
				'POST /api/auth/login',
				'POST /api/auth/refresh',
				'POST /api/auth/register',
			],
		);
	});
});

describe("lists hold only one's own", () => {
	for (const path of [
		'/api/watchlist',
		'/api/continue-watching',
		'/api/devices',
		'/api/auth/me',
		'/api/watchlist/stats',
		'/api/notification',
		'/api/users/preferences',
	])
		test(`GET ${path}`, async () => {
			const { text } = await b.get(path);
			for (const secret of ['of-a', 'Of A', a.username, a.email, a.id, a.deviceId, owned.item._id])
				assert.ok(!text.includes(secret), secret);
		});
	test('B clearing, deleting and leaving touches nothing of A', async () => {
		const c = await person(daemon);
		const held = await everything(a);
		good(await c.post('/api/watchlist', listed('of-a')), 201);
		good(await c.post('/api/continue-watching', watched('of-a', 1, 5, 10)));
		assert.equal((await c.del('/api/continue-watching/of-a')).status, 200);
		assert.equal((await c.del('/api/continue-watching')).status, 200);
		assert.equal((await c.del('/api/users/account')).status, 200);
		assert.equal(await everything(a), held);
	});
});
