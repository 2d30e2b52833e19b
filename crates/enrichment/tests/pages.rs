//! Pages, split from their URLs, and what the sender tells of them otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::{EnrichmentFacts, Event};
use sent::{facts, page_view, worked_out};
use serde_json::{Value, json};

fn derived(facts: &EnrichmentFacts) -> Vec<(&str, &str)> {
    facts.derived.iter().map(|it| (it.field.as_str(), it.value.as_str())).collect()
}

#[test]
fn a_page_is_split_and_its_text_kept() {
    let enrichments = Enrichments::built_in();
    for (url, expected) in [
        (
            "https://Shop.Example:8443/a%20b/?q=1&r=#top",
            json!(["shop.example", "/a%20b/", "q=1&r="]),
        ),
        ("https://shop.example", json!(["shop.example", "/", null])),
        ("https://bücher.example/?", json!(["xn--bcher-kva.example", "/", null])),
        ("app://Home/x", json!(["home", "/x", null])),
        ("/pricing?x=1", json!([null, null, null])),
        ("http://", json!([null, null, null])),
    ] {
        let context = json!({ "page": { "url": url, "title": "T" } });
        let facts = facts(&enrichments, &context);
        let page = facts.page.unwrap();
        assert_eq!(json!([page.host, page.path, page.query]), expected, "{url}");
        assert_eq!((page.url.as_str(), page.title.as_deref()), (url, Some("T")));
        let flags: &[&str] = if page.host.is_none() { &["invalid-page-url"] } else { &[] };
        assert_eq!(facts.flags, flags, "{url}");
    }
    let titled = facts(&enrichments, &json!({ "page": { "title": "T" } }));
    assert_eq!((titled.page, titled.flags.len()), (None, 0));
}

#[test]
fn what_the_sender_tells_of_the_page_goes_before_the_urls_parts() {
    let enrichments = Enrichments::built_in();
    let url = "https://shop.example/de/p?a=1";
    let none: &[(&str, &str)] = &[];
    for (page, path, query, beside) in [
        (json!({ "url": url }), "/de/p", Some("a=1"), none),
        (json!({ "url": url, "path": "/de/p", "search": "?a=1" }), "/de/p", Some("a=1"), none),
        (json!({ "url": url, "path": "/p" }), "/p", Some("a=1"), &[("page.path", "/de/p")]),
        (json!({ "url": url, "search": "b=2" }), "/de/p", Some("b=2"), &[("page.query", "a=1")]),
        (json!({ "url": url, "search": "?" }), "/de/p", Some("a=1"), none),
        (json!({ "url": url, "search": "", "path": 5 }), "/de/p", Some("a=1"), none),
        (json!({ "url": "/p?x", "path": "/p", "search": "?x" }), "/p", Some("x"), none),
    ] {
        let facts = facts(&enrichments, &json!({ "page": page }));
        assert_eq!(derived(&facts), beside, "{page}");
        let told = facts.page.unwrap();
        assert_eq!((told.path.as_deref(), told.query.as_deref()), (Some(path), query), "{page}");
    }
}

/// What a page call of Segment puts into its properties.
fn called(kind: &str, context: &Value) -> Event {
    let properties = json!({ "name": "Home", "url": "https://a.example/p?utm_source=s&gclid=g",
        "path": "/p", "title": "Called", "search": "?utm_source=s&gclid=g",
        "referrer": "https://www.google.com/" });
    let event = page_view("browser", &context.to_string());
    Event { kind: kind.to_owned(), properties: properties.to_string(), ..event }
}

#[test]
fn a_page_call_tells_in_its_properties_what_its_context_lacks() {
    let enrichments = Enrichments::built_in();
    let told = worked_out(&enrichments, &called("page", &json!({})));
    let page = told.page.unwrap();
    assert_eq!((page.host.as_deref(), page.title.as_deref()), (Some("a.example"), Some("Called")));
    assert_eq!(told.campaign.unwrap().source.as_deref(), Some("s"));
    assert_eq!(told.click_ids[0].value, "g");
    assert_eq!(told.referrer.unwrap().medium, "paid");
    assert_eq!(told.flags.len() + told.derived.len(), 0);

    let context = json!({ "page": { "url": "https://b.example/", "title": "Context", "path": "/",
        "search": "?x=1", "referrer": "" } });
    let facts = worked_out(&enrichments, &called("page", &context));
    let page = facts.page.unwrap();
    assert_eq!((page.host.as_deref(), page.title.as_deref()), (Some("b.example"), Some("Context")));
    assert_eq!((facts.campaign, facts.referrer), (None, None));
}

#[test]
fn only_page_events_tell_a_page_in_their_properties() {
    let enrichments = Enrichments::built_in();
    for kind in ["track", "screen", "identify", "group"] {
        let facts = worked_out(&enrichments, &called(kind, &json!({})));
        assert_eq!((facts.page, facts.campaign, facts.referrer), (None, None, None), "{kind}");
    }
}
