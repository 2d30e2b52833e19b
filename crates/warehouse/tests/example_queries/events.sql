-- The events of one append day of a shop: 90 days from 2026-07-01 on, 5,000,000 events in all. What is said
-- here is said once more in shop.rs, so that answers are compared with what was meant.
--
-- A visit is one of twenty journeys, whose letters are its events; of each of the twenty there are equally many.
INSERT INTO events
(
    origin_epoch, origin_partition, origin_offset, appended_at,
    position_epoch, position_topic, position_partition, position_offset,
    source, source_kind, environment, type, event_name, message_id, anonymous_id, user_id, group_id, name,
    timestamp, original_timestamp, sent_at, received_at, context, properties, traits, integrations, extra,
    validation_version, plan_version, device_key, device_key_kind, time_basis, clock_offset_ms,
    enrichments, user_agent, user_agent_taken_from, browser, browser_version, os, os_version, device_class, is_bot,
    page_url, page_host, page_path, page_title,
    campaign_taken_from, campaign_source, campaign_medium, campaign_name,
    referrer_url, referrer_host, referrer_medium, locale, timezone, country, currency, amounts,
    person_id, person_basis, person_user_id, session_id, session_basis, session_number, session_started_at
)
WITH
    {day} AS day,
    intDiv(day * 1250000 + 89, 90) AS first_visit,
    intDiv((day + 1) * 1250000 + 89, 90) AS end_visit,
    ['p', 'p', 'p', 'p', 'p', 'p', 'pp', 'pL', 'pSV', 'pLVV', 'pVR', 'pLVA', 'pIpLV', 'pLVVAC', 'pILVACK',
     'pIVACKOH', 'pSVVVL', 'pLLVp', 'pIGp', 'pSLVVLVARCVKOHp'] AS journeys,
    arrayPushFront(arrayCumSum(it -> length(it), journeys), 0) AS ahead,
    (
        ['p', 'I', 'G', 'L', 'S', 'V', 'A', 'C', 'K', 'O', 'H', 'R'],
        ['page', 'identify', 'group', 'Product List Viewed', 'Products Searched', 'Product Viewed', 'Product Added',
         'Cart Viewed', 'Checkout Started', 'Order Completed', 'Order Shipped', 'Product Shared'],
        ''
    ) AS names,
    (visit, salt) -> intHash64(visit * 64 + salt) AS dice
SELECT
    0 AS origin_epoch,
    toInt32(device % 6) AS origin_partition,
    toInt64(intDiv(visit, 20) * 80 + ahead[journey + 1] + step) AS origin_offset,
    fromUnixTimestamp64Milli(came + 200 + toInt64(dice(visit, 7) % 2000), 'UTC') AS appended_at,
    0 AS position_epoch,
    'stitched-events' AS position_topic,
    origin_partition AS position_partition,
    origin_offset AS position_offset,

    concat(multiIf(letter = 'H', 'api/orders', is_app, 'ios/shop', 'web/shop'), if(is_staging, '-staging', '')) AS source,
    multiIf(letter = 'H', 'server', is_app, 'mobile', 'browser') AS source_kind,
    if(is_staging, 'staging', 'production') AS environment,
    multiIf(letter = 'p', 'page', letter = 'I', 'identify', letter = 'G', 'group', 'track') AS type,
    transform(letter, names.1, names.2, '') AS event_name,
    lower(hex(intHash64(toUInt64(origin_offset)))) AS message_id,
    if(letter = 'H' AND knows, NULL, anonymous) AS anonymous_id,
    if(knows, concat('u-', leftPad(toString(user), 5, '0')), NULL) AS user_id,
    if(letter = 'G', concat('acct-', leftPad(toString(user % 2000), 4, '0')), NULL) AS group_id,
    if(letter = 'p', page, NULL) AS name,
    fromUnixTimestamp64Milli(came - late, 'UTC') AS timestamp,
    timestamp AS original_timestamp,
    appended_at AS sent_at,
    appended_at AS received_at,
    if(letter = 'H', '{}', printf('{"library":{"name":"waybill.js","version":"1.4.0"},"locale":"de-DE","page":{"url":"%s"},"userAgent":"%s"}', url, agent)) AS context,
    multiIf(
        letter = 'O', printf('{"order_id":"o-%s","revenue":%s,"tax":%s,"currency":"%s","products":[{"product_id":"p-%s","quantity":%s,"price":%s}]}',
            toString(visit), toString(revenue), toString(tax), money, toString(product), toString(1 + visit % 3), toString(revenue)),
        letter = 'H', printf('{"order_id":"o-%s","carrier":"post"}', toString(visit)),
        letter IN ('V', 'A', 'R'), printf('{"product_id":"p-%s","name":"Größe \\u00dc %s","price":%s.10}', toString(product), toString(product), toString(product % 90 + 1)),
        letter = 'L', printf('{"list_id":"l-%s"}', toString(product % 12)),
        letter = 'S', printf('{"query":"thing %s"}', toString(product)),
        '{}'
    ) AS properties,
    multiIf(
        letter = 'I', printf('{"plan":"%s","email":"u-%s@example.com"}', ['free', 'plus', 'pro'][1 + dice(user, 20 + intDiv(day, 30)) % 3], toString(user)),
        letter = 'G', printf('{"plan":"%s","seats":%s}', ['free', 'team', 'business'][1 + dice(user % 2000, 30 + intDiv(day, 30)) % 3], toString(1 + visit % 50)),
        '{}'
    ) AS traits,
    '{}' AS integrations,
    '{}' AS extra,

    '1' AS validation_version,
    'shop@3' AS plan_version,
    ifNull(anonymous_id, user_id) AS device_key,
    if(isNull(anonymous_id), 'user_id', 'anonymous_id') AS device_key_kind,
    'sent' AS time_basis,
    0 AS clock_offset_ms,

    [('user-agent', '1'), ('page', '1'), ('campaign', '1'), ('geo', '1')] AS enrichments,
    if(letter = 'H', NULL, agent) AS user_agent,
    if(letter = 'H', NULL, 'context') AS user_agent_taken_from,
    if(letter = 'H', NULL, ['Safari', 'Chrome', 'Firefox'][1 + dice(device, 11) % 3]) AS browser,
    if(letter = 'H', NULL, '18.1') AS browser_version,
    if(letter = 'H', NULL, system) AS os,
    if(letter = 'H', NULL, '18') AS os_version,
    if(letter = 'H', NULL, class) AS device_class,
    device % 100 = 99 AS is_bot,
    if(letter = 'H', NULL, url) AS page_url,
    if(letter = 'H', NULL, 'shop.example') AS page_host,
    if(letter = 'H', NULL, concat('/', page)) AS page_path,
    if(letter = 'H', NULL, concat('Shop: ', page)) AS page_title,
    if(touch = 0, NULL, 'url') AS campaign_taken_from,
    if(touch = 0, NULL, ['newsletter', 'google', 'facebook', 'google'][touch]) AS campaign_source,
    if(touch = 0, NULL, ['email', 'cpc', 'social', 'cpc'][touch]) AS campaign_medium,
    if(touch = 0, NULL, ['autumn', 'brand', 'retarget', 'generic'][touch]) AS campaign_name,
    if(touch > 1, concat('https://', campaign_source, '.example/'), NULL) AS referrer_url,
    if(touch > 1, concat(campaign_source, '.example'), NULL) AS referrer_host,
    if(touch > 1, 'paid', NULL) AS referrer_medium,
    if(letter = 'H', NULL, 'de-DE') AS locale,
    if(letter = 'H', NULL, 'Europe/Berlin') AS timezone,
    if(letter = 'H', NULL, ['DE', 'DE', 'DE', 'FR', 'FR', 'US', 'GB', 'ES'][1 + dice(device, 12) % 8]) AS country,
    if(letter = 'O', money, NULL) AS currency,
    if(letter = 'O', map('revenue', toNullable(toDecimal128(revenue, 9)), 'tax', toNullable(toDecimal128(tax, 9))), map()) AS amounts,

    lower(hex(substring(SHA256(if(knows,
        concat('waybill/person/1/user', unhex(leftPad(hex(length(assumeNotNull(user_id))), 16, '0')), assumeNotNull(user_id)),
        concat('waybill/person/1/anonymous', unhex(leftPad(hex(length(anonymous)), 16, '0')), anonymous))), 1, 16))) AS person_id,
    if(knows, 'user_id', 'anonymous_id') AS person_basis,
    user_id AS person_user_id,
    if(letter = 'H', NULL, concat('s-', toString(visit))) AS session_id,
    if(letter = 'H', NULL, 'sent') AS session_basis,
    if(letter = 'H', NULL, 1) AS session_number,
    if(letter = 'H', NULL, fromUnixTimestamp64Milli(start - late, 'UTC')) AS session_started_at
FROM
(
    SELECT
        *,
        plain,
        step,
        start + toInt64(step) * (5000 + toInt64(dice(visit, 6) % 40000)) AS came,
        multiIf(has_user, plain, plain IN ('I', 'G'), 'p', plain) AS letter,
        has_user AND (always_knows OR (position(letters, 'I') > 0 AND step + 1 >= position(letters, 'I'))) AS knows,
        toUInt8(if(step = 0, greatest(toInt64(dice(visit, 8) % 10) - 5, 0), 0)) AS touch,
        dice(visit, 13 + step % 4) % 500 AS product,
        multiIf(plain = 'p' AND step = 0, 'start', plain = 'V', concat('product/', toString(product)), lower(plain)) AS page,
        concat('https://shop.example/', page, if(touch = 0, '', concat('?utm_source=', ['newsletter', 'google', 'facebook', 'google'][touch]))) AS url
    FROM
    (
        SELECT
            number AS visit,
            visit % 20 AS journey,
            journeys[journey + 1] AS letters,
            if(dice(visit, 2) % 2 = 0, dice(visit, 1) % 200000, intDiv((dice(visit, 1) % 200000) * (dice(visit, 3) % 200000), 200000)) AS device,
            device < 120000 AS has_user,
            device % 60000 AS user,
            dice(visit, 4) % 5 < 2 AS always_knows,
            dice(visit, 5) % 50 = 0 AS is_staging,
            device % 3 = 0 AS is_app,
            concat('d-', leftPad(toString(device), 6, '0')) AS anonymous,
            toUInt8(dice(device, 9) % 10) AS roll,
            multiIf(is_app, if(roll < 9, 'phone', 'tablet'), roll < 6, 'desktop', roll < 9, 'phone', 'tablet') AS class,
            multiIf(is_app, 'iOS', class = 'desktop', if(roll < 4, 'Windows', 'macOS'), 'Android') AS system,
            concat('Mozilla/5.0 (', system, '; ', class, ') Gecko/20100101 Firefox/131.0') AS agent,
            toInt64(1782864000000) + day * 86400000 + intDiv((toInt64(visit) - first_visit) * 85500000, end_visit - first_visit) AS start,
            if(visit % 97 = 5, 129600000, 0) AS late,
            if(device % 10 = 3, 'USD', 'EUR') AS money,
            toDecimal64(1000 + dice(visit, 10) % 20000, 2) / 100 AS revenue,
            revenue / 10 AS tax
        FROM numbers(first_visit, end_visit - first_visit)
    )
    ARRAY JOIN splitByString('', letters) AS plain, range(length(letters)) AS step
)
