//! Waiting until what was on its way has arrived.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use forward::side_tables;
use kafka_runtime::{KafkaConfig, Position, ReadError, Scanner, next_records};
use topology::{Stage, Topic};

use crate::{config::Config, output};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the next records of a topic may take.
const NEXT_WITHIN: Duration = Duration::from_secs(5);

/// By topic and partition the offset that is to be reached.
pub(super) type Ends = BTreeMap<(Topic, i32), i64>;

/// A group that did not get there in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late {
    group: &'static str,
    behind: Result<i64, String>,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, behind } = self;
        match behind {
            Ok(records) => write!(f, "{group} is {records} records behind"),
            Err(trouble) => write!(f, "where {group} stands is not known: {trouble}"),
        }
    }
}

/// Waits for groups, with one client.
pub(super) struct Barrier {
    kafka: KafkaConfig,
    deadline: Instant,
}

impl Barrier {
    /// Waits no longer than `patience` in all.
    pub(super) fn new(config: &Config, patience: Duration) -> Self {
        Self { kafka: config.kafka.clone(), deadline: Instant::now() + patience }
    }

    /// Waits until all that is in `raw-events` now has left identity-stitch: each stage in turn
    /// passes what was written before the one in front of it had passed.
    pub(super) async fn through_the_stages(&self) -> anyhow::Result<Result<(), Late>> {
        for stage in [Stage::Validate, Stage::Enrich, Stage::IdentityStitch] {
            if let Err(late) = self.until_read(stage.group(), &stage.inputs()).await? {
                return Ok(Err(late));
            }
        }
        Ok(Ok(()))
    }

    /// Waits until identity-stitch has followed the orders at these positions.
    pub(super) async fn until_followed(
        &self,
        orders: Vec<Position>,
    ) -> anyhow::Result<Result<(), Late>> {
        let next = |at: Position| ((at.topic, at.partition), at.offset + 1);
        let ends = orders.into_iter().map(next).collect();
        self.until_at(Stage::IdentityStitch.group(), ends).await
    }

    /// Waits until all that the stages have told by now is in ClickHouse.
    pub(super) async fn to_clickhouse(&self) -> anyhow::Result<Result<(), Late>> {
        let loader = Stage::ForwardClickhouse;
        let tables = side_tables().into_iter().map(|spec| (spec.name, spec.topics));
        let events = std::iter::once((loader.group(), loader.inputs().to_vec()));
        for (group, topics) in events.chain(tables) {
            if let Err(late) = self.until_read(group, &topics).await? {
                return Ok(Err(late));
            }
        }
        Ok(Ok(()))
    }

    async fn until_read(
        &self,
        group: &'static str,
        topics: &[Topic],
    ) -> anyhow::Result<Result<(), Late>> {
        let (kafka, topics, deadline) = (self.kafka.clone(), topics.to_vec(), self.deadline);
        let asked = move || until_told(deadline, || ends(&kafka, &topics));
        match tokio::task::spawn_blocking(asked).await? {
            Ok(ends) => self.until_at(group, ends).await,
            Err(trouble) => Ok(Err(Late { group, behind: Err(trouble) })),
        }
    }

    async fn until_at(&self, group: &'static str, ends: Ends) -> anyhow::Result<Result<(), Late>> {
        let (kafka, deadline) = (self.kafka.clone(), self.deadline);
        let waited =
            tokio::task::spawn_blocking(move || reached(&kafka, group, &ends, deadline)).await?;
        Ok(waited)
    }
}

/// Asks again while Kafka does not answer, until the deadline. Blocking.
fn until_told<T>(
    deadline: Instant,
    mut ask: impl FnMut() -> Result<T, ReadError>,
) -> Result<T, String> {
    loop {
        match ask() {
            Ok(told) => return Ok(told),
            Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// The ends of the log: what belongs to transactions that are open now counts too.
fn ends(kafka: &KafkaConfig, topics: &[Topic]) -> Result<Ends, ReadError> {
    let scanner = Scanner::new(kafka, "waybill-erase")?;
    let mut ends = Ends::new();
    for topic in topics {
        let bounds = scanner.bounds(*topic)?;
        ends.extend(bounds.iter().map(|it| ((*topic, it.partition), it.end.max(it.stable_end))));
    }
    Ok(ends)
}

/// Blocking.
fn reached(
    kafka: &KafkaConfig,
    group: &'static str,
    ends: &Ends,
    deadline: Instant,
) -> Result<(), Late> {
    let mut scanner = None;
    let mut told = false;
    loop {
        let behind = behind(&mut scanner, kafka, group, ends);
        if behind == Ok(0) {
            return Ok(());
        }
        let late = Late { group, behind };
        if Instant::now() >= deadline {
            return Err(late);
        }
        if !std::mem::replace(&mut told, true) {
            output::progress(&format!("waiting: {late}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How many positions the group has not passed.
fn behind(
    scanner: &mut Option<Scanner>,
    kafka: &KafkaConfig,
    group: &str,
    ends: &Ends,
) -> Result<i64, String> {
    let text = |error: ReadError| error.to_string();
    let mut asker = match scanner.take() {
        Some(asker) => asker,
        None => Scanner::new(kafka, "waybill-erase").map_err(text)?,
    };
    let mut topics: Vec<Topic> = ends.keys().map(|(topic, _)| *topic).collect();
    topics.dedup();
    let positions = asker.group_positions(group, &topics).map_err(text)?;
    let committed: Ends = positions
        .into_iter()
        .map(|it| ((it.topic, it.partition), it.offset.unwrap_or(0)))
        .collect();
    let mut open = lagging(ends, &committed);
    for topic in topics {
        take_markers_out(&mut open, topic, &asker, kafka).map_err(text)?;
    }
    *scanner = Some(asker);
    Ok(open.values().map(|lag| lag.end.saturating_sub(lag.from)).sum())
}

/// A partition that has not got there: from the group's offset to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lag {
    from: i64,
    end: i64,
}

fn lagging(ends: &Ends, committed: &Ends) -> BTreeMap<(Topic, i32), Lag> {
    let lag = |(at, end): (&(Topic, i32), &i64)| {
        let from = committed.get(at).copied().unwrap_or(0);
        (from < *end).then_some((*at, Lag { from, end: *end }))
    };
    ends.iter().filter_map(lag).collect()
}

/// Takes out the partitions of a topic that have nothing but markers of transactions up to the end:
/// a group stands in front of those for minutes. What belongs to a transaction that is open counts.
fn take_markers_out(
    open: &mut BTreeMap<(Topic, i32), Lag>,
    topic: Topic,
    scanner: &Scanner,
    kafka: &KafkaConfig,
) -> Result<(), ReadError> {
    let mut asked = BTreeMap::new();
    if open.keys().any(|at| at.0 == topic) {
        for bounds in scanner.bounds(topic)? {
            if let Some(lag) = open.get(&(topic, bounds.partition))
                && bounds.stable_end >= lag.end
            {
                asked.insert(bounds.partition, lag.from);
            }
        }
    }
    let next = next_records(kafka, topic, &asked, NEXT_WITHIN)?;
    for partition in asked.keys().filter(|it| !next.late.contains(it)) {
        let at = (topic, *partition);
        let offset = next.records.get(partition).map(|record| record.position.offset);
        if open.get(&at).is_some_and(|lag| offset.is_none_or(|offset| offset >= lag.end)) {
            open.remove(&at);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafka_is_asked_again_until_the_deadline() {
        let away = || ReadError::Expired("away".to_owned());
        let mut answers = vec![Ok(7), Err(away())];
        let later = Instant::now() + Duration::from_mins(1);
        assert_eq!(until_told(later, || answers.pop().unwrap()), Ok(7));
        let told: Result<i64, String> = until_told(Instant::now(), || Err(away()));
        assert!(told.is_err_and(|it| it.contains("away")));
    }

    #[test]
    fn a_group_has_passed_when_every_partition_has_and_one_without_a_position_has_not() {
        let topic = Topic::RawEvents;
        let ends = Ends::from([((topic, 0), 10), ((topic, 1), 5), ((topic, 2), 0)]);
        let passed = Ends::from([((topic, 0), 12), ((topic, 1), 5)]);
        assert_eq!(lagging(&ends, &passed), BTreeMap::new());
        let lags = lagging(&ends, &Ends::from([((topic, 0), 9)]));
        let [first, second] = [Lag { from: 9, end: 10 }, Lag { from: 0, end: 5 }];
        assert_eq!(lags, BTreeMap::from([((topic, 0), first), ((topic, 1), second)]));
        let late = Late { group: "enrich", behind: Ok(6) };
        assert_eq!(late.to_string(), "enrich is 6 records behind");
    }
}
