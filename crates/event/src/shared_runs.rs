//! The list of enrichments that ran, read without copying it for each event: nearly all events of a
//! topic have been through the same.

use std::{borrow::Cow, cell::RefCell, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::EnrichmentRun;

thread_local! {
    /// The list that was read last.
    static LAST: RefCell<Arc<[EnrichmentRun]>> = RefCell::new(Arc::new([]));
}

/// The list: that of the event before, if it is the same.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<[EnrichmentRun]>, D::Error> {
    deserializer.deserialize_seq(Runs)
}

struct Runs;

impl<'de> Visitor<'de> for Runs {
    type Value = Arc<[EnrichmentRun]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of enrichments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut runs: A) -> Result<Self::Value, A::Error> {
        let last = LAST.with_borrow(Arc::clone);
        let mut same = 0;
        let mut others: Vec<EnrichmentRun> = Vec::new();
        while let Some(run) = runs.next_element::<Run<'_>>()? {
            if others.is_empty() && last.get(same).is_some_and(|it| run.is(it)) {
                same += 1;
            } else {
                others.push(run.into());
            }
        }
        if others.is_empty() && same == last.len() {
            return Ok(last);
        }
        let read: Self::Value = last[..same].iter().cloned().chain(others).collect();
        LAST.with_borrow_mut(|last| last.clone_from(&read));
        Ok(read)
    }
}

/// One of them, not copied yet.
#[derive(Deserialize)]
#[serde(rename = "EnrichmentRun")]
struct Run<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
}

impl Run<'_> {
    fn is(&self, run: &EnrichmentRun) -> bool {
        self.name == run.name && self.version == run.version
    }
}

impl From<Run<'_>> for EnrichmentRun {
    fn from(run: Run<'_>) -> Self {
        Self { name: run.name.into_owned(), version: run.version.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[(&str, &str)]) -> Arc<[EnrichmentRun]> {
        let runs: Vec<_> = list
            .iter()
            .map(|(name, version)| serde_json::json!({ "name": name, "version": version }))
            .collect();
        deserialize(serde_json::Value::from(runs)).unwrap()
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
