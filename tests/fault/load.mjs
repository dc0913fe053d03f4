// Clients that write, remember what they were told was saved, and can ask afterwards whether it is there.
import assert from 'node:assert/strict';
import { client } from '../harness/client.mjs';

const SHARED = 4;

/** One user with one device: a few items that are written over and over, and new ones now and then. */
export class Viewer {
	constructor(url) {
		this.url = url;
		this.n = 0;
		this.progress = new Map(); // key -> {asked, saved}: seconds
		this.watched = new Map(); // animeId -> {id, asked, saved}: episodes
		this.added = new Set(); // animeId of what was saved as new
		this.saved = 0;
		this.refusals = [];
	}

	async join() {
		const api = client(this.url);
		const { token } = await api.register();
		this.token = token;
		for (let i = 0; i < SHARED; i++) {
			const reply = await api.api('POST', '/api/watchlist', { token, body: this.entry(`shared-${i}`) });
			assert.equal(reply.status, 201, reply.text);
			this.watched.set(`shared-${i}`, { id: reply.json.data._id, asked: 0, saved: 0 });
		}
		return this;
	}

	entry(animeId) {
		return { animeId, animeTitle: `Title of ${animeId}`, status: 'watching', notes: 'n'.repeat(200) };
	}

	/** The next write: {status, json}, remembered when it was saved. Rejects when the server has gone. */
	async write(api) {
		const n = ++this.n;
		if (n % 10 === 0)
			return this.add(api, `new-${n}`);
		if (n % 3 === 0)
			return this.watch(api, `shared-${n % SHARED}`, n);
		return this.play(api, `p-${n % SHARED}`, n);
	}

	settle(reply, expected, keep) {
		if (reply.status === expected) {
			keep();
			this.saved++;
		} else {
			this.refusals.push(reply);
		}
		return reply;
	}

	async add(api, animeId) {
		const reply = await api('POST', '/api/watchlist', { token: this.token, body: this.entry(animeId) });
		return this.settle(reply, 201, () => this.added.add(animeId));
	}

	async watch(api, animeId, n) {
		const item = this.watched.get(animeId);
		item.asked = n;
		const reply = await api('PUT', `/api/watchlist/${item.id}`, { token: this.token, body: { episodesWatched: n } });
		return this.settle(reply, 200, () => {
			item.saved = n;
		});
	}

	async play(api, key, n) {
		const item = this.progress.get(key) ?? { asked: 0, saved: 0 };
		this.progress.set(key, item);
		item.asked = n;
		const body = { animeId: key, animeTitle: 'T', currentEpisode: 1, currentTime: n, duration: 100000 };
		const reply = await api('POST', '/api/continue-watching', { token: this.token, body });
		return this.settle(reply, 200, () => {
			item.saved = n;
		});
	}

	/** Everything that was saved is there, and nothing that was never asked for. */
	async check() {
		const { api, close } = client(this.url, { keepAlive: true });
		for (const [key, { asked, saved }] of this.progress) {
			const reply = await api('GET', `/api/continue-watching/${key}`, { token: this.token });
			assert.ok([200, 404].includes(reply.status), reply.text);
			const time = reply.json.data?.currentTime ?? 0;
			assert.ok(time >= saved && time <= asked, `${key}: saved ${saved}, asked ${asked}, found ${time}`);
		}
		const found = new Map();
		for (let page = 1, pages = 1; page <= pages; page++) {
			const reply = await api('GET', `/api/watchlist?page=${page}&limit=100`, { token: this.token });
			assert.equal(reply.status, 200, reply.text);
			pages = reply.json.pagination.pages;
			for (const item of reply.json.data) {
				assert.ok(!found.has(item.animeId), `${item.animeId} is there twice`);
				found.set(item.animeId, item.episodesWatched);
			}
		}
		close();
		for (const animeId of this.added) assert.ok(found.has(animeId), `${animeId} was saved and is not there`);
		for (const [animeId, { asked, saved }] of this.watched) {
			const episodes = found.get(animeId);
			assert.ok(episodes >= saved && episodes <= asked, `${animeId}: saved ${saved}, asked ${asked}, found ${episodes}`);
		}
	}
}

/** So many users of a fresh server. */
export async function viewers(daemon, count) {
	const people = Array.from({ length: count }, () => new Viewer(daemon.url));
	for (const viewer of people) await viewer.join();
	return people;
}

/**
 * All of them write at once, each on its own connection, until stop() or until the server has gone. after(viewer, reply)
 * is called for each answer. {stop(), done}: promises that all writers have ended.
 */
export function load(people, after = () => {}) {
	let stopping = false;
	const writer = async (viewer) => {
		const { api, close } = client(viewer.url, { keepAlive: true });
		while (!stopping) {
			let reply;
			try {
				reply = await viewer.write(api);
			} catch {
				break; // the server has gone: what was under way may be there or not
			}
			after(viewer, reply);
		}
		close();
	};
	const done = Promise.all(people.map(writer));
	return {
		done,
		stop() {
			stopping = true;
			return done;
		},
	};
}

export async function checkAll(people) {
	await Promise.all(people.map((viewer) => viewer.check()));
}
