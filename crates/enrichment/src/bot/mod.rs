//! Signs that no person did this. A sign is a fact: what becomes of the event, its source says.
//!
//! The signs are a closed list (`sign.rs`), and any of them counts. They are looked for in the
//! user agent text of the end user, in client hints, in what the page's browser says of itself
//! (`context.webdriver`) and in whose network the address is.
//!
//! A server's source has no end user's request, so only what it says in its context counts. Apps
//! send through HTTP libraries, which every list of bots names, under texts of their own making:
//! what ingest saw of an app's request is no sign, and neither is a library's name in its context
//! or in that of a server. A text that is missing is no sign either: privacy tools take it out.

mod datacenters;
mod programs;
mod settings;
mod sign;

use std::{borrow::Cow, sync::Arc};

use datacenters::Datacenters;
use event::{BotFacts, Event};
use programs::Programs;
pub use settings::BotSettings;
use sign::Sign;
pub(crate) use sign::Signs;

use crate::{
    ContextView, Enrichment, Facts, SettingsProblem, Subject,
    agent_text::AgentTexts,
    context_view::of_the_end_user,
    user_agent::{end_users_text, start},
};

/// Looks for every sign.
pub(crate) struct Bot {
    programs: Programs,
    datacenters: Datacenters,
    texts: Arc<AgentTexts>,
    version: String,
}

impl Enrichment for Bot {
    fn name(&self) -> &'static str {
        "bot"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/userAgent",
            "/request/user_agent",
            "/context/userAgentData",
            "/request/client_hints",
            "/context/device",
            "/context/os",
            "/context/webdriver",
            "/context/ip",
            "/request/ip",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Subject { event, context, .. } = *subject;
        let mut signs = self.in_text(event, context);
        signs.add_if(Sign::Headless, hints_say_headless(event, context));
        signs.add_if(Sign::Automation, context.webdriver);
        let asn = facts.network.as_ref().and_then(|network| network.asn);
        let is_datacenter = asn.is_some_and(|asn| self.datacenters.contains(asn));
        signs.add_if(Sign::Datacenter, is_datacenter && event.source_kind != "server");
        let limit = subject.bots().events_per_minute;
        facts.bot = BotFacts {
            is_bot: signs != Signs::default(),
            indicators: signs.words(),
            class: signs.class().map(Cow::Borrowed),
            rate_limit: limit.map(|limit| i32::try_from(limit.get()).unwrap_or(i32::MAX)),
        };
    }
}

impl Bot {
    pub(crate) fn new(
        settings: &BotSettings,
        texts: Arc<AgentTexts>,
        problems: &mut Vec<SettingsProblem>,
    ) -> Self {
        let programs = Programs::built_in();
        let datacenters = Datacenters::new(settings, problems);
        let lists = (programs.version(), datacenters.version());
        let version =
            format!("1 isbot-0.1.3 woothee-0.13.0 bots-{} datacenters-{}", lists.0, lists.1);
        Self { programs, datacenters, texts, version }
    }

    fn in_text(&self, event: &Event<&str>, context: &ContextView<'_>) -> Signs {
        let kind = event.source_kind;
        let Some((text, from)) = end_users_text(event, context) else { return Signs::default() };
        if kind == "mobile" && from == "request" {
            return Signs::default();
        }
        let signs = *self
            .texts
            .get(start(&text), |_| Arc::default())
            .signs
            .get_or_init(|| self.programs.signs(start(&text)));
        let is_own_library = kind != "browser" && signs.are_of_a_library();
        if is_own_library { Signs::default() } else { signs }
    }
}

/// Chrome names itself differently in its hints where it has no window.
fn hints_say_headless(event: &Event<&str>, context: &ContextView<'_>) -> bool {
    let says_so = |hints: &str| hints.contains("HeadlessChrome");
    let seen = || of_the_end_user(event)?.client_hints;
    context.user_agent_data.is_some_and(says_so)
        || event.source_kind == "browser" && seen().is_some_and(says_so)
}

#[cfg(test)]
mod tests {
    use event::NetworkFacts;
    use serde_json::json;
    use tracking_plan::SourceConfig;

    use super::*;

    fn event(kind: &str) -> Event {
        let mut event: Event = serde_json::from_value(json!({
            "source": "web/app", "source_kind": kind, "environment": "production", "type": "page",
            "message_id": "m-1", "timestamp": 0, "received_at": 0, "context": "{}",
            "properties": "{}", "traits": "{}", "integrations": "{}", "extra": "{}",
        }))
        .unwrap();
        event.source_kind = kind.to_owned();
        event
    }

    fn judged(kind: &str, asn: Option<i64>, source: Option<&SourceConfig>) -> BotFacts {
        let settings = BotSettings { datacenter_asns: vec![64_500] };
        let bot = Bot::new(&settings, Arc::default(), &mut Vec::new());
        let (event, context) = (event(kind), ContextView::default());
        let network = NetworkFacts { asn, organisation: None };
        let mut facts = Facts { network: Some(network), ..Facts::default() };
        let event = event.in_place();
        let subject = Subject { event: &event, context: &context, appended_at: 0, source };
        bot.apply(&subject, &mut facts);
        let BotFacts { is_bot, indicators, class, rate_limit } = facts.bot;
        let indicators = indicators.into_iter().map(Cow::into_owned).collect();
        BotFacts { is_bot, indicators, class: class.map(Cow::into_owned), rate_limit }
    }

    #[test]
    fn an_address_of_a_data_centre_is_a_sign_unless_a_server_sent_it() {
        for (kind, asn, expected) in [
            ("browser", Some(16_509), true),
            ("mobile", Some(16_509), true),
            ("server", Some(16_509), false),
            ("browser", Some(64_500), true),
            ("browser", Some(3320), false),
            ("browser", Some(-1), false),
            ("browser", None, false),
        ] {
            let bot = judged(kind, asn, None);
            assert_eq!(bot.indicators == ["datacenter"], expected, "{kind} {asn:?}");
            assert_eq!(bot.class.as_deref(), expected.then_some("bot"), "{kind} {asn:?}");
        }
    }

    #[test]
    fn the_sources_rate_is_declared_for_whoever_counts() {
        let source = |limit: u32| -> SourceConfig {
            serde_json::from_value(json!({
                "kind": "browser", "environment": "production", "write_keys": ["k"],
                "bots": { "events_per_minute": limit },
            }))
            .unwrap()
        };
        assert_eq!(judged("browser", None, Some(&source(600))).rate_limit, Some(600));
        assert_eq!(judged("server", None, Some(&source(u32::MAX))).rate_limit, Some(i32::MAX));
        assert_eq!(judged("browser", None, None).rate_limit, None);
    }
}
