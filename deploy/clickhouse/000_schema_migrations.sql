-- Which of these files a database has, so that a changed file is seen.
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32 COMMENT 'Number of the file',
    name String COMMENT 'Name of the file',
    checksum String COMMENT 'SHA-256 of the text that was applied, 64 hex digits',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied; filled by the server'
)
ENGINE = ReplacingMergeTree
ORDER BY (version, name, checksum)
COMMENT 'Which files of deploy/clickhouse this database has';
