//! Takes addresses out of an event, or leaves of them what the policy lets travel on.

use core::net::IpAddr;
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use event::{Event, Millis, RequestFacts};
use memchr::memmem;
use tracking_plan::plan::{Change, Tokens, rewrite};

use crate::{
    Facts, IpPolicy, Removal, Settings, SettingsProblem,
    address::{self, Told, usual},
    address_kind::kind_of,
    ip_hash::RotatingHash,
    ip_policy::{self, truncated_text},
    leftovers::{Written, replaced},
};

/// Members of `context` that hold addresses. The first is Segment's.
const IN_CONTEXT: [&[&str]; 6] = [
    &["ip"],
    &["ipAddress"],
    &["ip_address"],
    &["device", "ip"],
    &["device", "ipAddress"],
    &["device", "ip_address"],
];
/// Members beside those of the protocol that relays add.
const IN_EXTRA: [&[&str]; 6] =
    [&["ip"], &["ipAddress"], &["requestIp"], &["request_ip"], &["clientIp"], &["client_ip"]];
/// How the name of each member begins that a context may hold an address in.
static MEMBER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"ip"));
/// Nearly all events bring nothing beside the members of the protocol.
const NO_MEMBERS: &str = "{}";
/// Stands in a text for an address of which nothing is left.
const REMOVED: &str = "[removed]";

/// The removal `ip-policy`.
pub(crate) struct AddressRemoval {
    policy: IpPolicy,
    hashing: Option<RotatingHash>,
    context: Places,
    extra: Places,
}

/// Members of a JSON text, and how they are told.
struct Places {
    part: String,
    members: Vec<(Tokens, String)>,
}

impl Places {
    fn of(part: &str, members: &[&[&str]]) -> Self {
        let place = |names: &&[&str]| {
            let tokens = names.iter().map(|name| (*name).to_owned()).collect();
            (tokens, format!("/{part}/{}", names.join("/")))
        };
        Self { part: format!("/{part}"), members: members.iter().map(place).collect() }
    }
}

impl AddressRemoval {
    /// As the settings say. What is wrong with them is added to `problems`.
    pub(crate) fn new(settings: &Settings, problems: &mut Vec<SettingsProblem>) -> Self {
        ip_policy::check(settings, problems);
        let ip = &settings.ip;
        Self {
            policy: ip.policy,
            hashing: ip.hash_key.clone().map(|key| RotatingHash::new(key, ip.rotate_days)),
            context: Places::of("context", &IN_CONTEXT),
            extra: Places::of("extra", &IN_EXTRA),
        }
    }
}

impl Removal for AddressRemoval {
    fn name(&self) -> &'static str {
        ip_policy::NAME
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context", "/request", "/extra"]
    }

    fn apply<'d>(
        &'d self,
        event: &mut Event<Cow<'d, str>>,
        appended_at: Millis,
        facts: &mut Facts<'d>,
    ) {
        let mut cut = Cut { rule: self, policy: self.policy, appended_at, seen: Vec::new() };
        let is_sent = cut.facts(facts);
        if cut.policy == IpPolicy::Keep {
            return;
        }
        let removed = &mut facts.removed;
        if is_sent || MEMBER.find(event.context.as_bytes()).is_some() {
            cut.members(&mut event.context, &self.context, removed);
        }
        let extra = &*event.extra;
        if extra != NO_MEMBERS && (extra.contains("ip") || extra.contains("Ip")) {
            cut.members(&mut event.extra, &self.extra, removed);
        }
        cut.request(event.request.as_mut(), removed);
        cut.leftovers(event, facts);
    }
}

/// The work on one event.
struct Cut<'a> {
    rule: &'a AddressRemoval,
    /// The settings' policy, or `drop` where the sender asks for it.
    policy: IpPolicy,
    appended_at: Millis,
    seen: Vec<Seen>,
}

/// An address that was found.
struct Seen {
    address: IpAddr,
    /// How it is usually written.
    usual: String,
    /// How else it was written.
    written: Vec<String>,
    left: Option<String>,
}

impl Seen {
    /// What is left of the address where it is written so.
    fn left_of(&self, text: &str) -> Left {
        match &self.left {
            None => Left::Nothing,
            Some(left) if left == text => Left::Same,
            Some(left) => Left::Text(left.clone()),
        }
    }
}

/// What is left of a value.
enum Left {
    /// It stays as it is.
    Same,
    /// This instead.
    Text(String),
    /// Nothing.
    Nothing,
}

impl Cut<'_> {
    /// Cuts the facts' address; true if it is one that the sender told.
    fn facts(&mut self, facts: &mut Facts<'_>) -> bool {
        let Some(ip) = &mut facts.ip else { return false };
        if ip.policy == IpPolicy::Drop.word() {
            self.policy = IpPolicy::Drop;
        }
        let mut policy = self.policy;
        if self.policy != IpPolicy::Keep {
            let left = ip.address.as_deref().map_or(Left::Nothing, |text| self.left(text));
            match left {
                Left::Same => {}
                Left::Text(text) => ip.address = Some(text.into()),
                Left::Nothing => (ip.address, policy) = (None, IpPolicy::Drop),
            }
        }
        ip.policy = policy.word().into();
        ip.taken_from == "context"
    }

    fn left(&mut self, text: &str) -> Left {
        if let Some(seen) = self.seen.iter().find(|seen| seen.usual == text) {
            return seen.left_of(text);
        }
        match address::read(text) {
            Told::DoNotRecord | Told::Replaced => Left::Same,
            Told::Garbage => Left::Nothing,
            Told::Address(address) => self.left_of(address, text),
        }
    }

    fn left_of(&mut self, address: IpAddr, text: &str) -> Left {
        let known = self.seen.iter().position(|seen| seen.address == address);
        let number = known.unwrap_or_else(|| {
            let usual = usual(address, text.into()).into_owned();
            let left = self.cut(address, &usual);
            self.seen.push(Seen { address, usual, written: Vec::new(), left });
            self.seen.len() - 1
        });
        let seen = &mut self.seen[number];
        if text != seen.usual && !seen.written.iter().any(|written| written == text) {
            seen.written.push(text.to_owned());
        }
        seen.left_of(text)
    }

    fn cut(&self, address: IpAddr, usual: &str) -> Option<String> {
        match self.policy {
            IpPolicy::Keep => Some(usual.to_owned()),
            IpPolicy::Truncate => Some(truncated_text(address, usual)),
            IpPolicy::Hash => {
                self.rule.hashing.as_ref().map(|it| it.hash(address, self.appended_at))
            }
            IpPolicy::Drop => None,
        }
    }

    /// Cuts the addresses at these places of a JSON text.
    fn members(
        &mut self,
        json: &mut Cow<'_, str>,
        places: &Places,
        removed: &mut Vec<Cow<'_, str>>,
    ) {
        let tokens: Vec<&Tokens> = places.members.iter().map(|(tokens, _)| tokens).collect();
        let before = removed.len();
        let became = rewrite(json, &tokens, &mut |place, value| {
            let Some(place) = place else {
                // Names that cannot be read may be those that are looked for.
                removed.push(told(&places.part, IpPolicy::Drop));
                return Change::Remove;
            };
            self.member(value, &places.members[place].1, removed)
        });
        if let Some(became) = became.filter(|_| removed.len() > before) {
            *json = became.into();
        }
    }

    fn member(&mut self, value: &str, place: &str, removed: &mut Vec<Cow<'_, str>>) -> Change {
        let left = match serde_json::from_str::<Option<String>>(value) {
            Ok(None) => Left::Same,
            Ok(Some(text)) => self.left(&text),
            Err(_) => Left::Nothing,
        };
        match left {
            Left::Same => Change::Replace(value.to_owned()),
            Left::Text(text) => {
                removed.push(told(place, self.policy));
                Change::Replace(serde_json::Value::from(text).to_string())
            }
            Left::Nothing => {
                removed.push(told(place, IpPolicy::Drop));
                Change::Remove
            }
        }
    }

    fn request(
        &mut self,
        request: Option<&mut RequestFacts<Cow<'_, str>>>,
        removed: &mut Vec<Cow<'_, str>>,
    ) {
        let Some(request) = request else { return };
        let Some(text) = request.ip.as_deref() else { return };
        let (left, policy) = match self.left(text) {
            Left::Same => return,
            Left::Text(text) => (Some(text.into()), self.policy),
            Left::Nothing => (None, IpPolicy::Drop),
        };
        request.ip = left;
        removed.push(told("/request/ip", policy));
    }

    /// Cuts the addresses that stand elsewhere too, such as in a header that a relay passes on. Others
    /// than public ones tell nothing of a person, and may be the host of a page.
    fn leftovers(&self, event: &mut Event<Cow<'_, str>>, facts: &mut Facts<'_>) {
        let addresses = self.addresses();
        if addresses.is_empty() {
            return;
        }
        let mut found = false;
        let mut part = |text: &mut Cow<'_, str>, place: &str| {
            if let Some(became) = replaced(text, &addresses) {
                *text = became.into();
                facts.removed.push(told(place, self.policy));
                found = true;
            }
        };
        part(&mut event.context, "/context");
        part(&mut event.extra, "/extra");
        for (text, place) in event.request.iter_mut().flat_map(headers) {
            part(text, place);
        }
        if found {
            for text in texts(facts) {
                if let Some(became) = replaced(text, &addresses) {
                    *text = became.into();
                }
            }
        }
    }

    /// Every way in which the addresses were written, with what is left of each.
    fn addresses(&self) -> Vec<Written<'_>> {
        let cut = |seen: &&Seen| seen.left.as_ref() != Some(&seen.usual);
        let public = |seen: &&Seen| kind_of(seen.address) == "public";
        let mut addresses = Vec::new();
        for seen in self.seen.iter().filter(cut).filter(public) {
            let left = seen.left.as_deref().unwrap_or(REMOVED);
            // The longer ways first: the usual one may be a part of them.
            let written = seen.written.iter().map(|text| text.trim());
            addresses.extend(
                written.chain([seen.usual.as_str()]).map(|address| Written { address, left }),
            );
        }
        addresses
    }
}

fn told<'d>(place: &str, policy: IpPolicy) -> Cow<'d, str> {
    [place, " ", policy.word()].concat().into()
}

fn headers<S>(request: &mut RequestFacts<S>) -> impl Iterator<Item = (&mut S, &'static str)> {
    let texts = [
        (&mut request.user_agent, "/request/user_agent"),
        (&mut request.origin, "/request/origin"),
        (&mut request.referer, "/request/referer"),
        (&mut request.accept_language, "/request/accept_language"),
        (&mut request.client_hints, "/request/client_hints"),
    ];
    texts.into_iter().filter_map(|(text, place)| Some((text.as_mut()?, place)))
}

/// The facts that have texts of the sender in them.
fn texts<'s, 'd>(facts: &'s mut Facts<'d>) -> Vec<&'s mut Cow<'d, str>> {
    let mut texts: Vec<&mut Cow<'d, str>> = Vec::new();
    if let Some(agent) = &mut facts.user_agent {
        texts.push(&mut Arc::make_mut(agent).text);
    }
    if let Some(page) = &mut facts.page {
        texts.push(&mut page.url);
        let parts = [&mut page.host, &mut page.path, &mut page.query, &mut page.title];
        texts.extend(parts.into_iter().flatten());
    }
    if let Some(referrer) = &mut facts.referrer {
        texts.push(&mut referrer.url);
        texts.extend(&mut referrer.host);
    }
    if let Some(it) = &mut facts.campaign {
        let first = [&mut it.source, &mut it.medium, &mut it.name];
        let others = [&mut it.term, &mut it.content, &mut it.id];
        texts.extend(first.into_iter().chain(others).flatten());
    }
    texts.extend(facts.click_ids.iter_mut().map(|id| &mut id.value));
    texts.extend([&mut facts.locale, &mut facts.timezone].into_iter().flatten());
    texts.extend(facts.derived.iter_mut().map(|derived| &mut derived.value));
    if let Some(geo) = &mut facts.geo {
        texts.extend([&mut geo.region, &mut geo.city].into_iter().flatten());
    }
    texts
}
