-- 0003: the hub: who may ask over HTTP.

-- The secret itself is nowhere. A revoked name can be added again, with another secret: the same caller.
CREATE TABLE token (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    hash       BLOB    NOT NULL UNIQUE,          -- SHA-256 of the secret: 32 random bytes need no slow hash
    scopes     TEXT    NOT NULL,                 -- sync,claim,redeem,read
    is_revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
