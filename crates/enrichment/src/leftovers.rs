//! Addresses that stand somewhere in a text.

/// An address that is looked for, in one of the ways in which it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    /// So it was written.
    pub(crate) address: &'a str,
    /// What is left of it.
    pub(crate) left: &'a str,
}

/// A text with each of the addresses in it replaced by what is left of it; `None` where it has none.
///
/// The text may be JSON: an address has dots or colons between digits, so it is found in texts and
/// names alone, and neither it nor what replaces it needs escapes.
pub(crate) fn replaced(text: &str, addresses: &[Written<'_>]) -> Option<String> {
    let mut became: Option<String> = None;
    for address in addresses {
        let text = became.as_deref().unwrap_or(text);
        became = replaced_one(text, *address).or(became);
    }
    became
}

fn replaced_one(text: &str, Written { address, left }: Written<'_>) -> Option<String> {
    // Nearly no text has one, and this needs no preparation as a search for all of them does.
    if !text.contains(address) {
        return None;
    }
    let found = text.match_indices(address).map(|(at, _)| at);
    let whole = found.filter(|at| stands_alone(text.as_bytes(), *at, address.len()));
    let (mut out, mut rest) = (String::new(), 0);
    for at in whole {
        out.push_str(&text[rest..at]);
        out.push_str(left);
        rest = at + address.len();
    }
    (rest > 0).then(|| out + &text[rest..])
}

/// Whether what was found is no part of a longer address, number or word.
fn stands_alone(text: &[u8], at: usize, length: usize) -> bool {
    let (before, after) = (&text[..at], &text[at + length..]);
    let is_ipv6 = text[at..at + length].contains(&b':');
    let continues = |next: Option<&u8>, second: Option<&u8>| match next {
        Some(b':') => is_ipv6,
        Some(b'.') => !is_ipv6 && second.is_some_and(u8::is_ascii_digit),
        Some(byte) => byte.is_ascii_alphanumeric(),
        None => false,
    };
    let mut backwards = before.iter().rev();
    !continues(backwards.next(), backwards.next()) && !continues(after.first(), after.get(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_replaced_wherever_it_stands_alone() {
        let written = |address, left| Written { address, left };
        let addresses = [written("8.8.4.4", "8.8.4.0"), written("2600:1::5", "2600:1::")];
        for (text, expected) in [
            ("8.8.4.4", Some("8.8.4.0")),
            ("8.8.4.4, 10.0.0.1", Some("8.8.4.0, 10.0.0.1")),
            (
                r#"{"a":"8.8.4.4:80","b":["::ffff:8.8.4.4"]}"#,
                Some(r#"{"a":"8.8.4.0:80","b":["::ffff:8.8.4.0"]}"#),
            ),
            ("It was 8.8.4.4.", Some("It was 8.8.4.0.")),
            ("?ip=8.8.4.4&x=2600:1::5", Some("?ip=8.8.4.0&x=2600:1::")),
            ("[2600:1::5]:443", Some("[2600:1::]:443")),
            ("18.8.4.4", None),
            ("8.8.4.44", None),
            ("8.8.4.4.5", None),
            ("1.8.8.4.4", None),
            ("v8.8.4.4", None),
            ("2600:1::5:1", None),
            ("1:2600:1::5", None),
            ("2600:1::5a", None),
            ("", None),
        ] {
            assert_eq!(replaced(text, &addresses).as_deref(), expected, "{text}");
        }
    }
}
