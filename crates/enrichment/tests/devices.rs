//! Which word on browser, system and device wins: the sender's, client hints, or the text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::{Enrichments, Settings, UserAgentSettings};
use event::{EnrichmentFacts, RequestFacts};
use sent::{facts, requested, worked_out};
use serde_json::{Value, json};

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";
const FACEBOOK: &str = "Mozilla/5.0 (Linux; Android 14; SM-A546B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.86 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/490.0.0.63.82;]";
const IPHONE_APP: &str = "ShopApp/4.2 (iPhone; iOS 18.1; Scale/3.00)";

/// Taken from | browser | its version | system | its version | kind | brand | model | what else was
/// worked out.
fn told(facts: &EnrichmentFacts) -> String {
    let Some(agent) = &facts.user_agent else { return "nothing".to_owned() };
    let columns = [
        &agent.browser,
        &agent.browser_version,
        &agent.os,
        &agent.os_version,
        &agent.device_class,
        &agent.device_brand,
        &agent.device_model,
    ];
    let columns = columns.map(|column| column.as_deref().unwrap_or("-")).join(" | ");
    let name = |field: &str| field.strip_prefix("user_agent.").expect(field).to_owned();
    let derived = facts.derived.iter().map(|it| format!("{}={}", name(&it.field), it.value));
    let derived: Vec<String> = derived.collect();
    format!("{} | {columns} | {}", agent.taken_from, derived.join(" "))
}

/// Checks a table of (what it shows, what gives the facts, what is told), all rows of it.
fn check<T>(rows: &[(&str, T, &str)], facts: impl Fn(&T) -> EnrichmentFacts) {
    let told = rows.iter().map(|(title, given, expected)| (title, told(&facts(given)), expected));
    let wrong: Vec<String> = told
        .filter(|(_, told, expected)| told.trim_end() != **expected)
        .map(|(title, told, expected)| format!("{title}\n  expected {expected}\n  but got  {told}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

fn brands(brands: &[(&str, &str)]) -> Value {
    brands.iter().map(|(brand, version)| json!({ "brand": brand, "version": version })).collect()
}

#[test]
fn client_hints_of_the_page_go_before_the_text_and_behind_the_sender() {
    let chrome = [("Not?A_Brand", "99"), ("Google Chrome", "130"), ("Chromium", "130")];
    let chrome_full = [
        ("Chromium", "130.0.6723.92"),
        ("Not?A_Brand", "99.0.0.0"),
        ("Google Chrome", "130.0.6723.92"),
    ];
    let rows = [
        (
            "Windows 11 by its platform version",
            json!({ "userAgent": WINDOWS, "userAgentData": {
                "brands": brands(&chrome), "fullVersionList": brands(&chrome_full),
                "mobile": false, "platform": "Windows", "platformVersion": "15.0.0", "model": "" } }),
            "context | Chrome | 130.0.6723.92 | Windows | 11 | desktop | - | - |",
        ),
        (
            "Windows 11 begins with 13",
            json!({ "userAgent": WINDOWS, "userAgentData": { "platform": "Windows", "platformVersion": "13.0.0" } }),
            "context | Chrome | 130.0.0.0 | Windows | 11 | desktop | - | - |",
        ),
        (
            "Windows 10",
            json!({ "userAgent": WINDOWS, "userAgentData": { "platform": "Windows", "platformVersion": "10.0.0" } }),
            "context | Chrome | 130.0.0.0 | Windows | 10 | desktop | - | - |",
        ),
        (
            "a first number alone is no better than the text's version",
            json!({ "userAgent": WINDOWS, "userAgentData": {
                "brands": brands(&chrome), "mobile": false, "platform": "Windows" } }),
            "context | Chrome | 130.0.0.0 | Windows | 10 | desktop | - | - |",
        ),
        (
            "an older hint of the full version",
            json!({ "userAgent": WINDOWS, "userAgentData": { "brands": brands(&chrome), "uaFullVersion": "130.0.6723.92" } }),
            "context | Chrome | 130.0.6723.92 | Windows | 10 | desktop | - | - |",
        ),
        (
            "a Mac's real version",
            json!({ "userAgent": MAC, "userAgentData": { "platform": "macOS", "platformVersion": "15.1.0" } }),
            "context | Chrome | 130.0.0.0 | macOS | 15.1 | desktop | - | - |",
        ),
        (
            "a browser that hides behind Chrome's text",
            json!({ "userAgent": MAC, "userAgentData": { "brands": brands(&[("Brave", "130"), ("Chromium", "130"), ("Not A;Brand", "8")]) } }),
            "context | Brave | 130 | macOS | 10.15.7 | desktop | - | - |",
        ),
        (
            "a phone's model and version",
            json!({ "userAgent": PHONE, "userAgentData": {
                "mobile": true, "platform": "Android", "platformVersion": "14.0.0", "model": "Pixel 8" } }),
            "context | Chrome | 130.0.0.0 | Android | 14 | phone | - | Pixel 8 |",
        ),
        (
            "a tablet that shows a phone's text",
            json!({ "userAgent": PHONE, "userAgentData": { "mobile": false, "platform": "Android" } }),
            "context | Chrome | 130.0.0.0 | Android | 10 | tablet | - | - |",
        ),
        (
            "a form factor says more than `mobile`",
            json!({ "userAgent": PHONE, "userAgentData": { "mobile": true, "platform": "Android", "formFactors": ["Tablet"] } }),
            "context | Chrome | 130.0.0.0 | Android | 10 | tablet | - | - |",
        ),
        (
            "an app that shows pages is named by the text",
            json!({ "userAgent": FACEBOOK, "userAgentData": { "brands": brands(&[("Android WebView", "130"), ("Chromium", "130")]), "mobile": true, "platform": "Android" } }),
            "context | Facebook | 490.0.0.63.82 | Android | 14 | phone | - | - |",
        ),
        (
            "hints without a text",
            json!({ "userAgentData": { "brands": brands(&chrome), "mobile": false, "platform": "Chrome OS", "platformVersion": "15474.0.0" } }),
            "device | Chrome | 130 | Chrome OS | 15474.0.0 | desktop | - | - |",
        ),
        (
            "members that are no hints",
            json!({ "userAgent": WINDOWS, "userAgentData": { "brands": "Chrome", "mobile": "no", "platform": 5, "platformVersion": "x", "model": [] } }),
            "context | Chrome | 130.0.0.0 | Windows | 10 | desktop | - | - |",
        ),
    ];
    let enrichments = Enrichments::built_in();
    check(&rows, |context| facts(&enrichments, context));
}

#[test]
fn what_an_apps_sdk_states_wins_and_what_else_was_worked_out_is_told() {
    let rows = [
        (
            "an app without a text",
            json!({ "device": { "manufacturer": "Apple", "model": "iPhone16,2", "name": "iPhone", "type": "ios" },
                "os": { "name": "iOS", "version": "18.1" } }),
            "device | - | - | iOS | 18.1 | phone | Apple | iPhone16,2 |",
        ),
        (
            "an app on Android",
            json!({ "device": { "manufacturer": "samsung", "model": "SM-S921B", "type": "android" },
                "os": { "name": "android", "version": "14" } }),
            "device | - | - | Android | 14 | - | samsung | SM-S921B |",
        ),
        (
            "a type that is a kind of device",
            json!({ "device": { "type": "Tablet" }, "os": { "name": "Android" } }),
            "device | - | - | Android | - | tablet | - | - |",
        ),
        (
            "the same, more exactly",
            json!({ "userAgent": IPHONE_APP, "os": { "name": "iPhone OS", "version": "18.1.1" } }),
            "context | - | - | iOS | 18.1.1 | phone | - | - |",
        ),
        (
            "a text of another machine",
            json!({ "userAgent": WINDOWS, "os": { "name": "iOS", "version": "18.1" },
                "device": { "model": "iPad13,1" } }),
            "context | Chrome | 130.0.0.0 | iOS | 18.1 | tablet | - | iPad13,1 | os=Windows device_class=desktop",
        ),
        (
            "another version of the same system",
            json!({ "userAgent": IPHONE_APP, "os": { "version": 17.5 } }),
            "context | - | - | iOS | 17.5 | phone | - | - | os_version=18.1",
        ),
        (
            "a system that the text does not know has not the text's version",
            json!({ "userAgent": WINDOWS, "os": { "name": "Plan 9" } }),
            "context | Chrome | 130.0.0.0 | Plan 9 | - | desktop | - | - | os=Windows",
        ),
        (
            "a model that hints tell differently",
            json!({ "userAgent": PHONE, "userAgentData": { "model": "Pixel 8" }, "device": { "model": "Pixel 9" } }),
            "context | Chrome | 130.0.0.0 | Android | 10 | phone | - | Pixel 9 | device_model=Pixel 8",
        ),
        (
            "the name of a device is its owner's business",
            json!({ "device": { "name": "Jane's iPhone" } }),
            "nothing",
        ),
    ];
    let enrichments = Enrichments::built_in();
    check(&rows, |context| facts(&enrichments, context));
}

/// Kind of source, context, user agent and hints of the request.
type Seen = (&'static str, Value, &'static str, Value);

fn seen(enrichments: &Enrichments, (kind, context, text, hints): &Seen) -> EnrichmentFacts {
    let request = RequestFacts {
        user_agent: Some((*text).to_owned()),
        client_hints: Some(hints.to_string()),
        ..RequestFacts::default()
    };
    worked_out(enrichments, &requested(kind, &context.to_string(), request))
}

#[test]
fn hints_that_ingest_saw_count_where_the_text_is_their_own() {
    let hints = || {
        json!({
            "sec-ch-ua": r#""Chromium";v="130", "Microsoft Edge";v="130", "Not)A;Brand";v="99""#,
            "sec-ch-ua-full-version-list": r#""Chromium";v="130.0.6723.70", "Microsoft Edge";v="130.0.2849.56", "Not)A;Brand";v="99.0.0.0""#,
            "sec-ch-ua-mobile": "?0", "sec-ch-ua-model": "\"\"",
            "sec-ch-ua-platform": r#""Windows""#, "sec-ch-ua-platform-version": r#""15.0.0""#,
        })
    };
    let rows: [(&str, Seen, &str); 5] = [
        (
            "the page's own request",
            ("browser", json!({}), WINDOWS, hints()),
            "request | Edge | 130.0.2849.56 | Windows | 11 | desktop | - | - |",
        ),
        (
            "the page's own request, and its text in the context",
            ("browser", json!({ "userAgent": WINDOWS }), WINDOWS, hints()),
            "context | Edge | 130.0.2849.56 | Windows | 11 | desktop | - | - |",
        ),
        (
            "ingest saw the full version of what the page read the first number of",
            (
                "browser",
                json!({ "userAgent": WINDOWS, "userAgentData": { "brands": brands(&[("Microsoft Edge", "131")]), "platform": "Windows" } }),
                WINDOWS,
                hints(),
            ),
            "context | Edge | 130.0.2849.56 | Windows | 11 | desktop | - | - |",
        ),
        (
            "another program's request",
            ("browser", json!({ "userAgent": MAC }), WINDOWS, hints()),
            "context | Chrome | 130.0.0.0 | macOS | 10.15.7 | desktop | - | - |",
        ),
        (
            "a server's request, even with the same text",
            ("server", json!({ "userAgent": WINDOWS }), WINDOWS, hints()),
            "context | Chrome | 130.0.0.0 | Windows | 10 | desktop | - | - |",
        ),
    ];
    let enrichments = Enrichments::built_in();
    check(&rows, |row| seen(&enrichments, row));
}

#[test]
fn a_malformed_header_is_flagged_and_the_others_count() {
    let hints = json!({ "sec-ch-ua": "Edge 130", "sec-ch-ua-platform": "\"Windows\"", "sec-ch-ua-platform-version": "\"15.0.0\"" });
    let facts = seen(&Enrichments::built_in(), &("browser", json!({}), WINDOWS, hints));
    assert_eq!(facts.flags, ["invalid-client-hints"]);
    assert_eq!(
        told(&facts).trim_end(),
        "request | Chrome | 130.0.0.0 | Windows | 11 | desktop | - | - |"
    );
}

#[test]
fn brand_and_model_come_from_the_text_where_the_operator_wants_them() {
    let settings =
        Settings { user_agent: UserAgentSettings { device_detail: true }, ..Settings::default() };
    let detailed = Enrichments::new(&settings).unwrap();
    let context = |text: &str, device: Value| json!({ "userAgent": text, "device": device });
    let rows = [
        (
            "a model that uap-core knows",
            context(FACEBOOK, json!({})),
            "context | Facebook | 490.0.0.63.82 | Android | 14 | phone | Samsung | SM-A546B |",
        ),
        (
            "a frozen text has none",
            context(PHONE, json!({})),
            "context | Chrome | 130.0.0.0 | Android | 10 | phone | - | - |",
        ),
        (
            "the sender's word wins",
            context(FACEBOOK, json!({ "manufacturer": "Fairphone", "model": "FP5" })),
            "context | Facebook | 490.0.0.63.82 | Android | 14 | phone | Fairphone | FP5 | device_brand=Samsung device_model=SM-A546B",
        ),
    ];
    check(&rows, |context| facts(&detailed, context));
    let facts = facts(&detailed, &json!({}));
    let version = &facts.applied.iter().find(|run| run.name == "user-agent").unwrap().version;
    assert!(version.contains("uap-core-"), "{version}");
}
