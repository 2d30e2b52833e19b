//! Which keys a keyspace does not have, told without a look at the disk.
//!
//! A new message is absent from every day of the window, so absence is what the store is asked for
//! most. The answer is a blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and
//! Space-Efficient Bloom Filters", 2007): a key's bits all lie within one line of the CPU's cache,
//! so a day costs one access to memory, and those of several days do not wait for each other.

#![expect(clippy::cast_possible_truncation, reason = "halves of a product, and places in a block")]

use crate::place::Key;

/// Words of a block: 512 bits, a line of the cache.
const WORDS: usize = 8;
/// Bits that a key sets; nine bits of a word tell the place of each.
const BITS_PER_KEY: u32 = 7;
/// 16 bits of the filter for each key: about one absent key in 500 is not known to be absent.
const KEYS_PER_BLOCK: usize = 32;
/// Keys of the smallest part: 128 KiB.
const SMALLEST: usize = 65_536;
/// Bytes of a block as it is stored.
pub(crate) const BLOCK_BYTES: usize = WORDS * 8;

type Block = [u64; WORDS];

/// A key, mixed: which block of a filter it falls into and which bits it sets there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    place: u64,
    bits: u64,
}

impl Probe {
    /// Keys need not be even in all their bits, so they are mixed.
    pub(crate) fn of(key: &Key) -> Self {
        let [kind, rest @ ..] = *key;
        let key = u128::from_be_bytes(rest);
        let (high, low) = ((key >> 64) as u64 ^ u64::from(kind), key as u64);
        Self {
            place: folded(high ^ 0x9e37_79b9_7f4a_7c15, low ^ 0xd6e8_feb8_6659_fd93),
            bits: folded(high ^ 0xa076_1d64_78bd_642f, low ^ 0xe703_7ed1_a0b4_28db),
        }
    }

    fn block(self, blocks: usize) -> usize {
        ((u128::from(self.place) * blocks as u128) >> 64) as usize
    }

    /// The bits of a block, one word after another.
    fn mask(self) -> Block {
        let mut mask = [0; WORDS];
        for bit in 0..BITS_PER_KEY {
            let at = self.bits >> (9 * bit);
            mask[(at >> 6) as usize % WORDS] |= 1 << (at & 63);
        }
        mask
    }
}

/// The two halves of a product, which depend on all bits of both factors.
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product >> 64) as u64 ^ product as u64
}

/// A filter of some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    blocks: Vec<Block>,
    keys: usize,
}

impl Part {
    fn with_room(keys: usize) -> Self {
        Self { blocks: vec![[0; WORDS]; keys.div_ceil(KEYS_PER_BLOCK)], keys: 0 }
    }

    fn room(&self) -> usize {
        self.blocks.len() * KEYS_PER_BLOCK
    }

    fn may_have(&self, probe: Probe) -> bool {
        let block = &self.blocks[probe.block(self.blocks.len())];
        let mask = probe.mask();
        (0..WORDS).all(|word| block[word] & mask[word] == mask[word])
    }

    fn add(&mut self, probe: Probe) {
        let place = probe.block(self.blocks.len());
        for (word, bits) in self.blocks[place].iter_mut().zip(probe.mask()) {
            *word |= bits;
        }
        self.keys += 1;
    }

    /// How many keys it has.
    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    /// How many bytes its blocks take.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    /// The blocks as bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads [`to_bytes`](Self::to_bytes); `None` if these are no whole blocks.
    pub(crate) fn from_bytes(bytes: &[u8], keys: usize) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (blocks, odd) = words.as_chunks();
        let whole = rest.is_empty() && odd.is_empty() && !blocks.is_empty();
        whole.then(|| Self { blocks: blocks.to_vec(), keys })
    }
}

/// A filter that grows by parts, each twice as large as the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFilter {
    parts: Vec<Part>,
}

impl KeyFilter {
    /// An empty filter that has its best size with so many keys.
    pub(crate) fn with_room(keys: usize) -> Self {
        Self { parts: vec![Part::with_room(keys.max(SMALLEST))] }
    }

    /// What was stored of one; `None` if it has no part.
    pub(crate) fn of_parts(parts: Vec<Part>) -> Option<Self> {
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// `false`: the key was never added. `true`: it was, or about one in 500 was not.
    pub(crate) fn may_have(&self, probe: Probe) -> bool {
        self.parts.iter().any(|part| part.may_have(probe))
    }

    /// Adds a key; one that seems to be there takes no room again.
    pub(crate) fn add(&mut self, probe: Probe) {
        if self.may_have(probe) {
            return;
        }
        let full = self.parts.last().is_none_or(|part| part.keys >= part.room());
        if full {
            let room = self.parts.last().map_or(SMALLEST, |part| part.room() * 2);
            self.parts.push(Part::with_room(room));
        }
        if let Some(part) = self.parts.last_mut() {
            part.add(probe);
        }
    }

    /// How many keys were added, but for those that seemed to be there.
    pub(crate) fn keys(&self) -> usize {
        self.parts.iter().map(Part::keys).sum()
    }

    /// The parts, in the order in which they were begun.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        place::{dated_key, device_key},
        store::Kind,
    };

    /// Even keys, as hashes are.
    fn hashed(number: u64) -> Key {
        let key = identity::MessageKey::of_message("web", &number.to_string());
        dated_key(Kind::Message, key.to_fixed())
    }

    /// Keys that differ in their last bytes only.
    fn counted(number: u64) -> Key {
        device_key(event::Fixed16(u128::from(number).to_be_bytes()))
    }

    fn filled(keys: u64, room: usize, key: fn(u64) -> Key) -> KeyFilter {
        let mut filter = KeyFilter::with_room(room);
        (0..keys).for_each(|number| filter.add(Probe::of(&key(number))));
        filter
    }

    #[test]
    fn a_key_that_was_added_is_never_called_absent_and_few_others_are_called_present() {
        const KEYS: u64 = 150_000;
        for key in [hashed, counted] {
            for room in [0, KEYS as usize] {
                let filter = filled(KEYS, room, key);
                assert!((0..KEYS).all(|number| filter.may_have(Probe::of(&key(number)))));
                let wrong = (KEYS..2 * KEYS).filter(|&it| filter.may_have(Probe::of(&key(it))));
                let wrong = wrong.count();
                assert!(wrong < KEYS as usize / 200, "{wrong} of {KEYS} absent keys");
            }
        }
    }

    #[test]
    fn a_key_that_comes_again_takes_no_room() {
        let mut filter = filled(1_000, 0, hashed);
        let before = filter.clone();
        (0..1_000).for_each(|number| filter.add(Probe::of(&hashed(number))));
        assert_eq!(filter, before);
    }

    #[test]
    fn stored_parts_make_the_same_filter_and_bytes_that_are_no_blocks_make_none() {
        let filter = filled(100_000, 0, hashed);
        let again = filter.parts().iter().map(|part| Part::from_bytes(&part.to_bytes(), part.keys));
        assert_eq!(KeyFilter::of_parts(again.map(Option::unwrap).collect()), Some(filter));
        for length in [0, 1, BLOCK_BYTES - 8, BLOCK_BYTES + 1] {
            assert_eq!(Part::from_bytes(&vec![0; length], 1), None, "{length}");
        }
        assert_eq!(KeyFilter::of_parts(Vec::new()), None);
    }
}
