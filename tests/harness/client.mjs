// A thin HTTP client for tests, on node:http: it lets every header through and never retries. See README.md.
import http from 'node:http';
import https from 'node:https';
import { randomBytes } from 'node:crypto';

const TIMEOUT_MS = 30000 * Number(process.env.TSUZUKI_TEST_PATIENCE || 1);

/** {authorization} of a token. */
export function auth(token) {
	return { authorization: `Bearer ${token}` };
}

function encode(body, headers) {
	if (body === undefined)
		return undefined;
	const given = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
	if (typeof body === 'string' || Buffer.isBuffer(body))
		return Buffer.from(body);
	if (!given)
		headers['content-type'] = 'application/json';
	return Buffer.from(JSON.stringify(body));
}

function collectHeaders(raw) {
	const headers = new Headers();
	for (let i = 0; i < raw.length; i += 2)
		headers.append(raw[i], raw[i + 1]);
	return headers;
}

function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/**
 * One request: {status, headers (a Headers), rawHeaders, json (undefined when the body is none), text, buffer}.
 * A string or Buffer as body is sent as it is, anything else as JSON.
 */
export function request(url, method, path, options = {}) {
	const { token, body, headers: extra = {}, agent, socketPath, timeout = TIMEOUT_MS } = options;
	const headers = { ...(token ? auth(token) : {}), ...extra };
	const payload = encode(body, headers);
	if (payload !== undefined && !Object.keys(headers).some((name) => /^(content-length|transfer-encoding)$/i.test(name)))
		headers['content-length'] = payload.length;
	const base = new URL(url);
	const secure = base.protocol === 'https:';
	return new Promise((resolve, reject) => {
		const outgoing = (secure ? https : http).request({
			method,
			path,
			headers,
			timeout,
			rejectUnauthorized: false,
			agent: agent ?? false,
			...(socketPath ? { socketPath } : { host: base.hostname, port: base.port }),
		}, (incoming) => {
			const chunks = [];
			incoming.on('data', (chunk) => chunks.push(chunk));
			incoming.on('error', reject);
			incoming.on('end', () => {
				const buffer = Buffer.concat(chunks);
				const text = buffer.toString('utf8');
				resolve({
					status: incoming.statusCode,
					headers: collectHeaders(incoming.rawHeaders),
					rawHeaders: incoming.rawHeaders,
					text,
					buffer,
					json: parse(text),
				});
			});
		});
		outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in ${timeout} ms`)));
		outgoing.on('error', reject);
		outgoing.end(payload);
	});
}

/** A name that no other call in any process gives: letters, digits and underscores, at most 30. */
export function unique(prefix = 'user') {
	return `${prefix}_${randomBytes(8).toString('hex')}`.slice(0, 30);
}

/** A client of one server. keepAlive: one connection is used again (default: a connection for each request). */
export function client(url, { keepAlive = false, headers: always = {}, socketPath } = {}) {
	const { Agent } = url.startsWith('https:') ? https : http;
	const agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
	const api = (method, path, options = {}) =>
		request(url, method, path, { agent, socketPath, ...options, headers: { ...always, ...options.headers } });

	const account = async (path, body, known) => {
		const reply = await api('POST', path, { body });
		const data = reply.json?.data;
		if (!data?.token)
			throw new Error(`POST ${path} answered ${reply.status} ${reply.text}`);
		return { ...known, token: data.token, refreshToken: data.refreshToken, deviceId: data.deviceId, user: data };
	};

	return {
		url,
		api,
		close: () => agent?.destroy(),
		/** Makes an account with a unique name unless `overrides` says otherwise. */
		register(overrides = {}) {
			const username = overrides.username ?? unique();
			const email = overrides.email ?? `${username}@example.com`;
			const password = overrides.password ?? `pass-${randomBytes(6).toString('hex')}`;
			return account('/api/auth/register', { username, email, password, ...overrides },
				{ username, email, password });
		},
		/** A further session of an account that register() gave. */
		login({ email, password, username }, overrides = {}) {
			return account('/api/auth/login', { email, password, ...overrides }, { email, password, username });
		},
	};
}

/** register() without a client of one's own. */
export function register(url, overrides = {}) {
	return client(url).register(overrides);
}

/** login() without a client of one's own. */
export function login(url, account, overrides = {}) {
	return client(url).login(account, overrides);
}
