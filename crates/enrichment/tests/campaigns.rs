//! Pages, and the campaigns that their URLs tell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::CampaignFacts;
use sent::{facts, page_view, worked_out};
use serde_json::{Value, json};

/// URL, then source, medium, name, term, content, id; `-` where there is none.
const URLS: &[(&str, [&str; 6])] = &[
    ("https://shop.example/?utm_source=google", ["google", "-", "-", "-", "-", "-"]),
    (
        "https://shop.example/p?utm_source=news&utm_medium=email&utm_campaign=fall",
        ["news", "email", "fall", "-", "-", "-"],
    ),
    (
        "https://shop.example/?utm_term=shoes&utm_content=a&utm_id=77",
        ["-", "-", "-", "shoes", "a", "77"],
    ),
    ("https://shop.example/?utm_campaign=fall%20sale", ["-", "-", "fall sale", "-", "-", "-"]),
    ("https://shop.example/?utm_campaign=fall+sale", ["-", "-", "fall sale", "-", "-", "-"]),
    ("https://shop.example/?utm_campaign=a%26b%3Dc", ["-", "-", "a&b=c", "-", "-", "-"]),
    ("https://shop.example/?utm_source=caf%C3%A9", ["café", "-", "-", "-", "-", "-"]),
    ("https://shop.example/?UTM_Source=X", ["X", "-", "-", "-", "-", "-"]),
    ("https://shop.example/?utm_source=a&utm_source=b", ["a", "-", "-", "-", "-", "-"]),
    ("https://shop.example/?utm_source=&utm_source=b", ["b", "-", "-", "-", "-", "-"]),
    ("https://shop.example/?ref=1&utm_medium=cpc#utm_source=no", ["-", "cpc", "-", "-", "-", "-"]),
    ("https://shop.example/?utm_source=%FF", ["\u{fffd}", "-", "-", "-", "-", "-"]),
    ("https://shop.example/?utm_source=a%", ["a%", "-", "-", "-", "-", "-"]),
    ("app://screen/home?utm_source=push", ["push", "-", "-", "-", "-", "-"]),
    ("https://shop.example:8443/a/b?x=1&utm_id=9&y=2", ["-", "-", "-", "-", "-", "9"]),
];

/// URLs that tell no campaign.
const PLAIN: &[&str] = &[
    "https://shop.example/",
    "https://shop.example/?q=utm_source",
    "https://shop.example/?utm_source=",
    "https://shop.example/?utm_source=%20",
    "https://shop.example/?my_utm_source=a",
    "https://shop.example/#utm_source=a",
    "/pricing?utm_source=relative",
    "",
];

fn members(campaign: &CampaignFacts) -> [&str; 6] {
    let CampaignFacts { source, medium, name, term, content, id, .. } = campaign;
    [source, medium, name, term, content, id].map(|field| field.as_deref().unwrap_or("-"))
}

#[test]
fn utm_parameters_of_the_page_are_the_campaign() {
    let enrichments = Enrichments::built_in();
    for (url, expected) in URLS {
        let campaign = facts(&enrichments, &json!({ "page": { "url": url } })).campaign.expect(url);
        assert_eq!(members(&campaign), *expected, "{url}");
        assert_eq!(campaign.taken_from, "url");
    }
}

#[test]
fn a_page_without_utm_parameters_has_no_campaign() {
    let enrichments = Enrichments::built_in();
    for url in PLAIN {
        let facts = facts(&enrichments, &json!({ "page": { "url": url } }));
        assert_eq!(facts.campaign, None, "{url}");
    }
}

#[test]
fn what_the_sender_says_goes_before_the_url_and_the_url_before_the_search() {
    let enrichments = Enrichments::built_in();
    let url = "https://shop.example/?utm_source=url&utm_medium=cpc";
    for (context, taken_from, expected) in [
        (
            json!({ "campaign": { "source": "told", "id": 12 }, "page": { "url": url } }),
            "context",
            ["told", "-", "-", "-", "-", "12"],
        ),
        (
            json!({ "campaign": {}, "page": { "url": url, "search": "?utm_source=search" } }),
            "url",
            ["url", "cpc", "-", "-", "-", "-"],
        ),
        (
            json!({ "campaign": { "source": " " }, "page": { "search": "?utm_source=search" } }),
            "url",
            ["search", "-", "-", "-", "-", "-"],
        ),
        (
            json!({ "campaign": "x", "page": { "url": "/p", "search": "utm_source=bare" } }),
            "url",
            ["bare", "-", "-", "-", "-", "-"],
        ),
    ] {
        let campaign = facts(&enrichments, &context).campaign.unwrap();
        assert_eq!(campaign.taken_from, taken_from, "{context}");
        assert_eq!(members(&campaign), expected, "{context}");
    }
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
        let page = facts(&enrichments, &context).page.unwrap();
        assert_eq!(json!([page.host, page.path, page.query]), expected, "{url}");
        assert_eq!((page.url.as_str(), page.title.as_deref()), (url, Some("T")));
    }
    let titled = facts(&enrichments, &json!({ "page": { "title": "T" } }));
    assert_eq!(titled.page, None);
}

#[test]
fn locale_and_time_zone_are_told_as_sent() {
    let enrichments = Enrichments::built_in();
    let context = json!({ "locale": "de-DE", "timezone": "Europe/Berlin" });
    let told = facts(&enrichments, &context);
    assert_eq!(told.locale.as_deref(), Some("de-DE"));
    assert_eq!(told.timezone.as_deref(), Some("Europe/Berlin"));
    for (kind, expected) in
        [("browser", Some("fr-FR")), ("mobile", Some("fr-FR")), ("server", None)]
    {
        let accept_language = Some("fr-FR,fr;q=0.9".to_owned());
        let request = event::RequestFacts { accept_language, ..event::RequestFacts::default() };
        let facts = worked_out(&enrichments, &sent::requested(kind, "{}", request));
        assert_eq!((facts.locale.as_deref(), facts.timezone), (expected, None), "{kind}");
    }
}

#[test]
fn one_odd_member_spoils_only_itself() {
    let enrichments = Enrichments::built_in();
    let context = r#"{"locale":"en","timezone":"\ud83d","page":[1],"campaign":{"name":{},"id":-7},
        "userAgent":false,"page":{"url":"https://a.example/","title":1e999}}"#;
    let facts = worked_out(&enrichments, &page_view("browser", context));
    assert_eq!((facts.locale.as_deref(), facts.timezone), (Some("en"), None));
    assert_eq!(facts.page.unwrap().host.as_deref(), Some("a.example"));
    assert_eq!(facts.campaign.unwrap().id.as_deref(), Some("-7"));
}

#[test]
fn a_context_that_cannot_be_read_gives_no_facts() {
    let enrichments = Enrichments::built_in();
    for context in ["", "[]", "{", r#"{"\ud83d":1}"#] {
        let facts = worked_out(&enrichments, &page_view("browser", context));
        assert_eq!((facts.page, facts.campaign, facts.locale), (None, None, None));
        assert!(!facts.applied.is_empty());
    }
    let empty: Value = json!({});
    assert_eq!(facts(&enrichments, &empty).page, None);
}
