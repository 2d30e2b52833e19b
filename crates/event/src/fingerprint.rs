//! The fingerprints by which a value in single-object encoding names its writer's schema.
//!
//! CRC-64-AVRO of the parsing canonical form (Avro specification, "Parsing Canonical Form for
//! Schemas" and "Schema Fingerprints"). apache-avro 0.22 resolves the names, but leaves attributes in
//! its canonical form that the specification strips: `order`, `precision`, `scale`, and the object
//! around a primitive that has a logical type.

use apache_avro::Schema;
use serde_json::Value;

use crate::frame::Fingerprint;

/// What the CRC begins with, and its polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

const PRIMITIVES: [&str; 8] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// The fingerprint of the schema by the specification and, where it is another, the one that
/// programs in Rust tell.
pub fn fingerprints(schema: &Schema) -> Vec<Fingerprint> {
    let of_rust = schema.canonical_form();
    let mut found = Vec::new();
    if let Ok(json) = serde_json::from_str(&of_rust) {
        found.push(fingerprint(&canonical(&json)));
    }
    found.push(fingerprint(&of_rust));
    found.dedup();
    found
}

fn fingerprint(text: &str) -> Fingerprint {
    let crc = text.bytes().fold(EMPTY, |crc, byte| {
        let low = (crc ^ u64::from(byte)) & 0xff;
        (crc >> 8) ^ (0..8).fold(low, |bits, _| (bits >> 1) ^ (EMPTY * (bits & 1)))
    });
    Fingerprint(crc.to_le_bytes())
}

/// The parsing canonical form of a schema in which every name is a full name.
fn canonical(schema: &Value) -> String {
    let Value::Object(members) = schema else { return canonical_name_or_union(schema) };
    let own = |name: &str| members.get(name).unwrap_or(&Value::Null);
    match own("type").as_str() {
        Some(primitive) if PRIMITIVES.contains(&primitive) => own("type").to_string(),
        Some("array") => format!(r#"{{"type":"array","items":{}}}"#, canonical(own("items"))),
        Some("map") => format!(r#"{{"type":"map","values":{}}}"#, canonical(own("values"))),
        Some("fixed") => {
            format!(r#"{{"name":{},"type":"fixed","size":{}}}"#, own("name"), own("size"))
        }
        Some("enum") => {
            format!(r#"{{"name":{},"type":"enum","symbols":{}}}"#, own("name"), own("symbols"))
        }
        Some("record") => {
            let fields = own("fields").as_array().map(Vec::as_slice).unwrap_or_default();
            let field = |field: &Value| {
                format!(r#"{{"name":{},"type":{}}}"#, field["name"], canonical(&field["type"]))
            };
            let fields: Vec<_> = fields.iter().map(field).collect();
            let name = own("name");
            format!(r#"{{"name":{name},"type":"record","fields":[{}]}}"#, fields.join(","))
        }
        _ => canonical(own("type")),
    }
}

fn canonical_name_or_union(schema: &Value) -> String {
    let Value::Array(branches) = schema else { return schema.to_string() };
    format!("[{}]", branches.iter().map(canonical).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::RAW_EVENTS;

    fn told(text: &str) -> Vec<String> {
        let schema = Schema::parse_str(text).unwrap();
        fingerprints(&schema).iter().map(ToString::to_string).collect()
    }

    /// As numbers they stand in Avro's own test data (`share/test/data/schema-tests.txt`).
    #[test]
    fn the_crc_is_that_of_the_specification() {
        for (text, number) in [
            (r#""null""#, 7_195_948_357_588_979_594_i64),
            (r#""boolean""#, -6_970_731_678_124_411_036),
            (r#"{"name":"foo","type":"fixed","size":15}"#, 1_756_455_273_707_447_556),
        ] {
            assert_eq!(told(text), [Fingerprint(number.to_le_bytes()).to_string()], "{text}");
        }
    }

    /// They are what fastavro 1.13.1 tells: `schema.fingerprint` of `to_parsing_canonical_form`.
    #[test]
    fn a_fingerprint_is_the_one_that_other_libraries_tell() {
        let inherits = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
            {"name":"source","type":["null","string"],"default":null},
            {"name":"request","type":["null",{"type":"record","name":"RequestFacts","fields":[
                {"name":"ip","type":["null","string"],"default":null},
                {"name":"again","type":["null","RequestFacts"]},
                {"name":"l","type":{"type":"string","logicalType":"uuid"}},
                {"name":"supplied","type":{"type":"array","items":"string"},"default":[]}]}],
             "default":null}]}"#;
        let every_type = r#"{"type":"record","name":"io.waybill.RawEvent","doc":"d","aliases":["X"],
            "fields":[
            {"name":"t","order":"ignore","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}},
            {"name":"f","type":{"type":"fixed","name":"other.F","size":4}},
            {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4}},
            {"name":"m","type":{"type":"map","values":{"type":"int"}}}]}"#;
        assert_eq!(told(RAW_EVENTS.text), ["5e373b8fe2f70eeb"]);
        assert_eq!(told(inherits)[0], "69f5c4e8b032b06c");
        assert_eq!(told(every_type)[0], "ccfa39bc6bdea342");
    }
}
