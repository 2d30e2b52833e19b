//! What becomes of programs' events, from the user agent to the verdict.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use enrich::EnrichStep;
use enrichment::Enrichments;
use event::{Origin, ValidatedEvent, Waybill};
use pipeline::{Context, DiscardReason, Verdict};
use serde_json::json;
use tracking_plan::{LiveCatalog, SourceCatalog};

const CONTEXT: Context = Context {
    waybill: Waybill {
        origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
        appended_at: 1_795_428_931_000,
    },
    redriven: false,
};

const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const MONITOR: &str = "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/129.0.0.0 DatadogSynthetics";
const PREVIEW: &str = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)";

/// The step where the source of the example has these policies (TOML).
fn step(bots: &str) -> EnrichStep {
    let sources = format!(
        "[\"web/app\"]\nkind = \"browser\"\nenvironment = \"production\"\nwrite_keys = [\"k\"]\nbots = {bots}"
    );
    let catalog = SourceCatalog::new(toml::from_str(&sources).unwrap()).unwrap();
    EnrichStep::new(Enrichments::built_in(), LiveCatalog::new(catalog))
}

/// The verdict on the page view of this program: what it goes on as, or why it does not.
fn verdict(step: &EnrichStep, user_agent: &str) -> String {
    let text = include_str!("../../../avro/examples/validated-events/page-bot.json");
    let mut event: ValidatedEvent = serde_json::from_str(text).unwrap();
    assert_eq!(event.event.source, "web/app");
    event.event.context = json!({ "userAgent": user_agent }).to_string();
    match step.in_force().apply(&event, &CONTEXT) {
        Verdict::Emit(event) => {
            let bot = event.enrichment.bot;
            format!("{}, {:?}", bot.class.unwrap_or("person".into()), bot.rate_limit)
        }
        Verdict::Discard(discarded) => {
            assert_eq!(discarded.reason, DiscardReason::Bot);
            format!("discarded as {}", discarded.detail)
        }
        Verdict::Reject(rejected) => panic!("{rejected:?}"),
    }
}

#[test]
fn a_source_keeps_programs_flagged_unless_it_says_otherwise() {
    let step = step("{}");
    let told = [PERSON, CRAWLER, MONITOR, PREVIEW].map(|agent| verdict(&step, agent));
    assert_eq!(told, ["person, None", "bot, None", "monitoring, None", "preview, None"]);
}

#[test]
fn a_source_discards_the_classes_that_it_names_with_the_signs() {
    let step = step(r#"{ bot = "discard", preview = "discard", events_per_minute = 600 }"#);
    let told = [PERSON, CRAWLER, MONITOR, PREVIEW].map(|agent| verdict(&step, agent));
    assert_eq!(
        told,
        [
            "person, Some(600)",
            "discarded as bot: user-agent-list, crawler",
            "monitoring, Some(600)",
            "discarded as preview: user-agent-list, crawler, preview",
        ]
    );
}
