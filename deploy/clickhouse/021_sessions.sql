-- Visits, by device. Late events of an earlier session are of that session here; number counts over
-- the whole life of the device, whatever identity-stitch remembers.

CREATE OR REPLACE VIEW sessions_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    session_id String COMMENT 'As sent, else the waybill number of its first event',
    anonymous_id String COMMENT 'The device',
    number UInt64 COMMENT 'Which session of the device it is, from 1',
    basis String COMMENT 'sent, or derived from inactivity',
    started_at DateTime64(3, 'UTC') COMMENT 'Event time of its first event; a server''s count only where there are no others',
    ended_at DateTime64(3, 'UTC') COMMENT 'Event time of its last event, likewise',
    events UInt64 COMMENT 'Events',
    person_id String COMMENT 'The person of its last event, as known now',
    user_id Nullable(String) COMMENT 'The user of its last event, as known now',
    landing_page Nullable(String) COMMENT 'URL of its first page',
    referrer Nullable(String) COMMENT 'Its first referrer',
    referrer_medium Nullable(String) COMMENT 'What kind that is, such as search',
    campaign_source Nullable(String) COMMENT 'utm_source of its first campaign',
    campaign_medium Nullable(String) COMMENT 'utm_medium of that',
    campaign_name Nullable(String) COMMENT 'utm_campaign of that',
    is_bot Bool COMMENT 'True if any of its events has a sign that no person did it'
)
AS SELECT
    environment,
    session_id,
    anonymous_id,
    row_number() OVER (PARTITION BY environment, anonymous_id ORDER BY started_at, session_id) AS number,
    basis,
    started_at,
    ended_at,
    events,
    person_id,
    user_id,
    landing_page,
    referrer,
    referrer_medium,
    campaign.1 AS campaign_source,
    campaign.2 AS campaign_medium,
    campaign.3 AS campaign_name,
    is_bot
FROM
(
    SELECT
        environment,
        assumeNotNull(event.session_id) AS session_id,
        assumeNotNull(event.anonymous_id) AS anonymous_id,
        any(ifNull(session_basis, '')) AS basis,
        countIf(source_kind != 'server') AS visits,
        if(visits = 0, min(timestamp), minIf(timestamp, source_kind != 'server')) AS started_at,
        if(visits = 0, max(timestamp), maxIf(timestamp, source_kind != 'server')) AS ended_at,
        count() AS events,
        argMax(known_person_id, (timestamp, origin_epoch, origin_partition, origin_offset)) AS person_id,
        argMax((known_user_id, 1), (timestamp, origin_epoch, origin_partition, origin_offset)).1 AS user_id,
        argMin(page_url, (timestamp, origin_epoch, origin_partition, origin_offset)) AS landing_page,
        argMin(referrer_url, (timestamp, origin_epoch, origin_partition, origin_offset)) AS referrer,
        argMinIf((event.referrer_medium, 1), (timestamp, origin_epoch, origin_partition, origin_offset), referrer_url IS NOT NULL).1 AS referrer_medium,
        argMinIf((event.campaign_source, event.campaign_medium, event.campaign_name), (timestamp, origin_epoch, origin_partition, origin_offset), event.campaign_source IS NOT NULL OR event.campaign_medium IS NOT NULL OR event.campaign_name IS NOT NULL) AS campaign,
        max(event.is_bot) AS is_bot
    FROM events_resolved_by_environment AS event
    WHERE event.session_id IS NOT NULL AND event.anonymous_id IS NOT NULL
    GROUP BY environment, session_id, anonymous_id
)
COMMENT 'Visits of devices, with what brought them and the person, by environment';

CREATE OR REPLACE VIEW sessions AS
SELECT * EXCEPT environment
FROM sessions_by_environment
WHERE environment = 'production'
COMMENT 'Visits of devices, with what brought them and the person, in production';

-- A server's event that names only a user belongs to the session that the person's devices had at
-- that time, if there is exactly one. Heavier than events_resolved: all sessions are looked at.
CREATE OR REPLACE VIEW events_in_sessions_by_environment AS
SELECT
    event.*,
    ifNull(event.session_id, found.found_session) AS known_session_id,
    ifNull(if(event.session_id IS NULL, NULL, event.anonymous_id), found.found_device) AS known_session_device
FROM events_resolved_by_environment AS event
LEFT JOIN
(
    SELECT
        bare.origin_epoch AS found_epoch,
        bare.origin_partition AS found_partition,
        bare.origin_offset AS found_offset,
        toNullable(any(session.session_id)) AS found_session,
        toNullable(any(session.anonymous_id)) AS found_device
    FROM
    (
        SELECT environment, origin_epoch, origin_partition, origin_offset, timestamp, known_person_id
        FROM events_resolved_by_environment
        WHERE session_id IS NULL AND source_kind = 'server' AND known_user_id IS NOT NULL
    ) AS bare
    INNER JOIN sessions_by_environment AS session
    ON session.environment = bare.environment AND session.person_id = bare.known_person_id
    WHERE bare.timestamp >= session.started_at
      AND bare.timestamp <= session.ended_at + toIntervalMinute((SELECT session_gap_minutes FROM identity_limits))
    GROUP BY found_epoch, found_partition, found_offset
    HAVING count() = 1
) AS found
ON found.found_epoch = event.origin_epoch AND found.found_partition = event.origin_partition AND found.found_offset = event.origin_offset
COMMENT 'events_resolved_by_environment with known_session_id and known_session_device: the session of the event, else of a server''s event the only one that the person had then';

CREATE OR REPLACE VIEW events_in_sessions AS
SELECT *
FROM events_in_sessions_by_environment
WHERE environment = 'production'
COMMENT 'events_resolved with known_session_id and known_session_device: the session of the event, else of a server''s event the only one that the person had then';
