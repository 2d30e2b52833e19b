//! Where the end user is, and whose network that is.

use core::net::IpAddr;
use std::{borrow::Cow, path::PathBuf, sync::Arc};

use event::{Derived, GeoFacts, NetworkFacts};
use serde::Deserialize;

use crate::{Database, Enrichment, Facts, LocationView, Subject, database_row::PlaceRow};

/// The flag of a sent country that is no code.
const INVALID_COUNTRY: &str = "invalid-country";

/// Section `[enrich.geo]`: the operator's databases. None is shipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoSettings {
    /// File with the places of addresses.
    pub city: Option<PathBuf>,
    /// File with the networks of addresses.
    pub asn: Option<PathBuf>,
    /// Folder for the copies that are looked up in; else the system's for temporary files.
    pub copy_dir: Option<PathBuf>,
}

/// The databases that look-ups use.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where an address is.
    pub city: Option<Arc<Database>>,
    /// Whose network it belongs to.
    pub asn: Option<Arc<Database>>,
}

/// The end user's address, where databases can know something of it.
fn public_address(facts: &Facts<'_>) -> Option<IpAddr> {
    let ip = facts.ip.as_ref().filter(|ip| ip.kind == "public")?;
    ip.address.as_deref()?.parse().ok()
}

fn version(database: Option<&Arc<Database>>) -> String {
    database.map_or_else(|| "1".to_owned(), |database| format!("1 {}", database.version()))
}

/// `context.location` as sent, else the place of the end user's address. Reads the facts of `Ip`.
pub(crate) struct Geo {
    database: Option<Arc<Database>>,
    version: String,
}

impl Geo {
    pub(crate) fn new(places: &Places) -> Self {
        Self { database: places.city.clone(), version: version(places.city.as_ref()) }
    }
}

impl Enrichment for Geo {
    fn name(&self) -> &'static str {
        "geo"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/location", "/context/ip", "/request/ip"]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let row = self.database.as_ref().and_then(|it| it.place(public_address(facts)?));
        let geo = place(&subject.context.location, row.unwrap_or_default(), facts);
        facts.geo = (geo != GeoFacts::default()).then_some(geo);
    }
}

/// What is sent wins field by field. Of a place in another country than the sent one nothing is taken:
/// a mixture of both would be nowhere.
fn place<'d>(
    sent: &LocationView<'d>,
    found: PlaceRow<'d>,
    facts: &mut Facts<'d>,
) -> GeoFacts<Cow<'d, str>> {
    let country = sent.country.as_ref().and_then(|text| country_code(text, facts));
    let is_elsewhere =
        country.as_deref().zip(found.country).is_some_and(|(sent, found)| sent != found);
    let mut field = |name: &'static str, sent: Option<Cow<'d, str>>, found: Option<&'d str>| {
        let differs = is_elsewhere || sent.is_some();
        if let Some(found) = found.filter(|found| differs && sent.as_deref() != Some(found)) {
            facts.derived.push(Derived { field: name.into(), value: found.into() });
        }
        sent.or_else(|| found.filter(|_| !is_elsewhere).map(Cow::Borrowed))
    };
    GeoFacts {
        country: field("geo.country", country, found.country),
        region: field("geo.region", sent.region.clone(), found.region),
        city: field("geo.city", sent.city.clone(), found.city),
        timezone: field("geo.timezone", None, found.timezone),
    }
}

/// Two letters, in upper case; anything else is flagged.
fn country_code<'d>(text: &Cow<'d, str>, facts: &mut Facts<'d>) -> Option<Cow<'d, str>> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(text.clone());
    }
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some(text.to_ascii_uppercase().into());
    }
    facts.flags.push(INVALID_COUNTRY.into());
    None
}

/// The network of the end user's address. Reads the facts of `Ip`.
pub(crate) struct Network {
    database: Option<Arc<Database>>,
    version: String,
}

impl Network {
    pub(crate) fn new(places: &Places) -> Self {
        Self { database: places.asn.clone(), version: version(places.asn.as_ref()) }
    }
}

impl Enrichment for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/ip", "/request/ip"]
    }

    fn apply<'d>(&'d self, _subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let row = self.database.as_ref().and_then(|it| it.network(public_address(facts)?));
        let told = row.map(|row| NetworkFacts {
            asn: row.asn,
            organisation: row.organisation.map(Cow::Borrowed),
        });
        facts.network = told.filter(|told| *told != NetworkFacts::default());
    }
}
