-- What the stages rejected: a copy of the dead-letter topics to look things up in. Redriving
-- reads Kafka, not this table.
--
-- A row is the record at its position; nothing else of a dead letter is sure to be there. A row
-- here is never rejected in turn: what cannot be decoded stands in raw.
CREATE TABLE IF NOT EXISTS dead_letters
(
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Dead-letter topic' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of the dead letter' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of the dead letter' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    stage LowCardinality(String) COMMENT 'Stage that rejected it' CODEC(ZSTD),
    reason LowCardinality(String) COMMENT 'Reason: one word of a closed list; empty where the dead letter cannot be decoded and has no header' CODEC(ZSTD),
    detail String COMMENT 'What is wrong and where' CODEC(ZSTD),
    origin_epoch Nullable(UInt16) COMMENT 'Waybill number: epoch of the log; NULL where the record carried none' CODEC(ZSTD),
    origin_partition Nullable(Int32) COMMENT 'Waybill number: partition of raw-events' CODEC(ZSTD),
    origin_offset Nullable(Int64) COMMENT 'Waybill number: offset in that partition' CODEC(ZSTD),
    appended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the broker appended the event to raw-events' CODEC(ZSTD),
    rejected_topic LowCardinality(String) COMMENT 'Topic of the rejected record' CODEC(ZSTD),
    rejected_partition Nullable(Int32) COMMENT 'Partition of the rejected record' CODEC(ZSTD),
    rejected_offset Nullable(Int64) COMMENT 'Offset of the rejected record' CODEC(ZSTD),
    record_timestamp Nullable(DateTime64(3, 'UTC')) COMMENT 'Kafka timestamp of the rejected record' CODEC(ZSTD),
    key Nullable(String) COMMENT 'Key of the rejected record, byte for byte' CODEC(ZSTD(3)),
    value Nullable(String) COMMENT 'Value of the rejected record, byte for byte; NULL where it had none or the reference stands for it' CODEC(ZSTD(3)),
    headers Array(Tuple(name String, value Nullable(String))) COMMENT 'Headers of the rejected record in order, byte for byte' CODEC(ZSTD(3)),
    reference_length Nullable(Int64) COMMENT 'Length in bytes of a value that was too large to carry' CODEC(ZSTD),
    reference_sha256 Nullable(String) COMMENT 'SHA-256 of that value, 64 hex digits' CODEC(ZSTD),
    attempts Int32 COMMENT 'How often the stage had tried the record' CODEC(ZSTD),
    failed_at DateTime64(3, 'UTC') COMMENT 'When the stage rejected it; for what cannot be decoded the Kafka timestamp of the dead letter' CODEC(DoubleDelta, ZSTD),
    code_version LowCardinality(String) COMMENT 'Version of the code that rejected it' CODEC(ZSTD),
    plan_version LowCardinality(Nullable(String)) COMMENT 'Version of the tracking plan in force' CODEC(ZSTD),
    source LowCardinality(Nullable(String)) COMMENT 'Source of the event, where it could be read' CODEC(ZSTD),
    event_name LowCardinality(Nullable(String)) COMMENT 'Event name, else its type, where it could be read' CODEC(ZSTD),
    message_id Nullable(String) COMMENT 'The sender''s own id of the message, where it could be read' CODEC(ZSTD),
    raw Nullable(String) COMMENT 'The dead letter itself, byte for byte, where it cannot be decoded' CODEC(ZSTD(3)),

    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1,
    INDEX by_origin_offset origin_offset TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(failed_at)
ORDER BY (stage, reason, position_epoch, position_topic, position_partition, position_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What the stages rejected, one row per dead letter';
