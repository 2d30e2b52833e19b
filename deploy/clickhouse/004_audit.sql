-- The books. Every verdict on an hour is a revision of its own: what was once said stays.
CREATE TABLE IF NOT EXISTS audit_hours
(
    revision UInt64 COMMENT 'Higher is newer; one per time the auditor judged this hour',
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    epoch UInt16 COMMENT 'Epoch of the log',
    state LowCardinality(String) COMMENT 'What the auditor says of the hour',
    raw UInt64 COMMENT 'Origins in raw-events',
    loaded UInt64 COMMENT 'Of these, in the table events',
    discarded UInt64 COMMENT 'Of these, finally discarded',
    dead UInt64 COMMENT 'Of these, open dead letters',
    missing UInt64 COMMENT 'Of these, nowhere',
    duplicated UInt64 COMMENT 'Of these, in the table events more than once',
    counts Map(String, UInt64) COMMENT 'Origins of the hour by topic',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the hour was closed; NULL while it is open'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (epoch, hour, revision)
COMMENT 'The verdict on each hour; the row with the highest revision holds';

-- A finding stays when the hour is judged anew, even if a merge has folded the duplicate since.
CREATE TABLE IF NOT EXISTS audit_findings
(
    found_at DateTime64(3, 'UTC') COMMENT 'When the auditor found it',
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    kind LowCardinality(String) COMMENT 'missing, duplicated or stranger (in events without having been in raw-events)',
    origin_epoch UInt16 COMMENT 'Waybill number: epoch of the log',
    origin_partition Int32 COMMENT 'Waybill number: partition of raw-events',
    origin_offset Int64 COMMENT 'Waybill number: offset in that partition',
    source Nullable(String) COMMENT 'Source of the event, where it could be read',
    event_name Nullable(String) COMMENT 'Event name, else its type, where it could be read',
    message_id Nullable(String) COMMENT 'The sender''s own id of the message, where it could be read',
    detail String COMMENT 'More, for a person'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, kind, origin_epoch, origin_partition, origin_offset, found_at)
COMMENT 'Every origin that did not arrive exactly once, by name';
