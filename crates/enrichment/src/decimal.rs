//! Amounts as `Decimal(38, 9)` of ClickHouse can hold them: 29 digits before the point, 9 after it.

use std::borrow::Cow;

const FRACTION: usize = 9;
const ONE: u128 = 10_u128.pow(9);
const LIMIT: u128 = 10_u128.pow(38);

/// An amount as a plain decimal: a minus or none, digits, and at most nine more behind a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether digits beyond the ninth were rounded away.
    pub(crate) rounded: bool,
}

impl Decimal<'_> {
    /// The same, its text its own.
    pub(crate) fn into_owned(self) -> Decimal<'static> {
        Decimal { text: self.text.into_owned().into(), ..self }
    }
}

/// Reads a number as JSON and SQL write it: a sign, digits, a point, an exponent (RFC 8259, section
/// 6), also `+5`, `.5`, `5.` and `007`. `None` for anything else, such as separators and signs of
/// currencies, and for what is too large. Never by way of a float.
pub(crate) fn read(text: &str) -> Option<Decimal<'_>> {
    let text = text.trim();
    if is_plain(text) {
        return Some(Decimal { text: text.into(), rounded: false });
    }
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent_of(exponent)?;
    let (negative, number) = match number.strip_prefix(['-', '+']) {
        Some(unsigned) => (number.starts_with('-'), unsigned),
        None => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = is_digits(whole) && is_digits(fraction) && whole.len() + fraction.len() > 0;
    let (billionths, rounded) = is_number.then(|| billionths(whole, fraction, exponent))??;
    Some(Decimal { text: plain(negative, billionths).into(), rounded })
}

/// Whether it needs no change, as nearly all amounts: then it stays digit by digit as it was sent.
fn is_plain(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_whole = whole == "0" || (!whole.starts_with('0') && (1..=29).contains(&whole.len()));
    // -0 is 0.
    let is_zero = || unsigned.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    is_whole
        && is_digits(whole)
        && is_digits(fraction)
        && (1..=FRACTION).contains(&fraction.len())
        && !(text.starts_with('-') && is_zero())
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One that no number has is as good as any so large: the number is then 0 or too large.
fn exponent_of(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(unsigned) if text.starts_with('-') => (-1, unsigned),
        Some(unsigned) => (1, unsigned),
        None => (1, text),
    };
    let is_number = !digits.is_empty() && is_digits(digits);
    is_number.then(|| sign * digits.parse::<i64>().unwrap_or(i64::MAX / 2).min(i64::MAX / 2))
}

/// The number in units of 10^-9, rounded half away from zero, and whether it had to be.
fn billionths(whole: &str, fraction: &str, exponent: i64) -> Option<(u128, bool)> {
    let leading = whole.bytes().chain(fraction.bytes());
    let zeros = leading.take_while(|digit| *digit == b'0').count();
    let all = whole.len() + fraction.len();
    if zeros == all {
        return Some((0, false));
    }
    // How many of the digits behind the leading zeros stand in units of 10^-9 or larger.
    let places = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
    let kept = places.saturating_add(9).saturating_sub(i64::try_from(zeros).ok()?);
    if kept > 38 {
        return None;
    }
    let digits = || whole.bytes().chain(fraction.bytes()).skip(zeros).map(|digit| digit - b'0');
    let Ok(kept) = usize::try_from(kept) else { return Some((0, true)) };
    // Digits that are not written are zeros.
    let padded = digits().chain(std::iter::repeat(0)).take(kept);
    let value = padded.fold(0_u128, |value, digit| value * 10 + u128::from(digit));
    let rounded = digits().skip(kept).any(|digit| digit != 0);
    let up = u128::from(digits().nth(kept).is_some_and(|digit| digit >= 5));
    let value = value + up;
    (value < LIMIT).then_some((value, rounded))
}

fn plain(negative: bool, billionths: u128) -> String {
    let sign = if negative && billionths > 0 { "-" } else { "" };
    let (whole, fraction) = (billionths / ONE, billionths % ONE);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:09}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn whatever_is_read_is_a_plain_decimal_of_the_same_size(
            text in r"[-+]?[0-9]{0,32}(\.[0-9]{0,14})?([eE][-+]?[0-9]{1,2})?",
        ) {
            if let Some(read) = read(&text) {
                let unsigned = read.text.strip_prefix('-').unwrap_or(&read.text);
                let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
                prop_assert!(is_digits(whole) && (1..=29).contains(&whole.len()), "{:?}", read);
                prop_assert!(is_digits(fraction) && (1..=9).contains(&fraction.len()), "{:?}", read);
                let (sent, told): (f64, f64) = (text.parse().unwrap(), read.text.parse().unwrap());
                prop_assert!((sent - told).abs() <= 1e-9 + sent.abs() * 1e-15, "{:?}", read);
            }
        }
    }

    const NINES: &str = "99999999999999999999999999999";

    #[test]
    fn amounts_stay_as_they_were_sent_and_others_become_plain_decimals() {
        let rows = [
            ("0", "0"),
            ("12.5", "12.5"),
            ("1.10", "1.10"),
            ("-0.01", "-0.01"),
            ("0.00", "0.00"),
            (" 7 ", "7"),
            ("0.123456789", "0.123456789"),
            ("123456789012345678901234567.12", "123456789012345678901234567.12"),
            ("-0", "0"),
            ("-0.00", "0"),
            ("+5", "5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007.50", "7.5"),
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("-1.5e-3", "-0.0015"),
            ("12345e-2", "123.45"),
            ("1e28", "10000000000000000000000000000"),
            ("0e999999999999999999999", "0"),
            ("0.0000000010000", "0.000000001"),
            ("0.30000000000000004", "~0.3"),
            ("59.980000000000004", "~59.98"),
            ("0.0000000005", "~0.000000001"),
            ("-0.00000000049", "~0"),
            ("1e-999999999999999999999", "~0"),
            ("0.9999999999", "~1"),
            ("1e29", "-"),
            ("1e999999999999999999999", "-"),
            ("100000000000000000000000000000", "-"),
            ("", "-"),
            (".", "-"),
            ("-", "-"),
            ("+-5", "-"),
            ("1,234.50", "-"),
            ("1.234,50", "-"),
            ("1 234", "-"),
            ("1_000", "-"),
            ("€5", "-"),
            ("$5.00", "-"),
            ("5 EUR", "-"),
            ("5%", "-"),
            ("1.2.3", "-"),
            ("1e", "-"),
            ("1e2.5", "-"),
            ("e5", "-"),
            ("0x10", "-"),
            ("NaN", "-"),
            ("Infinity", "-"),
            ("١٢", "-"),
        ];
        let wrong = rows.iter().filter_map(|(text, expected)| {
            let told = read(text).map_or("-".to_owned(), |read| {
                format!("{}{}", if read.rounded { "~" } else { "" }, read.text)
            });
            (told != *expected).then(|| format!("{text:?}: {told}, not {expected}"))
        });
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    }

    #[test]
    fn the_largest_amount_is_one_that_clickhouse_holds_and_rounding_may_exceed_it() {
        let largest = format!("{NINES}.999999999");
        assert_eq!(read(&largest).unwrap().text, largest);
        assert_eq!(read(&format!("{largest}4")).unwrap().text, largest);
        assert_eq!(read(&format!("{largest}5")), None);
    }
}
