//! The end user's IP address.

use event::{EnrichmentFacts, Event, IpFacts};

use crate::{
    ContextView, Enrichment, Subject,
    address::{self, Told, usual},
    address_kind::kind_of,
    context_view::of_the_end_user,
};

/// The flag of an address that is none.
const INVALID: &str = "invalid-ip";

/// `context.ip` as sent, else the address that the end user's own request came from. What may travel
/// on of it is for [`IpPolicy`](crate::IpPolicy) to say, once the look-ups have read it.
pub(crate) struct Ip;

impl Enrichment for Ip {
    fn name(&self) -> &'static str {
        "ip"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/ip", "/request/ip"]
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Some((text, taken_from)) = end_users(subject.event, subject.context) else { return };
        let (address, kind, policy) = match address::read(text) {
            Told::Address(address) => (Some(usual(address, text)), kind_of(address), ""),
            Told::Garbage | Told::Replaced => (Some(text.to_owned()), "invalid", ""),
            Told::DoNotRecord => (None, "reserved", "drop"),
        };
        if kind == "invalid" {
            facts.flags.push(INVALID.to_owned());
        }
        let [taken_from, kind, policy] = [taken_from, kind, policy].map(str::to_owned);
        facts.ip = Some(IpFacts { address, taken_from, kind, policy });
    }
}

/// What the sender says comes first, unless the source's plan has taken it away already.
fn end_users<'a>(
    event: &'a Event,
    context: &'a ContextView<'a>,
) -> Option<(&'a str, &'static str)> {
    let is_left = |text: &&str| address::read(text) != Told::Replaced;
    let sent = context.ip.as_deref().filter(is_left).map(|text| (text, "context"));
    sent.or_else(|| Some((of_the_end_user(event)?.ip.as_deref()?, "request")))
}
