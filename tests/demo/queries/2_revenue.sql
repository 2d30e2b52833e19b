-- Which source and medium earn the money?
-- First touch of any device of the user: the campaign's, else the referrer's.
SELECT
    if(touch = '', 'direct / (none)', touch) AS source_medium,
    count() AS orders,
    round(sum(revenue), 2) AS revenue_usd
FROM
(
    SELECT ifNull(user_id, '') AS user, JSONExtractFloat(properties, 'revenue') AS revenue
    FROM events FINAL
    WHERE source = 'server/billing' AND event_name = 'Order Completed'
) AS orders
LEFT JOIN
(
    SELECT user, argMin(first_touch, first_seen) AS touch
    FROM
    (
        SELECT
            anonymous_id,
            ifNull(anyIf(user_id, user_id IS NOT NULL), '') AS user,
            min(timestamp) AS first_seen,
            argMin(
                multiIf(
                    campaign_source IS NOT NULL, concat(ifNull(campaign_source, ''), ' / ', ifNull(campaign_medium, '')),
                    ifNull(referrer_medium, 'internal') NOT IN ('internal', ''),
                        concat(lower(ifNull(referrer_source, ifNull(referrer_host, ''))), ' / ', ifNull(referrer_medium, '')),
                    ''
                ),
                timestamp
            ) AS first_touch
        FROM events FINAL
        WHERE source = 'web/app'
        GROUP BY anonymous_id
        HAVING user != ''
    ) AS devices
    GROUP BY user
) AS users ON users.user = orders.user
GROUP BY source_medium
ORDER BY revenue_usd DESC
