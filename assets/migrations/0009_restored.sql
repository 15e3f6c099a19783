-- 0009: a hub that was put back to an older state, and what its stores still know.

-- On a hub: a store knows more of this ledger than there is in it. While this row is here nothing is
-- given out, and what is honoured needs a manager.
CREATE TABLE behind (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    node     INTEGER NOT NULL REFERENCES node (id), -- the store that first told so
    hub_life INTEGER NOT NULL,                   -- the newest life of this ledger that a store knows
    at_ms    INTEGER NOT NULL
) STRICT;

-- The life of a hub that is kept on a server, where an incarnation is a process.
ALTER TABLE ledger ADD COLUMN hub_life INTEGER NOT NULL DEFAULT 1;

-- At a store: the hub's own uses of a code that stand, as it told them, each by the first 16 digits of
-- its entry's hash: what a hub that was restored may have lost.
CREATE TABLE hub_use (
    code  INTEGER NOT NULL,
    entry TEXT    NOT NULL,
    PRIMARY KEY (code, entry)
) STRICT, WITHOUT ROWID;

-- At a store: entries up to here were written while a life of the hub stood that is gone. It may have
-- had any of them, whether or not its answer came.
ALTER TABLE hub_link ADD COLUMN former_head INTEGER NOT NULL DEFAULT 0;
-- Codes after this one are still to be named to the hub, before entries about them; none: all are.
ALTER TABLE hub_link ADD COLUMN named_after INTEGER;
-- What is known of codes after this one is still to be told to the hub; none: there is nothing.
ALTER TABLE hub_link ADD COLUMN retold_after INTEGER;
-- The hub waits for its manager: it was put back.
ALTER TABLE hub_link ADD COLUMN hub_is_behind INTEGER NOT NULL DEFAULT 0;
