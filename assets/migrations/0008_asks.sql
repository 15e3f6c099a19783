-- 0008: what a store asks its hub is heard once, in the order in which it was asked; a store gets another
-- secret.

-- What was redeemed under the key, folded, where its campaign was not known here: subject is 0.
ALTER TABLE act_key ADD COLUMN folded TEXT;
CREATE INDEX act_key_by_folded ON act_key (folded) WHERE folded IS NOT NULL;

-- At a store: the number of its newest asking, whatever was asked.
ALTER TABLE hub_link ADD COLUMN newest_ask INTEGER NOT NULL DEFAULT 0;

-- On a hub: the newest asking of a question that changed nothing. One that was sent before it and comes
-- after it is too late: whoever waited was told.
CREATE TABLE heard (
    caller      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    incarnation INTEGER NOT NULL,                -- the life of the store's ledger that asked
    number      INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

-- On a hub: the store's next enrolment gives it another secret; until then it is known by the one it has.
ALTER TABLE store ADD COLUMN is_rotating INTEGER NOT NULL DEFAULT 0;
