-- What became of events at the APIs of third parties: a copy of the topic deliveries, one row per record.
-- A row here is never rejected in turn: what cannot be decoded stands in raw.
CREATE TABLE IF NOT EXISTS deliveries
(
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Topic of the delivery' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of the delivery' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of the delivery' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    destination LowCardinality(String) COMMENT 'Destination, as the configuration names it; for what cannot be decoded the stage that its header names, empty where there is none' CODEC(ZSTD),
    outcome LowCardinality(String) COMMENT 'delivered (the API took it), unverified (it was sent, and the API cannot tell) or rejected (it will not be tried again); empty where the delivery cannot be decoded' CODEC(ZSTD),
    reason LowCardinality(Nullable(String)) COMMENT 'Why it was rejected: one word of a closed list; NULL where it was not' CODEC(ZSTD),
    detail String COMMENT 'More, for a person' CODEC(ZSTD),
    status Nullable(Int32) COMMENT 'HTTP status of the last answer; NULL where none came' CODEC(ZSTD),
    origin_epoch Nullable(UInt16) COMMENT 'Waybill number: epoch of the log; NULL only where the delivery cannot be decoded' CODEC(ZSTD),
    origin_partition Nullable(Int32) COMMENT 'Waybill number: partition of raw-events' CODEC(ZSTD),
    origin_offset Nullable(Int64) COMMENT 'Waybill number: offset in that partition' CODEC(ZSTD),
    appended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the broker appended the event to raw-events' CODEC(ZSTD),
    append_hour Nullable(DateTime('UTC')) DEFAULT toStartOfHour(appended_at) COMMENT 'Start of the hour of append to raw-events; worked out by the server; NULL where the record carried no number' CODEC(ZSTD),
    attempts Int32 COMMENT 'How often it was sent, with the attempt that ended it; 0 where it was rejected before, or the delivery cannot be decoded' CODEC(ZSTD),
    first_attempted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first sent, or rejected before; NULL only where the delivery cannot be decoded' CODEC(ZSTD),
    settled_at DateTime64(3, 'UTC') COMMENT 'When the outcome was known; for what cannot be decoded the Kafka timestamp of the delivery' CODEC(DoubleDelta, ZSTD),
    idempotency_key String COMMENT 'What the API was told to know a repeat by: the same with each attempt; empty where the delivery cannot be decoded' CODEC(ZSTD),
    source LowCardinality(Nullable(String)) COMMENT 'Source of the event, where it could be read' CODEC(ZSTD),
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source, such as production or staging; NULL where it is not known' CODEC(ZSTD),
    event_name LowCardinality(Nullable(String)) COMMENT 'Event name, else its type, where it could be read' CODEC(ZSTD),
    message_id Nullable(String) COMMENT 'The sender''s own id of the message, where it could be read' CODEC(ZSTD),
    code_version LowCardinality(String) COMMENT 'Version of the code that delivered it; empty where the delivery cannot be decoded' CODEC(ZSTD),
    raw Nullable(String) COMMENT 'The delivery itself, byte for byte, where it cannot be decoded' CODEC(ZSTD(3)),

    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1,
    INDEX by_origin_offset origin_offset TYPE minmax GRANULARITY 1,
    INDEX by_settled_at settled_at TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(settled_at)
ORDER BY (destination, outcome, position_epoch, position_topic, position_partition, position_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10
COMMENT 'What became of events at destinations, one row per outcome; an event that was redriven to a destination has several, and the latest holds';

CREATE OR REPLACE VIEW deliveries_by_destination_by_environment
(
    hour DateTime('UTC') COMMENT 'Start of the hour in which the outcome was known',
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source; NULL where it is not known',
    destination LowCardinality(String) COMMENT 'Destination, as the configuration names it',
    outcome LowCardinality(String) COMMENT 'delivered, unverified or rejected; empty where the delivery cannot be decoded',
    count UInt64 COMMENT 'Outcomes',
    p50_seconds Nullable(Float64) COMMENT 'Seconds from append to raw-events until the outcome was known, of half of them at most; NULL where no number is known',
    p95_seconds Nullable(Float64) COMMENT 'The same, of 95 % of them'
)
AS SELECT
    toStartOfHour(settled_at) AS hour,
    environment,
    destination,
    outcome,
    count() AS count,
    quantile(0.5)(dateDiff('millisecond', appended_at, settled_at)) / 1000 AS p50_seconds,
    quantile(0.95)(dateDiff('millisecond', appended_at, settled_at)) / 1000 AS p95_seconds
FROM deliveries FINAL
GROUP BY hour, environment, destination, outcome
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'How many events each destination took or refused, and how long that took, by hour and environment';

CREATE OR REPLACE VIEW deliveries_by_destination AS
SELECT * EXCEPT environment
FROM deliveries_by_destination_by_environment
WHERE environment = 'production' OR environment IS NULL
COMMENT 'How many events each destination took or refused, and how long that took, by hour, in production; what comes from nobody knows which environment is here too';
