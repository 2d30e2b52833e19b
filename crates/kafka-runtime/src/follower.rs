//! Following a topic of one partition: all that was ever told there, folded into one value.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use pipeline::Halt;
use schema_registry::{Registry, TopicDecoder};
use serde::de::DeserializeOwned;
use topology::Topic;

use crate::{
    changelog::replay,
    config::KafkaConfig,
    context::locked,
    record::{Position, Record},
    scanner::{ReadError, Scanner},
    shutdown::Shutdown,
};

const PARTITION: i32 = 0;
/// How often a follower looks for what is new.
const LOOK: Duration = Duration::from_millis(500);
/// How long the first reading may take before it is said that it is waited for.
const SETTLE: Duration = Duration::from_secs(5);
const SETTLE_STEP: Duration = Duration::from_millis(20);
const BACKOFF: Duration = Duration::from_secs(1);

/// Which topic is followed, and how it is reached.
#[derive(Clone)]
pub struct Feed {
    /// The topic; it has one partition.
    pub topic: Topic,
    /// The broker.
    pub kafka: KafkaConfig,
    /// What decodes the values.
    pub registry: Registry,
    /// Name of the client.
    pub client: String,
}

/// What a record of a topic tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a, D> {
    /// Its value.
    Record(D),
    /// It has no value: what was told under this key holds no longer.
    Gone(&'a [u8]),
}

/// Reads a topic from the beginning on.
pub(crate) struct Tail<D> {
    feed: Feed,
    decoder: TopicDecoder,
    next: i64,
    told: PhantomData<fn() -> D>,
}

impl<D: DeserializeOwned> Tail<D> {
    pub(crate) fn new(feed: Feed) -> Self {
        let decoder = feed.registry.decoder(feed.topic);
        Self { feed, decoder, next: 0, told: PhantomData }
    }

    fn position(&self) -> Position {
        Position { topic: self.feed.topic, partition: PARTITION, offset: self.next }
    }

    /// Reads everything up to now.
    pub(crate) fn catch_up(&mut self, each: &mut dyn FnMut(Told<'_, D>)) -> Result<(), Halt> {
        let (from, kafka, client) =
            (self.position(), self.feed.kafka.clone(), self.feed.client.clone());
        let next = replay(
            &kafka,
            &client,
            from,
            &mut |record| self.take(&record, each),
            &mut |_percent| {},
        )?;
        self.next = self.next.max(next);
        Ok(())
    }

    fn take(&mut self, record: &Record, each: &mut dyn FnMut(Told<'_, D>)) -> Result<(), Halt> {
        if let Some(value) = &record.value {
            match self.decoder.decode::<D>(value)? {
                Ok(told) => each(Told::Record(told)),
                // Only our own tools write here: somebody used another one.
                Err(rejected) => {
                    let (topic, offset) = (self.feed.topic.name(), record.position.offset);
                    tracing::error!(topic, offset, "cannot be read: {}", rejected.detail);
                }
            }
        } else if let Some(key) = &record.key {
            each(Told::Gone(key));
        }
        self.next = record.position.offset + 1;
        Ok(())
    }
}

/// What a topic says as a whole, kept up to date. Clones share it.
#[derive(Clone)]
pub struct Followed<T> {
    known: Arc<Mutex<Result<Arc<T>, Halt>>>,
}

impl<T> Followed<T> {
    /// What never changes: for whoever has no topic to follow, and for tests.
    pub fn fixed(value: T) -> Self {
        Self { known: Arc::new(Mutex::new(Ok(Arc::new(value)))) }
    }

    /// What is known now; a halt until the topic has been read once.
    pub fn now(&self) -> Result<Arc<T>, Halt> {
        locked(&self.known).clone()
    }

    /// Waits, for a moment, until the topic has been read: usually it is, soon after the start.
    pub fn settle(&self, shutdown: &Shutdown) {
        let begun = Instant::now();
        while self.now().is_err() && begun.elapsed() < SETTLE && !shutdown.is_requested() {
            thread::sleep(SETTLE_STEP);
        }
    }

    fn unread(&self, halt: Halt) {
        let mut known = locked(&self.known);
        if known.is_err() {
            *known = Err(halt);
        }
    }
}

impl<T: Clone + Default + Send + Sync + 'static> Followed<T> {
    /// Follows the topic on a thread of its own until the request to stop; `fold` takes what is
    /// told, in order.
    pub fn follow<D: DeserializeOwned + 'static>(
        feed: Feed,
        shutdown: &Shutdown,
        mut fold: impl FnMut(&mut T, D) + Send + 'static,
    ) -> Self {
        Self::follow_compacted(feed, shutdown, move |value, told| {
            if let Told::Record(told) = told {
                fold(value, told);
            }
        })
    }

    /// [`follow`](Self::follow), of a topic of which keys can be taken back.
    pub fn follow_compacted<D: DeserializeOwned + 'static>(
        feed: Feed,
        shutdown: &Shutdown,
        fold: impl FnMut(&mut T, Told<'_, D>) + Send + 'static,
    ) -> Self {
        let unread = Halt::new("broker", format!("{} is not read yet", feed.topic));
        let followed = Self { known: Arc::new(Mutex::new(Err(unread))) };
        let (name, tail) = (feed.client.clone(), Tail::new(feed));
        let (known, shutdown) = (followed.clone(), shutdown.clone());
        let spawned =
            thread::Builder::new().name(name).spawn(move || known.run(tail, fold, &shutdown));
        if let Err(error) = spawned {
            followed.unread(Halt::new("thread", error.to_string()));
        }
        followed
    }

    /// Takes at once what will be read later: it must change nothing then.
    pub(crate) fn note(&self, change: impl FnOnce(&mut T)) {
        if let Ok(value) = &mut *locked(&self.known) {
            change(Arc::make_mut(value));
        }
    }

    fn run<D: DeserializeOwned>(
        &self,
        mut tail: Tail<D>,
        mut fold: impl FnMut(&mut T, Told<'_, D>),
        shutdown: &Shutdown,
    ) {
        let mut value = T::default();
        while !shutdown.is_requested() {
            if let Err(halt) = self.read(&mut tail, &mut value, &mut fold, shutdown) {
                tracing::debug!(topic = tail.feed.topic.name(), "following: {halt}");
                self.unread(halt);
                shutdown.wait_timeout(BACKOFF);
            }
        }
    }

    fn read<D: DeserializeOwned>(
        &self,
        tail: &mut Tail<D>,
        value: &mut T,
        fold: &mut impl FnMut(&mut T, Told<'_, D>),
        shutdown: &Shutdown,
    ) -> Result<(), Halt> {
        tail.catch_up(&mut |told| fold(value, told))?;
        self.publish(value);
        let broker = |error: ReadError| Halt::new("broker", error.to_string());
        let mut scanner = Scanner::new(&tail.feed.kafka, &tail.feed.client).map_err(broker)?;
        scanner.assign(&[tail.position()]).map_err(broker)?;
        while !shutdown.is_requested() {
            if let Some(record) = scanner.poll(LOOK).map_err(broker)? {
                tail.take(&record, &mut |told| fold(value, told))?;
                self.publish(value);
            }
        }
        Ok(())
    }

    fn publish(&self, value: &T) {
        *locked(&self.known) = Ok(Arc::new(value.clone()));
    }
}
