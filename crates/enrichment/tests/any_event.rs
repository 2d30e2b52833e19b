//! Whatever is sent, the enrichments give facts, always the same, and never crash; and their
//! versions are those of the code that is built in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::RequestFacts;
use proptest::prelude::*;
use sent::{facts, requested, worked_out};
use serde_json::json;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\[?[0-9a-f:.]{0,12}[:.%]{1,2}[0-9a-f]{1,4}\\]?(:[0-9]{1,5})?",
        "https?://[a-zé.:@/?&=%#\\[\\]0-9]{0,30}",
        "\\?utm_(source|id)=[%a-f0-9+&]{0,12}",
        "Mozilla/5.0 \\([A-Za-z ;0-9_.]{0,30}\\) [A-Za-z]{0,12}/[0-9.]{0,9}",
        "(\"[A-Za-z; ]{0,9}\"(;v=\"?[0-9.]{0,5}\"?)?[,; ]{0,2}){0,3}",
        "(DoCoMo|KDDI|SoftBank|Opera|MSIE|Android|PSP|BB10|Windows Phone)[ /;()A-Za-z0-9.-]{0,24}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_texts_give_the_same_facts_each_time(
        texts in prop::array::uniform8(text()),
        kind in prop::sample::select(&["browser", "mobile", "server"][..]),
    ) {
        thread_local! { static ENRICHMENTS: Enrichments = Enrichments::built_in(); }
        let [agent, url, search, referrer, campaign, seen, referer, language] = texts;
        let context = json!({
            "ip": seen, "location": { "country": search, "city": campaign },
            "userAgent": agent, "device": { "model": campaign }, "os": { "name": search },
            "userAgentData": { "platform": url, "platformVersion": language, "brands": [{ "brand": seen }] },
            "locale": language, "campaign": { "name": campaign },
            "page": { "url": url, "search": search, "referrer": referrer },
        });
        let request = RequestFacts {
            ip: Some(search),
            client_hints: Some(json!({ "sec-ch-ua": seen, "sec-ch-ua-model": url }).to_string()),
            user_agent: Some(seen), referer: Some(referer), accept_language: Some(language),
            ..RequestFacts::default()
        };
        for context in [context.to_string(), "{}".to_owned(), agent] {
            let event = requested(kind, &context, request.clone());
            let (first, again) = ENRICHMENTS.with(|all| (worked_out(all, &event), worked_out(all, &event)));
            prop_assert_eq!(first, again);
        }
    }
}

#[test]
fn the_versions_name_the_libraries_that_are_built_in() {
    let lock = include_str!("../../../Cargo.lock");
    let applied = facts(&Enrichments::built_in(), &json!({})).applied;
    let names: Vec<&str> = applied.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ip",
            "geo",
            "network",
            "user-agent",
            "page",
            "campaign",
            "click-ids",
            "referrer",
            "locale",
            "timezone",
            "money",
            "bot",
            "url-parameters",
            "ip-policy",
        ]
    );
    for library in ["woothee", "isbot", "icu_locale_core"] {
        let entry = format!("name = \"{library}\"\nversion = \"");
        let version = lock.split_once(&entry).unwrap().1.split('"').next().unwrap();
        let told = format!("{library}-{version}");
        assert!(applied.iter().any(|run| run.version.contains(&told)), "{told}");
    }
}
