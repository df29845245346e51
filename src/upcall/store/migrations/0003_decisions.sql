CREATE TABLE questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,        -- open, decided, withdrawn; an open one past its time is expired
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    taken_by TEXT,
    taken_until BIGINT,
    verdict TEXT,
    decided_by TEXT,
    answer TEXT,                -- what was edited
    note TEXT,
    decided_at BIGINT
);

CREATE INDEX questions_open ON questions (expires_at) WHERE state = 'open';

CREATE TABLE consents (
    key TEXT NOT NULL PRIMARY KEY,
    verdict TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    expires_at BIGINT,          -- NULL: until somebody changes their mind
    note TEXT NOT NULL
);
