//! The invariants of ARCHITECTURE.md that a machine can hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use topology::{TOPICS, Topic};

const PURE: [&str; 8] = [
    "event",
    "topology",
    "pipeline",
    "tracking-plan",
    "transformation",
    "enrichment",
    "identity",
    "reconciliation",
];
const OUTSIDE: [&str; 6] =
    ["crashpoint", "telemetry", "schema-registry", "kafka-runtime", "warehouse", "local-stack"];
const SERVICES: [&str; 6] = ["ingest", "validate", "enrich", "identity-stitch", "forward", "audit"];
const FILE_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// Names of the normal dependencies of a crate.
fn dependencies(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let package = metadata.packages.iter().find(|it| it.name.as_str() == name).unwrap();
    let normal = package.dependencies.iter().filter(|it| it.kind == DependencyKind::Normal);
    normal.map(|it| it.name.clone()).collect()
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_crate_has_its_layer_and_depends_on_none_above_it() {
    let metadata = metadata();
    let layers: [&[&str]; 4] = [&PURE, &OUTSIDE, &SERVICES, &["waybill"]];
    let known: BTreeSet<&str> = layers.iter().flat_map(|layer| layer.iter().copied()).collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let is_test = ["waybill-tests", "waybill-fuzz"].contains(&name);
        assert!(known.contains(name) || is_test, "{name} has no layer");
    }
    for (level, layer) in layers.iter().enumerate() {
        let above: BTreeSet<&str> =
            layers[level + 1..].iter().flat_map(|layer| layer.iter().copied()).collect();
        for name in *layer {
            let upwards: Vec<String> = dependencies(&metadata, name)
                .into_iter()
                .filter(|it| above.contains(it.as_str()))
                .collect();
            assert!(upwards.is_empty(), "{name} depends on {upwards:?}");
        }
    }
    for service in SERVICES {
        let siblings: Vec<String> = dependencies(&metadata, service)
            .into_iter()
            .filter(|it| SERVICES.contains(&it.as_str()))
            .collect();
        assert!(siblings.is_empty(), "service {service} depends on {siblings:?}");
    }
}

#[test]
fn a_pure_crate_touches_no_clock_socket_thread_or_random_source() {
    let metadata = metadata();
    let outside = ["tokio", "reqwest", "rdkafka", "clickhouse", "rand", "getrandom", "axum"];
    let calls = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "std::net",
        "std::thread",
        "std::fs",
        "std::env",
    ];
    for name in PURE {
        for dependency in dependencies(&metadata, name) {
            assert!(!outside.contains(&dependency.as_str()), "{name} depends on {dependency}");
        }
        for file in rust_files(&root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in calls {
                assert!(!code.contains(call), "{} uses {call}", file.display());
            }
        }
    }
}

#[test]
fn each_client_library_has_one_user() {
    let metadata = metadata();
    let owners = [
        ("rdkafka", "kafka-runtime"),
        ("clickhouse", "warehouse"),
        ("schema_registry_converter", "schema-registry"),
        ("fjall", "identity-stitch"),
    ];
    for (library, owner) in owners {
        let users: Vec<&str> = metadata
            .packages
            .iter()
            .filter(|it| it.dependencies.iter().any(|dependency| dependency.name == library))
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(users, [owner], "{library}");
    }
}

#[test]
fn no_topic_is_named_outside_of_topology() {
    for file in rust_files(&root().join("crates")) {
        if file.starts_with(root().join("crates/topology")) || is_test(&file) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for spec in TOPICS {
            let spelled = format!("\"{}\"", spec.topic);
            // The schemas' names under avro/ are file names; and one table is named as its topic.
            let of_table = spec.topic == Topic::Deliveries && names_tables(&file);
            if !file.ends_with("event/src/schema.rs") && !of_table {
                assert!(!code.contains(&spelled), "{} spells {spelled}", file.display());
            }
        }
    }
}

/// Whether the file is one that asks ClickHouse, and so names tables.
fn names_tables(file: &Path) -> bool {
    file.starts_with(root().join("crates/warehouse"))
        || file.starts_with(root().join("crates/waybill/src/commands/erase"))
}

fn is_test(file: &Path) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    file.components().any(|it| it.as_os_str() == "tests") || stem.ends_with("tests")
}

#[test]
fn no_file_is_longer_than_a_newcomer_reads() {
    for folder in ["crates", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= FILE_LINES, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn the_readme_shows_the_topology_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for part in [topology::flow_diagram(), topology::topic_table()] {
        assert!(readme.contains(part.trim()), "README.md lacks:\n{part}");
    }
}

#[test]
fn the_compose_file_runs_every_service_with_the_configuration_that_it_mounts() {
    let compose = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let parsed: serde_json::Value = serde_saphyr::from_str(&compose).unwrap();
    let services = parsed["services"].as_object().unwrap();
    for service in topology::Service::RUNNABLE {
        let found = services.get(service.name());
        let found = found.unwrap_or_else(|| panic!("{service} is not in docker-compose.yml"));
        let command: Vec<&str> = found["command"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        assert_eq!(command[..2], ["waybill", service.name()], "{service}");
        let serves = service != topology::Service::Audit || command.contains(&"--serve");
        assert!(serves, "audit without --serve checks once and ends");
    }
    for part in ["kafka", "registry", "clickhouse", "migrate"] {
        assert!(services.contains_key(part), "{part}");
    }
}

#[test]
fn every_topic_has_a_schema_and_at_least_one_example() {
    for spec in TOPICS {
        let name = spec.topic.schema_name();
        assert!(event_schema(name), "avro/{name}.avsc is not compiled in");
        let examples = root().join("avro/examples").join(name);
        let count = fs::read_dir(&examples).map_or(0, Iterator::count);
        assert!(count > 0, "{} is empty", examples.display());
    }
}

fn event_schema(name: &str) -> bool {
    event::schema::by_name(name).is_some()
}
