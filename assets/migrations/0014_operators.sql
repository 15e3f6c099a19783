-- 0014: who runs the shop sees when each operator was last at a counter of this ledger.

-- Milliseconds since 1970 of the newest sign-in, sign-out or approval; each ledger keeps its own.
ALTER TABLE operator ADD COLUMN last_seen_at_ms INTEGER;
