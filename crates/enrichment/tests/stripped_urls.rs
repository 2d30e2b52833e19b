//! What is taken out of URLs, and where.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;
mod table;

use enrichment::{Enrichments, Settings};
use event::{EnrichmentFacts, Event, RequestFacts};
use proptest::prelude::*;
use sent::{applied, page_view, requested};
use serde_json::{Value, json};
use table::{check, rows, same};

/// The event as it travels on, and its facts.
fn stripped(enrichments: &Enrichments, event: &Event) -> (Event, EnrichmentFacts) {
    applied(enrichments, event, 0)
}

fn page_url(event: &Event) -> String {
    let context: Value = serde_json::from_str(&event.context).unwrap();
    context["page"]["url"].as_str().unwrap().to_owned()
}

#[test]
fn what_must_not_be_stored_is_taken_out_of_a_url_and_every_other_byte_stays() {
    let enrichments = Enrichments::built_in();
    check(rows(include_str!("tables/stripped_urls.txt")), |[url, expected, removed]| {
        let sent = page_view("browser", &json!({ "page": { "url": url } }).to_string());
        let (event, facts) = stripped(&enrichments, &sent);
        let told = facts.removed.iter().map(|it| it.trim_start_matches("/context/page/url").trim());
        let told = if facts.removed.is_empty() {
            "-".to_owned()
        } else {
            told.collect::<Vec<_>>().join(", ")
        };
        let left = page_url(&event);
        assert_eq!(facts.page.unwrap().url, left, "{url}");
        assert_eq!(event == sent, expected == "same", "{url}");
        let left = if left == url { "same" } else { &left };
        same(url, &format!("{left} | {told}"), &format!("{expected} | {removed}"))
    });
}

/// One place with the secret, and what is told of it.
fn placements() -> Vec<(Event, &'static str)> {
    let url = "https://a.example/x?a=1&token=hush5";
    let of = |context: Value| page_view("browser", &context.to_string());
    let called = |name: &str, value: &str| Event {
        properties: json!({ name: value }).to_string(),
        ..page_view("browser", "{}")
    };
    let referer = Some(url.to_owned());
    let request = RequestFacts { referer, ..RequestFacts::default() };
    vec![
        (of(json!({ "page": { "url": url } })), "/context/page/url?token"),
        (of(json!({ "page": { "search": "?token=hush5" } })), "/context/page/search?token"),
        (of(json!({ "page": { "search": "token=hush5" } })), "/context/page/search?token"),
        (of(json!({ "page": { "search": "hush5@a.example" } })), "/context/page/search?*"),
        (of(json!({ "page": { "referrer": url } })), "/context/page/referrer?token"),
        (of(json!({ "page": { "tab_url": url } })), "/context/page/tab_url?token"),
        (of(json!({ "page": { "path": "/x;jsessionid=hush5" } })), "/context/page/path?jsessionid"),
        (of(json!({ "referrer": { "url": url } })), "/context/referrer/url?token"),
        (of(json!({ "referrer": { "link": url } })), "/context/referrer/link?token"),
        (of(json!({ "campaign": { "term": "hush5@a.example" } })), "/context/campaign/term e-mail"),
        (of(json!({ "campaign": { "x": "hush5%40a.example" } })), "/context/campaign/x e-mail"),
        (called("url", url), "/properties/url?token"),
        (called("referrer", url), "/properties/referrer?token"),
        (called("search", "?token=hush5"), "/properties/search?token"),
        (called("path", "/x;jsessionid=hush5?y"), "/properties/path?jsessionid"),
        (requested("browser", "{}", request), "/request/referer?token"),
    ]
}

#[test]
fn a_secret_is_taken_out_of_every_place_that_holds_urls_and_out_of_the_facts() {
    let enrichments = Enrichments::built_in();
    for (event, told) in placements() {
        assert!(format!("{event:?}").contains("hush5"), "{told}");
        let (event, facts) = stripped(&enrichments, &event);
        assert_eq!(facts.removed, [told]);
        assert!(!format!("{event:?} {facts:?}").contains("hush5"), "{told}: {event:?} {facts:?}");
    }
}

#[test]
fn parameters_are_read_before_they_are_taken_out_but_for_e_mail_addresses() {
    let enrichments = Enrichments::new(&settings(&json!({ "add": ["gclid", "utm_source"] })));
    let enrichments = enrichments.unwrap_or_else(|problems| panic!("{problems:?}"));
    let url = "https://a.example/?gclid=g&utm_source=s&utm_term=j@a.example&mc_eid=j%40a.example";
    let context = json!({ "page": { "url": url }, "campaign": { "content": "other" } });
    for (context, beside) in [(json!({ "page": { "url": url } }), 0), (context, 1)] {
        let (event, facts) = stripped(&enrichments, &page_view("browser", &context.to_string()));
        assert_eq!(page_url(&event), "https://a.example/");
        assert_eq!(facts.click_ids.len(), 1);
        assert_eq!(facts.derived.len(), beside);
        let campaign = facts.campaign.unwrap();
        assert_eq!(campaign.term, None);
        assert_eq!(campaign.source.is_some(), beside == 0);
    }
}

fn settings(url_parameters: &Value) -> Settings {
    serde_json::from_value(json!({ "url_parameters": url_parameters })).unwrap()
}

#[test]
fn the_operator_adds_parameters_and_keeps_others() {
    let settings = settings(&json!({ "add": ["voucher_code"], "keep": ["Email", "contact"] }));
    let enrichments = Enrichments::new(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    let url =
        "https://a.example/?voucherCode=1&email=j@a.example&contact=k@a.example&u=l@a.example";
    let (event, facts) = stripped(
        &enrichments,
        &page_view("browser", &json!({ "page": { "url": url } }).to_string()),
    );
    assert_eq!(page_url(&event), "https://a.example/?email=j@a.example&contact=k@a.example");
    assert_eq!(facts.removed, ["/context/page/url?voucherCode", "/context/page/url?u"]);
}

#[test]
fn what_is_no_name_of_a_parameter_is_refused_with_its_key() {
    let settings = settings(&json!({ "add": ["a=b", "to_ken", "-"], "keep": ["Token", ""] }));
    let problems = Enrichments::new(&settings).err().unwrap();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for (problem, expected) in told.iter().zip([
        "enrich.url_parameters.add[0]: this is no name",
        "enrich.url_parameters.add[1]: it is also among url_parameters.keep",
        "enrich.url_parameters.add[2]: this is no name",
        "enrich.url_parameters.keep[1]: this is no name",
    ]) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert_eq!(told.len(), 4);
}

#[test]
fn texts_that_hold_no_url_of_the_page_stay_as_they_are() {
    let context = json!({
        "traits": { "email": "j@a.example", "url": "https://a.example/?token=s" },
        "page": { "title": "?token=s&j@a.example", "keywords": ["?token=s"] },
        "token": "?token=s",
    });
    let url = json!({ "url": "https://a.example/?token=s" }).to_string();
    let sent = Event {
        kind: "track".to_owned(),
        properties: url.clone(),
        traits: url,
        ..page_view("browser", &context.to_string())
    };
    let (event, facts) = stripped(&Enrichments::built_in(), &sent);
    assert_eq!(event, sent);
    assert_eq!(facts.removed, Vec::<String>::new());
}

#[test]
fn the_request_that_was_read_stays_whole() {
    let referer = Some("https://a.example/?token=s".to_owned());
    let sent = requested("browser", "{}", RequestFacts { referer, ..RequestFacts::default() });
    let (event, _) = stripped(&Enrichments::built_in(), &sent);
    assert_eq!(event.request.unwrap().referer.as_deref(), Some("https://a.example/"));
    assert!(sent.request.unwrap().referer.unwrap().contains("token"));
}

/// Parameters that stay, secrets (all have `hush` in their values), and what joins them.
fn any_url() -> impl Strategy<Value = String> {
    let harmless = "[a-c_%=éA-Z0-9.@+ /-]{0,8}";
    let secret = prop_oneof![
        "(token|Access-Token|%70assword|user\\[email\\]|;jsessionid)=hush[a-z?;=%0-9]{0,5}",
        "[a-z]{1,3}=hush(@|%40|%2540)mail\\.example",
        "next=%2Fx%3Ftoken%3Dhush",
        "hush@mail\\.example",
    ];
    let sign = prop::sample::select(&["?", "#", "&", ";", "/", "&amp;"][..]);
    let piece = (sign, prop_oneof![harmless, secret.boxed()]);
    let start = prop::sample::select(
        &["https://a.example/p", "https://u:hush@a.example", "/p", "", "//hush@a.example/p"][..],
    );
    (start, prop::collection::vec(piece, 0..6)).prop_map(|(start, pieces)| {
        pieces.iter().fold(start.to_owned(), |url, (sign, piece)| format!("{url}{sign}{piece}"))
    })
}

/// The text as JSON, some of its signs written as escapes.
fn escaped(text: &str, every: usize) -> String {
    let signs = text.chars().enumerate().map(|(at, c)| match c {
        c if at % every == 0 && c.is_ascii() => format!("\\u{:04x}", u32::from(c)),
        '"' | '\\' => format!("\\{c}"),
        '/' if at % 2 == 0 => "\\/".to_owned(),
        c => c.to_string(),
    });
    signs.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn nothing_that_was_taken_out_is_left_and_the_rest_keeps_its_bytes_and_order(
        url in any_url(), every in 1_usize..40, place in 0_usize..4,
    ) {
        thread_local! { static ENRICHMENTS: Enrichments = Enrichments::built_in(); }
        let member = ["url", "referrer", "search", "tab_url"][place];
        let text = escaped(&url, every);
        let json = format!("{{ \"{member}\" : \"{text}\",\"n\":1.0 }}");
        let context = format!("{{\"a\" :1e2,\"page\":{json} }}");
        let sent = Event { properties: json, ..page_view("browser", &context) };
        let (event, facts) = ENRICHMENTS.with(|all| stripped(all, &sent));
        let (again, more) = ENRICHMENTS.with(|all| stripped(all, &event));
        prop_assert_eq!(&event, &again);
        prop_assert!(more.removed.is_empty(), "{:?}", more.removed);
        if facts.removed.is_empty() {
            prop_assert_eq!(&event, &sent);
        }
        prop_assert!(event.context.starts_with("{\"a\" :1e2,\"page\":{ \""), "{}", event.context);
        prop_assert!(event.context.ends_with("\",\"n\":1.0 } }"), "{}", event.context);
        let left: Value = serde_json::from_str(&event.context).unwrap();
        let left = left["page"][member].as_str().unwrap();
        let mut rest = url.chars();
        prop_assert!(left.chars().all(|c| rest.any(|other| other == c)), "{} of {}", left, url);
    }

    #[test]
    fn no_secret_of_a_parameter_is_left(
        before in "[a-c=&%0-9]{0,6}", sign in "[?#]", secret in prop::sample::select(&[
            "token=hush", "PASS%77ORD=hush;x", "x[api_key]=hush?", "e=hush@mail.example",
            "e=a%20hush%40mail.example", "hush@mail.example", "to=%2F%3Femail%3Dhush",
            "to=%252F%253Fsig%253Dhush", "code=hush&state=hush", "\tto\nken=hush",
        ][..]),
        after in "(&[a-c=&%0-9;]{0,6})?", every in 1_usize..40,
    ) {
        thread_local! { static ENRICHMENTS: Enrichments = Enrichments::built_in(); }
        let url = format!("https://a.example/{before}{sign}{secret}{after}");
        let text = escaped(&url, every).replace('\t', "\\t").replace('\n', "\\n");
        let json = format!(r#"{{"url":"{text}","referrer":"{text}"}}"#);
        let request = RequestFacts { referer: Some(url), ..RequestFacts::default() };
        let context = format!(r#"{{"page":{json}}}"#);
        let sent = Event { properties: json, ..requested("browser", &context, request) };
        let (event, facts) = ENRICHMENTS.with(|all| stripped(all, &sent));
        prop_assert!(!format!("{event:?} {facts:?}").contains("hush"), "{event:?} {facts:?}");
    }
}
