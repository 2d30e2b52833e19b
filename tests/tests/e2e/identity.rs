//! Who is who: one person on several devices and servers, operators who mend it, and what must not
//! make one person of many.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use waybill_tests::{BLOCKED_ID, Flow, NodePackage, SERVER_SDKS, WEB_SDKS, until};

use crate::world::on_the_flow;

/// What operators are promised.
const WITHIN_A_MINUTE: Duration = Duration::from_mins(1);
/// For events to be loaded and the views to show their links.
const SOON: Duration = Duration::from_secs(90);

/// A name that no other run of these tests has.
fn unlike(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// The person as known of the events for which `condition` holds, each once; nothing if there are
/// fewer than `count` events.
fn persons(flow: &Flow, condition: &str, count: usize) -> anyhow::Result<Option<Vec<String>>> {
    let answer = flow.clickhouse(&format!(
        "SELECT arraySort(groupUniqArray(known_person_id)) AS persons, count() AS events \
         FROM events_resolved WHERE {condition} FORMAT JSONEachRow"
    ))?;
    let row: Value = serde_json::from_str(&answer)?;
    let persons = row["persons"].as_array().context("no persons")?;
    let persons = persons.iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect();
    Ok((row["events"].as_u64() >= Some(count as u64)).then_some(persons))
}

/// Sends events of a source; each is the members beside its id and time.
fn send(flow: &Flow, run: &str, events: &[Value]) -> anyhow::Result<()> {
    let mut batch = events.to_vec();
    for (number, event) in batch.iter_mut().enumerate() {
        event["messageId"] = json!(format!("{run}-{number}"));
        // As pages tell it: other tests look at all that this source sent.
        event["context"] = json!({ "page": { "url": "https://shop.example/", "path": "/" } });
    }
    let body = json!({ "batch": batch }).to_string();
    let answer = flow.post("/v1/batch", WEB_SDKS.write_key, body.as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// So many minutes after two hours ago.
fn minute(minute: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minute - 120);
    at.to_string()
}

fn viewed(device: &str, at: i64) -> Value {
    json!({
        "type": "track", "event": "Product Viewed", "anonymousId": device, "timestamp": minute(at),
    })
}

fn logged_in(device: &str, user: impl Into<Value>, at: i64) -> Value {
    json!({
        "type": "identify", "anonymousId": device, "userId": user.into(), "traits": {},
        "timestamp": minute(at),
    })
}

/// The anonymous ids of one person's two devices, told by the SDKs.
fn one_person(flow: &Flow, user: &str) -> anyhow::Result<Vec<String>> {
    let sdks = NodePackage::install("tests/sdks")?;
    let output = sdks
        .node("identity.mjs")
        .env("INGEST_URL", flow.ingest_url())
        .env("WRITE_KEY", WEB_SDKS.write_key.context("a key")?)
        .env("SERVER_WRITE_KEY", SERVER_SDKS.write_key.context("a key")?)
        .env("USER_ID", user)
        .env("PREFIX", unlike("identity"))
        .stdin(Stdio::null())
        .output()
        .context("node")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "identity.mjs ended with {}: {said}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let told: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let devices = told["devices"].as_array().context("no devices")?;
    Ok(devices.iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect())
}

/// Gives an order, and waits until the events for which `condition` holds show it.
fn ordered(
    flow: &Flow,
    arguments: &[&str],
    condition: &str,
    shows: impl Fn(&[String]) -> bool,
) -> anyhow::Result<Value> {
    let begun = std::time::Instant::now();
    let mut command = vec!["identity"];
    command.extend(arguments);
    command.extend(["--who", "ada", "--json"]);
    let said = flow.waybill(&command)?;
    let said: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(said["awaited"]["reached"] == "loaded", "{said:#}");
    until("the view shows the order", WITHIN_A_MINUTE.saturating_sub(begun.elapsed()), || {
        Ok(persons(flow, condition, 1)?.filter(|it| shows(it)).map(drop))
    })?;
    eprintln!("{}: shown after {:.1} s", arguments[0], begun.elapsed().as_secs_f64());
    Ok(said)
}

fn explained(flow: &Flow, subject: &str) -> anyhow::Result<Value> {
    explained_with(flow, &[subject])
}

fn explained_with(flow: &Flow, arguments: &[&str]) -> anyhow::Result<Value> {
    let said = flow.waybill(&[&["identity", "explain", "--json"], arguments].concat())?;
    serde_json::from_str(&said).with_context(|| said.clone())
}

#[test]
fn a_person_on_two_devices_and_a_server_is_one_until_an_unlink_and_again_after_a_link() {
    on_the_flow("person", |flow, _| {
        let user = unlike("ada");
        let devices = one_person(flow, &user)?;
        let [first, second] = devices.as_slice() else { anyhow::bail!("{devices:?}") };
        ensure!(first != second, "one profile for both devices");
        // Two before the sign-up, two that tell of it; the order; two on the second device.
        let all = format!("user_id = '{user}' OR anonymous_id IN ('{first}', '{second}')");
        let whole = until("all events are one person's", SOON, || {
            Ok(persons(flow, &all, 7)?.filter(|persons| persons.len() == 1))
        })?;
        let shown = flow.waybill(&["identity", "show", &user, "--user-id", "--json"])?;
        let shown: Value = serde_json::from_str(&shown)?;
        ensure!(shown["person_id"] == json!(whole[0]) && shown["events"] == 7, "{shown:#}");
        ensure!(shown["devices"].as_array().is_some_and(|it| it.len() == 2), "{shown:#}");

        // What was sent before the sign-up has the device's id alone.
        let before = format!("anonymous_id = '{first}' AND user_id IS NULL");
        let origin = flow.clickhouse(&format!(
            "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM events \
             WHERE {before} AND event_name = 'Product Viewed'"
        ))?;
        let event = explained(flow, &origin)?;
        ensure!(event["event"]["emitted_basis"] == "anonymous_id", "{event:#}");
        ensure!(event["person"]["person_id"] == json!(whole[0]), "{event:#}");
        let is_whole = |persons: &[String]| *persons == whole;
        let why = ["--reason", "a shared computer"];
        let unlink = [&["unlink", first, &user][..], &why].concat();
        ordered(flow, &unlink, &before, |persons| !is_whole(persons))?;
        let explained_first = explained(flow, first)?;
        let links = explained_first["links"].as_array().context("no links")?;
        let identify = links.iter().find(|link| link["rule"] == "identify");
        ensure!(identify.is_some_and(|it| it["verdict"] == "unlinked"), "{explained_first:#}");
        let order = links.iter().find(|link| link["kind"] == "unlink").context("no order")?;
        ensure!(order["who"] == "ada" && order["why"] == "a shared computer", "{order:#}");
        ensure!(explained_first["person"]["user_id"].is_null(), "{explained_first:#}");
        // The other device and the server's events are hers as before.
        let others = format!("user_id = '{user}' OR anonymous_id = '{second}'");
        ensure!(persons(flow, &others, 1)?.is_some_and(|it| is_whole(&it)), "{others}");

        let link = [&["link", first, &user][..], &["--reason", "it is hers alone"]].concat();
        ordered(flow, &link, &before, is_whole)?;
        let healed = explained(flow, first)?;
        let links = healed["links"].as_array().context("no links")?;
        let verdicts: Vec<_> =
            links.iter().filter(|it| it["rule"] == "command").map(|it| &it["verdict"]).collect();
        ensure!(verdicts == [&json!("taken-back"), &json!("holds")], "{healed:#}");
        ensure!(healed["person"]["user_id"] == json!(user), "{healed:#}");
        Ok(())
    });
}

#[test]
fn two_accounts_are_one_person_by_order_and_two_again_after_it_is_taken_back() {
    on_the_flow("accounts", |flow, _| {
        let (old, new) = (unlike("old"), unlike("new"));
        let [one, two] = [&old, &new].map(|user| format!("device-of-{user}"));
        let events = [
            viewed(&one, 0),
            logged_in(&one, old.as_str(), 1),
            viewed(&two, 2),
            logged_in(&two, new.as_str(), 3),
        ];
        send(flow, &unlike("accounts"), &events)?;
        let all = format!("anonymous_id IN ('{one}', '{two}')");
        until("there are two persons", SOON, || {
            Ok(persons(flow, &all, 4)?.filter(|it| it.len() == 2))
        })?;
        let pair = ["--previous-id", &old, "--user-id", &new, "--reason", "ticket 311"];
        ordered(flow, &[&["link"][..], &pair].concat(), &all, |persons| persons.len() == 1)?;
        let merged = explained(flow, &one)?;
        ensure!(merged["person"]["user_id"] == json!(new), "{merged:#}");
        let alias = &merged["aliases"][0];
        ensure!(alias["who"] == "ada" && alias["why"] == "ticket 311", "{merged:#}");
        let told_at = alias["told_at"].as_str().context("no time")?;
        let moment: jiff::Timestamp = told_at.parse()?;
        let just_before = (moment - jiff::SignedDuration::from_millis(1)).to_string();
        for (at, user) in [(just_before.as_str(), &old), (told_at, &new)] {
            let then = explained_with(flow, &[&one, "--at", at])?;
            ensure!(then["person"]["user_id"] == json!(user), "at {at}: {then:#}");
        }
        ordered(flow, &[&["unlink"][..], &pair].concat(), &all, |persons| persons.len() == 2)?;
        let apart = explained(flow, &one)?;
        ensure!(apart["person"]["user_id"] == json!(old), "{apart:#}");
        Ok(())
    });
}

#[test]
fn a_blocked_id_and_a_support_agent_glue_nobody_together() {
    on_the_flow("glue", |flow, _| {
        const CUSTOMERS: usize = 12;
        let customer = |number: usize| {
            (unlike(&format!("device-{number}")), unlike(&format!("customer-{number}")))
        };
        let agent = unlike("agent");
        let mut events = vec![viewed(&agent, 0)];
        for (number, at) in (0..CUSTOMERS).zip(10..) {
            let (device, user) = customer(number);
            // Each looks around and logs in; the agent then logs in as each; all try the demo, and
            // log out in a way that some SDKs tell as a user id without a value.
            events.extend([
                viewed(&device, 1),
                logged_in(&device, user.as_str(), 2),
                logged_in(&agent, user.as_str(), at),
                logged_in(&device, BLOCKED_ID, 30),
                logged_in(&device, Value::Null, 31),
            ]);
        }
        events.push(viewed(&agent, 40));
        send(flow, &unlike("glue"), &events)?;
        let devices: Vec<String> =
            (0..CUSTOMERS).map(|number| format!("'{}'", customer(number).0)).collect();
        let of_customers = format!("anonymous_id IN ({})", devices.join(", "));
        until("each customer is one person", SOON, || {
            Ok(persons(flow, &of_customers, 4 * CUSTOMERS)?.filter(|it| it.len() == CUSTOMERS))
        })?;
        // The agent's last visit is nobody's: more customers than one device may have.
        let last = flow.clickhouse(&format!(
            "SELECT ifNull(known_user_id, '') FROM events_resolved \
             WHERE anonymous_id = '{agent}' AND user_id IS NULL ORDER BY timestamp DESC LIMIT 1"
        ))?;
        ensure!(last.is_empty(), "{last}");
        let told = explained(flow, &agent)?;
        let refused = told["links"].as_array().context("no links")?;
        let too_many = refused.iter().filter(|it| it["verdict"] == "too-many-users").count();
        ensure!(too_many == CUSTOMERS - 10, "{told:#}");
        let told = explained(flow, &customer(0).0)?;
        let links = told["links"].as_array().context("no links")?;
        let blocked = links.iter().find(|it| it["user_id"] == BLOCKED_ID).context("not told")?;
        ensure!(blocked["verdict"] == "blocked-value", "{told:#}");
        Ok(())
    });
}
