-- What is settled, per key and window; a window is named by its kind and its start.
CREATE TABLE budget_use (
    key TEXT NOT NULL,
    span TEXT NOT NULL,         -- minute, hour, day, month, ever
    since BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    micro_usd BIGINT NOT NULL,
    PRIMARY KEY (key, span, since)
);

-- What is set aside: a row for each key that a reservation counts under.
CREATE TABLE reservations (
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    calls BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    micro_usd BIGINT NOT NULL,
    reserved_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id, key)
);

-- Covers the sum of what is open, which every reservation asks for.
CREATE INDEX reservations_open ON reservations (key, expires_at, reserved_at, calls, tokens, micro_usd);
