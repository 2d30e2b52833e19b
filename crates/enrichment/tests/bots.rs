//! Signs of a program beside those of the table of user agents, and whose signs count.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::{BotSettings, Enrichments, Settings};
use event::RequestFacts;
use sent::{facts, requested, worked_out};
use serde_json::{Value, json};

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
const HEADLESS: &str = r#"{"sec-ch-ua":"\"HeadlessChrome\";v=\"130\", \"Chromium\";v=\"130\""}"#;

/// The signs in what a source of this kind sent with this context and request.
fn signs(kind: &str, context: &Value, agent: &str, hints: Option<&str>) -> String {
    thread_local! { static ENRICHMENTS: Enrichments = Enrichments::built_in(); }
    let request = RequestFacts {
        user_agent: Some(agent.to_owned()),
        client_hints: hints.map(str::to_owned),
        ..RequestFacts::default()
    };
    let event = requested(kind, &context.to_string(), request);
    ENRICHMENTS.with(|all| worked_out(all, &event)).bot.indicators.join(" ")
}

#[test]
fn whose_text_it_is_decides_whether_it_is_a_sign() {
    let (nobody, okhttp) = (json!({}), json!({ "userAgent": "okhttp/4.12.0" }));
    let googlebot = json!({ "userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)" });
    let linkedin =
        json!({ "userAgent": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient)" });
    let rows = [
        ("browser", &nobody, "okhttp/4.12.0", "user-agent-list http-library"),
        ("browser", &okhttp, CHROME, "user-agent-list http-library"),
        ("mobile", &nobody, "okhttp/4.12.0", ""),
        ("mobile", &nobody, "TalkBot/2.1 CFNetwork/1568.200.51 Darwin/24.1.0", ""),
        ("mobile", &okhttp, "okhttp/4.12.0", ""),
        ("mobile", &googlebot, "okhttp/4.12.0", "user-agent-list crawler"),
        ("server", &nobody, "okhttp/4.12.0", ""),
        ("server", &nobody, "Mozilla/5.0 (compatible; Googlebot/2.1)", ""),
        ("server", &okhttp, "okhttp/4.12.0", ""),
        ("server", &googlebot, "okhttp/4.12.0", "user-agent-list crawler"),
        ("server", &linkedin, "okhttp/4.12.0", "user-agent-list crawler http-library preview"),
    ];
    let wrong: Vec<String> = rows
        .iter()
        .map(|row| (row, signs(row.0, row.1, row.2, None)))
        .filter(|((.., expected), told)| told != expected)
        .map(|((kind, context, agent, expected), told)| {
            format!("{kind} {context} {agent}: expected {expected:?}, got {told:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hints_tell_a_headless_browser_whose_text_does_not() {
    let page = json!({ "userAgent": CHROME });
    assert_eq!(signs("browser", &page, CHROME, Some(HEADLESS)), "headless");
    assert_eq!(signs("server", &page, CHROME, Some(HEADLESS)), "", "a server's own hints");
    let read = json!({ "userAgent": CHROME, "userAgentData": {
        "brands": [{ "brand": "HeadlessChrome", "version": "130" }] } });
    for kind in ["browser", "mobile", "server"] {
        assert_eq!(signs(kind, &read, CHROME, None), "headless", "{kind}");
    }
}

#[test]
fn a_browser_that_says_that_it_is_driven_is_automation() {
    for (webdriver, expected) in
        [(json!(true), "automation"), (json!(false), ""), (json!("true"), ""), (json!(null), "")]
    {
        let context = json!({ "userAgent": CHROME, "webdriver": webdriver });
        assert_eq!(signs("browser", &context, CHROME, None), expected, "{webdriver}");
    }
    assert_eq!(signs("browser", &json!({ "webdriver": true }), "", None), "automation");
}

#[test]
fn a_program_known_by_name_is_what_it_is_known_for() {
    let enrichments = Enrichments::built_in();
    let headless = CHROME.replace("Chrome/", "HeadlessChrome/");
    let rows = [
        (headless.clone(), Some("bot")),
        (format!("{headless} DatadogSynthetics"), Some("monitoring")),
        (format!("{headless} Embedly"), Some("preview")),
        (format!("{headless} Embedly GTmetrix"), Some("monitoring")),
        (CHROME.to_owned(), None),
    ];
    for (text, expected) in rows {
        let facts =
            facts(&enrichments, &json!({ "userAgent": text, "webdriver": expected.is_some() }));
        assert_eq!(facts.bot.class.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_network_that_cannot_be_is_told_with_the_other_problems() {
    let settings = Settings {
        bot: BotSettings { datacenter_asns: vec![0] },
        disabled: vec!["boot".to_owned()],
        ..Settings::default()
    };
    let problems = Enrichments::new(&settings).err().unwrap();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["bot.datacenter_asns", "disabled"]);
}
