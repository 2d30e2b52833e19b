-- People and accounts, by what identify and group told of them. Traits are in order of event time;
-- what came late falls into its place.

CREATE OR REPLACE VIEW traits_history_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    person_id String COMMENT 'The person, as known now',
    trait String COMMENT 'Name of the trait',
    value String COMMENT 'Its value as JSON: a text stands in quotation marks',
    valid_from DateTime64(3, 'UTC') COMMENT 'Event time from which it is so',
    valid_to Nullable(DateTime64(3, 'UTC')) COMMENT 'First instant at which it is no longer so; NULL up to now',
    origin String COMMENT 'Waybill number of the event that told it'
)
AS SELECT
    environment,
    person_id,
    trait,
    value,
    valid_from,
    leadInFrame(toNullable(valid_from)) OVER (PARTITION BY environment, person_id, trait ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS valid_to,
    origin
FROM
(
    SELECT
        environment,
        person_id,
        trait,
        valid_from,
        told.1 AS value,
        told.2 AS origin,
        lagInFrame(toNullable(told.1)) OVER (PARTITION BY environment, person_id, trait ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before
    FROM
    (
        SELECT
            environment,
            known_person_id AS person_id,
            toString(pair.1) AS trait,
            timestamp AS valid_from,
            argMax((pair.2, concat(origin_epoch, '-', origin_partition, '-', origin_offset)), (origin_epoch, origin_partition, origin_offset)) AS told
        FROM events_resolved_by_environment
        ARRAY JOIN JSONExtractKeysAndValuesRaw(traits) AS pair
        WHERE type = 'identify'
        GROUP BY environment, person_id, trait, valid_from
    )
)
WHERE before IS NULL OR before != value
COMMENT 'Traits of people and when each value held, by identify, by environment';

CREATE OR REPLACE VIEW traits_history AS
SELECT * EXCEPT environment
FROM traits_history_by_environment
WHERE environment = 'production'
COMMENT 'Traits of people and when each value held, by identify, in production';

CREATE OR REPLACE VIEW people_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    person_id String COMMENT 'The person, as known now: 32 hex digits',
    user_id Nullable(String) COMMENT 'The user id that stands for the person; NULL where none is known',
    first_seen DateTime64(3, 'UTC') COMMENT 'Event time of the first event',
    last_seen DateTime64(3, 'UTC') COMMENT 'Event time of the last event',
    events UInt64 COMMENT 'Events',
    sessions UInt64 COMMENT 'Sessions',
    anonymous_ids Array(String) COMMENT 'Devices, at most 1,000',
    user_ids Array(String) COMMENT 'User ids that were sent, at most 1,000',
    sources Array(String) COMMENT 'Sources that told of the person',
    is_bot Bool COMMENT 'True if every event has a sign that no person did it',
    traits Map(String, String) COMMENT 'The last value of each trait by event time, as JSON: traits[''plan'']'
)
AS SELECT
    environment,
    person.person_id AS person_id,
    user_id,
    first_seen,
    last_seen,
    events,
    sessions,
    anonymous_ids,
    user_ids,
    sources,
    is_bot,
    told.traits AS traits
FROM
(
    SELECT
        environment,
        known_person_id AS person_id,
        any(known_user_id) AS user_id,
        min(timestamp) AS first_seen,
        max(timestamp) AS last_seen,
        count() AS events,
        uniqExactIf((anonymous_id, session_id), session_id IS NOT NULL) AS sessions,
        arraySort(groupUniqArrayIf(1000)(assumeNotNull(event.anonymous_id), event.anonymous_id != '')) AS anonymous_ids,
        arraySort(groupUniqArrayIf(1000)(assumeNotNull(event.user_id), event.user_id != '')) AS user_ids,
        arraySort(groupUniqArray(toString(source))) AS sources,
        min(event.is_bot) AS is_bot
    FROM events_resolved_by_environment AS event
    GROUP BY environment, person_id
) AS person
LEFT JOIN
(
    SELECT environment, person_id, mapSort(mapFromArrays(groupArray(trait), groupArray(value))) AS traits
    FROM traits_history_by_environment
    WHERE valid_to IS NULL
    GROUP BY environment, person_id
) AS told
ON told.environment = person.environment AND told.person_id = person.person_id
COMMENT 'Everybody who did something, with ids, counts and traits as known now, by environment';

CREATE OR REPLACE VIEW people AS
SELECT * EXCEPT environment
FROM people_by_environment
WHERE environment = 'production'
COMMENT 'Everybody who did something, with ids, counts and traits as known now, in production';

CREATE OR REPLACE VIEW memberships_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    person_id String COMMENT 'The person, as known now',
    user_id Nullable(String) COMMENT 'The user, where one is known',
    group_id String COMMENT 'The account or group',
    first_seen DateTime64(3, 'UTC') COMMENT 'Event time of the first event of the person that names the group',
    last_seen DateTime64(3, 'UTC') COMMENT 'Event time of the last',
    events UInt64 COMMENT 'Events that name both',
    cause String COMMENT 'Waybill number of the first'
)
AS SELECT
    environment,
    known_person_id AS person_id,
    any(known_user_id) AS user_id,
    assumeNotNull(event.group_id) AS group_id,
    min(timestamp) AS first_seen,
    max(timestamp) AS last_seen,
    count() AS events,
    argMin(concat(origin_epoch, '-', origin_partition, '-', origin_offset), (timestamp, origin_epoch, origin_partition, origin_offset)) AS cause
FROM events_resolved_by_environment AS event
WHERE event.group_id != ''
GROUP BY environment, person_id, group_id
COMMENT 'Who belongs to which group, by the events that name both, by environment';

CREATE OR REPLACE VIEW memberships AS
SELECT * EXCEPT environment
FROM memberships_by_environment
WHERE environment = 'production'
COMMENT 'Who belongs to which group, by the events that name both, in production';

CREATE OR REPLACE VIEW groups_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    group_id String COMMENT 'The account or group',
    first_seen DateTime64(3, 'UTC') COMMENT 'Event time of the first event that names it',
    last_seen DateTime64(3, 'UTC') COMMENT 'Event time of the last',
    events UInt64 COMMENT 'Events that name it',
    people UInt64 COMMENT 'Persons who told of it',
    traits Map(String, String) COMMENT 'The last value of each trait that group calls told, by event time, as JSON: traits[''plan'']'
)
AS SELECT
    environment,
    account.group_id AS group_id,
    first_seen,
    last_seen,
    events,
    people,
    told.traits AS traits
FROM
(
    SELECT
        environment,
        assumeNotNull(event.group_id) AS group_id,
        min(timestamp) AS first_seen,
        max(timestamp) AS last_seen,
        count() AS events,
        uniqExact(known_person_id) AS people
    FROM events_resolved_by_environment AS event
    WHERE event.group_id != ''
    GROUP BY environment, group_id
) AS account
LEFT JOIN
(
    SELECT environment, group_id, mapSort(mapFromArrays(groupArray(trait), groupArray(value))) AS traits
    FROM
    (
        SELECT
            environment,
            assumeNotNull(event.group_id) AS group_id,
            toString(pair.1) AS trait,
            argMax(pair.2, (timestamp, origin_epoch, origin_partition, origin_offset)) AS value
        FROM events_resolved_by_environment AS event
        ARRAY JOIN JSONExtractKeysAndValuesRaw(traits) AS pair
        WHERE type = 'group' AND event.group_id != ''
        GROUP BY environment, group_id, trait
    )
    GROUP BY environment, group_id
) AS told
ON told.environment = account.environment AND told.group_id = account.group_id
COMMENT 'Accounts and other groups, with their traits as known now, by environment';

CREATE OR REPLACE VIEW groups AS
SELECT * EXCEPT environment
FROM groups_by_environment
WHERE environment = 'production'
COMMENT 'Accounts and other groups, with their traits as known now, in production';
