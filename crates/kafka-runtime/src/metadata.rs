//! What is committed beside an offset: the range that a sink is loading, and what is known of
//! processes that died on the records behind the offset.

use std::fmt;

use crate::sink::Bundle;

/// The metadata of a committed offset. Empty text is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The range in doubt.
    pub(crate) intent: Option<Intent>,
    /// How often the records behind the offset were begun since the offset last moved.
    pub(crate) attempts: u32,
    /// Which process made the last attempt: it is no death as long as that one lives.
    pub(crate) by: Option<u64>,
    /// The last offset of what was begun.
    pub(crate) upto: Option<i64>,
    /// The record that was begun by itself.
    pub(crate) probe: Option<Probe>,
}

/// The range that begins at the committed offset and ends here is being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent {
    /// Last offset of the range, inclusive.
    pub(crate) end: i64,
    /// Number of the content.
    pub(crate) content: u32,
    /// Over how many shards the sink was spread.
    pub(crate) shards: u32,
    /// The INSERT of several ranges in which it is sent first.
    pub(crate) bundle: Option<Bundle>,
}

/// A record that was begun by itself, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Its offset.
    pub(crate) offset: i64,
    /// How often it was begun.
    pub(crate) times: u32,
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load:{},{}", self.end, self.content)?;
        if self.shards != 1 {
            write!(f, ",{}", self.shards)?;
        }
        let Some(Bundle { partition, start, end, digest }) = self.bundle else { return Ok(()) };
        write!(f, " bundle={partition},{start},{end},{digest:x}")
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let intent = self.intent.map(|intent| intent.to_string());
        let attempts = (self.attempts > 0).then(|| format!("attempts={}", self.attempts));
        let by = self.by.map(|by| format!("by={by:x}"));
        let upto = self.upto.map(|upto| format!("upto={upto}"));
        let probe = self.probe.map(|probe| format!("probe={},{}", probe.offset, probe.times));
        let words: Vec<String> =
            intent.into_iter().chain(attempts).chain(by).chain(upto).chain(probe).collect();
        f.write_str(&words.join(" "))
    }
}

impl Metadata {
    /// Reads the metadata of a committed offset. An error means that another program, or a newer
    /// version, wrote it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut metadata = Self::default();
        for word in text.split_whitespace() {
            metadata.take(word).ok_or_else(|| format!("offset metadata `{text}` is not ours"))?;
        }
        Ok(metadata)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        if let Some(rest) = word.strip_prefix("load:") {
            let (end, rest) = rest.split_once(',')?;
            let (content, shards) = rest.split_once(',').unwrap_or((rest, "1"));
            self.intent = Some(Intent {
                end: end.parse().ok()?,
                content: content.parse().ok()?,
                shards: shards.parse().ok().filter(|shards| *shards > 0)?,
                bundle: None,
            });
        } else if let Some(rest) = word.strip_prefix("bundle=") {
            self.intent.as_mut()?.bundle = Some(bundle(rest)?);
        } else if let Some(rest) = word.strip_prefix("attempts=") {
            self.attempts = rest.parse().ok()?;
        } else if let Some(rest) = word.strip_prefix("by=") {
            self.by = Some(u64::from_str_radix(rest, 16).ok()?);
        } else if let Some(rest) = word.strip_prefix("upto=") {
            self.upto = Some(rest.parse().ok()?);
        } else {
            let (offset, times) = word.strip_prefix("probe=")?.split_once(',')?;
            self.probe = Some(Probe { offset: offset.parse().ok()?, times: times.parse().ok()? });
        }
        Some(())
    }
}

fn bundle(text: &str) -> Option<Bundle> {
    let [partition, start, end, digest] = *text.split(',').collect::<Vec<_>>() else { return None };
    Some(Bundle {
        partition: partition.parse().ok()?,
        start: start.parse().ok()?,
        end: end.parse().ok()?,
        digest: u64::from_str_radix(digest, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLED: &str = "load:18446,2 bundle=4,100,199,ab1";

    #[test]
    fn metadata_reads_what_it_prints_and_refuses_anything_else() {
        let alone = Intent { end: 18_446, content: 2, shards: 1, bundle: None };
        let spread = Some(Intent { shards: 3, ..alone });
        let bundle = Some(Bundle { partition: 4, start: 100, end: 199, digest: 0xab1 });
        let with_others = Some(Intent { bundle, ..alone });
        let intent = Some(alone);
        let probe = Some(Probe { offset: 7, times: 1 });
        for (metadata, text) in [
            (Metadata::default(), ""),
            (Metadata { intent, ..Metadata::default() }, "load:18446,2"),
            (Metadata { intent: spread, ..Metadata::default() }, "load:18446,2,3"),
            (Metadata { intent: with_others, ..Metadata::default() }, BUNDLED),
            (Metadata { attempts: 2, upto: Some(9), ..Metadata::default() }, "attempts=2 upto=9"),
            (
                Metadata { intent, attempts: 3, by: Some(0xab), upto: None, probe },
                "load:18446,2 attempts=3 by=ab probe=7,1",
            ),
        ] {
            assert_eq!(metadata.to_string(), text);
            assert_eq!(Metadata::parse(text), Ok(metadata));
        }
        let bundles =
            ["bundle=4,100,199,ab1", "load:1,0 bundle=4,1,9", "load:1,0 bundle=4,1,9,x,1"];
        let others = ["load:1", "load:1,0,0", "load:1,0,2,3", "attempts=x", "probe=3", "hello"];
        for text in bundles.into_iter().chain(others) {
            assert!(Metadata::parse(text).is_err(), "{text}");
        }
    }
}
