//! The end user's language.

use event::Derived;

use crate::{
    Enrichment, Facts, Subject, context_view::of_the_end_user, language_tag::Tag,
    languages::first_language,
};

/// `context.locale`, else the language that the end user's Accept-Language prefers, as a BCP 47 tag.
pub(crate) struct Locale;

impl Enrichment for Locale {
    fn name(&self) -> &'static str {
        "locale"
    }

    fn version(&self) -> &'static str {
        "1 icu_locale_core-2.4.0"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/locale", "/request/accept_language"]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let header = of_the_end_user(subject.event).and_then(|seen| seen.accept_language);
        let Some(sent) = &subject.context.locale else {
            facts.locale = header.and_then(first_language).map(|tag| tag.canonical().into());
            return;
        };
        let told = Tag::of(sent);
        facts.locale = told.as_ref().map(|tag| tag.canonical_of(sent.clone()));
        if told.is_none() {
            facts.flags.push("invalid-locale".into());
        }
        let differs = |seen: &Tag| told.as_ref().is_none_or(|told| told.contradicts(seen));
        let seen = header.filter(|header| !begins_with(header, sent)).and_then(first_language);
        if let Some(seen) = seen.filter(differs) {
            facts.derived.push(Derived { field: "locale".into(), value: seen.canonical().into() });
        }
    }
}

/// Whether the header's first range is this very text, without a weight: so it is in what browsers
/// send, and nothing needs to be read.
fn begins_with(header: &str, sent: &str) -> bool {
    let rest = header.strip_prefix(sent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
}
