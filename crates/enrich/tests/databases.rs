//! Files of databases: opened at the start, followed while they change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../enrichment/tests/mmdb/mod.rs"]
mod mmdb;

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use enrich::{Opened, open};
use enrichment::{GeoSettings, Settings};
use event::ValidatedEvent;
use mmdb::{asn, city, database};
use serde_json::json;
use tempfile::TempDir;

/// One test at a time: they share the metrics of the process.
static ALONE: Mutex<()> = Mutex::new(());

struct Files {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Files {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let files = Self { folder: tempfile::tempdir().unwrap(), _alone: alone };
        fs::create_dir(files.path("copies")).unwrap();
        fs::write(files.path("city.mmdb"), city()).unwrap();
        fs::write(files.path("asn.mmdb"), asn()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> Settings {
        let geo = GeoSettings {
            city: Some(self.path("city.mmdb")),
            asn: Some(self.path("asn.mmdb")),
            copy_dir: Some(self.path("copies")),
        };
        Settings { geo, ..Settings::default() }
    }

    fn open(&self) -> Opened {
        open(&self.settings()).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Puts a file in the place of another, as tools that update databases do.
    fn rename(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path("new"), bytes).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }
}

/// A city's database in which 2.16.0.1 is in this country.
fn country(code: &str) -> Vec<u8> {
    database("GeoLite2-Country", &[("2.16.0.0/13", json!({ "country": { "iso_code": code } }))])
}

/// An event of a server whose user is at 2.16.0.1.
fn event() -> event::Event {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../avro/examples/validated-events/track-server.json");
    let event: ValidatedEvent = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    event::Event { context: json!({ "ip": "2.16.0.1" }).to_string(), ..event.event }
}

/// The same of a user at an address whose row is damaged.
fn event_at_a_damaged_row() -> event::Event {
    event::Event { context: json!({ "ip": "9.9.9.9" }).to_string(), ..event() }
}

/// Country and number of the network that the enrichments in force tell of it.
fn found(opened: &Opened) -> (Option<String>, Option<i64>) {
    let (enrichments, event) = (opened.live().current(), event());
    let (_, facts) = enrichments.apply(&event, 0, None);
    let country = facts.geo.and_then(|geo| geo.country).map(Cow::into_owned);
    (country, facts.network.and_then(|network| network.asn))
}

fn of(country: &str) -> (Option<String>, Option<i64>) {
    (Some(country.to_owned()), Some(3320))
}

/// Until a change is settled, and once more.
fn look(opened: &mut Opened) {
    for _ in 0..3 {
        opened.look();
    }
}

/// A metric of the city's database.
fn metric(name: &str) -> Option<f64> {
    let series = format!(r#"waybill_enrich_{name}{{database="city"}}"#);
    let text = telemetry::metrics::encode().unwrap();
    text.lines().find_map(|line| line.strip_prefix(&series)?.trim().parse().ok())
}

#[test]
fn a_new_file_takes_the_old_ones_place_and_a_bad_one_does_not() {
    let files = Files::new();
    let mut opened = files.open();
    assert_eq!(found(&opened), of("DE"));
    let built_at_s = Some(1_795_132_800.0);
    assert_eq!(metric("database_build_timestamp_seconds"), built_at_s);

    files.rename("city.mmdb", &country("AT"));
    opened.look();
    assert_eq!(found(&opened), of("DE"), "it may still be written");
    opened.look();
    assert_eq!(found(&opened), of("AT"));
    assert_eq!(metric("database_refused"), Some(0.0));

    let sound = country("CH");
    let bad: [(&str, &dyn Fn()); 7] = [
        ("half a file", &|| files.rename("city.mmdb", &sound[..sound.len() / 2])),
        ("half a file in place", &|| fs::write(files.path("city.mmdb"), &sound[..40]).unwrap()),
        ("an empty file", &|| fs::write(files.path("city.mmdb"), b"").unwrap()),
        ("no database", &|| files.rename("city.mmdb", b"<html>403</html>")),
        ("a database of networks", &|| files.rename("city.mmdb", &asn())),
        ("no file", &|| fs::remove_file(files.path("city.mmdb")).unwrap()),
        ("a folder", &|| fs::create_dir(files.path("city.mmdb")).unwrap()),
    ];
    for (what, put) in bad {
        put();
        look(&mut opened);
        assert_eq!(found(&opened), of("AT"), "{what}");
        assert_eq!(metric("database_refused"), Some(1.0), "{what}");
        assert_eq!(metric("database_build_timestamp_seconds"), built_at_s, "{what}");
    }

    fs::remove_dir(files.path("city.mmdb")).unwrap();
    fs::write(files.path("city.mmdb"), &sound).unwrap();
    look(&mut opened);
    assert_eq!(found(&opened), of("CH"));
    assert_eq!(metric("database_refused"), Some(0.0));
}

#[test]
fn a_look_up_that_fails_is_counted_and_no_fault_of_the_event() {
    let files = Files::new();
    let opened = files.open();
    let before = metric("lookup_failures_total").unwrap();
    let (enrichments, event) = (opened.live().current(), event_at_a_damaged_row());
    let (_, facts) = enrichments.apply(&event, 0, None);
    assert_eq!(facts.geo, None);
    assert_eq!(facts.ip.unwrap().kind, "public");
    assert_eq!(metric("lookup_failures_total"), Some(before + 1.0));
}

#[test]
fn a_file_that_goes_and_comes_back_as_it_was_is_no_trouble_any_more() {
    let files = Files::new();
    let mut opened = files.open();
    fs::rename(files.path("asn.mmdb"), files.path("away")).unwrap();
    look(&mut opened);
    assert_eq!(found(&opened), of("DE"));
    fs::rename(files.path("away"), files.path("asn.mmdb")).unwrap();
    look(&mut opened);
    assert_eq!(found(&opened), of("DE"));
}

#[test]
fn a_file_that_is_overwritten_in_place_harms_no_look_up() {
    let files = Files::new();
    let mut opened = files.open();
    let enrichments = opened.live().current();
    fs::write(files.path("city.mmdb"), b"").unwrap();
    fs::write(files.path("city.mmdb"), country("SE")).unwrap();
    let event = event();
    let (_, facts) = enrichments.apply(&event, 0, None);
    assert_eq!(facts.geo.unwrap().country.as_deref(), Some("DE"), "what was read before");
    look(&mut opened);
    assert_eq!(found(&opened), of("SE"));
    assert_eq!(fs::read_dir(files.path("copies")).unwrap().count(), 0, "copies have no names");
}

#[test]
fn a_copy_that_cannot_be_made_is_tried_again() {
    let files = Files::new();
    let mut opened = files.open();
    fs::remove_dir(files.path("copies")).unwrap();
    files.rename("city.mmdb", &country("FR"));
    look(&mut opened);
    assert_eq!(found(&opened), of("DE"));
    fs::create_dir(files.path("copies")).unwrap();
    opened.look();
    assert_eq!(found(&opened), of("FR"));
}

#[test]
fn files_that_cannot_be_used_at_the_start_are_all_told() {
    let files = Files::new();
    fs::write(files.path("city.mmdb"), &city()[..300]).unwrap();
    fs::remove_file(files.path("asn.mmdb")).unwrap();
    let told = |settings: &Settings| -> Vec<String> {
        let problems = open(settings).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    };
    let problems = told(&files.settings());
    assert!(problems[0].starts_with("enrich.geo.city: "), "{problems:?}");
    assert!(problems[0].contains("city.mmdb is no sound mmdb file"), "{problems:?}");
    assert!(problems[1].starts_with("enrich.geo.asn: "), "{problems:?}");
    assert!(problems[1].contains("asn.mmdb is not there"), "{problems:?}");

    fs::write(files.path("city.mmdb"), asn()).unwrap();
    fs::write(files.path("asn.mmdb"), city()).unwrap();
    let problems = told(&files.settings());
    assert!(problems[0].contains("\"GeoLite2-ASN\", and its rows tell no country"), "{problems:?}");
    assert!(problems[1].contains("\"GeoLite2-City\", and its rows tell no auto"), "{problems:?}");

    fs::write(files.path("city.mmdb"), city()).unwrap();
    fs::write(files.path("asn.mmdb"), asn()).unwrap();
    fs::remove_dir(files.path("copies")).unwrap();
    let mut settings = files.settings();
    settings.disabled.push("nonsense".to_owned());
    let problems = told(&settings);
    assert!(problems[0].contains("cannot be read or copied to"), "{problems:?}");
    assert!(problems[0].contains("geo.copy_dir"), "{problems:?}");
    assert!(problems[2].contains("nonsense"), "{problems:?}");
}
