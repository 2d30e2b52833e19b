//! What the enrichments read of an event's `context`, parsed once.

use std::{borrow::Cow, fmt};

use event::{Event, RequestFacts};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use url::Url;

use crate::{DeviceView, SystemView};

/// The members of `context` that enrichments know. A member of another type than expected is
/// absent, and so is everything where the text cannot be read: facts are never a reason to fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextView {
    /// `context.userAgent`.
    pub user_agent: Option<String>,
    /// `context.userAgentData` as sent: JSON text of an object.
    pub user_agent_data: Option<String>,
    /// `context.device`.
    pub device: DeviceView,
    /// `context.os`.
    pub os: SystemView,
    /// `context.webdriver`: the browser says that a program drives it.
    pub webdriver: bool,
    /// `context.locale`.
    pub locale: Option<String>,
    /// `context.timezone`.
    pub timezone: Option<String>,
    /// `context.ip`; an empty one too, since it says something.
    pub ip: Option<String>,
    /// `context.location`.
    pub location: LocationView,
    /// `context.page`.
    pub page: PageView,
    /// `context.campaign`.
    pub campaign: CampaignView,
    /// `context.referrer`.
    pub referrer: ReferrerView,
}

/// `context.location` of an event.
#[expect(missing_docs, reason = "members as Segment's spec names them")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationView {
    pub country: Option<String>,
    pub region: Option<String>,
    pub city: Option<String>,
}

/// `context.page` of an event. A `page` event tells what `context.page` lacks in the properties of
/// the same names, as Segment's page call does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageView {
    /// `url` as sent.
    pub url: Option<String>,
    /// `url`, where it is an absolute URL.
    pub parsed: Option<Url>,
    /// `path`.
    pub path: Option<String>,
    /// `title`.
    pub title: Option<String>,
    /// `search`: the query, with or without its question mark.
    pub search: Option<String>,
    /// `referrer`: where the page was reached from.
    pub referrer: Option<String>,
    /// Whether `referrer` was sent at all. An empty one says that nobody referred.
    pub tells_referrer: bool,
}

impl PageView {
    /// The page's host in lower case.
    pub fn host(&self) -> Option<String> {
        self.parsed.as_ref().and_then(host)
    }

    /// Where parameters may stand, the most telling first: the query of the URL, `search`, and the
    /// fragment of the URL (`#utm_id=1`, `#/route?utm_id=1`).
    pub(crate) fn parameter_texts(&self) -> impl Iterator<Item = &str> {
        let query = self.parsed.as_ref().and_then(Url::query);
        let search = self.search.as_deref().map(|search| search.trim_start_matches('?'));
        let fragment = self.parsed.as_ref().and_then(Url::fragment);
        let fragment = fragment.map(|text| text.rsplit_once('?').map_or(text, |(_, rest)| rest));
        let fragment = fragment.filter(|text| text.contains('='));
        query.into_iter().chain(search.filter(|search| query != Some(*search))).chain(fragment)
    }
}

/// `context.campaign` of an event.
#[expect(missing_docs, reason = "members as Segment's spec names them")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignView {
    pub source: Option<String>,
    pub medium: Option<String>,
    pub name: Option<String>,
    pub term: Option<String>,
    pub content: Option<String>,
    pub id: Option<String>,
    /// Further members that are texts or numbers.
    pub further: Vec<(String, String)>,
}

/// `context.referrer` of an event: how the user was referred, as Segment's spec has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferrerView {
    /// `url`, else `link`.
    pub url: Option<String>,
    /// `type`: a medium, or whose click id `id` is.
    pub kind: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `id`.
    pub id: Option<String>,
}

impl ContextView {
    /// The view of an event's context.
    pub fn of(event: &Event) -> Self {
        let members = Members::read(&event.context);
        Self {
            user_agent: members.text("userAgent"),
            user_agent_data: members.object_text("userAgentData").map(str::to_owned),
            device: device(&members.object("device")),
            os: system(&members.object("os")),
            webdriver: members.parsed("webdriver").unwrap_or_default(),
            locale: members.text("locale"),
            timezone: members.text("timezone"),
            ip: members.any_text("ip"),
            location: location(&members.object("location")),
            page: page(&members.object("page"), event),
            campaign: campaign(&members.object("campaign")),
            referrer: referrer(&members.object("referrer")),
        }
    }
}

fn location(members: &Members<'_>) -> LocationView {
    LocationView {
        country: members.text("country"),
        region: members.text("region"),
        city: members.text("city"),
    }
}

fn device(members: &Members<'_>) -> DeviceView {
    DeviceView {
        manufacturer: members.text("manufacturer"),
        model: members.text("model"),
        kind: members.text("type"),
    }
}

fn system(members: &Members<'_>) -> SystemView {
    SystemView { name: members.text("name"), version: members.text_or_number("version") }
}

fn page(members: &Members<'_>, event: &Event) -> PageView {
    let lacks = |name: &&str| !members.has(name);
    let asks = event.kind == "page" && PAGE_MEMBERS.iter().any(lacks);
    let called = if asks { Members::read(&event.properties) } else { Members::default() };
    // What is told in the context is not looked for in the properties, even where it says nothing.
    let of = |name: &&str| if lacks(name) { &called } else { members };
    let [url, path, title, search, referrer] = PAGE_MEMBERS.map(|name| of(&name).text(name));
    PageView {
        parsed: url.as_deref().and_then(|url| Url::parse(url.trim()).ok()),
        url,
        path,
        title,
        search,
        referrer,
        tells_referrer: of(&"referrer").has("referrer"),
    }
}

/// What `context.page` and the properties of a page call tell of a page.
const PAGE_MEMBERS: [&str; 5] = ["url", "path", "title", "search", "referrer"];

fn campaign(members: &Members<'_>) -> CampaignView {
    const KNOWN: [&str; 6] = ["source", "medium", "name", "term", "content", "id"];
    let [source, medium, name, term, content, id] = KNOWN.map(|name| members.text_or_number(name));
    let names =
        members.0.iter().map(|(name, _)| name).filter(|name| !KNOWN.contains(&name.as_ref()));
    let told = |name: &Cow<'_, str>| Some((name.to_string(), members.text_or_number(name)?));
    let further = names.filter_map(told).collect();
    CampaignView { source, medium, name, term, content, id, further }
}

fn referrer(members: &Members<'_>) -> ReferrerView {
    ReferrerView {
        url: members.text("url").or_else(|| members.text("link")),
        kind: members.text("type"),
        name: members.text("name"),
        id: members.text_or_number("id"),
    }
}

/// Host of a URL in lower case, without the dot that may end it.
pub(crate) fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    (!host.is_empty()).then(|| host.to_owned())
}

/// Members of a JSON object, none parsed further than needed, so that one odd value spoils only
/// itself. Of members with the same name the last counts, as in JavaScript.
///
/// A list: contexts have few members, and nearly all of them have names that need no copy.
#[derive(Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn read(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(told, _)| told == name).map(|(_, value)| *value)
    }

    fn object(&self, name: &str) -> Self {
        self.get(name).map_or_else(Self::default, |value| Self::read(value.get()))
    }

    /// The member's own text, where it is an object.
    fn object_text(&self, name: &str) -> Option<&'a str> {
        self.get(name).map(RawValue::get).filter(|text| text.starts_with('{'))
    }

    /// A member that reads as the type asked for.
    pub(crate) fn parsed<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() != "null")
    }

    /// Nearly no text has an escape, and then it stands there as it is.
    fn any_text(&self, name: &str) -> Option<String> {
        let json = self.get(name)?.get();
        let text = json.strip_prefix('"')?.strip_suffix('"')?;
        if text.contains('\\') { serde_json::from_str(json).ok() } else { Some(text.to_owned()) }
    }

    /// A text that says something.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.any_text(name).filter(|text| !text.trim().is_empty())
    }

    /// Campaigns are often named by bare numbers.
    fn text_or_number(&self, name: &str) -> Option<String> {
        let number = |value: &'a RawValue| {
            let text = value.get();
            text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
                .then(|| text.to_owned())
        };
        self.text(name).or_else(|| self.get(name).and_then(number))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(12);
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// What ingest saw of the request, where the request is the end user's own: a server's user agent,
/// language and referrer say nothing of whom its event is about.
pub(crate) fn of_the_end_user(event: &Event) -> Option<&RequestFacts> {
    event.request.as_deref().filter(|_| event.source_kind != "server")
}
