//! Which ranges of a batch are sent in one INSERT.
//!
//! What an INSERT of a few hundred rows costs is hardly less than what one of thousands does, so the ranges of all
//! partitions of a shard go together. The INSERT has a name of its own, which stands in the intent of each range as
//! the token of its content number 0. Whatever happens to it, each range is settled by itself: who
//! finds none of its rows sends them under that name. If they are taken, the INSERT of all can not be any more,
//! should it come late; if they are dropped, the name was taken (by that INSERT of all, or by who settled another of its
//! ranges), and what is still missing goes under the range's own name and the next number.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use topology::Topic;

use crate::{
    lane::Load,
    log::Partition,
    sink::{Bundle, Range, shard_of},
};

/// Where rows go, and what they are made of: what shares a place can share an INSERT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    topic: Topic,
    pub(super) shard: u32,
}

impl Place {
    /// That of a partition's rows, of so many shards.
    pub(super) fn of((topic, number): Partition, shards: u32) -> Self {
        Self { topic, shard: shard_of(number, shards) }
    }
}

/// Puts the ranges together that are to be sent in one INSERT: those of one place. Those that are
/// `apart` are sent by themselves.
pub(super) fn bundled<R>(
    loads: Vec<Load<R>>,
    apart: impl Fn(Partition) -> bool,
) -> Vec<Vec<Load<R>>> {
    let (alone, together): (Vec<_>, Vec<_>) =
        loads.into_iter().partition(|load| load.condemned || apart(load.partition()));
    let mut bundles: BTreeMap<_, Vec<Load<R>>> = BTreeMap::new();
    for load in together {
        bundles.entry(Place::of(load.partition(), load.range.shards)).or_default().push(load);
    }
    let mut bundles: Vec<_> = bundles.into_values().collect();
    for loads in &mut bundles {
        name(loads);
    }
    bundles.extend(alone.into_iter().map(|load| vec![load]));
    bundles
}

/// A range by itself needs no other name than its own.
fn name<R>(loads: &mut [Load<R>]) {
    let [Load { range: Range { partition, start, end, .. }, .. }, _, ..] = *loads else { return };
    // Whoever takes a range up reads the digest in its intent, so no other version has to come to the same.
    let mut digest = DefaultHasher::new();
    for load in &*loads {
        load.range.hash(&mut digest);
    }
    let bundle = Bundle { partition, start, end, digest: digest.finish() };
    for load in loads {
        load.range.bundle = Some(bundle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(partition: i32, end: i64, shards: u32) -> Load<()> {
        let topic = Topic::StitchedEvents;
        Load::new(Range { topic, partition, start: 10, end, content: 0, shards, bundle: None })
    }

    fn named(loads: Vec<Load<()>>) -> Vec<(Vec<i32>, Option<Bundle>)> {
        let bundles = bundled(loads, |(_, partition)| partition == 7);
        let told = |loads: &Vec<Load<()>>| {
            let first = loads[0].range.bundle;
            assert!(loads.iter().all(|load| load.range.bundle == first));
            (loads.iter().map(|load| load.range.partition).collect(), first)
        };
        bundles.iter().map(told).collect()
    }

    #[test]
    fn the_ranges_of_a_shard_go_together_under_a_name_that_no_others_have() {
        let one = named(vec![load(3, 19, 1), load(4, 29, 1), load(7, 19, 1)]);
        let name = one[0].1.unwrap();
        assert_eq!((name.partition, name.start, name.end), (3, 10, 19));
        assert_eq!(one, [(vec![3, 4], Some(name)), (vec![7], None)], "7 is kept apart");
        let other = named(vec![load(3, 19, 1), load(4, 28, 1)])[0].1.unwrap();
        assert_ne!(name, other, "another range is in it");
        let shards = named((0..5).map(|partition| load(partition, 19, 2)).collect());
        assert_eq!(
            shards.iter().map(|it| &it.0[..]).collect::<Vec<_>>(),
            [&[0, 2, 4][..], &[1, 3]]
        );
        assert_eq!(named(vec![load(3, 19, 1)]), [(vec![3], None)], "its own name will do");
    }
}
