//! The one configuration file: TOML with overrides from the environment.

mod business_keys;
mod identities;
mod load;
mod problem;
mod rules;
mod transformations;
mod warehouse_hosts;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use kafka_runtime::{BatchLimits, KafkaConfig, TopicSettings};
use schema_registry::RegistryConfig;
use serde::Deserialize;
use telemetry::LogConfig;
use tracking_plan::{SourceCatalog, SourceConfig};
use warehouse::WarehouseConfig;

pub use load::load;
pub use problem::{ConfigProblems, Problem};
pub use rules::{PlansConfig, PrivacyConfig, plan_files};

/// The admin port: metrics, liveness, readiness.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9100)) }
    }
}

/// What `waybill status` and `waybill stage` ask.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusConfig {
    /// Admin ports of all processes as `host:port`. A name stands for all its addresses, such as
    /// a headless service of Kubernetes. Empty: `admin.listen` alone.
    pub admin: Vec<String>,
}

/// Everything that can be configured.
#[derive(Debug, Default)]
pub struct Config {
    /// The file that it was read from, whether or not there was one.
    pub file: PathBuf,
    /// Epoch of `raw-events`: raise it when the topic is created anew.
    pub epoch: u16,
    /// Slot of this instance: each instance of a service needs its own.
    pub slot: u16,
    /// The admin port.
    pub admin: AdminConfig,
    /// Whom the operators' commands ask.
    pub status: StatusConfig,
    /// Logs and traces.
    pub log: LogConfig,
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// How the topics are made.
    pub topics: TopicSettings,
    /// When a stage's batch ends.
    pub batch: BatchLimits,
    /// Where the schema registry is.
    pub registry: RegistryConfig,
    /// Where ClickHouse is.
    pub warehouse: WarehouseConfig,
    /// Where the tracking plans are.
    pub plans: PlansConfig,
    /// Hashes, and whose events are not kept.
    pub privacy: PrivacyConfig,
    /// The collection endpoint.
    pub ingest: ingest::Config,
    /// The quality gate.
    pub validate: validate::Config,
    /// The enrichments.
    pub enrich: enrichment::Settings,
    /// The stage with memory.
    pub identity_stitch: identity_stitch::Config,
    /// The way out.
    pub forward: forward::Config,
    /// The auditor.
    pub audit: audit::Config,
    /// The sources by id, and the keys of first-party ids.
    pub sources: SourceCatalog,
}

/// Every key with its default, for `waybill check --example`.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The table of sources as written.
pub(crate) type Sources = BTreeMap<String, SourceConfig>;
