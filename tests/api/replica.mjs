// What the tests of the exchange share: ops, stamps, a device that pushes and pulls, and a copy that keeps what it is sent.
import assert from 'node:assert/strict';
import { ISO, OID, fields, good } from './support.mjs';

export const STAMP = /^[0-9a-f]{16}-[0-9a-f]{16}$/;
export const CURSOR = /^[0-9a-f]{8}:\d+$/;
export const YEAR = 365 * 24 * 3600 * 1000;
export const MINUTE = 60000;

/** The text of a stamp, and what it is made of. */
export const stampOf = (ms, device, counter = 0) =>
	`${Math.floor(ms).toString(16).padStart(12, '0')}${counter.toString(16).padStart(4, '0')}-${device}`;
export const msOf = (stamp) => parseInt(stamp.slice(0, 12), 16);
export const counterOf = (stamp) => parseInt(stamp.slice(12, 16), 16);
export const deviceOf = (stamp) => stamp.slice(17);
export const epochOf = (cursor) => cursor.slice(0, 8);
export const seqOf = (cursor) => Number(cursor.slice(9));

export const at = (currentEpisode, currentTime, duration = 1440) => ({ currentEpisode, currentTime, duration });
export const from = (currentEpisode, more = {}) => ({
	currentEpisode,
	episodeTitle: '',
	episodeId: '',
	dub: 'no',
	server: '',
	...more,
});
export const rate = (key, rating, more = {}) => ({ collection: 'watchlist', key, set: { rating }, ...more });
export const place = (key, episode, time, more = {}) => ({
	collection: 'progress',
	key,
	set: { position: at(episode, time) },
	...more,
});
export const remove = (collection, key, more = {}) => ({ collection, key, delete: true, ...more });
export const clear = (collection, more = {}) => ({ collection, clear: true, ...more });

const RESULT_FIELDS = ['code', 'deletedStamp', 'message', 'n', 'outcome', 'registers', 'rule', 'stamp', 'winner'];

/** The data of an exchange that must succeed, held to what every answer has. */
export async function exchange(who, body = {}) {
	const data = good(await who.post('/api/sync', body));
	const { offer, ...rest } = data;
	fields(rest, ['ack', 'cleared', 'cursor', 'head', 'items', 'more', 'now', 'results', 'server']);
	assert.ok(offer === undefined || offer === true, 'offer is true or absent');
	assert.match(data.cursor, CURSOR);
	assert.match(data.head, CURSOR);
	assert.equal(data.results.length, body.ops?.length ?? 0);
	for (const result of data.results) {
		assert.deepEqual(
			Object.keys(result).filter((name) => !RESULT_FIELDS.includes(name)),
			[],
		);
		if (result.outcome !== 'rejected') assert.match(result.stamp, STAMP);
	}
	for (const item of data.items) {
		assert.match(item._id, OID);
		assert.match(item.created, ISO);
	}
	return data;
}

/** One installation: numbers its ops, has a clock that may be wrong, keeps its cursor. */
export class Device {
	constructor(who, { skew = 0 } = {}) {
		this.who = who;
		this.id = who.deviceId;
		this.n = 0;
		this.skew = skew;
	}
	now() {
		return Date.now() + this.skew;
	}
	/** Gives each op the next number, unless it has one. */
	number(ops) {
		return ops.map((op) => {
			const n = op.n ?? this.n + 1;
			this.n = Math.max(this.n, n);
			return { n, ...op };
		});
	}
	/** Pushes; the answer's data. */
	exchange(ops, more = {}) {
		return exchange(this.who, { now: this.now(), ops: this.number(ops), ...more });
	}
	/** Pushes; the results. */
	async push(...ops) {
		return (await this.exchange(ops)).results;
	}
	/** Pushes one op that must get this outcome; its result. */
	async act(op, outcome = 'applied') {
		const [result] = await this.push(op);
		assert.equal(result.outcome, outcome, JSON.stringify(result));
		return result;
	}
}

/** Everything a user has, page by page: a map of collection/key to item; and the last answer. */
export async function pullAll(who, { cursor = null, limit, onPage } = {}) {
	const items = new Map();
	for (let pages = 0; ; pages++) {
		assert.ok(pages < 5000, 'the pages end');
		const data = await exchange(who, { cursor, limit });
		for (const item of data.items) items.set(`${item.collection}/${item.key}`, item);
		onPage?.(data);
		if (!data.more) return { items, data };
		assert.notEqual(data.cursor, cursor, 'a page moves the cursor');
		({ cursor } = data);
	}
}

/** What a client keeps: it applies results, then items; both replace what it holds (sync-protocol.md section 6). */
export class Copy {
	constructor(device) {
		this.device = device;
		this.cursor = null;
		this.items = new Map();
		this.cleared = {};
	}
	item(collection, key) {
		const name = `${collection}/${key}`;
		if (!this.items.has(name)) this.items.set(name, { registers: {} });
		return this.items.get(name);
	}
	result(op, result) {
		if (result.outcome === 'rejected' || op.clear) return;
		const item = this.item(op.collection, op.key);
		if (op.delete) item.deletedStamp = result.deletedStamp ?? result.stamp;
		// What the result does not name is held as it was sent; what a later delete made void shows by its stamp.
		if (result.outcome !== 'candidate')
			for (const [name, value] of Object.entries(op.set ?? {})) item.registers[name] = { value, stamp: result.stamp };
		Object.assign(item.registers, result.registers);
	}
	apply(ops, data) {
		ops.forEach((op, i) => this.result(op, data.results[i]));
		for (const { collection, key, registers, deletedStamp } of data.items) {
			const item = this.item(collection, key);
			Object.assign(item.registers, registers);
			if (deletedStamp) item.deletedStamp = deletedStamp;
		}
		this.cleared = data.cleared;
		this.cursor = data.cursor;
	}
	/** Exchanges until there is no more. */
	async sync(ops = [], { limit } = {}) {
		const numbered = this.device.number(ops);
		let data = await exchange(this.device.who, { now: this.device.now(), cursor: this.cursor, ops: numbered, limit });
		this.apply(numbered, data);
		while (data.more) {
			data = await exchange(this.device.who, { cursor: this.cursor, ops: [], limit });
			this.apply([], data);
		}
		return data;
	}
	/** What it shows: registers that are not void. */
	shows() {
		const shown = {};
		for (const [name, { registers, deletedStamp }] of [...this.items].sort(([a], [b]) => (a < b ? -1 : 1))) {
			const barrier = [deletedStamp ?? '', this.cleared[name.split('/')[0]] ?? ''].sort().at(-1);
			const held = Object.entries(registers).filter(([, { stamp }]) => stamp > barrier);
			if (held.length > 0) shown[name] = Object.fromEntries(held.sort(([a], [b]) => (a < b ? -1 : 1)));
		}
		return shown;
	}
}

/** What the server has, in the form of Copy.shows(). */
export async function serverShows(who) {
	const device = new Device(who);
	const copy = new Copy(device);
	await copy.sync();
	return copy.shows();
}
