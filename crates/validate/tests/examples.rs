//! Every example of a raw event goes through the step of validate.
//!
//! `UPDATE_EXAMPLES=1` writes what passes to the examples of the next topic; `INSTA_UPDATE=always`
//! writes the snapshots. Read both before they are committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use event::{Encodings, Origin, RawEvent, ValidatedEvent, Waybill, schema};
use pipeline::{Context, Step, Verdict};
use serde_json::{Value, json};
use tracking_plan::{LiveCatalog, SourceCatalog, SourceConfig};
use validate::{Config, ValidateStep};

const SOURCES: &str = r#"
    ["web/app"]
    kind = "browser"
    write_keys = ["wk_web"]

    ["web/old"]
    kind = "browser"
    write_keys = ["wk_old"]
    enabled = false

    ["mobile/app"]
    kind = "mobile"
    write_keys = ["wk_mobile"]

    ["server/billing"]
    kind = "server"
    environment = "staging"
    write_keys = ["wk_billing"]
"#;

/// The waybill of every example: 0-3-18446, appended on 2026-11-23T10:15:31Z.
const CONTEXT: Context = Context {
    waybill: Waybill {
        origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
        appended_at: 1_795_428_931_000,
    },
    redriven: false,
};

fn step() -> ValidateStep {
    let sources: BTreeMap<String, SourceConfig> = toml::from_str(SOURCES).unwrap();
    ValidateStep::new(LiveCatalog::new(SourceCatalog::new(sources).unwrap()))
}

fn folder(schema: &schema::TopicSchema) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../avro/examples").join(schema.name)
}

/// Every raw example by name, with its verdict.
fn verdicts() -> BTreeMap<String, Verdict<ValidatedEvent>> {
    let step = step();
    let files = fs::read_dir(folder(&schema::RAW_EVENTS)).unwrap();
    let verdict = |file: fs::DirEntry| {
        let name = file.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let raw: RawEvent = serde_json::from_slice(&fs::read(file.path()).unwrap()).expect(&name);
        let verdict = step.apply(raw, &CONTEXT).unwrap();
        (name, verdict)
    };
    files.map(|file| verdict(file.unwrap())).collect()
}

fn shown(verdict: &Verdict<ValidatedEvent>) -> Value {
    match verdict {
        Verdict::Emit(event) => json!({ "emit": event }),
        Verdict::Discard(why) => {
            json!({ "discard": { "reason": why.reason.word(), "detail": why.detail } })
        }
        Verdict::Reject(why) => {
            let (reason, findings) = (why.reason.word(), &why.findings);
            json!({ "reject": { "reason": reason, "detail": why.detail, "findings": findings } })
        }
    }
}

#[test]
fn every_raw_example_gets_the_verdict_that_was_agreed() {
    let verdicts = verdicts();
    assert!(verdicts.len() >= 20, "only {} examples", verdicts.len());
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, verdict) in verdicts {
            insta::assert_json_snapshot!(name, shown(&verdict));
        }
    });
}

#[test]
fn the_validated_examples_are_what_validate_makes_of_the_raw_ones() {
    let folder = folder(&schema::VALIDATED_EVENTS);
    let mut made = 0;
    for (name, verdict) in verdicts() {
        let Verdict::Emit(event) = verdict else { continue };
        let path = folder.join(&name).with_extension("json");
        let text = format!("{}\n", serde_json::to_string_pretty(&event).unwrap());
        if std::env::var_os("UPDATE_EXAMPLES").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "{name}");
        made += 1;
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), made, "an example that no raw one makes");
}

#[test]
fn the_configuration_refuses_keys_that_it_does_not_know() {
    assert_eq!(toml::from_str::<Config>(""), Ok(Config::default()));
    assert!(toml::from_str::<Config>("strict = true").is_err());
}

#[test]
fn the_encodings_of_raw_events_are_a_list_with_confluent_framing_in_it() {
    let listed = |list| toml::from_str::<Config>(&format!("raw_encodings = {list}"));
    let all = Config { raw_encodings: Encodings::ALL };
    assert_eq!(listed(r#"["confluent"]"#), Ok(Config::default()));
    assert_eq!(listed(r#"["confluent", "single-object", "json"]"#), Ok(all));
    for (list, why) in [
        (r#"["json"]"#, "ingest writes"),
        ("[]", "ingest writes"),
        (r#"["confluent", "xml"]"#, "`xml`"),
        (r#""json""#, "invalid type"),
    ] {
        let refused = listed(list).unwrap_err().to_string();
        assert!(refused.contains(why), "{list}: {refused}");
    }
}
