//! The dead letters of one stage: open until a redriven record settles them.

use std::collections::{BTreeMap, BTreeSet};

use event::Origin;
use pipeline::RejectReason;

use crate::OriginSet;

/// Partition and offset in the stage's dead-letter topic.
type Place = (i32, i64);

/// The dead letters of one stage. Topics are read independently, so a redriven record may be seen
/// before the dead letter that it settles; the order makes no difference.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeadLetters {
    open: BTreeMap<Place, (Origin, Option<RejectReason>)>,
    settled_early: BTreeSet<(Place, Origin)>,
    seen: OriginSet,
}

impl DeadLetters {
    pub(crate) fn opened(&mut self, place: Place, origin: Origin, reason: Option<RejectReason>) {
        self.seen.insert(origin);
        if !self.settled_early.remove(&(place, origin)) {
            self.open.insert(place, (origin, reason));
        }
    }

    /// A record of `origin` was sent in again and names the dead letter at `place`. It settles
    /// that one only if it is of the same event: nobody closes another's hole.
    pub(crate) fn settled(&mut self, place: Place, origin: Origin) {
        match self.open.get(&place) {
            Some((owner, _)) if *owner == origin => {
                self.open.remove(&place);
            }
            Some(_) => {}
            None => {
                self.settled_early.insert((place, origin));
            }
        }
    }

    /// Origins with a dead letter that nobody has taken up, by reason.
    pub(crate) fn open(&self) -> BTreeMap<Option<RejectReason>, OriginSet> {
        let mut by_reason: BTreeMap<_, OriginSet> = BTreeMap::new();
        for (origin, reason) in self.open.values() {
            by_reason.entry(*reason).or_default().insert(*origin);
        }
        by_reason
    }

    /// Origins that ever had a dead letter here.
    pub(crate) fn seen(&self) -> &OriginSet {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Origin = Origin { epoch: 0, partition: 0, offset: 1 };
    const B: Origin = Origin { epoch: 0, partition: 0, offset: 2 };

    fn open(letters: &DeadLetters) -> Vec<Origin> {
        letters.open().values().flat_map(|set| set.iter().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_redriven_record_settles_its_dead_letter_whichever_is_read_first() {
        let (mut late, mut early) = (DeadLetters::default(), DeadLetters::default());
        late.opened((0, 7), A, None);
        late.settled((0, 7), A);
        early.settled((0, 7), A);
        early.opened((0, 7), A, None);
        assert!(open(&late).is_empty() && open(&early).is_empty());
    }

    #[test]
    fn a_second_dead_letter_of_the_same_event_is_open_again() {
        let mut letters = DeadLetters::default();
        letters.opened((0, 7), A, None);
        letters.settled((0, 7), A);
        letters.opened((0, 8), A, Some(RejectReason::MissingField));
        assert_eq!(open(&letters), [A]);
    }

    #[test]
    fn nobody_settles_the_dead_letter_of_another_event() {
        let mut letters = DeadLetters::default();
        letters.settled((0, 8), A);
        letters.opened((0, 7), B, None);
        letters.opened((0, 8), B, None);
        letters.settled((0, 7), A);
        assert_eq!(open(&letters), [B]);
    }
}
