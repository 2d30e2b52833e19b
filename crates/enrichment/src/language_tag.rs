//! A language tag in any of the forms in which programs write one.

use std::borrow::Cow;

use icu_locale_core::{Locale, subtags::Script};

/// A well-formed tag: BCP 47 as Unicode has it (UTS 35, section 3.3), without extended languages and
/// tags that stand for themselves (`i-klingon`). Whether its subtags are registered is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(Locale);

impl Tag {
    /// Reads `en-US`, `en_us`, and POSIX's `en_US.UTF-8` and `sr_RS@latin`. `None` for anything else,
    /// also for `C` and `POSIX`, which say that no language was chosen.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, modifier) = text.split_once('@').unwrap_or((text, ""));
        let name = name.split_once('.').map_or(name, |(name, _codeset)| name);
        // Apps that join language and country end in the hyphen where there is no country.
        let name = name.strip_suffix(['-', '_']).unwrap_or(name);
        let hyphened =
            if name.contains('_') { name.replace('_', "-").into() } else { Cow::Borrowed(name) };
        let mut locale = Locale::try_from_str(&hyphened).ok()?;
        modify(&mut locale, modifier)?;
        Some(Self(locale))
    }

    /// The tag with the letters of each subtag in the case that is recommended for it (RFC 5646,
    /// section 2.1.1), extensions in their order.
    pub(crate) fn canonical(&self) -> String {
        self.0.to_string()
    }

    /// The same of a tag that was read from this text: it is nearly always written so.
    pub(crate) fn canonical_of<'d>(&self, text: Cow<'d, str>) -> Cow<'d, str> {
        let is_so = self.0.strict_cmp(text.as_bytes()).is_eq();
        if is_so { text } else { self.canonical().into() }
    }

    /// Whether the two cannot both be meant: another language, or another region where both have one.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let (a, b) = (&self.0.id, &other.0.id);
        a.language != b.language || a.region.zip(b.region).is_some_and(|(a, b)| a != b)
    }
}

/// What stands behind the `@`. Of `calendar=…` and the like, which are no language, nothing is taken.
fn modify(locale: &mut Locale, modifier: &str) -> Option<()> {
    let script = match modifier.to_ascii_lowercase().as_str() {
        // Chromium says en-US@posix where its machine has no language.
        "" | "euro" | "posix" => return Some(()),
        keywords if keywords.contains('=') => return Some(()),
        "latin" => "Latn",
        "cyrillic" => "Cyrl",
        "devanagari" => "Deva",
        _ => return None,
    };
    locale.id.script = Script::try_from_str(script).ok();
    Some(())
}
