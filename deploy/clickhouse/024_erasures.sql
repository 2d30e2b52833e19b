-- What was erased on request. Nothing in these tables says whose events they were: a number is all that
-- the audit needs to explain why the event is not in `events` any more, and a day and a source are all
-- that a model needs to rebuild.
CREATE TABLE IF NOT EXISTS erased_events
(
    origin_epoch UInt16 COMMENT 'Waybill number: epoch of the log' CODEC(ZSTD),
    origin_partition Int32 COMMENT 'Waybill number: partition of raw-events' CODEC(ZSTD),
    origin_offset Int64 COMMENT 'Waybill number: offset in that partition' CODEC(DoubleDelta, ZSTD),
    appended_at DateTime64(3, 'UTC') COMMENT 'When the broker appended the event to raw-events' CODEC(DoubleDelta, ZSTD),
    source LowCardinality(String) COMMENT 'Source of the event' CODEC(ZSTD),
    event_name LowCardinality(String) COMMENT 'Event name, else its type' CODEC(ZSTD),
    event_day Date COMMENT 'Day of the event''s timestamp, UTC' CODEC(ZSTD),
    erasure String COMMENT 'Id of the erasure, as in the table erasures' CODEC(ZSTD),
    erased_at DateTime64(3, 'UTC') COMMENT 'When the erasure noted the event, just before it was deleted' CODEC(DoubleDelta, ZSTD),

    INDEX by_erased_at erased_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(appended_at)
ORDER BY (origin_epoch, origin_partition, origin_offset, erasure)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The number of each event that was erased from events, with nothing of its content';

CREATE TABLE IF NOT EXISTS erasures
(
    erasure String COMMENT 'Id of the erasure: a random UUID',
    state LowCardinality(String) COMMENT 'begun or done',
    told_at DateTime64(3, 'UTC') COMMENT 'When this state was reached',
    id_kind LowCardinality(String) COMMENT 'user or anonymous: what kind of id was asked for; the id itself is not kept',
    reason String COMMENT 'Why, as the operator said it',
    counts Map(String, UInt64) COMMENT 'Rows deleted by table; empty while begun'
)
ENGINE = ReplacingMergeTree
ORDER BY (erasure, state)
COMMENT 'Every erasure that was asked for: when, why, how much; the latest state of each holds';
