-- What the stages dropped on purpose: a copy of the topic discarded-events, one row per record.
-- A row here is never rejected in turn: what cannot be decoded stands in raw.
CREATE TABLE IF NOT EXISTS discarded_events
(
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Topic of the discard' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of the discard' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of the discard' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    stage LowCardinality(String) COMMENT 'Stage that dropped it; empty where the discard cannot be decoded and has no header' CODEC(ZSTD),
    reason LowCardinality(String) COMMENT 'Reason: one word of a closed list; empty where the discard cannot be decoded and has no header' CODEC(ZSTD),
    detail String COMMENT 'More, for a person' CODEC(ZSTD),
    origin_epoch Nullable(UInt16) COMMENT 'Waybill number: epoch of the log; NULL only where the discard cannot be decoded' CODEC(ZSTD),
    origin_partition Nullable(Int32) COMMENT 'Waybill number: partition of raw-events' CODEC(ZSTD),
    origin_offset Nullable(Int64) COMMENT 'Waybill number: offset in that partition' CODEC(ZSTD),
    appended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the broker appended the event to raw-events' CODEC(ZSTD),
    first_epoch Nullable(UInt16) COMMENT 'For a repeat: waybill number of the first occurrence: epoch of the log' CODEC(ZSTD),
    first_partition Nullable(Int32) COMMENT 'For a repeat: waybill number of the first occurrence: partition' CODEC(ZSTD),
    first_offset Nullable(Int64) COMMENT 'For a repeat: waybill number of the first occurrence: offset' CODEC(ZSTD),
    discarded_at DateTime64(3, 'UTC') COMMENT 'When it was dropped; for what cannot be decoded the Kafka timestamp of the discard' CODEC(DoubleDelta, ZSTD),
    source LowCardinality(Nullable(String)) COMMENT 'Source of the event, where it could be read' CODEC(ZSTD),
    event_name LowCardinality(Nullable(String)) COMMENT 'Event name, else its type, where it could be read' CODEC(ZSTD),
    message_id Nullable(String) COMMENT 'The sender''s own id of the message, where it could be read' CODEC(ZSTD),
    raw Nullable(String) COMMENT 'The discard itself, byte for byte, where it cannot be decoded' CODEC(ZSTD(3)),

    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1,
    INDEX by_origin_offset origin_offset TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(discarded_at)
ORDER BY (stage, reason, position_epoch, position_topic, position_partition, position_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What the stages dropped on purpose, one row per discard';
