-- How well events lead to people. An event is an orphan if its ids lead to no user, or only to one
-- that was told later than orphan_days after it. Only events that had that long are judged.

CREATE OR REPLACE VIEW identity_health_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    events UInt64 COMMENT 'Events',
    judged_events UInt64 COMMENT 'Those that are older than orphan_days',
    orphans UInt64 COMMENT 'Those of them whose ids led to no user within orphan_days',
    orphan_share Float64 COMMENT 'orphans / judged_events; 0 where there are none',
    devices UInt64 COMMENT 'Devices of people whose user is known',
    people UInt64 COMMENT 'Those people',
    devices_per_person Float64 COMMENT 'devices / people; 0 where there are none. Much more than people have: ids are minted anew',
    refused Map(String, UInt64) COMMENT 'Links that do not hold and that its events told, by reason: blocked-value, too-many-users, too-many-devices'
)
AS SELECT
    environment,
    seen.source AS source,
    events,
    judged_events,
    orphans,
    if(judged_events = 0, 0, orphans / judged_events) AS orphan_share,
    devices,
    people,
    if(people = 0, 0, devices / people) AS devices_per_person,
    told.refused AS refused
FROM
(
    WITH
        (SELECT orphan_days FROM identity_limits) AS days,
        timestamp + toIntervalDay(days) AS due
    SELECT
        environment,
        source,
        count() AS events,
        countIf(due < now64(3)) AS judged_events,
        countIf(due < now64(3) AND (known_user_id IS NULL OR ifNull(known_link_time > due, false))) AS orphans,
        uniqExactIf(anonymous_id, known_user_id IS NOT NULL AND anonymous_id != '') AS devices,
        uniqExactIf(known_person_id, known_user_id IS NOT NULL AND anonymous_id != '') AS people
    FROM events_resolved_by_environment
    GROUP BY environment, source
) AS seen
LEFT JOIN
(
    SELECT environment, source, mapSort(mapFromArrays(groupArray(reason), groupArray(links))) AS refused
    FROM
    (
        SELECT environment, source, reason, uniqExact(anonymous_id, user_id) AS links
        FROM
        (
            SELECT concat(cause_epoch, '-', cause_partition, '-', cause_offset) AS cause, anonymous_id, user_id, 'blocked-value' AS reason
            FROM identity_links
            WHERE refused = 'blocked-value'
            UNION ALL
            SELECT cause, anonymous_id, told_user_id, assumeNotNull(refused)
            FROM identity_intervals
            WHERE refused IS NOT NULL
        ) AS refusal
        INNER JOIN
        (
            SELECT DISTINCT environment, source, concat(origin_epoch, '-', origin_partition, '-', origin_offset) AS cause
            FROM events
            WHERE anonymous_id IN (SELECT anonymous_id FROM identity_links WHERE refused IS NOT NULL)
               OR anonymous_id IN (SELECT anonymous_id FROM identity_intervals WHERE refused IS NOT NULL)
        ) AS event
        ON event.cause = refusal.cause
        GROUP BY environment, source, reason
    )
    GROUP BY environment, source
) AS told
ON told.environment = seen.environment AND told.source = seen.source
COMMENT 'How well the events of each source lead to people, by environment';

CREATE OR REPLACE VIEW identity_health AS
SELECT * EXCEPT environment
FROM identity_health_by_environment
WHERE environment = 'production'
COMMENT 'How well the events of each source lead to people, in production';
