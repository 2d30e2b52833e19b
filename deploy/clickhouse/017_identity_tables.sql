-- Who is who: what identity-stitch told, copies of the topics identity-links and identity-aliases,
-- one row per record. A row here is never rejected in turn: what cannot be decoded stands in raw.
-- Not divided by month: a link holds for ever, and who is who is worked out from all of them.
CREATE TABLE IF NOT EXISTS identity_links
(
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Topic of the record' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of the record' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of the record' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    kind LowCardinality(String) COMMENT 'link, or unlink (an operator''s order: no link of the two ids holds); empty where the record cannot be decoded' CODEC(ZSTD),
    anonymous_id String COMMENT 'The device; empty where the record cannot be decoded' CODEC(ZSTD),
    user_id String COMMENT 'The user; empty where the record cannot be decoded' CODEC(ZSTD),
    person_id String COMMENT 'The person that the user id stands for by itself' CODEC(ZSTD),
    rule LowCardinality(String) COMMENT 'What made it: identify, alias, both-ids (an event with both ids) or command (an operator''s order)' CODEC(ZSTD),
    cause_epoch Nullable(UInt16) COMMENT 'Waybill number of the event that made it: epoch of the log; NULL only where the record cannot be decoded' CODEC(ZSTD),
    cause_partition Nullable(Int32) COMMENT 'Its partition of raw-events; of an order its partition of identity-commands' CODEC(ZSTD),
    cause_offset Nullable(Int64) COMMENT 'Its offset there' CODEC(ZSTD),
    event_time DateTime64(3, 'UTC') COMMENT 'Event time of the cause, of an order the time of its append; for what cannot be decoded the Kafka timestamp' CODEC(ZSTD),
    appended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the cause' CODEC(ZSTD),
    refused LowCardinality(Nullable(String)) COMMENT 'Why it did not hold when it was told: blocked-value, too-many-users or unlinked. Which links hold in the end is worked out by identity_intervals' CODEC(ZSTD),
    who Nullable(String) COMMENT 'Who ordered it; NULL where it is no order' CODEC(ZSTD),
    why Nullable(String) COMMENT 'The reason that the order gives' CODEC(ZSTD),
    raw Nullable(String) COMMENT 'The record itself, byte for byte, where it cannot be decoded' CODEC(ZSTD(3)),

    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1,
    INDEX by_user_id user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
ORDER BY (anonymous_id, user_id, position_epoch, position_topic, position_partition, position_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Candidate links between devices and users, and orders about them, each with its cause';

CREATE TABLE IF NOT EXISTS identity_aliases
(
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Topic of the record' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of the record' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of the record' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    kind LowCardinality(String) COMMENT 'merge, or unmerge (an operator''s order: the two are not one person); empty where the record cannot be decoded' CODEC(ZSTD),
    previous_id String COMMENT 'The user id that is replaced; empty where the record cannot be decoded' CODEC(ZSTD),
    user_id String COMMENT 'The user id that stands for both; empty where the record cannot be decoded' CODEC(ZSTD),
    rule LowCardinality(String) COMMENT 'What made it: alias (an event of a source that may merge users) or command (an operator''s order, which goes before any alias)' CODEC(ZSTD),
    cause_epoch Nullable(UInt16) COMMENT 'Waybill number of the event that made it: epoch of the log; NULL only where the record cannot be decoded' CODEC(ZSTD),
    cause_partition Nullable(Int32) COMMENT 'Its partition of raw-events; of an order its partition of identity-commands' CODEC(ZSTD),
    cause_offset Nullable(Int64) COMMENT 'Its offset there' CODEC(ZSTD),
    event_time DateTime64(3, 'UTC') COMMENT 'Event time of the cause, of an order the time of its append; for what cannot be decoded the Kafka timestamp' CODEC(ZSTD),
    appended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Append time of the cause' CODEC(ZSTD),
    who Nullable(String) COMMENT 'Who ordered it; NULL where it is no order' CODEC(ZSTD),
    why Nullable(String) COMMENT 'The reason that the order gives' CODEC(ZSTD),
    raw Nullable(String) COMMENT 'The record itself, byte for byte, where it cannot be decoded' CODEC(ZSTD(3)),

    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (previous_id, user_id, position_epoch, position_topic, position_partition, position_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Merges of two user ids, and orders about them, each with its cause';

-- One row: what the views go by. waybill migrate writes it from the configuration; without a row
-- the defaults hold.
CREATE TABLE IF NOT EXISTS identity_settings
(
    id UInt8 DEFAULT 1 COMMENT 'Always 1: there is one row' CODEC(ZSTD),
    users_per_device UInt32 COMMENT 'How many users one device may have' CODEC(ZSTD),
    devices_per_user UInt32 COMMENT 'How many devices one user may have' CODEC(ZSTD),
    session_gap_minutes UInt32 COMMENT 'After how many minutes without an event of the device its session ends' CODEC(ZSTD),
    orphan_days UInt32 COMMENT 'Within how many days the ids of an event should lead to a user; see identity_health' CODEC(ZSTD),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; the newest holds' CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY id
COMMENT 'The limits that the views of identities go by, one row';
