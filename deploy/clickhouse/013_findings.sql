-- What was rejected and why, one row for each place in the event. A rejection without findings
-- (nothing could be read, or the reason lies in no field) has an empty pointer. What was redriven
-- since is still here.
CREATE OR REPLACE VIEW rejections_by_environment
(
    day Date COMMENT 'Day of the rejection, UTC',
    environment LowCardinality(Nullable(String)) COMMENT 'Environment of the source; NULL where it is not known',
    stage LowCardinality(String) COMMENT 'Stage that rejected',
    source LowCardinality(Nullable(String)) COMMENT 'Id of the source as sent; NULL where it could not be read',
    event LowCardinality(Nullable(String)) COMMENT 'Name of the event, else its type; NULL where it could not be read',
    reason String COMMENT 'One word of the closed list of reasons',
    pointer String COMMENT 'JSON pointer of the place; * stands for a name that may be personal; empty where it is the event as a whole',
    problem String COMMENT 'What is wrong there, in words; empty where the pointer is',
    expected Nullable(String) COMMENT 'Type that was expected there, or what else the rule asks for',
    actual Nullable(String) COMMENT 'Type that was found',
    plan_version Nullable(String) COMMENT 'Tracking plan and version whose rule it is; NULL where the rule is everybody''s',
    dead_letters UInt64 COMMENT 'Dead letters; one with several findings counts for each',
    detail String COMMENT 'What the newest of them says for a person',
    example Nullable(String) COMMENT 'Waybill number of the newest, for waybill trace; NULL where none has one'
)
AS SELECT
    toDate(failed_at) AS day,
    environment,
    stage,
    source,
    event_name AS event,
    if(found.reason = '', letter.reason, found.reason) AS reason,
    found.pointer AS pointer,
    found.problem AS problem,
    found.expected AS expected,
    found.actual AS actual,
    if(found.reason = '', letter.plan_version, found.plan_version) AS plan_version,
    uniqExact(position_epoch, position_topic, position_partition, position_offset) AS dead_letters,
    argMax(detail, failed_at) AS detail,
    argMax(concat(origin_epoch, '-', origin_partition, '-', origin_offset), failed_at) AS example
FROM dead_letters AS letter FINAL
LEFT ARRAY JOIN arrayFilter(it -> it.outcome = 'reject', findings) AS found
GROUP BY day, environment, stage, source, event, reason, pointer, problem, expected, actual, plan_version
COMMENT 'What was rejected and why, by day, environment, source, event and place';

CREATE OR REPLACE VIEW rejections AS
SELECT * EXCEPT environment
FROM rejections_by_environment
WHERE environment = 'production' OR environment IS NULL
COMMENT 'What was rejected and why, by day, source, event and place, in production; what comes from nobody knows which environment is here too';

-- What does not fit the plan and was let through: flagged, or to be rejected once the next version
-- of the plan is in force.
CREATE OR REPLACE VIEW plan_violations_by_environment
(
    day Date COMMENT 'Day of append to raw-events, UTC',
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    event LowCardinality(String) COMMENT 'Name of what happened, else the type',
    outcome String COMMENT 'flag, or would-reject: a version of the plan that is not in force yet rejects it',
    reason String COMMENT 'One word of the closed list of reasons',
    pointer String COMMENT 'JSON pointer of the place; * stands for a name that may be personal',
    problem String COMMENT 'What is wrong there, in words',
    expected Nullable(String) COMMENT 'Type that was expected there, or what else the rule asks for',
    actual Nullable(String) COMMENT 'Type that was found',
    plan_version Nullable(String) COMMENT 'Tracking plan and version whose rule it is; NULL where the rule is everybody''s',
    events UInt64 COMMENT 'Events; one with several findings counts for each',
    example String COMMENT 'Waybill number of the newest, for waybill trace'
)
AS SELECT
    toDate(appended_at) AS day,
    environment,
    source,
    event_name AS event,
    found.outcome AS outcome,
    found.reason AS reason,
    found.pointer AS pointer,
    found.problem AS problem,
    found.expected AS expected,
    found.actual AS actual,
    found.plan_version AS plan_version,
    uniqExact(origin_epoch, origin_partition, origin_offset) AS events,
    argMax(concat(origin_epoch, '-', origin_partition, '-', origin_offset), appended_at) AS example
FROM events FINAL
ARRAY JOIN findings AS found
GROUP BY day, environment, source, event, outcome, reason, pointer, problem, expected, actual, plan_version
COMMENT 'What does not fit the plan and was let through, by day, environment, source, event and place';

CREATE OR REPLACE VIEW plan_violations AS
SELECT * EXCEPT environment
FROM plan_violations_by_environment
WHERE environment = 'production'
COMMENT 'What does not fit the plan and was let through, by day, source, event and place, in production';
