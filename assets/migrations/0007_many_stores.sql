-- 0007: many stores, many codes.

-- The lists of entries are followed from the code: nothing looks for them by this.
DROP INDEX entry_by_code;

-- At a store: codes of batches that the hub has still to tell of, as it last said.
ALTER TABLE hub_link ADD COLUMN codes_ahead INTEGER NOT NULL DEFAULT 0;
