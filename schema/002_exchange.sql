-- What the exchange between replicas needs (sync-protocol.md sections 1, 5 and 6).

-- Checksums of the row, so that a flipped bit is found: of what never changes, and of what a coalescing tick rewrites.
-- 0: the row was written before there were any.
ALTER TABLE journal ADD COLUMN fixed_sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;

-- Earlier epochs, in their order, with their last seq. Two may end at the same seq.
CREATE TABLE ended_epoch (
	user INTEGER NOT NULL,
	epoch TEXT NOT NULL,
	number INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,
	lost INTEGER NOT NULL,
	PRIMARY KEY (user, epoch)
) WITHOUT ROWID;
INSERT INTO ended_epoch (user, epoch, number, last_seq, lost) SELECT user, epoch, last_seq, last_seq, lost FROM epoch;
DROP TABLE epoch;
ALTER TABLE ended_epoch RENAME TO epoch;
CREATE INDEX epoch_number ON epoch (user, number);

-- Who pushes numbered ops: the highest number taken, and how many numbers its receipts hold.
CREATE TABLE sender (
	user INTEGER NOT NULL,
	device BLOB NOT NULL,
	taken INTEGER NOT NULL,
	kept INTEGER NOT NULL,
	PRIMARY KEY (user, device)
) WITHOUT ROWID;

-- The stamp of the newest numbered op that a sender brought of each device: what keeps a device's own order.
CREATE TABLE sender_origin (
	user INTEGER NOT NULL,
	device BLOB NOT NULL,
	origin BLOB NOT NULL,
	stamp BLOB NOT NULL,
	PRIMARY KEY (user, device, origin)
) WITHOUT ROWID;

-- Receipts, one row a push: its numbers in ascending order, each 43 bytes (sync/receipt.c).
CREATE TABLE receipt (
	user INTEGER NOT NULL,
	device BLOB NOT NULL,
	last_n INTEGER NOT NULL,
	entries BLOB NOT NULL,
	PRIMARY KEY (user, device, last_n)
) WITHOUT ROWID;

-- A replica below another: what it knows of its upstream. Absent: this store is the user's home server.
CREATE TABLE upstream (
	user INTEGER PRIMARY KEY,
	server TEXT NOT NULL,             -- its identity, '' until it said so
	cursor TEXT NOT NULL,             -- '': ask from null
	head TEXT NOT NULL,               -- the last that was told, '' for none
	next_n INTEGER NOT NULL,          -- number of the next op
	round INTEGER NOT NULL,           -- requests written: only the newest one's answer counts
	ahead INTEGER NOT NULL,           -- ms that its clock was ahead of ours when it was last heard
	watchlist_cleared BLOB,           -- settled barriers
	progress_cleared BLOB
);

-- Ops that wait for their result, in the order of their numbers.
CREATE TABLE outbox (
	user INTEGER NOT NULL,
	n INTEGER NOT NULL,
	collection INTEGER NOT NULL,
	item INTEGER NOT NULL,            -- 0: the whole collection
	row INTEGER NOT NULL,             -- the journal row it stands for, 0: none
	kind INTEGER NOT NULL,
	stamp BLOB NOT NULL,              -- ours, or the exact one of an offer
	offer INTEGER NOT NULL,
	session TEXT NOT NULL,
	registers TEXT NOT NULL,          -- whole, canonical JSON
	won INTEGER NOT NULL,             -- bit per register that it took when it was made; a delete: 1 when it did
	made_ms INTEGER NOT NULL,         -- when, by our stamp clock
	made_mono INTEGER NOT NULL,       -- and by the monotonic clock of the start `boot`
	boot BLOB NOT NULL,
	state INTEGER NOT NULL,           -- 0: not sent yet, 1: sent, 2: rejected
	code TEXT NOT NULL,               -- why it was rejected
	message TEXT NOT NULL,
	PRIMARY KEY (user, n)
) WITHOUT ROWID;
CREATE INDEX outbox_item ON outbox (user, collection, item, n);

-- What the upstream holds of an item on which pending ops lie; without any, the item itself is that.
CREATE TABLE settled (
	user INTEGER NOT NULL,
	collection INTEGER NOT NULL,
	item INTEGER NOT NULL,
	deleted BLOB,
	created INTEGER NOT NULL,
	registers TEXT NOT NULL,          -- canonical JSON, and each one's stamp
	stamps BLOB NOT NULL,             -- 16 bytes a register, in the order of registers.def
	PRIMARY KEY (user, collection, item)
) WITHOUT ROWID;
