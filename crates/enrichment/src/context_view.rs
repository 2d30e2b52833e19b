//! What the enrichments read of an event's `context`, parsed once.

use std::{borrow::Cow, sync::Arc};

use event::{Event, RequestFacts};
use url::Url;

use crate::{
    DeviceView, SystemView,
    context_values::{ContextValues, PAGE},
    members::{Members, Sent, any_text, is_told, object_text, picked, text, text_or_number},
    page_url,
};

/// The members of `context` that enrichments know. A member of another type than expected is
/// absent, and so is everything where the text cannot be read: facts are never a reason to fail.
/// Texts stand where the event has them, but for those that are written with escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextView<'a> {
    /// `context.userAgent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// `context.userAgentData` as sent: JSON text of an object.
    pub user_agent_data: Option<&'a str>,
    /// `context.device`.
    pub device: DeviceView<'a>,
    /// `context.os`.
    pub os: SystemView<'a>,
    /// `context.webdriver`: the browser says that a program drives it.
    pub webdriver: bool,
    /// `context.locale`.
    pub locale: Option<Cow<'a, str>>,
    /// `context.timezone`.
    pub timezone: Option<Cow<'a, str>>,
    /// `context.ip`; an empty one too, since it says something.
    pub ip: Option<Cow<'a, str>>,
    /// `context.location`.
    pub location: LocationView<'a>,
    /// `context.page`.
    pub page: PageView<'a>,
    /// `context.campaign`.
    pub campaign: CampaignView<'a>,
    /// `context.referrer`.
    pub referrer: ReferrerView<'a>,
}

/// `context.location` of an event.
#[expect(missing_docs, reason = "members as Segment's spec names them")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationView<'a> {
    pub country: Option<Cow<'a, str>>,
    pub region: Option<Cow<'a, str>>,
    pub city: Option<Cow<'a, str>>,
}

/// `context.page` of an event. A `page` event tells what `context.page` lacks in the properties of
/// the same names, as Segment's page call does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageView<'a> {
    /// `url` as sent.
    pub url: Option<Cow<'a, str>>,
    /// `url`, where it is an absolute URL.
    pub parsed: Option<Arc<Url>>,
    /// `path`.
    pub path: Option<Cow<'a, str>>,
    /// `title`.
    pub title: Option<Cow<'a, str>>,
    /// `search`: the query, with or without its question mark.
    pub search: Option<Cow<'a, str>>,
    /// `referrer`: where the page was reached from.
    pub referrer: Option<Cow<'a, str>>,
    /// Whether `referrer` was sent at all. An empty one says that nobody referred.
    pub tells_referrer: bool,
}

impl<'d> PageView<'d> {
    /// The page's host in lower case.
    pub fn host(&self) -> Option<Cow<'_, str>> {
        self.parsed.as_deref().and_then(host)
    }

    /// What was read of the URL or of `search`: where it stands in what was sent, if that is written the
    /// same there; else a copy.
    pub(crate) fn as_sent(&self, read: Cow<'_, str>) -> Cow<'d, str> {
        let read = match read {
            Cow::Borrowed(read) => read,
            Cow::Owned(made) => return Cow::Owned(made),
        };
        let in_url = || same_place(read, self.parsed.as_deref()?.as_str(), self.url.as_ref()?);
        let in_search = || same_place(read, self.search.as_deref()?, self.search.as_ref()?);
        let sent = in_url().or_else(in_search);
        sent.map_or_else(|| Cow::Owned(read.to_owned()), Cow::Borrowed)
    }

    /// Where parameters may stand, the most telling first: the query of the URL, `search`, and the
    /// fragment of the URL (`#utm_id=1`, `#/route?utm_id=1`).
    pub(crate) fn parameter_texts(&self) -> impl Iterator<Item = &str> {
        let query = self.parsed.as_deref().and_then(Url::query);
        let search = self.search.as_deref().map(|search| search.trim_start_matches('?'));
        let fragment = self.parsed.as_deref().and_then(Url::fragment);
        let fragment = fragment.map(|text| text.rsplit_once('?').map_or(text, |(_, rest)| rest));
        let fragment = fragment.filter(|text| text.contains('='));
        query.into_iter().chain(search.filter(|search| query != Some(*search))).chain(fragment)
    }
}

/// `context.campaign` of an event.
#[expect(missing_docs, reason = "members as Segment's spec names them")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignView<'a> {
    pub source: Option<Cow<'a, str>>,
    pub medium: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub term: Option<Cow<'a, str>>,
    pub content: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    /// Further members that are texts or numbers.
    pub further: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// `context.referrer` of an event: how the user was referred, as Segment's spec has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferrerView<'a> {
    /// `url`, else `link`.
    pub url: Option<Cow<'a, str>>,
    /// `type`: a medium, or whose click id `id` is.
    pub kind: Option<Cow<'a, str>>,
    /// `name`.
    pub name: Option<Cow<'a, str>>,
    /// `id`.
    pub id: Option<Cow<'a, str>>,
}

impl<'a> ContextView<'a> {
    /// The view of an event's context.
    pub fn of(event: &Event<&'a str>) -> Self {
        let values = ContextValues::read(event.context);
        let [user_agent, user_agent_data, webdriver, locale, timezone, ip] = values.own;
        Self {
            user_agent: text(user_agent),
            user_agent_data: object_text(user_agent_data),
            device: device(values.device),
            os: system(values.os),
            webdriver: webdriver.is_some_and(|value| value.get() == "true"),
            locale: text(locale),
            timezone: text(timezone),
            ip: any_text(ip),
            location: location(values.location),
            page: page(values.page, event),
            campaign: campaign(&values.campaign),
            referrer: referrer(values.referrer),
        }
    }
}

fn location([country, region, city]: [Sent<'_>; 3]) -> LocationView<'_> {
    LocationView { country: text(country), region: text(region), city: text(city) }
}

fn device([manufacturer, model, kind]: [Sent<'_>; 3]) -> DeviceView<'_> {
    DeviceView { manufacturer: text(manufacturer), model: text(model), kind: text(kind) }
}

fn system([name, version]: [Sent<'_>; 2]) -> SystemView<'_> {
    SystemView { name: text(name), version: text_or_number(version) }
}

fn page<'a>(told: [Sent<'a>; PAGE.len()], event: &Event<&'a str>) -> PageView<'a> {
    let asks = event.kind == "page" && !told.iter().all(|value| is_told(*value));
    let called = if asks { picked(event.properties, &PAGE) } else { [None; PAGE.len()] };
    // What is told in the context is not looked for in the properties, even where it says nothing.
    let mut values = told;
    for (value, called) in values.iter_mut().zip(called) {
        *value = if is_told(*value) { *value } else { called };
    }
    let [url, path, title, search, referrer] = values;
    let url = text(url);
    PageView {
        parsed: url.as_deref().and_then(page_url::parsed),
        url,
        path: text(path),
        title: text(title),
        search: text(search),
        referrer: text(referrer),
        tells_referrer: is_told(referrer),
    }
}

fn campaign<'a>(members: &Members<'a>) -> CampaignView<'a> {
    const KNOWN: [&str; 6] = ["source", "medium", "name", "term", "content", "id"];
    let [source, medium, name, term, content, id] =
        KNOWN.map(|name| text_or_number(members.get(name)));
    let names = members.names().filter(|name| !KNOWN.contains(&name.as_ref()));
    let told =
        |name: &Cow<'a, str>| Some((name.clone(), text_or_number(members.get(name.as_ref()))?));
    let further = names.filter_map(told).collect();
    CampaignView { source, medium, name, term, content, id, further }
}

fn referrer([url, link, kind, name, id]: [Sent<'_>; 5]) -> ReferrerView<'_> {
    ReferrerView {
        url: text(url).or_else(|| text(link)),
        kind: text(kind),
        name: text(name),
        id: text_or_number(id),
    }
}

/// What stands in `sent` where `part` stands in `whole`, if it is the same.
fn same_place<'d>(part: &str, whole: &str, sent: &Cow<'d, str>) -> Option<&'d str> {
    let Cow::Borrowed(sent) = *sent else { return None };
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    sent.get(start..start.checked_add(part.len())?).filter(|there| *there == part)
}

/// Host of a URL in lower case, without the dot that may end it.
pub(crate) fn host(url: &Url) -> Option<Cow<'_, str>> {
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    let told = || if is_lower { host.into() } else { host.to_ascii_lowercase().into() };
    (!host.is_empty()).then(told)
}

/// What ingest saw of the request, where the request is the end user's own: a server's user agent,
/// language and referrer say nothing of whom its event is about.
pub(crate) fn of_the_end_user<'s, 'd>(
    event: &'s Event<&'d str>,
) -> Option<&'s RequestFacts<&'d str>> {
    event.request.as_ref().filter(|_| event.source_kind != "server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url_stand_in_what_was_sent_where_it_is_written_alike() {
        let read = |url: &'static str, part: fn(&Url) -> Option<&str>| {
            let url = Cow::Borrowed(url);
            let page =
                PageView { parsed: page_url::parsed(&url), url: Some(url), ..PageView::default() };
            let part = page.parsed.as_deref().and_then(part).unwrap();
            let as_sent = page.as_sent(part.into());
            assert_eq!(as_sent, part);
            matches!(as_sent, Cow::Borrowed(_))
        };
        for (url, host, query) in [
            ("https://a.example/p?q=1#f", true, true),
            ("https://A.example/p?q=1", false, true),
            ("https://a.example?q=1", true, false),
            ("https://a.example/p?q=\u{e9}", true, false),
            (" https://a.example/p?q=1", false, false),
        ] {
            assert_eq!(read(url, Url::host_str), host, "{url}");
            assert_eq!(read(url, Url::query), query, "{url}");
        }
    }

    #[test]
    fn parts_of_a_search_stand_in_it_and_what_stands_nowhere_is_copied() {
        let page = PageView { search: Some("?q=1".into()), ..PageView::default() };
        let search = page.search.as_deref().unwrap();
        assert!(matches!(page.as_sent(search[1..].into()), Cow::Borrowed("q=1")));
        assert!(matches!(page.as_sent("q=2".into()), Cow::Owned(told) if told == "q=2"));
    }
}
