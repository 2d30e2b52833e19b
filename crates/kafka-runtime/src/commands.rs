//! Orders to stages: writing one, reading all, and following them while a stage runs.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use event::StageCommand;
use pipeline::{Halt, StageControl};
use schema_registry::{Registry, TopicDecoder};
use topology::{Stage, Topic};

use crate::{
    changelog::replay,
    config::{KafkaConfig, StageSettings},
    context::locked,
    producer::{Delivered, Producer},
    record::{Outgoing, Position, Record},
    scanner::Scanner,
    shutdown::Shutdown,
};

const PARTITION: i32 = 0;
/// How often a stage looks for new commands.
const LOOK: Duration = Duration::from_millis(500);
/// How long the first reading may take before the stage says that it waits for it.
const SETTLE: Duration = Duration::from_secs(5);
const SETTLE_STEP: Duration = Duration::from_millis(20);
const BACKOFF: Duration = Duration::from_secs(1);

/// Writes a command; resolves when the broker has it. The error is for a person.
pub async fn order(
    kafka: &KafkaConfig,
    registry: &Registry,
    command: &StageCommand,
) -> Result<Delivered, Halt> {
    let encoder = registry.encoder_async(Topic::StageCommands).await?;
    let value = encoder.encode(command).map_err(|e| Halt::new("schema", e.to_string()))?;
    let broker = |detail: String| Halt::new("broker", detail);
    let producer = Producer::new(kafka).map_err(|error| broker(error.to_string()))?;
    let sent = producer.send_all(vec![record_of(command, value)]).await;
    let delivered = sent.map_err(|error| broker(error.to_string()))?;
    delivered.into_iter().next().ok_or_else(|| broker("no delivery report".to_owned()))
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
    let mut tail = Tail::new(registry);
    let mut commands = Vec::new();
    tail.catch_up(kafka, "waybill-commands", &mut |command| commands.push(command))?;
    Ok(commands)
}

/// Reads the topic from the beginning on.
struct Tail {
    decoder: TopicDecoder,
    next: i64,
}

impl Tail {
    fn new(registry: &Registry) -> Self {
        Self { decoder: registry.decoder(Topic::StageCommands), next: 0 }
    }

    fn position(&self) -> Position {
        Position { topic: Topic::StageCommands, partition: PARTITION, offset: self.next }
    }

    /// Reads everything up to now.
    fn catch_up(
        &mut self,
        kafka: &KafkaConfig,
        client: &str,
        each: &mut dyn FnMut(StageCommand),
    ) -> Result<(), Halt> {
        let from = self.position();
        let next = replay(
            kafka,
            client,
            from,
            &mut |record| self.take(&record, each),
            &mut |_percent| {},
        )?;
        self.next = self.next.max(next);
        Ok(())
    }

    fn take(&mut self, record: &Record, each: &mut dyn FnMut(StageCommand)) -> Result<(), Halt> {
        let value = record.value.as_deref().unwrap_or_default();
        match self.decoder.decode::<StageCommand>(value)? {
            Ok(command) => each(command),
            // Only operators may write here: somebody used another tool.
            Err(rejected) => {
                tracing::error!(offset = record.position.offset, "no command: {}", rejected.detail);
            }
        }
        self.next = record.position.offset + 1;
        Ok(())
    }
}

/// What is ordered for one stage now. Clones share it.
#[derive(Clone)]
pub(crate) struct Controls {
    known: Arc<Mutex<Known>>,
}

enum Known {
    /// The commands have not been read yet.
    Unread(Halt),
    Read(Arc<StageControl>),
}

impl Controls {
    /// No orders at all: for side tables, which are no stages, and for tests.
    pub(crate) fn none() -> Self {
        Self { known: Arc::new(Mutex::new(Known::Read(Arc::default()))) }
    }

    /// Follows the commands of `stage` on a thread of its own until the request to stop.
    pub(crate) fn follow(settings: &StageSettings, stage: Stage, shutdown: &Shutdown) -> Self {
        let unread = Halt::new("broker", "the commands to this stage are not read yet");
        let controls = Self { known: Arc::new(Mutex::new(Known::Unread(unread))) };
        let follower = Follower {
            controls: controls.clone(),
            kafka: settings.kafka.clone(),
            client: format!("{stage}-{}-commands", settings.slot),
            stage,
            shutdown: shutdown.clone(),
        };
        let tail = Tail::new(&settings.registry);
        let spawned = thread::Builder::new()
            .name(format!("{stage}-commands"))
            .spawn(move || follower.run(tail));
        if let Err(error) = spawned {
            controls.unread(Halt::new("thread", error.to_string()));
        }
        controls
    }

    /// Waits, for a moment, until the commands have been read: usually they are, soon after the
    /// start.
    pub(crate) fn settle(&self, shutdown: &Shutdown) {
        let begun = Instant::now();
        while self.now().is_err() && begun.elapsed() < SETTLE && !shutdown.is_requested() {
            thread::sleep(SETTLE_STEP);
        }
    }

    /// What holds now; a halt until the commands have been read once.
    pub(crate) fn now(&self) -> Result<Arc<StageControl>, Halt> {
        match &*locked(&self.known) {
            Known::Unread(halt) => Err(halt.clone()),
            Known::Read(control) => Ok(Arc::clone(control)),
        }
    }

    /// Takes a command at once that this stage has written itself. It is read again later, which
    /// changes nothing.
    pub(crate) fn note(&self, command: &StageCommand) {
        if let Known::Read(control) = &mut *locked(&self.known) {
            Arc::make_mut(control).apply(command);
        }
    }

    fn unread(&self, halt: Halt) {
        let mut known = locked(&self.known);
        if matches!(*known, Known::Unread(_)) {
            *known = Known::Unread(halt);
        }
    }

    fn read(&self, control: &StageControl) {
        *locked(&self.known) = Known::Read(Arc::new(control.clone()));
    }
}

struct Follower {
    controls: Controls,
    kafka: KafkaConfig,
    client: String,
    stage: Stage,
    shutdown: Shutdown,
}

impl Follower {
    fn run(&self, mut tail: Tail) {
        let mut control = StageControl::default();
        while !self.shutdown.is_requested() {
            if let Err(halt) = self.follow(&mut tail, &mut control) {
                tracing::debug!(stage = self.stage.name(), "commands: {halt}");
                self.controls.unread(halt);
                self.shutdown.wait_timeout(BACKOFF);
            }
        }
    }

    fn follow(&self, tail: &mut Tail, control: &mut StageControl) -> Result<(), Halt> {
        tail.catch_up(&self.kafka, &self.client, &mut |command| self.apply(control, &command))?;
        self.controls.read(control);
        let broker = |error: crate::scanner::ReadError| Halt::new("broker", error.to_string());
        let mut scanner = Scanner::new(&self.kafka, &self.client).map_err(broker)?;
        scanner.assign(&[tail.position()]).map_err(broker)?;
        while !self.shutdown.is_requested() {
            if let Some(record) = scanner.poll(LOOK).map_err(broker)? {
                tail.take(&record, &mut |command| self.apply(control, &command))?;
                self.controls.read(control);
            }
        }
        Ok(())
    }

    fn apply(&self, control: &mut StageControl, command: &StageCommand) {
        if command.stage != self.stage.name() {
            return;
        }
        if !control.apply(command) {
            let action = command.action.as_str();
            tracing::error!(action, "a command that this version does not know: not followed");
        }
    }
}
