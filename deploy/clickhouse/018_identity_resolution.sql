-- Which links hold, worked out from all that was told. The same as identity::resolve
-- (crates/identity/src/resolve.rs), whose comment says the rules; a test holds the two together.
--
-- Candidates of one device and user that lie within one minute of event time count once, by the
-- least of them. The newest order of two ids decides: after unlink there is no link of them, after
-- link no limit refuses it.

CREATE OR REPLACE VIEW identity_limits
(
    users_per_device UInt32 COMMENT 'How many users one device may have',
    devices_per_user UInt32 COMMENT 'How many devices one user may have',
    session_gap_minutes UInt32 COMMENT 'After how many minutes without an event of the device its session ends',
    orphan_days UInt32 COMMENT 'Within how many days the ids of an event should lead to a user'
)
AS SELECT
    if(count() = 0, 10, argMax(users_per_device, written_at)) AS users_per_device,
    if(count() = 0, 200, argMax(devices_per_user, written_at)) AS devices_per_user,
    if(count() = 0, 30, argMax(session_gap_minutes, written_at)) AS session_gap_minutes,
    if(count() = 0, 30, argMax(orphan_days, written_at)) AS orphan_days
FROM identity_settings
COMMENT 'The limits in force, one row';

-- A candidate is (milliseconds, epoch, partition, offset, rule); all reach the view at.
CREATE OR REPLACE VIEW identity_pairs_as_of AS
SELECT
    anonymous_id,
    user_id,
    argMaxIf(kind, (event_time, cause_epoch, cause_partition, cause_offset, kind = 'link'), rule = 'command') AS last_order,
    last_order = 'link' AS exempt,
    arraySort(groupArrayIf(
        (toUnixTimestamp64Milli(event_time), assumeNotNull(cause_epoch), assumeNotNull(cause_partition), assumeNotNull(cause_offset), toUInt8(indexOf(['alias', 'both-ids', 'command', 'identify'], rule))),
        kind = 'link' AND ifNull(refused, '') != 'blocked-value'
    )) AS told,
    arrayMap(it -> intDiv(it.1, 60000) - (it.1 % 60000 < 0), told) AS minutes,
    arrayFilter(
        (it, step, place) -> step != 0 OR place = 1,
        told, arrayDifference(minutes), arrayEnumerate(told)
    ) AS candidates
FROM identity_links
WHERE raw IS NULL AND appended_at <= {at:DateTime64(3, 'UTC')}
GROUP BY anonymous_id, user_id
HAVING last_order != 'unlink' AND notEmpty(candidates)
COMMENT 'Step 1 of identity_as_of: for each device and user the candidates that count';

-- Users of a device in the order of their first candidates: those behind the first
-- users_per_device are refused.
CREATE OR REPLACE VIEW identity_judged_pairs_as_of AS
SELECT
    anonymous_id,
    pair.user_id AS user_id,
    pair.exempt AS exempt,
    pair.candidates AS candidates,
    (pair.time, pair.epoch, pair.partition, pair.offset, anonymous_id) AS first,
    NOT exempt AND place > (SELECT users_per_device FROM identity_limits) AS too_many_users
FROM
(
    SELECT
        anonymous_id,
        arraySort(groupArray(CAST(
            (candidates[1].1, candidates[1].2, candidates[1].3, candidates[1].4, user_id, exempt, candidates),
            'Tuple(time Int64, epoch UInt16, partition Int32, offset Int64, user_id String, exempt Bool, candidates Array(Tuple(Int64, UInt16, Int32, Int64, UInt8)))'
        ))) AS pairs,
        arrayCumSum(pair -> NOT pair.exempt, pairs) AS places
    FROM {database}.identity_pairs_as_of(at = {at:DateTime64(3, 'UTC')})
    GROUP BY anonymous_id
)
ARRAY JOIN pairs AS pair, places AS place
COMMENT 'Step 2 of identity_as_of: which of them are beyond the users that a device may have';

-- Devices of a user, of those that are left, in the order of the first candidates: the last that
-- is held, for each user that has more than devices_per_user. Few have: only their pairs are read.
CREATE OR REPLACE VIEW identity_crowded_users_as_of AS
WITH
    (SELECT devices_per_user FROM identity_limits) AS most,
    crowded AS
    (
        SELECT user_id FROM identity_links
        GROUP BY user_id HAVING uniqExact(anonymous_id) > most
    )
SELECT
    user_id,
    arraySort(groupArray(first))[most] AS last_held
FROM {database}.identity_judged_pairs_as_of(at = {at:DateTime64(3, 'UTC')})
WHERE anonymous_id IN (SELECT anonymous_id FROM identity_links WHERE user_id IN (crowded))
  AND user_id IN (crowded) AND NOT exempt AND NOT too_many_users
GROUP BY user_id
HAVING count() > most
COMMENT 'Step 3 of identity_as_of: the users that have more devices than a user may have';

CREATE OR REPLACE VIEW identity_as_of AS
SELECT
    anonymous_id,
    if(place = 1, NULL, fromUnixTimestamp64Milli(interval.1, 'UTC')) AS valid_from,
    if(place = length(intervals), NULL, fromUnixTimestamp64Milli(intervals[place + 1].1, 'UTC')) AS valid_to,
    if(interval.7 = '', interval.5, NULL) AS user_id,
    interval.5 AS told_user_id,
    concat(interval.2, '-', interval.3, '-', interval.4) AS cause,
    fromUnixTimestamp64Milli(interval.1, 'UTC') AS cause_time,
    ['alias', 'both-ids', 'command', 'identify'][interval.6] AS rule,
    if(interval.7 = '', NULL, interval.7) AS refused
FROM
(
    SELECT
        anonymous_id,
        arraySort(groupArrayArray(arrayMap(
            it -> (it.1, it.2, it.3, it.4, user_id, it.5, reason),
            candidates
        ))) AS steps,
        -- Of several at one instant the last holds from there on; the first of all reaches back.
        arrayFilter((it, next, place) -> it.1 != next.1 OR place = 1 OR place = length(steps),
            steps, arrayPushBack(arrayPopFront(steps), steps[1]), arrayEnumerate(steps)) AS seen,
        arrayFilter((it, last, place) -> place = 1 OR it.7 != last.7 OR it.5 != last.5,
            seen, arrayPushFront(arrayPopBack(seen), seen[1]), arrayEnumerate(seen)) AS intervals
    FROM
    (
        SELECT
            anonymous_id,
            user_id,
            candidates,
            multiIf(
                too_many_users, 'too-many-users',
                NOT exempt AND last_held.5 != '' AND first > last_held, 'too-many-devices',
                ''
            ) AS reason
        FROM {database}.identity_judged_pairs_as_of(at = {at:DateTime64(3, 'UTC')}) AS pair
        LEFT JOIN {database}.identity_crowded_users_as_of(at = {at:DateTime64(3, 'UTC')}) AS crowded USING user_id
    )
    GROUP BY anonymous_id
)
ARRAY JOIN intervals AS interval, arrayEnumerate(intervals) AS place
COMMENT 'Whose each device was when, by the links that had been appended at a moment: SELECT … FROM identity_as_of(at = ''2026-01-31 12:00:00'')';

-- Who stands for whom. Of what was told of two user ids the newest order counts, else the newest
-- alias; of several merges of one id the last. Chains are followed; in a circle the oldest merge does
-- not hold, so whom it replaces stands for all of the circle.
CREATE OR REPLACE VIEW identity_merges_as_of AS
WITH RECURSIVE
    words AS
    (
        SELECT
            previous_id,
            user_id,
            max((rule = 'command', toUnixTimestamp64Milli(event_time), assumeNotNull(cause_epoch), assumeNotNull(cause_partition), assumeNotNull(cause_offset), kind = 'merge')) AS word
        FROM identity_aliases
        WHERE raw IS NULL AND appended_at <= {at:DateTime64(3, 'UTC')}
        GROUP BY previous_id, user_id
    ),
    steps AS
    (
        SELECT previous_id AS id, argMax(user_id, (word, user_id)) AS next, max(word) AS leads
        FROM words
        WHERE word.6
        GROUP BY previous_id
    ),
    walks AS
    (
        SELECT id AS start, next AS at_id, [(leads, id)] AS passed FROM steps
        UNION ALL
        SELECT walk.start, step.next, arrayPushBack(walk.passed, (step.leads, step.id))
        FROM walks AS walk
        INNER JOIN steps AS step ON step.id = walk.at_id
        WHERE NOT has(walk.passed.2, walk.at_id) AND length(walk.passed) < 900
    )
SELECT
    start AS user_id,
    if(circle = 0, end, arraySort(arraySlice(path, circle))[1].2) AS known_user_id,
    concat(path[1].1.3, '-', path[1].1.4, '-', path[1].1.5) AS cause
FROM
(
    SELECT
        start,
        argMax(at_id, length(walks.passed)) AS end,
        argMax(walks.passed, length(walks.passed)) AS path,
        indexOf(path.2, end) AS circle
    FROM walks
    GROUP BY start
)
WHERE known_user_id != user_id
COMMENT 'Which user id stood for which, by the merges that had been appended at a moment: SELECT … FROM identity_merges_as_of(at = ''2026-01-31 12:00:00'')';

CREATE OR REPLACE VIEW identity_intervals
(
    anonymous_id String COMMENT 'The device',
    valid_from Nullable(DateTime64(3, 'UTC')) COMMENT 'First instant of event time; NULL from the beginning',
    valid_to Nullable(DateTime64(3, 'UTC')) COMMENT 'First instant that no longer counts; NULL up to now',
    user_id Nullable(String) COMMENT 'Whose the device is; NULL where it is nobody''s, since the link is refused',
    told_user_id String COMMENT 'The user that was told, whether the link holds or not',
    cause String COMMENT 'Waybill number of the first event, or order, from which on it is so',
    cause_time DateTime64(3, 'UTC') COMMENT 'Its event time; later than valid_from where a first link reaches back',
    rule String COMMENT 'identify, alias, both-ids or command (an operator''s order)',
    refused Nullable(String) COMMENT 'Why the link does not hold: too-many-users (of the device) or too-many-devices (of the user)'
)
AS SELECT anonymous_id, valid_from, valid_to, user_id, told_user_id, cause, cause_time, rule, refused
FROM {database}.identity_as_of(at = '2299-12-31 00:00:00')
COMMENT 'Whose each device is when, by all that was told: intervals without gaps';

CREATE OR REPLACE VIEW identity_merges
(
    user_id String COMMENT 'A user id that another stands for',
    known_user_id String COMMENT 'The user id that stands for it',
    cause String COMMENT 'Waybill number of the event, or order, that merged it with another'
)
AS SELECT user_id, known_user_id, cause
FROM {database}.identity_merges_as_of(at = '2299-12-31 00:00:00')
COMMENT 'Which user id stands for which, by all that was told; a user id that is not here stands for itself';
