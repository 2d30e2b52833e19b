-- Two words. An hour is balanced if the auditor has nothing unexplained in it, and complete if nothing
-- of it awaits repair either. docs/completeness.md says what each view counts.

-- The hour that the audit's books go by, as a column of every row that has a number.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS append_hour DateTime('UTC') DEFAULT toStartOfHour(appended_at) COMMENT 'Start of the hour of append to raw-events; worked out by the server' CODEC(DoubleDelta, ZSTD) AFTER appended_at,
    ADD INDEX IF NOT EXISTS by_append_hour append_hour TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_loaded_at loaded_at TYPE minmax GRANULARITY 1;

ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS append_hour Nullable(DateTime('UTC')) DEFAULT toStartOfHour(appended_at) COMMENT 'Start of the hour of append to raw-events; worked out by the server; NULL where the record carried no number' CODEC(ZSTD) AFTER appended_at;

ALTER TABLE discarded_events
    ADD COLUMN IF NOT EXISTS append_hour Nullable(DateTime('UTC')) DEFAULT toStartOfHour(appended_at) COMMENT 'Start of the hour of append to raw-events; worked out by the server; NULL where the record carried no number' CODEC(ZSTD) AFTER appended_at;

ALTER TABLE audit_hours
    ADD COLUMN IF NOT EXISTS erased UInt64 DEFAULT 0 COMMENT 'Of these, erased on request, by erased_events' AFTER expired,
    ADD COLUMN IF NOT EXISTS held_by String DEFAULT '' COMMENT 'While the hour is open: who holds it, and where' AFTER counts;

ALTER TABLE audit_hours COMMENT COLUMN IF EXISTS state 'balanced, unbalanced, or open: not all of it has gone through yet, so nothing can be called missing';
ALTER TABLE audit_hours COMMENT COLUMN IF EXISTS raw 'Origins in raw-events; 0 in an hour in which nothing came in';

CREATE OR REPLACE VIEW open_dead_letters_by_environment
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events; of the rejection where the record carried no number',
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source; NULL where it is not known',
    source String COMMENT 'Id of the source; empty where it could not be read',
    event String COMMENT 'Name of the event, else its type; empty where it could not be read',
    stage LowCardinality(String) COMMENT 'Stage that rejected it last',
    reason LowCardinality(String) COMMENT 'Why: one word of the closed list of reasons',
    detail String COMMENT 'What is wrong and where',
    origin Nullable(String) COMMENT 'Waybill number, for waybill trace; NULL where the record carried none',
    failed_at DateTime64(3, 'UTC') COMMENT 'When it was rejected last',
    letters UInt64 COMMENT 'Dead letters of this event, with those before the last'
)
AS
WITH rejected AS
(
    SELECT
        ifNull(append_hour, toStartOfHour(failed_at)) AS hour,
        origin_epoch,
        origin_partition,
        origin_offset,
        -- What has no number is told by the place of its dead letter.
        if(origin_offset IS NULL, (position_epoch, toString(position_topic), position_partition, position_offset), (0, '', 0, 0)) AS place,
        -- What is not known of the newest may be known of one before it.
        argMax(environment, (failed_at, position_offset)) AS last_environment,
        argMax(source, (failed_at, position_offset)) AS last_source,
        argMax(event_name, (failed_at, position_offset)) AS last_event,
        argMax(stage, (failed_at, position_offset)) AS last_stage,
        argMax(reason, (failed_at, position_offset)) AS last_reason,
        argMax(detail, (failed_at, position_offset)) AS last_detail,
        max(failed_at) AS last_failed_at,
        uniqExact(position_epoch, position_topic, position_partition, position_offset) AS count
    FROM dead_letters
    -- What another destination refused says nothing about these tables.
    WHERE stage = 'forward-clickhouse' OR NOT startsWith(stage, 'forward-')
    GROUP BY hour, origin_epoch, origin_partition, origin_offset, place
)
SELECT
    hour,
    last_environment AS environment,
    ifNull(last_source, '') AS source,
    ifNull(last_event, '') AS event,
    last_stage AS stage,
    last_reason AS reason,
    last_detail AS detail,
    concat(origin_epoch, '-', origin_partition, '-', origin_offset) AS origin,
    last_failed_at AS failed_at,
    count AS letters
FROM rejected
WHERE origin_offset IS NULL OR
(
    (assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset)) NOT IN
    (
        SELECT origin_epoch, origin_partition, origin_offset
        FROM events
        WHERE append_hour IN (SELECT assumeNotNull(append_hour) FROM dead_letters WHERE append_hour IS NOT NULL)
          AND (origin_epoch, origin_partition, origin_offset) IN
            (SELECT assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset) FROM dead_letters WHERE origin_offset IS NOT NULL)
    )
    AND (assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset)) NOT IN
    (
        SELECT assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset)
        FROM discarded_events
        WHERE origin_offset IS NOT NULL
          AND stage != '' AND reason NOT IN ('', 'already-emitted', 'already-loaded')
          AND (stage = 'forward-clickhouse' OR NOT startsWith(stage, 'forward-'))
    )
    AND (assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset)) NOT IN
    (
        SELECT origin_epoch, origin_partition, origin_offset
        FROM erased_events
    )
)
COMMENT 'What awaits repair, one row per event: the newest dead letter of what was neither loaded nor discarded nor erased since, by environment';

CREATE OR REPLACE VIEW open_dead_letters AS
SELECT * EXCEPT environment
FROM open_dead_letters_by_environment
WHERE environment = 'production' OR environment IS NULL
COMMENT 'What awaits repair, one row per event, in production; what comes from nobody knows which environment is here too';

-- An event counts once: loaded, else erased, else discarded, else in an open dead letter, else as the
-- auditor found it.
CREATE OR REPLACE VIEW completeness_by_environment
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source; NULL where it is not known',
    source String COMMENT 'Id of the source; empty where it could not be read',
    event String COMMENT 'Name of the event, else its type; empty where it could not be read',
    accepted UInt64 COMMENT 'Events whose fate is known: the sum of all that follow but superseded',
    loaded UInt64 COMMENT 'Events in the table events',
    superseded UInt64 COMMENT 'Of the loaded, those that events_resolved leaves out, since another event supersedes them',
    erased UInt64 COMMENT 'Events erased on request',
    discarded Map(String, UInt64) COMMENT 'Events that were dropped on purpose, by reason',
    open_dead_letters Map(String, UInt64) COMMENT 'Events that await repair, by the reason of their newest dead letter',
    missing UInt64 COMMENT 'Events without a fate, as the auditor last found',
    expired UInt64 COMMENT 'Events that left the log before a stage had read them and were given up by order'
)
AS SELECT
    hour,
    environment,
    source,
    event,
    loaded + erased + arraySum(mapValues(discarded)) + arraySum(mapValues(open_dead_letters)) + missing + expired AS accepted,
    sum(part.loaded) AS loaded,
    sum(part.superseded) AS superseded,
    sum(part.erased) AS erased,
    sumMap(part.discarded) AS discarded,
    sumMap(part.open_dead_letters) AS open_dead_letters,
    sum(part.missing) AS missing,
    sum(part.expired) AS expired
FROM
(
    WITH
        CAST(map(), 'Map(String, UInt64)') AS none,
        verdicts AS
        (
            SELECT epoch, hour, max(revision) AS newest, argMax(missing, revision) AS lost, argMax(expired, revision) AS gone
            FROM audit_hours
            WHERE closed_at IS NOT NULL
            GROUP BY epoch, hour
        ),
        named AS
        (
            SELECT
                verdict.hour AS hour,
                verdict.epoch AS epoch,
                ifNull(finding.source, '') AS source,
                ifNull(finding.event_name, '') AS event,
                uniqExactIf((origin_epoch, origin_partition, origin_offset), kind = 'missing') AS missing,
                uniqExactIf((origin_epoch, origin_partition, origin_offset), kind = 'expired') AS expired
            FROM audit_findings AS finding
            INNER JOIN verdicts AS verdict
            ON verdict.epoch = finding.origin_epoch AND verdict.hour = finding.hour AND verdict.newest = toUInt64(toUnixTimestamp64Milli(finding.found_at))
            GROUP BY hour, epoch, source, event
        )
    SELECT append_hour AS hour, toNullable(toString(environment)) AS environment, toString(source) AS source, toString(event_name) AS event,
        groupBitmap(toUInt64(origin_offset)) AS loaded, 0 AS superseded, 0 AS erased, none AS discarded, none AS open_dead_letters, 0 AS missing, 0 AS expired
    -- With FINAL the index on the hour would be of no use.
    FROM events
    GROUP BY hour, environment, source, event, origin_epoch, origin_partition

    UNION ALL

    SELECT append_hour, toNullable(toString(environment)), toString(source), toString(event_name),
        0, uniqExact(origin_epoch, origin_partition, origin_offset), 0, none, none, 0, 0
    FROM events
    WHERE (origin_epoch, origin_partition, origin_offset) IN
    (
        SELECT
            toUInt16(splitByChar('-', assumeNotNull(supersedes))[1]),
            toInt32(splitByChar('-', assumeNotNull(supersedes))[2]),
            toInt64(splitByChar('-', assumeNotNull(supersedes))[3])
        FROM events
        WHERE supersedes IS NOT NULL
    )
    GROUP BY append_hour, environment, source, event_name

    UNION ALL

    SELECT toStartOfHour(appended_at) AS hour, NULL, toString(source), toString(event_name),
        0, 0, uniqExact(origin_epoch, origin_partition, origin_offset), none, none, 0, 0
    FROM erased_events
    WHERE (origin_epoch, origin_partition, origin_offset) NOT IN
    (
        SELECT origin_epoch, origin_partition, origin_offset
        FROM events
        WHERE append_hour IN (SELECT toStartOfHour(appended_at) FROM erased_events)
          AND (origin_epoch, origin_partition, origin_offset) IN (SELECT origin_epoch, origin_partition, origin_offset FROM erased_events)
    )
    GROUP BY hour, source, event_name

    UNION ALL

    SELECT hour, environment, source, event, 0, 0, 0, sumMap(map(toString(reason), count)), none, 0, 0
    FROM
    (
        SELECT
            ifNull(append_hour, toStartOfHour(discarded_at)) AS hour,
            toNullable(toString(environment)) AS environment,
            ifNull(toString(source), '') AS source,
            ifNull(toString(event_name), '') AS event,
            reason,
            uniqExact(origin_epoch, origin_partition, origin_offset) AS count
        FROM discarded_events
        WHERE stage != '' AND reason NOT IN ('', 'already-emitted', 'already-loaded')
          AND (stage = 'forward-clickhouse' OR NOT startsWith(stage, 'forward-'))
          AND (assumeNotNull(origin_epoch), assumeNotNull(origin_partition), assumeNotNull(origin_offset)) NOT IN
            (SELECT origin_epoch, origin_partition, origin_offset FROM erased_events)
        GROUP BY hour, environment, source, event, reason
    )
    GROUP BY hour, environment, source, event

    UNION ALL

    SELECT hour, environment, source, event, 0, 0, 0, none, sumMap(map(toString(reason), count)), 0, 0
    FROM
    (
        SELECT hour, toNullable(toString(environment)) AS environment, source, event, reason, count() AS count
        FROM open_dead_letters_by_environment
        GROUP BY hour, environment, source, event, reason
    )
    GROUP BY hour, environment, source, event

    UNION ALL

    SELECT hour, NULL, source, event, 0, 0, 0, none, none, sum(missing), sum(expired)
    FROM named
    GROUP BY hour, source, event

    UNION ALL

    -- The auditor names so many at most; the others are nobody's.
    SELECT hour, NULL, '', '', 0, 0, 0, none, none,
        sum(toUInt64(lost - least(lost, ifNull(told.missing, 0)))) AS more_missing, sum(toUInt64(gone - least(gone, ifNull(told.expired, 0)))) AS more_expired
    FROM verdicts
    LEFT JOIN (SELECT epoch, hour, sum(missing) AS missing, sum(expired) AS expired FROM named GROUP BY epoch, hour) AS told USING (epoch, hour)
    GROUP BY hour
    HAVING more_missing > 0 OR more_expired > 0
) AS part
GROUP BY hour, environment, source, event
COMMENT 'What became of the events that came in, by hour of append, environment, source and name';

CREATE OR REPLACE VIEW completeness
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    source String COMMENT 'Id of the source; empty where it could not be read',
    event String COMMENT 'Name of the event, else its type; empty where it could not be read',
    accepted UInt64 COMMENT 'Events whose fate is known: the sum of all that follow but superseded',
    loaded UInt64 COMMENT 'Events in the table events',
    superseded UInt64 COMMENT 'Of the loaded, those that events_resolved leaves out, since another event supersedes them',
    erased UInt64 COMMENT 'Events erased on request; of any environment',
    discarded Map(String, UInt64) COMMENT 'Events that were dropped on purpose, by reason',
    open_dead_letters Map(String, UInt64) COMMENT 'Events that await repair, by the reason of their newest dead letter',
    missing UInt64 COMMENT 'Events without a fate, as the auditor last found; of any environment',
    expired UInt64 COMMENT 'Events that left the log before a stage had read them and were given up by order; of any environment'
)
AS SELECT
    hour,
    source,
    event,
    sum(part.accepted) AS accepted,
    sum(part.loaded) AS loaded,
    sum(part.superseded) AS superseded,
    sum(part.erased) AS erased,
    sumMap(part.discarded) AS discarded,
    sumMap(part.open_dead_letters) AS open_dead_letters,
    sum(part.missing) AS missing,
    sum(part.expired) AS expired
FROM completeness_by_environment AS part
WHERE environment = 'production' OR environment IS NULL
GROUP BY hour, source, event
COMMENT 'What became of the events that came in, by hour of append, source and name, in production; what comes from nobody knows which environment is here too';

-- Every hour from the first audited one to the last that is over, and what keeps it from being complete.
-- The auditor's verdict is on all environments together: a lost event may be anybody's. Dead letters are
-- told by environment; the table of them is loaded beside the audit, so an hour of which the auditor knows
-- more open ones than the table is not complete.
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
    letters AS
    (
        SELECT hour, countIf(origin IS NOT NULL) AS known, countIf(environment = {environment:String} OR environment IS NULL) AS ours
        FROM {database}.open_dead_letters_by_environment
        GROUP BY hour
    )
SELECT
    hour,
    multiIf(
        said = '', 'unaudited',
        said != 'balanced', said,
        open_dead_letters > 0 OR dead > known, 'dead-letters',
        expired > 0, 'expired',
        'complete'
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
        state = 'unaudited' AND hour > last, 'the auditor has not closed it yet',
        state = 'unaudited', 'the auditor never saw it, so nobody can say whether anything came in',
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
        ifNull(letters.known, 0) AS known,
        ifNull(letters.ours, 0) AS open_dead_letters
    FROM
    (
        SELECT arrayJoin(arrayMap(it -> toDateTime(it, 'UTC'), if(hours = 0, [], range(first, greatest(toUInt32(toStartOfHour(now('UTC'))), toUInt32(last) + 3600), 3600)))) AS hour, last
        FROM (SELECT count() AS hours, toUInt32(min(hour)) AS first, max(hour) AS last FROM audit_hours)
    ) AS every
    LEFT JOIN audited ON audited.hour = every.hour
    LEFT JOIN letters ON letters.hour = every.hour
)
COMMENT 'Every hour since the first audited one, and what keeps it from being complete for an environment: SELECT … FROM hour_states_of(environment = ''staging'')';

CREATE OR REPLACE VIEW hour_states
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    state String COMMENT 'complete; or what keeps it from that: unaudited, open, unbalanced, dead-letters, or expired (for ever)',
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

CREATE OR REPLACE VIEW complete_hours_of AS
SELECT hour, revision, closed_at, accepted, loaded, discarded, erased
FROM {database}.hour_states_of(environment = {environment:String})
WHERE state = 'complete'
COMMENT 'The hours that models of another environment may build on: SELECT … FROM complete_hours_of(environment = ''staging'')';

CREATE OR REPLACE VIEW complete_hours
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    revision UInt64 COMMENT 'Rises when the hour has changed since it was complete: build it again',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the auditor closed it last',
    accepted UInt64 COMMENT 'Events that came in, in all environments',
    loaded UInt64 COMMENT 'Of these, in the table events',
    discarded UInt64 COMMENT 'Of these, dropped on purpose',
    erased UInt64 COMMENT 'Of these, erased on request'
)
AS SELECT * FROM {database}.complete_hours_of(environment = 'production')
COMMENT 'The hours that models may build on: nothing unexplained, and nothing of production awaits repair';

CREATE OR REPLACE VIEW complete_through_of AS
SELECT
    if(held_at IS NULL, last, if(held_at > first, held_at - toIntervalHour(1), NULL)) AS complete_through,
    held_at,
    if(hours = 0, 'unaudited', held.1) AS reason,
    if(hours = 0, 'the auditor has closed no hour yet', held.2) AS detail,
    held.3 AS missing,
    letters.told AS open_dead_letters,
    expired
FROM
(
    SELECT
        count() AS hours,
        min(hour) AS first,
        if(hours = 0, NULL, max(hour)) AS last,
        minOrNullIf(hour, state NOT IN ('complete', 'expired')) AS held_at,
        argMinIf((state, detail, missing), hour, state NOT IN ('complete', 'expired')) AS held,
        arraySum(it -> if(held_at IS NULL OR it.1 < held_at, it.2, 0), groupArrayIf((hour, one.expired), one.expired > 0)) AS expired
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
    complete_through Nullable(DateTime('UTC')) COMMENT 'Start of the last hour such that it and all before it, from the first audited one, are complete; hours in which events expired and were given up do not hold it up, since waiting would not mend them; NULL where there is none',
    held_at Nullable(DateTime('UTC')) COMMENT 'Start of the hour behind it, which is not complete; NULL where every hour that is over is',
    reason String COMMENT 'What holds that hour up: unaudited, open, unbalanced or dead-letters; empty where nothing does',
    detail String COMMENT 'The same for a person, such as the stage that it is open at',
    missing UInt64 COMMENT 'Events of that hour without a fate',
    open_dead_letters Array(Tuple(source String, event String, stage String, reason String, count UInt64)) COMMENT 'What of that hour awaits repair in production, most first',
    expired UInt64 COMMENT 'Events up to complete_through that expired and were given up: they will never come'
)
AS SELECT * FROM {database}.complete_through_of(environment = 'production')
COMMENT 'One row: up to which hour all of production is complete, and what holds it up';

-- Views of events with the new column.
CREATE OR REPLACE VIEW production_events AS
SELECT *
FROM events FINAL
WHERE environment = 'production'
COMMENT 'Events of production, each once';

CREATE OR REPLACE VIEW events_of AS
SELECT *
FROM events FINAL
WHERE environment = {environment:String}
COMMENT 'Events of another environment, each once: SELECT … FROM events_of(environment = ''staging'')';

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
