//! The end user's language.

use event::EnrichmentFacts;

use crate::{Enrichment, Subject, context_view::of_the_end_user};

/// `context.locale` as sent, else the first language of the end user's Accept-Language.
pub(crate) struct Locale;

impl Enrichment for Locale {
    fn name(&self) -> &'static str {
        "locale"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { event, context, .. } = *subject;
        let seen = || of_the_end_user(event)?.accept_language.as_deref().and_then(first_language);
        facts.locale = context.locale.clone().or_else(seen);
    }
}

/// `de-DE` of `de-DE,de;q=0.9,*;q=0.5`.
fn first_language(header: &str) -> Option<String> {
    let first = header.split([',', ';']).next()?.trim();
    (!first.is_empty() && first != "*").then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_stands_for_the_header() {
        for (header, expected) in [
            ("de-DE,de;q=0.9,en;q=0.5", Some("de-DE")),
            ("fr;q=0.8", Some("fr")),
            (" en ", Some("en")),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(first_language(header).as_deref(), expected, "{header}");
        }
    }
}
