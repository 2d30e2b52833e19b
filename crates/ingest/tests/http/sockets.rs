//! Connections on real sockets: slow, silent, too many, encrypted.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use ingest::{Config, Dependencies, IngestError, TlsConfig, run};
use kafka_runtime::{KafkaConfig, Producer, Shutdown};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, Version};
use schema_registry::Registry;
use telemetry::Health;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::support::catalog;

/// What nobody may have to wait for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Much longer than the limits that are set to a third of a second, on a machine that is busy; much
/// shorter than those that are not set.
const SOON: Duration = Duration::from_secs(10);

fn dependencies(shutdown: &Shutdown) -> Dependencies {
    let kafka = KafkaConfig { bootstrap_servers: "127.0.0.1:1".to_owned(), ..Default::default() };
    Dependencies {
        epoch: 0,
        producer: Producer::new(&kafka).unwrap(),
        registry: Registry::offline(tokio::runtime::Handle::current()).unwrap(),
        catalog: catalog(),
        readiness: Health::new().component("ingest"),
        shutdown: shutdown.clone(),
    }
}

struct Serving {
    address: SocketAddr,
    shutdown: Shutdown,
    ended: JoinHandle<Result<(), IngestError>>,
}

impl Serving {
    /// An ingest without a broker: it answers 503 to what it would take.
    async fn start(config: Config) -> Self {
        let shutdown = Shutdown::new();
        let with = dependencies(&shutdown);
        let config = Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ack_timeout_ms: 50,
            ..config
        };
        let (bound, address) = oneshot::channel();
        let ended = tokio::spawn(run(config, with, move |at| bound.send(at).unwrap()));
        Self { address: address.await.unwrap(), shutdown, ended }
    }

    async fn connect(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        stream
    }

    async fn end(self) {
        self.shutdown.request();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap().unwrap();
    }
}

/// All that comes until the other side closes, and how long that took.
async fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let (begun, mut answer) = (Instant::now(), Vec::new());
    // A connection may also be reset.
    let _end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    (String::from_utf8(answer).unwrap(), begun.elapsed())
}

const HEAD: &str = "POST /v1/t?writeKey=wk_web HTTP/1.1\r\nHost: x\r\n";

#[tokio::test]
async fn who_is_silent_or_slow_is_cut_off() {
    let quick = Config { header_timeout_ms: 300, body_timeout_ms: 300, ..Config::default() };
    let serving = Serving::start(quick).await;
    let body_that_stops = format!("{HEAD}Content-Length: 9\r\n\r\n{{");
    for (said, expected) in [
        ("", ""),
        ("P", ""),
        ("PRI * HTTP/2.0\r\n", ""),
        (HEAD, ""),
        (&body_that_stops, "HTTP/1.1 408 "),
    ] {
        let (answer, took) = until_closed(serving.connect(said).await).await;
        assert!(took < SOON, "{said:?} took {took:?}");
        assert!(answer.starts_with(expected), "{said:?}: {answer}");
    }
    // Drop by drop: each comes in time, all of them do not.
    let mut slow = serving.connect("POST /v1/t HTTP/1.1\r\n").await;
    let begun = Instant::now();
    while slow.write_all(b"X-A: b\r\n").await.is_ok() && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    serving.end().await;
}

#[tokio::test]
async fn headers_beyond_the_limit_are_answered_431() {
    let serving = Serving::start(Config { max_header_bytes: 9_000, ..Config::default() }).await;
    let large = format!("{HEAD}X-Large: {}\r\n\r\n", "x".repeat(20_000));
    let (answer, _) = until_closed(serving.connect(&large).await).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    serving.end().await;
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_until_another_ends() {
    let serving = Serving::start(Config { max_connections: 1, ..Config::default() }).await;
    let request = format!("{HEAD}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}");
    let first = serving.connect(HEAD).await;
    let mut second = serving.connect(&request).await;
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(300), second.read(&mut byte)).await.is_err());
    drop(first);
    let (answer, _) = until_closed(second).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    serving.end().await;
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_too() {
    let serving = Serving::start(Config::default()).await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("http://{}/", serving.address)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    serving.end().await;
}

/// Writes a new certificate for `localhost` and returns it.
fn certify(files: &TlsConfig) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    fs::write(&files.certificate, cert.pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn files_in(folder: &Path) -> TlsConfig {
    TlsConfig { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}

/// A client that trusts this certificate alone.
fn client(trusted: Certificate) -> reqwest::ClientBuilder {
    Client::builder().tls_certs_only([trusted])
}

/// How many changed certificates could not be used, in this process: one test looks at it.
fn certificate_failures() -> f64 {
    let text = telemetry::metrics::encode().unwrap();
    let mut lines = text.lines();
    let told = lines.find_map(|line| {
        let series = line.strip_prefix("waybill_ingest_certificate_failures_total")?;
        series.rsplit(' ').next()?.parse().ok()
    });
    told.expect("the metric is there")
}

async fn until_failed(times: f64) {
    let begun = Instant::now();
    while certificate_failures() < times {
        assert!(begun.elapsed() < PATIENCE, "{} failures", certificate_failures());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_and_takes_a_new_one_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let files = files_in(folder.path());
    let old = certify(&files);
    let serving = Serving::start(Config { tls: Some(files.clone()), ..Config::default() }).await;
    let url = format!("https://localhost:{}/", serving.address.port());
    let answer = client(old.clone()).build().unwrap().get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let first = client(old.clone()).http1_only().build().unwrap();
    assert_eq!(first.get(&url).send().await.unwrap().version(), Version::HTTP_11);
    let before = certificate_failures();
    fs::write(&files.certificate, "no certificate").unwrap();
    until_failed(before + 1.0).await;
    fs::remove_file(&files.certificate).unwrap();
    until_failed(before + 2.0).await;
    let still = client(old.clone()).build().unwrap().get(&url).send().await;
    assert_eq!(still.unwrap().status(), 200, "the old one stays in force");
    let new = certify(&files);
    let begun = Instant::now();
    while client(new.clone()).build().unwrap().get(&url).send().await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the new certificate is not used");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(client(old).build().unwrap().get(&url).send().await.is_err());
    serving.end().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let files = files_in(folder.path());
    certify(&files);
    let missing = TlsConfig { key: folder.path().join("none.key"), ..files.clone() };
    let other = tempfile::tempdir().unwrap();
    certify(&files_in(other.path()));
    let mixed = TlsConfig { key: other.path().join("tls.key"), ..files.clone() };
    for (tls, expected) in [(missing, "none.key: there is no such file"), (mixed, "[ingest.tls]")] {
        let with = Config { tls: Some(tls), ..Config::default() };
        let told = problem(with).await;
        assert!(told.contains(expected), "{told}");
    }
}

/// Why ingest does not start with this configuration.
async fn problem(config: Config) -> String {
    let with = dependencies(&Shutdown::new());
    run(config, with, |_| ()).await.unwrap_err().to_string()
}
