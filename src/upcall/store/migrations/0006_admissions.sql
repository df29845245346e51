-- What was let through under a key in the last minute; the numbers of a key have no gaps, so that two of them count.
CREATE TABLE admissions (
    key TEXT NOT NULL,
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (key, at)
) WITHOUT ROWID;
