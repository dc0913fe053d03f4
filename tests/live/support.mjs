// What the tests of this folder share: a client that checks every frame it sees against the schema, and a replica.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import WebSocket from 'ws';
import { waitFor } from '../harness/daemon.mjs';

export { WebSocket };
export const PROTOCOL = 'tsuzuki.v1';
export const PATIENCE = Number(process.env.TSUZUKI_TEST_PATIENCE || 1);

const schema = JSON.parse(readFileSync(new URL('../../schema/live.schema.json', import.meta.url), 'utf8'));
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
ajv.addSchema(schema);
const fits = {
	server: ajv.getSchema('live.schema.json#/definitions/server'),
	client: ajv.getSchema('live.schema.json#/definitions/client'),
};
export const frameFits = (side, frame) => fits[side](frame);

// Types of server frames that some test of this process has seen.
export const seen = new Set();

export const address = (daemon) => `${daemon.url.replace(/^http/, 'ws')}/api/live`;
export const header = (token) => ({ authorization: `Bearer ${token}` });

/** One connection. Frames are kept in order; next() takes the first one that has not been taken. */
export class Live {
	constructor(daemon, options = {}) {
		const { protocol = PROTOCOL, url = address(daemon), ...rest } = options;
		this.frames = [];
		this.pings = 0;
		this.faults = [];
		this.ws = new WebSocket(url, protocol, rest);
		this.opened = new Promise((resolve, reject) => {
			this.ws.once('open', resolve);
			this.ws.once('error', reject);
		});
		this.opened.catch(() => {});
		this.ws.on('error', () => {});
		this.ws.on('ping', () => this.pings++);
		this.ws.on('message', (data, binary) => this.take(data, binary));
		this.closed = new Promise((resolve) => {
			this.ws.once('close', (code, reason) => {
				this.end = { code, reason: reason.toString() };
				resolve(this.end);
			});
		});
	}

	take(data, binary) {
		const text = data.toString();
		if (binary) this.faults.push(`binary: ${text}`);
		const frame = JSON.parse(text);
		seen.add(frame.type);
		if (!fits.server(frame)) this.faults.push(`${ajv.errorsText(fits.server.errors)} in ${text.slice(0, 2000)}`);
		this.onFrame?.(frame);
		this.frames.push(frame);
	}

	/** The next frame, or the next of that type; those before it are passed over. */
	async next(type, timeout = 20000) {
		const find = () => (type ? this.frames.findIndex((f) => f.type === type) : this.frames.length - 1 >= 0 ? 0 : -1);
		await waitFor(() => find() >= 0 || this.end, { timeout, what: `a frame ${type ?? ''}` });
		assert.deepEqual(this.faults, []);
		const at = find();
		assert.ok(at >= 0, `closed with ${JSON.stringify(this.end)} instead of ${type ?? 'a frame'}`);
		const [frame] = this.frames.splice(0, at + 1).slice(-1);
		return frame;
	}

	send(frame) {
		this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
	}

	async hello(more = {}) {
		await this.opened;
		this.send({ type: 'hello', ...more });
		return this.next('welcome');
	}

	/** Sends a tick and gives its ack or error. */
	async tick(id, fields) {
		const frame = { type: 'progress', id, ...fields };
		assert.ok(fits.client(frame), JSON.stringify(frame));
		this.send(frame);
		return this.answer(id);
	}

	async sync(id, body) {
		const frame = { type: 'sync', id, ...body };
		assert.ok(fits.client(frame), JSON.stringify(frame));
		this.send(frame);
		return this.answer(id);
	}

	async answer(id) {
		const find = () => this.frames.findIndex((f) => f.id === id);
		await waitFor(() => find() >= 0 || this.end, { what: `the answer to ${id}` });
		assert.deepEqual(this.faults, []);
		assert.ok(find() >= 0, `closed with ${JSON.stringify(this.end)} before the answer to ${id}`);
		return this.frames.splice(find(), 1)[0];
	}

	/** Waits for the end; gives its code. */
	async code(timeout = 20000) {
		await waitFor(() => this.end, { timeout, what: 'the connection to close' });
		assert.deepEqual(this.faults, []);
		return this.end.code;
	}

	async close() {
		this.ws.close();
		await this.closed;
		assert.deepEqual(this.faults, []);
	}
}

/** An open connection that was welcomed, by a token in hello. */
export async function follow(daemon, who, hello = {}, options = {}) {
	const live = new Live(daemon, options);
	live.welcome = await live.hello({ token: who.token, ...hello });
	return live;
}

/** The answer to an upgrade that is refused: {status, headers, json}. */
export function refusal(daemon, { path = '/api/live', protocol = PROTOCOL, headers = {} } = {}) {
	return new Promise((resolve, reject) => {
		const ws = new WebSocket(`${daemon.url.replace(/^http/, 'ws')}${path}`, protocol, { headers });
		ws.once('open', () => {
			ws.terminate();
			reject(new Error('the upgrade was not refused'));
		});
		ws.once('error', (error) => reject(error));
		ws.once('unexpected-response', (_, incoming) => {
			const chunks = [];
			incoming.on('data', (chunk) => chunks.push(chunk));
			incoming.on('end', () => {
				const text = Buffer.concat(chunks).toString();
				resolve({ status: incoming.statusCode, headers: incoming.headers, text, json: JSON.parse(text) });
			});
		});
	});
}

export const tickOf = (animeId, currentEpisode, currentTime, more = {}) => ({
	animeId,
	animeTitle: `Title of ${animeId}`,
	currentEpisode,
	currentTime,
	duration: 1440,
	...more,
});

const DESCRIPTIVE = new Set(['animeTitle', 'animeImage', 'totalEpisodes']);

/** What a client holds: items applied as section 6 says, kept by collection and key. */
export class Replica {
	constructor() {
		this.items = new Map();
		this.cleared = {};
		this.cursor = null;
	}

	slot(collection, key) {
		const name = `${collection}/${key}`;
		if (!this.items.has(name)) this.items.set(name, { collection, key, registers: {} });
		return this.items.get(name);
	}

	registers(collection, key, registers) {
		Object.assign(this.slot(collection, key).registers, registers);
	}

	apply({ items = [], cleared = {}, cursor }) {
		for (const item of items) {
			const slot = this.slot(item.collection, item.key);
			if (item.deletedStamp) slot.deletedStamp = item.deletedStamp;
			Object.assign(slot.registers, item.registers);
		}
		Object.assign(this.cleared, cleared);
		this.cursor = cursor;
	}

	/** An ack of a tick: the op's registers are told where they differ from what was sent. */
	acked(key, ack) {
		this.registers('progress', key, ack.registers ?? {});
	}

	/** Everything that counts, as plain data. */
	held() {
		const held = {};
		for (const [name, item] of [...this.items].sort(([a], [b]) => (a < b ? -1 : 1))) {
			const barrier = [this.cleared[item.collection], item.deletedStamp].filter(Boolean).sort().pop() ?? '';
			const counts = Object.entries(item.registers).filter(([register, { stamp }]) => DESCRIPTIVE.has(register) || stamp > barrier);
			held[name] = Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1)));
		}
		return held;
	}
}

/** All that the server holds of a person, pulled from zero over REST. */
export async function pulled(who) {
	const replica = new Replica();
	for (let cursor = null, more = true; more; ) {
		const reply = await who.post('/api/sync', { cursor, limit: 1000 });
		assert.equal(reply.status, 200, reply.text);
		replica.apply(reply.json.data);
		({ cursor, more } = reply.json.data);
	}
	return replica;
}

/** Waits until that replica's cursor covers that head. */
export function reaches(replica, head) {
	const seq = (cursor) => Number(cursor?.split(':')[1] ?? -1);
	return waitFor(() => seq(replica.cursor) >= seq(head), { timeout: 30000, what: `a cursor of ${head}` });
}

/** A connection whose frames go into a replica. */
export async function follower(daemon, who, replica = new Replica(), options = {}) {
	const live = new Live(daemon, options);
	live.replica = replica;
	live.onFrame = (frame) => {
		if (frame.type === 'welcome') replica.cursor = frame.cursor;
		if (frame.type === 'items') replica.apply(frame);
	};
	live.welcome = await live.hello({ token: who.token, cursor: replica.cursor });
	return live;
}
