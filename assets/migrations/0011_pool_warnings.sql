-- 0011: a pool that runs low is warned of once, until it is refilled.

CREATE TABLE pool_warning (
    campaign       INTEGER NOT NULL,
    low            TEXT    NOT NULL,             -- empty, share, days
    at_ms          INTEGER NOT NULL,
    left_count     INTEGER NOT NULL,             -- codes left when it was raised
    claimable      INTEGER NOT NULL,             -- codes ever put into the pool by then: more are a refill
    threshold      INTEGER NOT NULL,             -- percent or days of the rules it was raised by
    entry          INTEGER NOT NULL,
    notice_due_ms  INTEGER,                      -- when somebody outside is to be told; none: they were
    notice_tries   INTEGER NOT NULL DEFAULT 0,
    notice_problem TEXT,                         -- why they could not be told the last time
    PRIMARY KEY (campaign, low)
) STRICT, WITHOUT ROWID;
