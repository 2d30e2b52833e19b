//! Programs by parts of their user agent texts.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use isbot::Bots;
use serde::Deserialize;
use woothee::parser::Parser;

use super::sign::{Sign, Signs};

/// Patterns of isbot that people's browsers match: Sogou's has its name in its text. (Its crawler is
/// a `spider`, which has a pattern of its own.)
const NO_BOTS: [&str; 1] = ["sogou"];

/// The list of `data/bots.json`: our own, small and easy to add to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramList {
    /// Date of the last change.
    version: String,
    /// By sign and name of the program: parts of its text in lower case, `^` for the text's start.
    programs: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl ProgramList {
    /// The list that is compiled in. A test reads it, so the default stands for a broken build.
    fn built_in() -> Self {
        serde_json::from_str(include_str!("../../data/bots.json")).unwrap_or_default()
    }

    /// Each part with its sign.
    fn parts(&self) -> impl Iterator<Item = (&str, Sign)> {
        self.programs.iter().flat_map(|(word, programs)| {
            let parts = programs.values().flatten();
            let sign = Sign::of_word(word);
            parts.filter_map(move |part| Some((part.as_str(), sign?)))
        })
    }
}

/// All lists together. Looks at a text by itself, so its answers can be remembered.
pub(super) struct Programs {
    isbot: Bots,
    woothee: Parser,
    /// `None` stands for a broken build, as in [`ProgramList::built_in`].
    finder: Option<AhoCorasick>,
    /// By number of the finder's pattern: the sign, and whether it counts at the text's start only.
    meanings: Vec<(Sign, bool)>,
    version: String,
}

impl Programs {
    pub(super) fn built_in() -> Self {
        let list = ProgramList::built_in();
        let (mut parts, mut meanings) = (Vec::new(), Vec::new());
        for (part, sign) in list.parts() {
            parts.push(part.trim_start_matches('^'));
            meanings.push((sign, part.starts_with('^')));
        }
        let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(&parts).ok();
        let mut isbot = Bots::default();
        isbot.remove(&NO_BOTS);
        Self { isbot, woothee: Parser::new(), finder, meanings, version: list.version }
    }

    /// Date of the last change of our own list.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The signs in a text.
    pub(super) fn signs(&self, text: &str) -> Signs {
        let mut signs = Signs::default();
        for found in self.finder.iter().flat_map(|finder| finder.find_overlapping_iter(text)) {
            let meaning = self.meanings.get(found.pattern().as_usize());
            let counts = meaning.filter(|(_, at_start)| !at_start || found.start() == 0);
            if let Some((sign, _)) = counts {
                signs.add(*sign);
            }
        }
        signs.add_if(Sign::UserAgentList, self.isbot.is_bot(text));
        let known = self.woothee.parse(text);
        signs.add_if(Sign::Crawler, known.is_some_and(|known| known.category == "crawler"));
        signs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_reads_and_each_part_is_found_where_it_counts() {
        let list = ProgramList::built_in();
        let programs = Programs::built_in();
        assert!(
            programs.finder.is_some() && programs.meanings.len() >= 100,
            "{}",
            programs.meanings.len()
        );
        for word in list.programs.keys() {
            assert!(Sign::of_word(word).is_some(), "{word}");
        }
        for (part, sign) in list.parts() {
            let bare = part.trim_start_matches('^');
            assert_eq!(bare, bare.to_ascii_lowercase());
            assert!(programs.signs(bare).has(sign), "{part}");
            assert!(programs.signs(&bare.to_ascii_uppercase()).has(sign), "{part} in upper case");
        }
    }
}
