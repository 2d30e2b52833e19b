-- Events with the persons as known now. Every view of people stands on this one.
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
COMMENT 'Events of all environments, each once and without the superseded, with person, user and group as known now (known_…), and with columns of context filled in from what was inherited';

CREATE OR REPLACE VIEW events_resolved AS
SELECT * FROM events_resolved_by_environment
WHERE environment = 'production'
COMMENT 'Events of production, each once and without the superseded, with person, user and group as known now (known_…), and with columns of context filled in from what was inherited';

-- As it was known at a moment: by what had been appended to raw-events, or ordered, until then. Worked
-- out for each query, which takes as long as it takes to work out who is who.
CREATE OR REPLACE VIEW events_as_of AS
WITH
    if(has(identity_flags, 'blocked-user-id'), '', ifNull(user_id, '')) AS own_user,
    if(has(identity_flags, 'blocked-anonymous-id'), '', ifNull(anonymous_id, '')) AS own_device,
    if(own_user != '', own_user, linked_user) AS first_user,
    if(merged_user != '', merged_user, first_user) AS last_user
SELECT
    * EXCEPT (linked_user, link_cause, merged_user, merge_cause),
    multiIf(
        last_user != '', lower(hex(substring(SHA256(concat('waybill/person/1/user', unhex(leftPad(hex(length(last_user)), 16, '0')), last_user)), 1, 16))),
        own_device != '', lower(hex(substring(SHA256(concat('waybill/person/1/anonymous', unhex(leftPad(hex(length(own_device)), 16, '0')), own_device)), 1, 16))),
        person_id
    ) AS known_person_id,
    multiIf(own_user != '', 'user_id', first_user != '', 'link', own_device != '', 'anonymous_id', 'message_id') AS known_basis,
    nullIf(last_user, '') AS known_user_id,
    if(known_basis = 'link', link_cause, NULL) AS known_link_origin,
    nullIf(merge_cause, '') AS known_alias_origin
FROM
(
    SELECT event.*, link.linked_user AS linked_user, link.link_cause AS link_cause, merge.merged_user AS merged_user, merge.merge_cause AS merge_cause
    FROM
    (
        SELECT * FROM events FINAL
        WHERE appended_at <= {at:DateTime64(3, 'UTC')} AND (origin_epoch, origin_partition, origin_offset) NOT IN
(
    SELECT
        toUInt16(splitByChar('-', assumeNotNull(supersedes))[1]),
        toInt32(splitByChar('-', assumeNotNull(supersedes))[2]),
        toInt64(splitByChar('-', assumeNotNull(supersedes))[3])
    FROM events
    WHERE supersedes IS NOT NULL AND appended_at <= {at:DateTime64(3, 'UTC')}
)
    ) AS event
    ASOF LEFT JOIN
    (
        SELECT
            anonymous_id AS device,
            ifNull(valid_from, toDateTime64('1900-01-01 00:00:00', 3, 'UTC')) AS since,
            ifNull(user_id, '') AS linked_user,
            cause AS link_cause
        FROM {database}.identity_as_of(at = {at:DateTime64(3, 'UTC')})
        WHERE valid_from IS NULL OR valid_to IS NULL OR valid_from < valid_to
    ) AS link
    ON link.device = if(has(event.identity_flags, 'blocked-anonymous-id'), '', ifNull(event.anonymous_id, '')) AND event.timestamp >= link.since
    LEFT JOIN
    (
        SELECT user_id AS merged_from, known_user_id AS merged_user, cause AS merge_cause FROM {database}.identity_merges_as_of(at = {at:DateTime64(3, 'UTC')})
    ) AS merge
    ON merge.merged_from = if(ifNull(event.user_id, '') != '' AND NOT has(event.identity_flags, 'blocked-user-id'), assumeNotNull(event.user_id), link.linked_user)
)
COMMENT 'Events that had been appended at a moment, in all environments, with the persons as they were known then: SELECT … FROM events_as_of(at = ''2026-01-31 12:00:00'')';

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
        WHERE group_id != ''
        GROUP BY environment, known_person_id, known_group
    )
    GROUP BY environment, known_person_id
)
WHERE valid_from <= valid_to
COMMENT 'For how long a person is known to belong to one group only';
