//! The page, split from its URL.

use event::{EnrichmentFacts, PageFacts};
use url::Url;

use crate::{Enrichment, PageView, Subject};

/// Splits `context.page.url`. What is no absolute URL is kept as sent, unsplit.
pub(crate) struct Page;

impl Enrichment for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/page/url", "/context/page/title"]
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { context, .. } = *subject;
        facts.page = split(&context.page);
    }
}

fn split(page: &PageView) -> Option<PageFacts> {
    let parsed = page.parsed.as_ref();
    Some(PageFacts {
        url: page.url.clone()?,
        host: page.host(),
        path: parsed.map(|url| url.path().to_owned()),
        query: parsed.and_then(Url::query).filter(|query| !query.is_empty()).map(str::to_owned),
        title: page.title.clone(),
    })
}
