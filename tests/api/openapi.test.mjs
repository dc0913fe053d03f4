// The contract and the program agree in both directions: routes, examples, and every answer of a visit to all routes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import Ajv from 'ajv';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { good, hex, listed, person, session, watched } from './support.mjs';

const source = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const doc = JSON.parse(source('schema/openapi.json'));
const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace'];

const operations = Object.entries(doc.paths).flatMap(([path, methods]) =>
	Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

function resolve(node) {
	while (node?.$ref) {
		assert.ok(node.$ref.startsWith('#/'), node.$ref);
		node = node.$ref
			.slice(2)
			.split('/')
			.reduce((at, step) => at?.[step], doc);
	}
	return node;
}

// ajv knows OpenAPI's `nullable`; the rest of OpenAPI's words are none of its business.
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema(doc, 'doc');
const compiled = new Map();
function validator(schema) {
	const text = JSON.stringify(schema).replaceAll('"#/', '"doc#/');
	if (!compiled.has(text)) compiled.set(text, ajv.compile(JSON.parse(text)));
	return compiled.get(text);
}
function valid(schema, value, what) {
	const check = validator(schema);
	assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value)?.slice(0, 2000)}`);
}

/** The answer is one that the document promises for this operation. */
function promised({ method, path, operation }, reply) {
	const what = `${method} ${path} ${reply.status}`;
	const response = resolve(operation.responses[reply.status]);
	assert.ok(response, `${what} is not in the document: ${reply.text.slice(0, 500)}`);
	const type = (reply.headers.get('content-type') ?? '').split(';')[0];
	assert.ok(response.content[type], `${what}: ${type} is not in the document`);
	if (type === 'application/json') valid(response.content[type].schema, reply.json, what);
}

describe('the document', () => {
	test('is OpenAPI 3.0.3, with a bearer scheme', () => {
		assert.equal(doc.openapi, '3.0.3');
		assert.deepEqual(resolve({ $ref: '#/components/securitySchemes/bearer' }).scheme, 'bearer');
		assert.ok(doc.info.title && doc.info.version);
	});
	test('every reference leads somewhere, and every component is used', () => {
		const used = new Set();
		(function walk(node) {
			if (node && typeof node === 'object') {
				if (node.$ref) {
					assert.ok(resolve(node), node.$ref);
					used.add(node.$ref);
				}
				Object.values(node).forEach(walk);
			}
		})(doc);
		for (const kind of ['schemas', 'responses', 'headers'])
			for (const name of Object.keys(doc.components[kind]))
				assert.ok(used.has(`#/components/${kind}/${name}`), `${kind}/${name} is not used`);
	});
	test('every operation has an id of its own, a summary, its path parameters and a success', () => {
		const ids = new Set();
		for (const { method, path, operation } of operations) {
			const what = `${method} ${path}`;
			assert.ok(METHODS.includes(method.toLowerCase()), what);
			assert.match(operation.operationId, /^[a-z][A-Za-z]+$/, what);
			assert.ok(!ids.has(operation.operationId), operation.operationId);
			ids.add(operation.operationId);
			assert.ok(operation.summary?.length > 0, what);
			const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
			const declared = (operation.parameters ?? [])
				.filter((p) => p.in === 'path')
				.map((p) => p.name)
				.sort();
			assert.deepEqual(declared, inPath, what);
			for (const parameter of operation.parameters ?? []) {
				assert.ok(parameter.example !== undefined, `${what} ${parameter.name} has no example`);
				valid(parameter.schema, parameter.example, `${what} ${parameter.name}`);
			}
			assert.ok(
				Object.keys(operation.responses).some((status) => status.startsWith('2')),
				what,
			);
			assert.ok(Array.isArray(operation.security), `${what} says whether it needs a token`);
		}
	});
	test('every body and every response has an example, and each example fits its schema', () => {
		for (const { method, path, operation } of operations) {
			const what = `${method} ${path}`;
			for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
				assert.equal(type, 'application/json', what);
				assert.ok(Object.keys(media.examples ?? {}).length > 0, `${what} has no example of a body`);
				for (const [name, example] of Object.entries(media.examples)) {
					assert.ok(Number.isInteger(example['x-expect']), `${what} ${name} does not say what it expects`);
					if (example['x-expect'] < 300) valid(media.schema, example.value, `${what} ${name}`);
				}
			}
			for (const [status, reference] of Object.entries(operation.responses)) {
				const response = resolve(reference);
				assert.ok(response.description.length > 0, `${what} ${status}`);
				for (const [type, media] of Object.entries(response.content)) {
					assert.ok(Object.keys(media.examples ?? {}).length > 0, `${what} ${status} has no example`);
					if (type === 'application/json')
						for (const [name, example] of Object.entries(media.examples))
							valid(media.schema, example.value, `${what} ${status} ${name}`);
				}
			}
		}
	});
	test('our replies are closed: a field that is not in the document fails the tests', () => {
		for (const { method, path, operation } of operations)
			for (const [status, reference] of Object.entries(operation.responses))
				for (const [type, media] of Object.entries(resolve(reference).content)) {
					if (type !== 'application/json' || (operation.operationId === 'openapi' && status === '200')) continue;
					(function closed(schema, what) {
						const node = resolve(schema);
						if (node.type === 'object' && !node.nullable) assert.equal(node.additionalProperties, false, what);
						for (const [name, child] of Object.entries(node.properties ?? {})) closed(child, `${what}.${name}`);
						if (node.items) closed(node.items, `${what}[]`);
						(node.oneOf ?? []).forEach((child) => closed(child, what));
					})(media.schema, `${method} ${path} ${status}`);
				}
	});
});

describe('routes', () => {
	const routes = [...source('daemon/routes.def').matchAll(/^ROUTE\((\w+), "([^"]+)", (\w+), (\w+), (\w+), \w+\)/gm)].map(
		([, method, path, scope, cap, rate]) => ({
			name: `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
			scope,
			body: cap !== '0',
			rate,
		}),
	);
	const documented = new Map(operations.map((o) => [`${o.method} ${o.path}`, o.operation]));
	test('every route of the program is in the document, and the other way round', () => {
		assert.ok(routes.length > 30);
		assert.deepEqual(routes.map((r) => r.name).sort(), [...documented.keys()].sort());
	});
	test('token, body and rate limit are as the program has them', () => {
		for (const { name, scope, body, rate } of routes) {
			const operation = documented.get(name);
			if (scope === 'USER') assert.deepEqual(operation.security, [{ bearer: [] }], name);
			else assert.ok(operation.security.length === 0 || operation.security.some((s) => Object.keys(s).length === 0), name);
			assert.equal(operation.requestBody !== undefined, body, name);
			assert.equal(operation.responses[429] !== undefined, rate !== 'NONE', name);
			assert.equal(operation.responses[401] !== undefined || scope === 'PUBLIC', true, name);
		}
	});
});

describe('every example of a body gets the status that it says, from a user who has one of everything', () => {
	let daemon;
	before(async () => {
		daemon = await startDaemon();
	});
	const KEY = 'attack-on-titan-001';

	// The account of the examples exists only for the examples that sign in to it.
	async function stage(operation) {
		const own =
			operation.operationId === 'register'
				? {}
				: { username: unique(), email: `${unique()}@example.com`, password: 'securepassword123' };
		if (operation.operationId === 'register') return { who: { token: undefined } };
		const who = await person(daemon, own);
		if (operation.operationId !== 'addToWatchlist') good(await who.post('/api/watchlist', listed(KEY, { rating: 9 })), 201);
		good(await who.post('/api/continue-watching', watched(KEY, 13, 720, 1440)));
		const other = await session(daemon, who);
		const [item] = good(await who.get('/api/watchlist'));
		const [row] = good(await who.get(`/api/history/progress/${KEY}`));
		return { who, other, item, row };
	}
	// Examples name things that only exist in the document; here they get the names of the user at hand.
	function fit(operation, value, { who, row }) {
		const text = JSON.stringify(value, (name, v) => {
			if (name === 'email' && typeof v === 'string' && v.trim().toLowerCase() === 'user@example.com' && who.email)
				return v === v.toUpperCase() ? who.email.toUpperCase() : who.email;
			return v;
		});
		const fitted = JSON.parse(text);
		if (
			operation.operationId === 'refreshSession' &&
			fitted.refreshToken ===
				doc.paths['/api/auth/refresh'].post.requestBody.content['application/json'].examples.refresh.value.refreshToken
		)
			fitted.refreshToken = who.refreshToken;
		if (operation.operationId === 'restore' && fitted.seq === 1041) fitted.seq = row.seq;
		if (operation.operationId === 'register' && typeof fitted.username === 'string' && fitted.username.length > 3) {
			fitted.username = unique();
			if (fitted.email.includes('.com')) fitted.email = fitted.email.replace(/(\w+)@/, `$1${hex(6)}@`);
		}
		if (operation.operationId === 'updateProfile' && fitted.username === 'newusername') fitted.username = unique();
		return fitted;
	}
	const pathOf = (path, operation, { item, other }) =>
		path.replace(/\{(\w+)\}/g, (_, name) => {
			if (name === 'id' && path.startsWith('/api/watchlist')) return item._id;
			if (name === 'id' && path.startsWith('/api/devices')) return other.deviceId;
			return encodeURIComponent(operation.parameters.find((p) => p.name === name).example);
		});

	for (const one of operations) {
		const { method, path, operation } = one;
		const examples = operation.requestBody?.content['application/json'].examples;
		for (const [name, example] of Object.entries(examples ?? { '': {} }))
			test(`${method} ${path} ${name}`, async () => {
				const scene = await stage(operation);
				const { api } = client(daemon.url);
				const body = examples ? fit(operation, example.value, scene) : undefined;
				const token = operation.security.length > 0 ? scene.who.token : undefined;
				const query = (operation.parameters ?? [])
					.filter((p) => p.in === 'query')
					.map((p) => `${p.name}=${p.example}`)
					.join('&');
				const reply = await api(method, pathOf(path, operation, scene) + (query && `?${query}`), { token, body });
				promised(one, reply);
				if (examples) assert.equal(reply.status, example['x-expect'], reply.text);
				else if (operation.operationId !== 'readNotification') assert.equal(reply.status, 200, reply.text);
				if (reply.status === 422) assert.ok(reply.json.errors.length > 0);
			});
	}
});

test('every answer of a visit to all routes, good and bad, is one that the document promises', async () => {
	const daemon = await startDaemon({ env: { REGISTRATION: 'open' } });
	const { api } = client(daemon.url);
	const who = await person(daemon, { deviceName: 'Kitchen' });
	const statuses = new Map();
	async function ask(method, path, { token = who.token, body, headers } = {}) {
		const [plain] = path.split('?');
		const one = operations.find(
			(o) =>
				o.method === method &&
				new RegExp(`^${o.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '.+')}$`).test(plain) &&
				(o.path.includes('{') || o.path === plain) &&
				!operations.some((p) => p.method === method && p.path === plain && p !== o) &&
				!(o.path === '/api/watchlist/{id}' && plain.includes('/check/')),
		);
		assert.ok(one, `${method} ${path}`);
		const reply = await api(method, path, { token: token ?? undefined, body, headers });
		promised(one, reply);
		const name = `${method} ${one.path}`;
		statuses.set(name, new Set([...(statuses.get(name) ?? []), reply.status]));
		return reply;
	}
	// Strangers and odd bodies everywhere.
	for (const { method, path, operation } of operations) {
		const at = path.replace(/\{collection\}/, 'progress').replace(/\{\w+\}/g, 'zzz');
		if (operation.security.length > 0 && path !== '/metrics') {
			await ask(method, at, { token: null });
			await ask(method, at, { token: 'null' });
		}
		if (operation.requestBody)
			for (const [body, type] of [
				['{', 'application/json'],
				['{}', 'text/plain'],
				[`{"x":"${'x'.repeat(70000)}"}`, 'application/json'],
				['{"x":1}', 'application/json'],
			])
				await ask(method, at, { body, headers: { 'content-type': type } });
	}
	// A user's day.
	const fresh = unique();
	const account = { username: fresh, email: `${fresh}@example.com`, password: 'securepassword123' };
	await ask('POST', '/api/auth/register', { token: null, body: account });
	await ask('POST', '/api/auth/register', { token: null, body: account });
	await ask('POST', '/api/auth/register', { token: null, body: { ...account, email: `x${account.email}` } });
	await ask('POST', '/api/auth/login', { token: null, body: account });
	await ask('POST', '/api/auth/login', { token: null, body: { ...account, password: 'wrong' } });
	await ask('POST', '/api/auth/forgot-password', { token: null, body: account });
	await ask('GET', '/api/auth/me');
	await ask('POST', '/api/auth/refresh', { token: null, body: { refreshToken: 'x' } });
	const twin = await ask('POST', '/api/auth/refresh', {
		token: null,
		body: { refreshToken: who.refreshToken, newDevice: true },
	});
	await ask('GET', '/api/devices');
	await ask('DELETE', `/api/devices/${twin.json.data.deviceId}`);
	await ask('PUT', '/api/users/profile', { body: { username: unique(), avatar: 'https://a.example/x.png' } });
	await ask('PUT', '/api/users/profile', { body: { username: fresh.toUpperCase() } });
	await ask('PUT', '/api/users/settings', { body: { dropped: true } });
	await ask('PUT', '/api/users/preferences', { body: { audio: 'dub' } });
	await ask('GET', '/api/users/preferences');
	await ask('GET', '/api/watchlist');
	await ask('GET', '/api/watchlist/stats');
	const { _id } = (await ask('POST', '/api/watchlist', { body: listed('x', { rating: 7, notes: 'n' }) })).json.data;
	await ask('POST', '/api/watchlist', { body: listed('x') });
	await ask('POST', '/api/watchlist', { body: listed('y') });
	await ask('PUT', `/api/watchlist/${_id}`, { body: { rating: null, status: 'completed' } });
	await ask('GET', '/api/watchlist?status=completed&limit=1');
	await ask('GET', '/api/watchlist?page=x');
	await ask('GET', '/api/watchlist/stats');
	await ask('GET', '/api/watchlist/check/x');
	await ask('GET', '/api/watchlist/check/none');
	await ask('DELETE', `/api/watchlist/${_id}`);
	const { api: raw } = client(daemon.url);
	const send = (body) => ask('POST', '/api/continue-watching', { body });
	for (const [event, time, age] of [
		['heartbeat', 10, 60000],
		['heartbeat', 11, 59000],
		['pause', 12, 58000],
		['seek', 900, 57000],
		['stop', 901, 56000],
		['open', 0, 55000],
		['manual', 30, 54000],
	])
		await send(watched('x', 5, time, 1440, { event, age, session: 's', episodeTitle: 'E' }));
	await send(watched('x', 6, 0, 0));
	await send(watched('x', 6, 1.5));
	await send(watched('x', 4, 1, 2, { age: 3600000 }));
	const second = await session(daemon, { email: who.email, password: who.password, username: who.username });
	good(
		await raw('POST', '/api/continue-watching', { token: second.token, body: watched('x', 6, 900, 1440, { event: 'seek' }) }),
	);
	await send(watched('x', 6, 1, 1440, { event: 'heartbeat', session: 'young' }));
	await ask('GET', '/api/continue-watching');
	await ask('GET', '/api/continue-watching?limit=x');
	await ask('GET', '/api/continue-watching/x');
	await ask('GET', '/api/continue-watching/none');
	const rows = (await ask('GET', '/api/history/progress/x')).json.data;
	assert.ok(rows.some((r) => r.outcome === 'candidate') && rows.some((r) => r.outcome === 'superseded'));
	await ask('GET', '/api/history/watchlist/x');
	await ask('GET', '/api/history/watchlist/none');
	await ask('GET', '/api/history/nonsense/none');
	await ask('POST', '/api/history/progress/x/restore', { body: { seq: rows.at(-1).seq } });
	await ask('POST', '/api/history/progress/x/restore', { body: { seq: 123456 } });
	const sync = (body) => ask('POST', '/api/sync', { body });
	const place = { position: { currentEpisode: 7, currentTime: 5, duration: 10 } };
	const of = (n, more) => ({ n, collection: 'progress', key: 'x', ...more });
	const { cursor } = (await sync({ cursor: null })).json.data;
	const pushed = await sync({
		now: Date.now(),
		cursor,
		ops: [
			of(1, { set: { animeTitle: 'X', ...place } }),
			of(2, { set: { animeTitle: 'X', ...place }, age: 3600000 }),
			of(3, { event: 'heartbeat', session: 'young', set: { position: { currentEpisode: 7 } } }),
			of(4, { event: 'open', set: place }),
			of(5, { delete: true, age: 60000 }),
			of(6, { delete: true, age: 120000 }),
			of(7, { key: 'only by sync', set: place }),
			of(8, { collection: 'watchlist', key: undefined, clear: true, age: 60000 }),
			of(9, { collection: 'watchlist', set: { rating: 1 }, age: 120000 }),
			of('x', {}),
		],
	});
	assert.deepEqual(
		pushed.json.data.results.map((r) => r.outcome),
		'applied superseded applied rejected merged superseded applied applied superseded rejected'.split(' '),
	);
	await sync({ cursor, limit: 1 });
	await sync({ cursor: '00000000:5' });
	await sync({ ops: [of(9, { delete: true })] });
	await sync({ ops: Array(1001).fill({}) });
	await ask('DELETE', '/api/continue-watching/x');
	await send(watched('x', 6, 1, 2, { age: 3600000 }));
	await sync({ cursor: null });
	await ask('GET', '/api/history/progress/x');
	await ask('DELETE', '/api/watchlist/check/x');
	await send(watched('z', 6, 1, 2));
	await ask('DELETE', '/api/watchlist/check/z');
	await ask('DELETE', '/api/continue-watching');
	await ask('GET', '/api/notification');
	await ask('PUT', '/api/notification/0123456789abcdef01234567/read');
	await ask('DELETE', '/api/notification/clear');
	await ask('POST', '/api/auth/reset-password', { body: { currentPassword: 'wrong', newPassword: 'another-one' } });
	await ask('POST', '/api/auth/reset-password', { body: { currentPassword: who.password, newPassword: 'another-one' } });
	for (const path of ['/api/openapi.json', '/health', '/health/ready', '/metrics', '/', '/page.css'])
		await ask('GET', path, { token: null });
	await ask('POST', '/api/auth/logout');
	const last = await person(daemon);
	await ask('DELETE', '/api/users/account', { token: last.token });
	await ask('GET', '/api/auth/me', { token: last.token });
	// The visit went everywhere.
	for (const { method, path } of operations)
		if (path !== '/api/notification/{id}/read')
			assert.ok(
				[...(statuses.get(`${method} ${path}`) ?? [])].some((s) => s < 300),
				`${method} ${path} had no success: ${[...(statuses.get(`${method} ${path}`) ?? [])]}`,
			);
});
