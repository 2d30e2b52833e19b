//! Referrers and what they stand for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::{EnrichmentFacts, RequestFacts};
use sent::{facts, page_view, requested, worked_out};
use serde_json::json;

const SHOP: &str = "https://www.shop.example/pricing";

/// Referrer, its host, medium and source; `-` where there is none.
const REFERRERS: &[(&str, [&str; 3])] = &[
    ("https://www.google.com/", ["www.google.com", "search", "Google"]),
    ("https://www.google.co.uk/search?q=analytics", ["www.google.co.uk", "search", "Google"]),
    ("https://google.de", ["google.de", "search", "Google"]),
    (
        "android-app://com.google.android.googlequicksearchbox/",
        ["com.google.android.googlequicksearchbox", "search", "Google"],
    ),
    ("https://docs.google.com/document/d/1", ["docs.google.com", "unknown", "-"]),
    ("https://mail.google.com/mail/u/0/", ["mail.google.com", "email", "Gmail"]),
    ("https://gemini.google.com/app", ["gemini.google.com", "ai", "Gemini"]),
    ("https://cn.bing.com/search?q=x", ["cn.bing.com", "search", "Bing"]),
    ("https://DuckDuckGo.com/", ["duckduckgo.com", "search", "DuckDuckGo"]),
    ("https://yandex.com.tr/", ["yandex.com.tr", "search", "Yandex"]),
    ("https://search.yahoo.com/", ["search.yahoo.com", "search", "Yahoo"]),
    ("https://mail.yahoo.com/", ["mail.yahoo.com", "email", "Yahoo Mail"]),
    ("https://l.facebook.com/l.php?u=x", ["l.facebook.com", "social", "Facebook"]),
    ("https://t.co/abc", ["t.co", "social", "X"]),
    ("https://lnkd.in/abc", ["lnkd.in", "social", "LinkedIn"]),
    ("https://old.reddit.com/r/rust", ["old.reddit.com", "social", "Reddit"]),
    ("https://news.ycombinator.com/item?id=1", ["news.ycombinator.com", "social", "Hacker News"]),
    ("https://outlook.live.com/mail/", ["outlook.live.com", "email", "Outlook"]),
    ("https://chatgpt.com/", ["chatgpt.com", "ai", "ChatGPT"]),
    ("https://claude.ai/chat/1", ["claude.ai", "ai", "Claude"]),
    ("https://www.perplexity.ai./", ["www.perplexity.ai", "ai", "Perplexity"]),
    ("https://www.shop.example/", ["www.shop.example", "internal", "-"]),
    ("https://shop.example/blog", ["shop.example", "internal", "-"]),
    ("https://docs.shop.example/", ["docs.shop.example", "unknown", "-"]),
    ("https://notfacebook.com/", ["notfacebook.com", "unknown", "-"]),
    ("https://facebook.com.evil.example/", ["facebook.com.evil.example", "unknown", "-"]),
    ("http://192.0.2.7:8080/x", ["192.0.2.7", "unknown", "-"]),
    ("/relative", ["-", "unknown", "-"]),
    ("about:blank", ["-", "unknown", "-"]),
];

fn told(facts: &EnrichmentFacts) -> [&str; 3] {
    let referrer = facts.referrer.as_ref().unwrap();
    let host = referrer.host.as_deref().unwrap_or("-");
    [host, &referrer.medium, referrer.source.as_deref().unwrap_or("-")]
}

#[test]
fn a_referrer_is_classified_by_its_host() {
    let enrichments = Enrichments::built_in();
    for (referrer, expected) in REFERRERS {
        let facts = facts(&enrichments, &json!({ "page": { "url": SHOP, "referrer": referrer } }));
        assert_eq!(told(&facts), *expected, "{referrer}");
        assert_eq!(facts.referrer.unwrap().url, *referrer);
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
