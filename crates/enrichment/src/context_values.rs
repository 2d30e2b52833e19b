//! The values in an event's `context` that enrichments read, found in one pass.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::members::{Members, Name, Pick, Sent, picked};

const OWN: [&str; 6] = ["userAgent", "userAgentData", "webdriver", "locale", "timezone", "ip"];
const DEVICE: [&str; 3] = ["manufacturer", "model", "type"];
const SYSTEM: [&str; 2] = ["name", "version"];
const LOCATION: [&str; 3] = ["country", "region", "city"];
/// What `context.page` and the properties of a page call tell of a page.
pub(crate) const PAGE: [&str; 5] = ["url", "path", "title", "search", "referrer"];
const REFERRER: [&str; 5] = ["url", "link", "type", "name", "id"];

/// The values, those of an object in the order of the names above.
#[derive(Default)]
pub(crate) struct ContextValues<'a> {
    pub(crate) own: [Sent<'a>; OWN.len()],
    pub(crate) device: [Sent<'a>; DEVICE.len()],
    pub(crate) os: [Sent<'a>; SYSTEM.len()],
    pub(crate) location: [Sent<'a>; LOCATION.len()],
    pub(crate) page: [Sent<'a>; PAGE.len()],
    pub(crate) campaign: Members<'a>,
    pub(crate) referrer: [Sent<'a>; REFERRER.len()],
}

impl<'a> ContextValues<'a> {
    /// None where the text is no object, or cannot be read.
    pub(crate) fn read(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| Self::apart(json))
    }

    /// Reads each object by itself: what stands in the place of one, or cannot be read as one, is
    /// absent, and the others are not.
    fn apart(json: &'a str) -> Self {
        let members = Members::read(json);
        let object = |name| members.get(name).map_or("", |value| value.get());
        Self {
            own: OWN.map(|name| members.get(name)),
            device: picked(object("device"), &DEVICE),
            os: picked(object("os"), &SYSTEM),
            location: picked(object("location"), &LOCATION),
            page: picked(object("page"), &PAGE),
            campaign: Members::read(object("campaign")),
            referrer: picked(object("referrer"), &REFERRER),
        }
    }
}

/// Fails where anything but null stands in the place of an object.
impl<'de: 'a, 'a> Deserialize<'de> for ContextValues<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ContextVisitor)
    }
}

struct ContextVisitor;

impl<'de> Visitor<'de> for ContextVisitor {
    type Value = ContextValues<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = ContextValues::default();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "device" => values.device = map.next_value_seed(Pick(&DEVICE))?,
                "os" => values.os = map.next_value_seed(Pick(&SYSTEM))?,
                "location" => values.location = map.next_value_seed(Pick(&LOCATION))?,
                "page" => values.page = map.next_value_seed(Pick(&PAGE))?,
                "campaign" => values.campaign = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "referrer" => values.referrer = map.next_value_seed(Pick(&REFERRER))?,
                name => match OWN.iter().position(|own| *own == name) {
                    Some(at) => values.own[at] = Some(map.next_value()?),
                    None => _ = map.next_value::<IgnoredAny>()?,
                },
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Contexts of names that mean something, with values of every kind, names twice, and odd escapes.
    fn contexts() -> impl Strategy<Value = String> {
        let name = || {
            prop::sample::select(
                &[
                    "userAgent",
                    "ip",
                    "page",
                    "device",
                    "os",
                    "location",
                    "campaign",
                    "referrer",
                    "url",
                    "path",
                    "referrer",
                    "type",
                    "name",
                    "version",
                    "id",
                    "source",
                    "x",
                    r"u\u0072l",
                    r"\ud83d",
                    "",
                    "screen",
                ][..],
            )
        };
        let leaf = prop::sample::select(
            &[
                "null",
                "true",
                "1.50",
                "1e999",
                r#""a""#,
                r#""\ud83d""#,
                r#""a\nb""#,
                r#""""#,
                "[]",
                "nul",
            ][..],
        )
        .prop_map(str::to_owned);
        let object = |value: BoxedStrategy<String>| {
            prop::collection::vec((name(), value), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!(r#""{name}" : {value}"#)).collect();
                format!("{{{} }}", members.join(" ,"))
            })
        };
        let inner = prop_oneof![3 => leaf, 2 => object(Just("{}".to_owned()).boxed())].boxed();
        let inner = prop_oneof![1 => inner.clone(), 2 => object(inner)].boxed();
        object(inner).prop_flat_map(|text| {
            let end = prop_oneof![8 => Just(""), 1 => Just(" x"), 1 => Just("\n")];
            end.prop_map(move |end| format!("{text}{end}"))
        })
    }

    fn texts(values: &ContextValues<'_>) -> Vec<Option<String>> {
        let text = |value: Sent<'_>| value.map(|value: &RawValue| value.get().to_owned());
        let ContextValues { own, device, os, location, page, campaign, referrer } = values;
        let lists: [&[Sent<'_>]; 6] = [own, device, os, location, page, referrer];
        let names: Vec<_> = campaign.names().collect();
        let of_campaign =
            names.iter().flat_map(|name| [Some(name.to_string()), text(campaign.get(name))]);
        let listed = lists.into_iter().flatten().map(|value| text(*value));
        listed.chain(of_campaign).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn one_pass_finds_what_reading_each_object_by_itself_finds(json in contexts()) {
            let read = ContextValues::read(&json);
            prop_assert_eq!(texts(&read), texts(&ContextValues::apart(&json)), "{}", json);
        }
    }
}
