-- 0001: one ledger. Written in the subset of SQL that SQLite and PostgreSQL share, but for STRICT.
-- Numbers stored for states and kinds are listed beside the column; times are milliseconds since 1970.
-- A migration is never edited once it has shipped: the next change is the next number.

-- The one row that says whose ledger this is, and where its chain ends.
CREATE TABLE ledger (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    node             TEXT    NOT NULL,           -- ten letters drawn at set-up
    incarnation      INTEGER NOT NULL,           -- this life of the file, from 1
    seq              INTEGER NOT NULL,           -- the newest entry of this node
    hash             BLOB    NOT NULL,           -- and its hash
    newest_at_ms     INTEGER NOT NULL,           -- the latest time an entry carries
    store            TEXT    NOT NULL,
    timezone         TEXT    NOT NULL,
    next_code_id     INTEGER NOT NULL,           -- code ids are handed out in blocks
    restored_code_id INTEGER NOT NULL DEFAULT 0, -- codes up to this id wait for approval after a restore
    lost             INTEGER NOT NULL DEFAULT 0, -- entries of earlier lives that this file does not hold
    is_moved         INTEGER NOT NULL DEFAULT 0  -- closed by `backup --move`
) STRICT;

-- Who writes entries. 1 is this ledger; its holder number in codes and leases.
CREATE TABLE node (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE campaign (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    revision     INTEGER NOT NULL,
    is_paused    INTEGER NOT NULL DEFAULT 0,
    rules        TEXT    NOT NULL,               -- JSON of the newest revision
    next_ordinal INTEGER NOT NULL DEFAULT 0,
    contact_key  BLOB    NOT NULL                -- keys the hashes of its customers' contacts
) STRICT;

CREATE TABLE campaign_revision (
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    revision INTEGER NOT NULL,
    rules    TEXT    NOT NULL,
    entry    INTEGER NOT NULL,
    PRIMARY KEY (campaign, revision)
) STRICT, WITHOUT ROWID;

-- The shapes of codes generated here: what `misread` is said of.
CREATE TABLE shape (
    prefix TEXT    NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (prefix, length)
) STRICT, WITHOUT ROWID;

-- One import or generation. Its codes exist for nobody until it is published, in one write.
CREATE TABLE batch (
    id            INTEGER PRIMARY KEY,
    campaign      INTEGER NOT NULL REFERENCES campaign (id),
    how           TEXT    NOT NULL,              -- imported, generated
    is_published  INTEGER NOT NULL DEFAULT 0,
    first_code    INTEGER NOT NULL,
    code_count    INTEGER NOT NULL,
    first_ordinal INTEGER NOT NULL,
    ordinal_count INTEGER NOT NULL,
    codes_hash    BLOB                           -- SHA-256 over the folded codes in id order
) STRICT;

CREATE TABLE code (
    id                   INTEGER PRIMARY KEY,
    folded               TEXT    NOT NULL UNIQUE, -- upper case, no spaces or hyphens: what a scan is looked up by
    shown                TEXT,                    -- as stored, where it differs from folded
    campaign             INTEGER NOT NULL,
    batch                INTEGER NOT NULL,
    ordinal              INTEGER,                 -- none: given out by others, never claimed
    state                INTEGER NOT NULL,        -- 0 available 1 assigned 2 redeemed 3 void 4 suspect
    uses_made            INTEGER NOT NULL DEFAULT 0,
    holder               INTEGER NOT NULL,        -- node
    grant_number         INTEGER NOT NULL,
    customer             INTEGER,
    expires_at_ms        INTEGER,
    assigned_incarnation INTEGER,
    newest_entry         INTEGER                  -- the head of this code's list of entries
) STRICT;

-- Claiming is a cursor: ordinal to code.
CREATE TABLE pool_slot (
    campaign INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    code     INTEGER NOT NULL,
    PRIMARY KEY (campaign, ordinal)
) STRICT, WITHOUT ROWID;

-- Ranges of ordinals that one node alone may assign.
CREATE TABLE lease (
    id            INTEGER PRIMARY KEY,
    campaign      INTEGER NOT NULL REFERENCES campaign (id),
    first_ordinal INTEGER NOT NULL,
    end_ordinal   INTEGER NOT NULL,              -- not included
    next_ordinal  INTEGER NOT NULL,
    holder        INTEGER NOT NULL,
    grant_number  INTEGER NOT NULL,
    soft_ends_at_ms INTEGER,                     -- none: a shop alone holds its whole pool
    UNIQUE (campaign, first_ordinal)
) STRICT;

CREATE TABLE customer (
    id        INTEGER PRIMARY KEY,
    public_id TEXT    NOT NULL UNIQUE,
    batch     INTEGER                            -- the import that made it, until it is published
) STRICT;
CREATE INDEX customer_by_batch ON customer (batch) WHERE batch IS NOT NULL;

-- The readable contacts, in one table that erasing empties.
CREATE TABLE contact (
    customer    INTEGER NOT NULL,
    kind        INTEGER NOT NULL,                -- 0 email 1 phone 2 loyalty 3 external_id
    normal_form TEXT    NOT NULL,
    batch       INTEGER,                         -- as in customer
    PRIMARY KEY (customer, kind, normal_form)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_by_form ON contact (normal_form, kind);
CREATE INDEX contact_by_batch ON contact (batch) WHERE batch IS NOT NULL;

-- Who has a code of a campaign, by keyed hash: an erased customer is still recognised.
CREATE TABLE contact_hash (
    campaign INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    customer INTEGER NOT NULL,
    batch    INTEGER,                            -- as in customer
    PRIMARY KEY (campaign, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_hash_by_batch ON contact_hash (batch) WHERE batch IS NOT NULL;

-- One row per code of a customer, slots from 1: they hold law 2.
CREATE TABLE customer_slot (
    campaign INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    slot     INTEGER NOT NULL,
    code     INTEGER NOT NULL,
    PRIMARY KEY (campaign, customer, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_slot_by_customer ON customer_slot (customer);

-- The ledger itself: append-only.
CREATE TABLE entry (
    id               INTEGER PRIMARY KEY,
    node             INTEGER NOT NULL,
    incarnation      INTEGER NOT NULL,
    seq              INTEGER NOT NULL,
    at_ms            INTEGER NOT NULL,
    kind             TEXT    NOT NULL,
    campaign         INTEGER,
    code             INTEGER,
    previous_of_code INTEGER,                    -- the code's entry before this one
    body             TEXT    NOT NULL,           -- the stored bytes that the chain hashes
    hash             BLOB    NOT NULL,
    UNIQUE (node, incarnation, seq)
) STRICT;

-- Names, reasons and raw text: erasable; the body holds their salted hash.
CREATE TABLE side (
    entry INTEGER PRIMARY KEY,
    salt  BLOB NOT NULL,
    text  TEXT NOT NULL
) STRICT;

-- One act per key and caller, for as long as the campaign lives.
CREATE TABLE act_key (
    caller  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    verb    TEXT    NOT NULL,                    -- redeem, reverse
    subject INTEGER NOT NULL,                    -- code
    entry   INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

-- A redemption has at most one reversal.
CREATE TABLE reversal (
    redemption INTEGER PRIMARY KEY,
    entry      INTEGER NOT NULL
) STRICT;

-- Acceptances at a console that may not have been drawn yet.
CREATE TABLE unshown (
    entry   INTEGER PRIMARY KEY,
    counter TEXT    NOT NULL,
    code    INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

-- Scans and claims that changed nothing.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    after_entry INTEGER NOT NULL,                -- the newest entry when it was judged: its place in the log
    kind        TEXT    NOT NULL,
    answer      TEXT    NOT NULL,
    code        INTEGER,
    campaign    INTEGER,
    customer    INTEGER,
    counter     TEXT    NOT NULL,
    operator    TEXT,
    trigger_text TEXT,
    key         TEXT,
    raw         TEXT,
    reason      TEXT
) STRICT;

-- Kept numbers, one row a campaign; `verify` recounts them.
CREATE TABLE tally (
    campaign  INTEGER PRIMARY KEY,
    available INTEGER NOT NULL DEFAULT 0,
    assigned  INTEGER NOT NULL DEFAULT 0,
    redeemed  INTEGER NOT NULL DEFAULT 0,
    void      INTEGER NOT NULL DEFAULT 0,
    suspect   INTEGER NOT NULL DEFAULT 0,
    uses_made INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Acts per campaign and hour, for charts and forecasts.
CREATE TABLE tally_hour (
    campaign    INTEGER NOT NULL,
    hour        INTEGER NOT NULL,                -- hours since 1970
    kind        TEXT    NOT NULL,
    amount      INTEGER NOT NULL,
    first_entry INTEGER NOT NULL,
    PRIMARY KEY (hour, campaign, kind)
) STRICT, WITHOUT ROWID;

-- Redemptions per customer and local day, where a campaign limits them.
CREATE TABLE customer_day (
    campaign INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    day      INTEGER NOT NULL,                   -- days since 1970, store's clock
    amount   INTEGER NOT NULL,
    PRIMARY KEY (campaign, customer, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE operator (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,                 -- cashier, manager
    pin_hash   TEXT,                             -- argon2id, PHC string
    badge_hash TEXT UNIQUE,                      -- SHA-256 of the badge's text
    is_removed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Wrong PINs per counter; survives a restart.
CREATE TABLE pin_lockout (
    counter            TEXT PRIMARY KEY,
    failures           INTEGER NOT NULL,
    locked_until_at_ms INTEGER NOT NULL
) STRICT;
