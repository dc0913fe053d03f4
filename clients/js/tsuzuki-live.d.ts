/** "<epoch>:<seq>", opaque. */
export type Cursor = string;
export type Stamp = string;
export type LiveState = 'stopped' | 'connecting' | 'open' | 'waiting';
export type TokenReason = 'connect' | 'renew' | 'denied';

export interface Register {
	value: unknown;
	stamp: Stamp;
}

export interface Item {
	collection: 'watchlist' | 'progress';
	key: string;
	_id: string;
	created: string;
	deleted: boolean;
	deletedStamp?: Stamp;
	registers: Record<string, Register>;
}

export interface Welcome {
	type: 'welcome';
	now: number;
	device: string;
	cursor: Cursor;
	head: Cursor;
	heartbeat: number;
	server: string;
	offer: boolean;
}

export interface Items {
	type: 'items';
	items: Item[];
	cleared: { watchlist?: Stamp; progress?: Stamp };
	cursor: Cursor;
	head: Cursor;
}

export interface Progress {
	animeId: string | number;
	animeTitle: string;
	animeImage?: string;
	currentEpisode: number;
	currentTime?: number;
	duration?: number;
	episodeTitle?: string;
	episodeId?: string;
	dub?: 'yes' | 'no';
	server?: string;
	event?: 'open' | 'heartbeat' | 'pause' | 'stop' | 'seek' | 'manual';
	session?: string;
	/** How long ago it happened when progress() is called, in ms. What it waits since is added. */
	age?: number;
	/** How long the session has been playing, in seconds. */
	playing?: number;
}

export interface Ack {
	type: 'ack';
	id: number;
	outcome: 'applied' | 'merged' | 'superseded' | 'candidate';
	rule?: string;
	stamp: Stamp;
	winner?: { stamp: Stamp; device: string };
	registers?: Record<string, Register>;
	head: Cursor;
}

export interface Synced {
	type: 'synced';
	id: number;
	now: number;
	ack: number;
	results: Array<Record<string, unknown>>;
	items: Item[];
	cleared: { watchlist?: Stamp; progress?: Stamp };
	cursor: Cursor;
	head: Cursor;
	server: string;
	more: boolean;
	offer?: true;
}

export interface LiveOptions {
	/** The server, such as "https://home.example" or "wss://home.example/tsuzuki/api/live". */
	url: string;
	/** An access token, or who gives one: 'denied' means that the last one was refused. */
	token: string | ((why: TokenReason) => string | Promise<string>);
	/** Where to go on: what was stored. Undefined: only what comes from now on; null: everything. */
	cursor?: Cursor | null;
	head?: Cursor;
	/** Stores a page and its cursor, in one step; one that throws is asked for again. Pages come one by one. */
	apply?: (frame: Items) => void | Promise<void>;
	/** A WebSocket class, where the platform has none. */
	WebSocket?: new (url: string, protocol: string) => unknown;
	/** Bounds of the waits between attempts, in ms. */
	least?: number;
	most?: number;
	random?: () => number;
	/** How long a frame may be unanswered before the connection is given up, in ms. */
	patience?: number;
}

export interface LiveEvents {
	state: LiveState;
	welcome: Welcome;
	/** The server has lost history: offer what you hold (sync). */
	offer: Welcome;
	items: Items;
	/** Something failed that will be tried again. */
	error: Error;
	/** It has stopped by itself: log in again. */
	end: LiveError;
}

export class LiveError extends Error {
	code?: string;
	errors?: Array<{ msg: string; path: string }>;
}

export class TsuzukiLive {
	constructor(options: LiveOptions);
	cursor: Cursor | null | undefined;
	head: Cursor | undefined;
	heartbeat: number;
	readonly state: LiveState;
	on<Name extends keyof LiveEvents>(name: Name, listener: (value: LiveEvents[Name]) => void): () => void;
	start(): void;
	stop(): void;
	progress(fields: Progress): Promise<Ack>;
	sync(body?: Record<string, unknown>): Promise<Synced>;
}
