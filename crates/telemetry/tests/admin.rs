//! The admin port, asked over a real socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use telemetry::{Health, StageMetrics, admin};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Port {
    address: SocketAddr,
    health: Health,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn open() -> Port {
    let (stop, stopped) = oneshot::channel::<()>();
    let health = Health::new();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let listen = "127.0.0.1:0".parse().unwrap();
    let (address, task) = admin::serve(listen, health.clone(), shutdown).await.unwrap();
    Port { address, health, stop, task }
}

/// Status, head and body of one answer.
async fn get(address: SocketAddr, path: &'static str) -> (u16, String, String) {
    let ask = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = tokio::task::spawn_blocking(ask).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn readyz_flips_with_the_components_and_names_what_is_awaited() {
    let port = open().await;
    assert_eq!(get(port.address, "/readyz").await.0, 503, "nothing has started");
    let stage = port.health.component("validate");
    stage.halted("registry", "it does not answer");
    let (status, head, body) = get(port.address, "/readyz").await;
    assert_eq!(status, 503);
    assert!(head.contains("content-type: application/json"), "{head}");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["ready"], false);
    assert_eq!(report["components"][0]["name"], "validate");
    assert_eq!(report["components"][0]["state"], "halted");
    assert_eq!(report["components"][0]["dependency"], "registry");
    assert_eq!(report["components"][0]["waiting_for"], "it does not answer");
    assert!(report["components"][0]["since_ms"].is_u64());
    stage.ready();
    let (status, _, body) = get(port.address, "/readyz").await;
    assert_eq!(status, 200, "{body}");
    stage.halted("broker", "it does not answer");
    assert_eq!(get(port.address, "/readyz").await.0, 503);
}

#[tokio::test]
async fn livez_answers_while_nothing_is_ready() {
    let port = open().await;
    assert_eq!(get(port.address, "/livez").await.0, 200);
}

#[tokio::test]
async fn metrics_are_complete_open_metrics_text() {
    let port = open().await;
    StageMetrics::of("admin-test").received(3);
    let (status, head, body) = get(port.address, "/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.contains("waybill_stage_received_records_total{stage=\"admin-test\"} 3\n"));
    assert!(body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_root_lists_the_routes_and_another_path_is_not_found() {
    let port = open().await;
    let (status, _, body) = get(port.address, "/").await;
    assert_eq!(status, 200);
    for route in ["/metrics", "/livez", "/readyz"] {
        assert!(body.contains(route), "{body}");
    }
    assert_eq!(get(port.address, "/other").await.0, 404);
}

#[tokio::test]
async fn the_port_closes_on_shutdown() {
    let port = open().await;
    port.stop.send(()).unwrap();
    port.task.await.unwrap();
    assert!(TcpStream::connect(port.address).is_err());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_of_serve() {
    let port = open().await;
    let second = admin::serve(port.address, Health::new(), std::future::pending()).await;
    assert!(second.is_err());
}
