//! Places and networks, looked up in databases that are made here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod mmdb;
mod sent;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use enrichment::{Database, DatabaseKind, DatabaseProblem, Enrichments, Places, Settings};
use event::EnrichmentFacts;
use mmdb::{asn, city, database};
use sent::{page_view, worked_out};
use serde_json::{Value, json};

fn read(kind: DatabaseKind, bytes: Vec<u8>) -> Result<Database, DatabaseProblem> {
    Database::read(kind, bytes, || {})
}

fn enrichments(city: Vec<u8>, asn: Vec<u8>) -> Enrichments {
    let database = |kind, bytes| Some(Arc::new(read(kind, bytes).unwrap()));
    let places =
        Places { city: database(DatabaseKind::City, city), asn: database(DatabaseKind::Asn, asn) };
    Enrichments::with_places(&Settings::default(), &places).unwrap()
}

fn facts(enrichments: &Enrichments, context: &Value) -> EnrichmentFacts {
    worked_out(enrichments, &page_view("server", &context.to_string()))
}

/// `country/region/city/timezone`, `-` where nothing is known.
fn geo(facts: &EnrichmentFacts) -> String {
    let Some(geo) = &facts.geo else { return "nowhere".to_owned() };
    let parts = [&geo.country, &geo.region, &geo.city, &geo.timezone];
    parts.map(|part| part.as_deref().unwrap_or("-")).join("/")
}

fn derived(facts: &EnrichmentFacts) -> String {
    let told: Vec<String> = facts
        .derived
        .iter()
        .map(|derived| format!("{}={}", derived.field.trim_start_matches("geo."), derived.value))
        .collect();
    told.join(" ")
}

#[test]
fn a_place_is_found_for_public_addresses_and_the_senders_word_wins() {
    let enrichments = enrichments(city(), asn());
    let munich = "DE/BY/Munich/Europe/Berlin";
    let elsewhere = "country=DE region=BY city=Munich timezone=Europe/Berlin";
    let mut wrong = Vec::new();
    for (ip, location, expected, expected_derived, flags) in [
        ("2.16.0.1", json!({}), munich, "", ""),
        ("2.23.255.255", json!({}), munich, "", ""),
        ("2.24.0.0", json!({}), "nowhere", "", ""),
        ("::ffff:2.16.0.1", json!({}), munich, "", ""),
        ("2a02:908:1::1", json!({}), munich, "", ""),
        ("2a02:909::1", json!({}), "nowhere", "", ""),
        ("5.1.2.3", json!({}), "SE/-/-/-", "", ""),
        ("10.0.0.1", json!({}), "nowhere", "", ""),
        ("203.0.113.1", json!({}), "nowhere", "", ""),
        ("0.0.0.0", json!({}), "nowhere", "", ""),
        ("garbage", json!({}), "nowhere", "", "invalid-ip"),
        ("2.16.0.1", json!({ "country": "DE" }), munich, "", ""),
        ("2.16.0.1", json!({ "country": " de " }), munich, "", ""),
        ("2.16.0.1", json!({ "country": "Germany" }), munich, "", "invalid-country"),
        ("2.16.0.1", json!({ "country": "" }), munich, "", ""),
        ("2.16.0.1", json!({ "country": 49 }), munich, "", ""),
        ("2.16.0.1", json!({ "country": "AT" }), "AT/-/-/-", elsewhere, ""),
        ("2.16.0.1", json!({ "country": "AT", "city": "Wien" }), "AT/-/Wien/-", elsewhere, ""),
        ("2.16.0.1", json!({ "city": "Ulm" }), "DE/BY/Ulm/Europe/Berlin", "city=Munich", ""),
        (
            "2.16.0.1",
            json!({ "region": "Bayern" }),
            "DE/Bayern/Munich/Europe/Berlin",
            "region=BY",
            "",
        ),
        ("2.24.0.0", json!({ "country": "FR", "region": "IDF" }), "FR/IDF/-/-", "", ""),
        ("2.24.0.0", json!({ "country": "France" }), "nowhere", "", "invalid-country"),
        ("2.24.0.0", json!("Paris"), "nowhere", "", ""),
    ] {
        let facts = facts(&enrichments, &json!({ "ip": ip, "location": location }));
        let told = (geo(&facts), derived(&facts), facts.flags.join(" "));
        if told != (expected.to_owned(), expected_derived.to_owned(), flags.to_owned()) {
            wrong.push(format!("{ip} {location}: {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_network_is_found_and_the_versions_tell_the_databases() {
    let enrichments = enrichments(city(), asn());
    let found = facts(&enrichments, &json!({ "ip": "2.16.0.1" }));
    let network = found.network.unwrap();
    assert_eq!(network.asn, Some(3320));
    assert_eq!(network.organisation.as_deref(), Some("Deutsche Telekom AG"));
    assert_eq!(facts(&enrichments, &json!({ "ip": "5.1.2.3" })).network, None);
    let version =
        |name: &str| found.applied.iter().find(|run| run.name == name).unwrap().version.clone();
    assert_eq!(version("geo"), "1 GeoLite2-City-2026-11-20");
    assert_eq!(version("network"), "1 GeoLite2-ASN-2026-11-20");
}

#[test]
fn without_databases_only_what_is_sent_is_known() {
    let found = facts(
        &Enrichments::built_in(),
        &json!({ "ip": "2.16.0.1", "location": { "country": "se" } }),
    );
    assert_eq!((geo(&found).as_str(), found.network), ("SE/-/-/-", None));
}

#[test]
fn layouts_of_other_makers_are_read_as_documented() {
    let row = json!({
        "country": "US", "country_name": "United States", "region": "California",
        "region_code": "CA", "city": "Mountain View", "timezone": "America/Los_Angeles",
    });
    let named = json!({ "country": "United States", "country_code": "US", "asn": "AS15169", "as_name": "Google LLC" });
    let country = json!({ "country": { "iso_code": "US" } });
    let short = json!({ "asn": "AS15169", "name": "Google LLC" });
    let networks = [("named", &named), ("short", &short)];
    for (name, row, expected) in [
        ("ipinfo standard_location.mmdb", &row, "US/CA/Mountain View/America/Los_Angeles"),
        ("ipinfo lite", &named, "US/-/-/-"),
        ("DBIP-Country-Lite", &country, "US/-/-/-"),
    ] {
        let network = database("asn", &[("8.8.8.0/24", named.clone())]);
        let enrichments = enrichments(database(name, &[("8.8.8.0/24", row.clone())]), network);
        assert_eq!(geo(&facts(&enrichments, &json!({ "ip": "8.8.8.8" }))), expected, "{name}");
    }
    for (name, row) in networks {
        let network = database(name, &[("8.8.8.0/24", row.clone())]);
        let network = facts(&enrichments(city(), network), &json!({ "ip": "8.8.8.8" })).network;
        let told = network.map(|it| (it.asn, it.organisation));
        assert_eq!(told, Some((Some(15169), Some("Google LLC".to_owned()))), "{name}");
    }
}

#[test]
fn a_database_of_the_wrong_kind_is_refused() {
    for (kind, bytes, of_type) in [
        (DatabaseKind::Asn, city(), "GeoLite2-City"),
        (DatabaseKind::City, asn(), "GeoLite2-ASN"),
        (
            DatabaseKind::City,
            database("Domain", &[("2.0.0.0/8", json!({ "domain": "x" }))]),
            "Domain",
        ),
        (DatabaseKind::Asn, database("Empty", &[]), "Empty"),
    ] {
        let problem = read(kind, bytes).unwrap_err();
        assert_eq!(problem, DatabaseProblem::WrongType { found: of_type.to_owned(), wanted: kind });
    }
}

/// Where the bytes of the data section begin: behind 16 zeros, at the first row's map of 5 members.
fn data_at(bytes: &[u8]) -> usize {
    bytes.windows(17).position(|it| it[..16] == [0; 16] && it[16] == 0xe5).unwrap() + 16
}

#[test]
fn a_damaged_database_is_refused() {
    let sound = city();
    let end = sound.windows(3).rposition(|it| it == b"\xab\xcd\xef").unwrap();
    let data = data_at(&sound);
    let changed = |at: usize, bytes: &[u8]| {
        let mut damaged = sound.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        damaged
    };
    for (what, bytes) in [
        ("an empty file", Vec::new()),
        ("another file", b"<html>404 Not Found</html>".to_vec()),
        ("half a file", sound[..sound.len() / 2].to_vec()),
        ("a file without its last bytes", sound[..sound.len() - 30].to_vec()),
        ("a file without its middle", [&sound[..200], &sound[sound.len() - 600..]].concat()),
        ("no metadata behind the marker", sound[..end + 14].to_vec()),
        ("noise for data", changed(data, &[0xff; 64])),
        ("a size beyond the end", changed(data, &[0x5f, 0xff, 0xff, 0xff])),
        ("a pointer beyond the end", changed(data, &[0x3f, 0xff, 0xff, 0xff, 0xff])),
        ("a pointer to itself", changed(data, &[0x20, 0x00])),
        ("a tree that points beyond the data", changed(4, &[0x7f, 0xff, 0xff, 0xff])),
        ("a tree with a cycle", changed(0, &[0, 0, 0, 0])),
        ("no text where one should be", changed(data + 2, &[0xff, 0xfe])),
    ] {
        let problem = read(DatabaseKind::City, bytes).expect_err(what);
        let told = problem.to_string();
        assert!(told.starts_with("is no sound mmdb file ("), "{what}: {told}");
    }
    assert!(read(DatabaseKind::City, sound).is_ok());
}

#[test]
fn no_damaged_byte_makes_a_look_up_crash() {
    let sound = city();
    let failures = Arc::new(AtomicU32::new(0));
    let context = json!({ "ip": "2.16.0.1" });
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0xff;
        let counter = Arc::clone(&failures);
        let failed = move || _ = counter.fetch_add(1, Ordering::Relaxed);
        if let Ok(database) = Database::read(DatabaseKind::City, bytes, failed) {
            let places = Places { city: Some(Arc::new(database)), asn: None };
            let enrichments = Enrichments::with_places(&Settings::default(), &places).unwrap();
            facts(&enrichments, &context);
        }
    }
}

#[test]
fn a_look_up_that_fails_is_counted_and_the_event_goes_on() {
    let failures = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&failures);
    let failed = move || _ = counter.fetch_add(1, Ordering::Relaxed);
    let database = Database::read(DatabaseKind::City, city(), failed).unwrap();
    let places = Places { city: Some(Arc::new(database)), asn: None };
    let enrichments = Enrichments::with_places(&Settings::default(), &places).unwrap();
    let found = facts(&enrichments, &json!({ "ip": "9.9.9.9", "location": { "city": "Z" } }));
    assert_eq!(geo(&found), "-/-/Z/-");
    assert_eq!(failures.load(Ordering::Relaxed), 1);
    facts(&enrichments, &json!({ "ip": "2.16.0.1" }));
    assert_eq!(failures.load(Ordering::Relaxed), 1);
}
