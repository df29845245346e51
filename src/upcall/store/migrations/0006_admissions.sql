-- What was let through under a key in the last minute: a row for each transaction that let some through.
CREATE TABLE admissions (
    key TEXT NOT NULL,
    at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    number BIGINT NOT NULL,     -- of the last of them: the counts of a key up to here, without a gap
    PRIMARY KEY (key, at)
) WITHOUT ROWID;
