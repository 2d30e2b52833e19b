-- What ingest saw of client hints, and what it put in because the sender had left it out.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS request_client_hints Nullable(String) COMMENT 'JSON text of an object: client hints (headers Sec-CH-*) as ingest saw them, by lower-case name' CODEC(ZSTD) AFTER request_accept_language,
    ADD COLUMN IF NOT EXISTS request_supplied Array(LowCardinality(String)) COMMENT 'What ingest put in for the sender: message_id (repeats of the event cannot be recognised), anonymous_id (from the first-party cookie)' CODEC(ZSTD) AFTER request_client_hints;
