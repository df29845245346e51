-- What one of several processes does for all of them, and what came of it, for a while.
CREATE TABLE claims (
    name TEXT NOT NULL PRIMARY KEY,
    about TEXT NOT NULL,        -- dropped together
    holder TEXT NOT NULL,
    result TEXT,                -- NULL while it is under way
    expires_at BIGINT NOT NULL
);

CREATE INDEX claims_by_about ON claims (about);

CREATE INDEX claims_by_expiry ON claims (expires_at);
