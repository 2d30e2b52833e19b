"""A data engineer's program in Python, which reads one event with clickhouse-connect.

Says as JSON what it got: a value that JSON has no word for as [its type in Python, its text].
"""

import json
import os
from urllib.parse import urlsplit

import clickhouse_connect

EVENT = """
SELECT
    origin_epoch, origin_partition, origin_offset,
    appended_at, timestamp, original_timestamp, sent_at,
    source, type, event_name, message_id, anonymous_id, user_id, channel,
    is_bot, clock_offset_ms, asn, country, campaign_source, device_class,
    amounts, currency, click_ids, enrichments, validation_flags, enrichment_derived,
    properties, traits
FROM events FINAL
WHERE message_id = {message_id:String}
"""

# To look into exact text by path it is cast: where it has what the JSON type refuses (a number beyond 64 bits,
# a key twice), the query fails. JSONExtract does not.
PATHS = """
SELECT
    CAST(context AS JSON) AS json,
    json.app.build AS build,
    json.app.rate.:Float64 AS rate,
    json.page.url.:String AS url,
    json.nowhere AS nowhere
FROM events FINAL
WHERE message_id = {message_id:String}
"""


def told(value):
    """What json writes of a value that it does not know."""
    return [type(value).__name__, str(value)]


def rows(client, sql, message_id):
    result = client.query(sql, parameters={"message_id": message_id})
    return [dict(zip(result.column_names, row)) for row in result.result_rows]


def main():
    url = urlsplit(os.environ["CLICKHOUSE_URL"])
    client = clickhouse_connect.get_client(
        host=url.hostname, port=url.port, database=os.environ["DATABASE"]
    )
    message_id = os.environ["MESSAGE_ID"]
    answer = {
        "events": rows(client, EVENT, message_id),
        "paths": rows(client, PATHS, message_id),
    }
    print(json.dumps(answer, default=told))


main()
