//! What a stage gave up because it had left the log before the stage read it: not missing, since
//! it is known who lost it, when and why; booked as *expired*.
//!
//! For validate the rule is exact: its input is `raw-events`, so that a range of positions is a
//! range of origins. Behind it the books know in which topic an origin was seen, but not at which
//! offset, so the rule is the tightest that costs nothing per origin: an origin without a fate
//! counts as given up by a stage if
//!
//! - the stage owes its fate (it was seen last in the topic of the range), or it was seen last
//!   further up and the books begin behind the start of the range, so that they could not see it;
//! - it came in no later than the hour in which the range was given up;
//! - the range has room: for what was seen last in its topic as many origins as it has positions
//!   that the books have read, for what was not seen as many as it has others.

use std::collections::BTreeMap;

use event::{LostRange, Millis, Origin};
use topology::{Stage, Topic};

use crate::{Books, Ends, Hour, Lost, OriginSet, Progress, Verdict};

/// A range that a stage gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The stage.
    pub stage: Stage,
    /// What it gave up.
    pub lost: LostRange,
    /// When that was ordered; milliseconds UTC.
    pub at: Millis,
    /// Who ordered it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// Everything that was given up, and where the books begin.
#[derive(Debug, Clone, Default)]
pub struct Expiry {
    skips: Vec<Skip>,
    begins: Ends,
}

/// The origins of a span that one skip accounts for.
#[derive(Debug, Clone, PartialEq)]
pub struct Expired {
    /// The skip.
    pub skip: Skip,
    /// The origins.
    pub origins: OriginSet,
}

impl Expired {
    /// Whether these are the origins that were given up; otherwise they are as many, of the same
    /// time and with the same stage as their debtor.
    pub fn is_exact(&self) -> bool {
        self.skip.lost.topic == Topic::RawEvents.name()
    }
}

impl Expiry {
    /// Books that read each partition from `begins` on, and nothing given up yet.
    pub const fn new(begins: Ends) -> Self {
        Self { skips: Vec::new(), begins }
    }

    /// As if everything that has expired were given up: the positions of stages that lie below
    /// the start of the log. What this accounts for waits for an order; it is not missing yet.
    ///
    /// Not all of it is a loss: the last offset of a partition is often the marker of a
    /// transaction, which no stage commits past and which expires too.
    pub fn pending(begins: Ends, progress: &Progress) -> Self {
        let pending = |(&(stage, topic, partition), &from): (&(Stage, Topic, i32), &i64)| {
            let to = *progress.starts.get(&(topic, partition))?;
            let topic = topic.name().to_owned();
            let (who, why) = (String::new(), String::new());
            let lost = LostRange { topic, partition, from, to };
            (from < to).then_some(Skip { stage, lost, at: Millis::MAX, who, why })
        };
        Self { skips: progress.committed.iter().filter_map(pending).collect(), begins }
    }

    /// Takes down a range that was given up. One that begins where another did is the same range,
    /// of which more has expired since.
    pub fn note(&mut self, skip: Skip) {
        let begins_alike = |known: &Skip| {
            let (one, other) = (&known.lost, &skip.lost);
            known.stage == skip.stage
                && (&one.topic, one.partition, one.from)
                    == (&other.topic, other.partition, other.from)
        };
        self.skips.retain(|known| !begins_alike(known));
        self.skips.push(skip);
    }

    /// Ranges of `raw-events` that validate gave up and that the books could not read either: what
    /// was in them has no name. At most as many events as positions.
    pub fn unread(&self) -> Vec<(Skip, i64)> {
        let unread = |skip: &Skip| {
            let unseen = self.unseen(skip);
            let of_raw = skip.stage == Stage::Validate && topic_of(skip) == Some(Topic::RawEvents);
            (of_raw && unseen > 0).then(|| (skip.clone(), unseen))
        };
        self.skips.iter().filter_map(unread).collect()
    }

    /// How many positions of a skip lie before the beginning of the books.
    fn unseen(&self, skip: &Skip) -> i64 {
        let LostRange { partition, from, to, .. } = skip.lost;
        let begins = topic_of(skip).and_then(|topic| self.begins.get(&(topic, partition)));
        let until = begins.copied().unwrap_or(from).min(to);
        until.saturating_sub(from).max(0)
    }

    /// What each skip can account for.
    fn room(&self) -> Vec<Room> {
        let room = |skip: &Skip| {
            let unseen = self.unseen(skip);
            let all = skip.lost.to.saturating_sub(skip.lost.from).max(0);
            Room { seen: all.saturating_sub(unseen), unseen }
        };
        self.skips.iter().map(room).collect()
    }

    /// The skip that accounts for an origin, if one has room for it.
    fn account(&self, books: &Books, lost: &Lost, rooms: &mut [Room]) -> Option<usize> {
        let hour = books.hour_of(lost.origin)?;
        let in_time: Vec<(usize, &Skip)> =
            self.skips.iter().enumerate().filter(|(_, skip)| hour <= Hour::of(skip.at)).collect();
        let owed = in_time.iter().filter(|(_, skip)| is_owed_by(skip, lost));
        for (index, _) in owed {
            if rooms.get_mut(*index).is_some_and(|room| take(&mut room.seen)) {
                return Some(*index);
            }
        }
        // Further down nobody has seen it, if it lay before the books begin.
        for (index, _) in in_time.iter().filter(|(_, skip)| skip.stage > lost.owed_by) {
            if rooms.get_mut(*index).is_some_and(|room| take(&mut room.unseen)) {
                return Some(*index);
            }
        }
        None
    }
}

/// For how many more origins a skip can account.
struct Room {
    /// Positions of it that the books have read.
    seen: i64,
    /// Positions of it that lie before the books begin.
    unseen: i64,
}

fn take(room: &mut i64) -> bool {
    let has_room = *room > 0;
    *room -= i64::from(has_room);
    has_room
}

fn is_owed_by(skip: &Skip, lost: &Lost) -> bool {
    skip.stage == lost.owed_by
        && topic_of(skip) == Some(lost.last_seen)
        && (lost.last_seen != Topic::RawEvents || covers(&skip.lost, lost.origin))
}

fn topic_of(skip: &Skip) -> Option<Topic> {
    Topic::from_name(&skip.lost.topic)
}

fn covers(lost: &LostRange, origin: Origin) -> bool {
    lost.partition == origin.partition && (lost.from..lost.to).contains(&origin.offset)
}

impl Verdict {
    /// Books what was given up: takes it out of what is missing.
    pub fn book_expired(&mut self, books: &Books, expiry: &Expiry) {
        let mut rooms = expiry.room();
        let mut booked: BTreeMap<usize, OriginSet> = BTreeMap::new();
        self.lost.retain(|lost| {
            let Some(index) = expiry.account(books, lost, &mut rooms) else { return true };
            booked.entry(index).or_default().insert(lost.origin);
            self.missing.remove(lost.origin);
            false
        });
        let expired = |(index, origins)| {
            Some(Expired { skip: expiry.skips.get::<usize>(index)?.clone(), origins })
        };
        self.expired = booked.into_iter().filter_map(expired).collect();
    }

    /// How many origins have expired.
    pub fn expired_origins(&self) -> u64 {
        self.expired.iter().map(|it| it.origins.len()).sum()
    }
}
