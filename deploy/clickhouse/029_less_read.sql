-- So that less is read. Every view of people asks which events are superseded, traits ask for one type, and
-- the dictionary of groups, every minute, for what names one: no such column is in the sort key. Few events are what
-- is asked for, and they lie together, so most granules can be left out. A minmax index can tell that a granule
-- has nothing but NULL, for IS NOT NULL only: `group_id != ''` reads all.
ALTER TABLE events
    ADD INDEX IF NOT EXISTS by_supersedes supersedes TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_group_id group_id TYPE minmax GRANULARITY 1;

-- Of what is there already (by_type is of 027). A mutation that reads the one column and writes the index.
ALTER TABLE events MATERIALIZE INDEX IF EXISTS by_supersedes;

ALTER TABLE events MATERIALIZE INDEX IF EXISTS by_type;

ALTER TABLE events MATERIALIZE INDEX IF EXISTS by_group_id;

-- Since 26.3 ClickHouse leaves out no partition where FINAL is asked for, unless it is told that no row has
-- its other copy in another one. Here none has: the sort key has the day of append, and a partition is
-- a month of it.
CREATE OR REPLACE VIEW production_events AS
SELECT *
FROM events FINAL
WHERE environment = 'production'
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Events of production, each once';

CREATE OR REPLACE VIEW events_of AS
SELECT *
FROM events FINAL
WHERE environment = {environment:String}
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Events of another environment, each once: SELECT … FROM events_of(environment = ''staging'')';

CREATE OR REPLACE VIEW event_volumes_by_environment
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    event LowCardinality(String) COMMENT 'Name of what happened, else the type',
    count UInt64 COMMENT 'Events'
)
AS SELECT
    toStartOfHour(appended_at) AS hour,
    environment,
    source,
    event_name AS event,
    count() AS count
FROM events FINAL
GROUP BY hour, environment, source, event
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Events by hour, environment, source and name';

CREATE OR REPLACE VIEW events_resolved_by_environment AS
WITH
    -- Ids that are empty, or that an operator blocked, say nothing.
    if(has(identity_flags, 'blocked-user-id'), '', ifNull(user_id, '')) AS own_user,
    if(has(identity_flags, 'blocked-anonymous-id'), '', ifNull(anonymous_id, '')) AS own_device,
    toUnixTimestamp64Milli(timestamp) AS moment,
    if(own_user = '' AND own_device != '',
        dictGetOrDefault('identity_devices', ('user_id', 'cause', 'cause_time'), own_device, moment, ('', '', 0)),
        ('', '', 0)) AS link,
    if(own_user != '', own_user, link.1) AS first_user,
    if(first_user = '', ('', ''),
        dictGetOrDefault('identity_users', ('known_user_id', 'cause'), first_user, ('', ''))) AS merge,
    if(merge.1 != '', merge.1, first_user) AS last_user
SELECT
    * REPLACE (
        ifNull(page_url, nullIf(inherited.value[indexOf(inherited.field, 'page_url')], '')) AS page_url,
        ifNull(page_host, nullIf(inherited.value[indexOf(inherited.field, 'page_host')], '')) AS page_host,
        ifNull(page_path, nullIf(inherited.value[indexOf(inherited.field, 'page_path')], '')) AS page_path,
        ifNull(page_query, nullIf(inherited.value[indexOf(inherited.field, 'page_query')], '')) AS page_query,
        ifNull(page_title, nullIf(inherited.value[indexOf(inherited.field, 'page_title')], '')) AS page_title,
        ifNull(campaign_source, nullIf(inherited.value[indexOf(inherited.field, 'campaign_source')], '')) AS campaign_source,
        ifNull(campaign_medium, nullIf(inherited.value[indexOf(inherited.field, 'campaign_medium')], '')) AS campaign_medium,
        ifNull(campaign_name, nullIf(inherited.value[indexOf(inherited.field, 'campaign_name')], '')) AS campaign_name,
        ifNull(campaign_term, nullIf(inherited.value[indexOf(inherited.field, 'campaign_term')], '')) AS campaign_term,
        ifNull(campaign_content, nullIf(inherited.value[indexOf(inherited.field, 'campaign_content')], '')) AS campaign_content,
        ifNull(campaign_id, nullIf(inherited.value[indexOf(inherited.field, 'campaign_id')], '')) AS campaign_id,
        ifNull(referrer_url, nullIf(inherited.value[indexOf(inherited.field, 'referrer_url')], '')) AS referrer_url,
        ifNull(referrer_host, nullIf(inherited.value[indexOf(inherited.field, 'referrer_host')], '')) AS referrer_host,
        ifNull(referrer_medium, nullIf(inherited.value[indexOf(inherited.field, 'referrer_medium')], '')) AS referrer_medium,
        ifNull(referrer_source, nullIf(inherited.value[indexOf(inherited.field, 'referrer_source')], '')) AS referrer_source,
        ifNull(locale, nullIf(inherited.value[indexOf(inherited.field, 'locale')], '')) AS locale,
        ifNull(timezone, nullIf(inherited.value[indexOf(inherited.field, 'timezone')], '')) AS timezone,
        ifNull(browser, nullIf(inherited.value[indexOf(inherited.field, 'browser')], '')) AS browser,
        ifNull(browser_version, nullIf(inherited.value[indexOf(inherited.field, 'browser_version')], '')) AS browser_version,
        ifNull(os, nullIf(inherited.value[indexOf(inherited.field, 'os')], '')) AS os,
        ifNull(os_version, nullIf(inherited.value[indexOf(inherited.field, 'os_version')], '')) AS os_version,
        ifNull(device_class, nullIf(inherited.value[indexOf(inherited.field, 'device_class')], '')) AS device_class,
        ifNull(device_brand, nullIf(inherited.value[indexOf(inherited.field, 'device_brand')], '')) AS device_brand,
        ifNull(device_model, nullIf(inherited.value[indexOf(inherited.field, 'device_model')], '')) AS device_model,
        if(empty(click_ids), arrayMap(
            it -> CAST((substring(it.field, 11), it.value, ''), 'Tuple(name String, value String, network String)'),
            arrayFilter(it -> startsWith(it.field, 'click_ids.'), inherited)
        ), click_ids) AS click_ids,
        is_bot OR has(identity_flags, 'device-rate') AS is_bot
    ),
    multiIf(
        last_user != '', lower(hex(substring(SHA256(concat('waybill/person/1/user', unhex(leftPad(hex(length(last_user)), 16, '0')), last_user)), 1, 16))),
        own_device != '', lower(hex(substring(SHA256(concat('waybill/person/1/anonymous', unhex(leftPad(hex(length(own_device)), 16, '0')), own_device)), 1, 16))),
        person_id
    ) AS known_person_id,
    multiIf(own_user != '', 'user_id', first_user != '', 'link', own_device != '', 'anonymous_id', 'message_id') AS known_basis,
    nullIf(last_user, '') AS known_user_id,
    if(known_basis = 'link', link.2, NULL) AS known_link_origin,
    if(known_basis = 'link', fromUnixTimestamp64Milli(link.3, 'UTC'), NULL) AS known_link_time,
    nullIf(merge.2, '') AS known_alias_origin,
    ifNull(nullIf(group_id, ''),
        dictGetOrNull('identity_groups', 'group_id', (environment, known_person_id), moment)) AS known_group_id
FROM events FINAL
WHERE (origin_epoch, origin_partition, origin_offset) NOT IN
(
    SELECT
        toUInt16(splitByChar('-', assumeNotNull(supersedes))[1]),
        toInt32(splitByChar('-', assumeNotNull(supersedes))[2]),
        toInt64(splitByChar('-', assumeNotNull(supersedes))[3])
    FROM events
    WHERE supersedes IS NOT NULL
)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Events of all environments, each once and without the superseded, with person, user and group as known now (known_…), and with columns of context filled in from what was inherited';

CREATE OR REPLACE VIEW identity_only_groups
(
    environment String COMMENT 'Environment of the source',
    person_id String COMMENT 'The person, as known now',
    valid_from Int64 COMMENT 'First millisecond of event time',
    valid_to Int64 COMMENT 'Last millisecond; then the person has a second group',
    group_id String COMMENT 'The only group of which the person told until then'
)
AS SELECT
    environment,
    known_person_id AS person_id,
    groups[1].1 AS valid_from,
    if(length(groups) = 1, 9223372036854775806, groups[2].1 - 1) AS valid_to,
    groups[1].2 AS group_id
FROM
(
    SELECT environment, known_person_id, arraySort(groupArray((first_seen, known_group))) AS groups
    FROM
    (
        WITH
            if(has(identity_flags, 'blocked-user-id'), '', ifNull(user_id, '')) AS own_user,
            if(has(identity_flags, 'blocked-anonymous-id'), '', ifNull(anonymous_id, '')) AS own_device,
            toUnixTimestamp64Milli(timestamp) AS moment,
            if(own_user = '' AND own_device != '',
                dictGetOrDefault('identity_devices', ('user_id', 'cause', 'cause_time'), own_device, moment, ('', '', 0)),
                ('', '', 0)) AS link,
            if(own_user != '', own_user, link.1) AS first_user,
            if(first_user = '', ('', ''),
                dictGetOrDefault('identity_users', ('known_user_id', 'cause'), first_user, ('', ''))) AS merge,
            if(merge.1 != '', merge.1, first_user) AS last_user
        SELECT
            environment,
            multiIf(
                last_user != '', lower(hex(substring(SHA256(concat('waybill/person/1/user', unhex(leftPad(hex(length(last_user)), 16, '0')), last_user)), 1, 16))),
                own_device != '', lower(hex(substring(SHA256(concat('waybill/person/1/anonymous', unhex(leftPad(hex(length(own_device)), 16, '0')), own_device)), 1, 16))),
                person_id
            ) AS known_person_id,
            assumeNotNull(group_id) AS known_group,
            min(moment) AS first_seen
        FROM events
        WHERE isNotNull(group_id) AND group_id != ''
        GROUP BY environment, known_person_id, known_group
    )
    GROUP BY environment, known_person_id
)
WHERE valid_from <= valid_to
COMMENT 'For how long a person is known to belong to one group only';
