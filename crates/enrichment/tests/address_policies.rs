//! What is left of addresses: under each policy, and wherever they stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enrichment::{Enrichments, IpPolicy, IpSettings, Settings};
use event::{
    EnrichedEvent, EnrichmentFacts, Event, RequestFacts, ValidationFacts, codec::Encoder, schema,
};
use proptest::prelude::*;
use sent::{applied, requested};
use tracking_plan::plan::HashKey;

const DAY_MS: i64 = 86_400_000;

fn settings(policy: IpPolicy) -> Settings {
    let hash_key = Some(HashKey::try_from("k".repeat(32)).unwrap());
    Settings { ip: IpSettings { policy, hash_key, rotate_days: 1 }, ..Settings::default() }
}

fn request(ip: &str) -> RequestFacts {
    RequestFacts { ip: Some(ip.to_owned()), ..RequestFacts::default() }
}

/// The event and its facts after a policy.
fn after(policy: IpPolicy, event: &Event) -> (Event, EnrichmentFacts) {
    applied(&Enrichments::new(&settings(policy)).unwrap(), event, 20_000 * DAY_MS)
}

fn request_ip(event: &Event) -> Option<&str> {
    event.request.as_ref().unwrap().ip.as_deref()
}

#[test]
fn each_policy_leaves_what_it_says_at_every_place_and_tells_so() {
    const HASH: &str = "7933ccb188efb1b172a7dfdf8d62cea9";
    let hashed = format!(r#"{{"a": 1, "ip":"{HASH}","b":[1.00]}}"#);
    let rows = [
        (IpPolicy::Keep, r#"{"a": 1, "ip" : "1.2.3.4", "b":[1.00]}"#, Some("1.2.3.4"), "keep"),
        (IpPolicy::Truncate, r#"{"a":1,"ip":"1.2.3.0","b":[1.00]}"#, Some("1.2.3.0"), "truncate"),
        (IpPolicy::Hash, &hashed.replace("a\": 1, ", "a\":1,"), Some(HASH), "hash"),
        (IpPolicy::Drop, r#"{"a":1,"b":[1.00]}"#, None, "drop"),
    ];
    for (policy, context, left, word) in rows {
        let sent = requested("browser", rows[0].1, request("1.2.3.4"));
        let (event, facts) = after(policy, &sent);
        assert_eq!(event.context, context, "{word}");
        assert_eq!(request_ip(&event), left, "{word}");
        let ip = facts.ip.unwrap();
        assert_eq!((ip.address.as_deref(), ip.policy.as_str()), (left, word));
        let removed = [format!("/context/ip {word}"), format!("/request/ip {word}")];
        let expected: &[String] = if policy == IpPolicy::Keep { &[] } else { &removed };
        assert_eq!(facts.removed, expected, "{word}");
    }
}

#[test]
fn an_address_of_which_nothing_may_be_recorded_takes_the_requests_with_it() {
    for policy in [IpPolicy::Keep, IpPolicy::Truncate, IpPolicy::Hash, IpPolicy::Drop] {
        let (event, facts) =
            after(policy, &requested("browser", r#"{"ip":"0.0.0.0"}"#, request("9.9.9.9")));
        assert_eq!(event.context, r#"{"ip":"0.0.0.0"}"#);
        assert_eq!(request_ip(&event), None, "{policy:?}");
        assert_eq!(facts.removed, ["/request/ip drop"]);
        assert_eq!(facts.ip.unwrap().policy, "drop");
    }
}

#[test]
fn what_is_no_address_is_dropped_unless_all_is_kept() {
    let sent = requested("server", r#"{"ip":"10.0.0.1, 8.8.8.8"}"#, request("?8.8.4.4"));
    for policy in [IpPolicy::Truncate, IpPolicy::Hash, IpPolicy::Drop] {
        let (event, facts) = after(policy, &sent);
        assert_eq!((event.context.as_str(), request_ip(&event)), ("{}", None), "{policy:?}");
        assert_eq!(facts.removed, ["/context/ip drop", "/request/ip drop"]);
        let ip = facts.ip.unwrap();
        assert_eq!((ip.kind.as_str(), ip.address, ip.policy.as_str()), ("invalid", None, "drop"));
    }
    let (event, facts) = after(IpPolicy::Keep, &sent);
    assert_eq!(event, sent);
    assert_eq!(facts.ip.unwrap().address.as_deref(), Some("10.0.0.1, 8.8.8.8"));
}

/// The bytes that travel on, as text.
fn encoded(event: Event, enrichment: EnrichmentFacts) -> String {
    let encoder = Encoder::new(&schema::ENRICHED_EVENTS, 7).unwrap();
    let whole = EnrichedEvent { event, validation: ValidationFacts::default(), enrichment };
    String::from_utf8_lossy(&encoder.encode(&whole).unwrap()).into_owned()
}

/// Contexts of a browser's event whose request came from 8.8.4.4.
const PLACEMENTS: [&str; 16] = [
    "{}",
    r#"{"ip":"8.8.4.4"}"#,
    r#"{"\u0069p":"8.8.4.4"}"#,
    r#"{"ip":"8.8.4.4:1","ip":"::ffff:8.8.4.4"}"#,
    r#"{"ip":["8.8.4.4"]}"#,
    r#"{"ipAddress":"8.8.4.4"}"#,
    r#"{"ip_address":"8.8.4.4","device":{"ip":"8.8.4.4","model":"x"}}"#,
    r#"{"device":{"ipAddress":"8.8.4.4"}}"#,
    r#"{"ip":"2600:1F18:0:0::7","seen":["2600:1F18:0:0::7","2600:1f18::7 8.8.4.4"]}"#,
    r#"{"headers":{"x-forwarded-for":"8.8.4.4, 10.0.0.1","8.8.4.4":true}}"#,
    r#"{"page":{"url":"https://a.example/8.8.4.4?ip=8.8.4.4#8.8.4.4","title":"8.8.4.4"}}"#,
    r#"{"page":{"url":"https://8.8.4.4/","referrer":"https://8.8.4.4:80/?8.8.4.4"}}"#,
    r#"{"campaign":{"name":"8.8.4.4","source":"8.8.4.4"},"userAgent":"Mozilla/5.0 (8.8.4.4)"}"#,
    r#"{"locale":"8.8.4.4","timezone":"8.8.4.4","location":{"city":"8.8.4.4"}}"#,
    r#"{"page":{"url":"https://a.example/?utm_source=8.8.4.4&gclid=8.8.4.4"}}"#,
    r#"{"ip":"8.8.4.4","device":{"name":"of 8.8.4.4"}}"#,
];

#[test]
fn no_byte_of_the_full_address_travels_on_wherever_it_stood() {
    for policy in [IpPolicy::Truncate, IpPolicy::Hash, IpPolicy::Drop] {
        for context in PLACEMENTS {
            let seen = RequestFacts {
                user_agent: Some("relay for 8.8.4.4".to_owned()),
                referer: Some("https://a.example/?8.8.4.4".to_owned()),
                client_hints: Some(r#"{"sec-ch-x":"8.8.4.4"}"#.to_owned()),
                ..request("8.8.4.4")
            };
            let mut sent = requested("browser", context, seen);
            r#"{"request_ip":"8.8.4.4:50","forwarded":"for=8.8.4.4"}"#.clone_into(&mut sent.extra);
            let (event, facts) = after(policy, &sent);
            let all = encoded(event.clone(), facts);
            for full in ["8.8.4.4", "2600:1f18::7", "2600:1F18:0:0::7"] {
                assert!(!all.contains(full), "{policy:?} {context}: {all}");
            }
            let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert!(is_json(&event.context) && is_json(&event.extra), "{context}: {event:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_address_only_what_the_policy_leaves_travels_on(
        address in prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits | 1))),
            any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits | 1))),
        ],
        policy in prop::sample::select(&[IpPolicy::Truncate, IpPolicy::Hash, IpPolicy::Drop][..]),
    ) {
        let context = format!(r#"{{"ip":" {address} ","device":{{"ip":"{address}"}}}}"#);
        let sent = requested("browser", &context, request(&address.to_string()));
        let (event, facts) = after(policy, &sent);
        let left = facts.ip.clone().unwrap().address;
        prop_assert_eq!(request_ip(&event), left.as_deref());
        let all = encoded(event, facts);
        prop_assert!(!all.contains(&address.to_string()), "{}", all);
    }
}

#[test]
fn an_address_that_names_nobody_is_left_where_it_is_no_address_of_the_user() {
    let context = r#"{"ip":"127.0.0.1","page":{"url":"http://127.0.0.1:3000/"}}"#;
    let (event, facts) =
        after(IpPolicy::Truncate, &requested("browser", context, request("127.0.0.1")));
    assert_eq!(event.context, r#"{"ip":"127.0.0.0","page":{"url":"http://127.0.0.1:3000/"}}"#);
    assert_eq!(facts.removed, ["/context/ip truncate", "/request/ip truncate"]);
}

#[test]
fn what_a_sender_puts_into_his_own_properties_is_his() {
    let mut sent = requested("browser", "{}", request("8.8.4.4"));
    r#"{"ip":"8.8.4.4"}"#.clone_into(&mut sent.properties);
    assert_eq!(after(IpPolicy::Truncate, &sent).0.properties, sent.properties);
}

#[test]
fn a_hash_tells_the_same_address_within_a_day_and_nothing_across_days() {
    let enrichments = Enrichments::new(&settings(IpPolicy::Hash)).unwrap();
    let at = |appended_at: i64, ip: &str| {
        let event = requested("browser", "{}", request(ip));
        applied(&enrichments, &event, appended_at).1.ip.unwrap().address.unwrap()
    };
    let first = at(20_000 * DAY_MS, "8.8.4.4");
    assert_eq!(at(20_001 * DAY_MS - 1, "::ffff:8.8.4.4"), first);
    assert_ne!(at(20_001 * DAY_MS, "8.8.4.4"), first);
    assert_ne!(at(20_000 * DAY_MS, "8.8.4.5"), first);
}

#[test]
fn settings_that_cannot_stand_are_told() {
    let told = |settings: &Settings| -> Vec<String> {
        let problems = Enrichments::new(settings).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    };
    let without_key = Settings {
        ip: IpSettings { policy: IpPolicy::Hash, hash_key: None, rotate_days: 0 },
        ..Settings::default()
    };
    let problems = told(&without_key);
    assert!(problems[0].starts_with("enrich.ip.hash_key: ") && problems[0].contains("openssl"));
    assert!(problems[1].starts_with("enrich.ip.rotate_days: "), "{problems:?}");
    let disabled = Settings { disabled: vec!["ip-policy".to_owned()], ..Settings::default() };
    assert!(told(&disabled)[0].contains("policy = \"keep\""), "{:?}", told(&disabled));
    assert!(told(&settings(IpPolicy::Hash)).is_empty());
}

#[test]
fn addresses_are_cut_even_where_no_fact_of_them_is_wanted() {
    let settings = Settings { disabled: vec!["ip".to_owned()], ..Settings::default() };
    let sent = requested("browser", r#"{"ip":"8.8.4.4"}"#, request("8.8.4.4"));
    let (event, facts) = applied(&Enrichments::new(&settings).unwrap(), &sent, 0);
    assert_eq!((facts.ip, request_ip(&event)), (None, Some("8.8.4.0")));
    assert_eq!(event.context, r#"{"ip":"8.8.4.0"}"#);
}
