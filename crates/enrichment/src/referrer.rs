//! Where the visit came from.

use event::{EnrichmentFacts, Event, ReferrerFacts};
use url::Url;

use crate::{
    ContextView, Enrichment, Subject,
    context_view::host,
    referrer_list::{KnownReferrer, ReferrerList},
};

/// Classifies `context.page.referrer` by host.
pub(crate) struct Referrer {
    list: ReferrerList,
    version: String,
}

impl Referrer {
    /// With the list that is compiled in.
    pub(crate) fn built_in() -> Self {
        let list = ReferrerList::built_in();
        Self { version: format!("1 list-{}", list.version), list }
    }

    fn classify(&self, url: &str, page_host: Option<&str>) -> ReferrerFacts {
        let host = Url::parse(url.trim()).ok().and_then(|url| host(&url));
        let internal = host.as_deref().zip(page_host).is_some_and(|(a, b)| same_site(a, b));
        let known =
            if internal { None } else { host.as_deref().and_then(|host| self.list.find(host)) };
        let medium = match known {
            Some(KnownReferrer { medium, .. }) => medium,
            None if internal => "internal",
            None => "unknown",
        };
        ReferrerFacts {
            url: url.to_owned(),
            medium: medium.to_owned(),
            source: known.map(|known| known.source.clone()),
            host,
        }
    }
}

impl Enrichment for Referrer {
    fn name(&self) -> &'static str {
        "referrer"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/page/referrer", "/request/referer", "/context/page/url", "/request/origin"]
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { event, context, .. } = *subject;
        let page_host = context.page.host();
        let told = context.page.referrer.as_deref();
        let url = told.or_else(|| seen(event, context, page_host.as_deref()));
        facts.referrer = url.map(|url| self.classify(url, page_host.as_deref()));
    }
}

/// The header Referer of a browser that told no referrer itself, not even an empty one.
///
/// A browser puts the page that *sends* the event into it, which is no referrer of that page: only
/// a host that is neither the page's nor the request's origin tells something.
fn seen<'a>(event: &'a Event, context: &ContextView, page_host: Option<&str>) -> Option<&'a str> {
    let request = event.request.as_ref().filter(|_| event.source_kind == "browser")?;
    let referer = request.referer.as_deref().filter(|_| !context.page.tells_referrer)?;
    let from = Url::parse(referer.trim()).ok().and_then(|url| host(&url))?;
    let origin = request.origin.as_deref().and_then(|o| Url::parse(o).ok()).and_then(|o| host(&o));
    let here = page_host.or(origin.as_deref())?;
    let itself = same_site(&from, here) || origin.is_some_and(|origin| same_site(&from, &origin));
    (!itself).then_some(referer)
}

/// Whether two hosts are the same, `www.` aside.
fn same_site(a: &str, b: &str) -> bool {
    let bare = |host| str::strip_prefix(host, "www.").unwrap_or(host);
    bare(a) == bare(b)
}
