//! User agents and what is read of them: browser, version, system, its version, device, signs of a
//! bot.
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

/// Browser, browser version, system, system version, device class; `-` where unknown.
type Read = [&'static str; 5];

const PEOPLE: &[(&str, Read)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        ["Chrome", "130.0.0.0", "Windows 10", "NT 10.0", "pc"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.68",
        ["Edge", "130.0.2849.68", "Windows 10", "NT 10.0", "pc"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
        ["Firefox", "132.0", "Windows 10", "NT 10.0", "pc"],
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        ["Safari", "18.1", "Mac OSX", "10.15.7", "pc"],
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        ["Chrome", "130.0.0.0", "Mac OSX", "10.15.7", "pc"],
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        ["Firefox", "132.0", "Linux", "-", "pc"],
    ),
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        ["Chrome", "130.0.0.0", "ChromeOS", "x86_64 14541.0.0", "pc"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
        ["Opera", "115.0.0.0", "Windows 10", "NT 10.0", "pc"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        ["Internet Explorer", "11.0", "Windows 10", "NT 10.0", "pc"],
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        ["Safari", "18.1", "iPhone", "18.1", "smartphone"],
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
        ["Safari", "17.6", "iPad", "17.6", "smartphone"],
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1",
        ["Chrome", "130.0.6723.90", "iPhone", "18.1", "smartphone"],
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
        ["Chrome", "130.0.0.0", "Android", "10", "smartphone"],
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
        ["SamsungBrowser", "26.0", "Android", "14", "smartphone"],
    ),
    (
        "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
        ["Firefox", "132.0", "Android", "14", "smartphone"],
    ),
    (
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240505.005)",
        ["-", "-", "Android", "14", "smartphone"],
    ),
    ("ShopApp/4.2 (iPhone; iOS 18.1; Scale/3.00)", ["-", "-", "iPhone", "-", "smartphone"]),
    ("who knows", ["-", "-", "-", "-", "-"]),
];

const LIST: &str = "user-agent-list";
const CRAWLER: &str = "woothee-crawler";
const HEADLESS: &str = "headless";

const BOTS: &[(&str, &[&str])] = &[
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", &[LIST, CRAWLER]),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", &[LIST, CRAWLER]),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        &[LIST, CRAWLER],
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        &[LIST, CRAWLER],
    ),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", &[LIST, CRAWLER]),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", &[LIST, CRAWLER]),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", &[LIST, CRAWLER]),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
        &[LIST, HEADLESS],
    ),
    (
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
        &[LIST, HEADLESS],
    ),
    ("python-requests/2.32.3", &[LIST]),
    ("curl/8.10.1", &[LIST]),
    ("okhttp/4.12.0", &[LIST]),
];

fn read(facts: &EnrichmentFacts) -> [&str; 5] {
    let agent = facts.user_agent.as_ref().unwrap();
    let fields =
        [&agent.browser, &agent.browser_version, &agent.os, &agent.os_version, &agent.device_class];
    fields.map(|field| field.as_deref().unwrap_or("-"))
}

fn requested_with(user_agent: &str) -> RequestFacts {
    RequestFacts { user_agent: Some(user_agent.to_owned()), ..RequestFacts::default() }
}

#[test]
fn peoples_user_agents_tell_their_browser_and_are_no_bots() {
    let enrichments = Enrichments::built_in();
    for (text, expected) in PEOPLE {
        let facts = facts(&enrichments, &json!({ "userAgent": text }));
        assert_eq!(read(&facts), *expected, "{text}");
        assert!(!facts.bot.is_bot && facts.bot.indicators.is_empty(), "{text}");
    }
}

#[test]
fn bots_are_told_by_every_indicator_that_sees_them() {
    let enrichments = Enrichments::built_in();
    for (text, expected) in BOTS {
        let facts = facts(&enrichments, &json!({ "userAgent": text }));
        assert!(facts.bot.is_bot, "{text}");
        assert_eq!(facts.bot.indicators, *expected, "{text}");
    }
}

#[test]
fn the_senders_user_agent_goes_before_the_requests() {
    let enrichments = Enrichments::built_in();
    let context = json!({ "userAgent": PEOPLE[0].0 }).to_string();
    let event = requested("browser", &context, requested_with("curl/8.10.1"));
    let agent = worked_out(&enrichments, &event).user_agent.unwrap();
    assert_eq!((agent.taken_from.as_str(), agent.text.as_str()), ("context", PEOPLE[0].0));

    let event = requested("browser", "{}", requested_with(PEOPLE[0].0));
    let agent = worked_out(&enrichments, &event).user_agent.unwrap();
    assert_eq!((agent.taken_from.as_str(), agent.text.as_str()), ("request", PEOPLE[0].0));
}

#[test]
fn a_servers_own_user_agent_is_nobodys() {
    let enrichments = Enrichments::built_in();
    let facts = worked_out(&enrichments, &requested("server", "{}", requested_with("curl/8.10.1")));
    assert_eq!((facts.user_agent, facts.bot.is_bot), (None, false));
}

#[test]
fn an_app_that_sends_through_an_http_library_is_no_bot_for_that() {
    let enrichments = Enrichments::built_in();
    let facts =
        worked_out(&enrichments, &requested("mobile", "{}", requested_with("okhttp/4.12.0")));
    assert!(!facts.bot.is_bot);
    assert_eq!(facts.user_agent.unwrap().taken_from, "request");
}

#[test]
fn without_a_user_agent_nothing_is_known() {
    let enrichments = Enrichments::built_in();
    for context in ["{}", r#"{"userAgent":" "}"#, r#"{"userAgent":5}"#, r#"{"userAgent":null}"#] {
        let facts = worked_out(&enrichments, &page_view("browser", context));
        assert_eq!((facts.user_agent, facts.bot.is_bot), (None, false), "{context}");
    }
}
