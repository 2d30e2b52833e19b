//! Where the visit came from.

use std::{borrow::Cow, sync::Arc};

use event::{Derived, Event, ReferrerFacts};
use url::Url;

use crate::{
    ContextView, Enrichment, Facts, ReferrerView, Subject, by_text::ByText, click_ids::ClickIdList,
    context_view::host, referrer_list::ReferrerList,
};

/// Media that a sender may tell in `context.referrer.type`.
const MEDIA: [&str; 6] = ["search", "social", "email", "paid", "ai", "internal"];

/// Words of `utm_medium` for paid traffic, beside all that begin with `paid`.
const PAID: [&str; 11] = [
    "cpc",
    "ppc",
    "cpm",
    "cpv",
    "cpa",
    "cpp",
    "sem",
    "display",
    "banner",
    "retargeting",
    "remarketing",
];

/// Classifies the referrer by what the sender says of it, by the source's own domains, by the page's
/// campaign and click ids, and by its host.
pub(crate) struct Referrer {
    list: ReferrerList,
    click_ids: Arc<ClickIdList>,
    version: String,
    known: ByText<Option<Arc<Known>>>,
}

/// What the URL of a referrer tells by itself.
struct Known {
    host: Box<str>,
    /// The number of the list's entry.
    entry: Option<usize>,
}

/// What a referrer stands for.
#[derive(PartialEq, Eq)]
struct Class<'a> {
    medium: &'a str,
    source: Option<&'a str>,
}

impl Referrer {
    /// With the list that is compiled in.
    pub(crate) fn new(click_ids: Arc<ClickIdList>) -> Self {
        let list = ReferrerList::built_in();
        let version = format!("2 list-{}", list.version);
        Self { version, list, click_ids, known: ByText::default() }
    }

    fn classify(
        &self,
        referrer: Option<&Known>,
        subject: &Subject<'_, '_>,
        facts: &Facts<'_>,
    ) -> Class<'_> {
        if referrer.is_some_and(|referrer| is_own(&referrer.host, subject)) {
            return Class { medium: "internal", source: None };
        }
        let known = referrer.and_then(|referrer| self.list.entry(referrer.entry?));
        let medium = known.map_or("unknown", |known| &known.medium);
        let medium = if self.is_paid(facts) { "paid" } else { medium };
        Class { medium, source: known.map(|known| known.source.as_str()) }
    }

    fn known_of(&self, url: &str) -> Option<Arc<Known>> {
        let url = Url::parse(url.trim()).ok()?;
        let host = host(&url)?;
        Some(Arc::new(Known { entry: self.list.find(&host), host: host.into() }))
    }

    fn is_paid(&self, facts: &Facts<'_>) -> bool {
        let medium = facts.campaign.as_ref().and_then(|campaign| campaign.medium.as_deref());
        medium.is_some_and(is_paid_medium) || self.click_ids.any_paid(&facts.click_ids)
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
        &[
            "/context/referrer",
            "/context/page/referrer",
            "/properties/referrer",
            "/request/referer",
            "/context/campaign",
            "/context/page/url",
            "/context/page/search",
            "/properties/url",
            "/properties/search",
            "/request/origin",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Subject { event, context, .. } = *subject;
        let Some(url) = referrer_of(event, context) else { return };
        let known = self.known.get(&url, |url| self.known_of(url));
        let class = self.classify(known.as_deref(), subject, facts);
        let told = told_of(&url, &context.referrer);
        let medium = told.and_then(|told| medium_of(told.kind.as_deref()?));
        let source = told.and_then(|told| told.name.as_ref());
        let derived = &mut facts.derived;
        if medium.is_some_and(|medium| medium != class.medium) {
            tell("referrer.medium", class.medium, derived);
        }
        if let Some(seen) = class.source.filter(|seen| source.is_some_and(|told| told != seen)) {
            tell("referrer.source", seen, derived);
        }
        facts.referrer = Some(ReferrerFacts {
            url,
            medium: medium.unwrap_or(class.medium).into(),
            source: source.cloned().or(class.source.map(Cow::Borrowed)),
            host: known.map(|known| known.host.to_string().into()),
        });
    }
}

fn tell<'d>(field: &'static str, value: &'d str, derived: &mut Vec<Derived<Cow<'d, str>>>) {
    derived.push(Derived { field: field.into(), value: value.into() });
}

/// The page's referrer, else the one that the sender tells apart from the page, else what ingest saw.
fn referrer_of<'d>(event: &Event<&'d str>, context: &ContextView<'d>) -> Option<Cow<'d, str>> {
    let told = context.page.referrer.as_ref().or(context.referrer.url.as_ref());
    told.cloned().or_else(|| seen(event, context).map(Cow::Borrowed))
}

/// What the sender says of this referrer: `context.referrer`, unless that tells another one's URL.
fn told_of<'s, 'd>(url: &str, told: &'s ReferrerView<'d>) -> Option<&'s ReferrerView<'d>> {
    told.url.as_deref().is_none_or(|told| told == url).then_some(told)
}

fn medium_of(kind: &str) -> Option<&'static str> {
    MEDIA.into_iter().find(|medium| medium.eq_ignore_ascii_case(kind.trim()))
}

fn is_paid_medium(medium: &str) -> bool {
    let medium = medium.trim();
    let start = medium.as_bytes().get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"paid"))
        || PAID.iter().any(|word| word.eq_ignore_ascii_case(medium))
}

/// Whether a host is the page's or one of the source's own domains, or below one of these.
fn is_own(host: &str, subject: &Subject<'_, '_>) -> bool {
    let page = subject.context.page.parsed.as_deref().and_then(Url::host_str);
    let below = |domain: &String| {
        host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    page.is_some_and(|page| same_site(host, page))
        || subject.internal_domains().iter().any(|domain| host == domain || below(domain))
}

/// The header Referer of a browser that told no referrer itself, not even an empty one.
///
/// A browser puts the page that *sends* the event into it, which is no referrer of that page: only
/// a host that is neither the page's nor the request's origin tells something.
fn seen<'d>(event: &Event<&'d str>, context: &ContextView<'_>) -> Option<&'d str> {
    let request = event.request.as_ref().filter(|_| event.source_kind == "browser")?;
    let referer = request.referer.filter(|_| !context.page.tells_referrer)?;
    let from = Url::parse(referer.trim()).ok()?;
    let from = host(&from)?;
    let page = context.page.host();
    let origin = request.origin.and_then(|origin| Url::parse(origin).ok());
    let origin = origin.as_ref().and_then(host);
    let here = page.as_deref().or(origin.as_deref())?;
    let itself = same_site(&from, here) || origin.is_some_and(|origin| same_site(&from, &origin));
    (!itself).then_some(referer)
}

/// Whether two hosts are the same, `www.`, case and the dot that may end one aside.
fn same_site(a: &str, b: &str) -> bool {
    bare(a).eq_ignore_ascii_case(bare(b))
}

fn bare(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    let www = host.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    if www { &host[4..] } else { host }
}
