//! The end user's IP address.

use std::borrow::Cow;

use event::{Event, IpFacts};

use crate::{
    ContextView, Enrichment, Facts, Subject,
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

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Some((text, taken_from)) = end_users(subject.event, subject.context) else { return };
        let (address, kind, policy) = match address::read(&text) {
            Told::Address(address) => (Some(usual(address, text)), kind_of(address), ""),
            Told::Garbage | Told::Replaced => (Some(text), "invalid", ""),
            Told::DoNotRecord => (None, "reserved", "drop"),
        };
        if kind == "invalid" {
            facts.flags.push(INVALID.into());
        }
        let [taken_from, kind, policy] = [taken_from, kind, policy].map(Cow::Borrowed);
        facts.ip = Some(IpFacts { address, taken_from, kind, policy });
    }
}

/// What the sender says comes first, unless the source's plan has taken it away already.
fn end_users<'d>(
    event: &Event<&'d str>,
    context: &ContextView<'d>,
) -> Option<(Cow<'d, str>, &'static str)> {
    let is_left = |text: &&Cow<'d, str>| address::read(text) != Told::Replaced;
    let sent = context.ip.as_ref().filter(is_left).map(|text| (text.clone(), "context"));
    sent.or_else(|| Some((of_the_end_user(event)?.ip?.into(), "request")))
}
