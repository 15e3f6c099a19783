-- 0015: a store knows which entries its hub had, so that one that was put back is found out however much
-- it has written since.

-- At a store: entries that were the hub's newest when it told something, by the hub's own numbers.
CREATE TABLE hub_newest (
    number INTEGER NOT NULL,
    hash   TEXT    NOT NULL,
    PRIMARY KEY (number, hash)
) STRICT, WITHOUT ROWID;
