//! The events of the bench: visits of many devices.

use event::{RawEvent, RequestFacts};

use crate::bench_plans::Planned;

const DEVICES: usize = 20_000;
const PAGES: usize = 500;
/// Systems as user agents tell them; together with the versions they make 1,600 texts.
const SYSTEMS: [&str; 8] = [
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "X11; CrOS x86_64 14541.0.0",
    "Linux; Android 10; K",
    "Linux; Android 14; SM-S921B",
    "Linux; Android 13; Pixel 7",
    "Windows NT 10.0; WOW64",
];

/// The event of this number; its name is one of such a plan.
pub(crate) fn raw_event(number: usize, planned: Planned) -> RawEvent {
    let text = |text: &str| Some(text.to_owned());
    let device = number % DEVICES;
    let agent = user_agent(device);
    // No two neighbours are of one page, as on a busy site.
    let page = number % PAGES;
    RawEvent {
        source: text("web/app"),
        kind: text("track"),
        message_id: Some(format!("bench-{number}")),
        anonymous_id: Some(format!("device-{device}")),
        user_id: number.is_multiple_of(4).then(|| format!("user-{device}")),
        event: Some(planned.name_of(number)),
        timestamp: text("2026-11-23T10:00:00.000Z"),
        sent_at: text("2026-11-23T10:00:00.500Z"),
        received_at: text("2026-11-23T10:00:00.700Z"),
        context: Some(format!(
            r#"{{"page":{{"url":"https://shop.example/p/{page}?utm_source=news&utm_medium=email&utm_campaign=autumn","path":"/p/{page}","referrer":"https://www.google.com/","title":"A product"}},"userAgent":"{agent}","locale":"en-GB","timezone":"Europe/London","library":{{"name":"analytics.js","version":"next-1.84.3"}}}}"#
        )),
        properties: text(
            r#"{"product_id":"17","name":"A product","price":12.50,"currency":"EUR"}"#,
        ),
        request: Some(request(device, agent).into()),
        ..RawEvent::default()
    }
}

fn user_agent(device: usize) -> String {
    let system = SYSTEMS[device % SYSTEMS.len()];
    let version = 100 + device / SYSTEMS.len() % 40;
    let build = device / SYSTEMS.len() / 40 % 5;
    format!(
        "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.{build}.0 Safari/537.36"
    )
}

/// As ingest sees it. The databases of the bench know the address.
fn request(device: usize, user_agent: String) -> RequestFacts {
    RequestFacts {
        ip: Some(format!("93.184.{}.{}", device / 256 % 256, device % 256)),
        user_agent: Some(user_agent),
        origin: Some("https://shop.example".to_owned()),
        referer: Some("https://shop.example/".to_owned()),
        accept_language: Some("en-GB,en;q=0.9".to_owned()),
        ..RequestFacts::default()
    }
}
