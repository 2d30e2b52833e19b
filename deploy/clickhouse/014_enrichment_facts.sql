-- What enrich works out beside the browser, the page and the campaign.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS device_brand LowCardinality(Nullable(String)) COMMENT 'Maker of the device, such as Samsung' CODEC(ZSTD) AFTER device_class,
    ADD COLUMN IF NOT EXISTS device_model LowCardinality(Nullable(String)) COMMENT 'Model of the device, such as SM-S921B' CODEC(ZSTD) AFTER device_brand,
    ADD COLUMN IF NOT EXISTS bot_class LowCardinality(Nullable(String)) COMMENT 'bot, monitoring (uptime checks) or preview (link unfurlers); NULL where is_bot is false' CODEC(ZSTD) AFTER bot_indicators,
    ADD COLUMN IF NOT EXISTS click_ids Array(Tuple(name String, value String, network String)) COMMENT 'Ids that advertising networks put into the URL of the page, the most telling first: name (query parameter, such as gclid), value, network (such as Google)' CODEC(ZSTD) AFTER campaign_id,
    ADD COLUMN IF NOT EXISTS country LowCardinality(Nullable(String)) COMMENT 'Country of the end user''s address by the operator''s database: ISO 3166-1 alpha-2' CODEC(ZSTD) AFTER timezone,
    ADD COLUMN IF NOT EXISTS region LowCardinality(Nullable(String)) COMMENT 'Its first subdivision: ISO 3166-2 without the country' CODEC(ZSTD) AFTER country,
    ADD COLUMN IF NOT EXISTS city LowCardinality(Nullable(String)) COMMENT 'Its city, in English' CODEC(ZSTD) AFTER region,
    ADD COLUMN IF NOT EXISTS geo_timezone LowCardinality(Nullable(String)) COMMENT 'IANA name of the time zone there' CODEC(ZSTD) AFTER city,
    ADD COLUMN IF NOT EXISTS asn Nullable(Int64) COMMENT 'Number of the autonomous system that the address belongs to' CODEC(ZSTD) AFTER geo_timezone,
    ADD COLUMN IF NOT EXISTS network_organisation LowCardinality(Nullable(String)) COMMENT 'Who runs that system' CODEC(ZSTD) AFTER asn,
    ADD COLUMN IF NOT EXISTS ip Nullable(String) COMMENT 'The end user''s address as ip_policy left it; NULL where it was dropped or none is known' CODEC(ZSTD) AFTER network_organisation,
    ADD COLUMN IF NOT EXISTS ip_taken_from LowCardinality(Nullable(String)) COMMENT 'context (sent by the sender) or request (seen by ingest)' CODEC(ZSTD) AFTER ip,
    ADD COLUMN IF NOT EXISTS ip_kind LowCardinality(Nullable(String)) COMMENT 'public, private, loopback, link-local, shared, documentation, multicast, reserved or invalid' CODEC(ZSTD) AFTER ip_taken_from,
    ADD COLUMN IF NOT EXISTS ip_policy LowCardinality(Nullable(String)) COMMENT 'What was done with the address after the look-up: keep, truncate, hash or drop' CODEC(ZSTD) AFTER ip_kind,
    ADD COLUMN IF NOT EXISTS currency LowCardinality(Nullable(String)) COMMENT 'properties.currency: ISO 4217' CODEC(ZSTD) AFTER ip_policy,
    ADD COLUMN IF NOT EXISTS amounts Map(String, Nullable(Decimal(38, 9))) COMMENT 'Properties that are amounts of money, by name: amounts[''revenue''] is NULL where there is none' CODEC(ZSTD) AFTER currency,
    ADD COLUMN IF NOT EXISTS enrichment_flags Array(String) COMMENT 'What was sent and could not be understood, such as invalid-locale' CODEC(ZSTD) AFTER amounts,
    ADD COLUMN IF NOT EXISTS enrichment_derived Map(String, String) COMMENT 'What was worked out where the sender says something else, by field, such as campaign.source; the columns have what the sender says' CODEC(ZSTD) AFTER enrichment_flags,
    ADD COLUMN IF NOT EXISTS enrichment_removed Array(String) COMMENT 'What enrich took out of the event after reading it: JSON pointer of the place and what of it, such as /context/page/url?token' CODEC(ZSTD) AFTER enrichment_derived;

-- Columns whose meaning has grown.
ALTER TABLE events COMMENT COLUMN IF EXISTS user_agent_taken_from 'Where the user agent text is from: context (sent by the sender), request (seen by ingest), or device: there is none, and the sender told system or device in other words';
ALTER TABLE events COMMENT COLUMN IF EXISTS browser 'Browser family, such as Chrome, or the app that shows the page, such as Instagram';
ALTER TABLE events COMMENT COLUMN IF EXISTS os 'Operating system without its version, such as Windows, macOS, iOS or Android';
ALTER TABLE events COMMENT COLUMN IF EXISTS os_version 'Operating system version as written, such as 18.1; of Windows its name, such as 11';
ALTER TABLE events COMMENT COLUMN IF EXISTS device_class 'desktop, phone, tablet, tv, console, wearable or crawler; NULL where it cannot be told';
ALTER TABLE events COMMENT COLUMN IF EXISTS bot_indicators 'Names of those signs: user-agent-list, crawler, headless, automation, http-library, datacenter, monitoring, preview';
ALTER TABLE events COMMENT COLUMN IF EXISTS page_url 'URL of the page without the parameters of enrichment_removed; NULL where none was sent';
ALTER TABLE events COMMENT COLUMN IF EXISTS referrer_url 'Referrer without the parameters of enrichment_removed; NULL where there is none';
ALTER TABLE events COMMENT COLUMN IF EXISTS referrer_medium 'search, social, email, paid, ai, internal or unknown';
ALTER TABLE events COMMENT COLUMN IF EXISTS locale 'BCP 47 tag of the locale as sent, else of the first language of Accept-Language';
ALTER TABLE events COMMENT COLUMN IF EXISTS timezone 'IANA name of the time zone as sent';
ALTER TABLE events COMMENT COLUMN IF EXISTS request_ip 'Address of the client as ingest saw it, as ip_policy left it';

CREATE OR REPLACE VIEW production_events AS
SELECT *
FROM events FINAL
WHERE environment = 'production'
COMMENT 'Events of production, each once';

CREATE OR REPLACE VIEW events_of AS
SELECT *
FROM events FINAL
WHERE environment = {environment:String}
COMMENT 'Events of another environment, each once: SELECT … FROM events_of(environment = ''staging'')';
