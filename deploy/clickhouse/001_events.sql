-- Every event that the pipeline delivered, one row per waybill number.
--
-- Origin and position are what exactly-once loading and the audit stand on: the origin names the
-- event for ever, the position says which Kafka record the row was made of. The sort key uses
-- only facts fixed at ingestion, so that a redriven event falls on its own earlier row.
-- Exact counts need FINAL; the audit counts without it.
CREATE TABLE IF NOT EXISTS events
(
    origin_epoch UInt16 COMMENT 'Waybill number: epoch of the log' CODEC(ZSTD),
    origin_partition Int32 COMMENT 'Waybill number: partition of raw-events' CODEC(ZSTD),
    origin_offset Int64 COMMENT 'Waybill number: offset in that partition' CODEC(DoubleDelta, ZSTD),
    appended_at DateTime64(3, 'UTC') COMMENT 'When the broker appended the event to raw-events' CODEC(DoubleDelta, ZSTD),
    position_epoch UInt16 COMMENT 'Epoch of the log under which the row was loaded' CODEC(ZSTD),
    position_topic LowCardinality(String) COMMENT 'Topic of the record that the row was made of' CODEC(ZSTD),
    position_partition Int32 COMMENT 'Partition of that record' CODEC(ZSTD),
    position_offset Int64 COMMENT 'Offset of that record' CODEC(DoubleDelta, ZSTD),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row; filled by the server' CODEC(DoubleDelta, ZSTD),

    source LowCardinality(String) COMMENT 'Id of the source' CODEC(ZSTD),
    source_kind LowCardinality(String) COMMENT 'browser, mobile or server' CODEC(ZSTD),
    environment LowCardinality(String) COMMENT 'Environment of the source, such as production or staging' CODEC(ZSTD),
    type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias' CODEC(ZSTD),
    event_name LowCardinality(String) COMMENT 'Name of what happened, else the type' CODEC(ZSTD),
    message_id String COMMENT 'The sender''s own id of the message' CODEC(ZSTD),
    anonymous_id Nullable(String) COMMENT 'Id of the device or browser before anyone logged in' CODEC(ZSTD),
    user_id Nullable(String) COMMENT 'The sender''s id of the user' CODEC(ZSTD),
    group_id Nullable(String) COMMENT 'The sender''s id of the account or group' CODEC(ZSTD),
    previous_id Nullable(String) COMMENT 'The id that user_id replaces' CODEC(ZSTD),
    name Nullable(String) COMMENT 'Name of the page or screen' CODEC(ZSTD),
    category Nullable(String) COMMENT 'Category of the page or screen' CODEC(ZSTD),
    channel LowCardinality(Nullable(String)) COMMENT 'Where the sender says it runs' CODEC(ZSTD),
    timestamp DateTime64(3, 'UTC') COMMENT 'When it happened, corrected as time_basis says' CODEC(DoubleDelta, ZSTD),
    original_timestamp Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened by the sender''s clock, uncorrected' CODEC(ZSTD),
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the sender sent it by its own clock' CODEC(ZSTD),
    received_at DateTime64(3, 'UTC') COMMENT 'When ingest received it, or the broker appended it for direct producers' CODEC(DoubleDelta, ZSTD),
    context String COMMENT 'JSON text of an object, exactly as sent; {} when nothing was sent' CODEC(ZSTD(3)),
    properties String COMMENT 'JSON text of an object, exactly as sent; {} when nothing was sent' CODEC(ZSTD(3)),
    traits String COMMENT 'JSON text of an object, exactly as sent; {} when nothing was sent' CODEC(ZSTD(3)),
    integrations String COMMENT 'JSON text of an object, exactly as sent; {} when nothing was sent' CODEC(ZSTD(3)),
    extra String COMMENT 'JSON text of an object: further top-level members; {} when there are none' CODEC(ZSTD(3)),

    request_ip Nullable(String) COMMENT 'Address of the client as ingest saw it' CODEC(ZSTD),
    request_user_agent Nullable(String) COMMENT 'Header User-Agent as ingest saw it' CODEC(ZSTD),
    request_origin Nullable(String) COMMENT 'Header Origin as ingest saw it' CODEC(ZSTD),
    request_referer Nullable(String) COMMENT 'Header Referer as ingest saw it' CODEC(ZSTD),
    request_accept_language Nullable(String) COMMENT 'Header Accept-Language as ingest saw it' CODEC(ZSTD),

    validation_version LowCardinality(String) COMMENT 'Version of the code that judged' CODEC(ZSTD),
    plan_version LowCardinality(Nullable(String)) COMMENT 'Version of the tracking plan in force; NULL where the source has none' CODEC(ZSTD),
    device_key String COMMENT 'Anonymous id, else user id, else message id' CODEC(ZSTD),
    device_key_kind LowCardinality(String) COMMENT 'anonymous_id, user_id or message_id' CODEC(ZSTD),
    time_basis LowCardinality(String) COMMENT 'Where timestamp comes from: sent, corrected (shifted by clock_offset_ms) or received' CODEC(ZSTD),
    clock_offset_ms Nullable(Int64) COMMENT 'Our clock minus the sender''s in milliseconds; NULL where it cannot be known' CODEC(ZSTD),
    validation_flags Array(LowCardinality(String)) COMMENT 'Oddities that do not reject, such as no-plan' CODEC(ZSTD),

    enrichments Array(Tuple(name String, version String)) COMMENT 'The enrichments that ran, in order' CODEC(ZSTD),
    user_agent Nullable(String) COMMENT 'The user agent text that was read; NULL where none of the end user is known' CODEC(ZSTD),
    user_agent_taken_from LowCardinality(Nullable(String)) COMMENT 'context (sent by the sender) or request (seen by ingest)' CODEC(ZSTD),
    browser LowCardinality(Nullable(String)) COMMENT 'Browser family, such as Chrome' CODEC(ZSTD),
    browser_version LowCardinality(Nullable(String)) COMMENT 'Browser version as written' CODEC(ZSTD),
    os LowCardinality(Nullable(String)) COMMENT 'Operating system, such as Windows 10' CODEC(ZSTD),
    os_version LowCardinality(Nullable(String)) COMMENT 'Operating system version as written' CODEC(ZSTD),
    device_class LowCardinality(Nullable(String)) COMMENT 'pc, smartphone, mobilephone, appliance, crawler or misc' CODEC(ZSTD),
    is_bot Bool COMMENT 'True if any sign was seen that no person did this' CODEC(ZSTD),
    bot_indicators Array(LowCardinality(String)) COMMENT 'Names of those signs' CODEC(ZSTD),
    page_url Nullable(String) COMMENT 'URL of the page as sent; NULL where none was sent' CODEC(ZSTD(3)),
    page_host LowCardinality(Nullable(String)) COMMENT 'Host of the URL, lower case' CODEC(ZSTD),
    page_path Nullable(String) COMMENT 'Path of the URL' CODEC(ZSTD),
    page_query Nullable(String) COMMENT 'Query of the URL without the question mark' CODEC(ZSTD),
    page_title Nullable(String) COMMENT 'Title of the page as sent' CODEC(ZSTD),
    campaign_taken_from LowCardinality(Nullable(String)) COMMENT 'context or url; NULL where there is no campaign' CODEC(ZSTD),
    campaign_source Nullable(String) COMMENT 'utm_source' CODEC(ZSTD),
    campaign_medium Nullable(String) COMMENT 'utm_medium' CODEC(ZSTD),
    campaign_name Nullable(String) COMMENT 'utm_campaign' CODEC(ZSTD),
    campaign_term Nullable(String) COMMENT 'utm_term' CODEC(ZSTD),
    campaign_content Nullable(String) COMMENT 'utm_content' CODEC(ZSTD),
    campaign_id Nullable(String) COMMENT 'utm_id' CODEC(ZSTD),
    referrer_url Nullable(String) COMMENT 'Referrer as sent; NULL where there is none' CODEC(ZSTD(3)),
    referrer_host LowCardinality(Nullable(String)) COMMENT 'Host of the referrer, lower case' CODEC(ZSTD),
    referrer_medium LowCardinality(Nullable(String)) COMMENT 'search, social, email, ai, internal or unknown' CODEC(ZSTD),
    referrer_source LowCardinality(Nullable(String)) COMMENT 'Name of the search engine or network, such as Google' CODEC(ZSTD),
    locale LowCardinality(Nullable(String)) COMMENT 'Locale as sent, else the first of Accept-Language' CODEC(ZSTD),
    timezone LowCardinality(Nullable(String)) COMMENT 'Time zone as sent' CODEC(ZSTD),

    person_id String COMMENT 'Deterministic id of the person: 32 hex digits' CODEC(ZSTD),
    person_basis LowCardinality(String) COMMENT 'What person_id was derived from: user_id, link, anonymous_id or message_id' CODEC(ZSTD),
    person_user_id Nullable(String) COMMENT 'The user id that person_id stands for: the event''s own, or the device''s by link' CODEC(ZSTD),
    person_link_origin Nullable(String) COMMENT 'Waybill number of the event that made the link' CODEC(ZSTD),
    identity_flags Array(LowCardinality(String)) COMMENT 'Oddities, such as same-id-other-payload' CODEC(ZSTD),

    INDEX by_position_partition position_partition TYPE minmax GRANULARITY 1,
    INDEX by_position_offset position_offset TYPE minmax GRANULARITY 1,
    INDEX by_origin_partition origin_partition TYPE minmax GRANULARITY 1,
    INDEX by_origin_offset origin_offset TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_user_id user_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_anonymous_id anonymous_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_person_id person_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(appended_at)
ORDER BY (source, event_name, toDate(appended_at), origin_epoch, origin_partition, origin_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every delivered event, one row per waybill number; read with FINAL for exact counts';
