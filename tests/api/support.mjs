// What the tests of this folder share: assertions about replies, and the bodies that most of them send.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { client } from '../harness/client.mjs';

export const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
export const OID = /^[0-9a-f]{24}$/;
export const DEVICE = /^[0-9a-f]{16}$/;
export const STATUSES = ['plan_to_watch', 'watching', 'on_hold', 'completed', 'dropped'];
export const MISSING_OID = '0123456789abcdef01234567';

export const NOT_AUTHORIZED = 'Not authorized to access this route';
export const EXPIRED = 'Token expired, please login again';
export const NO_USER = 'User not found';

export const USER_FIELDS = [
	'_id',
	'avatar',
	'createdAt',
	'email',
	'isVerified',
	'notificationIgnore',
	'preferences',
	'role',
	'updatedAt',
	'username',
];
export const TOKEN_FIELDS = ['deviceId', 'idKey', 'refreshToken', 'token'];
export const WATCHLIST_FIELDS = [
	'_id',
	'animeId',
	'animeImage',
	'animeTitle',
	'createdAt',
	'episodesWatched',
	'notes',
	'rating',
	'status',
	'totalEpisodes',
	'updatedAt',
	'user',
];
export const PROGRESS_FIELDS = [
	'_id',
	'animeId',
	'animeImage',
	'animeTitle',
	'createdAt',
	'currentEpisode',
	'currentTime',
	'dub',
	'duration',
	'episodeId',
	'episodeTitle',
	'lastWatched',
	'server',
	'updatedAt',
	'user',
];

/** The reply is a success with that status; gives its data. */
export function good(reply, status = 200) {
	assert.equal(reply.status, status, reply.text);
	assert.match(reply.headers.get('content-type') ?? '', /^application\/json(;|$)/);
	assert.equal(reply.json?.success, true, reply.text);
	return reply.json.data;
}

/** A success that says only this. */
export function says(reply, message) {
	assert.equal(reply.status, 200, reply.text);
	assert.deepEqual(reply.json, { success: true, message });
}

/** An error with exactly this status, text and code (none unless given). */
export function refused(reply, status, message, code) {
	assert.equal(reply.status, status, reply.text);
	assert.match(reply.headers.get('content-type') ?? '', /^application\/json(;|$)/);
	assert.equal(reply.json?.success, false, reply.text);
	if (message !== undefined) assert.equal(reply.json.message, message);
	else assert.ok(typeof reply.json.message === 'string' && reply.json.message.length > 0, reply.text);
	assert.equal(reply.json.code, code, reply.text);
	return reply.json;
}

/** A 422 whose errors are these [path, text] pairs, in any order; without text only the paths are compared. */
export function invalid(reply, expected, message) {
	const json = refused(reply, 422, message ?? 'Validation failed');
	assert.ok(Array.isArray(json.errors), reply.text);
	for (const entry of json.errors)
		assert.deepEqual(Object.keys(entry).sort(), ['msg', 'path'], 'an entry holds the text and the field, never the value');
	const texts = expected.every(([, text]) => text !== undefined);
	const flat = (list) => list.map(([path, text]) => (texts ? `${path}: ${text}` : path)).sort();
	const found = json.errors.map(({ path, msg }) => [path, msg]);
	assert.deepEqual(flat(found), flat(expected), reply.text);
	return json;
}

/** A 422 that blames this field, whatever else it says. */
export function blames(reply, path) {
	const json = refused(reply, 422, path === 'email' ? 'Please provide a valid email' : 'Validation failed');
	assert.ok(
		json.errors?.some((entry) => entry.path === path && entry.msg.length > 0),
		reply.text,
	);
}

export function fields(object, expected) {
	assert.deepEqual(Object.keys(object).sort(), expected);
}

/** A user of that server with short hands: get, post, put, del. */
export async function person(daemon, overrides = {}) {
	const c = client(daemon.url);
	return hands(daemon, await c.register(overrides));
}

/** Another session of that person. */
export async function session(daemon, of, overrides = {}) {
	return hands(daemon, await client(daemon.url).login(of, overrides));
}

function hands(daemon, account) {
	const { api } = client(daemon.url);
	const call =
		(method) =>
		(path, body, options = {}) =>
			api(method, path, { token: account.token, body, ...options });
	return Object.assign(account, {
		id: account.user._id,
		api,
		get: call('GET'),
		post: call('POST'),
		put: call('PUT'),
		del: call('DELETE'),
	});
}

export const listed = (animeId, more = {}) => ({ animeId, animeTitle: `Title of ${animeId}`, ...more });
export const watched = (animeId, currentEpisode, currentTime, duration, more = {}) => ({
	animeId,
	animeTitle: `Title of ${animeId}`,
	currentEpisode,
	currentTime,
	duration,
	...more,
});

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWT of our own making. */
export function jwt(secret, payload, { alg = 'HS256', hash = 'sha256', header = {} } = {}) {
	const text = `${b64({ alg, typ: 'JWT', ...header })}.${b64(payload)}`;
	return `${text}.${hash ? createHmac(hash, secret).update(text).digest('base64url') : ''}`;
}

export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

export const hex = (bytes) => randomBytes(bytes).toString('hex');

/** What the server holds of a person, for "nothing changed". */
export async function everything(of) {
	const texts = [];
	for (const path of [
		'/api/auth/me',
		'/api/watchlist?limit=100',
		'/api/watchlist/stats',
		'/api/continue-watching?limit=100',
		'/api/users/preferences',
		'/api/notification',
	]) {
		const reply = await of.get(path);
		assert.equal(reply.status, 200, reply.text);
		texts.push(reply.text);
	}
	return texts.join('\n');
}
