//! Campaigns and click ids, and what comes first of what the sender and the URL tell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;
mod table;

use enrichment::{Enrichments, Settings};
use event::{CampaignFacts, ClickId, EnrichmentFacts};
use sent::{facts, page_view, worked_out};
use serde_json::{Value, json};
use table::{check, rows, same};

fn members(campaign: &CampaignFacts) -> [&str; 6] {
    let CampaignFacts { source, medium, name, term, content, id, .. } = campaign;
    [source, medium, name, term, content, id].map(|field| field.as_deref().unwrap_or("-"))
}

/// `source=google, medium=cpc`
fn campaign(facts: &EnrichmentFacts) -> String {
    let Some(campaign) = &facts.campaign else { return "-".to_owned() };
    let names = ["source", "medium", "name", "term", "content", "id"];
    let told = names.iter().zip(members(campaign)).filter(|(_, value)| *value != "-");
    told.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// `gclid=1 Google, fbclid=2 Meta`
fn click_ids(facts: &EnrichmentFacts) -> String {
    let told = facts.click_ids.iter();
    let told = told.map(|ClickId { name, value, network }| format!("{name}={value} {network}"));
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { "-".to_owned() } else { told }
}

/// `campaign.source=google`
fn derived(facts: &EnrichmentFacts) -> String {
    let told = facts.derived.iter().map(|it| format!("{}={}", it.field, it.value));
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { "-".to_owned() } else { told }
}

#[test]
fn the_url_of_the_page_tells_campaign_and_click_ids() {
    let enrichments = Enrichments::built_in();
    check(rows(include_str!("tables/campaigns.txt")), |[url, expected, ids]| {
        let facts = facts(&enrichments, &json!({ "page": { "url": url } }));
        let taken_from = facts.campaign.as_ref().map(|campaign| campaign.taken_from.as_str());
        assert!(taken_from.is_none_or(|from| from == "url"), "{url}");
        let told = format!("{} | {}", campaign(&facts), click_ids(&facts));
        same(url, &told, &format!("{expected} | {ids}"))
    });
}

#[test]
fn what_the_sender_tells_goes_first_and_what_the_url_tells_otherwise_stands_beside_it() {
    let enrichments = Enrichments::built_in();
    let url = |query: &str| json!({ "url": format!("https://shop.example/?{query}") });
    let rows = [
        // context, campaign, click ids, derived
        (
            json!({ "campaign": { "source": "news" }, "page": url("utm_source=news") }),
            ["source=news", "-", "-"],
        ),
        (
            json!({ "campaign": { "source": "told", "name": "n" },
                "page": url("utm_source=url&utm_medium=cpc&utm_campaign=n") }),
            ["source=told, name=n", "-", "campaign.source=url, campaign.medium=cpc"],
        ),
        (
            json!({ "campaign": { "id": 7 }, "page": { "search": "?utm_id=8&gclid=1" } }),
            ["id=7", "gclid=1 Google", "campaign.id=8"],
        ),
        (
            json!({ "campaign": { "source": "s", "gclid": "told" }, "page": url("gclid=url") }),
            ["source=s", "gclid=told Google", "click_ids.gclid=url"],
        ),
        (json!({ "campaign": { "GCLID": "told" } }), ["-", "gclid=told Google", "-"]),
        (
            json!({ "campaign": { "other": "x" }, "page": url("utm_source=url&fbclid=f") }),
            ["source=url", "fbclid=f Meta", "-"],
        ),
        (
            json!({ "referrer": { "type": "dataxu", "id": "d" }, "page": url("gclid=g") }),
            ["-", "gclid=g Google, btid=d DataXu", "-"],
        ),
        (
            json!({ "referrer": { "type": "millennial-media", "id": "m" } }),
            ["-", "urid=m Millennial Media", "-"],
        ),
        (json!({ "referrer": { "type": "fbclid", "id": 5 } }), ["-", "fbclid=5 Meta", "-"]),
        (json!({ "referrer": { "type": "social", "id": "x" } }), ["-", "-", "-"]),
        (
            json!({ "page": { "url": "https://shop.example/?gclid=a", "search": "?fbclid=b&gclid=c" } }),
            ["-", "gclid=a Google, fbclid=b Meta", "page.query=gclid=a"],
        ),
    ];
    check(rows, |(context, expected)| {
        let facts = facts(&enrichments, &context);
        let told = [campaign(&facts), click_ids(&facts), derived(&facts)].join(" | ");
        same(&context.to_string(), &told, &expected.join(" | "))
    });
}

#[test]
fn a_click_id_that_is_too_long_is_flagged_and_not_taken() {
    let enrichments = Enrichments::built_in();
    for (length, taken) in [(1024, true), (1025, false)] {
        let value = "x".repeat(length);
        let url = format!("https://shop.example/?gclid={value}&fbclid=f&msclkid={value}");
        let facts = facts(&enrichments, &json!({ "page": { "url": url } }));
        let names: Vec<&str> = facts.click_ids.iter().map(|id| id.name.as_str()).collect();
        let (ids, flags): (&[&str], &[&str]) = if taken {
            (&["gclid", "msclkid", "fbclid"], &[])
        } else {
            (&["fbclid"], &["click-id-too-long"])
        };
        assert_eq!(names, ids);
        assert_eq!(facts.flags, flags);
    }
}

#[test]
fn the_operator_says_which_click_ids_there_are() {
    let settings = json!({ "click_ids": {
        "add": [{ "name": "px", "network": "Px", "paid": true }], "ignore": ["fbclid"],
    } });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let enrichments = Enrichments::new(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    let page = json!({ "url": "https://shop.example/?fbclid=f&gclid=g&PX=1",
        "referrer": "https://www.google.com/" });
    let with = facts(&enrichments, &json!({ "page": page }));
    assert_eq!(click_ids(&with), "px=1 Px, gclid=g Google");
    let page = json!({ "url": "https://shop.example/?px=1", "referrer": "https://bing.com/" });
    let paid = facts(&enrichments, &json!({ "page": page }));
    assert_eq!(paid.referrer.unwrap().medium, "paid");
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
