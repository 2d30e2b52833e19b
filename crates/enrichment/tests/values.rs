//! Language, time zone and money as senders write them, and what becomes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::{EnrichmentFacts, Event, RequestFacts};
use sent::{facts, page_view, requested, worked_out};
use serde_json::json;

/// Fails with every row that did not become what stands beside it.
fn check<'a>(rows: impl IntoIterator<Item = (&'a str, String, &'a str)>) {
    let wrong = rows.into_iter().filter(|(_, told, expected)| told != expected);
    let wrong: Vec<String> =
        wrong.map(|(sent, told, expected)| format!("{sent}: {told:?}, not {expected:?}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The value, then flags, then what else was worked out.
fn told(value: Option<String>, facts: &EnrichmentFacts) -> String {
    let derived = facts.derived.iter().map(|it| format!("{}~{}", it.field, it.value));
    let flags = facts.flags.iter().map(|flag| format!("!{flag}"));
    let all: Vec<String> = value.into_iter().chain(flags).chain(derived).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(" ") }
}

#[test]
fn a_locale_becomes_its_bcp_47_tag_or_a_flag() {
    let rows = [
        ("en", "en"),
        ("en-US", "en-US"),
        ("en_us", "en-US"),
        ("EN-us", "en-US"),
        (" de-DE ", "de-DE"),
        ("en_US.UTF-8", "en-US"),
        ("de_DE@euro", "de-DE"),
        ("en-US@posix", "en-US"),
        ("sr_RS.utf8@latin", "sr-Latn-RS"),
        ("sr_RS@cyrillic", "sr-Cyrl-RS"),
        ("sd_IN@devanagari", "sd-Deva-IN"),
        ("en_US@calendar=japanese", "en-US"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("zh_HANT_tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("yue", "yue"),
        ("ca-ES-VALENCIA", "ca-ES-valencia"),
        ("sl-rozaj-biske", "sl-biske-rozaj"),
        ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("EN-US-U-HC-H12-CA-GREGORY", "en-US-u-ca-gregory-hc-h12"),
        ("de-x-Own", "de-x-own"),
        ("en-US-posix", "en-US-posix"),
        // The three that have other names since 1989 stay: nothing is renamed.
        ("iw-IL", "iw-IL"),
        ("und", "und"),
        // An app's language and country where there is no country.
        ("en-", "en"),
        ("fr_", "fr"),
        ("C", "!invalid-locale"),
        ("C.UTF-8", "!invalid-locale"),
        ("POSIX", "!invalid-locale"),
        ("English", "!invalid-locale"),
        ("en-USA", "!invalid-locale"),
        ("en US", "!invalid-locale"),
        ("en,de", "!invalid-locale"),
        ("en--US", "!invalid-locale"),
        ("-US", "!invalid-locale"),
        ("_", "!invalid-locale"),
        ("undefined", "!invalid-locale"),
        ("[object Object]", "!invalid-locale"),
        ("de_DE@nobody", "!invalid-locale"),
        ("en-US-u", "!invalid-locale"),
        ("i-klingon", "!invalid-locale"),
        ("zh-yue-HK", "!invalid-locale"),
        ("日本語", "!invalid-locale"),
        ("", "-"),
        ("   ", "-"),
    ];
    let enrichments = Enrichments::built_in();
    check(rows.map(|(sent, expected)| {
        let context = json!({ "locale": sent }).to_string();
        let facts = worked_out(&enrichments, &page_view("server", &context));
        (sent, told(facts.locale.clone(), &facts), expected)
    }));
}

#[test]
fn what_the_sender_says_of_the_language_wins_over_the_header_which_is_kept_where_it_differs() {
    let header = "de-DE,de;q=0.9,en;q=0.5";
    let rows = [
        ("browser | - | -", "-"),
        ("browser | - | de-DE,de;q=0.9,en;q=0.5", "de-DE"),
        ("mobile | - | en;q=0.5,fr-ca;q=0.8", "fr-CA"),
        ("server | - | de-DE", "-"),
        ("server | en-US | de-DE", "en-US"),
        ("browser | de-DE | de-DE,en;q=0.5", "de-DE"),
        ("browser | de_de | de-DE,en;q=0.5", "de-DE"),
        ("browser | de | de-DE,en;q=0.5", "de"),
        ("browser | de-DE | de,en;q=0.5", "de-DE"),
        ("browser | de-DE | de-AT", "de-DE locale~de-AT"),
        ("browser | en-US | de-DE,en-US;q=0.9", "en-US locale~de-DE"),
        ("browser | en-US | en-US;q=0.1,sv", "en-US locale~sv"),
        ("browser | zh-Hans | zh-Hant", "zh-Hans"),
        ("browser | english | de-DE", "!invalid-locale locale~de-DE"),
        ("browser | en-US | nonsense", "en-US"),
    ];
    let enrichments = Enrichments::built_in();
    check(rows.map(|(row, expected)| {
        let [kind, locale, header] = row.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let sent = |text: &str| (text != "-").then(|| text.to_owned());
        let request = RequestFacts { accept_language: sent(header), ..RequestFacts::default() };
        let context = json!({ "locale": sent(locale) }).to_string();
        let facts = worked_out(&enrichments, &requested(kind, &context, request));
        (row, told(facts.locale.clone(), &facts), expected)
    }));
    let other = json!({ "locale": 5 }).to_string();
    let request =
        RequestFacts { accept_language: Some(header.to_owned()), ..RequestFacts::default() };
    let facts = worked_out(&enrichments, &requested("browser", &other, request));
    assert_eq!(facts.locale.as_deref(), Some("de-DE"), "a locale that is no text is none");
}

#[test]
fn a_time_zone_becomes_its_name_in_the_iana_database_or_a_flag() {
    let rows = [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        (" America/New_York ", "America/New_York"),
        ("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires"),
        ("Europe/Kyiv", "Europe/Kyiv"),
        ("Asia/Ho_Chi_Minh", "Asia/Ho_Chi_Minh"),
        // Links are names too, and stay.
        ("Europe/Kiev", "Europe/Kiev"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("US/Pacific", "US/Pacific"),
        ("Japan", "Japan"),
        ("EST", "EST"),
        ("CET", "CET"),
        ("PST8PDT", "PST8PDT"),
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("GMT", "GMT"),
        ("Zulu", "Zulu"),
        ("Etc/UTC", "Etc/UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("etc/gmt-14", "Etc/GMT-14"),
        ("Antarctica/Troll", "Antarctica/Troll"),
        ("+02:00", "!invalid-timezone"),
        ("GMT+2", "!invalid-timezone"),
        ("UTC+02:00", "!invalid-timezone"),
        ("Z", "!invalid-timezone"),
        ("CEST", "!invalid-timezone"),
        ("PST", "!invalid-timezone"),
        ("Factory", "!invalid-timezone"),
        ("Etc/Unknown", "!invalid-timezone"),
        ("Europe", "!invalid-timezone"),
        ("Berlin", "!invalid-timezone"),
        ("Europe/Bielefeld", "!invalid-timezone"),
        ("America/New York", "!invalid-timezone"),
        ("W. Europe Standard Time", "!invalid-timezone"),
        ("../etc/passwd", "!invalid-timezone"),
        ("120", "!invalid-timezone"),
        ("", "-"),
    ];
    let enrichments = Enrichments::built_in();
    check(rows.map(|(sent, expected)| {
        let facts = facts(&enrichments, &json!({ "timezone": sent }));
        (sent, told(facts.timezone.clone(), &facts), expected)
    }));
}

fn track(properties: &str) -> Event {
    let (kind, event) = ("track".to_owned(), Some("Order Completed".to_owned()));
    Event { kind, event, properties: properties.to_owned(), ..page_view("server", "{}") }
}

fn money(facts: &EnrichmentFacts) -> Option<String> {
    let money = facts.money.as_ref()?;
    let amounts = money.amounts.iter().map(|it| format!("{}={}", it.property, it.value));
    Some(money.currency.clone().into_iter().chain(amounts).collect::<Vec<_>>().join(" "))
}

#[test]
fn amounts_become_decimals_digit_by_digit_and_what_is_none_a_flag() {
    let rows = [
        (r#"{"revenue":12.5,"currency":"EUR"}"#, "EUR revenue=12.5"),
        (r#"{"revenue":1.10,"currency":"usd"}"#, "USD revenue=1.10"),
        (r#"{"revenue":"1.10","currency":" eur "}"#, "EUR revenue=1.10"),
        (
            r#"{"total":30,"subtotal":"22.50","tax":2,"shipping":3.0,"discount":2.50,"currency":"USD"}"#,
            "USD discount=2.50 shipping=3.0 subtotal=22.50 tax=2 total=30",
        ),
        (r#"{"currency":"JPY","price":18.99,"quantity":2}"#, "JPY price=18.99"),
        (r#"{"revenue":-5,"currency":"KWD"}"#, "KWD revenue=-5"),
        (r#"{"revenue":1e3,"currency":"EUR"}"#, "EUR revenue=1000"),
        (
            r#"{"revenue":0.1234567890123456789e2,"currency":"EUR"}"#,
            "EUR revenue=12.345678901 !rounded-amount",
        ),
        (r#"{"revenue":59.980000000000004,"currency":"EUR"}"#, "EUR revenue=59.98 !rounded-amount"),
        (
            r#"{"revenue":12345678901234567890.12,"currency":"EUR"}"#,
            "EUR revenue=12345678901234567890.12",
        ),
        (r#"{"revenue":1e40,"currency":"EUR"}"#, "EUR !invalid-amount"),
        (r#"{"revenue":"1,234.50","currency":"EUR"}"#, "EUR !invalid-amount"),
        (r#"{"revenue":"€5","tax":1,"currency":"EUR"}"#, "EUR tax=1 !invalid-amount"),
        (r#"{"revenue":"5 EUR"}"#, "!invalid-amount"),
        (r#"{"revenue":true,"tax":[1],"price":{"amount":1}}"#, "!invalid-amount"),
        (r#"{"revenue":"","currency":"EUR"}"#, "EUR !invalid-amount"),
        (r#"{"revenue":null,"currency":null}"#, "-"),
        (r#"{"revenue":5}"#, "revenue=5 !no-currency"),
        (r#"{"total":5,"currency":null}"#, "total=5 !no-currency"),
        (r#"{"price":5}"#, "price=5"),
        (r#"{"currency":"EUR"}"#, "EUR"),
        (r#"{"revenue":5,"currency":"EURO"}"#, "revenue=5 !unknown-currency"),
        (r#"{"revenue":5,"currency":"€"}"#, "revenue=5 !unknown-currency"),
        (r#"{"revenue":5,"currency":978}"#, "revenue=5 !unknown-currency"),
        (r#"{"revenue":5,"currency":"DEM"}"#, "revenue=5 !unknown-currency"),
        (r#"{"revenue":5,"currency":"XXX"}"#, "revenue=5 !unknown-currency"),
        (r#"{"currency":""}"#, "!unknown-currency"),
        (r#"{"revenue":5,"currency":"BTC"}"#, "revenue=5 !unknown-currency"),
        (r#"{"value":7}"#, "value=7"),
        (r#"{"value":"7.25"}"#, "value=7.25"),
        (r#"{"value":"blue"}"#, "-"),
        (r#"{"value":{"a":1}}"#, "-"),
        (r#"{"revenue":1,"revenue":2,"currency":"EUR"}"#, "EUR revenue=2"),
        (r#"{"r\u0065venue":3,"currency":"EUR"}"#, "EUR revenue=3"),
        (r#"{"Revenue":3}"#, "-"),
        (r#"{"products":[{"price":5,"currency":"EUR"}]}"#, "-"),
        (r#"{"note":"revenue","plan":"pro"}"#, "-"),
        ("{}", "-"),
    ];
    let enrichments = Enrichments::built_in();
    check(rows.map(|(sent, expected)| {
        let facts = worked_out(&enrichments, &track(sent));
        (sent, told(money(&facts), &facts), expected)
    }));
}

#[test]
fn only_track_events_tell_of_money() {
    let enrichments = Enrichments::built_in();
    for kind in ["page", "screen", "identify", "group", "alias"] {
        let event =
            Event { kind: kind.to_owned(), ..track(r#"{"revenue":"€5","currency":"EUR"}"#) };
        let facts = worked_out(&enrichments, &event);
        assert_eq!((facts.money, facts.flags), (None, Vec::<String>::new()), "{kind}");
    }
}
