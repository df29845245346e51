-- Given by whoever adds a whole record: doing that again, not knowing how the first time ended, adds nothing.
ALTER TABLE records ADD COLUMN write_key TEXT;

CREATE UNIQUE INDEX records_by_write_key ON records (write_key) WHERE write_key IS NOT NULL;
