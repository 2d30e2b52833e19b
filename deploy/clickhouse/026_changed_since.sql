-- What an incremental model must rebuild. docs/completeness.md says what each cause means, and where more
-- is told than has changed.
--
-- A row can be seen some time after the time that it bears, and a link takes effect when the dictionaries
-- have been made anew: the views look ten minutes further back than they are asked to.

-- Who may have become another person: devices and users, by what was told of them since a moment.
--
-- A merge or its undoing changes the step from previous_id only: whoever came past there is now one person
-- with it. A link changes its device; it changes other devices only where a user has more than a user may
-- have, so that one more shuts another out. After an erasure there are fewer links, so whoever stands
-- at a limit may have been beyond it.
CREATE OR REPLACE VIEW relinked_users_since AS
WITH
    {since:DateTime64(3, 'UTC')} - toIntervalMinute(10) AS moment,
    told AS
    (
        SELECT DISTINCT previous_id FROM identity_aliases WHERE loaded_at >= moment AND previous_id != ''
    ),
    heads AS
    (
        SELECT previous_id AS head FROM told
        UNION ALL
        SELECT known_user_id FROM identity_merges WHERE user_id IN (told)
    )
SELECT DISTINCT user_id
FROM
(
    SELECT head AS user_id FROM heads
    UNION ALL
    SELECT user_id FROM identity_merges WHERE known_user_id IN (heads)
)
COMMENT 'User ids that may stand for another person, by merges and orders about them that were loaded since a moment: SELECT … FROM relinked_users_since(since = ''2026-01-31 12:00:00'')';

CREATE OR REPLACE VIEW relinked_devices_since AS
WITH
    {since:DateTime64(3, 'UTC')} - toIntervalMinute(10) AS moment,
    (SELECT (users_per_device, devices_per_user) FROM identity_limits) AS most,
    (SELECT count() > 0 FROM erased_events WHERE erased_at >= moment) OR (SELECT count() > 0 FROM erasures WHERE told_at >= moment) AS erased,
    told AS
    (
        SELECT DISTINCT anonymous_id FROM identity_links WHERE loaded_at >= moment AND anonymous_id != ''
    ),
    crowded AS
    (
        SELECT user_id FROM identity_links GROUP BY user_id HAVING uniqExact(anonymous_id) > most.2
    )
SELECT DISTINCT anonymous_id
FROM
(
    SELECT anonymous_id FROM told
    UNION ALL
    SELECT anonymous_id FROM identity_links
    WHERE user_id IN (SELECT user_id FROM {database}.relinked_users_since(since = {since:DateTime64(3, 'UTC')}))
    UNION ALL
    SELECT anonymous_id FROM identity_links
    WHERE user_id IN (crowded) AND user_id IN (SELECT user_id FROM identity_links WHERE anonymous_id IN (told))
    UNION ALL
    SELECT anonymous_id FROM identity_links
    WHERE erased
    GROUP BY anonymous_id
    HAVING uniqExact(user_id) >= most.1
    UNION ALL
    SELECT anonymous_id FROM identity_links
    WHERE erased AND user_id IN (SELECT user_id FROM identity_links GROUP BY user_id HAVING uniqExact(anonymous_id) >= most.2)
)
COMMENT 'Devices that may belong to another person, by links, merges and orders about them that were loaded since a moment: SELECT … FROM relinked_devices_since(since = ''2026-01-31 12:00:00'')';

CREATE OR REPLACE VIEW changed_since AS
WITH
    {since:DateTime64(3, 'UTC')} - toIntervalMinute(10) AS moment,
    erasing AS
    (
        -- Noted before it is deleted: an event may be there until its erasure is done. Whoever asks may have
        -- join_use_nulls in force.
        SELECT erased.*, ifNull(finished.at, toDateTime64(0, 3, 'UTC')) AS finished_at
        FROM erased_events AS erased
        LEFT JOIN
        (
            SELECT erasure, max(told_at) AS at FROM erasures WHERE state = 'done' GROUP BY erasure
        ) AS finished ON finished.erasure = erased.erasure
        WHERE erased.erased_at >= moment OR ifNull(finished.erasure, '') = '' OR finished_at >= moment
    )
SELECT
    event_day,
    source,
    cause,
    sum(part.rows) AS rows,
    max(part.changed_at) AS changed_at
FROM
(
    SELECT
        toDate(timestamp) AS event_day,
        toString(source) AS source,
        multiIf(
            startsWith(position_topic, 'redrive.') OR (origin_epoch, origin_partition, origin_offset) IN
                (SELECT assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset) FROM dead_letters WHERE origin_offset IS NOT NULL),
            'redriven',
            event_day < toDate({since:DateTime64(3, 'UTC')}), 'late',
            'new'
        ) AS cause,
        count() AS rows,
        max(loaded_at) AS changed_at
    FROM events
    WHERE loaded_at >= moment
    GROUP BY event_day, source, cause

    UNION ALL

    SELECT toDate(timestamp) AS event_day, toString(source), 'superseded', count(),
        ifNull((SELECT max(loaded_at) FROM events WHERE loaded_at >= moment AND supersedes IS NOT NULL), now64(3))
    FROM events
    WHERE (origin_epoch, origin_partition, origin_offset) IN
    (
        SELECT
            toUInt16(splitByChar('-', assumeNotNull(supersedes))[1]),
            toInt32(splitByChar('-', assumeNotNull(supersedes))[2]),
            toInt64(splitByChar('-', assumeNotNull(supersedes))[3])
        FROM events
        WHERE loaded_at >= moment AND supersedes IS NOT NULL
    )
    GROUP BY event_day, source

    UNION ALL

    SELECT toDate(timestamp) AS event_day, toString(source), 'relinked', count(), now64(3)
    FROM events
    WHERE anonymous_id IN (SELECT anonymous_id FROM {database}.relinked_devices_since(since = {since:DateTime64(3, 'UTC')}))
      AND (ifNull(user_id, '') = '' OR has(identity_flags, 'blocked-user-id'))
    GROUP BY event_day, source

    UNION ALL

    SELECT toDate(timestamp) AS event_day, toString(source), 'relinked', count(), now64(3)
    FROM events
    WHERE user_id IN (SELECT user_id FROM {database}.relinked_users_since(since = {since:DateTime64(3, 'UTC')}))
    GROUP BY event_day, source

    UNION ALL

    -- Other limits may change anybody.
    SELECT toDate(timestamp) AS event_day, toString(source), 'relinked', count(), now64(3)
    FROM events
    WHERE (SELECT max(written_at) FROM identity_settings) >= moment
    GROUP BY event_day, source

    UNION ALL

    SELECT event_day, toString(source), 'erased', uniqExact(origin_epoch, origin_partition, origin_offset), max(greatest(erased_at, finished_at))
    FROM erasing
    GROUP BY event_day, source

    UNION ALL

    -- What an erased event superseded counts again, and nothing says any more which that was.
    SELECT toDate(timestamp) AS event_day, toString(source), 'erased', count(), now64(3)
    FROM events
    WHERE business_key IS NOT NULL
      AND event_name IN (SELECT event_name FROM erasing)
      AND appended_at <= (SELECT max(appended_at) FROM erasing)
    GROUP BY event_day, source
) AS part
GROUP BY event_day, source, cause
COMMENT 'What an incremental model must rebuild that last ran at a moment: SELECT event_day, source, cause, rows, changed_at FROM changed_since(since = ''2026-01-31 12:00:00'')';
