-- 0004: nodes that agree. A hub keeps its stores, feed and conflicts; a store keeps its link to the hub.

-- The store of a node, by name; none: this ledger's own (it stands in `ledger`), or a hub.
ALTER TABLE node ADD COLUMN store TEXT;

-- On a hub: the nodes that were let in. The secrets themselves are nowhere.
CREATE TABLE store (
    node            INTEGER PRIMARY KEY REFERENCES node (id),
    label           TEXT    NOT NULL,            -- tells nodes of one store apart
    standing        INTEGER NOT NULL,            -- 0 invited 1 active 2 revoked 3 written_off 4 stolen
    enrolment_hash  BLOB UNIQUE,                 -- SHA-256 of the token that works once: while there is no secret
    secret_hash     BLOB UNIQUE,                 -- SHA-256 of the secret it sends at every contact
    timezone        TEXT    NOT NULL,            -- of its counters' days and hours; empty before it joined
    incarnation     INTEGER NOT NULL,            -- the life that has authority
    life_hash       TEXT,                        -- the hash of that life's first entry; none: it was not asked for
    acked_seq       INTEGER NOT NULL,            -- entries of that life up to here are in this ledger
    acked_hash      BLOB    NOT NULL,            -- the hash of that entry
    feed_position   INTEGER NOT NULL DEFAULT 0,  -- what it said it has of the feed
    last_contact_ms INTEGER,                     -- by our clock; none: never
    clock_offset_ms INTEGER NOT NULL DEFAULT 0,  -- its clock less ours, at the last contact
    unsent          INTEGER NOT NULL DEFAULT 0   -- entries it said it has and we have not
) STRICT;

-- On a store: its hub, in one row; none: a shop alone, or a hub.
CREATE TABLE hub_link (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    url               TEXT    NOT NULL,
    ca_file           TEXT,                      -- PEM; none: the usual roots
    secret            TEXT    NOT NULL,
    hub               INTEGER NOT NULL REFERENCES node (id),
    standing          INTEGER NOT NULL,          -- 1 active 2 revoked 3 written_off 5 quarantined
    hub_life          INTEGER NOT NULL DEFAULT 1, -- the life of the hub's own ledger that is known here
    life_missing      INTEGER DEFAULT 0,         -- quarantined: entries that are missing here; none: nobody can say
    acked_seq         INTEGER NOT NULL,          -- own entries up to here are at the hub
    acked_attempt     INTEGER NOT NULL DEFAULT 0,
    feed_position     INTEGER NOT NULL DEFAULT 0, -- of the hub's feed, applied
    feed_code_after   INTEGER NOT NULL DEFAULT 0, -- within a long item of that position: the hub's code id
    feed_goal         INTEGER NOT NULL DEFAULT 0, -- the newest position that the hub told of
    last_contact_ms   INTEGER,                   -- by our clock; none: never
    contact_age_ms    INTEGER NOT NULL DEFAULT 0, -- time counted since, which no clock shortens
    clock_offset_ms   INTEGER NOT NULL DEFAULT 0 -- our clock less the hub's
) STRICT;

-- At a shop that worked alone and joins a hub: pools stay as they are from here until it has joined.
CREATE TABLE joining (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    url     TEXT    NOT NULL,
    ca_file TEXT,
    secret  TEXT    NOT NULL,
    seq     INTEGER NOT NULL DEFAULT 0,          -- the stock is the sum of the entries up to here
    hash    BLOB,                                -- of that entry
    pieces  INTEGER                              -- of the stock; none: it is not cut yet
) STRICT;

-- On a hub: the stock that such a shop brings, unseen until all of it is here.
CREATE TABLE stock (
    node   INTEGER PRIMARY KEY REFERENCES store (node),
    total  INTEGER NOT NULL,                     -- pieces that it has
    pieces INTEGER NOT NULL,                     -- and that are here
    seq    INTEGER NOT NULL,                     -- the newest entry that it is the sum of
    hash   TEXT    NOT NULL,
    goods  TEXT    NOT NULL                      -- JSON: what is published with the last piece
) STRICT;

-- What concerns others, one row a subject: it moves up whenever the subject changes, and what is
-- sent is the subject as it stands. None: changed, and not yet in its place.
CREATE TABLE feed (
    kind     INTEGER NOT NULL,                   -- 1 campaign 2 batch 3 code 4 lease 5 customer 6 recall 7 conflict 8 operator
    subject  INTEGER NOT NULL,
    node     INTEGER NOT NULL,                   -- whom it concerns alone; 0: every store
    position INTEGER,
    PRIMARY KEY (kind, subject, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX feed_by_position ON feed (position);

CREATE TABLE feed_head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL                    -- the newest that was given
) STRICT;
INSERT INTO feed_head (id, position) VALUES (1, 0);

-- What became of an entry that came together with others: of a store's at the hub, of its own at a store.
CREATE TABLE outcome (
    entry    INTEGER PRIMARY KEY,
    word     TEXT NOT NULL,                      -- conflict, parked; a confirmed one has no row
    kind     TEXT,                               -- of the conflict
    conflict INTEGER                             -- the hub's number of it
) STRICT;

-- One per excess entry. At a store: those of the hub that concern its entries.
CREATE TABLE conflict (
    id            INTEGER PRIMARY KEY,           -- the hub's number
    kind          TEXT    NOT NULL,
    entry         TEXT    NOT NULL,              -- the excess entry, by its name for ever
    code          INTEGER,
    campaign      INTEGER,
    told          TEXT    NOT NULL,              -- JSON: the stories of all entries it names, the excess one last
    raised_at_ms  INTEGER NOT NULL,
    is_open       INTEGER NOT NULL,
    decision      TEXT,
    reason        TEXT,
    settled_by    TEXT,
    settled_at_ms INTEGER,
    UNIQUE (entry, kind)
) STRICT;
CREATE INDEX conflict_open ON conflict (id) WHERE is_open = 1;
CREATE INDEX conflict_by_code ON conflict (code) WHERE code IS NOT NULL;

-- At a store: asked of the hub, and the answer is not known. Written before the hub is asked.
CREATE TABLE pending (
    counter  TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    verb     TEXT    NOT NULL,                   -- redeem, reverse, assign
    code     INTEGER,                            -- where the question is about one that is known here
    folded   TEXT,                               -- as it was read, where it is not known here
    question TEXT    NOT NULL,                   -- JSON, to be asked again as it was
    at_ms    INTEGER NOT NULL,
    asks     INTEGER NOT NULL DEFAULT 1,         -- how often it may have been sent
    entry    INTEGER,                            -- by which the act is known here, and nobody was told; none: no answer yet
    PRIMARY KEY (counter, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_by_code ON pending (code) WHERE code IS NOT NULL;
CREATE INDEX pending_by_folded ON pending (folded) WHERE folded IS NOT NULL;

-- At a store: who first redeemed a code elsewhere, as the hub tells it.
CREATE TABLE story (
    code     INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    store    TEXT    NOT NULL,
    counter  TEXT    NOT NULL,
    operator TEXT
) STRICT;

-- On a hub: codes that were asked back from their holder.
CREATE TABLE recall (
    code  INTEGER PRIMARY KEY,
    node  INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- Provisional acceptances per campaign and local day, at the node that gave them.
CREATE TABLE provisional_day (
    campaign INTEGER NOT NULL,
    day      INTEGER NOT NULL,                   -- days since 1970, store's clock
    amount   INTEGER NOT NULL,
    PRIMARY KEY (campaign, day)
) STRICT, WITHOUT ROWID;

ALTER TABLE campaign ADD COLUMN newest_grant INTEGER NOT NULL DEFAULT 1;
-- Of the available ones: those that other nodes hold.
ALTER TABLE tally ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entry_by_code ON entry (code) WHERE code IS NOT NULL AND node <> 1;

-- What came up from stores.
-- Whose attempt it was, and how far the hub has each store's, by the life that numbered them.
ALTER TABLE attempt ADD COLUMN node INTEGER NOT NULL DEFAULT 1;
ALTER TABLE store ADD COLUMN acked_attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store ADD COLUMN acked_attempt_incarnation INTEGER NOT NULL DEFAULT 0;
-- The hash before the first of its entries that is here: what `verify` begins with.
ALTER TABLE store ADD COLUMN first_previous_hash BLOB;
-- Customers whom a campaign takes for one person: two nodes that were apart had the same contact.
CREATE TABLE likeness (
    campaign INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    other    INTEGER NOT NULL,
    PRIMARY KEY (campaign, customer, other)
) STRICT, WITHOUT ROWID;
-- Word 'erasing': a store has erased somebody, and that is still to be done here; 'same': the entry of
-- an act that the entry in `conflict` stands for.
CREATE INDEX outcome_erasing ON outcome (entry) WHERE word = 'erasing';

-- At a store: why a code is void, as the hub tells it.
CREATE TABLE ended (
    code   INTEGER PRIMARY KEY,
    reason TEXT NOT NULL
) STRICT;

-- By whom a person is told of: their hashes, and who was joined to them.
CREATE INDEX contact_hash_by_customer ON contact_hash (customer);
CREATE INDEX customer_by_joined ON customer (joined_to) WHERE joined_to IS NOT NULL;

-- At a store: an operator whom the hub tells of; one of its own stays as it is.
ALTER TABLE operator ADD COLUMN is_hubs INTEGER NOT NULL DEFAULT 0;

-- Own entries up to this number were looked through for codes whose home is anywhere.
ALTER TABLE hub_link ADD COLUMN homed_entry INTEGER NOT NULL DEFAULT 0;

-- At a store: when it last gave back what it had not assigned.
CREATE TABLE lease_return (
    campaign INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL
) STRICT;
