//! The whole flow: the local stack, migrated, with the six services as six processes.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use event::codec::Encoder;
use kafka_runtime::{Bounds, Delivered, KafkaConfig, Outgoing, Producer, Scanner};
use local_stack::{JavaTuning, Part, Progress, Stack, StackConfig};
use schema_registry::{Registry, RegistryConfig};
use serde_json::Value;
use topology::{Service, Topic};

use crate::{
    audit_report::{Audit, AuditReport},
    expire::delete_before,
    fates::FateRecords,
    flow_config::{self, Addresses},
    flow_enrichment,
    flow_instances::{first_slots, services},
    flow_rules,
    flow_shards::FlowShards,
    http::{Answer, Http},
    place, ports,
    proxies::Proxies,
    service_process::ServiceProcess,
    span_collector::SpanCollector,
    status_report::Status,
};

/// Instances that a service with a group can have.
pub const SLOTS: u16 = 3;
/// One for ingest, and an admin port for each instance: two services have one, four have a group.
const PORTS: usize = 1 + 2 + 4 * SLOTS as usize;

/// How a flow is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// First part of the folder's name under `target/tmp`.
    pub kind: &'static str,
    /// Told what is being done.
    pub progress: Progress,
    /// Whether there are proxies between the services and the parts.
    pub proxied: bool,
    /// What Kafka's Java compiles for.
    pub java: JavaTuning,
    /// How many shards the warehouse has. With several each has a doorway before it.
    pub shards: u16,
}

/// A running flow. Dropping it kills everything and leaves the folder.
pub struct Flow {
    /// By service and slot. Only the first slots are started with the flow.
    services: BTreeMap<(Service, u16), ServiceProcess>,
    proxies: Option<Proxies>,
    raw_encoder: OnceLock<Encoder>,
    producer: Producer,
    registry: Registry,
    kafka: KafkaConfig,
    binary: PathBuf,
    config: PathBuf,
    folder: PathBuf,
    ingest: SocketAddr,
    shards: FlowShards,
    stack: Stack,
    spans: SpanCollector,
    http: Http,
}

impl Flow {
    /// Starts the stack, migrates, starts the services and waits until each is ready.
    pub fn start(options: &Options, say: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let flow = Self::prepare(options, say)?;
        say("migrating: topics, schemas, tables, first positions");
        flow.waybill(&["migrate", "--yes"])?;
        say("starting the six services as six processes");
        for service in flow.first_slots() {
            service.start()?;
        }
        flow.first_slots().try_for_each(ServiceProcess::until_ready)?;
        Ok(flow)
    }

    /// All that comes before `migrate`.
    fn prepare(options: &Options, say: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let binary = place::binary()?;
        let folder = place::new_folder(options.kind)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("a runtime")?;
        let http = Http::new(Arc::new(runtime))?;
        say("starting Kafka, the schema registry and ClickHouse (the first time they are fetched)");
        let mut stack = StackConfig::new(folder.join("stack"));
        stack.progress = options.progress.clone();
        stack.proxied = options.proxied;
        stack.java = options.java;
        stack.clickhouse_shards = options.shards;
        let stack = http.runtime().block_on(Stack::start(stack))?;
        let shards = FlowShards::open(&stack);
        let clickhouse = shards.first(&stack);
        let proxies =
            options.proxied.then(|| Proxies::start(&http, &stack, &clickhouse)).transpose()?;
        let ports = ports::free_addresses::<PORTS>()?;
        let config = folder.join("waybill.toml");
        let spans = SpanCollector::start(&http)?;
        let direct = Addresses {
            kafka: stack.bootstrap_servers(),
            registry: stack.registry_url(),
            clickhouse,
            more_clickhouses: shards.more(),
            collector: spans.url(),
            ingest: ports[0],
            admin: first_slots(&ports[1..]),
        };
        let ingest = direct.ingest;
        let addresses = match &proxies {
            Some(proxies) => proxies.before(direct),
            None => direct,
        };
        let text = flow_config::text(&addresses, &folder)
            + &flow_enrichment::place(&folder, options.kind == "e2e")?
            + &flow_rules::place(&folder)?;
        fs::write(&config, text)?;
        let kafka = KafkaConfig {
            bootstrap_servers: stack.bootstrap_servers(),
            properties: BTreeMap::new(),
        };
        let registry = RegistryConfig { url: stack.registry_url(), ..RegistryConfig::default() };
        Ok(Self {
            services: services(&binary, &folder, &ports[1..], &http)?,
            proxies,
            raw_encoder: OnceLock::new(),
            producer: Producer::new(&kafka)?,
            registry: Registry::new(&registry, http.runtime().handle().clone())?,
            kafka,
            binary,
            config,
            folder,
            ingest,
            shards,
            stack,
            spans,
            http,
        })
    }

    /// One of the six services.
    pub fn service(&self, service: Service) -> &ServiceProcess {
        self.instance(service, 0)
    }

    /// An instance of a service; of those that keep no group there is one only.
    pub fn instance(&self, service: Service, slot: u16) -> &ServiceProcess {
        let first = || &self.services[&(Service::Ingest, 0)];
        self.services.get(&(service, slot)).unwrap_or_else(first)
    }

    /// Every instance that may run.
    pub fn instances(&self) -> impl Iterator<Item = &ServiceProcess> {
        self.services.values()
    }

    fn first_slots(&self) -> impl Iterator<Item = &ServiceProcess> {
        self.services.values().filter(|instance| instance.slot == 0)
    }

    /// The services that are to run and do not.
    pub fn ended(&self) -> impl Iterator<Item = &ServiceProcess> {
        self.first_slots().filter(|instance| !instance.is_running())
    }

    /// The proxies; an error if the flow was started without.
    pub fn proxies(&self) -> anyhow::Result<&Proxies> {
        self.proxies.as_ref().context("this flow has no proxies")
    }

    /// Ends a part of the stack with SIGKILL.
    pub fn kill_part(&self, part: Part) -> anyhow::Result<()> {
        Ok(self.http.runtime().block_on(self.stack.part(part).kill())?)
    }

    /// Starts a part again on its data.
    pub fn restart_part(&self, part: Part) -> anyhow::Result<()> {
        self.http.runtime().block_on(self.stack.part(part).restart())?;
        self.shards.mend(&self.http, &self.stack)
    }

    /// Stops a part in mid-air.
    pub fn freeze_part(&self, part: Part) -> anyhow::Result<()> {
        Ok(self.stack.part(part).freeze()?)
    }

    /// Lets a part go on, and waits until it answers.
    pub fn thaw_part(&self, part: Part) -> anyhow::Result<()> {
        self.stack.part(part).thaw()?;
        Ok(self.http.runtime().block_on(self.stack.part(part).until_it_answers())?)
    }

    /// Stops a further shard's ClickHouse in mid-air.
    pub fn freeze_shard(&self, shard: usize) -> anyhow::Result<()> {
        let part = self.stack.clickhouse_shard(shard).context("there is no such shard")?;
        Ok(part.freeze()?)
    }

    /// Lets it go on, and starts again whichever shard does not.
    pub fn thaw_shards(&self) -> anyhow::Result<()> {
        self.shards.mend(&self.http, &self.stack)
    }

    /// Ends every fault and starts again whatever does not run: proxies, parts, services in their
    /// first slots. Those in further slots are ended.
    pub fn mend(&self) -> anyhow::Result<()> {
        if let Some(proxies) = &self.proxies {
            proxies.pass();
        }
        for part in Part::ALL {
            // One that does not run is started below.
            let _goes_on = self.stack.part(part).thaw();
            if !self.http.runtime().block_on(self.stack.part(part).answers()) {
                self.restart_part(part)?;
            }
        }
        self.shards.mend(&self.http, &self.stack)?;
        for instance in self.services.values() {
            if instance.is_running() {
                instance.thaw()?;
            }
            match (instance.slot, instance.is_running()) {
                (0, false) => instance.start()?,
                (1.., true) => instance.kill()?,
                _ => {}
            }
        }
        self.first_slots().try_for_each(ServiceProcess::until_ready)
    }

    /// Sends a request to ingest. An error means that no answer came.
    pub fn post(&self, path: &str, key: Option<&str>, body: &[u8]) -> anyhow::Result<Answer> {
        self.http.post(&format!("{}{path}", self.ingest_url()), key, body)
    }

    /// Writes records as a producer of its own, and waits for the broker's acknowledgement.
    pub fn produce(&self, records: Vec<Outgoing>) -> anyhow::Result<Vec<Delivered>> {
        Ok(self.http.runtime().block_on(self.producer.send_all(records))?)
    }

    /// Start and end of each partition of a topic.
    pub fn bounds(&self, topic: Topic) -> anyhow::Result<Vec<Bounds>> {
        Ok(Scanner::new(&self.kafka, "waybill-tests")?.bounds(topic)?)
    }

    /// Deletes what lies below an offset before its time.
    pub fn expire(&self, topic: Topic, partition: i32, before: i64) -> anyhow::Result<()> {
        delete_before(&self.kafka.bootstrap_servers, topic, partition, before)
    }

    /// Asks ClickHouse; the answer's text without white space around it.
    pub fn clickhouse(&self, sql: &str) -> anyhow::Result<String> {
        let settings = "database=waybill&output_format_json_quote_64bit_integers=0";
        let url = format!("{}/?{settings}", self.stack.clickhouse_url());
        let answer = self.http.post(&url, None, sql.as_bytes())?.ok();
        Ok(answer.with_context(|| sql.to_owned())?.trim().to_owned())
    }

    /// Does something (`ALTER TABLE`) to a table where the rows are, in every shard.
    pub fn on_table(&self, verb: &str, table: &str, what: &str) -> anyhow::Result<()> {
        let database = self.shards.storage();
        for url in self.stack.clickhouse_urls() {
            let sql = format!("{verb} {database}.{table} {what}");
            let answer = self.http.post(&url, None, sql.as_bytes())?.ok();
            answer.with_context(|| sql)?;
        }
        Ok(())
    }

    /// Asks ClickHouse for rows as JSON objects.
    pub fn rows(&self, sql: &str) -> anyhow::Result<Vec<Value>> {
        let text = self.clickhouse(&format!("{sql} FORMAT JSONEachRow"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// `waybill audit --json --wait …`.
    pub fn audit(&self, wait: Duration) -> anyhow::Result<Audit> {
        let output = self.output(&["audit", "--json", "--wait", &wait.as_secs().to_string()])?;
        let code = output.status.code();
        let Some(code @ 0..=2) = code else { bail!("waybill audit failed: {}", text_of(&output)) };
        let report = serde_json::from_slice(&output.stdout);
        let report = report.with_context(|| format!("no report: {}", text_of(&output)))?;
        Ok(Audit { code, report: AuditReport(report) })
    }

    /// `waybill status --json`.
    pub fn status(&self) -> anyhow::Result<Status> {
        let begun = Instant::now();
        let output = self.output(&["status", "--json"])?;
        let code = output.status.code();
        let Some(code @ 0..=2) = code else { bail!("waybill status failed: {}", text_of(&output)) };
        let json = serde_json::from_slice(&output.stdout);
        let json = json.with_context(|| format!("no status: {}", text_of(&output)))?;
        Ok(Status { code, json, took: begun.elapsed() })
    }

    /// Runs the binary with this flow's configuration; its standard output.
    pub fn waybill(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.output(arguments)?;
        let what = arguments.join(" ");
        ensure!(output.status.success(), "waybill {what} failed: {}", text_of(&output));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Every dead letter and discard there is, read from the topics.
    pub fn fates(&self) -> anyhow::Result<FateRecords> {
        FateRecords::read(&self.kafka, &self.registry)
    }

    /// For encoders of the topics' values.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The encoder of `raw-events`: asked for once, since the registry may be away later.
    pub fn raw_encoder(&self) -> anyhow::Result<&Encoder> {
        if let Some(encoder) = self.raw_encoder.get() {
            return Ok(encoder);
        }
        let encoder = self.registry.encoder(Topic::RawEvents);
        let encoder = encoder.map_err(|halt| anyhow!("{halt:?}"))?;
        Ok(self.raw_encoder.get_or_init(|| encoder))
    }

    /// Where Kafka is, without a proxy.
    pub fn kafka(&self) -> &KafkaConfig {
        &self.kafka
    }

    /// Where ingest listens.
    pub fn ingest_url(&self) -> String {
        format!("http://{}", self.ingest)
    }

    /// The three parts.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The spans that the services export.
    pub fn spans(&self) -> &SpanCollector {
        &self.spans
    }

    /// The runtime under it all.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Data and logs of this run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where identity-stitch in slot 0 keeps its state.
    pub fn state_folder(&self) -> PathBuf {
        flow_config::state_folder(&self.folder)
    }

    /// The last lines of every service's log.
    pub fn log_tails(&self) -> String {
        let tails = self.services.values().map(ServiceProcess::log_tail);
        tails.collect::<Vec<_>>().join("\n")
    }

    /// What a command says, however it ends.
    pub fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.config).args(arguments);
        command.output().with_context(|| self.binary.display().to_string())
    }
}

fn text_of(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{}{}", output.status, text[0], text[1])
}
