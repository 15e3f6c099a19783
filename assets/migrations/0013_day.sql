-- 0013: the report of a day, and the Z report that is printed of it.

-- What a day's entries are found by; on a hub those of stores come late, so no number of theirs would do.
CREATE INDEX entry_by_time ON entry (at_ms);

-- How many attempts there were: attempts themselves are kept 30 days, a report of their day for ever.
CREATE TABLE attempt_day (
    day      INTEGER NOT NULL,                   -- days since 1970, by the clock of the node's store
    node     INTEGER NOT NULL,
    campaign INTEGER NOT NULL,                   -- 0: of none that is known
    kind     TEXT    NOT NULL,
    answer   TEXT    NOT NULL,
    counter  TEXT    NOT NULL,
    operator TEXT    NOT NULL,                   -- empty: nobody was signed in
    part     INTEGER NOT NULL,                   -- of a count that several processes add to
    amount   INTEGER NOT NULL,
    PRIMARY KEY (day, node, campaign, kind, answer, counter, operator, part)
) STRICT, WITHOUT ROWID;

-- Attempts up to this number came before the table above: they are counted for as long as they are kept.
CREATE TABLE attempt_uncounted (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    through      INTEGER NOT NULL,
    newest_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO attempt_uncounted (id, through, newest_at_ms) SELECT 1, max(id), max(at_ms) FROM attempt HAVING count(*) > 0;

-- Z reports are numbered without gaps.
CREATE TABLE z_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL                      -- the newest that was given
) STRICT;
INSERT INTO z_head (id, number) VALUES (1, 0);

CREATE TABLE z_report (
    number INTEGER PRIMARY KEY,
    date   TEXT    NOT NULL,
    store  TEXT    NOT NULL,                     -- empty: all stores of a hub together
    entry  INTEGER NOT NULL,                     -- by which it was printed first
    sha256 TEXT    NOT NULL,                     -- of what it says; the entry has it too
    copies INTEGER NOT NULL,
    words  TEXT    NOT NULL                      -- JSON: what stands on the paper
) STRICT;
CREATE INDEX z_report_by_date ON z_report (date, store);
