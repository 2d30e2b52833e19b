//! The list of enrichments that ran. Nearly all events of a topic have been through the same, so it is not
//! read piece by piece for each of them.

use std::{cell::RefCell, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, de};

use crate::{EnrichmentRun, datum};

/// By this name `datum` knows the list, and hands over its datum unread. apache-avro, which takes a named
/// struct for a record, is not told; see [`crate::fixed::NAME`].
pub(crate) const NAME: &str = "EnrichmentRuns";

thread_local! {
    /// The datum that was read last, and its list.
    static LAST: RefCell<(Vec<u8>, Arc<[EnrichmentRun]>)> = RefCell::default();
}

/// How many bytes the list takes that `bytes` begin with, where it is the one that was read last: a datum
/// itself says where it ends, so what begins with all of one is that one.
pub(crate) fn same_again(bytes: &[u8]) -> Option<usize> {
    LAST.with_borrow(|(last, _)| {
        (!last.is_empty() && bytes.starts_with(last)).then_some(last.len())
    })
}

/// The list: that of the event before, if it is the same.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<[EnrichmentRun]>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_newtype_struct(NAME, Runs)
    } else {
        Vec::deserialize(deserializer).map(Arc::from)
    }
}

struct Runs;

impl<'de> de::Visitor<'de> for Runs {
    type Value = Arc<[EnrichmentRun]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of enrichments")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, list: D) -> Result<Self::Value, D::Error> {
        Vec::deserialize(list).map(Arc::from)
    }

    /// The list's datum.
    fn visit_bytes<E: de::Error>(self, datum: &[u8]) -> Result<Self::Value, E> {
        LAST.with_borrow_mut(|(last, runs)| {
            if last != datum {
                let read: Vec<EnrichmentRun> = datum::read(&mut &*datum).map_err(E::custom)?;
                datum.clone_into(last);
                *runs = read.into();
            }
            Ok(Arc::clone(runs))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Facts {
        #[serde(deserialize_with = "deserialize")]
        applied: Arc<[EnrichmentRun]>,
        behind: bool,
    }

    fn read(list: &[(&str, &str)]) -> Arc<[EnrichmentRun]> {
        let run = |(name, version): &(&str, &str)| EnrichmentRun {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
        };
        let runs: Vec<EnrichmentRun> = list.iter().map(run).collect();
        let mut bytes = Vec::new();
        datum::write(&mut bytes, &runs).unwrap();
        bytes.push(1);
        let mut rest = &bytes[..];
        let facts: Facts = datum::read(&mut rest).unwrap();
        assert!(facts.behind && rest.is_empty());
        let by_json =
            serde_json::json!({ "applied": serde_json::to_value(&runs).unwrap(), "behind": true });
        assert_eq!(serde_json::from_value::<Facts>(by_json).unwrap().applied, facts.applied);
        facts.applied
    }

    #[test]
    fn whatever_was_read_before_the_list_is_the_one_that_stands_there() {
        let lists: [&[(&str, &str)]; 7] = [
            &[("ip", "1"), ("geo", "1"), ("bot", "1")],
            &[],
            &[("ip", "1"), ("geo", "1")],
            &[("ip", "1"), ("geo", "2"), ("bot", "1")],
            &[("geo", "1"), ("ip", "1"), ("bot", "1")],
            &[("ip", "1"), ("geo", "1"), ("bot", "1"), ("ip", "1")],
            &[("ip", "1")],
        ];
        for before in lists {
            for list in lists {
                read(before);
                let told: Vec<(String, String)> =
                    read(list).iter().map(|run| (run.name.clone(), run.version.clone())).collect();
                let expected: Vec<_> =
                    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                assert_eq!(told, expected, "after {before:?}");
            }
        }
    }

    #[test]
    fn the_same_list_again_is_shared() {
        let list = [("ip", "1"), ("geo", "1")];
        assert!(Arc::ptr_eq(&read(&list), &read(&list)));
    }
}
