//! What a sink commits before it loads: the range in doubt, in the offset's metadata.

use std::fmt;

/// The range that begins at the committed offset and ends here is being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent {
    /// Last offset of the range, inclusive.
    pub(crate) end: i64,
    /// Number of the content.
    pub(crate) content: u32,
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load:{},{}", self.end, self.content)
    }
}

impl Intent {
    /// Reads the metadata of a committed offset; empty metadata is no intent.
    pub(crate) fn parse(metadata: &str) -> Result<Option<Self>, String> {
        if metadata.is_empty() {
            return Ok(None);
        }
        let numbers = metadata.strip_prefix("load:").and_then(|rest| rest.split_once(','));
        let parsed = numbers.and_then(|(end, content)| {
            Some(Self { end: end.parse().ok()?, content: content.parse().ok()? })
        });
        parsed.map(Some).ok_or_else(|| format!("offset metadata `{metadata}` is no intent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_reads_what_it_prints_and_refuses_anything_else() {
        let intent = Intent { end: 18_446, content: 2 };
        assert_eq!(Intent::parse(&intent.to_string()), Ok(Some(intent)));
        assert_eq!(Intent::parse(""), Ok(None));
        assert!(Intent::parse("attempts=1").is_err());
    }
}
