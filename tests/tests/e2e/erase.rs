//! A person is erased while events of hers still flow.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use kafka_runtime::{Bounds, GroupPosition, Scanner};
use serde_json::{Value, json};
use topology::{Service, Topic};
use waybill_tests::{Flow, WEB_SDKS, until};

use crate::world::on_the_flow;

const SOON: Duration = Duration::from_secs(90);

/// A name that no other run has and no pattern matches by chance.
fn unlike(name: &str) -> String {
    format!("{name}'%-{}", std::process::id())
}

fn event(kind: &str, device: &str, user: Option<&str>, message: &str) -> Value {
    let mut event = json!({
        "type": kind, "anonymousId": device, "messageId": message,
        "context": {"page": {"url": "https://shop.example/", "path": "/"}},
    });
    if kind == "track" {
        event["event"] = json!("Product Viewed");
    }
    if let Some(user) = user {
        event["userId"] = json!(user);
    }
    event
}

fn send(flow: &Flow, events: &[Value]) -> anyhow::Result<()> {
    let body = json!({ "batch": events }).to_string();
    let answer = flow.post("/v1/batch", WEB_SDKS.write_key, body.as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

fn quoted(id: &str) -> String {
    format!("'{}'", id.replace('\'', "\\'"))
}

fn count(flow: &Flow, sql: &str) -> anyhow::Result<u64> {
    Ok(flow.clickhouse(sql)?.parse()?)
}

/// Every table and column in which one of the ids stands.
fn found_in(flow: &Flow, ids: &[&str]) -> anyhow::Result<Vec<String>> {
    let columns = flow.rows(
        "SELECT table, groupArray(name) AS names FROM system.columns \
         WHERE database = 'waybill' AND type LIKE '%String%' AND table IN \
         (SELECT name FROM system.tables WHERE database = 'waybill' AND engine LIKE '%MergeTree') \
         GROUP BY table",
    )?;
    let mut found = Vec::new();
    for row in columns {
        let table = row["table"].as_str().context("a table")?;
        for name in row["names"].as_array().context("names")? {
            let name = name.as_str().context("a name")?;
            for id in ids {
                let sql = format!(
                    "SELECT count() FROM {table} WHERE position(toString(`{name}`), {}) > 0",
                    quoted(id)
                );
                if count(flow, &sql)? > 0 {
                    found.push(format!("{table}.{name}"));
                }
            }
        }
    }
    Ok(found)
}

/// Rows of the other person, as they are.
fn rows_of(flow: &Flow, user: &str) -> anyhow::Result<String> {
    let user = quoted(user);
    let device =
        format!("anonymous_id IN (SELECT anonymous_id FROM identity_links WHERE user_id = {user})");
    flow.clickhouse(&format!(
        "SELECT toString(tuple(*)) FROM events WHERE user_id = {user} OR {device} \
         ORDER BY message_id"
    ))
}

fn erase(flow: &Flow, user: &str, more: &[&str]) -> anyhow::Result<Value> {
    let arguments = [&["erase", "--user-id", user, "--reason", "ticket 7", "--json"], more];
    let said = flow.waybill(&arguments.concat())?;
    serde_json::from_str(&said).with_context(|| said.clone())
}

fn message(number: usize) -> String {
    format!("erase-{}-{number}", std::process::id())
}

struct Story {
    ann: String,
    bob: String,
    phone: String,
    laptop: String,
    tablet: String,
}

impl Story {
    fn new() -> Self {
        let [ann, bob] = ["ann", "bob"].map(unlike);
        let [phone, laptop, tablet] = ["phone", "laptop", "tablet"].map(unlike);
        Self { ann, bob, phone, laptop, tablet }
    }

    /// Ann on her phone and on her laptop, Bob on his tablet; and an event of Ann's that no plan
    /// takes.
    fn begin(&self, flow: &Flow) -> anyhow::Result<()> {
        let (ann, bob) = (Some(self.ann.as_str()), Some(self.bob.as_str()));
        let mut malformed = event("track", &self.phone, ann, &message(6));
        malformed["properties"] = json!("none");
        let events = [
            event("track", &self.phone, None, &message(0)),
            event("identify", &self.phone, ann, &message(1)),
            event("identify", &self.laptop, ann, &message(2)),
            event("track", &self.laptop, None, &message(3)),
            event("identify", &self.tablet, bob, &message(4)),
            event("track", &self.tablet, None, &message(5)),
            malformed,
            // A repeat.
            event("track", &self.phone, None, &message(0)),
        ];
        send(flow, &events)?;
        let ids = [&self.phone, &self.laptop, &self.tablet].map(|id| quoted(id)).join(", ");
        until("all are loaded", SOON, || {
            let events = format!("SELECT count() FROM events WHERE anonymous_id IN ({ids})");
            let links = format!("SELECT count() FROM identity_links WHERE anonymous_id IN ({ids})");
            let letters = format!(
                "SELECT count() FROM dead_letters WHERE message_id = {}",
                quoted(&message(6))
            );
            let discards = format!(
                "SELECT count() FROM discarded_events WHERE message_id = {}",
                quoted(&message(0))
            );
            let counts = [events, links, letters, discards].map(|sql| count(flow, &sql));
            let [events, links, letters, discards] = counts;
            let are = events? == 6 && links? >= 3 && letters? == 1 && discards? == 1;
            Ok(are.then_some(()))
        })
    }

    fn ids(&self) -> [&str; 3] {
        [&self.ann, &self.phone, &self.laptop]
    }
}

#[test]
fn nothing_of_an_erased_person_is_left_anywhere_and_nothing_of_others_is_touched() {
    on_the_flow("erase", |flow, _| {
        let story = Story::new();
        story.begin(flow)?;
        let bobs = rows_of(flow, &story.bob)?;
        ensure!(bobs.lines().count() == 2, "{bobs}");
        let planned = erase(flow, &story.ann, &["--dry-run"])?;
        ensure!(planned["state"] == "dry-run" && planned["erasure"].is_null(), "{planned:#}");
        ensure!(
            planned["ids"]["anonymous_ids"] == json!([story.laptop, story.phone]),
            "{planned:#}"
        );
        ensure!(planned["rows"][0] == json!({"table": "events", "rows": 4}), "{planned:#}");
        ensure!(planned["rows"][1] == json!({"table": "dead_letters", "rows": 1}), "{planned:#}");

        // Events of hers go on; some are in front of validate when the list comes into force, some
        // between the stages.
        let over = AtomicBool::new(false);
        let report = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut number = 100;
                while !over.load(Ordering::Relaxed) {
                    let user = (number % 2 == 0).then_some(story.ann.as_str());
                    let device = if number % 3 == 0 { &story.phone } else { &story.laptop };
                    send(flow, &[event("track", device, user, &message(number))])?;
                    number += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok::<_, anyhow::Error>(number - 100)
            });
            let report = erase(flow, &story.ann, &["--yes"]);
            over.store(true, Ordering::Relaxed);
            let sent = sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
            ensure!(sent > 10, "only {sent} events were sent meanwhile");
            report
        })?;
        ensure!(report["state"] == "done", "{report:#}");
        let deleted = report["rows"][0]["rows"].as_u64().context("rows")?;
        ensure!(deleted >= 4, "{report:#}");
        let raw = report["remains"].as_array().context("remains")?.iter();
        ensure!(
            raw.clone().any(|it| it["place"] == "raw-events" && it["until"].is_string()),
            "{report:#}"
        );

        let found = found_in(flow, &story.ids())?;
        ensure!(found.is_empty(), "her ids are in {found:?}");
        ensure!(rows_of(flow, &story.bob)? == bobs, "another's rows have changed");
        let erasure = report["erasure"].as_str().context("an id")?;
        let noted = count(
            flow,
            &format!(
                "SELECT uniqExact(origin_epoch, origin_partition, origin_offset) \
                 FROM erased_events WHERE erasure = '{erasure}'"
            ),
        )?;
        // With the dead letter and the repeat.
        ensure!(noted >= deleted + 2, "{noted} of {deleted}");
        let state = flow.clickhouse(&format!(
            "SELECT arrayStringConcat(arraySort(groupArray(state)), ' ') FROM erasures \
             WHERE erasure = '{erasure}'"
        ))?;
        ensure!(state == "begun done", "{state}");
        let known = "SELECT count() FROM events_resolved WHERE known_user_id";
        ensure!(count(flow, &format!("{known} = {}", quoted(&story.ann)))? == 0);
        late_events_are_suppressed(flow, &story)?;
        a_new_store_does_not_know_her(flow, &story)?;
        it_can_be_done_again(flow, &story)
    });
}

fn late_events_are_suppressed(flow: &Flow, story: &Story) -> anyhow::Result<()> {
    let late = message(10_000);
    send(flow, &[event("identify", &story.phone, Some(&story.ann), &late)])?;
    until("the late event is dropped", SOON, || {
        let sql = format!(
            "SELECT count() FROM discarded_events WHERE reason = 'suppressed' AND message_id = {}",
            quoted(&late)
        );
        Ok((count(flow, &sql)? == 1).then_some(()))
    })?;
    let found = found_in(flow, &story.ids())?;
    ensure!(found.is_empty(), "her ids are in {found:?}");
    Ok(())
}

/// With the list as it was before, so that an event of hers passes: her state, made anew from the
/// changelogs, has no link and no session of the time before.
fn a_new_store_does_not_know_her(flow: &Flow, story: &Story) -> anyhow::Result<()> {
    let stitch = flow.service(Service::IdentityStitch);
    stitch.stop_gracefully()?;
    fs::remove_dir_all(flow.state_folder())?;
    stitch.start()?;
    stitch.until_ready()?;
    let list = flow.folder().join("suppressed.txt");
    let text = fs::read_to_string(&list)?;
    let before = text.split_once("\n# erasure ").context("no erasure on the list")?.0.to_owned();
    fs::write(&list, &before)?;
    let validate = flow.service(Service::Validate);
    until("the list is short again", SOON, || {
        let ids = validate.metrics()?.sum("waybill_suppression_list_ids", &[]);
        Ok((ids < 2.5).then_some(()))
    })?;
    let hers = message(20_000);
    send(flow, &[event("track", &story.phone, None, &hers)])?;
    let row = until("her device's event is loaded", SOON, || {
        let sql = format!(
            "SELECT toString(person_basis) AS basis, session_number, person_user_id FROM events \
             WHERE message_id = {}",
            quoted(&hers)
        );
        Ok(flow.rows(&sql)?.pop())
    })?;
    fs::write(&list, &text)?;
    let stranger = json!({"basis": "anonymous_id", "session_number": 1, "person_user_id": null});
    ensure!(row == stranger, "{row}");
    let bobs = message(20_001);
    send(flow, &[event("track", &story.tablet, None, &bobs)])?;
    until("the other person is known as before", SOON, || {
        let sql = format!(
            "SELECT count() FROM events WHERE person_user_id = {} AND message_id = {}",
            quoted(&story.bob),
            quoted(&bobs)
        );
        Ok((count(flow, &sql)? == 1).then_some(()))
    })
}

fn it_can_be_done_again(flow: &Flow, story: &Story) -> anyhow::Result<()> {
    // By one of her ids, the list knows the others.
    let said = flow.waybill(&[
        "erase",
        "--anonymous-id",
        &story.phone,
        "--reason",
        "again",
        "--yes",
        "--json",
    ])?;
    let again: Value = serde_json::from_str(&said)?;
    ensure!(again["state"] == "done", "{again:#}");
    ensure!(again["ids"]["user_ids"] == json!([story.ann]), "{again:#}");
    ensure!(again["rows"][0] == json!({"table": "events", "rows": 1}), "{again:#}");
    let found = found_in(flow, &story.ids())?;
    ensure!(found.is_empty(), "her ids are in {found:?}");
    Ok(())
}

/// The id of the last erasure on the list.
fn last_erasure(flow: &Flow) -> anyhow::Result<String> {
    let text = fs::read_to_string(flow.folder().join("suppressed.txt"))?;
    let last = text.lines().rev().find_map(|line| line.strip_prefix("# erasure "));
    Ok(last.context("no erasure on the list")?.to_owned())
}

#[test]
fn an_erasure_that_a_paused_stage_holds_up_is_gone_on_with() {
    on_the_flow("erase-paused", |flow, _| {
        let [user, device] = ["eve", "watch"].map(unlike);
        let name = |number| format!("{}-paused", message(number));
        send(flow, &[event("identify", &device, Some(&user), &name(0))])?;
        until("her event is loaded", SOON, || {
            let sql =
                format!("SELECT count() FROM identity_links WHERE user_id = {}", quoted(&user));
            Ok((count(flow, &sql)? == 1).then_some(()))
        })?;
        flow.waybill(&["stage", "pause", "enrich", "--why", "a test"])?;
        until("enrich stands still", SOON, || {
            let said = flow.service(Service::Enrich).readiness()?.body;
            Ok(said.contains("paused").then_some(()))
        })?;
        send(flow, &[event("track", &device, None, &name(1))])?;
        // Past validate before the list comes into force: it will come out again behind the pause.
        until("it waits for enrich", SOON, || {
            let bounds = flow.bounds(Topic::ValidatedEvents)?;
            let waits = waiting(flow, &bounds)?;
            Ok(waits.then_some(()))
        })?;
        let stopped = erase(flow, &user, &["--yes", "--wait", "30"]);
        let said = stopped.err().context("it does not wait for a paused stage")?.to_string();
        ensure!(said.contains("exit status: 2") && said.contains("enrich is "), "{said}");
        let begun = last_erasure(flow)?;
        flow.waybill(&["stage", "resume", "enrich", "--why", "a test"])?;
        let report = erase(flow, &user, &["--yes"])?;
        ensure!(report["state"] == "done" && report["erasure"] == json!(begun), "{report:#}");
        ensure!(report["ids"]["anonymous_ids"] == json!([device]), "{report:#}");
        let found = found_in(flow, &[&user, &device])?;
        ensure!(found.is_empty(), "her ids are in {found:?}");
        let noted = format!("SELECT count() FROM erased_events WHERE erasure = '{begun}'");
        ensure!(count(flow, &noted)? == 2);
        Ok(())
    });
}

/// Whether enrich has not read all that validate has written.
fn waiting(flow: &Flow, bounds: &[Bounds]) -> anyhow::Result<bool> {
    let mut scanner = Scanner::new(flow.kafka(), "waybill-tests")?;
    let positions = scanner.group_positions("enrich", &[Topic::ValidatedEvents])?;
    let behind = |at: &GroupPosition| {
        let end =
            bounds.iter().find(|it| it.partition == at.partition).map_or(0, |it| it.stable_end);
        at.offset.is_some_and(|offset| offset < end)
    };
    Ok(positions.iter().any(behind))
}
