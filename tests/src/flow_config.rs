//! The configuration of a flow: one file for all six services.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use local_stack::CLUSTER;

/// Where a service finds what it needs.
pub(crate) struct Addresses {
    /// Kafka, `host:port`.
    pub(crate) kafka: String,
    /// URL of the registry.
    pub(crate) registry: String,
    /// URL of ClickHouse.
    pub(crate) clickhouse: String,
    /// URLs of the ClickHouses of further shards.
    pub(crate) more_clickhouses: Vec<String>,
    /// URL of the collector of spans.
    pub(crate) collector: String,
    /// Where ingest listens.
    pub(crate) ingest: SocketAddr,
    /// The admin ports of the six services.
    pub(crate) admin: Vec<SocketAddr>,
}

/// A source of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowSource {
    /// Its id.
    pub id: &'static str,
    /// browser, mobile or server.
    pub kind: &'static str,
    /// Its write key; none where its only way in is Kafka.
    pub write_key: Option<&'static str>,
    /// Whether ingest keeps its events on the disk while Kafka is away.
    pub spool: bool,
}

const fn source(
    id: &'static str,
    kind: &'static str,
    write_key: Option<&'static str>,
) -> FlowSource {
    FlowSource { id, kind, write_key, spool: false }
}

/// What browsers send.
pub const WEB: FlowSource = source("web/app", "browser", Some("wk_web"));
/// A backend that uses an SDK.
pub const BILLING: FlowSource = source("server/billing", "server", Some("wk_billing"));
/// A backend that writes `raw-events` itself.
pub const CRM: FlowSource = source("server/crm", "server", None);
/// A machine that sends each event once.
pub const KIOSK: FlowSource =
    FlowSource { spool: true, ..source("server/kiosk", "server", Some("wk_kiosk")) };
/// What SDKs send from browsers, under ids of their own.
pub const WEB_SDKS: FlowSource = source("web/sdks", "browser", Some("wk_web_sdks"));
/// What SDKs send from servers, under ids of their own.
pub const SERVER_SDKS: FlowSource = source("server/sdks", "server", Some("wk_server_sdks"));
/// What sends through Jitsu's SDK, which takes no other form of key.
pub const JITSU: FlowSource = source("web/jitsu", "browser", Some("jitsu:secret"));

/// All of them.
pub const FLOW_SOURCES: [FlowSource; 7] = [WEB, BILLING, CRM, KIOSK, WEB_SDKS, SERVER_SDKS, JITSU];

/// Those of which every message is issued by an oracle.
pub(crate) const ORACLE_SOURCES: [FlowSource; 4] = [WEB, BILLING, CRM, KIOSK];

/// An id that never links: what the shop's demo account is called.
pub const BLOCKED_ID: &str = "demo-account";

/// Where identity-stitch in slot 0 keeps its state.
pub(crate) fn state_folder(folder: &Path) -> PathBuf {
    folder.join("identity-stitch")
}

fn cluster(more: &[String]) -> String {
    if more.is_empty() {
        return String::new();
    }
    let shards: Vec<_> = more.iter().map(|url| [url]).collect();
    format!("cluster = \"{CLUSTER}\"\nmore_shards = {shards:?}\n")
}

/// The text of the configuration file. Each service gets its admin port by its environment.
///
/// One trace in ten is sampled: enough to see some, and few enough to cost little. An INSERT is
/// uncertain soon: a test does not wait a minute for it.
pub(crate) fn text(at: &Addresses, folder: &Path) -> String {
    let Addresses { kafka, registry, clickhouse, more_clickhouses, collector, ingest, admin } = at;
    let cluster = cluster(more_clickhouses);
    let admin: Vec<_> = admin.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "epoch = 0\n\
         slot = 0\n\
         [status]\nadmin = {admin:?}\n\
         [log]\notlp_endpoint = \"{collector}\"\nsample_ratio = 0.1\n\
         [kafka]\nbootstrap_servers = \"{kafka}\"\n\
         [topics]\npartitions = 6\n\
         [registry]\nurl = \"{registry}\"\n\
         [warehouse]\nurl = \"{clickhouse}\"\ndatabase = \"waybill\"\n\
         timeout_seconds = 10\n{cluster}\
         [first_party]\nkeys = [{{ id = \"k1\", secret = \"a secret of a test, and of no use elsewhere\" }}]\n\
         [ingest]\nlisten = \"{ingest}\"\nspool_dir = \"{}\"\ntrusted_proxies = 1\n\
         [identity_stitch]\nstate_dir = \"{}\"\nblocked_ids = [\"{BLOCKED_ID}\"]\n",
        folder.join("spool").display(),
        state_folder(folder).display(),
    );
    for source in FLOW_SOURCES {
        let keys: Vec<_> = source.write_key.into_iter().collect();
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "[sources.{:?}]\nkind = {:?}\nenvironment = \"production\"\nwrite_keys = {keys:?}\n\
             spool = {}\n",
            source.id, source.kind, source.spool
        );
    }
    text
}
