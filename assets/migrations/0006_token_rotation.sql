-- 0006: a token gets another secret while its program goes on with the one before.

-- The secret before, for as long as it is let in beside the new one.
ALTER TABLE token ADD COLUMN old_hash BLOB;
ALTER TABLE token ADD COLUMN old_ends_at_ms INTEGER;
CREATE UNIQUE INDEX token_by_old_hash ON token (old_hash) WHERE old_hash IS NOT NULL;
