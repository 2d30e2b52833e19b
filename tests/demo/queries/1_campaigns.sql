-- Which campaigns bring people who sign up, and who then order?
-- The first campaign of a device counts; orders come from another source, by user.
SELECT
    if(first_campaign = '', '(none)', first_campaign) AS campaign,
    count() AS visitors,
    countIf(user != '') AS sign_ups,
    countIf(orders.user_id != '') AS customers,
    round(100 * customers / visitors, 1) AS percent
FROM
(
    SELECT
        anonymous_id,
        ifNull(argMinIf(campaign_name, timestamp, campaign_name IS NOT NULL), '') AS first_campaign,
        ifNull(anyIf(user_id, event_name = 'Signed Up'), '') AS user
    FROM events FINAL
    WHERE source = 'web/app' AND NOT is_bot AND anonymous_id IS NOT NULL
    GROUP BY anonymous_id
) AS visits
LEFT JOIN
(
    SELECT DISTINCT ifNull(user_id, '') AS user_id
    FROM events FINAL
    WHERE source = 'server/billing' AND event_name = 'Order Completed'
) AS orders ON orders.user_id = visits.user
GROUP BY campaign
ORDER BY visitors DESC
