-- The first schema. Each user's data is one piece: the user's id leads every key, except in meta and login, and no
-- constraint reaches across users (design.md section 2). A stamp is a blob of 16 bytes: 6 of ms, 2 of counter, 8 of
-- device, so that memcmp is the order of sync-protocol.md section 3. Times are ms since 1970.

CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value
) WITHOUT ROWID;

-- 'e:' and a folded e-mail address, or 'n:' and a folded user name.
CREATE TABLE login (
	name TEXT PRIMARY KEY,
	user INTEGER NOT NULL
) WITHOUT ROWID;

-- What every write of a user touches, kept narrow.
CREATE TABLE account (
	user INTEGER PRIMARY KEY,
	head INTEGER NOT NULL,          -- newest seq
	head_row INTEGER NOT NULL,      -- the journal row that has it, 0: none
	epoch TEXT NOT NULL,
	epoch_began INTEGER NOT NULL,   -- stamp clock
	boot BLOB NOT NULL,             -- the start of the program that the epoch belongs to
	clock_ms INTEGER NOT NULL,      -- the newest (ms, counter) that the stamp clock gave out
	clock_counter INTEGER NOT NULL,
	clock_offset INTEGER NOT NULL,  -- what the stamp clock adds to the wall clock
	clock_run INTEGER NOT NULL,     -- the process's own correction when that offset was stored
	id_key BLOB NOT NULL,           -- keys the hash that makes an item's _id
	watchlist_cleared BLOB,         -- barriers; NULL: never cleared
	progress_cleared BLOB,
	watchlist_keys INTEGER NOT NULL, -- items, stubs included
	progress_keys INTEGER NOT NULL,
	plan_to_watch INTEGER NOT NULL, -- shown watchlist items by status
	watching INTEGER NOT NULL,
	on_hold INTEGER NOT NULL,
	completed INTEGER NOT NULL,
	dropped INTEGER NOT NULL,
	rated INTEGER NOT NULL,         -- shown items with a rating, and the sum of their ratings
	rating_sum INTEGER NOT NULL,
	purge INTEGER NOT NULL          -- what slices have yet to remove: 1 watchlist, 2 progress, 4 the account
);
CREATE INDEX account_purge ON account (user) WHERE purge <> 0;

CREATE TABLE profile (
	user INTEGER PRIMARY KEY,
	oid TEXT NOT NULL,              -- the user's _id
	username TEXT NOT NULL,
	email TEXT NOT NULL,
	password TEXT NOT NULL,         -- argon2id, or bcrypt until the first log-in of an imported user
	avatar TEXT NOT NULL,
	role TEXT NOT NULL,
	is_verified INTEGER NOT NULL,
	audio TEXT NOT NULL,
	server TEXT NOT NULL,
	ignored INTEGER NOT NULL,       -- notificationIgnore: a bit for each status
	reset_hash BLOB,                -- the mailed password's, while it works
	reset_expires INTEGER,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL
);

-- Earlier epochs and their last seq.
CREATE TABLE epoch (
	user INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,
	epoch TEXT NOT NULL,
	lost INTEGER NOT NULL,
	PRIMARY KEY (user, last_seq)
) WITHOUT ROWID;

CREATE TABLE device (
	user INTEGER NOT NULL,
	device BLOB NOT NULL,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	PRIMARY KEY (user, device)
) WITHOUT ROWID;

-- Ended sessions stay until their tokens have expired, so that a restored server does not take them back.
CREATE TABLE session (
	user INTEGER NOT NULL,
	session BLOB NOT NULL,
	device BLOB NOT NULL,
	generation INTEGER NOT NULL,    -- of the newest refresh token given out
	created INTEGER NOT NULL,
	last_used INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	PRIMARY KEY (user, session)
) WITHOUT ROWID;

-- That a mail is owed, never its text. A request for an unknown address leaves a row under a made-up user, so that it
-- costs the same; the sender drops it.
CREATE TABLE owed_mail (
	user INTEGER PRIMARY KEY,
	due INTEGER NOT NULL,           -- 0: nothing owed, the row only counts
	attempts INTEGER NOT NULL,
	asked INTEGER NOT NULL,         -- requests since window
	window INTEGER NOT NULL
);
CREATE INDEX owed_mail_due ON owed_mail (due) WHERE due <> 0;

-- Materialised view of the journal: what REST reads. A register is its values, its stamp and the journal row that
-- holds it.
CREATE TABLE watchlist (
	id INTEGER PRIMARY KEY,
	user INTEGER NOT NULL,
	key TEXT NOT NULL,
	oid BLOB NOT NULL,              -- the item's _id
	seq INTEGER NOT NULL,           -- of its newest change
	push INTEGER NOT NULL,          -- last seq of the push that made it
	newest BLOB NOT NULL,           -- its greatest register stamp
	deleted BLOB,
	deleted_row INTEGER,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	shown INTEGER NOT NULL,
	rows INTEGER NOT NULL,          -- journal rows it has
	title TEXT NOT NULL, title_stamp BLOB, title_row INTEGER,
	image TEXT NOT NULL, image_stamp BLOB, image_row INTEGER,
	total INTEGER NOT NULL, total_stamp BLOB, total_row INTEGER,
	watched INTEGER NOT NULL, watched_stamp BLOB, watched_row INTEGER,
	status TEXT NOT NULL, status_stamp BLOB, status_row INTEGER,
	rating INTEGER, rating_stamp BLOB, rating_row INTEGER,
	notes TEXT NOT NULL, notes_stamp BLOB, notes_row INTEGER
);
CREATE UNIQUE INDEX watchlist_key ON watchlist (user, key);
CREATE INDEX watchlist_oid ON watchlist (user, oid);
CREATE INDEX watchlist_seq ON watchlist (user, seq);
CREATE INDEX watchlist_updated ON watchlist (user, updated DESC, oid) WHERE shown = 1;
CREATE INDEX watchlist_status ON watchlist (user, status, updated DESC, oid) WHERE shown = 1;

-- A running item is one whose newest journal row is a heartbeat that the next heartbeat rewrites: it stands in no
-- index on what a tick changes, and every reader merges it in.
CREATE TABLE progress (
	id INTEGER PRIMARY KEY,
	user INTEGER NOT NULL,
	key TEXT NOT NULL,
	oid BLOB NOT NULL,
	seq INTEGER NOT NULL,
	push INTEGER NOT NULL,
	newest BLOB NOT NULL,
	deleted BLOB,
	deleted_row INTEGER,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	shown INTEGER NOT NULL,         -- exists, and has a place or was opened
	rows INTEGER NOT NULL,
	last_watched INTEGER NOT NULL,
	running INTEGER NOT NULL,       -- 1: running; 2: its place is a tick that may run on, but it is indexed
	place_session TEXT NOT NULL,    -- the session that wrote the position, and when it began
	place_began INTEGER NOT NULL,
	title TEXT NOT NULL, title_stamp BLOB, title_row INTEGER,
	image TEXT NOT NULL, image_stamp BLOB, image_row INTEGER,
	episode INTEGER NOT NULL, time REAL NOT NULL, duration REAL NOT NULL,
	position_stamp BLOB, position_row INTEGER,
	opened_episode INTEGER NOT NULL, episode_title TEXT NOT NULL, episode_id TEXT NOT NULL,
	dub TEXT NOT NULL, server TEXT NOT NULL,
	opened_stamp BLOB, opened_row INTEGER
);
CREATE UNIQUE INDEX progress_key ON progress (user, key);
CREATE INDEX progress_seq ON progress (user, seq) WHERE running <> 1;
CREATE INDEX progress_last_watched ON progress (user, last_watched) WHERE running <> 1 AND shown = 1;
CREATE INDEX progress_running ON progress (user) WHERE running = 1;

-- Every op a replica took in, in seq order within a user.
CREATE TABLE journal (
	row INTEGER PRIMARY KEY,
	user INTEGER NOT NULL,
	collection INTEGER NOT NULL,
	item INTEGER NOT NULL,          -- its id in the collection's table, 0: the whole collection
	seq INTEGER NOT NULL,
	first_seq INTEGER NOT NULL,     -- before the row coalesced on
	stamp BLOB NOT NULL,
	received INTEGER NOT NULL,
	kind INTEGER NOT NULL,          -- set, delete, clear
	event INTEGER NOT NULL,
	session TEXT NOT NULL,
	outcome INTEGER NOT NULL,
	rule INTEGER NOT NULL,
	registers TEXT NOT NULL         -- canonical JSON of what the op set, '' when void or none
);
CREATE INDEX journal_item ON journal (user, collection, item);

-- Playback sessions that do not hold their item's place (the one that does is in progress).
CREATE TABLE playback (
	user INTEGER NOT NULL,
	item INTEGER NOT NULL,
	device BLOB NOT NULL,
	session TEXT NOT NULL,
	began INTEGER NOT NULL,
	last INTEGER NOT NULL,          -- its last tick
	ticked INTEGER NOT NULL,        -- has an anchor
	anchor_episode INTEGER NOT NULL,
	anchor_time REAL NOT NULL,
	candidate_row INTEGER NOT NULL, -- its newest candidate's journal row, 0: none
	PRIMARY KEY (user, item, device, session)
) WITHOUT ROWID;
