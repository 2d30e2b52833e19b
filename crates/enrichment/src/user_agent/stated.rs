//! What the sender says of the device in so many words: `context.device` and `context.os`.

use std::borrow::Cow;

use event::{Derived, UserAgentFacts};

use super::{DeviceClass, system_name};
use crate::ContextView;

/// `context.device` of an event. Its `name` is not read: people name phones after themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceView<'a> {
    /// `manufacturer`, such as `Apple`.
    pub manufacturer: Option<Cow<'a, str>>,
    /// `model`, such as `iPhone16,2`.
    pub model: Option<Cow<'a, str>>,
    /// `type`: a kind of device, or with many SDKs its system.
    pub kind: Option<Cow<'a, str>>,
}

/// `context.os` of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemView<'a> {
    /// `name`, such as `iOS`.
    pub name: Option<Cow<'a, str>>,
    /// `version`, such as `18.1`.
    pub version: Option<Cow<'a, str>>,
}

impl ContextView<'_> {
    pub(super) fn says_anything_of_the_device(&self) -> bool {
        self.device != DeviceView::default() || self.os != SystemView::default()
    }

    pub(super) fn says_something_of_the_device(&self) -> bool {
        let Self { device, os, .. } = self;
        os.name.is_some() || device.model.is_some() || device.manufacturer.is_some()
    }
}

/// Puts the sender's word over what was worked out, and tells what that was where it differs.
pub(super) fn settle<'d>(
    context: &ContextView<'d>,
    agent: &mut UserAgentFacts<Cow<'d, str>>,
    derived: &mut Vec<Derived<Cow<'d, str>>>,
) {
    let ContextView { device, os, .. } = context;
    let mut settle = |field: &str,
                      stated: Option<Cow<'d, str>>,
                      fact: &mut Option<Cow<'d, str>>,
                      agree: Agree| {
        if stated.is_none() {
            return;
        }
        let other = std::mem::replace(fact, stated);
        let differs =
            |value: &Cow<'_, str>| fact.as_deref().is_some_and(|stated| !agree(stated, value));
        let differing = other.filter(differs);
        let field = || format!("user_agent.{field}").into();
        derived.extend(differing.map(|value| Derived { field: field(), value }));
    };
    let name = os.name.as_deref().map(system_name).map(Cow::Owned);
    // A version belongs to the system that it was read with.
    if name
        .as_deref()
        .zip(agent.os.as_deref())
        .is_some_and(|(stated, read)| !same_system(stated, read))
    {
        agent.os_version = None;
    }
    settle("os", name, &mut agent.os, same_system);
    settle("os_version", os.version.clone(), &mut agent.os_version, same_start);
    settle("device_brand", device.manufacturer.clone(), &mut agent.device_brand, same_start);
    settle("device_model", device.model.clone(), &mut agent.device_model, same_start);
    settle("device_class", class(context), &mut agent.device_class, str::eq);
}

/// Whether two values say the same, one perhaps more exactly.
type Agree = fn(&str, &str) -> bool;

fn class<'d>(context: &ContextView<'_>) -> Option<Cow<'d, str>> {
    let of_type = context.device.kind.as_deref().and_then(DeviceClass::of_type);
    let of_model = || context.device.model.as_deref().and_then(DeviceClass::of_model);
    of_type.or_else(of_model).map(|class| class.word().into())
}

/// An iPad's apps may call its system by either name.
fn same_system(one: &str, other: &str) -> bool {
    let is_apple_mobile = |name: &str| matches!(name, "iOS" | "iPadOS");
    one.eq_ignore_ascii_case(other) || is_apple_mobile(one) && is_apple_mobile(other)
}

/// `14` and `14.0.1`; `iPhone` and `iPhone16,2`.
fn same_start(one: &str, other: &str) -> bool {
    let shorter = one.len().min(other.len());
    let starts = one.as_bytes()[..shorter].eq_ignore_ascii_case(&other.as_bytes()[..shorter]);
    let longer = if one.len() > other.len() { one } else { other };
    let next = longer.as_bytes().get(shorter);
    let is_number = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    // `1` is not `14`, but `iPhone` is `iPhone16,2`.
    starts && !(is_number(next) && is_number(longer.as_bytes().get(shorter.wrapping_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_agree_where_one_is_the_other_more_exactly() {
        for (one, other, expected) in [
            ("14", "14", true),
            ("14", "14.0.1", true),
            ("14.0.1", "14", true),
            ("14", "1", false),
            ("14.0", "14.1", false),
            ("iPhone16,2", "iPhone", true),
            ("samsung", "Samsung", true),
            ("SM-S921B", "SM-G991B", false),
        ] {
            assert_eq!(same_start(one, other), expected, "{one} {other}");
        }
    }
}
