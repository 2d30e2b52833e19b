-- Hours that the auditor can say no more about, such as those in which it stood still for longer than
-- raw-events is kept, would hold complete_through up for ever. An operator gives them up by order.
CREATE TABLE IF NOT EXISTS given_up_hours
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    revision UInt64 COMMENT 'The verdict on the hour that it is about, as audit_hours has it; 0: there was none. A newer one is not given up',
    given_up_at DateTime64(3, 'UTC') COMMENT 'When that was ordered',
    who String COMMENT 'Who ordered it',
    why String COMMENT 'Why'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, revision, given_up_at)
COMMENT 'Hours that were given up by order (waybill audit give-up), and why';

CREATE OR REPLACE VIEW hour_states_of AS
WITH
    verdicts AS
    (
        SELECT
            epoch,
            hour,
            max(revision) AS newest,
            argMax((state, raw, loaded, discarded, erased, dead, missing, expired, duplicated), revision) AS said,
            argMax(held_by, revision) AS holder,
            argMax((closed_at, 1), revision).1 AS closed
        FROM audit_hours
        GROUP BY epoch, hour
    ),
    audited AS
    (
        SELECT
            hour,
            multiIf(countIf(said.1 = 'open') > 0, 'open', countIf(said.1 != 'balanced') > 0, 'unbalanced', 'balanced') AS state,
            max(newest) AS revision,
            max(closed) AS closed_at,
            sum(said.2) AS raw,
            sum(said.3) AS loaded,
            sum(said.4) AS discarded,
            sum(said.5) AS erased,
            sum(said.6) AS dead,
            sum(said.7) AS missing,
            sum(said.8) AS expired,
            sum(said.9) AS duplicated,
            arrayStringConcat(groupArrayIf(holder, holder != ''), '; ') AS held_by
        FROM verdicts
        GROUP BY hour
    ),
    orders AS
    (
        SELECT hour, max(revision) AS until, argMax(concat('given up by ', who, ' at ', toString(given_up_at, 'UTC'), ': ', why), (revision, given_up_at)) AS said
        FROM given_up_hours
        GROUP BY hour
    ),
    letters AS
    (
        SELECT hour, countIf(origin IS NOT NULL) AS known, countIf(environment = {environment:String} OR environment IS NULL) AS ours
        FROM {database}.open_dead_letters_by_environment
        GROUP BY hour
    )
SELECT
    hour,
    multiIf(
        said = 'balanced' AND open_dead_letters = 0 AND dead <= known, if(expired > 0, 'expired', 'complete'),
        -- An order is about what was known of the hour then: a newer verdict is not given up by it.
        given_up != '' AND revision <= until, 'given-up',
        said = '', 'unaudited',
        said != 'balanced', said,
        'dead-letters'
    ) AS state,
    revision,
    closed_at,
    accepted,
    loaded,
    discarded,
    erased,
    missing,
    expired,
    duplicated,
    open_dead_letters,
    multiIf(
        state = 'given-up', given_up,
        state = 'unaudited' AND hour > last, 'the auditor has not closed it yet',
        state = 'unaudited', 'the auditor never saw all of it',
        state = 'open', concat('open at ', held_by),
        state = 'unbalanced', concat(toString(missing), ' missing, ', toString(duplicated), ' there more than once: audit_findings names them, waybill audit tells what else does not balance'),
        state = 'dead-letters' AND open_dead_letters = 0, concat('the auditor knows of ', toString(dead), ' open dead letters, the table dead_letters of ', toString(known), ': they are not loaded yet, or the hour is about to be judged anew'),
        state = 'dead-letters', concat(toString(open_dead_letters), ' open dead letters'),
        state = 'expired', concat(toString(expired), ' events expired and were given up'),
        ''
    ) AS detail
FROM
(
    -- Whoever asks may have join_use_nulls in force.
    SELECT
        every.hour AS hour,
        every.last AS last,
        ifNull(audited.state, '') AS said,
        ifNull(audited.revision, 0) AS revision,
        audited.closed_at AS closed_at,
        ifNull(audited.raw, 0) AS accepted,
        ifNull(audited.loaded, 0) AS loaded,
        ifNull(audited.discarded, 0) AS discarded,
        ifNull(audited.erased, 0) AS erased,
        ifNull(audited.dead, 0) AS dead,
        ifNull(audited.missing, 0) AS missing,
        ifNull(audited.expired, 0) AS expired,
        ifNull(audited.duplicated, 0) AS duplicated,
        ifNull(audited.held_by, '') AS held_by,
        ifNull(orders.until, 0) AS until,
        ifNull(orders.said, '') AS given_up,
        ifNull(letters.known, 0) AS known,
        ifNull(letters.ours, 0) AS open_dead_letters
    FROM
    (
        SELECT arrayJoin(arrayMap(it -> toDateTime(it, 'UTC'), if(hours = 0, [], range(first, greatest(toUInt32(toStartOfHour(now('UTC'))), toUInt32(last) + 3600), 3600)))) AS hour, last
        FROM (SELECT count() AS hours, toUInt32(min(hour)) AS first, max(hour) AS last FROM audit_hours)
    ) AS every
    LEFT JOIN audited ON audited.hour = every.hour
    LEFT JOIN letters ON letters.hour = every.hour
    LEFT JOIN orders ON orders.hour = every.hour
)
COMMENT 'Every hour since the first audited one, and what keeps it from being complete for an environment: SELECT … FROM hour_states_of(environment = ''staging'')';

CREATE OR REPLACE VIEW hour_states
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    state String COMMENT 'complete; or what keeps it from that: unaudited, open, unbalanced, dead-letters; or, for ever, expired or given-up',
    revision UInt64 COMMENT 'Revision of the auditor''s verdict: rises when an hour that was closed has changed; 0 where there is none',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the auditor closed it last',
    accepted UInt64 COMMENT 'Events that came in, in all environments',
    loaded UInt64 COMMENT 'Of these, in the table events',
    discarded UInt64 COMMENT 'Of these, dropped on purpose',
    erased UInt64 COMMENT 'Of these, erased on request',
    missing UInt64 COMMENT 'Of these, without a fate',
    expired UInt64 COMMENT 'Of these, expired before a stage had read them, and given up',
    duplicated UInt64 COMMENT 'Of these, in the table events more than once',
    open_dead_letters UInt64 COMMENT 'Events of production, or of nobody knows which environment, that await repair',
    detail String COMMENT 'What keeps it from being complete, for a person'
)
AS SELECT * FROM {database}.hour_states_of(environment = 'production')
COMMENT 'Every hour since the first audited one, and what keeps it from being complete in production';

CREATE OR REPLACE VIEW complete_through_of AS
SELECT
    if(held_at IS NULL, last, if(held_at > first, held_at - toIntervalHour(1), NULL)) AS complete_through,
    held_at,
    if(hours = 0, 'unaudited', held.1) AS reason,
    if(hours = 0, 'the auditor has closed no hour yet', held.2) AS detail,
    held.3 AS missing,
    letters.told AS open_dead_letters,
    expired,
    given_up
FROM
(
    SELECT
        count() AS hours,
        min(hour) AS first,
        if(hours = 0, NULL, max(hour)) AS last,
        minOrNullIf(hour, state NOT IN ('complete', 'expired', 'given-up')) AS held_at,
        argMinIf((state, detail, missing), hour, state NOT IN ('complete', 'expired', 'given-up')) AS held,
        arraySum(it -> if(held_at IS NULL OR it.1 < held_at, it.2, 0), groupArrayIf((hour, one.expired), one.expired > 0)) AS expired,
        toUInt64(arrayCount(it -> ifNull(it < held_at, 1), groupArrayIf(hour, state = 'given-up'))) AS given_up
    FROM {database}.hour_states_of(environment = {environment:String}) AS one
) AS standing
LEFT JOIN
(
    SELECT hour, arraySort(it -> (-it.5, it.1, it.2), groupArray(CAST((source, event, stage, reason, count), 'Tuple(source String, event String, stage String, reason String, count UInt64)'))) AS told
    FROM
    (
        SELECT hour, source, event, stage, reason, count() AS count
        FROM {database}.open_dead_letters_by_environment
        WHERE environment = {environment:String} OR environment IS NULL
        GROUP BY hour, source, event, stage, reason
    )
    GROUP BY hour
) AS letters
ON letters.hour = standing.held_at
COMMENT 'One row: up to which hour all is complete for an environment, and what holds it up: SELECT … FROM complete_through_of(environment = ''staging'')';

CREATE OR REPLACE VIEW complete_through
(
    complete_through Nullable(DateTime('UTC')) COMMENT 'Start of the last hour such that it and all before it, from the first audited one, are complete; hours that were given up, and those in which events expired and were given up, do not hold it up, since waiting would not mend them; NULL where there is none',
    held_at Nullable(DateTime('UTC')) COMMENT 'Start of the hour behind it, which is not complete; NULL where every hour that is over is',
    reason String COMMENT 'What holds that hour up: unaudited, open, unbalanced or dead-letters; empty where nothing does',
    detail String COMMENT 'The same for a person, such as the stage that it is open at',
    missing UInt64 COMMENT 'Events of that hour without a fate',
    open_dead_letters Array(Tuple(source String, event String, stage String, reason String, count UInt64)) COMMENT 'What of that hour awaits repair in production, most first',
    expired UInt64 COMMENT 'Events up to complete_through that expired and were given up: they will never come',
    given_up UInt64 COMMENT 'Hours up to complete_through that were given up: nobody can vouch for them'
)
AS SELECT * FROM {database}.complete_through_of(environment = 'production')
COMMENT 'One row: up to which hour all of production is complete, and what holds it up';
