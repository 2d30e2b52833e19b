//! What is read of the texts in `user_agents.txt`, and whose text is read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use std::collections::BTreeSet;

use enrichment::Enrichments;
use event::{EnrichmentFacts, RequestFacts};
use sent::{facts, page_view, requested, worked_out};
use serde_json::json;

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// A case of the table.
struct Case {
    title: &'static str,
    text: &'static str,
    expected: &'static str,
}

fn table() -> Vec<Case> {
    let lines = include_str!("user_agents.txt").lines();
    let lines: Vec<&str> =
        lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let case = |lines: &[&'static str]| match *lines {
        [title, text, expected] => Case { title, text, expected },
        _ => panic!("a case has three lines: {lines:?}"),
    };
    lines.chunks(3).map(case).collect()
}

/// The last line of a case, of what was worked out.
fn told(facts: &EnrichmentFacts) -> String {
    let agent = facts.user_agent.as_ref().unwrap();
    let columns = [
        &agent.browser,
        &agent.browser_version,
        &agent.os,
        &agent.os_version,
        &agent.device_class,
        &facts.bot.class,
    ];
    let signs = facts.bot.indicators.join(" ");
    let signs = Some(signs).filter(|signs| !signs.is_empty());
    let columns = columns.into_iter().chain([&signs]);
    columns.map(|column| column.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" | ")
}

fn requested_with(user_agent: &str) -> RequestFacts {
    RequestFacts { user_agent: Some(user_agent.to_owned()), ..RequestFacts::default() }
}

#[test]
fn every_text_of_the_table_is_read_as_it_says() {
    let enrichments = Enrichments::built_in();
    let (cases, mut wrong) = (table(), Vec::new());
    for Case { title, text, expected } in &cases {
        let facts = facts(&enrichments, &json!({ "userAgent": text }));
        let (told, agent) = (told(&facts), facts.user_agent.unwrap());
        assert_eq!((agent.text.as_str(), agent.taken_from.as_str()), (*text, "context"));
        assert_eq!(facts.bot.is_bot, facts.bot.class.is_some(), "{title}");
        if told != *expected {
            wrong.push(format!("{title}\n  {text}\n  expected {expected}\n  but got  {told}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let texts: BTreeSet<&str> = cases.iter().map(|case| case.text).collect();
    assert!(texts.len() >= 60 && texts.len() == cases.len(), "{} texts", texts.len());
}

#[test]
fn what_is_remembered_of_a_text_is_what_is_read_of_it() {
    let (remembering, contexts) = (Enrichments::built_in(), table());
    let contexts: Vec<_> = contexts.iter().map(|case| json!({ "userAgent": case.text })).collect();
    let first: Vec<_> = contexts.iter().map(|context| facts(&remembering, context)).collect();
    let again: Vec<_> = contexts.iter().map(|context| facts(&remembering, context)).collect();
    assert_eq!(first, again);
}

#[test]
fn the_senders_user_agent_goes_before_the_requests() {
    let enrichments = Enrichments::built_in();
    let context = json!({ "userAgent": CHROME }).to_string();
    let event = requested("browser", &context, requested_with("curl/8.10.1"));
    let agent = worked_out(&enrichments, &event).user_agent.unwrap();
    assert_eq!((agent.taken_from.as_str(), agent.text.as_str()), ("context", CHROME));

    let event = requested("browser", "{}", requested_with(CHROME));
    let agent = worked_out(&enrichments, &event).user_agent.unwrap();
    assert_eq!((agent.taken_from.as_str(), agent.text.as_str()), ("request", CHROME));
}

#[test]
fn a_servers_own_user_agent_is_nobodys() {
    let enrichments = Enrichments::built_in();
    let hints = r#"{"sec-ch-ua":"\"HeadlessChrome\";v=\"130\"","sec-ch-ua-platform":"\"Linux\""}"#;
    for text in ["curl/8.10.1", "Mozilla/5.0 (compatible; Googlebot/2.1)", CHROME] {
        let request = RequestFacts { client_hints: Some(hints.to_owned()), ..requested_with(text) };
        let facts = worked_out(&enrichments, &requested("server", "{}", request));
        assert_eq!((facts.user_agent, facts.bot.is_bot), (None, false), "{text}");
    }
}

#[test]
fn without_a_user_agent_nothing_is_known() {
    let enrichments = Enrichments::built_in();
    for context in [
        "{}",
        r#"{"userAgent":" "}"#,
        r#"{"userAgent":5}"#,
        r#"{"userAgent":null}"#,
        r#"{"userAgentData":{},"device":{"type":"ios"},"os":{"name":"","version":""}}"#,
        r#"{"userAgentData":"Chrome","device":"iPhone","os":[]}"#,
    ] {
        let facts = worked_out(&enrichments, &page_view("browser", context));
        assert_eq!((facts.user_agent, facts.bot.is_bot), (None, false), "{context}");
        assert!(facts.flags.is_empty() && facts.derived.is_empty(), "{context}");
    }
}

#[test]
fn only_the_start_of_a_very_long_text_is_read_and_the_event_is_flagged() {
    let enrichments = Enrichments::built_in();
    let long = format!("{CHROME} {} Googlebot/2.1", "\u{fc}".repeat(2000));
    let facts = facts(&enrichments, &json!({ "userAgent": long }));
    assert_eq!(facts.flags, ["user-agent-too-long"]);
    assert_eq!(told(&facts), "Chrome | 130.0.0.0 | Windows | 10 | desktop | - | -");
    assert_eq!(facts.user_agent.unwrap().text, long);
}
