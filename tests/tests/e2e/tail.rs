//! Events as operators see them: `tail`, `plan sample` and `plan infer`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use event::Origin;
use kafka_runtime::Outgoing;
use local_stack::Part;
use serde_json::{Value, json};
use topology::Topic;
use waybill_tests::{Flow, SERVER_SDKS, WEB_SDKS, binary, until};

use crate::{bad_input::dead_letter, world::on_the_flow};

const PATIENCE: Duration = Duration::from_mins(1);
const GOOD: usize = 30;
/// Stands in every event, and may stand in no line of `tail` and no draft.
const SECRET: &str = "Ada Lovelace";
const PLAN: &str = "\
plan: tail
version: 1
events:
  Tail Ordered:
    properties:
      required: [order_id]
      properties:
        order_id: {type: string}
        buyer: {type: string}
        currency: {enum: [EUR, USD]}
        placed_at: {format: date-time}
";

/// The operator's own configuration: the flow's, with a plan for the two sources.
struct Operator {
    config: PathBuf,
}

impl Operator {
    fn of(flow: &Flow) -> anyhow::Result<Self> {
        let (flows, plans) = (flow.folder().join("plans"), flow.folder().join("tail-plans"));
        fs::create_dir_all(&plans)?;
        for entry in fs::read_dir(&flows)? {
            let entry = entry?;
            fs::copy(entry.path(), plans.join(entry.file_name()))?;
        }
        fs::write(plans.join("tail.yaml"), PLAN)?;
        let mut text = fs::read_to_string(flow.config())?;
        for source in [WEB_SDKS, SERVER_SDKS] {
            let table = format!("[sources.{:?}]\n", source.id);
            ensure!(text.contains(&table), "{text}");
            text = text.replace(&table, &format!("{table}plan = \"tail\"\n"));
        }
        let [from, to] = [&flows, &plans].map(|dir| format!("dir = \"{}\"\n", dir.display()));
        ensure!(text.contains(&from), "{text}");
        let config = flow.folder().join("tail.toml");
        fs::write(&config, text.replace(&from, &to))?;
        Ok(Self { config })
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command.arg("--config").arg(&self.config).args(arguments);
        Ok(command)
    }

    /// What the command prints, if it ends well.
    fn says(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments)?.output()?;
        let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        ensure!(output.status.success(), "{arguments:?}: {} {err} {out}", output.status);
        Ok(out.into_owned())
    }

    fn lines(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let text = self.says(arguments)?;
        text.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
    }
}

fn ordered(id: &str, properties: &Value) -> Value {
    json!({"type": "track", "event": "Tail Ordered", "messageId": id, "userId": "u",
        "properties": properties, "context": {"page": {"url": "https://shop.example/"}}})
}

fn good(test: &str, n: usize) -> Value {
    let currency = if n.is_multiple_of(3) { "USD" } else { "EUR" };
    ordered(
        &format!("{test}-good-{n}"),
        &json!({"order_id": format!("o {n}"), "buyer": SECRET, "currency": currency,
            "placed_at": "2026-11-25T10:00:00Z"}),
    )
}

fn post(flow: &Flow, key: Option<&str>, events: &[Value]) -> anyhow::Result<()> {
    let answer = flow.post("/v1/batch", key, json!({ "batch": events }).to_string().as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Good, flagged and rejected ones of one source, one of another, and bytes that are no event.
fn send(flow: &Flow, test: &str) -> anyhow::Result<Origin> {
    let mut events: Vec<Value> = (0..GOOD).map(|n| good(test, n)).collect();
    events.push(ordered(&format!("{test}-flag"), &json!({"order_id": "o", "coupon": SECRET})));
    events.push(ordered(&format!("{test}-reject"), &json!({"order_id": 5, "buyer": SECRET})));
    post(flow, WEB_SDKS.write_key, &events)?;
    post(
        flow,
        SERVER_SDKS.write_key,
        &[ordered(&format!("{test}-server"), &json!({"order_id": "o"}))],
    )?;
    let garbage = Outgoing {
        topic: Topic::RawEvents,
        partition: Some(0),
        key: None,
        value: Some(b"no frame".to_vec()),
        headers: Vec::new(),
    };
    let at = flow.produce(vec![garbage])?[0].position;
    Ok(Origin { epoch: 0, partition: at.partition, offset: at.offset })
}

fn by_id<'a>(lines: &'a [Value], id: &str) -> anyhow::Result<&'a Value> {
    let found: Vec<&Value> = lines.iter().filter(|line| line["message_id"] == id).collect();
    ensure!(found.len() == 1, "{id}: {found:?}");
    Ok(found[0])
}

#[test]
fn tail_shows_each_event_with_its_verdict_and_reasons_and_no_value() {
    on_the_flow("tail", |flow, _| {
        let operator = Operator::of(flow)?;
        let garbage = send(flow, "tail")?;
        let tail = ["tail", "--json", "--until-end"];
        let of_web = operator.lines(&[&tail[..], &["--source", WEB_SDKS.id]].concat())?;
        for (id, verdict, reason, pointer) in [
            ("tail-good-0", "pass", Value::Null, None),
            ("tail-flag", "flag", Value::Null, Some("/properties/coupon")),
            ("tail-reject", "reject", json!("invalid-property"), Some("/properties/order_id")),
        ] {
            let line = by_id(&of_web, id)?;
            ensure!(line["verdict"] == verdict && line["reason"] == reason, "{line}");
            ensure!(line["findings"][0]["pointer"].as_str() == pointer, "{line}");
            ensure!(line["plan_version"] == "tail@1", "{line}");
            ensure!(line["origin"].as_str().is_some_and(|it| it.parse::<Origin>().is_ok()));
        }
        ensure!(of_web.iter().all(|line| line["source"] == WEB_SDKS.id));
        let all = operator.lines(&tail)?;
        ensure!(by_id(&all, "tail-server")?["source"] == SERVER_SDKS.id);
        let undecodable = all.iter().find(|line| line["origin"] == garbage.to_string());
        let undecodable = undecodable.context("the garbage is not there")?;
        let letter = dead_letter(flow, garbage)?;
        ensure!(undecodable["verdict"] == "reject", "{undecodable}");
        ensure!(undecodable["reason"] == letter.reason, "{undecodable} {letter:?}");
        let rejected = operator.lines(&[&tail[..], &["--verdict", "reject"]].concat())?;
        ensure!(rejected.iter().all(|line| line["verdict"] == "reject"));
        by_id(&rejected, "tail-reject")?;
        let one = operator.lines(&[&tail[..], &["--limit", "1"]].concat())?;
        ensure!(one.len() == 1, "{one:?}");
        let for_people = operator.says(&["tail", "--since", "1h", "--until-end"])?;
        ensure!(for_people.contains(" tail-reject invalid-property: /properties/order_id is"));
        for text in [for_people, serde_json::to_string(&all)?] {
            ensure!(!text.contains(SECRET) && !text.contains("coupon\":"), "{text}");
        }
        comes_live(flow, &operator)
    });
}

#[test]
fn tail_waits_for_a_registry_that_is_away() {
    on_the_flow("tail-waits", |flow, _| {
        let operator = Operator::of(flow)?;
        let id = "tail-waits-good-1";
        post(flow, WEB_SDKS.write_key, &[good("tail-waits", 1)])?;
        flow.kill_part(Part::Registry)?;
        let mut tail = operator.command(&["tail", "--json", "--until-end"])?;
        let child = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut child = KilledAtEnd(child);
        let mut told = BufReader::new(child.0.stderr.take().context("no errors")?).lines();
        let waits = |line: &String| line.contains("cannot be decoded yet, waiting: ");
        let first = told.by_ref().map_while(Result::ok).find(waits);
        ensure!(first.is_some_and(|it| it.contains("the schema registry at")));
        flow.restart_part(Part::Registry)?;
        let out = BufReader::new(child.0.stdout.take().context("no output")?);
        let found = out.lines().map_while(Result::ok).filter(|line| line.contains(id)).count();
        ensure!(found == 1, "{id} is shown {found} times");
        ensure!(child.0.wait()?.success(), "{:?}", told.map_while(Result::ok).last());
        Ok(())
    });
}

/// Without --until-end it waits for what comes, until Ctrl-C.
fn comes_live(flow: &Flow, operator: &Operator) -> anyhow::Result<()> {
    let arguments = ["tail", "--source", SERVER_SDKS.id, "--event", "Tail Live", "--json"];
    let child = operator.command(&arguments)?.stdout(Stdio::piped()).spawn()?;
    let mut child = KilledAtEnd(child);
    let mut lines = BufReader::new(child.0.stdout.take().context("no output")?).lines();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || lines.next().map(|line| sender.send(line)));
    // Nobody knows when it has reached the end.
    let line = until("tail has seen an event", PATIENCE, || {
        let event = json!({"type": "track", "event": "Tail Live", "userId": "u"});
        post(flow, SERVER_SDKS.write_key, &[event])?;
        Ok(received.try_recv().ok())
    })??;
    let line: Value = serde_json::from_str(&line).context(line)?;
    ensure!(line["event"] == "Tail Live" && line["verdict"] == "flag", "{line}");
    let asked = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status()?;
    ensure!(asked.success(), "{asked}");
    let ended = until("tail has ended", PATIENCE, || Ok(child.0.try_wait()?))?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

struct KilledAtEnd(Child);

impl Drop for KilledAtEnd {
    fn drop(&mut self) {
        // It may have ended.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn a_draft_of_a_plan_passes_what_flows_wherever_it_is_taken_from() {
    on_the_flow("infer", |flow, _| {
        let operator = Operator::of(flow)?;
        send(flow, "infer")?;
        until("all of it is loaded", PATIENCE, || {
            let sql = "SELECT uniqExact(message_id) FROM events WHERE message_id LIKE 'infer-%'";
            let loaded: usize = flow.clickhouse(sql)?.parse()?;
            Ok((loaded >= GOOD + 3).then_some(()))
        })?;
        for from in ["kafka", "clickhouse"] {
            let of = ["--source", WEB_SDKS.id, "--from", from, "--days", "2"];
            let sample = operator.says(&[&["plan", "sample"], &of[..]].concat())?;
            let lines: Vec<Value> =
                sample.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            let is_good = |line: &&Value| line["message_id"] == "infer-good-1";
            let good = lines.iter().find(is_good).context("a good one is missing")?;
            ensure!(good["properties"]["buyer"] == SECRET, "whole events: {good}");
            ensure!(lines.iter().any(|line| line["message_id"] == "infer-reject"), "{from}");
            let file = written(flow, &format!("sample-{from}.ndjson"), &sample)?;
            let direct = operator.says(&[&["plan", "infer"], &of[..]].concat())?;
            let by_file = ["plan", "infer", "--source", WEB_SDKS.id, "--sample", &file];
            let by_file = operator.says(&by_file)?;
            ensure!(direct == by_file, "{from}: {direct}\n{by_file}");
            for expected in
                ["Tail Ordered:", "- order_id", "- EUR", "format: date-time", "- /page/url"]
            {
                ensure!(direct.contains(expected), "{from}: no {expected}: {direct}");
            }
            ensure!(!direct.contains(SECRET), "{direct}");
            let draft = written(flow, &format!("draft-{from}.yaml"), &direct)?;
            operator.says(&["plan", "check", &draft])?;
            passes(&operator, &draft, &file)?;
        }
        let unknown = operator.command(&["plan", "infer", "--source", "web/nobody"])?.output()?;
        ensure!(unknown.status.code() == Some(64), "{unknown:?}");
        Ok(())
    });
}

fn written(flow: &Flow, name: &str, text: &str) -> anyhow::Result<String> {
    let file = flow.folder().join(name);
    fs::write(&file, text)?;
    Ok(Path::to_str(&file).context("a path that is no text")?.to_owned())
}

fn passes(operator: &Operator, draft: &str, sample: &str) -> anyhow::Result<()> {
    let judge = ["plan", "test", draft, sample, "--kind", "browser", "--json"];
    // Other tests' events are in the sample too: what becomes of them is not the question.
    let output = operator.command(&judge)?.output()?;
    let text = String::from_utf8(output.stdout)?;
    let judged: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let ours = judged.iter().filter(|line| line["event"] == "Tail Ordered");
    let ours: Vec<&Value> = ours.collect();
    ensure!(ours.len() >= GOOD + 2, "{}", ours.len());
    ensure!(ours.iter().all(|line| line["verdict"] == "pass"), "{ours:?}");
    Ok(())
}
