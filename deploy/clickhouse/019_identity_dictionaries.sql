-- Who is who, in memory, for queries over many events. Each is worked out anew when its
-- invalidate_query answers otherwise than before, so an order takes effect within half a minute;
-- where that fails, the last one stays (see system.dictionaries).
--
-- ClickHouse asks itself with a user and a password: waybill migrate puts in those of the
-- configuration, and makes the dictionaries anew with each run.
CREATE OR REPLACE DICTIONARY identity_devices
(
    anonymous_id String,
    valid_from Int64,
    valid_to Int64,
    user_id String,
    cause String,
    cause_time Int64
)
PRIMARY KEY anonymous_id
SOURCE(CLICKHOUSE(
    USER '{user}' PASSWORD '{password}'
    QUERY 'SELECT anonymous_id, ifNull(toUnixTimestamp64Milli(valid_from), -9223372036854775807), ifNull(toUnixTimestamp64Milli(valid_to) - 1, 9223372036854775806), ifNull(user_id, \'\'), cause, toUnixTimestamp64Milli(cause_time) FROM {database}.identity_intervals WHERE valid_from IS NULL OR valid_to IS NULL OR valid_from < valid_to'
    INVALIDATE_QUERY 'SELECT concat(count(), \' \', max(loaded_at), \' \', (SELECT max(written_at) FROM {database}.identity_settings)) FROM {database}.identity_links'
))
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN valid_from MAX valid_to)
LIFETIME(MIN 10 MAX 20)
COMMENT 'identity_intervals for look-ups by device and milliseconds of event time; user_id is empty where the device is nobody''s';

CREATE OR REPLACE DICTIONARY identity_users
(
    user_id String,
    known_user_id String,
    cause String
)
PRIMARY KEY user_id
SOURCE(CLICKHOUSE(
    USER '{user}' PASSWORD '{password}'
    QUERY 'SELECT user_id, known_user_id, cause FROM {database}.identity_merges'
    INVALIDATE_QUERY 'SELECT concat(count(), \' \', max(loaded_at)) FROM {database}.identity_aliases'
))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 10 MAX 20)
COMMENT 'identity_merges for look-ups: the user id that stands for another';

-- The group of a person from the first event that tells it until the first that tells another:
-- after that there are several, and nobody guesses.
CREATE OR REPLACE DICTIONARY identity_groups
(
    environment String,
    person_id String,
    valid_from Int64,
    valid_to Int64,
    group_id String
)
PRIMARY KEY environment, person_id
SOURCE(CLICKHOUSE(
    USER '{user}' PASSWORD '{password}'
    QUERY 'SELECT environment, person_id, valid_from, valid_to, group_id FROM {database}.identity_only_groups'
    INVALIDATE_QUERY 'SELECT concat(count(), \' \', max(loaded_at), \' \', (SELECT count() FROM {database}.identity_links)) FROM {database}.events WHERE isNotNull(group_id)'
))
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN valid_from MAX valid_to)
LIFETIME(MIN 40 MAX 60)
COMMENT 'identity_only_groups for look-ups by environment, person and milliseconds of event time';
