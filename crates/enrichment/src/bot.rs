//! Signs that no person did this. A sign is never a reason to drop the event: it is a fact.

use event::{BotFacts, EnrichmentFacts, Event, UserAgentFacts};
use isbot::Bots;

use crate::{Enrichment, Subject};

/// Parts of user agent texts, in lower case, of browsers that no person looks at.
const HEADLESS: [&str; 3] = ["headless", "phantomjs", "slimerjs"];

/// Looks at the end user's user agent text, in three ways; any sign counts.
#[derive(Default)]
pub(crate) struct Bot {
    list: Bots,
}

impl Enrichment for Bot {
    fn name(&self) -> &'static str {
        "bot"
    }

    fn version(&self) -> &'static str {
        "1 isbot-0.1.3"
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { event, .. } = *subject;
        let agent = facts.user_agent.as_ref().filter(|agent| !is_app_library(event, agent));
        facts.bot = agent.map(|agent| self.judge(agent)).unwrap_or_default();
    }
}

/// Apps send through HTTP libraries, and every list of bots names those (`okhttp`).
fn is_app_library(event: &Event, agent: &UserAgentFacts) -> bool {
    event.source_kind == "mobile" && agent.taken_from == "request"
}

impl Bot {
    fn judge(&self, agent: &UserAgentFacts) -> BotFacts {
        let lower = agent.text.to_ascii_lowercase();
        let signs = [
            ("user-agent-list", self.list.is_bot(&agent.text)),
            ("woothee-crawler", agent.device_class.as_deref() == Some("crawler")),
            ("headless", HEADLESS.iter().any(|part| lower.contains(part))),
        ];
        let present = signs.into_iter().filter(|(_, seen)| *seen);
        let indicators: Vec<String> = present.map(|(name, _)| name.to_owned()).collect();
        let is_bot = !indicators.is_empty();
        BotFacts { is_bot, indicators, class: is_bot.then(|| "bot".to_owned()), rate_limit: None }
    }
}
