//! Databases in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>), as these tests need them.

use std::net::IpAddr;

use serde_json::{Value, json};

/// When the databases were built: 2026-11-20T00:00:00Z.
pub(crate) const BUILT_AT_S: u64 = 1_795_132_800;

/// Nodes of the search tree: what stands on either side of each.
type Nodes = Vec<[Side; 2]>;

#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of this type with these networks (`1.2.3.0/24`) and their rows.
pub(crate) fn database(database_type: &str, rows: &[(&str, Value)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut nodes: Nodes = vec![[Side::Nothing; 2]];
    for (network, row) in rows {
        let at = data.len();
        write(row, &mut data);
        insert(&mut nodes, network, at);
    }
    let mut file = Vec::new();
    for side in nodes.iter().flatten() {
        let record = match side {
            Side::Nothing => nodes.len(),
            Side::Node(number) => *number,
            Side::Data(at) => nodes.len() + 16 + at,
        };
        file.extend(u32::try_from(record).unwrap().to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "record_size": 32,
        "build_epoch": BUILT_AT_S, "database_type": database_type, "ip_version": 6,
        "description": { "en": "made by a test" }, "languages": ["en"], "node_count": nodes.len(),
    });
    write(&metadata, &mut file);
    file
}

/// A database of places in the layout of GeoLite2-City.
pub(crate) fn city() -> Vec<u8> {
    let munich = json!({
        "city": { "geoname_id": 2_867_714, "names": { "de": "München", "en": "Munich" } },
        "country": { "geoname_id": 2_921_044, "iso_code": "DE", "names": { "en": "Germany" } },
        "location": { "accuracy_radius": 20, "latitude": 48.1, "time_zone": "Europe/Berlin" },
        "registered_country": { "iso_code": "US" },
        "subdivisions": [{ "iso_code": "BY", "names": { "en": "Bavaria" } }, { "iso_code": "X" }],
    });
    let country = |code: &str| json!({ "country": { "iso_code": code } });
    database(
        "GeoLite2-City",
        &[
            ("2.16.0.0/13", munich.clone()),
            ("2a02:908::/32", munich),
            ("5.1.0.0/16", country("SE")),
            ("9.9.9.0/24", json!({ "country": { "iso_code": true } })),
            ("10.0.0.0/8", country("ZZ")),
        ],
    )
}

/// A database of networks in the layout of GeoLite2-ASN.
pub(crate) fn asn() -> Vec<u8> {
    let row = json!({
        "autonomous_system_number": 3320, "autonomous_system_organization": "Deutsche Telekom AG",
    });
    database("GeoLite2-ASN", &[("2.16.0.0/13", row)])
}

fn insert(nodes: &mut Nodes, network: &str, data: usize) {
    let (address, length) = network.split_once('/').unwrap();
    let length: usize = length.parse().unwrap();
    // IPv4 lies in the last 32 bits.
    let (bits, length) = match address.parse().unwrap() {
        IpAddr::V4(address) => (u128::from(u32::from(address)), length + 96),
        IpAddr::V6(address) => (u128::from(address), length),
    };
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            nodes[node][side] = Side::Data(data);
        } else if let Side::Node(next) = nodes[node][side] {
            node = next;
        } else {
            nodes.push([Side::Nothing; 2]);
            let next = nodes.len() - 1;
            nodes[node][side] = Side::Node(next);
            node = next;
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            control(7, members.len(), out);
            for (name, value) in members {
                write(&Value::from(name.as_str()), out);
                match value.as_u64() {
                    Some(value) => number(name, value, out),
                    None => write(value, out),
                }
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            for item in items {
                write(item, out);
            }
        }
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Bool(truth) => control(14, usize::from(*truth), out),
        Value::Number(number) => {
            control(3, 8, out);
            out.extend(number.as_f64().unwrap().to_be_bytes());
        }
        Value::Null => panic!("the format has no null"),
    }
}

/// A whole number, of the type that the format wants of this member.
fn number(name: &str, value: u64, out: &mut Vec<u8>) {
    let kind = match name {
        "build_epoch" => 9,
        "binary_format_major_version"
        | "binary_format_minor_version"
        | "ip_version"
        | "record_size"
        | "accuracy_radius" => 5,
        _ => 6,
    };
    let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    control(kind, bytes.len(), out);
    out.extend(bytes);
}

/// The control byte of a type and size; types above 7 have a second one.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let size = u8::try_from(size).unwrap();
    let (small, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    if kind > 7 {
        out.extend([small, kind - 7]);
    } else {
        out.push(kind << 5 | small);
    }
    out.extend(more);
}
