-- Views show production; those that end in _by_environment show every environment in a column.
--
-- A view keeps the columns that its table had when the view was made: a file that adds a column to
-- events makes production_events anew.
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

-- What came in, by hour of append: the same hours as the audit's.
CREATE OR REPLACE VIEW event_volumes_by_environment
(
    hour DateTime('UTC') COMMENT 'Start of the hour of append to raw-events',
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    event LowCardinality(String) COMMENT 'Name of what happened, else the type',
    count UInt64 COMMENT 'Events'
)
AS SELECT
    toStartOfHour(appended_at) AS hour,
    environment,
    source,
    event_name AS event,
    count() AS count
FROM events FINAL
GROUP BY hour, environment, source, event
COMMENT 'Events by hour, environment, source and name';

CREATE OR REPLACE VIEW event_volumes AS
SELECT hour, source, event, count
FROM event_volumes_by_environment
WHERE environment = 'production'
COMMENT 'Events of production by hour, source and name';

-- An example to copy: how many people came how far, in this order, within seven days of their
-- first step. Names are those of the e-commerce events of the Segment specification.
CREATE OR REPLACE VIEW funnel_by_environment
(
    environment LowCardinality(String) COMMENT 'Environment of the source',
    step UInt8 COMMENT 'Number of the step, from 1',
    event String COMMENT 'Name of the event that takes it',
    people UInt64 COMMENT 'Persons who took it and those before it'
)
AS SELECT
    environment,
    goal.1 AS step,
    goal.2 AS event,
    countIf(reached >= goal.1) AS people
FROM
(
    SELECT
        environment,
        person_id,
        windowFunnel(7 * 24 * 3600 * 1000)(
            toUInt64(greatest(toUnixTimestamp64Milli(timestamp), 0)),
            event_name = 'Product Viewed',
            event_name = 'Product Added',
            event_name = 'Checkout Started',
            event_name = 'Order Completed'
        ) AS reached
    FROM events FINAL
    WHERE NOT is_bot
      AND event_name IN ('Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed')
    GROUP BY environment, person_id
)
ARRAY JOIN [
    (1, 'Product Viewed'),
    (2, 'Product Added'),
    (3, 'Checkout Started'),
    (4, 'Order Completed')
] AS goal
GROUP BY environment, goal
ORDER BY environment, step
COMMENT 'An example to copy: how many people came how far within seven days, by environment';

CREATE OR REPLACE VIEW funnel AS
SELECT step, event, people
FROM funnel_by_environment
WHERE environment = 'production'
ORDER BY step
COMMENT 'An example to copy: how many people came how far within seven days, in production';

-- What was lost before ingest, where senders number their events (context.waybill, as
-- clients/javascript does): numbers of a stream up to its highest that never came. An event that
-- validate rejected is missing here too: it is among the dead letters. A stream counts for the
-- environment of its newest event, so that a source that moves does not look like a loss.
CREATE OR REPLACE VIEW lost_before_ingest_by_environment
(
    day Date COMMENT 'Day of append of the stream''s first event',
    environment LowCardinality(String) COMMENT 'Environment of the source',
    source LowCardinality(String) COMMENT 'Id of the source',
    streams UInt64 COMMENT 'Streams of numbers that began on that day',
    sent UInt64 COMMENT 'Numbers that were given, as far as the highest that came tells',
    lost UInt64 COMMENT 'Of these, never in events'
)
AS SELECT
    first_day AS day,
    newest_environment AS environment,
    source,
    count() AS streams,
    sum(numbered) AS sent,
    sum(numbered - arrived) AS lost
FROM
(
    SELECT
        source,
        min(toDate(appended_at)) AS first_day,
        argMax(environment, appended_at) AS newest_environment,
        JSONExtractString(context, 'waybill', 'stream') AS stream,
        max(JSONExtractUInt(context, 'waybill', 'seq')) + 1 AS numbered,
        uniqExact(JSONExtractUInt(context, 'waybill', 'seq')) AS arrived
    FROM events FINAL
    GROUP BY source, stream
    HAVING stream != ''
)
GROUP BY day, environment, source
COMMENT 'What was lost before ingest where senders number their events, by environment';

CREATE OR REPLACE VIEW lost_before_ingest AS
SELECT day, source, streams, sent, lost
FROM lost_before_ingest_by_environment
WHERE environment = 'production'
COMMENT 'What was lost before ingest where senders number their events, in production';
