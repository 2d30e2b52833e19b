//! Which rows of a range to try together, so that the few that a sink refuses are found.
//!
//! Refused rows are tried again in halves, or beside the one that the sink names: its word is the
//! first guess, and not taken any more once it was wrong.

use std::collections::BTreeSet;

/// Offsets that are to be tried together.
pub(crate) type Piece = BTreeSet<i64>;

/// What is still to be tried of a range in which something was refused.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// The next one is the last.
    stack: Vec<Piece>,
    guess: Option<i64>,
    misled: bool,
}

impl Pieces {
    /// The next rows to try, of those that are missing: all of them where nothing is known.
    pub(crate) fn next(&mut self, missing: &Piece) -> Piece {
        while let Some(piece) = self.stack.pop() {
            let left: Piece = piece.intersection(missing).copied().collect();
            if !left.is_empty() {
                return left;
            }
        }
        missing.clone()
    }

    /// Tries these next.
    pub(crate) fn push(&mut self, piece: Piece) {
        self.stack.push(piece);
    }

    /// More than one row was refused; the sink says that it is about the row with this index.
    pub(crate) fn split(&mut self, piece: &Piece, row: Option<usize>) {
        let named = row.filter(|_| !self.misled).and_then(|row| piece.iter().nth(row)).copied();
        let Some(named) = named else {
            let middle = piece.iter().nth(piece.len() / 2).copied().unwrap_or_default();
            let (first, second) = piece.iter().copied().partition(|offset| *offset < middle);
            self.stack.extend([second, first]);
            return;
        };
        let (before, rest): (Piece, Piece) =
            piece.iter().copied().partition(|offset| *offset < named);
        let after = rest.into_iter().filter(|offset| *offset != named).collect();
        self.stack.extend([after, before, Piece::from([named])]);
        self.guess = Some(named);
    }

    /// The sink took these.
    pub(crate) fn taken(&mut self, piece: &Piece) {
        self.misled |= self.guess.is_some_and(|guess| piece.len() == 1 && piece.contains(&guess));
    }

    /// Tries so many of these next, each by itself, from all over them.
    pub(crate) fn sample(&mut self, of: &Piece, count: usize) {
        let step = of.len().div_ceil(count).max(1);
        self.stack.extend(of.iter().step_by(step).map(|offset| Piece::from([*offset])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries pieces against a sink that refuses `bad` rows and names a row by `names`; how many
    /// tries it took, and what was found.
    fn hunt(rows: i64, bad: &[i64], names: impl Fn(&Piece) -> Option<usize>) -> (u32, Vec<i64>) {
        let mut missing: Piece = (0..rows).collect();
        let (mut pieces, mut tries, mut found) = (Pieces::default(), 0, Vec::new());
        while !missing.is_empty() {
            tries += 1;
            assert!(tries <= 3 * u32::try_from(rows).unwrap(), "it does not end");
            let piece = pieces.next(&missing);
            if !piece.iter().any(|offset| bad.contains(offset)) {
                pieces.taken(&piece);
                missing.retain(|offset| !piece.contains(offset));
            } else if piece.len() == 1 {
                missing.retain(|offset| !piece.contains(offset));
                found.extend(piece);
            } else {
                pieces.split(&piece, names(&piece));
            }
        }
        found.sort_unstable();
        (tries, found)
    }

    #[test]
    fn whatever_is_refused_is_found_however_the_sink_names_rows() {
        let first_bad =
            |bad: &'static [i64]| move |piece: &Piece| piece.iter().position(|it| bad.contains(it));
        for bad in [&[0][..], &[99], &[50], &[0, 1, 98, 99], &[3, 50, 51, 77]] {
            let expected = bad.to_vec();
            assert_eq!(hunt(100, bad, |_| None).1, expected);
            assert_eq!(hunt(100, bad, first_bad(bad)).1, expected);
            for lie in [0, 7, 99, 100_000] {
                assert_eq!(hunt(100, bad, |_| Some(lie)).1, expected, "{lie}");
            }
        }
        let all: Vec<i64> = (0..100).collect();
        assert_eq!(hunt(100, &all, |_| None).1, all);
    }

    #[test]
    fn one_row_of_twenty_thousand_takes_three_tries_with_a_good_word_and_thirty_without() {
        let bad = &[12_345];
        let named = |piece: &Piece| piece.iter().position(|it| bad.contains(it));
        assert_eq!(hunt(20_000, bad, named).0, 4, "all, the row, before it, behind it");
        let (halving, _) = hunt(20_000, bad, |_| None);
        assert!(halving <= 31, "{halving}");
        let (misled, _) = hunt(20_000, bad, |_| Some(0));
        assert!(misled <= 33, "{misled}");
    }

    #[test]
    fn a_sample_is_taken_from_all_over_and_row_by_row() {
        let of: Piece = (0..1_000).collect();
        let mut pieces = Pieces::default();
        pieces.sample(&of, 4);
        let tried: Vec<Piece> = (0..4).map(|_| pieces.next(&of)).collect();
        assert_eq!(tried, [750, 500, 250, 0].map(|offset| Piece::from([offset])));
        assert_eq!(pieces.next(&of), of);
    }
}
