//! The server on a real socket, without a broker or a registry.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use ingest::{Collector, Config, Dependencies, IngestError, Spool, run};
use kafka_runtime::{KafkaConfig, Producer, Shutdown};
use schema_registry::{Registry, RegistryConfig};
use telemetry::{Health, HealthReport};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::support::FakeLog;

fn dependencies(health: &Health, shutdown: &Shutdown, registry: Registry) -> Dependencies {
    let kafka = KafkaConfig { bootstrap_servers: "127.0.0.1:1".to_owned(), ..Default::default() };
    Dependencies {
        epoch: 0,
        producer: Producer::new(&kafka).unwrap(),
        registry,
        catalog: crate::support::catalog(),
        readiness: health.component("ingest"),
        shutdown: shutdown.clone(),
    }
}

fn registry_that_is_away() -> Registry {
    let config = RegistryConfig { url: "http://127.0.0.1:1".to_owned(), ..Default::default() };
    Registry::new(&config, tokio::runtime::Handle::current()).unwrap()
}

fn any_port() -> Config {
    Config { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Config::default() }
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const EVENT: &str = "POST /v1/t HTTP/1.1\r\nHost: x\r\nX-Write-Key: wk_web\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";

fn waits_for(report: &HealthReport) -> Option<&str> {
    report.components[0].dependency.as_deref()
}

#[tokio::test]
async fn while_the_registry_is_away_requests_get_503_and_the_end_is_orderly() {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let with = dependencies(&health, &shutdown, registry_that_is_away());
    let (bound, address) = oneshot::channel();
    let running = tokio::spawn(run(any_port(), with, move |at| bound.send(at).unwrap()));
    let answer = ask(address.await.unwrap(), EVENT).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("not-ready"), "{answer}");
    assert_eq!(waits_for(&health.report()), Some("registry"));
    shutdown.request();
    running.await.unwrap().unwrap();
    assert!(!health.report().ready);
}

#[tokio::test]
async fn with_the_schema_known_ingest_is_ready_and_without_a_broker_asks_to_try_again() {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let registry = Registry::offline(tokio::runtime::Handle::current()).unwrap();
    let with = dependencies(&health, &shutdown, registry);
    let (bound, address) = oneshot::channel();
    let config = Config { ack_timeout_ms: 50, ..any_port() };
    let running = tokio::spawn(run(config, with, move |at| bound.send(at).unwrap()));
    let address = address.await.unwrap();
    while !health.report().ready {
        tokio::task::yield_now().await;
    }
    let answer = ask(address, EVENT).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("not-acknowledged"), "{answer}");
    shutdown.request();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let config = Config { listen: taken.local_addr().unwrap(), ..Config::default() };
    let with = dependencies(&Health::new(), &Shutdown::new(), registry_that_is_away());
    let error = run(config.clone(), with, |_| ()).await.unwrap_err();
    assert!(matches!(error, IngestError::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains(&config.listen.to_string()) && text.contains("`listen`"), "{text}");
}

#[tokio::test]
async fn a_spool_that_another_process_uses_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { spool_dir: Some(folder.path().to_owned()), ..any_port() };
    let _other = Spool::open(&config).unwrap();
    let with = dependencies(&Health::new(), &Shutdown::new(), registry_that_is_away());
    let error = run(config, with, |_| panic!("nothing is listened on")).await.unwrap_err();
    assert!(matches!(error, IngestError::Spool(_)));
    assert!(error.to_string().contains("belongs to another process"), "{error}");
}

#[tokio::test]
async fn an_event_that_no_broker_took_is_still_there_after_the_end_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let spool_dir = Some(folder.path().to_owned());
    let config = Config { spool_dir, ack_timeout_ms: 50, ..any_port() };
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let registry = Registry::offline(tokio::runtime::Handle::current()).unwrap();
    let with = dependencies(&health, &shutdown, registry);
    let (bound, address) = oneshot::channel();
    let running = tokio::spawn(run(config.clone(), with, move |at| bound.send(at).unwrap()));
    let address = address.await.unwrap();
    while !health.report().ready {
        tokio::task::yield_now().await;
    }
    let answer = ask(address, &EVENT.replace("wk_web", "wk_kiosk")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    shutdown.request();
    running.await.unwrap().unwrap();
    let log = FakeLog::default();
    let setting = crate::support::setting(config);
    let (next, end) = (Arc::new(Collector::new(setting, log.clone())), Shutdown::new());
    let replaying = next.replay(&end);
    tokio::pin!(replaying);
    while log.records().is_empty() {
        tokio::select! {
            () = &mut replaying => {}
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(log.records().len(), 1);
}
