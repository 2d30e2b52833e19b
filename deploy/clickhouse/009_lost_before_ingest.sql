-- What was lost before ingest, where senders number their events (context.waybill, as
-- clients/javascript does): numbers of a stream up to its highest that never came. An event that
-- validate rejected is missing here too: it is among the dead letters.
CREATE VIEW IF NOT EXISTS lost_before_ingest AS
SELECT
    first_day AS day,
    source,
    count() AS streams,
    sum(numbered) AS sent,
    sum(numbered - arrived) AS lost
FROM
(
    SELECT
        source,
        min(toDate(appended_at)) AS first_day,
        JSONExtractString(context, 'waybill', 'stream') AS stream,
        max(JSONExtractUInt(context, 'waybill', 'seq')) + 1 AS numbered,
        uniqExact(JSONExtractUInt(context, 'waybill', 'seq')) AS arrived
    FROM events FINAL
    GROUP BY source, stream
    HAVING stream != ''
)
GROUP BY day, source;
