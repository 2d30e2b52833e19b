//! `waybill plan` as a sender's CI runs it: what it prints and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder for a test's files; the command runs in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(folder.0.path().join(name), text).unwrap();
        }
        folder
    }

    /// Exit code and what was printed to stdout and to stderr.
    fn plan(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
        let output = command.arg("plan").args(arguments).current_dir(self.0.path()).output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/plans")
}

const PLAN: &str = "\
plan: shop
version: 1
owner: ada
events:
  Order Completed:
    description: Paid.
    properties:
      required: [order_id]
      properties: {order_id: {type: string}}
";
const EVENTS: &str = r#"{"type":"track","event":"Order Completed","userId":"u","messageId":"m-1","properties":{"order_id":"o"}}
{"type":"track","event":"Order Completed","userId":"u","messageId":"m-2","properties":{"order_id":5}}
{"type":"track","event":"Order Cancelled","userId":"u","messageId":"m-3"}
"#;

#[test]
fn the_example_plan_has_nothing_that_a_lint_would_tell() {
    let folder = Folder::new(&[]);
    let plans = example();
    let (code, told, _) = folder.plan(&["check", "--strict", plans.to_str().unwrap()]);
    assert_eq!((code, told.as_str()), (0, "files: 1, errors: 0, warnings: 0\n"));
}

#[test]
fn check_fails_for_errors_and_for_warnings_only_where_it_is_strict() {
    let folder = Folder::new(&[
        ("ok.yaml", PLAN),
        ("slip.yaml", "plan: b\nversion: 1\nowner: ada\nevents:\n  A: {}\n"),
        ("wrong.yaml", "plan: c\n"),
    ]);
    assert_eq!(folder.plan(&["check", "ok.yaml", "--strict"]).0, 0);
    let (code, told, _) = folder.plan(&["check", "slip.yaml"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.starts_with("slip.yaml:5: warning: /events/A: has no `description`"), "{told}");
    assert_eq!(folder.plan(&["check", "slip.yaml", "--strict"]).0, 1);
    let (code, told, _) = folder.plan(&["check", ".", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code, 1);
    let severities: Vec<_> = told.as_array().unwrap().iter().map(|it| &it["severity"]).collect();
    assert_eq!(severities, ["warning", "error"]);
}

#[test]
fn what_cannot_be_read_is_a_usage_error_that_says_so() {
    let folder = Folder::new(&[
        ("wrong.yaml", "plan: c\n"),
        ("shop.yaml", PLAN),
        ("events", EVENTS),
        ("none", "\n\n"),
    ]);
    fs::create_dir(folder.0.path().join("empty")).unwrap();
    for (arguments, expected) in [
        (&["check"][..], "set `dir` under [plans]"),
        (&["check", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (&["check", "shop.yaml", "empty"], "empty has no plan: no file ends in .yaml"),
        (&["test", "shop.yaml", "none"], "none has no event"),
        (&["diff", "shop.yaml", "shop.yaml", "--sample", "none"], "none has no event"),
        (&["test", "shop.yaml", "events", "--kind", "phone"], "browser, mobile, server"),
        (&["test", "shop.yaml"], "<EVENTS>"),
        (&["judge"], "unrecognized subcommand"),
        (&["test", "wrong.yaml", "events"], "missing field `version`"),
        (&["diff", "wrong.yaml", "wrong.yaml"], "missing field `version`"),
        (&["types", "wrong.yaml", "--lang", "rust"], "missing field `version`"),
    ] {
        let (code, _, told) = folder.plan(arguments);
        assert_eq!(code, 64, "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

#[test]
fn test_tells_the_events_that_do_not_pass_and_fails_if_one_is_rejected() {
    let folder = Folder::new(&[("shop.yaml", PLAN), ("events", EVENTS)]);
    let (code, told, _) =
        folder.plan(&["test", "shop.yaml", "events", "--at", "2026-12-01T00:00:00Z"]);
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "line 2: Order Completed: rejected invalid-property\n  \
         reject: invalid-property /properties/order_id is of another type (expected string, found number)\n\
         line 3: Order Cancelled: flagged\n  \
         flag: unplanned-event /event is the name of no event in the plan\n\
         3 events by shop@1, as a server source's at 2026-12-01T00:00:00Z: 1 passes, 1 flagged, 0 discarded, 1 rejected\n"
    );
    let flagged = EVENTS.lines().last().unwrap();
    fs::write(folder.0.path().join("flagged"), flagged).unwrap();
    assert_eq!(folder.plan(&["test", "shop.yaml", "flagged"]).0, 0);
    let (code, told, _) =
        folder.plan(&["test", "shop.yaml", "flagged", "--deny", "flags", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["verdict"], &told["line"]), (1, &"flag".into(), &1.into()));
}

#[test]
fn a_hash_without_a_key_is_made_with_a_stand_in_and_that_is_told() {
    let plan = format!("{PLAN}privacy: [{{path: /properties/order_id, do: hash}}]\n");
    let folder = Folder::new(&[("shop.yaml", &plan), ("events", EVENTS.lines().next().unwrap())]);
    let (code, told, said) = folder.plan(&["test", "shop.yaml", "events", "--json"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("hashes are made with a stand-in key"), "{said}");
    assert!(told.contains("\"removed\":[\"hash /properties/order_id\"]"), "{told}");
}

#[test]
fn diff_fails_if_something_breaks_or_an_event_of_the_sample_is_stopped() {
    let looser =
        PLAN.replace("required: [order_id]", "required: []").replace("version: 1", "version: 2");
    let another = PLAN
        .replace("version: 1", "version: 3")
        .replace("order_id: {type: string}", "order_id: {type: string}, plan: {type: string}");
    let sample = r#"{"type":"track","event":"Order Completed","userId":"u","messageId":"m-1","properties":{"order_id":"o","plan":5}}"#;
    let folder = Folder::new(&[
        ("1.yaml", PLAN),
        ("2.yaml", &looser),
        ("3.yaml", &another),
        ("events", sample),
    ]);
    let place = "/events/Order Completed/properties/properties";
    let (code, told, _) = folder.plan(&["diff", "1.yaml", "2.yaml"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        told,
        format!(
            "safe: {place}/order_id (line 9): is not required any more\n\
             shop@1 → shop@2: 0 breaking, 0 unknown, 1 safe\n"
        )
    );
    assert_eq!(folder.plan(&["diff", "2.yaml", "1.yaml"]).0, 1);
    assert_eq!(folder.plan(&["diff", "1.yaml", "3.yaml"]).0, 0);
    assert_eq!(folder.plan(&["diff", "1.yaml", "3.yaml", "--strict"]).0, 1);
    let (code, told, _) =
        folder.plan(&["diff", "1.yaml", "3.yaml", "--sample", "events", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code, 1);
    assert_eq!(told["changes"][0]["class"], "unknown");
    assert_eq!(told["sample"]["stopped"][0]["reason"], "invalid-property");
}

#[test]
fn types_are_printed_or_written_to_a_file() {
    let folder = Folder::new(&[("shop.yaml", PLAN)]);
    let (code, printed, _) = folder.plan(&["types", "shop.yaml", "--lang", "typescript"]);
    assert_eq!(code, 0);
    let arguments = ["types", "shop.yaml", "--lang", "typescript", "--out", "events.ts"];
    assert_eq!(folder.plan(&arguments), (0, String::new(), String::new()));
    assert_eq!(fs::read_to_string(folder.0.path().join("events.ts")).unwrap(), printed);
}
