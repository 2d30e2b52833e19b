//! A list of parameter names that is asked for every parameter of every URL.

use std::collections::HashMap;

/// Names and what is known of each. Most questions are about names that are not in the list: those
/// are answered by a table of first letters and lengths, without a hash.
#[derive(Debug)]
pub(crate) struct Names<T> {
    known: HashMap<String, T>,
    /// By first byte: a bit for each length of a name that begins so.
    lengths: [u64; 256],
}

impl<T> Names<T> {
    pub(crate) fn new(names: impl IntoIterator<Item = (String, T)>) -> Self {
        let known: HashMap<String, T> = names.into_iter().collect();
        let mut lengths = [0; 256];
        for name in known.keys() {
            if let Some(first) = name.bytes().next() {
                lengths[usize::from(first)] |= bit(name.len());
            }
        }
        Self { known, lengths }
    }

    /// Whether a name of this first byte and length may be in the list.
    pub(crate) fn may_have(&self, first: u8, len: usize) -> bool {
        self.lengths[usize::from(first)] & bit(len) != 0
    }

    /// What is known of a name, written exactly as in the list.
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        let first = name.bytes().next()?;
        if self.may_have(first, name.len()) { self.known.get(name) } else { None }
    }

    /// The same of a name whose ASCII letters may be upper case; the list's are lower case.
    pub(crate) fn get_in_any_case(&self, name: &str) -> Option<&T> {
        let first = name.bytes().next()?.to_ascii_lowercase();
        let known = |name: &str| self.known.get(&name.to_ascii_lowercase());
        if self.may_have(first, name.len()) { known(name) } else { None }
    }
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
