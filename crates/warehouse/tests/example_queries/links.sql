-- What identity-stitch tells of these events: each device's user, by the first event that has both ids.
INSERT INTO identity_links
(
    position_epoch, position_topic, position_partition, position_offset,
    kind, anonymous_id, user_id, person_id, rule,
    cause_epoch, cause_partition, cause_offset, event_time, appended_at
)
WITH min(first_of) AS first
SELECT
    0 AS position_epoch,
    'identity-links' AS position_topic,
    cause_partition AS position_partition,
    cause_offset AS position_offset,
    'link' AS kind,
    assumeNotNull(event.anonymous_id) AS anonymous_id,
    assumeNotNull(event.user_id) AS user_id,
    any(event.person_id) AS person_id,
    if(argMin(type, first_of) = 'identify', 'identify', 'both-ids') AS rule,
    first.2 AS cause_epoch,
    first.3 AS cause_partition,
    first.4 AS cause_offset,
    argMin(timestamp, first_of) AS event_time,
    argMin(event.appended_at, first_of) AS appended_at
FROM
(
    SELECT *, (appended_at, origin_epoch, origin_partition, origin_offset) AS first_of
    FROM events
    WHERE isNotNull(anonymous_id) AND isNotNull(user_id)
) AS event
GROUP BY anonymous_id, user_id
