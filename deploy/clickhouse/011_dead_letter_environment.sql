-- So that what is rejected in staging is told from what is rejected in production.
ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source, such as production or staging; NULL where it is not known' CODEC(ZSTD) AFTER source;
