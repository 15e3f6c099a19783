-- 0016: a store that holds nothing any more lets its codes go in slices: no till waits for millions of codes.

-- At a store: of what it held, codes up to this id are let go; none: nothing is let go just now. Until
-- that is done it holds nothing, and hears nothing of its hub.
ALTER TABLE hub_link ADD COLUMN let_go_after INTEGER;
-- Not 0: by whatever grant they come back, also an older one.
ALTER TABLE hub_link ADD COLUMN forgets_grants INTEGER NOT NULL DEFAULT 0;
