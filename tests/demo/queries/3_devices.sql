-- What do people use? Without bots.
SELECT
    ifNull(device_class, '(unknown)') AS device,
    ifNull(browser, '(unknown)') AS with_browser,
    uniqExact(anonymous_id) AS devices,
    countIf(type = 'page') AS page_views,
    round(100 * devices / sum(devices) OVER (), 1) AS percent
FROM events FINAL
WHERE source = 'web/app' AND NOT is_bot AND user_agent IS NOT NULL
GROUP BY device, with_browser
ORDER BY devices DESC
