-- So that what is dropped in staging is told from what is dropped in production.
ALTER TABLE discarded_events
    ADD COLUMN IF NOT EXISTS environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source, such as production or staging; NULL where it is not known' CODEC(ZSTD) AFTER source;

CREATE OR REPLACE VIEW discards_by_environment
(
    day Date COMMENT 'Day of the drop, UTC',
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source; NULL where it is not known',
    source LowCardinality(Nullable(String)) COMMENT 'Id of the source; NULL where it could not be read',
    stage LowCardinality(String) COMMENT 'Stage that dropped it',
    reason LowCardinality(String) COMMENT 'One word of the closed list of reasons',
    count UInt64 COMMENT 'Events; with already-emitted and already-loaded copies of an event that is there'
)
AS SELECT
    toDate(discarded_at) AS day,
    environment,
    source,
    stage,
    reason,
    count() AS count
FROM discarded_events FINAL
GROUP BY day, environment, source, stage, reason
COMMENT 'What was dropped on purpose and why, by day, environment, source and stage';

CREATE OR REPLACE VIEW discards AS
SELECT * EXCEPT environment
FROM discards_by_environment
WHERE environment = 'production' OR environment IS NULL
COMMENT 'What was dropped on purpose and why, by day, source and stage, in production; what comes from nobody knows which environment is here too';
