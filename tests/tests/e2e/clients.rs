//! Clients that data engineers use: clickhouse-connect in Python, and plain HTTP.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use waybill_tests::{Flow, PythonPrograms, SERVER_SDKS, until};

use crate::world::on_the_flow;

/// Numbers that no float keeps, escapes beside the letters themselves, white space.
const PROPERTIES: &str = r#"{"revenue": 1.10, "tax":0.000000001, "currency":"EUR","big":123456789012345678901234567890,"exponent":1.0e2 , "text":"Größe \u00dc \"quoted\" \\ \n\t🙂","a":{"b":[1,2.50]},"empty":{},"none":null}"#;
const PAGE: &str = "https://shop.example/cart?utm_source=newsletter&gclid=Cj0";
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Safari/537.36";

/// One order, whose every kind of column holds something.
struct Order {
    message_id: String,
    /// When it happened, as it was sent.
    at: jiff::Timestamp,
}

/// Sends it, and waits until ClickHouse has it.
fn order(flow: &Flow) -> anyhow::Result<Order> {
    let now = jiff::Timestamp::now().as_millisecond();
    let at = jiff::Timestamp::from_millisecond(now - now % 1_000 - 60_000 + 7)?;
    let message_id = format!("clients-{now}");
    let context = json!({
        "page": { "url": PAGE },
        "userAgent": USER_AGENT,
        "app": { "build": [1, 2.5], "rate": 1.10 },
    });
    let body = format!(
        r#"{{"messageId":"{message_id}","event":"Order Completed","anonymousId":"{message_id}","timestamp":"{at}","properties":{PROPERTIES},"context":{context}}}"#
    );
    let answer = flow.post("/v1/track", SERVER_SDKS.write_key, body.as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    let count = format!("SELECT count() FROM events WHERE message_id = '{message_id}'");
    until("the order arrives", Duration::from_mins(1), || {
        Ok((flow.clickhouse(&count)? == "1").then_some(()))
    })?;
    Ok(Order { message_id, at })
}

/// As clickhouse-connect tells a time: in UTC, without saying so.
fn in_python(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

fn read_in_python(flow: &Flow, order: &Order) -> anyhow::Result<Value> {
    let programs = PythonPrograms::install("tests/sdks/clickhouse")?;
    let output = programs
        .python("reader.py")
        .env("CLICKHOUSE_URL", flow.stack().clickhouse_url())
        .env("DATABASE", "waybill")
        .env("MESSAGE_ID", &order.message_id)
        .stdin(Stdio::null())
        .output()
        .context("python")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "reader.py ended with {}: {said}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Every member of `expected` is as it says; names what is not.
fn agrees(found: &Value, expected: &Value) -> anyhow::Result<()> {
    for (name, value) in expected.as_object().context("no object")? {
        ensure!(found[name] == *value, "{name}: {}, expected {value}", found[name]);
    }
    Ok(())
}

#[test]
fn clickhouse_connect_reads_types_exact_text_and_paths_of_json() {
    on_the_flow("clickhouse-connect", |flow, _| {
        let order = order(flow)?;
        let read = read_in_python(flow, &order)?;
        ensure!(read["events"].as_array().map(Vec::len) == Some(1), "{read:#}");
        let event = &read["events"][0];
        agrees(
            event,
            &json!({
                "original_timestamp": ["datetime", in_python(order.at)],
                "sent_at": null,
                "source": SERVER_SDKS.id,
                "type": "track",
                "event_name": "Order Completed",
                "user_id": null,
                "is_bot": false,
                "campaign_source": "newsletter",
                "device_class": "desktop",
                "amounts": {
                    "revenue": ["Decimal", "1.100000000"],
                    "tax": ["Decimal", "1E-9"],
                },
                "currency": "EUR",
                "click_ids": [{ "name": "gclid", "value": "Cj0", "network": "Google" }],
                "properties": PROPERTIES,
            }),
        )?;
        ensure!(event["origin_offset"].is_u64() && event["origin_partition"].is_u64(), "{event:#}");
        ensure!(event["appended_at"][0] == "datetime", "{event:#}");
        ensure!(event["enrichments"][0]["name"].is_string(), "{event:#}");
        ensure!(event["validation_flags"].is_array(), "{event:#}");
        agrees(
            &read["paths"][0],
            &json!({ "url": PAGE, "rate": 1.1, "build": [1.0, 2.5], "nowhere": null }),
        )
    });
}

#[test]
fn plain_http_reads_types_exact_text_and_paths_of_json() {
    on_the_flow("clickhouse-http", |flow, _| {
        let order = order(flow)?;
        let found = format!("FROM events FINAL WHERE message_id = '{}'", order.message_id);
        let text = flow.clickhouse(&format!("SELECT properties {found} FORMAT RawBLOB"))?;
        ensure!(text == PROPERTIES, "{text}");
        let rows = flow.clickhouse(&format!(
            "SELECT original_timestamp, amounts, click_ids, source, is_bot, user_id, \
             origin_epoch {found} FORMAT JSONCompactEachRowWithNamesAndTypes"
        ))?;
        let lines: Vec<Value> = rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let types = json!([
            "Nullable(DateTime64(3, 'UTC'))",
            "Map(String, Nullable(Decimal(38, 9)))",
            "Array(Tuple(name String, value String, network String))",
            "LowCardinality(String)",
            "Bool",
            "Nullable(String)",
            "UInt16"
        ]);
        ensure!(lines[1] == types, "{}", lines[1]);
        let at = order.at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
        let click = json!({ "name": "gclid", "value": "Cj0", "network": "Google" });
        let amounts = json!({ "revenue": 1.1, "tax": 0.000_000_001 });
        let values =
            json!([at, amounts, [click], SERVER_SDKS.id, false, null, lines[2][6].clone()]);
        ensure!(lines[2] == values, "{}", lines[2]);
        let paths = flow.rows(&format!(
            "WITH CAST(context AS JSON) AS json SELECT json.app.build AS build, \
             json.page.url.:String AS url, toString(amounts['revenue']) AS exact {found}"
        ))?;
        let expected = json!({ "build": [1, 2.5], "url": PAGE, "exact": "1.1" });
        ensure!(paths == [expected.clone()], "{paths:?}, expected {expected}");
        Ok(())
    });
}
