//! What is told of why a fact is there; and that a switch switches off what bears its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod mmdb;
mod sent;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use enrichment::{Database, DatabaseKind, Enrichments, Explained, Places, Settings};
use event::{Event, RequestFacts, ValidatedEvent};
use sent::{facts, page_view, requested, worked_out};
use serde_json::{Value, json};

/// The examples of `validated-events`, and events in which every enrichment finds something.
fn events() -> Vec<(String, Event)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../avro/examples/validated-events");
    let mut events: Vec<(String, Event)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let event: ValidatedEvent =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), event.event)
        })
        .collect();
    for kind in ["browser", "mobile", "server"] {
        let context = json!({
            "userAgent": "Mozilla/5.0 (compatible; bingbot/2.0)", "locale": "de_AT", "timezone": "Nowhere",
            "ip": "2.16.0.7", "campaign": {"source": "letter"}, "location": {"city": "Ulm"},
            "referrer": {"id": "Xyz", "type": "dcm"},
            "page": {
                "url": "https://shop.example/a?utm_source=x&gclid=abc&token=s",
                "referrer": "https://www.google.com/", "title": "A",
            },
        });
        let request = RequestFacts {
            ip: Some("2.16.0.7".to_owned()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Firefox/132.0".to_owned()),
            origin: Some("https://shop.example".to_owned()),
            referer: Some("https://www.bing.com/".to_owned()),
            accept_language: Some("de-DE".to_owned()),
            ..RequestFacts::default()
        };
        let order = r#"{"revenue":1.10,"currency":"EUR","tax":"€5"}"#;
        for (name, context) in [("told", context.to_string()), ("seen", "{}".to_owned())] {
            let event = requested(kind, &context, request.clone());
            let event = Event { kind: "track".to_owned(), properties: order.to_owned(), ..event };
            events.push((format!("{name}-{kind}"), event));
        }
    }
    let called = r#"{"url":"https://shop.example/b?utm_source=y&fbclid=1&email=a%40b.example","title":"B",
        "path":"/c","search":"?utm_source=z","referrer":"https://duckduckgo.com/"}"#;
    let event = Event { properties: called.to_owned(), ..page_view("browser", "{}") };
    events.push(("page-call".to_owned(), event));
    events
}

/// All enrichments, but for those of these names, with databases that know an address of the events.
fn all_but(disabled: &[&str]) -> Enrichments {
    let settings: Settings = serde_json::from_value(json!({ "disabled": disabled })).unwrap();
    let database = |kind, bytes| Some(Arc::new(Database::read(kind, bytes, || {}).unwrap()));
    let places = Places {
        city: database(DatabaseKind::City, mmdb::city()),
        asn: database(DatabaseKind::Asn, mmdb::asn()),
    };
    Enrichments::with_places(&settings, &places).unwrap()
}

fn explained(enrichments: &Enrichments, event: &Event, name: &str) -> Explained {
    let mut all = enrichments.explain(event, 0, None).into_iter();
    all.find(|it| it.name == name).unwrap()
}

#[test]
fn every_enrichment_names_all_places_that_its_facts_come_from() {
    let enrichments = all_but(&[]);
    let mut unnamed = BTreeSet::new();
    for (example, event) in events() {
        for Explained { name, facts, nothing, .. } in enrichments.explain(&event, 0, None) {
            let from = facts.into_iter().flat_map(|fact| fact.from);
            let wrong =
                from.filter(|place| !enrichments.reads(&name).iter().any(|it| is_under(place, it)));
            unnamed.extend(wrong.map(|place| format!("{name} reads {place} ({example})")));
            let silent = nothing.is_some_and(|it| it.present.is_empty() && it.absent.is_empty());
            unnamed.extend(silent.then(|| format!("{name} names nothing that it reads")));
        }
    }
    let unnamed: Vec<String> = unnamed.into_iter().collect();
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

fn is_under(place: &str, read: &str) -> bool {
    place.strip_prefix(read).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn a_fact_comes_from_the_place_that_its_enrichment_prefers_among_those_that_say_the_same() {
    let enrichments = Enrichments::built_in();
    let request =
        RequestFacts { accept_language: Some("de-DE".to_owned()), ..RequestFacts::default() };
    for (context, expected) in [
        (json!({"locale": "de-DE"}), json!([["locale", "de-DE", ["/context/locale"]]])),
        (json!({}), json!([["locale", "de-DE", ["/request/accept_language"]]])),
        (
            json!({"locale": "fr"}),
            json!([
                ["derived.locale", "de-DE", ["/context/locale", "/request/accept_language"]],
                ["locale", "fr", ["/context/locale"]],
            ]),
        ),
    ] {
        let event = requested("browser", &context.to_string(), request.clone());
        let facts = explained(&enrichments, &event, "locale").facts;
        let told: Vec<Value> =
            facts.into_iter().map(|fact| json!([fact.field, fact.value, fact.from])).collect();
        assert_eq!(Value::from(told), expected, "{context}");
    }
}

#[test]
fn an_amount_is_explained_digit_by_digit() {
    let properties = r#"{"plan":"pro","revenue":1.10,"currency":"EUR"}"#.to_owned();
    let event = Event { kind: "track".to_owned(), properties, ..page_view("server", "{}") };
    let facts = explained(&Enrichments::built_in(), &event, "money").facts;
    let told: Vec<String> = facts
        .iter()
        .map(|fact| format!("{}={} {:?}", fact.field, fact.value.as_deref().unwrap(), fact.from))
        .collect();
    assert_eq!(
        told,
        [
            r#"money.amounts.revenue=1.10 ["/properties/revenue"]"#,
            r#"money.currency=EUR ["/properties/currency"]"#
        ]
    );
}

#[test]
fn where_nothing_is_added_the_reason_is_told() {
    let enrichments = Enrichments::built_in();
    let request =
        RequestFacts { accept_language: Some("de-DE".to_owned()), ..RequestFacts::default() };
    let server = requested("server", "{}", request);
    let order = Event { properties: r#"{"price":5}"#.to_owned(), ..page_view("server", "{}") };
    let plain = page_view("server", r#"{"page":{"url":"https://a.example/"}}"#);
    for (event, name, expected) in [
        (
            &server,
            "locale",
            "there is no /context/locale; /request/accept_language counts only in an event of a \
             browser source or an event of a mobile source: locale",
        ),
        (&plain, "timezone", "there is no /context/timezone"),
        (
            &plain,
            "campaign",
            "there is no /context/campaign, no /context/page/search, no /properties/url, no \
             /properties/search; there is nothing for it in \
             /context/page/url",
        ),
        (
            &order,
            "money",
            "there is no /properties/currency, no /properties/discount, no /properties/revenue, no \
             /properties/shipping, no /properties/subtotal, no /properties/tax, no \
             /properties/total, no /properties/value; /properties/price counts only in an event of \
             type track: money.amounts.price",
        ),
    ] {
        let nothing = explained(&enrichments, event, name).nothing.unwrap();
        assert_eq!(nothing.to_string(), expected, "{name}");
    }
}

#[test]
fn what_is_switched_off_adds_nothing_and_is_not_told_to_have_run() {
    let all = all_but(&[]);
    let told = |(example, event): (String, Event)| {
        let explained = all.explain(&event, 0, None);
        (example, event, explained)
    };
    let events: Vec<_> = events().into_iter().map(told).collect();
    let applied = facts(&all, &json!({})).applied;
    // This one has a policy instead, so that nobody lets addresses travel on without knowing it.
    for run in applied.iter().filter(|run| run.name != "ip-policy") {
        let others = all_but(&[&run.name]);
        let mut seen = 0;
        for (example, event, explained) in &events {
            let applied = worked_out(&others, event).applied;
            assert!(applied.iter().all(|it| it.name != run.name), "{}", run.name);
            assert_eq!(applied.len() + 1, worked_out(&all, event).applied.len());
            let its = explained.iter().find(|it| it.name == run.name).unwrap();
            seen += its.facts.len() + its.changes.len();
            for other in others.explain(event, 0, None) {
                let left = its.facts.iter().filter(|fact| {
                    other.facts.iter().any(|it| it.field == fact.field && it.value == fact.value)
                });
                assert_eq!(left.count(), 0, "{} in {example}: by {}", run.name, other.name);
            }
        }
        assert!(seen > 0, "no event of this test shows what {} does", run.name);
    }
}
