//! The whole flow: the local stack, migrated, with the six services as six processes.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use kafka_runtime::{Bounds, Delivered, KafkaConfig, Outgoing, Producer, Scanner};
use local_stack::{Part, Progress, Stack, StackConfig, spawner::Spawner};
use schema_registry::{Registry, RegistryConfig};
use serde_json::Value;
use topology::{Service, Topic};

use crate::{
    audit_report::{Audit, AuditReport},
    expire::delete_before,
    fates::FateRecords,
    flow_config,
    http::{Answer, Http},
    place, ports,
    service_process::ServiceProcess,
    span_collector::SpanCollector,
    status_report::Status,
};

/// How a flow is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// First part of the folder's name under `target/tmp`.
    pub kind: &'static str,
    /// Told what is being done.
    pub progress: Progress,
}

/// A running flow. Dropping it kills everything and leaves the folder.
pub struct Flow {
    services: BTreeMap<Service, ServiceProcess>,
    producer: Producer,
    registry: Registry,
    kafka: KafkaConfig,
    binary: PathBuf,
    config: PathBuf,
    folder: PathBuf,
    ingest: SocketAddr,
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
        for service in flow.services.values() {
            service.start()?;
        }
        for service in flow.services.values() {
            service.until_ready()?;
        }
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
        let stack = http.runtime().block_on(Stack::start(stack))?;
        let addresses = ports::free_addresses::<7>()?;
        let config = folder.join("waybill.toml");
        let spans = SpanCollector::start(&http)?;
        let ports = (&addresses[..6], addresses[6]);
        fs::write(&config, flow_config::text(&stack, &folder, ports, &spans.url()))?;
        let kafka = KafkaConfig {
            bootstrap_servers: stack.bootstrap_servers(),
            properties: BTreeMap::new(),
        };
        let registry = RegistryConfig { url: stack.registry_url(), ..RegistryConfig::default() };
        Ok(Self {
            services: services(&binary, &folder, &addresses, &http)?,
            producer: Producer::new(&kafka)?,
            registry: Registry::new(&registry, http.runtime().handle().clone())?,
            kafka,
            binary,
            config,
            folder,
            ingest: addresses[6],
            stack,
            spans,
            http,
        })
    }

    /// One of the six services.
    pub fn service(&self, service: Service) -> &ServiceProcess {
        // `Service::RUNNABLE` is what the map was made of; the other two are no processes of ours.
        self.services.get(&service).unwrap_or_else(|| &self.services[&Service::Ingest])
    }

    /// Ends a part of the stack with SIGKILL.
    pub fn kill_part(&self, part: Part) -> anyhow::Result<()> {
        Ok(self.http.runtime().block_on(self.stack.part(part).kill())?)
    }

    /// Starts a part again on its data.
    pub fn restart_part(&self, part: Part) -> anyhow::Result<()> {
        Ok(self.http.runtime().block_on(self.stack.part(part).restart())?)
    }

    /// Starts again whatever does not run, after a test that may have left something down.
    pub fn mend(&self) -> anyhow::Result<()> {
        for part in Part::ALL {
            if !self.http.runtime().block_on(self.stack.part(part).answers()) {
                self.restart_part(part)?;
            }
        }
        for service in self.services.values().filter(|service| !service.is_running()) {
            service.start()?;
        }
        self.services.values().try_for_each(ServiceProcess::until_ready)
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

    /// The last lines of every service's log.
    pub fn log_tails(&self) -> String {
        let tails = self.services.values().map(ServiceProcess::log_tail);
        tails.collect::<Vec<_>>().join("\n")
    }

    fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.config).args(arguments);
        command.output().with_context(|| self.binary.display().to_string())
    }
}

fn services(
    binary: &Path,
    folder: &Path,
    addresses: &[SocketAddr],
    http: &Http,
) -> anyhow::Result<BTreeMap<Service, ServiceProcess>> {
    let spawner = Arc::new(Spawner::start()?);
    let process = |(service, admin): (Service, &SocketAddr)| {
        let process = ServiceProcess {
            service,
            binary: binary.to_owned(),
            config: folder.join("waybill.toml"),
            log: folder.join(format!("{service}.log")),
            admin: *admin,
            spawner: spawner.clone(),
            http: http.clone(),
            child: Mutex::new(None),
        };
        (service, process)
    };
    Ok(Service::RUNNABLE.into_iter().zip(addresses).map(process).collect())
}

fn text_of(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{}{}", output.status, text[0], text[1])
}
