-- 0005: several processes write one ledger, where it is kept on a server.

-- A process that writes: its incarnation of the ledger's node, and where its own chain ends. None on
-- SQLite, whose one chain ends in the row of `ledger`.
CREATE TABLE writer (
    incarnation  INTEGER PRIMARY KEY,
    seq          INTEGER NOT NULL,
    hash         BLOB    NOT NULL,
    newest_at_ms INTEGER NOT NULL,
    turn         INTEGER NOT NULL,               -- its writes so far: tells whether one was committed
    beat_at_ms   INTEGER NOT NULL                -- when it last wrote, by the server's clock
) STRICT;

-- Part of a pool that one process alone claims from, so that claims do not queue on one row. Whoever
-- takes one over counts up its number first: who had it before can claim nothing more from it.
CREATE TABLE claim_range (
    id           INTEGER PRIMARY KEY,
    campaign     INTEGER NOT NULL,
    next_ordinal INTEGER NOT NULL,
    end_ordinal  INTEGER NOT NULL,               -- not included
    code_grant   INTEGER NOT NULL,               -- the grant number of its codes
    grant_number INTEGER NOT NULL,               -- of this range itself
    writer       INTEGER                         -- none: given back
) STRICT;
CREATE INDEX claim_range_by_campaign ON claim_range (campaign, writer);

-- Who stores an unpublished batch; none on SQLite, where a locked file tells.
ALTER TABLE batch ADD COLUMN writer INTEGER;

-- Kept numbers in parts, added up when they are read: processes that count do not wait for each other.
-- On SQLite there is the part 0 alone.
CREATE TABLE tally_in_parts (
    campaign  INTEGER NOT NULL,
    part      INTEGER NOT NULL DEFAULT 0,
    available INTEGER NOT NULL DEFAULT 0,
    assigned  INTEGER NOT NULL DEFAULT 0,
    redeemed  INTEGER NOT NULL DEFAULT 0,
    void      INTEGER NOT NULL DEFAULT 0,
    suspect   INTEGER NOT NULL DEFAULT 0,
    uses_made INTEGER NOT NULL DEFAULT 0,
    test      INTEGER NOT NULL DEFAULT 0,
    leased    INTEGER NOT NULL DEFAULT 0,        -- of the available ones: those that other nodes hold
    revision  INTEGER NOT NULL DEFAULT 0,        -- of the rules under which it is counted
    PRIMARY KEY (campaign, part)
) STRICT, WITHOUT ROWID;
INSERT INTO tally_in_parts
        (campaign, available, assigned, redeemed, void, suspect, uses_made, test, leased)
    SELECT campaign, available, assigned, redeemed, void, suspect, uses_made, test, leased FROM tally;
DROP TABLE tally;
ALTER TABLE tally_in_parts RENAME TO tally;

CREATE TABLE tally_hour_in_parts (
    campaign    INTEGER NOT NULL,
    hour        INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    part        INTEGER NOT NULL DEFAULT 0,
    amount      INTEGER NOT NULL,
    first_entry INTEGER NOT NULL,
    PRIMARY KEY (hour, campaign, kind, part)
) STRICT, WITHOUT ROWID;
INSERT INTO tally_hour_in_parts (campaign, hour, kind, amount, first_entry)
    SELECT campaign, hour, kind, amount, first_entry FROM tally_hour;
DROP TABLE tally_hour;
ALTER TABLE tally_hour_in_parts RENAME TO tally_hour;
