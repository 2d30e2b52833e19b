//! Amounts of money among the properties of a track event.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use aho_corasick::packed::Searcher;
use event::{Amount, MoneyFacts};
use serde::{
    Deserialize, Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Enrichment, Facts, Subject,
    decimal::{self, Decimal},
    members::{Name, any_text, number},
};

/// Properties that are amounts: those of an order and of a product in Segment's e-commerce spec, and
/// `value`, which its spec of track has for "an abstract value". Sorted.
const AMOUNTS: [&str; 8] =
    ["discount", "price", "revenue", "shipping", "subtotal", "tax", "total", "value"];
/// Amounts that mean nothing without a currency.
const NEED_CURRENCY: [&str; 2] = ["revenue", "total"];

/// Reads `properties.currency` and the amounts beside it; those of `products` stay where they are.
pub(crate) struct Money {
    names: Names,
    currencies: Currencies,
    version: String,
}

/// Finds the names in quotation marks, wherever they stand: most events have none, and are not parsed.
/// `None` on processors for which it has no instructions; all are parsed then.
struct Names(Option<Searcher>);

impl Names {
    fn new() -> Self {
        let names = AMOUNTS.iter().chain(["currency"].iter());
        Self(Searcher::new(names.map(|name| format!("\"{name}\""))))
    }

    /// A name may also be written with escapes.
    fn may_be_in(&self, properties: &str) -> bool {
        let is_there = |names: &Searcher| names.find(properties).is_some();
        self.0.as_ref().is_none_or(is_there) || properties.contains('\\')
    }
}

/// The list of `data/currencies.json`: List One of ISO 4217 without the codes for tests and for no
/// currency (XTS, XXX).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Currencies {
    /// Date of the last amendment that is in it.
    version: String,
    /// By code the digits of its minor unit; `None` where there is no such unit.
    minor_digits: BTreeMap<String, Option<u8>>,
}

impl Money {
    /// With the list that is compiled in. A test reads it, so the default stands for a broken build.
    pub(crate) fn built_in() -> Self {
        let list = include_str!("../data/currencies.json");
        let currencies: Currencies = serde_json::from_str(list).unwrap_or_default();
        let version = format!("1 iso4217-{}", currencies.version);
        Self { names: Names::new(), currencies, version }
    }
}

impl Enrichment for Money {
    fn name(&self) -> &'static str {
        "money"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/properties/currency",
            "/properties/discount",
            "/properties/price",
            "/properties/revenue",
            "/properties/shipping",
            "/properties/subtotal",
            "/properties/tax",
            "/properties/total",
            "/properties/value",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let properties = subject.event.properties;
        if subject.event.kind != "track" || !self.names.may_be_in(properties) {
            return;
        }
        let Ok(told) =
            serde_json::Deserializer::from_str(properties).deserialize_map(Told::default())
        else {
            return;
        };
        let currency = told.currency.and_then(|sent| self.currency(sent, facts));
        let amounts = amounts(&told.amounts, facts);
        let needs = |amount: &Amount<Cow<'_, str>>| NEED_CURRENCY.contains(&&*amount.property);
        if told.currency.is_none() && amounts.iter().any(needs) {
            facts.flags.push("no-currency".into());
        }
        if currency.is_some() || !amounts.is_empty() {
            facts.money = Some(MoneyFacts { currency, amounts });
        }
    }
}

impl Money {
    fn currency<'d>(&'d self, sent: &RawValue, facts: &mut Facts<'d>) -> Option<Cow<'d, str>> {
        let code = any_text(Some(sent)).map(|text| text.trim().to_ascii_uppercase());
        let known = code.and_then(|code| self.currencies.minor_digits.get_key_value(&code));
        if known.is_none() {
            facts.flags.push("unknown-currency".into());
        }
        known.map(|(code, _)| code.into())
    }
}

/// The amounts that can be understood, in the order of [`AMOUNTS`].
fn amounts<'d>(
    sent: &[Option<&'d RawValue>; AMOUNTS.len()],
    facts: &mut Facts<'d>,
) -> Vec<Amount<Cow<'d, str>>> {
    let (mut amounts, mut rounded, mut invalid) = (Vec::new(), false, false);
    for (name, sent) in AMOUNTS.iter().zip(sent) {
        let Some(sent) = sent else { continue };
        match amount(sent) {
            Some(read) => {
                rounded |= read.rounded;
                amounts.push(Amount { property: (*name).into(), value: read.text });
            }
            // An abstract value may be anything.
            None => invalid |= *name != "value",
        }
    }
    let flags = [(invalid, "invalid-amount"), (rounded, "rounded-amount")];
    let present = flags.into_iter().filter(|(present, _)| *present);
    facts.flags.extend(present.map(|(_, flag)| Cow::Borrowed(flag)));
    amounts
}

/// An amount from a number as it was sent, or from what a text says.
fn amount(sent: &RawValue) -> Option<Decimal<'_>> {
    match any_text(Some(sent)).or_else(|| number(Some(sent)).map(Cow::Borrowed))? {
        Cow::Borrowed(text) => decimal::read(text),
        Cow::Owned(text) => decimal::read(&text).map(Decimal::into_owned),
    }
}

/// What of the properties is read, each value as it was sent. Of members with the same name the last
/// counts, and `null` is no value.
#[derive(Debug, Default)]
struct Told<'a> {
    currency: Option<&'a RawValue>,
    amounts: [Option<&'a RawValue>; AMOUNTS.len()],
}

impl<'de> Visitor<'de> for Told<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            let place = if name == "currency" {
                &mut self.currency
            } else if let Ok(index) = AMOUNTS.binary_search(&name.as_ref()) {
                &mut self.amounts[index]
            } else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            *place = Some(members.next_value()?).filter(|value: &&RawValue| value.get() != "null");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_has_the_codes_that_are_in_force() {
        let Currencies { version, minor_digits } = Money::built_in().currencies;
        assert_eq!((version.as_str(), minor_digits.len()), ("2026-01-01", 176));
        assert!(
            minor_digits.keys().all(|code| code.len() == 3 && *code == code.to_ascii_uppercase())
        );
        for (code, digits) in [("EUR", Some(2)), ("JPY", Some(0)), ("KWD", Some(3)), ("XAU", None)]
        {
            assert_eq!(minor_digits[code], digits, "{code}");
        }
        for withdrawn in ["BGN", "HRK", "ANG", "DEM", "XXX", "XTS"] {
            assert!(!minor_digits.contains_key(withdrawn), "{withdrawn}");
        }
    }

    #[test]
    fn the_names_are_sorted_since_they_are_searched() {
        assert!(AMOUNTS.is_sorted());
    }
    #[test]
    fn an_event_without_any_of_the_names_is_not_parsed() {
        let names = Names::new();
        for name in AMOUNTS.iter().chain(&["currency"]) {
            assert!(names.may_be_in(&format!(r#"{{"a":1,"{name}" : 1}}"#)), "{name}");
        }
        assert!(names.may_be_in(r#"{"r\u0065venue":1}"#));
        assert!(!names.may_be_in(r#"{"plan":"pro","revenues":1,"total_items":2}"#));
    }
}
