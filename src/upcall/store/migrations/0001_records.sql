-- Times are microseconds since 1970 (UTC), money is in millionths of a US dollar, JSON is text.

CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    method TEXT,
    name TEXT,
    version TEXT,
    era TEXT,
    request_id TEXT,            -- JSON, so that 7 and "7" stay apart
    trace TEXT,
    request_mode TEXT NOT NULL,
    result_mode TEXT,
    model_asked TEXT,
    model_used TEXT,
    model TEXT,                 -- used or, as long as that is unknown, asked: what is searched and summed
    adjustments TEXT NOT NULL,
    flags TEXT NOT NULL,
    decision TEXT,
    decided_by TEXT,
    outcome TEXT,
    error_code BIGINT,
    error_message TEXT,
    error_detail TEXT,
    attempts TEXT,
    stop_reason TEXT,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cached_tokens BIGINT,
    micro_usd BIGINT,
    price_version TEXT,
    latency DOUBLE PRECISION,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    lease_until BIGINT NOT NULL
);

CREATE INDEX records_by_start ON records (started_at, id);
CREATE INDEX records_by_server ON records (server, started_at, id);
CREATE INDEX records_by_model ON records (model, started_at, id);
CREATE INDEX records_by_outcome ON records (outcome, started_at, id);
CREATE INDEX records_unfinished ON records (started_at, id) WHERE finished_at IS NULL;

-- Apart from the records, so that listing and summing does not wade through them.
CREATE TABLE bodies (
    record_id INTEGER PRIMARY KEY,
    request TEXT,
    result TEXT
);
