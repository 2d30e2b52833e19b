//! The page, split from its URL.

use event::{Derived, EnrichmentFacts, PageFacts};
use url::Url;

use crate::{Enrichment, PageView, Subject};

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

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let page = &subject.context.page;
        let Some(url) = &page.url else { return };
        if page.parsed.is_none() {
            facts.flags.push("invalid-page-url".to_owned());
        }
        facts.page = Some(split(url, page, &mut facts.derived));
    }
}

fn split(url: &str, page: &PageView<'_>, derived: &mut Vec<Derived>) -> PageFacts {
    let parsed = page.parsed.as_deref();
    let path = parsed.map(Url::path);
    let query = parsed.and_then(Url::query).filter(|query| !query.is_empty());
    let search = page.search.as_deref().map(|search| search.trim_start_matches('?'));
    let search = search.filter(|search| !search.is_empty());
    PageFacts {
        url: url.to_owned(),
        host: page.host(),
        path: first(page.path.as_deref(), path, "page.path", derived),
        query: first(search, query, "page.query", derived),
        title: page.title.as_deref().map(str::to_owned),
    }
}

/// What is told, else what was seen, which stands beside it where it is another.
fn first(
    told: Option<&str>,
    seen: Option<&str>,
    field: &str,
    derived: &mut Vec<Derived>,
) -> Option<String> {
    if let (Some(told), Some(seen)) = (told, seen)
        && told != seen
    {
        derived.push(Derived { field: field.to_owned(), value: seen.to_owned() });
    }
    told.or(seen).map(str::to_owned)
}
