-- An item stands outside the indexes on what a playback write changes while it runs (1) and from now on also while its
-- place was set by a plain write lately (3): odd values of `running`. Even ones are indexed: 0, and 2 for a tick that
-- may run on. Every reader merges in what stands outside, of which a user has a bounded number.
DROP INDEX progress_seq;
DROP INDEX progress_last_watched;
DROP INDEX progress_running;
CREATE INDEX progress_seq ON progress (user, seq) WHERE running & 1 = 0;
CREATE INDEX progress_last_watched ON progress (user, last_watched) WHERE running & 1 = 0 AND shown = 1;
CREATE INDEX progress_outside ON progress (user) WHERE running & 1 = 1;
