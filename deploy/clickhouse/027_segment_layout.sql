-- What was sent since when, and what teams know from Segment's warehouses.

CREATE OR REPLACE VIEW first_seen_properties_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    event LowCardinality(String) COMMENT 'Name of what happened, else the type',
    part LowCardinality(String) COMMENT 'properties or traits: where the property stands',
    property String COMMENT 'Name of the property or trait, at the top level',
    first_seen DateTime64(3, 'UTC') COMMENT 'When the first event that has it was appended to raw-events',
    first_origin String COMMENT 'Waybill number of that event',
    last_seen DateTime64(3, 'UTC') COMMENT 'When the last event that has it was appended',
    events UInt64 COMMENT 'Events that have it'
)
AS SELECT
    environment,
    source,
    event_name AS event,
    pair.1 AS part,
    pair.2 AS property,
    min(appended_at) AS first_seen,
    argMin(concat(origin_epoch, '-', origin_partition, '-', origin_offset), (appended_at, origin_epoch, origin_partition, origin_offset)) AS first_origin,
    max(appended_at) AS last_seen,
    count() AS events
FROM events FINAL
ARRAY JOIN arrayConcat(
    arrayMap(name -> ('properties', name), arrayDistinct(JSONExtractKeys(properties))),
    arrayMap(name -> ('traits', name), arrayDistinct(JSONExtractKeys(traits)))
) AS pair
GROUP BY environment, source, event, part, property
COMMENT 'Since when which property is sent, by environment; it reads the properties of all events, so narrow by source and event';

CREATE OR REPLACE VIEW first_seen_properties AS
SELECT * EXCEPT environment
FROM first_seen_properties_by_environment
WHERE environment = 'production'
COMMENT 'Since when which property is sent, in production; it reads the properties of all events, so narrow by source and event';

-- What the views in Segment's layout (waybill migrate makes them, a database for each source) stand on.
-- Names of tables are Segment's: words in lower case with _ between them. `event` must be what the crate
-- warehouse makes of the same name (segment/names.rs); a test holds the two together.
CREATE OR REPLACE VIEW segment_events
(
    source LowCardinality(String) COMMENT 'Id of the source',
    type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias',
    id String COMMENT 'The sender''s own id of the message',
    anonymous_id Nullable(String) COMMENT 'Id of the device or browser before anyone logged in',
    user_id Nullable(String) COMMENT 'The sender''s id of the user',
    group_id Nullable(String) COMMENT 'The sender''s id of the account or group',
    previous_id Nullable(String) COMMENT 'The id that user_id replaces',
    name Nullable(String) COMMENT 'Name of the page or screen',
    category Nullable(String) COMMENT 'Category of the page or screen',
    event String COMMENT 'Name of the event as the name of its table',
    event_text LowCardinality(String) COMMENT 'Name of the event as sent',
    timestamp DateTime64(3, 'UTC') COMMENT 'When it happened, corrected for the sender''s clock',
    original_timestamp Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened by the sender''s clock, uncorrected',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the sender sent it by its own clock',
    received_at DateTime64(3, 'UTC') COMMENT 'When ingest received it, or the broker appended it for direct producers',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When ClickHouse took the row',
    uuid_ts DateTime64(3, 'UTC') COMMENT 'When ClickHouse took the row: what models load increments by',
    origin String COMMENT 'Waybill number: what waybill trace takes',
    context String COMMENT 'JSON text of the context',
    properties String COMMENT 'JSON text of the properties',
    traits String COMMENT 'JSON text of the traits',
    context_app_name Nullable(String) COMMENT 'Name of the app',
    context_app_version Nullable(String) COMMENT 'Version of the app',
    context_app_build Nullable(String) COMMENT 'Build of the app',
    context_app_namespace Nullable(String) COMMENT 'Bundle id or package of the app',
    context_campaign_name Nullable(String) COMMENT 'utm_campaign, as sent, else of the page''s URL',
    context_campaign_source Nullable(String) COMMENT 'utm_source, as sent, else of the page''s URL',
    context_campaign_medium Nullable(String) COMMENT 'utm_medium, as sent, else of the page''s URL',
    context_campaign_term Nullable(String) COMMENT 'utm_term, as sent, else of the page''s URL',
    context_campaign_content Nullable(String) COMMENT 'utm_content, as sent, else of the page''s URL',
    context_campaign_id Nullable(String) COMMENT 'utm_id, as sent, else of the page''s URL',
    context_device_id Nullable(String) COMMENT 'Id of the device',
    context_device_advertising_id Nullable(String) COMMENT 'Advertising id of the device',
    context_device_ad_tracking_enabled Nullable(Bool) COMMENT 'Whether the device may be tracked for advertising',
    context_device_manufacturer Nullable(String) COMMENT 'Maker of the device',
    context_device_model Nullable(String) COMMENT 'Model of the device',
    context_device_name Nullable(String) COMMENT 'Name of the device',
    context_device_type Nullable(String) COMMENT 'Kind of device, such as ios',
    context_device_token Nullable(String) COMMENT 'Token for push messages',
    context_ip Nullable(String) COMMENT 'Address of the end user as ip_policy of the source left it',
    context_library_name Nullable(String) COMMENT 'Name of the sender''s library',
    context_library_version Nullable(String) COMMENT 'Version of the sender''s library',
    context_locale Nullable(String) COMMENT 'Locale as sent, else of Accept-Language',
    context_location_city Nullable(String) COMMENT 'City, as sent',
    context_location_country Nullable(String) COMMENT 'Country, as sent',
    context_location_latitude Nullable(Float64) COMMENT 'Latitude, as sent',
    context_location_longitude Nullable(Float64) COMMENT 'Longitude, as sent',
    context_location_speed Nullable(Float64) COMMENT 'Speed, as sent',
    context_network_bluetooth Nullable(Bool) COMMENT 'Whether Bluetooth was on',
    context_network_carrier Nullable(String) COMMENT 'Carrier of the mobile network',
    context_network_cellular Nullable(Bool) COMMENT 'Whether a mobile network was used',
    context_network_wifi Nullable(Bool) COMMENT 'Whether Wi-Fi was used',
    context_os_name Nullable(String) COMMENT 'Operating system, as sent',
    context_os_version Nullable(String) COMMENT 'Version of the operating system, as sent',
    context_page_path Nullable(String) COMMENT 'Path of the page',
    context_page_referrer Nullable(String) COMMENT 'Referrer of the page',
    context_page_search Nullable(String) COMMENT 'Query of the page''s URL, with its question mark',
    context_page_title Nullable(String) COMMENT 'Title of the page',
    context_page_url Nullable(String) COMMENT 'URL of the page',
    context_referrer_id Nullable(String) COMMENT 'Id of what referred the visit',
    context_referrer_type Nullable(String) COMMENT 'Kind of what referred the visit',
    context_screen_density Nullable(Float64) COMMENT 'Pixels to a point of the screen',
    context_screen_height Nullable(Int64) COMMENT 'Height of the screen',
    context_screen_width Nullable(Int64) COMMENT 'Width of the screen',
    context_timezone Nullable(String) COMMENT 'Time zone, as sent',
    context_user_agent Nullable(String) COMMENT 'User agent, as sent, else as ingest saw it'
)
AS WITH
    arrayStringConcat(arrayMap(word -> lower(word), extractAll(toString(event_name), '[A-Z0-9]+[a-z0-9]*|[a-z0-9]+')), '_') AS words
SELECT
    source,
    type,
    message_id AS id,
    anonymous_id,
    user_id,
    group_id,
    previous_id,
    name,
    category,
    multiIf(
        words = '' OR length(words) > 100, concat('event_', lower(hex(substring(SHA256(toString(event_name)), 1, 4)))),
        words IN ('tracks', 'pages', 'screens', 'identifies', 'users', 'groups', 'accounts', 'aliases'), concat(words, '_event'),
        match(words, '^[0-9]'), concat('_', words),
        words
    ) AS event,
    event_name AS event_text,
    timestamp,
    original_timestamp,
    sent_at,
    received_at,
    loaded_at,
    loaded_at AS uuid_ts,
    concat(origin_epoch, '-', origin_partition, '-', origin_offset) AS origin,
    context,
    properties,
    traits,
    JSONExtract(context, 'app', 'name', 'Nullable(String)') AS context_app_name,
    JSONExtract(context, 'app', 'version', 'Nullable(String)') AS context_app_version,
    JSONExtract(context, 'app', 'build', 'Nullable(String)') AS context_app_build,
    JSONExtract(context, 'app', 'namespace', 'Nullable(String)') AS context_app_namespace,
    coalesce(JSONExtract(context, 'campaign', 'name', 'Nullable(String)'), campaign_name) AS context_campaign_name,
    coalesce(JSONExtract(context, 'campaign', 'source', 'Nullable(String)'), campaign_source) AS context_campaign_source,
    coalesce(JSONExtract(context, 'campaign', 'medium', 'Nullable(String)'), campaign_medium) AS context_campaign_medium,
    coalesce(JSONExtract(context, 'campaign', 'term', 'Nullable(String)'), campaign_term) AS context_campaign_term,
    coalesce(JSONExtract(context, 'campaign', 'content', 'Nullable(String)'), campaign_content) AS context_campaign_content,
    coalesce(JSONExtract(context, 'campaign', 'id', 'Nullable(String)'), campaign_id) AS context_campaign_id,
    JSONExtract(context, 'device', 'id', 'Nullable(String)') AS context_device_id,
    JSONExtract(context, 'device', 'advertisingId', 'Nullable(String)') AS context_device_advertising_id,
    accurateCastOrNull(JSONExtract(context, 'device', 'adTrackingEnabled', 'Nullable(String)'), 'Bool') AS context_device_ad_tracking_enabled,
    JSONExtract(context, 'device', 'manufacturer', 'Nullable(String)') AS context_device_manufacturer,
    JSONExtract(context, 'device', 'model', 'Nullable(String)') AS context_device_model,
    JSONExtract(context, 'device', 'name', 'Nullable(String)') AS context_device_name,
    JSONExtract(context, 'device', 'type', 'Nullable(String)') AS context_device_type,
    JSONExtract(context, 'device', 'token', 'Nullable(String)') AS context_device_token,
    ip AS context_ip,
    JSONExtract(context, 'library', 'name', 'Nullable(String)') AS context_library_name,
    JSONExtract(context, 'library', 'version', 'Nullable(String)') AS context_library_version,
    coalesce(JSONExtract(context, 'locale', 'Nullable(String)'), toNullable(toString(locale))) AS context_locale,
    JSONExtract(context, 'location', 'city', 'Nullable(String)') AS context_location_city,
    JSONExtract(context, 'location', 'country', 'Nullable(String)') AS context_location_country,
    JSONExtract(context, 'location', 'latitude', 'Nullable(Float64)') AS context_location_latitude,
    JSONExtract(context, 'location', 'longitude', 'Nullable(Float64)') AS context_location_longitude,
    JSONExtract(context, 'location', 'speed', 'Nullable(Float64)') AS context_location_speed,
    accurateCastOrNull(JSONExtract(context, 'network', 'bluetooth', 'Nullable(String)'), 'Bool') AS context_network_bluetooth,
    JSONExtract(context, 'network', 'carrier', 'Nullable(String)') AS context_network_carrier,
    accurateCastOrNull(JSONExtract(context, 'network', 'cellular', 'Nullable(String)'), 'Bool') AS context_network_cellular,
    accurateCastOrNull(JSONExtract(context, 'network', 'wifi', 'Nullable(String)'), 'Bool') AS context_network_wifi,
    JSONExtract(context, 'os', 'name', 'Nullable(String)') AS context_os_name,
    JSONExtract(context, 'os', 'version', 'Nullable(String)') AS context_os_version,
    JSONExtract(context, 'page', 'path', 'Nullable(String)') AS context_page_path,
    JSONExtract(context, 'page', 'referrer', 'Nullable(String)') AS context_page_referrer,
    JSONExtract(context, 'page', 'search', 'Nullable(String)') AS context_page_search,
    JSONExtract(context, 'page', 'title', 'Nullable(String)') AS context_page_title,
    JSONExtract(context, 'page', 'url', 'Nullable(String)') AS context_page_url,
    JSONExtract(context, 'referrer', 'id', 'Nullable(String)') AS context_referrer_id,
    JSONExtract(context, 'referrer', 'type', 'Nullable(String)') AS context_referrer_type,
    JSONExtract(context, 'screen', 'density', 'Nullable(Float64)') AS context_screen_density,
    toInt64OrNull(replaceRegexpOne(JSONExtract(context, 'screen', 'height', 'Nullable(String)'), '\\.0+$', '')) AS context_screen_height,
    toInt64OrNull(replaceRegexpOne(JSONExtract(context, 'screen', 'width', 'Nullable(String)'), '\\.0+$', '')) AS context_screen_width,
    JSONExtract(context, 'timezone', 'Nullable(String)') AS context_timezone,
    coalesce(JSONExtract(context, 'userAgent', 'Nullable(String)'), user_agent) AS context_user_agent
FROM events FINAL
WHERE environment = 'production' AND (origin_epoch, origin_partition, origin_offset) NOT IN
(
    SELECT
        toUInt16(splitByChar('-', assumeNotNull(supersedes))[1]),
        toInt32(splitByChar('-', assumeNotNull(supersedes))[2]),
        toInt64(splitByChar('-', assumeNotNull(supersedes))[3])
    FROM events
    WHERE supersedes IS NOT NULL
)
COMMENT 'Events of production, each once and without the superseded, with the columns that all tables of Segment''s layout share';

CREATE TABLE IF NOT EXISTS segment_columns
(
    source LowCardinality(String) COMMENT 'Id of the source',
    type LowCardinality(String) COMMENT 'track, identify, page, screen or group',
    event_name String COMMENT 'Name of the event as sent; the type where it is not track',
    part LowCardinality(String) COMMENT 'properties or traits; empty in the row that tells of the event itself',
    property String COMMENT 'Name of the property or trait, at the top level',
    kind LowCardinality(String) COMMENT 'Type of its column: boolean, integer, number or string',
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When waybill migrate first saw it; filled by the server'
)
ENGINE = ReplacingMergeTree
ORDER BY (source, type, event_name, part, property, noted_at)
COMMENT 'Properties that no plan declares and that were sent, for the columns of the views in Segment''s layout; of several rows the oldest holds';

-- Views of one type, and models that ask what was received since, then read little: within the sort key
-- a type stands by itself, and times of receipt are nearly in its order. Parts that are there already get
-- the indexes when they are merged.
ALTER TABLE events
    ADD INDEX IF NOT EXISTS by_type type TYPE set(8) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_received_at received_at TYPE minmax GRANULARITY 1;
