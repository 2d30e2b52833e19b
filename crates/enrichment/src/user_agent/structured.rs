//! Header fields as client hints write them: lists and strings of RFC 9651 (Structured Field
//! Values), and no more of it. What is not well formed is `None` as a whole, as the RFC asks for.

/// Members of a list of strings, each with its parameter `v`:
/// `"Chromium";v="130", "Google Chrome";v="130"`.
pub(super) fn list(field: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut rest = field.trim();
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (text, after) = string(rest)?;
        let (version, after) = parameters(after)?;
        members.push((text, version));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => Some(next.trim_start()).filter(|next| !next.is_empty())?,
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(members)
}

/// A single string: `"Windows"`.
pub(super) fn text(field: &str) -> Option<String> {
    let (text, rest) = string(field.trim())?;
    rest.is_empty().then_some(text)
}

/// A single boolean: `?1`.
pub(super) fn boolean(field: &str) -> Option<bool> {
    match field.trim() {
        "?1" => Some(true),
        "?0" => Some(false),
        _ => None,
    }
}

/// The string that a field begins with, and what follows it.
fn string(field: &str) -> Option<(String, &str)> {
    let body = field.strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &body[at + 1..])),
            '\\' => text
                .push(characters.next().map(|(_, it)| it).filter(|it| matches!(it, '"' | '\\'))?),
            ' '..='~' => text.push(character),
            _ => return None,
        }
    }
    None
}

/// The parameter `v` of the parameters that a field begins with, and what follows them.
fn parameters(field: &str) -> Option<(Option<String>, &str)> {
    let (mut version, mut rest) = (None, field);
    while let Some(parameter) = rest.strip_prefix(';') {
        let parameter = parameter.trim_start();
        let end = parameter.find(['=', ';', ',', ' ']).unwrap_or(parameter.len());
        let (key, after) = parameter.split_at(end);
        rest = after;
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = parameter_value(value)?;
            rest = after;
            if key == "v" {
                version = Some(value);
            }
        }
    }
    Some((version, rest))
}

/// A string, or anything up to the end of the parameter.
fn parameter_value(field: &str) -> Option<(String, &str)> {
    if field.starts_with('"') {
        return string(field);
    }
    let end = field.find([';', ',', ' ']).unwrap_or(field.len());
    Some((field[..end].to_owned(), &field[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_whole_or_not_at_all() {
        /// A field and its members, each with its version.
        type Case = (&'static str, Option<&'static [(&'static str, Option<&'static str>)]>);
        let cases: &[Case] = &[
            ("", Some(&[])),
            (r#""A";v="1""#, Some(&[("A", Some("1"))])),
            (
                r#""A";v="1", "B, C";v="2.0"  ,"D""#,
                Some(&[("A", Some("1")), ("B, C", Some("2.0")), ("D", None)]),
            ),
            (r#""a \"b\" \\";v="1""#, Some(&[(r#"a "b" \"#, Some("1"))])),
            (r#""A";x;v=7;y=?1"#, Some(&[("A", Some("7"))])),
            (r#""A";v="1","#, None),
            (r#""A";v="1" "B""#, None),
            (r#""A"#, None),
            (r#""A\n""#, None),
            (r#""A";v="1"#, None),
            ("A", None),
            ("\"\u{fc}\"", None),
        ];
        for (field, expected) in cases {
            let read = list(field);
            let read = read.as_ref().map(|members| {
                members.iter().map(|(text, v)| (text.as_str(), v.as_deref())).collect::<Vec<_>>()
            });
            assert_eq!(read.as_deref(), *expected, "{field}");
        }
    }

    #[test]
    fn single_values_are_read_alone() {
        for (field, expected) in [
            (r#""Windows""#, Some("Windows")),
            (r#" "" "#, Some("")),
            (r#""Windows" x"#, None),
            ("Windows", None),
        ] {
            assert_eq!(text(field).as_deref(), expected, "{field}");
        }
        for (field, expected) in [("?1", Some(true)), ("?0", Some(false)), ("1", None), ("", None)]
        {
            assert_eq!(boolean(field), expected, "{field}");
        }
    }
}
