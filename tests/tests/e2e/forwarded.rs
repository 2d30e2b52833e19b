//! One visit, told by the page and by its backend, which forwards the page's context.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use waybill_tests::{CLIENT_ADDRESS, NodePackage, SERVER_SDKS, WEB_SDKS, until};

use crate::world::on_the_flow;

/// What both rows must agree on, and what it is.
const AGREED: [(&str, &str); 20] = [
    ("browser", "Chrome"),
    ("os", "Linux"),
    ("device_class", "desktop"),
    ("is_bot", "false"),
    ("country", "DE"),
    ("region", "BY"),
    ("city", "Nuremberg"),
    ("geo_timezone", "Europe/Berlin"),
    ("asn", "64496"),
    ("ip", "93.184.216.0"),
    ("ip_policy", "truncate"),
    ("campaign_source", "newsletter"),
    ("campaign_medium", "email"),
    ("campaign_name", "autumn-sale"),
    ("campaign_id", "77"),
    ("click_ids.value", "['forwarded']"),
    ("referrer_source", "Google"),
    ("page_path", "/"),
    ("locale", "de-DE"),
    ("timezone", "Europe/Berlin"),
];

#[test]
fn a_page_and_the_backend_that_forwards_its_context_tell_of_the_same_visit() {
    on_the_flow("forwarded", |flow, _| {
        let sdks = NodePackage::install("tests/sdks")?;
        let run = format!("forwarded-{}", std::process::id());
        let output = sdks
            .node("forwarding.mjs")
            .env("INGEST_URL", flow.ingest_url())
            .env("WRITE_KEY", WEB_SDKS.write_key.context("a key")?)
            .env("SERVER_WRITE_KEY", SERVER_SDKS.write_key.context("a key")?)
            .env("CLIENT_ADDRESS", CLIENT_ADDRESS)
            .env("PREFIX", &run)
            .stdin(Stdio::null())
            .output()
            .context("node")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "forwarding.mjs ended with {}: {said}", output.status);

        let columns = AGREED.map(|(name, _)| format!("toString({name}) AS `{name}`")).join(", ");
        let rows = until("both events arrive", Duration::from_secs(30), || {
            let rows = flow.clickhouse(&format!(
                "SELECT source_kind, browser_version, toString(amounts['revenue']) AS revenue, currency, \
                 arrayExists(it -> it LIKE '%?token', enrichment_removed) AS stripped, {columns}, \
                 concat(context, page_url, ifNull(page_query, ''), ifNull(request_ip, '')) AS texts \
                 FROM events WHERE JSONExtractString(properties, 'run') = '{run}' \
                 ORDER BY source_kind FORMAT JSONEachRow"
            ))?;
            let rows: Vec<Value> =
                rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            Ok((rows.len() == 2).then_some(rows))
        })?;
        let (page, order) = (&rows[0], &rows[1]);
        ensure!(page["source_kind"] == "browser" && order["source_kind"] == "server", "{rows:#?}");
        let wrong: Vec<String> = AGREED
            .iter()
            .filter(|(name, value)| page[name] != *value || order[name] != *value)
            .map(|(name, value)| {
                format!("{name}: expected {value}, page {}, order {}", page[name], order[name])
            })
            .collect();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        ensure!(page["browser_version"] == order["browser_version"], "{rows:#?}");
        ensure!(order["revenue"] == "1234.5" && order["currency"] == "EUR", "{order:#}");
        for row in &rows {
            let texts = row["texts"].as_str().unwrap_or_default();
            ensure!(row["stripped"] == 1, "{row:#}");
            ensure!(!texts.contains("secret") && !texts.contains(CLIENT_ADDRESS), "{row:#}");
        }
        Ok(())
    });
}
