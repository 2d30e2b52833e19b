//! Referrers and what they stand for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;
mod table;

use enrichment::Enrichments;
use event::{EnrichmentFacts, RequestFacts};
use sent::{facts, owned, page_view, requested, worked_out};
use serde_json::json;
use table::{cell, check, rows, same};
use tracking_plan::SourceConfig;

const SHOP: &str = "https://www.shop.example/pricing";

/// The shop, whose payments and help are on domains of their own.
fn shop() -> SourceConfig {
    let domains = ["pay.example", "shop-help.example"];
    serde_json::from_value(json!({ "kind": "browser", "internal_domains": domains })).unwrap()
}

fn told(facts: &EnrichmentFacts) -> String {
    let Some(referrer) = &facts.referrer else { return "-".to_owned() };
    let [host, source] = [&referrer.host, &referrer.source].map(|text| cell(text.as_deref()));
    [host, &referrer.medium, source].join(" | ")
}

#[test]
fn a_referrer_is_classified_by_its_host_the_pages_parameters_and_the_sources_domains() {
    let enrichments = Enrichments::built_in();
    check(rows(include_str!("tables/referrers.txt")), |[referrer, query, host, medium, source]| {
        let url = if query == "-" { SHOP.to_owned() } else { format!("{SHOP}?{query}") };
        let context = json!({ "page": { "url": url, "referrer": referrer } }).to_string();
        let event = page_view("browser", &context);
        let facts: EnrichmentFacts = owned(&enrichments.apply(&event, 0, Some(&shop())).1);
        assert_eq!(facts.referrer.as_ref().unwrap().url, referrer);
        same(referrer, &told(&facts), &[host, medium, source].join(" | "))
    });
}

#[test]
fn what_the_sender_says_of_the_referrer_goes_first() {
    let enrichments = Enrichments::built_in();
    let google = "https://www.google.com/";
    let rows = [
        // page.referrer, context.referrer, referrer, derived
        (None, json!({ "url": google }), "www.google.com | search | Google", ""),
        (None, json!({ "link": google }), "www.google.com | search | Google", ""),
        (None, json!({ "type": "search", "name": "Google" }), "-", ""),
        (
            Some(google),
            json!({ "type": "Paid", "name": "Ads" }),
            "www.google.com | paid | Ads",
            "referrer.medium=search, referrer.source=Google",
        ),
        (
            Some(google),
            json!({ "url": google, "type": "search", "name": "Google" }),
            "www.google.com | search | Google",
            "",
        ),
        // Says it of another referrer than the page's.
        (
            Some(google),
            json!({ "url": "https://t.co/1", "type": "social" }),
            "www.google.com | search | Google",
            "",
        ),
        // No medium of ours: whose click id it is.
        (
            Some("https://ads.example/"),
            json!({ "type": "dataxu", "id": "1" }),
            "ads.example | paid | -",
            "",
        ),
        (
            Some("https://blog.example/"),
            json!({ "name": "The Blog" }),
            "blog.example | unknown | The Blog",
            "",
        ),
    ];
    check(rows, |(of_page, of_context, expected, derived)| {
        let page = json!({ "url": SHOP, "referrer": of_page });
        let context = json!({ "page": page, "referrer": of_context });
        let facts = facts(&enrichments, &context);
        let beside: Vec<String> =
            facts.derived.iter().map(|it| format!("{}={}", it.field, it.value)).collect();
        let told = format!("{} ({})", told(&facts), beside.join(", "));
        same(&context.to_string(), &told, &format!("{expected} ({derived})"))
    });
}

#[test]
fn a_campaign_without_a_referrer_makes_none() {
    let enrichments = Enrichments::built_in();
    for query in ["utm_source=chatgpt.com", "gclid=1", "utm_medium=cpc"] {
        let facts = facts(&enrichments, &json!({ "page": { "url": format!("{SHOP}?{query}") } }));
        assert_eq!(facts.referrer, None, "{query}");
    }
}

#[test]
fn a_page_without_a_referrer_has_none() {
    let enrichments = Enrichments::built_in();
    for page in [json!({}), json!({ "referrer": "" }), json!({ "referrer": 5 }), json!(null)] {
        let facts = facts(&enrichments, &json!({ "page": page }));
        assert_eq!(facts.referrer, None);
    }
}

fn seen(referer: &str) -> RequestFacts {
    RequestFacts {
        referer: Some(referer.to_owned()),
        origin: Some("https://www.shop.example".to_owned()),
        ..RequestFacts::default()
    }
}

#[test]
fn a_browsers_referer_header_counts_only_where_it_is_not_the_page_itself() {
    let enrichments = Enrichments::built_in();
    let told_none = json!({ "page": { "url": SHOP } }).to_string();
    let told_empty = json!({ "page": { "url": SHOP, "referrer": "" } }).to_string();
    for (kind, context, referer, expected) in [
        ("browser", told_none.as_str(), "https://www.bing.com/", Some("search")),
        ("browser", "{}", "https://www.bing.com/", Some("search")),
        ("browser", told_empty.as_str(), "https://www.bing.com/", None),
        ("browser", told_none.as_str(), SHOP, None),
        ("browser", "{}", "https://shop.example/", None),
        ("browser", "{}", "nonsense", None),
        ("server", told_none.as_str(), "https://www.bing.com/", None),
        ("mobile", told_none.as_str(), "https://www.bing.com/", None),
    ] {
        let facts = worked_out(&enrichments, &requested(kind, context, seen(referer)));
        let medium = facts.referrer.map(|referrer| referrer.medium);
        assert_eq!(medium.as_deref(), expected, "{kind} {context} {referer}");
    }
}

#[test]
fn a_referer_header_alone_cannot_tell_a_page_from_its_referrer() {
    let request = RequestFacts { origin: None, ..seen("https://www.shop.example/") };
    let enrichments = Enrichments::built_in();
    assert_eq!(worked_out(&enrichments, &requested("browser", "{}", request)).referrer, None);
    assert_eq!(worked_out(&enrichments, &page_view("browser", "{}")).referrer, None);
}
