//! Which events of a stream make a sample: of each name so many, spread over the whole stream.

use std::collections::BTreeMap;

use event::{Origin, RawEvent};

use super::Sampled;

/// Most bytes of events that are kept at once.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// Most names of events that are told apart.
const MOST_NAMES: usize = 2_000;

/// Keeps of each type and name those events whose numbers come first in an order made by chance,
/// which is the same each time.
pub(super) struct Chosen {
    of_each_name: usize,
    most_bytes: usize,
    most_names: usize,
    bytes: usize,
    by_name: BTreeMap<(String, String), BTreeMap<(u64, Origin), Sampled>>,
    /// Events of names beyond the most that are told apart.
    unnamed: u64,
}

impl Chosen {
    pub(super) const fn new(of_each_name: usize) -> Self {
        Self {
            of_each_name,
            most_bytes: MOST_BYTES,
            most_names: MOST_NAMES,
            bytes: 0,
            by_name: BTreeMap::new(),
            unnamed: 0,
        }
    }

    pub(super) fn offer(&mut self, sampled: Sampled) {
        let RawEvent { kind, event, .. } = &sampled.event;
        let name = (kind.clone().unwrap_or_default(), event.clone().unwrap_or_default());
        if self.by_name.len() >= self.most_names && !self.by_name.contains_key(&name) {
            self.unnamed += 1;
            return;
        }
        self.bytes += sampled.event.text_bytes();
        let of_name = self.by_name.entry(name).or_default();
        of_name.insert((place(sampled.origin), sampled.origin), sampled);
        self.bytes -= cut(of_name, self.of_each_name);
        while self.bytes > self.most_bytes && self.of_each_name > 1 {
            self.of_each_name = self.of_each_name.div_ceil(2);
            let of_each = self.of_each_name;
            self.bytes -= self.by_name.values_mut().map(|all| cut(all, of_each)).sum::<usize>();
        }
    }

    /// Of each name at most so many were kept: fewer than asked for where memory would not do.
    pub(super) const fn of_each_name(&self) -> usize {
        self.of_each_name
    }

    /// How many events were left aside since there are too many names.
    pub(super) const fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// What was chosen, in the order of the numbers.
    pub(super) fn finish(self) -> Vec<Sampled> {
        let all = self.by_name.into_values().flat_map(BTreeMap::into_values);
        let mut all: Vec<Sampled> = all.collect();
        all.sort_by_key(|sampled| sampled.origin);
        all
    }
}

/// Takes out the last ones; the bytes that they had.
fn cut(all: &mut BTreeMap<(u64, Origin), Sampled>, to: usize) -> usize {
    let mut bytes = 0;
    while all.len() > to {
        bytes += all.pop_last().map_or(0, |(_, cut)| cut.event.text_bytes());
    }
    bytes
}

/// Where a number stands in the order made by chance: the mixing steps of SplitMix64 (Steele, Lea,
/// Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
fn place(origin: Origin) -> u64 {
    let Origin { epoch, partition, offset } = origin;
    let number = offset.cast_unsigned() ^ (u64::from(partition.cast_unsigned()) << 40);
    let mut mixed = number.wrapping_add(u64::from(epoch).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(name: &str, offset: i64) -> Sampled {
        let event = RawEvent { event: Some(name.to_owned()), ..RawEvent::default() };
        Sampled { origin: Origin { epoch: 0, partition: 1, offset }, appended_at: 0, event }
    }

    fn offsets(chosen: Chosen) -> Vec<i64> {
        chosen.finish().into_iter().map(|sampled| sampled.origin.offset).collect()
    }

    #[test]
    fn of_each_name_so_many_are_kept_from_all_of_the_stream_and_the_same_each_time() {
        let choose = || {
            let mut chosen = Chosen::new(100);
            (0..10_000).for_each(|offset| chosen.offer(sampled("often", offset)));
            (10_000..10_003).for_each(|offset| chosen.offer(sampled("seldom", offset)));
            offsets(chosen)
        };
        let kept = choose();
        assert_eq!(kept.len(), 103);
        assert!(kept.ends_with(&[10_000, 10_001, 10_002]));
        // A hundred of ten thousand: of each quarter about twenty-five.
        for quarter in 0..4_i64 {
            let of_it = kept.iter().filter(|offset| **offset / 2_500 == quarter).count();
            assert!((10..=45).contains(&of_it), "{of_it} of quarter {quarter}");
        }
        assert_eq!(kept, choose());
    }

    #[test]
    fn where_memory_would_not_do_fewer_of_each_name_are_kept() {
        let mut chosen = Chosen { most_bytes: 50, ..Chosen::new(100) };
        (0..40).for_each(|offset| chosen.offer(sampled("abcde", offset)));
        assert!(chosen.bytes <= 50 && chosen.of_each_name() < 11, "{}", chosen.of_each_name());
        let kept = chosen.of_each_name();
        assert_eq!(offsets(chosen).len(), kept);
    }

    #[test]
    fn names_beyond_the_most_are_counted() {
        let mut chosen = Chosen { most_names: 2, ..Chosen::new(10) };
        for (offset, name) in (0..).zip(["a", "b", "c", "a", "d"]) {
            chosen.offer(sampled(name, offset));
        }
        assert_eq!(chosen.unnamed(), 2);
        assert_eq!(offsets(chosen), [0, 1, 3]);
    }
}
