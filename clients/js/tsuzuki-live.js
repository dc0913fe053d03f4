/*
 * Follows a tsuzuki server over its live channel: connects, resumes where it was, comes back with patience, sends
 * playback ticks and tells what changed. Depends on nothing; see README.md. The protocol: schema/live.schema.json.
 */
const PROTOCOL = 'tsuzuki.v1';
const WAITING_MOST = 500; // ticks and exchanges that wait for a connection or an answer
const RENEW_MS = 60000; // a new token is asked for so long before the old one expires
const FINAL = new Set([4403]); // closing codes after which connecting again is of no use

/** What a refused frame rejects with, and what `error` listeners get. */
export class LiveError extends Error {
	constructor(message, { code, errors } = {}) {
		super(message);
		this.name = 'LiveError';
		this.code = code;
		this.errors = errors;
	}
}

const monotonic = () => globalThis.performance.now();

function addressOf(url) {
	const text = String(url).replace(/^http/i, 'ws').replace(/\/+$/, '');
	return /\/api\/live$/i.test(text) ? text : `${text}/api/live`;
}

/** When a token expires, in ms since 1970; undefined when that cannot be read. */
function expiryOf(token) {
	try {
		const [, payload] = token.split('.');
		const { exp } = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')));
		return Number.isFinite(exp) ? exp * 1000 : undefined;
	} catch {
		return undefined;
	}
}

/** Ticks of the same playback that say the same thing later: only the last one has to be sent. */
function replaces(later, earlier) {
	const [a, b] = [later.frame, earlier.frame];
	return a.type === 'progress' && b.type === 'progress' && a.event === 'heartbeat' && b.event === 'heartbeat' &&
		a.animeId === b.animeId && a.session === b.session && a.currentEpisode === b.currentEpisode;
}

/** The frame as it reads after so many ms of waiting, by a clock that nobody sets. */
function later(frame, ms) {
	if (frame.type === 'progress') return { ...frame, age: (Number(frame.age) || 0) + ms };
	const ops = frame.ops?.map((op) => (op.age === undefined ? op : { ...op, age: op.age + ms }));
	return { ...frame, ...(ops && { ops }), ...(frame.now && { now: frame.now + ms }) };
}

export class TsuzukiLive {
	#options;
	#listeners = new Map();
	#socket = null;
	#state = 'stopped';
	#nextId = 1;
	#waiting = new Map(); // id → what was asked for and is not answered, oldest first
	#attempt = 0;
	#denied = 0;
	#retryAfter = 0;
	#timers = new Map();
	#applying = Promise.resolve();
	#probe = 0;

	/** Seconds between two pings of the server; browsers do not show them to pages. */
	heartbeat = 45;

	constructor(options) {
		if (!options?.url || !options.token) throw new TypeError('url and token are needed');
		this.#options = { least: 500, most: 30000, patience: 30000, random: Math.random, ...options };
		this.cursor = options.cursor;
		this.head = options.head;
	}

	/** 'stopped', 'connecting', 'open' or 'waiting'. */
	get state() {
		return this.#state;
	}

	/** Calls listener(value) for each event of that name; gives the function that ends it. */
	on(name, listener) {
		if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
		this.#listeners.get(name).add(listener);
		return () => this.#listeners.get(name).delete(listener);
	}

	start() {
		if (this.#state !== 'stopped') return;
		globalThis.addEventListener?.('online', this.#online);
		this.#connect();
	}

	/** Ends it; what is not answered is rejected. */
	stop() {
		this.#stop(new LiveError('stopped', { code: 'stopped' }));
	}

	/** One playback tick: the fields of POST /api/continue-watching. Resolves with its ack, once it is on disk. */
	progress(fields) {
		return this.#ask({ ...fields, type: 'progress' });
	}

	/** An exchange: the body of POST /api/sync, with at most 100 ops. Resolves with its data. */
	sync(body = {}) {
		return this.#ask({ ...body, type: 'sync' });
	}

	// --- telling ---

	#emit(name, value) {
		for (const listener of this.#listeners.get(name) ?? []) listener(value);
	}

	#become(state) {
		if (this.#state === state) return;
		this.#state = state;
		this.#emit('state', state);
	}

	#after(name, ms, run) {
		clearTimeout(this.#timers.get(name));
		// A longer time than a timer can hold would fire at once.
		this.#timers.set(name, setTimeout(run, Math.min(Math.max(ms, 0), 2 ** 31 - 1)));
	}

	#forget(name) {
		clearTimeout(this.#timers.get(name));
		this.#timers.delete(name);
	}

	// --- asking ---

	#ask(frame) {
		return new Promise((resolve, reject) => {
			const asked = { frame, made: monotonic(), sent: false, promises: [{ resolve, reject }] };
			for (const [id, earlier] of this.#waiting)
				if (!earlier.sent && replaces(asked, earlier)) {
					asked.promises.push(...earlier.promises);
					this.#waiting.delete(id);
				}
			if (this.#waiting.size >= WAITING_MOST) {
				reject(new LiveError('Too much waits for the server', { code: 'busy' }));
				return;
			}
			const id = this.#nextId++;
			this.#waiting.set(id, asked);
			if (this.#state === 'open') this.#send(id, asked);
		});
	}

	#send(id, asked) {
		asked.sent = true;
		this.#socket.send(JSON.stringify({ ...later(asked.frame, Math.round(monotonic() - asked.made)), id }));
		this.#after('answer', this.#options.patience, () => this.#lost('no answer'));
	}

	#answered(frame) {
		if (frame.id === this.#probe) this.#probe = 0;
		const asked = this.#waiting.get(frame.id);
		if (frame.head) this.head = frame.head;
		this.#waiting.delete(frame.id);
		if (![...this.#waiting.values()].some((other) => other.sent)) this.#forget('answer');
		for (const { resolve, reject } of asked?.promises ?? [])
			if (frame.type === 'error') reject(new LiveError(frame.message, frame));
			else resolve(frame);
	}

	// --- the connection ---

	async #connect() {
		const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
		this.#forget('retry');
		this.#become('connecting');
		const attempt = (this.#socket = { send() {}, close() {} });
		try {
			if (!Socket) throw new TypeError('This platform has no WebSocket: hand one in');
			// A page of the connection before may still be on its way into the store.
			await this.#applying;
			const token = await this.#token();
			if (this.#socket !== attempt) return;
			const socket = (this.#socket = new Socket(addressOf(this.#options.url), PROTOCOL));
			const mine = (run) => (event) => this.#socket === socket && run(event);
			socket.onopen = mine(() => this.#hello(token));
			socket.onmessage = mine((event) => this.#received(String(event.data)));
			socket.onclose = mine((event) => this.#closed(event.code));
			socket.onerror = () => {};
			this.#after('answer', this.#options.patience, () => this.#lost('no connection'));
		} catch (error) {
			if (this.#socket === attempt) this.#failed(error);
		}
	}

	#failed(error) {
		this.#emit('error', error);
		this.#socket = null;
		if (error instanceof TypeError) this.#stop(error);
		else this.#retry();
	}

	async #token(why) {
		const { token } = this.#options;
		return typeof token === 'function' ? token(why ?? (this.#denied ? 'denied' : 'connect')) : token;
	}

	#hello(token) {
		const hello = { type: 'hello', token };
		if (this.cursor !== undefined) hello.cursor = this.cursor;
		if (this.head !== undefined) hello.head = this.head;
		this.#socket.send(JSON.stringify(hello));
		this.#renewBefore(expiryOf(token));
	}

	/** Only who can be asked for another token is asked. */
	#renewBefore(expiry) {
		if (expiry === undefined || typeof this.#options.token !== 'function') return;
		const left = expiry - Date.now();
		this.#after('renew', left - Math.min(RENEW_MS, left / 3), async () => {
			const socket = this.#socket;
			try {
				const token = await this.#token('renew');
				if (this.#socket !== socket || this.#state !== 'open') return;
				socket.send(JSON.stringify({ type: 'hello', token }));
				this.#renewBefore(expiryOf(token));
			} catch (error) {
				// The connection goes on until the old one expires, and then comes back with a new one.
				this.#emit('error', error);
			}
		});
	}

	#received(text) {
		const frame = JSON.parse(text);
		this.#after('silence', 2000 * this.heartbeat, () => this.#askForLife());
		if (frame.type === 'welcome') this.#welcomed(frame);
		else if (frame.type === 'items') this.#changed(frame);
		else if (frame.type === 'bye') this.#retryAfter = frame.retryAfter ?? 0;
		else if (frame.id !== undefined) this.#answered(frame);
		else if (frame.type === 'error') this.#emit('error', new LiveError(frame.message, frame));
	}

	#askForLife() {
		if (this.#state !== 'open') return;
		this.#probe = this.#nextId++;
		this.#socket.send(JSON.stringify({ type: 'sync', id: this.#probe }));
		this.#after('answer', this.#options.patience, () => this.#lost('silence'));
	}

	#welcomed(frame) {
		const renewed = this.#state === 'open';
		this.heartbeat = frame.heartbeat;
		if (renewed) return;
		this.#attempt = this.#denied = 0;
		this.#forget('answer');
		this.cursor = frame.cursor;
		this.head = frame.head;
		this.#become('open');
		this.#emit('welcome', frame);
		if (frame.offer) this.#emit('offer', frame);
		for (const [id, asked] of this.#waiting) this.#send(id, asked);
	}

	/** One after the other; one that cannot be applied is asked for again. */
	#changed(frame) {
		const socket = this.#socket;
		this.#applying = this.#applying.then(async () => {
			if (this.#socket !== socket) return;
			try {
				await this.#options.apply?.(frame);
				this.cursor = frame.cursor;
				this.head = frame.head;
				this.#emit('items', frame);
			} catch (error) {
				this.#emit('error', error);
				if (this.#socket === socket) this.#lost('not applied');
			}
		});
	}

	#lost() {
		const socket = this.#socket;
		this.#socket = null;
		socket?.close();
		this.#closed();
	}

	#closed(code) {
		this.#socket = null;
		for (const name of ['answer', 'renew', 'silence']) this.#forget(name);
		for (const asked of this.#waiting.values()) asked.sent = false;
		if (code === 4401) this.#denied++;
		if (FINAL.has(code) || this.#denied > 1 || (this.#denied && typeof this.#options.token !== 'function'))
			this.#stop(new LiveError('Not authorized: log in again', { code: code === 4403 ? 'revoked' : 'not_authorized' }));
		else if (this.#state !== 'stopped') this.#retry();
	}

	/** Exponential, with the whole of it left to chance, so that a crowd does not come back as one. */
	#retry() {
		const { least, most, random } = this.#options;
		const wait = random() * Math.min(most, least * 2 ** Math.min(this.#attempt++, 20));
		this.#become('waiting');
		this.#after('retry', this.#retryAfter * 1000 + wait, () => this.#connect());
		this.#retryAfter = 0;
	}

	#online = () => {
		if (this.#state === 'waiting') this.#connect();
	};

	#stop(error) {
		const socket = this.#socket;
		globalThis.removeEventListener?.('online', this.#online);
		for (const name of this.#timers.keys()) clearTimeout(this.#timers.get(name));
		this.#timers.clear();
		this.#socket = null;
		socket?.close();
		const ended = this.#state !== 'stopped';
		this.#become('stopped');
		if (ended && error.code !== 'stopped') this.#emit('end', error);
		for (const { promises } of this.#waiting.values()) for (const { reject } of promises) reject(error);
		this.#waiting.clear();
	}
}
