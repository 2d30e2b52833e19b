//! Rows as they wait for their INSERT.
//!
//! A batch of rows is larger than a processor's cache, and reading it once more to pack it costs as much
//! as packing. So rows are written one behind the other into a piece that is packed as soon as it is
//! full, while it is in the cache. An INSERT of whole pieces sends them as they are; one of some of their
//! rows, which only trouble asks for, unpacks them.

use std::{
    io,
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{Compression, Row, RowBinary, body::Body};

/// A piece that has so many bytes is full: with its last row it is seldom more than a block of LZ4.
const FULL: usize = 248 * 1024;

/// Makes bytes of rows.
#[derive(Debug, Default)]
pub struct RowWriter {
    compression: Compression,
    /// The rows of the piece that is being written.
    open: RowBinary,
    piece: Arc<Piece>,
}

/// Rows that were written one behind the other; nothing before they are packed.
#[derive(Debug, Default)]
struct Piece(OnceLock<Result<Packed, String>>);

#[derive(Debug)]
struct Packed {
    compression: Compression,
    bytes: Bytes,
    /// How many there are unpacked.
    unpacked: usize,
}

/// A row that was written. Clones share its bytes.
#[derive(Debug, Clone)]
pub struct RowBytes {
    piece: Arc<Piece>,
    /// Where it is in the piece.
    span: Range<usize>,
}

impl RowWriter {
    /// One that packs what it writes so.
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, ..Self::default() }
    }

    /// Writes a row.
    pub fn write<R: Row>(&mut self, row: &R) -> RowBytes {
        let start = self.open.bytes.len();
        row.write(&mut self.open);
        let span = start..self.open.bytes.len();
        let row = RowBytes { piece: Arc::clone(&self.piece), span };
        if row.span.end >= FULL {
            self.pack();
        }
        row
    }

    /// Packs what is written so far. Nobody can send a row before.
    pub fn pack(&mut self) {
        let bytes = &mut self.open.bytes;
        if Arc::strong_count(&self.piece) == 1 {
            // Nobody has kept a row of it.
            bytes.clear();
            return;
        }
        let (compression, unpacked) = (self.compression, bytes.len());
        let packed = compression.packed(bytes).map_err(|error| error.to_string());
        let packed = packed.map(|bytes| Packed { compression, bytes, unpacked });
        // Only here is a piece packed, and it is left right away.
        let _ = std::mem::take(&mut self.piece).0.set(packed);
        bytes.clear();
        bytes.shrink_to(2 * FULL);
    }
}

impl Piece {
    fn packed(&self) -> io::Result<&Packed> {
        match self.0.get() {
            Some(Ok(packed)) => Ok(packed),
            Some(Err(why)) => Err(io::Error::other(why.clone())),
            None => Err(io::Error::other("the rows are not packed yet")),
        }
    }
}

impl Packed {
    /// Whether the rows are all of the piece in their order.
    fn is_all(&self, rows: &[RowBytes]) -> bool {
        let follow = rows.windows(2).all(|pair| pair[0].span.end == pair[1].span.start);
        let (first, last) = (rows.first(), rows.last());
        follow
            && first.is_some_and(|row| row.span.start == 0)
            && last.is_some_and(|row| row.span.end == self.unpacked)
    }
}

impl RowBytes {
    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.span.len()
    }

    /// Cuts off what is behind the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.span.end = self.span.end.min(self.span.start + length);
    }

    /// The rows one behind the other, packed, in pieces.
    pub(crate) fn body(rows: &[Self], compression: Compression) -> io::Result<Body> {
        let mut body = Body::default();
        if rows.is_empty() {
            body.push(compression.packed(&[])?);
        }
        for of_a_piece in rows.chunk_by(|one, next| Arc::ptr_eq(&one.piece, &next.piece)) {
            let packed = of_a_piece[0].piece.packed()?;
            if packed.compression == compression && packed.is_all(of_a_piece) {
                body.push(packed.bytes.clone());
                continue;
            }
            let bytes = packed.compression.unpacked(&packed.bytes)?;
            let rows = of_a_piece.iter().map(|row| &bytes[row.span.clone()]);
            body.push(compression.packed(&rows.collect::<Vec<_>>().concat())?);
        }
        Ok(body)
    }
}

/// Rows are the same if their bytes are; before they are packed, if they are one.
impl PartialEq for RowBytes {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |row: &Self| {
            let body = Self::body(std::slice::from_ref(row), Compression::None);
            body.ok().map(|it| it.concat())
        };
        let are_one = Arc::ptr_eq(&self.piece, &other.piece) && self.span == other.span;
        are_one || bytes(self).is_some_and(|mine| bytes(other) == Some(mine))
    }
}

impl Eq for RowBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Filled(u8, usize);

    impl Row for Filled {
        const TABLE: &'static str = "filled";
        const FORMAT: u16 = 1;
        const COLUMNS: &'static [&'static str] = &[];

        fn write(&self, out: &mut RowBinary) {
            let end = out.bytes.len() + self.1;
            out.bytes.resize(end, self.0);
        }
    }

    const ALL: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];
    const SIZES: [usize; 8] = [1, FULL / 2, FULL / 2, 3 * FULL, 0, FULL - 7, 8, 5];

    fn written(compression: Compression) -> Vec<RowBytes> {
        let mut writer = RowWriter::new(compression);
        let rows = (1..).zip(SIZES).map(|(byte, size)| writer.write(&Filled(byte, size))).collect();
        writer.pack();
        rows
    }

    /// The rows of a body.
    fn unpacked(rows: &[RowBytes], compression: Compression) -> Vec<u8> {
        let body = RowBytes::body(rows, compression).unwrap().concat();
        compression.unpacked(&body).unwrap().to_vec()
    }

    #[test]
    fn whichever_rows_are_sent_the_body_is_those_rows_one_behind_the_other() {
        let bytes: Vec<Vec<u8>> = (1..).zip(SIZES).map(|(byte, size)| vec![byte; size]).collect();
        for (written_as, sent_as) in ALL.into_iter().flat_map(|one| ALL.map(|other| (one, other))) {
            let rows = written(written_as);
            for some in [&[][..], &[0, 1, 2, 3, 4, 5, 6, 7], &[2], &[0, 2], &[1, 2, 3, 5], &[6, 0]]
            {
                let rows: Vec<RowBytes> =
                    some.iter().map(|row: &usize| rows[*row].clone()).collect();
                let expected: Vec<u8> = some.iter().flat_map(|row| bytes[*row].clone()).collect();
                assert!(
                    unpacked(&rows, sent_as) == expected,
                    "{some:?} {written_as:?} {sent_as:?}"
                );
            }
        }
    }

    #[test]
    fn whole_pieces_are_sent_as_they_were_packed() {
        let rows = written(Compression::Lz4);
        let mut pieces: Vec<&Arc<Piece>> = rows.iter().map(|row| &row.piece).collect();
        pieces.dedup_by(|one, next| Arc::ptr_eq(one, next));
        assert!(pieces.len() > 2);
        let expected: Vec<u8> =
            pieces.iter().flat_map(|piece| piece.packed().unwrap().bytes.to_vec()).collect();
        assert_eq!(RowBytes::body(&rows, Compression::Lz4).unwrap().concat(), expected);
    }

    #[test]
    fn a_row_that_was_cut_is_sent_as_it_is_then() {
        let mut rows = written(Compression::Lz4);
        rows[7].truncate(2);
        rows[6].truncate(9);
        assert_eq!((rows[7].length(), rows[6].length()), (2, 8));
        assert_eq!(unpacked(&rows[6..], Compression::Lz4), [7, 7, 7, 7, 7, 7, 7, 7, 8, 8]);
    }

    #[test]
    fn what_nobody_kept_is_not_packed() {
        let mut writer = RowWriter::new(Compression::Lz4);
        drop(writer.write(&Filled(1, 5)));
        writer.pack();
        let kept = writer.write(&Filled(2, 3));
        writer.pack();
        assert!(kept.piece.packed().unwrap().is_all(std::slice::from_ref(&kept)));
        assert_eq!(unpacked(&[kept], Compression::Lz4), [2, 2, 2]);
    }

    #[test]
    fn rows_that_are_not_packed_yet_are_not_sent() {
        let row = RowWriter::default().write(&Filled(1, 1));
        let error = RowBytes::body(&[row], Compression::Lz4).unwrap_err();
        assert_eq!(error.to_string(), "the rows are not packed yet");
    }
}
