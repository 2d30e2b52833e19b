//! `waybill enrich explain` as an operator runs it: what it prints and how it ends.
//!
//! `INSTA_UPDATE=always` writes the snapshots. Read them before they are committed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

const CONFIG: &str = r#"
[enrich]
disabled = ["timezone"]

[sources."web/app"]
kind = "browser"
write_keys = ["wk"]
bots = { bot = "discard" }
"#;
const AT: &[&str] = &["--at", "2026-12-01T00:00:00Z"];

/// Exit code and what was printed to stdout and to stderr.
fn explain(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    explain_by(CONFIG, arguments, stdin)
}

fn explain_by(config: &str, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("waybill.toml"), config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_waybill"))
        .args(["enrich", "explain"])
        .args(arguments.iter().chain(AT))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The versions of data and libraries change more often than what is told.
fn without_versions(told: &str) -> String {
    let bare = |line: &str| match line.split_once(" (") {
        Some((name, version)) if !name.contains([' ', ',']) && version.ends_with(')') => {
            format!("{name}\n")
        }
        _ => format!("{line}\n"),
    };
    told.lines().map(bare).collect()
}

fn check(snapshot: &str, arguments: &[&str], stdin: &str, code: i32) {
    let (ended, told, errors) = explain(arguments, stdin);
    assert_eq!((ended, errors.as_str()), (code, ""), "{told}");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(snapshot, without_versions(&told));
    });
}

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

#[test]
fn a_browsers_visit_is_explained_fact_by_fact() {
    let visit = r#"{
  "type": "page", "messageId": "m-1", "anonymousId": "a-1",
  "context": {
    "locale": "de_de", "timezone": "Europe/Berlin",
    "page": {"url": "https://shop.example/?utm_source=letter&utm_medium=email", "title": "Shop",
             "referrer": "https://www.google.com/"}
  }
}"#;
    let seen = ["--user-agent", CHROME, "--accept-language", "en-GB,de;q=0.5"];
    check("a-visit", &[&["--source", "web/app"][..], &seen].concat(), visit, 0);
}

#[test]
fn a_servers_event_tells_why_what_its_request_shows_does_not_count() {
    let order = r#"{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u-1",
"properties":{"order_id":"o-1","revenue":1.10,"tax":"€5","currency":"eur"},"context":{"timezone":"CEST"}}"#;
    let seen = ["--user-agent", "python-requests/2.32", "--accept-language", "en"];
    check("an-order-of-a-server", &[&["--kind", "server"][..], &seen].concat(), order, 0);
}

#[test]
fn a_servers_event_with_forwarded_context_has_all_that_a_browsers_has() {
    let order = format!(
        r#"{{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u-1",
"context":{{"userAgent":"{CHROME}","locale":"en-US","page":{{"url":"https://shop.example/paid"}},
"campaign":{{"source":"letter"}}}}}}"#
    );
    check("an-order-with-context", &[], &order, 0);
}

#[test]
fn garbage_gets_a_verdict_and_not_an_enrichment() {
    let garbage = "[1,\"x\"]\n{\"type\":\"x\\u001b[2J\",\"messageId\":\"m\",\"userId\":\"u\"}\n{\"context\":5}";
    check("garbage", &[], garbage, 1);
}

#[test]
fn an_event_of_raw_events_is_taken_for_that_of_its_source_and_a_program_is_discarded() {
    let event = r#"{"source":"web/app","type":"page","message_id":"m","anonymous_id":"a",
"request":{"user_agent":"Googlebot/2.1"}}"#;
    let (code, told, _) = explain(&["--json"], event);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["source"], &told["kind"]), (1, &"web/app".into(), &"browser".into()));
    assert_eq!(
        (&told["stopped"]["by"], &told["stopped"]["reason"]),
        (&"enrich".into(), &"bot".into())
    );
    let bot =
        told["enrichments"].as_array().unwrap().iter().find(|it| it["name"] == "bot").unwrap();
    assert_eq!(bot["facts"][0]["from"], serde_json::json!(["/request/user_agent"]));
    let (code, told, _) = explain(&["--kind", "browser"], event);
    assert_eq!(code, 0, "a source without settings discards nothing: {told}");
}

#[test]
fn what_cannot_be_read_is_a_usage_error_that_says_what_is_wrong() {
    for (arguments, stdin, expected) in [
        (&[][..], "", "there is no event: the input is empty"),
        (&[], "{\"a\":1,\n \"secret\" 2}", "the event is not JSON: Syntax error at line 2"),
        (&["--source", "web/ap"], "{}", "there is no source \"web/ap\"; there are: web/app"),
        (&["nowhere.json"], "", "nowhere.json cannot be read"),
        (&[], r#"{"message_id":{"secret":1}}"#, "event 1: /message_id is not what a raw event has"),
    ] {
        let (code, told, errors) = explain(arguments, stdin);
        assert_eq!(code, 64, "{arguments:?}: {told}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

#[cfg(feature = "transformations")]
#[test]
fn what_a_program_changes_or_drops_is_told() {
    let config = r#"
[[enrich.transformations]]
name = "mine"
program = """
if .event == "Noise" { abort }
.properties.plan = "team"
"""
"#;
    let event = |name| {
        format!(
            r#"{{"type":"track","event":"{name}","userId":"u","messageId":"m","properties":{{"plan":1}}}}"#
        )
    };
    let (ended, told, _) = explain_by(config, &[], &event("Signed Up"));
    assert_eq!(ended, 0, "{told}");
    let changed = "transformations\n  /properties becomes {\"plan\":\"team\"}\nit goes on\n";
    assert!(told.ends_with(changed), "{told}");
    let (ended, told, _) = explain_by(config, &[], &event("Noise"));
    let dropped = "enrich lets it go no further: discarded, filtered: transformation mine\n";
    assert!(ended == 1 && told.ends_with(dropped), "{told}");
}
