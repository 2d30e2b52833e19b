//! The end user's browser and system.

use event::{EnrichmentFacts, Event, UserAgentFacts};
use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

use crate::{ContextView, Enrichment, Subject, context_view::of_the_end_user};

/// Reads the user agent text with woothee.
#[derive(Default)]
pub(crate) struct UserAgent {
    parser: Parser,
}

impl Enrichment for UserAgent {
    fn name(&self) -> &'static str {
        "user-agent"
    }

    fn version(&self) -> &'static str {
        "1 woothee-0.13.0"
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { event, context, .. } = *subject;
        facts.user_agent = end_users_text(event, context).map(|(text, from)| self.read(text, from));
    }
}

impl UserAgent {
    fn read(&self, text: &str, taken_from: &str) -> UserAgentFacts {
        let read = self.parser.parse(text).unwrap_or_default();
        UserAgentFacts {
            text: text.to_owned(),
            taken_from: taken_from.to_owned(),
            browser: known(read.name),
            browser_version: known(read.version),
            os: known(read.os),
            os_version: known(&read.os_version),
            device_class: known(read.category),
            device_brand: None,
            device_model: None,
        }
    }
}

/// What the sender says comes first: behind a proxy or an SDK the header is another program's.
fn end_users_text<'a>(
    event: &'a Event,
    context: &'a ContextView,
) -> Option<(&'a str, &'static str)> {
    let sent = context.user_agent.as_deref().map(|text| (text, "context"));
    let seen = || of_the_end_user(event)?.user_agent.as_deref().map(|text| (text, "request"));
    sent.or_else(seen).filter(|(text, _)| !text.trim().is_empty())
}

/// woothee says `UNKNOWN` for what it does not know.
fn known(word: &str) -> Option<String> {
    (!word.is_empty() && word != VALUE_UNKNOWN).then(|| word.to_owned())
}
