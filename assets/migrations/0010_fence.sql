-- 0010: what an ended life of a store held is taken back in slices: no till waits for millions of codes.

-- By their holder, those that others hold: nothing of it on a shop alone.
CREATE INDEX code_held_elsewhere ON code (holder, campaign, id) WHERE holder <> 1;

-- At a hub: what a node held is being taken back; until that is done nobody spends any of it.
CREATE TABLE fence (
    node     INTEGER PRIMARY KEY,
    fact     TEXT    NOT NULL,                   -- JSON: what is entered when it is done
    counter  TEXT    NOT NULL,                   -- who ordered it
    operator TEXT,
    suspects INTEGER NOT NULL DEFAULT 0          -- codes that became suspect so far
) STRICT;

-- The campaigns that are not gone through yet.
CREATE TABLE fence_campaign (
    node         INTEGER NOT NULL,
    campaign     INTEGER NOT NULL,
    grant_number INTEGER NOT NULL DEFAULT 0,     -- under which its codes come back; 0: to be drawn
    issued       INTEGER NOT NULL,               -- of those it had not given out: so many it may have
    stays        INTEGER NOT NULL,               -- 1: what it had given out stays with it
    code_after   INTEGER NOT NULL DEFAULT 0,     -- codes up to this id are done
    PRIMARY KEY (node, campaign)
) STRICT, WITHOUT ROWID;
