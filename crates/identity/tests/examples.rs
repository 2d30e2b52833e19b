//! Every example of an enriched event goes through the step, as the first that is ever seen.
//!
//! `INSTA_UPDATE=always` writes the snapshots. Read them before they are committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeMap, fs, path::Path};

use event::{
    BusinessEntry, ContextEntry, EnrichedEvent, Fixed16, IdentityState, JournalEntry, Origin,
    SessionEntry, Waybill,
};
use identity::{Aliases, Day, MessageKey, Rules, State, stitch};
use pipeline::{Context, Halt, Verdict};

/// The waybill of every example: 0-3-18446, appended on 2026-11-23T10:15:31Z.
const CONTEXT: Context = Context {
    waybill: Waybill {
        origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
        appended_at: 1_795_428_931_000,
    },
    redriven: false,
};

/// A state that has seen nothing.
#[derive(Default)]
struct Nothing(Aliases);

impl State for Nothing {
    fn seen(&self, _key: MessageKey) -> Result<Option<JournalEntry>, Halt> {
        Ok(None)
    }

    fn told(&self, _key: MessageKey) -> Result<Option<BusinessEntry>, Halt> {
        Ok(None)
    }

    fn session(&self, _device: Fixed16) -> Result<Option<SessionEntry>, Halt> {
        Ok(None)
    }

    fn context(&self, _device: Fixed16) -> Result<Option<ContextEntry>, Halt> {
        Ok(None)
    }

    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(None)
    }

    fn device(&self, _device: Fixed16) -> Result<Option<IdentityState>, Halt> {
        Ok(None)
    }

    fn aliases(&self) -> &Aliases {
        &self.0
    }
}

fn examples() -> BTreeMap<String, EnrichedEvent> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../avro/examples/enriched-events");
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect()
}

#[test]
fn every_enriched_example_is_stitched_as_its_snapshot_says() {
    let examples = examples();
    assert!(examples.len() >= 10, "only {} examples", examples.len());
    for (name, event) in examples {
        let (verdict, changes) =
            stitch(&event, &CONTEXT, &Rules::new(7), &Nothing::default()).unwrap();
        let Verdict::Emit(identity) = verdict else { panic!("{name} is the first of its kind") };
        let links: Vec<_> = changes.links.iter().collect();
        insta::assert_json_snapshot!(name, (&identity, links, changes.device));
    }
}
