//! A list of parameter names that is asked for every parameter of every URL.

use std::collections::HashMap;

/// Names and what is known of each. Most questions are about names that are not in the list: those
/// are answered by a table of first and last letters and lengths, without a hash.
#[derive(Debug)]
pub(crate) struct Names<T> {
    known: HashMap<String, T>,
    /// By first and last byte: a bit for each length of a name that begins and ends so.
    lengths: [u64; 1024],
}

impl<T> Names<T> {
    pub(crate) fn new(names: impl IntoIterator<Item = (String, T)>) -> Self {
        let known: HashMap<String, T> = names.into_iter().collect();
        let mut lengths = [0; 1024];
        for name in known.keys() {
            if let [first, ..] = name.as_bytes()
                && let [.., last] = name.as_bytes()
            {
                lengths[slot(*first, *last)] |= bit(name.len());
            }
        }
        Self { known, lengths }
    }

    /// Whether a name that begins and ends with these bytes, in any case, and has this length may be
    /// in the list.
    pub(crate) fn may_have(&self, first: u8, last: u8, len: usize) -> bool {
        self.lengths[slot(first, last)] & bit(len) != 0
    }

    fn may_have_name(&self, name: &str) -> bool {
        let bytes = name.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| self.may_have(*first, *last, bytes.len()))
    }

    /// What is known of a name, written exactly as in the list.
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        if self.may_have_name(name) { self.known.get(name) } else { None }
    }

    /// The same of a name whose ASCII letters may be upper case; the list's are lower case.
    pub(crate) fn get_in_any_case(&self, name: &str) -> Option<&T> {
        let known = |name: &str| self.known.get(&name.to_ascii_lowercase());
        if self.may_have_name(name) { known(name) } else { None }
    }
}

/// The low five bits of an ASCII letter are the same in upper and lower case.
fn slot(first: u8, last: u8) -> usize {
    usize::from(first & 31) << 5 | usize::from(last & 31)
}

/// Lengths from 63 on share a bit.
fn bit(len: usize) -> u64 {
    1 << len.min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_nothing_else_is() {
        let long = "x".repeat(90);
        let listed = ["gclid", "_kx", "é", &long];
        let names = Names::new(listed.iter().map(|name| ((*name).to_owned(), ())));
        for (name, exact, any_case) in [
            ("gclid", true, true),
            ("GCLid", false, true),
            ("gclie", false, false),
            ("gcli", false, false),
            ("_KX", false, true),
            ("é", true, true),
            ("", false, false),
            (&long, true, true),
            (&long[1..], false, false),
        ] {
            assert_eq!(names.get(name).is_some(), exact, "{name}");
            assert_eq!(names.get_in_any_case(name).is_some(), any_case, "{name}");
        }
    }
}
