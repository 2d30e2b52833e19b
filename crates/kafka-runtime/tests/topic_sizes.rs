//! A topic whose size limit somebody has changed is found: a record that grew along the flow would
//! not fit in the next topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use kafka_runtime::{Admin, KafkaConfig, TopicChange, TopicSettings};
use local_stack::{Stack, StackConfig};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};
use topology::{HEADROOM, RAW_MESSAGE_BYTES, Stage, TOPICS, Topic};

const SETTING: &str = "max.message.bytes";

async fn limit(client: &AdminClient<DefaultClientContext>, topic: Topic, bytes: &str) {
    let altered = AlterConfig::new(ResourceSpecifier::Topic(topic.name())).set(SETTING, bytes);
    let options = AdminOptions::new();
    client.alter_configs(&[altered], &options).await.unwrap().remove(0).unwrap();
}

/// The plan's limits, is and should be: what [`limit`] has set a moment ago, once the broker, which
/// has acknowledged it before, tells of it.
async fn planned_soon(admin: &Admin, topic: Topic) -> Option<(String, String)> {
    for _ in 0..200 {
        let planned = planned(admin, topic).await;
        if planned.is_some() {
            return planned;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

async fn planned(admin: &Admin, topic: Topic) -> Option<(String, String)> {
    let plan = admin.plan(&TopicSettings::default()).await.unwrap();
    plan.into_iter().find_map(|change| match change {
        TopicChange::Alter(altered, settings) if altered == topic => {
            let limit = settings.into_iter().find(|(name, ..)| name == SETTING);
            limit.map(|(_, is, should_be)| (is, should_be))
        }
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_takes_less_than_the_flow_needs_is_in_the_plan_and_mended_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackConfig::new(folder.path())).await.unwrap();
    let kafka =
        KafkaConfig { bootstrap_servers: stack.bootstrap_servers(), ..KafkaConfig::default() };
    let settings = TopicSettings::default();
    let admin = Admin::new(&kafka).unwrap();
    admin.apply(&admin.plan(&settings).await.unwrap(), &settings).await.unwrap();
    assert_eq!(admin.plan(&settings).await.unwrap(), []);

    let mut client = ClientConfig::new();
    let client = client.set("bootstrap.servers", &kafka.bootstrap_servers).create().unwrap();
    let needed = (RAW_MESSAGE_BYTES * HEADROOM).to_string();
    for topic in [Topic::EnrichedEvents, Topic::DeadLetters(Stage::Validate)] {
        limit(&client, topic, "1048576").await;
        let expected = ("1048576".to_owned(), needed.clone());
        assert_eq!(planned_soon(&admin, topic).await, Some(expected), "{topic}");
    }
    // What raw-events takes more, nothing behind it is made for.
    limit(&client, Topic::RawEvents, "2097152").await;
    assert!(planned_soon(&admin, Topic::RawEvents).await.is_some());

    admin.apply(&admin.plan(&settings).await.unwrap(), &settings).await.unwrap();
    assert_eq!(admin.plan(&settings).await.unwrap(), []);
    stack.stop().await.unwrap();
}

#[test]
fn every_topic_behind_raw_events_takes_at_least_the_headroom() {
    for spec in TOPICS.iter().filter(|spec| spec.topic != Topic::RawEvents) {
        assert!(spec.topic.max_message_bytes() >= RAW_MESSAGE_BYTES * HEADROOM, "{}", spec.topic);
    }
}
