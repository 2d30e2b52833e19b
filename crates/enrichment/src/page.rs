//! The page, split from its URL.

use std::borrow::Cow;

use event::{Derived, PageFacts};
use url::Url;

use crate::{Enrichment, Facts, PageView, Subject};

/// Splits the page's URL. `path`, `search` and `title` that the sender tells go before the URL's
/// parts. What is no absolute URL is kept as sent, unsplit and flagged.
pub(crate) struct Page;

impl Enrichment for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/page/url",
            "/context/page/path",
            "/context/page/search",
            "/context/page/title",
            "/properties/url",
            "/properties/path",
            "/properties/search",
            "/properties/title",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let page = &subject.context.page;
        let Some(url) = &page.url else { return };
        if page.parsed.is_none() {
            facts.flags.push("invalid-page-url".into());
        }
        facts.page = Some(split(url, page, &mut facts.derived));
    }
}

fn split<'d>(
    url: &Cow<'d, str>,
    page: &PageView<'d>,
    derived: &mut Vec<Derived<Cow<'d, str>>>,
) -> PageFacts<Cow<'d, str>> {
    let as_sent = |text: &str| page.as_sent(text.into());
    let parsed = page.parsed.as_deref();
    let path = parsed.map(Url::path).map(as_sent);
    let query = parsed.and_then(Url::query).filter(|query| !query.is_empty()).map(as_sent);
    let search = page.search.as_deref().map(|search| search.trim_start_matches('?'));
    let search = search.filter(|search| !search.is_empty()).map(as_sent);
    PageFacts {
        url: url.clone(),
        host: page.host().map(|host| page.as_sent(host)),
        path: first(page.path.clone(), path, "page.path", derived),
        query: first(search, query, "page.query", derived),
        title: page.title.clone(),
    }
}

/// What is told, else what was seen, which stands beside it where it is another.
fn first<'d>(
    told: Option<Cow<'d, str>>,
    seen: Option<Cow<'d, str>>,
    field: &'static str,
    derived: &mut Vec<Derived<Cow<'d, str>>>,
) -> Option<Cow<'d, str>> {
    let Some(told) = told else { return seen };
    derived.extend(
        seen.filter(|seen| *seen != told).map(|value| Derived { field: field.into(), value }),
    );
    Some(told)
}
