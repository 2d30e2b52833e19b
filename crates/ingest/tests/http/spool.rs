//! The disk spool, on a log that does not take anything for a while.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{Router, body::Body, http::Request};
use event::{codec::Encoder, schema};
use ingest::{Collector, Config, router};
use kafka_runtime::{SendError, Shutdown};
use serde_json::json;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use crate::support::{Answer, FakeLog, config, ingest, send, setting, web};

/// What nobody may have to wait for.
const PATIENCE: Duration = Duration::from_secs(20);

fn spooling(folder: &Path) -> Config {
    Config { spool_dir: Some(folder.to_owned()), ..config() }
}

fn refusing() -> FakeLog {
    FakeLog::failing(SendError::NotAcknowledged("told to".to_owned()))
}

/// A request of the source with a spool: one event for each id.
fn kiosk(path: &str, ids: &[&str]) -> Request<Body> {
    let events: Vec<_> = ids
        .iter()
        .map(|id| json!({"type": "track", "event": "E", "userId": "u", "messageId": id}))
        .collect();
    let body = if path == "/v1/batch" { json!({"batch": events}) } else { json!(events) };
    Request::post(path).header("x-write-key", "wk_kiosk").body(body.to_string().into()).unwrap()
}

async fn post(ingest: &Router, ids: &[&str]) -> Answer {
    send(ingest, kiosk("/v1/batch", ids)).await
}

/// An ingest that replays, until it is asked to stop.
struct Replaying {
    ingest: Router,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Replaying {
    fn start(config: Config, log: &FakeLog) -> Self {
        let collector = Arc::new(Collector::new(setting(config), log.clone()));
        collector.start(Encoder::new(&schema::RAW_EVENTS, 1).unwrap());
        let (replaying, shutdown) = (Arc::clone(&collector), Shutdown::new());
        let end = shutdown.clone();
        let task = tokio::spawn(async move { replaying.replay(&end).await });
        Self { ingest: router(collector), shutdown, task }
    }

    async fn stop(self) {
        self.shutdown.request();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

fn ids(log: &FakeLog) -> Vec<String> {
    log.events().into_iter().map(|event| event.message_id.unwrap()).collect()
}

/// What a next process on the same folder replays.
async fn replayed(folder: &Path, count: usize) -> FakeLog {
    let log = FakeLog::default();
    let next = Replaying::start(spooling(folder), &log);
    until("all is replayed", || log.records().len() >= count).await;
    next.stop().await;
    log
}

#[tokio::test]
async fn what_the_log_does_not_acknowledge_is_answered_200_and_in_the_log_of_the_next_process() {
    let not = SendError::NotAcknowledged("told to".to_owned());
    let table = [
        ("not acknowledged", FakeLog::failing(not)),
        ("unavailable", FakeLog::failing(SendError::Unavailable("fatal".to_owned()))),
        ("its queue refuses", FakeLog::failing(SendError::QueueFull)),
        ("its queue is nearly full", FakeLog::filled(0.81)),
        ("no answer", FakeLog::waiting()),
        ("a report is missing", FakeLog::forgetful()),
    ];
    for (what, log) in table {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { ack_timeout_ms: 50, ..spooling(folder.path()) };
        let ingest = ingest(config, &log);
        let answer = post(&ingest, &["a", "b"]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, json!({"success": true})),
            "{what}"
        );
        drop(ingest);
        assert_eq!(ids(&replayed(folder.path(), 2).await), ["a", "b"], "{what}");
    }
}

#[tokio::test]
async fn a_replayed_record_is_the_one_that_was_made_at_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = ingest(spooling(folder.path()), &refusing());
    let no_id = r#"{"batch":[{"type":"track","event":"E","anonymousId":"device"}]}"#;
    let traced = Request::post("/v1/batch").header("x-write-key", "wk_kiosk");
    let before = SystemTime::now();
    assert_eq!(send(&ingest, traced.body(no_id.into()).unwrap()).await.status, 200);
    let after = SystemTime::now();
    drop(ingest);
    until("the clock has gone on", || SystemTime::now() > after + Duration::from_millis(20)).await;
    let log = replayed(folder.path(), 1).await;
    let event = log.events().remove(0);
    let received: jiff::Timestamp = event.received_at.unwrap().parse().unwrap();
    assert!((millis(before)..=millis(after)).contains(&received.as_millisecond()), "{received}");
    assert!(event.message_id.unwrap().starts_with("waybill-"), "the id was minted at receipt");
    assert_eq!(log.records()[0].key.as_deref(), Some(&b"device"[..]));
}

#[tokio::test]
async fn newer_events_go_behind_what_lies_there_and_straight_to_the_log_once_it_is_empty() {
    let (folder, log) = (tempfile::tempdir().unwrap(), refusing());
    let first = ingest(spooling(folder.path()), &log);
    assert_eq!(post(&first, &["a"]).await.status, 200);
    log.recover();
    for id in ["b", "c"] {
        assert_eq!(post(&first, &[id]).await.status, 200);
    }
    assert_eq!(log.appends(), 1, "nobody overtakes what lies there");
    drop(first);
    let replaying = Replaying::start(spooling(folder.path()), &log);
    until("all is replayed", || log.records().len() == 3).await;
    assert_eq!(ids(&log), ["a", "b", "c"]);
    let mut last = json!(null);
    while last["events"][0]["origin"].is_null() {
        last = send(&replaying.ingest, kiosk("/v1/events", &["d"])).await.json();
    }
    replaying.stop().await;
}

#[tokio::test]
async fn what_is_kept_while_the_process_runs_is_replayed_as_soon_as_the_log_takes_it() {
    let (folder, log) = (tempfile::tempdir().unwrap(), refusing());
    let replaying = Replaying::start(spooling(folder.path()), &log);
    for id in ["a", "b", "c"] {
        assert_eq!(post(&replaying.ingest, &[id]).await.status, 200);
    }
    until("it was tried in vain", || log.appends() >= 3).await;
    assert!(log.records().is_empty());
    log.recover();
    until("all is replayed", || log.records().len() == 3).await;
    assert_eq!(ids(&log), ["a", "b", "c"]);
    replaying.stop().await;
}

#[tokio::test]
async fn events_stay_for_the_next_start_when_the_process_is_asked_to_stop() {
    let (folder, log) = (tempfile::tempdir().unwrap(), refusing());
    let replaying = Replaying::start(spooling(folder.path()), &log);
    assert_eq!(post(&replaying.ingest, &["a"]).await.status, 200);
    replaying.stop().await;
    assert_eq!(ids(&replayed(folder.path(), 1).await), ["a"]);
}

#[tokio::test]
async fn a_source_without_a_spool_is_asked_to_try_again_beside_one_that_has() {
    let folder = tempfile::tempdir().unwrap();
    for log in [refusing(), FakeLog::filled(0.81)] {
        let ingest = ingest(spooling(folder.path()), &log);
        assert_eq!(send(&ingest, web("/v1/batch", r#"{"batch":[{}]}"#)).await.status, 503);
        let by_body =
            Request::post("/v1/batch").body(r#"{"batch":[{}],"writeKey":"wk_web"}"#.into());
        assert_eq!(send(&ingest, by_body.unwrap()).await.status, 503);
        assert_eq!(post(&ingest, &["a"]).await.status, 200);
    }
}

#[tokio::test]
async fn without_a_folder_a_source_with_a_spool_is_asked_to_try_again() {
    for log in [refusing(), FakeLog::filled(0.81)] {
        let answer = post(&ingest(config(), &log), &["a"]).await;
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains_key("retry-after"));
    }
}

fn written(folder: &TempDir) -> u64 {
    let segments = fs::read_dir(folder.path().join("server.kiosk")).into_iter().flatten();
    let bytes =
        segments.map(|found| found.unwrap()).filter(|found| found.file_name() != "progress");
    bytes.map(|found| found.metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_full_spool_is_no_200_and_neither_is_a_disk_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let full = Config { spool_max_bytes: 1000, ..spooling(folder.path()) };
    let ingest_of = |config| ingest(config, &refusing());
    let ingest = ingest_of(full);
    let mut kept = 0;
    let refused = loop {
        let answer = post(&ingest, &["0123456789"]).await;
        if answer.status != 200 {
            break answer;
        }
        kept += 1;
        assert!(written(&folder) <= 1010, "the bound, and how a segment begins");
    };
    assert!(kept >= 2, "{kept}");
    assert_eq!(
        (refused.status.as_u16(), refused.json()["code"].clone()),
        (503, "not-acknowledged".into())
    );
    assert!(refused.headers.contains_key("retry-after"));
    drop(ingest);
    assert_eq!(replayed(folder.path(), kept).await.records().len(), kept);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.kiosk"), "in the way").unwrap();
    assert_eq!(post(&ingest_of(spooling(folder.path())), &["a"]).await.status, 503);
}

#[tokio::test]
async fn what_the_log_would_never_take_and_what_cannot_be_made_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = FakeLog::failing(SendError::TooLarge { index: 0 });
    assert_eq!(post(&ingest(spooling(folder.path()), &log), &["a"]).await.status, 413);
    let not_ready = Collector::new(setting(spooling(folder.path())), refusing());
    let answer = post(&router(Arc::new(not_ready)), &["a"]).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (503, "not-ready".into()));
    assert_eq!(written(&folder), 0);
}

#[tokio::test]
async fn the_native_route_says_that_an_event_is_spooled_and_has_no_number_yet() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = ingest(spooling(folder.path()), &refusing());
    let answer = send(&ingest, kiosk("/v1/events", &["a", "b"])).await;
    assert_eq!(answer.status, 200);
    let events = answer.json()["events"].clone();
    for (index, id) in ["a", "b"].into_iter().enumerate() {
        let event = &events[index];
        assert_eq!(event["status"], "accepted");
        assert_eq!((&event["index"], &event["message_id"]), (&json!(index), &json!(id)));
        assert_eq!((&event["spooled"], event.get("origin")), (&json!(true), None));
        assert_eq!(event["verdict"], "pass", "a strict source is told what validate will say");
    }
    assert_eq!(events.as_array().unwrap().len(), 2);
}
