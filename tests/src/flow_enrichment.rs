//! What enrich is given in a flow: databases of addresses, and programs of an operator.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

#[allow(dead_code, reason = "some of it is for other tests")]
#[allow(clippy::panic, clippy::unwrap_used, reason = "it fails on its own rows only")]
#[path = "../../crates/enrichment/tests/mmdb/mod.rs"]
mod mmdb;

/// An address that the databases know: in Nuremberg, in the network 64496.
pub const CLIENT_ADDRESS: &str = "93.184.216.34";
/// The events that the programs are for.
pub const TRANSFORMED: &str = "Transformation Checked";

/// Puts the databases into the flow's folder, beside its configuration; returns what that says of them
/// and, `with_programs`, of transformations, which only a binary with that feature takes.
pub(crate) fn place(folder: &Path, with_programs: bool) -> anyhow::Result<String> {
    let (city, asn) = address_databases(folder)?;
    let databases =
        format!("[enrich.geo]\ncity = \"{}\"\nasn = \"{}\"\n", city.display(), asn.display());
    Ok(if with_programs { databases + &programs() } else { databases })
}

/// Writes databases of places and of networks that know the addresses `93.184.*.*`.
pub fn address_databases(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (city, asn) = (folder.join("city.mmdb"), folder.join("asn.mmdb"));
    let place = json!({
        "city": { "names": { "en": "Nuremberg" } }, "country": { "iso_code": "DE" },
        "location": { "time_zone": "Europe/Berlin" }, "subdivisions": [{ "iso_code": "BY" }],
    });
    let network = json!({
        "autonomous_system_number": 64496, "autonomous_system_organization": "Example Networks",
    });
    fs::write(&city, mmdb::database("GeoLite2-City", &[("93.184.0.0/16", place)]))?;
    fs::write(&asn, mmdb::database("GeoLite2-ASN", &[("93.184.0.0/16", network)]))?;
    Ok((city, asn))
}

/// Maps, filters and fails, by what the event asks for in `properties.do`.
fn programs() -> String {
    format!(
        "[[enrich.transformations]]\nname = \"checked\"\nevents = [{TRANSFORMED:?}]\n\
         program = '''\n\
         if .properties.do == \"filter\" {{ abort }}\n\
         if .properties.do == \"fail\" {{ .properties.count = to_int!(.properties.do) }}\n\
         .properties.country = .enrichment.geo.country\n\
         del(.properties.do)\n\
         '''\n"
    )
}
