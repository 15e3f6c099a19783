-- 0002: the sign-up desk: names and joined customers, slips, test mode.

-- What a person said of themselves; erasing empties it. The name as given, and in lower case to be found by.
ALTER TABLE customer ADD COLUMN name TEXT;
ALTER TABLE customer ADD COLUMN name_form TEXT;
ALTER TABLE customer ADD COLUMN consented_at_ms INTEGER;  -- when they agreed to be written to; none: they did not
ALTER TABLE customer ADD COLUMN joined_to INTEGER;        -- the customer that they turned out to be
ALTER TABLE customer ADD COLUMN erased_at_ms INTEGER;
CREATE INDEX customer_by_name ON customer (name_form) WHERE name_form IS NOT NULL;

-- One piece of paper, stored before it is sent to the printer.
CREATE TABLE slip (
    id      INTEGER PRIMARY KEY,
    code    INTEGER NOT NULL,
    copy    INTEGER NOT NULL,                    -- from 1: a reprint is the next copy of the same code
    entry   INTEGER NOT NULL,                    -- by which it was ordered
    state   INTEGER NOT NULL,                    -- 0 printing 1 printed 2 unconfirmed 3 settled by a person
    why     TEXT,                                -- of an unconfirmed one: paper_out, cover_open, offline, ...
    counter TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL,
    words   TEXT,                                -- what stands on it, JSON; none: erased
    UNIQUE (code, copy)
) STRICT;
CREATE INDEX slip_open ON slip (state) WHERE state IN (0, 2);

-- Test mode: until when, and for whom. Codes drawn in it have the state 5 (test) and no ordinal.
ALTER TABLE campaign ADD COLUMN test_until_ms INTEGER;    -- none: not in test mode
CREATE TABLE test_customer (
    campaign INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    PRIMARY KEY (campaign, customer)
) STRICT, WITHOUT ROWID;
ALTER TABLE tally ADD COLUMN test INTEGER NOT NULL DEFAULT 0;

-- What a caller noted beside a claim, JSON.
ALTER TABLE attempt ADD COLUMN notes TEXT;
