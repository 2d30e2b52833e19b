-- What came in, by hour of append: the same hours as the audit's.
CREATE VIEW IF NOT EXISTS event_volumes AS
SELECT
    toStartOfHour(appended_at) AS hour,
    source,
    event_name AS event,
    count() AS count
FROM events FINAL
GROUP BY hour, source, event;

-- An example to copy: how many people came how far, in this order, within seven days of their
-- first step. Names are those of the e-commerce events of the Segment specification.
CREATE VIEW IF NOT EXISTS funnel AS
SELECT
    goal.1 AS step,
    goal.2 AS event,
    countIf(reached >= goal.1) AS people
FROM
(
    SELECT
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
    GROUP BY person_id
)
ARRAY JOIN [
    (1, 'Product Viewed'),
    (2, 'Product Added'),
    (3, 'Checkout Started'),
    (4, 'Order Completed')
] AS goal
GROUP BY goal
ORDER BY step;
