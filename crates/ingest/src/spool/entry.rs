//! One record as bytes of a segment.
//!
//! A head of 12 bytes, then the body, all numbers little-endian: the body's length, a CRC-32 of
//! that, a CRC-32 of the body. The length has a checksum of its own so that a write that was cut
//! off (the head is sound, the body ends with the file) is told from bytes that changed, and so
//! that one changed body can be stepped over.

use event::Millis;
use kafka_runtime::{Header, Outgoing};
use topology::{RAW_MESSAGE_BYTES, Topic};

/// Bytes before a body: three numbers of four.
const HEAD: usize = 12;

/// A longer body is none of ours. A record fits into a message of the log, and the lengths of its
/// parts stand beside it here.
const LONGEST_BODY: usize = 2 * RAW_MESSAGE_BYTES as usize;

/// No entry has more bytes than this.
pub(super) const LONGEST: usize = HEAD + LONGEST_BODY;

/// The length of what is not there.
const ABSENT: u32 = u32::MAX;

/// A record, and when it was put here; milliseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kept_at: Millis,
    pub(super) record: Outgoing,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing at all: the end.
    Nothing,
    /// An entry of so many bytes.
    Whole(Entry, usize),
    /// The beginning of an entry that was not written to its end.
    Torn,
    /// So many bytes of an entry that is not what was written.
    Changed(usize),
    /// Bytes of which nobody knows where the next entry begins.
    Unknown,
}

/// Appends a record of `raw-events` to `bytes`.
pub(super) fn write(bytes: &mut Vec<u8>, kept_at: Millis, record: &Outgoing) {
    let mut body = Vec::with_capacity(64 + record.size());
    body.extend(kept_at.to_le_bytes());
    write_part(&mut body, record.key.as_deref());
    write_part(&mut body, record.value.as_deref());
    for (name, value) in &record.headers {
        write_part(&mut body, Some(name.as_bytes()));
        write_part(&mut body, value.as_deref());
    }
    let length = length(body.len()).to_le_bytes();
    bytes.extend(length);
    bytes.extend(crc32fast::hash(&length).to_le_bytes());
    bytes.extend(crc32fast::hash(&body).to_le_bytes());
    bytes.extend(body);
}

/// What stands at the beginning of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Found {
    if bytes.is_empty() {
        return Found::Nothing;
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Found::Torn };
    // A file may be longer than what was written into it when the power went.
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Torn;
    }
    let mut head = Parts(head);
    let (Some(length), Some(of_length), Some(of_body)) =
        (head.number(), head.number(), head.number())
    else {
        return Found::Torn;
    };
    let body_bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if crc32fast::hash(&length.to_le_bytes()) != of_length || body_bytes > LONGEST_BODY {
        return Found::Unknown;
    }
    let Some(body) = rest.get(..body_bytes) else { return Found::Torn };
    let entry = if crc32fast::hash(body) == of_body { entry(body) } else { None };
    match entry {
        Some(entry) => Found::Whole(entry, HEAD + body_bytes),
        None => Found::Changed(HEAD + body_bytes),
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(ABSENT)
}

fn write_part(body: &mut Vec<u8>, part: Option<&[u8]>) {
    body.extend(part.map_or(ABSENT, |part| length(part.len())).to_le_bytes());
    body.extend(part.unwrap_or_default());
}

fn entry(body: &[u8]) -> Option<Entry> {
    let mut parts = Parts(body);
    let kept_at = Millis::from_le_bytes(parts.take(8)?.try_into().ok()?);
    let (key, value) = (parts.part()?, parts.part()?);
    let mut headers: Vec<Header> = Vec::new();
    while !parts.0.is_empty() {
        let name = String::from_utf8(parts.part()??).ok()?;
        headers.push((name.into(), parts.part()?.map(Into::into)));
    }
    let record = Outgoing { topic: Topic::RawEvents, partition: None, key, value, headers };
    Some(Entry { kept_at, record })
}

/// What is left to be read.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The outer option: whether there is a part; the inner: whether it is something.
    #[expect(clippy::option_option, reason = "two different things can be absent")]
    fn part(&mut self) -> Option<Option<Vec<u8>>> {
        match self.number()? {
            ABSENT => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Outgoing {
        Outgoing {
            topic: Topic::RawEvents,
            partition: None,
            key: Some(b"device".to_vec()),
            value: Some(b"\0\xffvalue".to_vec()),
            headers: vec![
                ("traceparent".into(), Some(b"00".as_slice().into())),
                ("n".into(), None),
            ],
        }
    }

    fn written(record: &Outgoing) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, 17, record);
        bytes
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bare = Outgoing { key: None, value: None, headers: Vec::new(), ..sample() };
        for record in [sample(), bare, Outgoing { key: Some(Vec::new()), ..sample() }] {
            let mut bytes = written(&record);
            let length = bytes.len();
            bytes.extend(written(&sample()));
            assert_eq!(read(&bytes), Found::Whole(Entry { kept_at: 17, record }, length));
        }
    }

    #[test]
    fn an_entry_that_was_not_written_to_its_end_is_torn_wherever_it_was_cut() {
        let bytes = written(&sample());
        assert_eq!(read(&[]), Found::Nothing);
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Found::Torn, "{cut}");
        }
        assert_eq!(read(&[0; 4096]), Found::Torn);
    }

    #[test]
    fn each_changed_bit_is_found() {
        let bytes = written(&sample());
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 8 * 8 { Found::Unknown } else { Found::Changed(bytes.len()) };
            assert_eq!(read(&changed), expected, "{bit}");
        }
    }

    #[test]
    fn a_length_that_no_entry_has_is_unknown_though_its_checksum_is_right() {
        let length = u32::MAX.to_le_bytes();
        let mut bytes = length.to_vec();
        bytes.extend(crc32fast::hash(&length).to_le_bytes());
        bytes.extend([1; 100]);
        assert_eq!(read(&bytes), Found::Unknown);
    }
}
