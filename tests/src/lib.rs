//! What the end-to-end tests and the demo stand on: the whole flow on real parts, one process per
//! service, and the oracle that says whether it kept its promises.
//!
//! Everything here blocks; a [`Flow`] has a runtime of its own inside.

mod audit_report;
mod expire;
mod fates;
mod flow;
mod flow_config;
mod flow_enrichment;
mod flow_instances;
mod flow_rules;
mod flow_shards;
mod http;
mod ledger_check;
mod metrics;
mod node;
mod oracle;
mod place;
mod ports;
mod process_usage;
mod proxies;
mod proxy;
mod python;
mod service_process;
mod span_collector;
mod status_report;
mod topic_reader;
mod traffic;
mod wait;

pub use audit_report::{Audit, AuditReport, Books, NamedOrigin};
pub use fates::{FateRecords, Placed};
pub use flow::{Flow, Options, SLOTS};
pub use flow_config::{
    BILLING, BLOCKED_ID, CRM, FLOW_SOURCES, FlowSource, JITSU, KIOSK, SERVER_SDKS, WEB, WEB_SDKS,
};
pub use flow_enrichment::{CLIENT_ADDRESS, TRANSFORMED, address_databases};
pub use flow_rules::decisions;
pub use flow_shards::shards;
pub use http::{Answer, Http};
pub use ledger_check::{Findings, LedgerCheck, Named};
pub use metrics::Metrics;
pub use node::NodePackage;
pub use oracle::{Fate, ID_PREFIX, Issued, Oracle, Tally};
pub use place::{binary, target_folder};
pub use process_usage::{Spent, seconds, spent};
pub use proxies::Proxies;
pub use proxy::{Aim, Mode, Proxy, Wire, kafka_api};
pub use python::PythonPrograms;
pub use service_process::{ServiceProcess, Stopped};
pub use span_collector::{CollectedSpan, SpanCollector};
pub use status_report::Status;
pub use traffic::Traffic;
pub use wait::until;
