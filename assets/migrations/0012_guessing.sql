-- 0012: many unknown codes at one counter, and the log of one code without going through all attempts.

-- Counters at which codes were read that nobody knows, until they are forgotten with their attempts.
CREATE TABLE guessing (
    counter       TEXT    PRIMARY KEY,           -- as in attempts: of a store that asks this hub, NODE/COUNTER
    full_at_ms    INTEGER NOT NULL,              -- when its allowance of guesses is full again
    began_at_ms   INTEGER NOT NULL,              -- the first guess since it was full
    newest_at_ms  INTEGER NOT NULL,              -- and the last
    guesses       INTEGER NOT NULL,              -- how many those were
    noticed_at_ms INTEGER                        -- when they became too many; none: they did not
) STRICT;

-- Only what names a code that is known: nothing of a scan that is honoured.
CREATE INDEX attempt_by_code ON attempt (code) WHERE code IS NOT NULL;
