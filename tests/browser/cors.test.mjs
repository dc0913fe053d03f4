// Calls from a page of another origin, as the live web client makes them: JSON bodies and an Authorization header, so a
// preflight before most of them, and bodies that must be readable whatever the status is.
import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import { browserTest, noBrowser, openPage, startBrowser, startFrontend } from './support.mjs';

/** One fetch inside the page: {status, json, headers}, or {error} when the browser keeps the reply from it. */
function call(page, method, url, { body, token, text } = {}) {
	return page.evaluate(async ([method, url, body, token, text]) => {
		const headers = { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
			...(token ? { Authorization: `Bearer ${token}` } : {}) };
		try {
			const reply = await fetch(url, { method, headers, body: text ?? (body === undefined ? undefined : JSON.stringify(body)) });
			return { status: reply.status, json: await reply.json(), headers: Object.fromEntries(reply.headers) };
		} catch (error) {
			return { error: String(error) };
		}
	}, [method, url, body, token, text]);
}

describe('a page of another origin', () => {
	let frontend, other, browser;
	before(async () => {
		if (noBrowser)
			return;
		frontend = await startFrontend();
		other = await startFrontend();
		browser = await startBrowser();
	});
	const visit = async (origin) => {
		const { page } = await openPage(browser);
		await page.goto(`${origin}/`);
		return page;
	};

	browserTest('that FRONTEND_URL names registers, logs in, writes and reads', async () => {
		const daemon = await startDaemon({ env: { FRONTEND_URL: frontend } });
		const page = await visit(frontend);
		const name = unique('web');
		const account = { username: name, email: `${name}@example.com`, password: 'securepassword123' };
		const made = await call(page, 'POST', `${daemon.url}/api/auth/register`, { body: account });
		assert.equal(made.status, 201);
		const { token } = made.json.data;
		// The live client sends the token with every call from then on, log-in included.
		const login = await call(page, 'POST', `${daemon.url}/api/auth/login`,
			{ body: { email: account.email, password: account.password, rememberMe: true }, token });
		assert.equal(login.status, 200);
		const item = { animeId: 'attack-on-titan-001', animeTitle: 'Attack on Titan', animeImage: '', status: 'watching' };
		assert.equal((await call(page, 'POST', `${daemon.url}/api/watchlist`, { body: item, token })).status, 201);
		const list = await call(page, 'GET', `${daemon.url}/api/watchlist?status=watching`, { token });
		assert.deepEqual(list.json.data.map((one) => one.animeId), [item.animeId]);
		const id = list.json.data[0]._id;
		assert.equal((await call(page, 'PUT', `${daemon.url}/api/watchlist/${id}`, { body: { status: 'completed' }, token })).status, 200);
		assert.equal((await call(page, 'DELETE', `${daemon.url}/api/watchlist/${id}`, { token })).status, 200);
		await page.close();
	});

	browserTest('reads 400, 401, 404, 405, 409, 413, 415 and 422', async () => {
		const daemon = await startDaemon({ env: { FRONTEND_URL: frontend } });
		const account = await client(daemon.url).register();
		const page = await visit(frontend);
		const url = (path) => `${daemon.url}${path}`;
		const replies = {
			400: await call(page, 'POST', url('/api/auth/login'), { body: '', text: '{' }),
			401: await call(page, 'GET', url('/api/auth/me'), { token: 'no.such.token' }),
			404: await call(page, 'GET', url('/api/random'), { token: account.token }),
			405: await call(page, 'DELETE', url('/api/auth/me'), { token: account.token }),
			409: await call(page, 'POST', url('/api/auth/register'),
				{ body: { username: unique('web'), email: account.email, password: 'securepassword123' } }),
			413: await call(page, 'POST', url('/api/watchlist'), { body: { notes: 'x'.repeat(100000) }, token: account.token }),
			415: await call(page, 'POST', url('/api/auth/login'), { text: 'email=a' }),
			422: await call(page, 'POST', url('/api/auth/register'), { body: { username: 'a', email: 'b', password: 'c' } }),
		};
		for (const [status, reply] of Object.entries(replies)) {
			assert.equal(reply.status, Number(status), JSON.stringify(reply));
			assert.equal(reply.json.success, false);
			assert.equal(typeof reply.json.message, 'string');
		}
		// The live client shows these beside the fields.
		assert.deepEqual([...new Set(replies[422].json.errors.map((error) => error.path))], ['username', 'email', 'password']);
		await page.close();
	});

	browserTest('reads a 429 and its headers, and its preflights do not count', async () => {
		const daemon = await startDaemon({ env: { FRONTEND_URL: frontend, RATE_LIMIT_AUTH: '2/15m' } });
		const page = await visit(frontend);
		const body = { email: 'nobody@example.com', password: 'wrong-password' };
		const replies = [];
		for (let i = 0; i < 3; i++)
			replies.push(await call(page, 'POST', `${daemon.url}/api/auth/login`, { body }));
		assert.deepEqual(replies.map((reply) => reply.status), [401, 401, 429]);
		assert.deepEqual(replies.map((reply) => reply.headers['x-ratelimit-remaining']), ['1', '0', '0']);
		assert.ok(Number(replies[2].headers['retry-after']) > 0);
		assert.equal(replies[2].json.success, false);
		await page.close();
	});

	browserTest('that FRONTEND_URL does not name is kept from every reply, and its writes are not even sent', async () => {
		const daemon = await startDaemon({ env: { FRONTEND_URL: frontend } });
		const page = await visit(other);
		const { api } = client(daemon.url);
		const name = unique('web');
		const account = { username: name, email: `${name}@example.com`, password: 'securepassword123' };
		assert.match((await call(page, 'POST', `${daemon.url}/api/auth/register`, { body: account })).error, /Failed to fetch/);
		assert.match((await call(page, 'GET', `${daemon.url}/api/auth/me`)).error, /Failed to fetch/);
		assert.equal((await api('POST', '/api/auth/login', { body: account })).status, 401);
		await page.close();
	});

	browserTest('is welcome from anywhere when FRONTEND_URL is unset, but for the metrics', async () => {
		const daemon = await startDaemon();
		const page = await visit(other);
		assert.equal((await call(page, 'GET', `${daemon.url}/health`)).status, 200);
		assert.equal((await call(page, 'GET', `${daemon.url}/api/auth/me`, { token: 'no.such.token' })).status, 401);
		assert.match((await call(page, 'GET', `${daemon.url}/metrics`)).error, /Failed to fetch/);
		await page.close();
	});
});
