//! Orders of operators: writing one; of those to stages, also reading all and following them while a
//! stage runs.

use std::sync::Arc;

use event::{IdentityCommand, StageCommand};
use pipeline::{Halt, StageControl};
use schema_registry::Registry;
use serde::Serialize;
use topology::{Stage, Topic};

use crate::{
    config::{KafkaConfig, StageSettings},
    follower::{Feed, Followed, Tail, Told},
    producer::{Delivered, Producer},
    record::Outgoing,
    shutdown::Shutdown,
};

const PARTITION: i32 = 0;

/// Writes a command to a stage; resolves when the broker has it. The error is for a person.
pub async fn order(
    kafka: &KafkaConfig,
    registry: &Registry,
    command: &StageCommand,
) -> Result<Delivered, Halt> {
    let value = encoded(registry, Topic::StageCommands, command).await?;
    written(kafka, record_of(command, value)).await
}

/// Writes an order about two ids, keyed as the events of its device are, so that it reaches the
/// instance that knows the device; one about two users by the id that is replaced. Resolves when
/// the broker has it. The error is for a person.
pub async fn order_identity(
    kafka: &KafkaConfig,
    registry: &Registry,
    command: &IdentityCommand,
) -> Result<Delivered, Halt> {
    let value = encoded(registry, Topic::IdentityCommands, command).await?;
    let key = command.anonymous_id.as_ref().or(command.previous_id.as_ref());
    let record = Outgoing {
        topic: Topic::IdentityCommands,
        partition: None,
        key: key.map(|id| id.clone().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    };
    written(kafka, record).await
}

/// Writes an order about identities to every one of `partitions` partitions: for an order that
/// names nobody, so that its key does not lead to whoever knows. Resolves when the broker has them
/// all; a part of them may be there after an error. The error is for a person.
pub async fn order_identity_everywhere(
    kafka: &KafkaConfig,
    registry: &Registry,
    command: &IdentityCommand,
    partitions: u16,
) -> Result<Vec<Delivered>, Halt> {
    let value = encoded(registry, Topic::IdentityCommands, command).await?;
    let record = |partition: u16| Outgoing {
        topic: Topic::IdentityCommands,
        partition: Some(i32::from(partition)),
        key: Some(command.action.clone().into_bytes()),
        value: Some(value.clone()),
        headers: Vec::new(),
    };
    all_written(kafka, (0..partitions).map(record).collect()).await
}

async fn encoded(
    registry: &Registry,
    topic: Topic,
    command: &impl Serialize,
) -> Result<Vec<u8>, Halt> {
    let encoder = registry.encoder_async(topic).await?;
    encoder.encode(command).map_err(|error| Halt::new("schema", error.to_string()))
}

async fn written(kafka: &KafkaConfig, record: Outgoing) -> Result<Delivered, Halt> {
    let delivered = all_written(kafka, vec![record]).await?;
    let none = || Halt::new("broker", "no delivery report");
    delivered.into_iter().next().ok_or_else(none)
}

async fn all_written(kafka: &KafkaConfig, records: Vec<Outgoing>) -> Result<Vec<Delivered>, Halt> {
    let broker = |error: &dyn std::fmt::Display| Halt::new("broker", error.to_string());
    let producer = Producer::new(kafka).map_err(|error| broker(&error))?;
    producer.send_all(records).await.map_err(|error| broker(&error))
}

/// The record of a command whose value is encoded.
pub(crate) fn record_of(command: &StageCommand, value: Vec<u8>) -> Outgoing {
    Outgoing {
        topic: Topic::StageCommands,
        partition: Some(PARTITION),
        key: Some(command.stage.clone().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    }
}

/// Every command there is, in order. Blocking: call it on an OS thread only.
pub fn read_commands(kafka: &KafkaConfig, registry: &Registry) -> Result<Vec<StageCommand>, Halt> {
    let mut commands = Vec::new();
    let mut tail = Tail::new(feed(kafka, registry, "waybill-commands".to_owned()));
    tail.catch_up(&mut |told| {
        if let Told::Record(command) = told {
            commands.push(command);
        }
    })?;
    Ok(commands)
}

fn feed(kafka: &KafkaConfig, registry: &Registry, client: String) -> Feed {
    let (kafka, registry) = (kafka.clone(), registry.clone());
    Feed { topic: Topic::StageCommands, kafka, registry, client }
}

/// What is ordered for one stage now. Clones share it.
#[derive(Clone)]
pub(crate) struct Controls {
    followed: Followed<StageControl>,
}

impl Controls {
    /// No orders at all: for side tables, which are no stages, and for tests.
    pub(crate) fn none() -> Self {
        Self { followed: Followed::fixed(StageControl::default()) }
    }

    /// Follows the commands of `stage` until the request to stop.
    pub(crate) fn follow(settings: &StageSettings, stage: Stage, shutdown: &Shutdown) -> Self {
        let client = format!("{stage}-{}-commands", settings.slot);
        let feed = feed(&settings.kafka, &settings.registry, client);
        let take = move |control: &mut StageControl, command: StageCommand| {
            apply(stage, control, &command);
        };
        Self { followed: Followed::follow(feed, shutdown, take) }
    }

    /// Waits, for a moment, until the commands have been read.
    pub(crate) fn settle(&self, shutdown: &Shutdown) {
        self.followed.settle(shutdown);
    }

    /// What holds now; a halt until the commands have been read once.
    pub(crate) fn now(&self) -> Result<Arc<StageControl>, Halt> {
        self.followed.now()
    }

    /// Takes a command at once that this stage has written itself. It is read again later, which
    /// changes nothing.
    pub(crate) fn note(&self, command: &StageCommand) {
        self.followed.note(|control| {
            control.apply(command);
        });
    }
}

fn apply(stage: Stage, control: &mut StageControl, command: &StageCommand) {
    if command.stage == stage.name() && !control.apply(command) {
        let action = command.action.as_str();
        tracing::error!(action, "a command that this version does not know: not followed");
    }
}
