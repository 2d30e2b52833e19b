//! The header Accept-Language (RFC 9110, section 12.5.4).

use crate::language_tag::Tag;

/// The tag that the header prefers most; of several the one that is written first. What is no tag, is
/// refused (`q=0`), or stands for any language (`*`) does not count.
pub(crate) fn first_language(header: &str) -> Option<Tag> {
    let mut best: Option<(u16, Tag)> = None;
    for range in header.split(',') {
        let (tag, quality) = range
            .split_once(';')
            .map_or((range, Some(1000)), |(tag, parameter)| (tag, thousandths(parameter)));
        let quality =
            quality.filter(|quality| *quality > best.as_ref().map_or(0, |(best, _)| *best));
        if let Some(quality) = quality
            && let Some(tag) = Tag::of(tag)
        {
            best = Some((quality, tag));
        }
        // Nothing can be preferred to it, and in most headers it is the first.
        if matches!(best, Some((1000, _))) {
            break;
        }
    }
    best.map(|(_, tag)| tag)
}

/// `q=0.8` in thousandths: 800. A weight has at most three digits after the point.
fn thousandths(parameter: &str) -> Option<u16> {
    let weight = parameter.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim();
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let in_range = fraction.len() <= 3 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| in_range)?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_preferred_language_stands_for_the_header() {
        let rows = [
            ("de-DE,de;q=0.9,en;q=0.5", "de-DE"),
            ("fr;q=0.8", "fr"),
            (" en ", "en"),
            ("en;q=0.5, de;q=0.9", "de"),
            ("en;q=0.5, de", "de"),
            ("en;q=0.7,fr;q=0.7", "en"),
            ("en;q=0, de;q=0.001", "de"),
            ("en;q=0", "-"),
            ("*, pt-br;q=0.1", "pt-BR"),
            ("*", "-"),
            ("", "-"),
            ("de ; q = 0.3 , en ; Q=0.4", "en"),
            ("english, nl;q=0.2", "nl"),
            ("en;q=2, sv;q=0.2", "sv"),
            ("en;q=1.000, sv", "en"),
            ("en;q=1.5, sv;q=0.2", "sv"),
            ("en;q=0.1234, sv;q=0.1", "sv"),
            ("en;q=abc, sv;q=0.1", "sv"),
            ("en;level=1, sv;q=0.1", "sv"),
        ];
        let wrong = rows.iter().filter_map(|(header, expected)| {
            let read = first_language(header).map_or("-".to_owned(), |tag| tag.canonical());
            (read != *expected).then(|| format!("{header}: {read}, not {expected}"))
        });
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    }
}
