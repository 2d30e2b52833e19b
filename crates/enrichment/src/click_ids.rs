//! The ids that advertising networks and mailers put into the URLs of their links.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use event::{ClickId, Derived};
use serde::Deserialize;

use crate::{
    ContextView, Enrichment, Facts, ReferrerView, SettingsProblem, Subject, names::Names,
    parameters::parameters,
};

/// Most bytes of a value. The networks' own have up to some hundred.
const MAX_VALUE_BYTES: usize = 1024;

/// The flag of a value that is longer, and not taken.
const TOO_LONG: &str = "click-id-too-long";

/// `[enrich.click_ids]`: what is changed in the list of `data/click_ids.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickIdSettings {
    /// Further click ids, asked for before those of the list. One of the list's names takes the
    /// place of its entry.
    pub add: Vec<ClickIdEntry>,
    /// Names of the list that are no click ids here.
    pub ignore: Vec<String>,
}

/// A click id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickIdEntry {
    /// Query parameter, such as `gclid`; upper and lower case make no difference.
    pub name: String,
    /// Whose it is, such as `Google`.
    pub network: String,
    /// Whether it stands on links of paid advertisements only: then the visit is paid.
    #[serde(default)]
    pub paid: bool,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClickIdFile {
    version: String,
    click_ids: Vec<ClickIdEntry>,
}

/// Every click id that is looked for, the most telling first.
#[derive(Debug)]
pub(crate) struct ClickIdList {
    version: String,
    entries: Vec<ClickIdEntry>,
    names: Names<usize>,
}

impl ClickIdList {
    /// The list that these settings ask for. What is wrong with them is added to `problems`.
    pub(crate) fn of(settings: &ClickIdSettings, problems: &mut Vec<SettingsProblem>) -> Self {
        // A test reads the file, so the default stands for a broken build.
        let file = include_str!("../data/click_ids.json");
        let file: ClickIdFile = serde_json::from_str(file).unwrap_or_default();
        check(settings, &file, problems);
        let lower = |name: &String| name.trim().to_ascii_lowercase();
        let ignored: BTreeSet<String> = settings.ignore.iter().map(lower).collect();
        let mut seen = BTreeSet::new();
        let all = settings.add.iter().chain(&file.click_ids).cloned();
        let all = all.map(|entry| ClickIdEntry { name: lower(&entry.name), ..entry });
        let entries: Vec<ClickIdEntry> = all
            .filter(|entry| !ignored.contains(&entry.name) && seen.insert(entry.name.clone()))
            .collect();
        let numbers = entries.iter().enumerate().map(|(number, it)| (it.name.clone(), number));
        Self { version: file.version, names: Names::new(numbers), entries }
    }

    /// Whether one of these ids stands on links of paid advertisements only.
    pub(crate) fn any_paid(&self, ids: &[ClickId<Cow<'_, str>>]) -> bool {
        let entry = |id: &ClickId<Cow<'_, str>>| self.entries.get(*self.names.get(&id.name)?);
        ids.iter().filter_map(entry).any(|entry| entry.paid)
    }

    /// By its name, or by the network's: `{type: "dataxu"}` of analytics.js.
    fn by_type(&self, told: &str) -> Option<usize> {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let told_network = plain(told);
        let network =
            || self.entries.iter().position(|entry| plain(&entry.network) == told_network);
        self.names.get_in_any_case(told.trim()).copied().or_else(network)
    }
}

fn check(settings: &ClickIdSettings, file: &ClickIdFile, problems: &mut Vec<SettingsProblem>) {
    let mut problem = |key: String, problem: &str, remedy: &str| {
        let (problem, remedy) = (problem.to_owned(), remedy.to_owned());
        problems.push(SettingsProblem { key, problem, remedy });
    };
    for (number, entry) in settings.add.iter().enumerate() {
        let named = |name: &str| name.eq_ignore_ascii_case(entry.name.trim());
        let odd = |c: char| c.is_whitespace() || "=&?#;".contains(c);
        if entry.name.trim().is_empty() || entry.name.trim().contains(odd) {
            let key = format!("click_ids.add[{number}].name");
            problem(key, "this is no name of a query parameter", "write it as \"gclid\"");
        }
        if entry.network.trim().is_empty() {
            let key = format!("click_ids.add[{number}].network");
            problem(key, "the network has no name", "say whose it is, such as \"Google\"");
        }
        if settings.ignore.iter().any(|name| named(name.trim())) {
            let key = format!("click_ids.add[{number}].name");
            problem(key, "it is also among click_ids.ignore", "take it out of one of the two");
        }
    }
    for (number, name) in settings.ignore.iter().enumerate() {
        if !file.click_ids.iter().any(|entry| entry.name.eq_ignore_ascii_case(name.trim())) {
            let key = format!("click_ids.ignore[{number}]");
            problem(key, "no click id of the list has this name", "see docs/enriching.md");
        }
    }
}

/// The click ids of the page and those that the sender tells, in the list's order.
pub(crate) struct ClickIds {
    list: Arc<ClickIdList>,
    version: String,
}

impl ClickIds {
    pub(crate) fn new(list: Arc<ClickIdList>) -> Self {
        Self { version: format!("1 list-{}", list.version), list }
    }
}

/// A click id that was found: the entry's number, and its value.
type Found<'d> = (usize, Cow<'d, str>);

impl Enrichment for ClickIds {
    fn name(&self) -> &'static str {
        "click-ids"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/referrer",
            "/context/campaign",
            "/context/page/url",
            "/context/page/search",
            "/properties/url",
            "/properties/search",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Subject { context, .. } = *subject;
        let told = first_of_each(told(&self.list, context), facts);
        let seen = first_of_each(seen(&self.list, context), facts);
        let mut found = told;
        for (number, value) in seen {
            match found.iter().find(|(told, _)| *told == number) {
                Some((_, told)) if *told == value => {}
                Some(_) => facts.derived.push(Derived {
                    field: format!("click_ids.{}", self.list.entries[number].name).into(),
                    value,
                }),
                None => found.push((number, value)),
            }
        }
        found.sort_by_key(|(number, _)| *number);
        facts.click_ids = found.into_iter().map(|found| self.fact(found)).collect();
    }
}

impl ClickIds {
    fn fact<'d>(&'d self, (number, value): Found<'d>) -> ClickId<Cow<'d, str>> {
        let ClickIdEntry { name, network, .. } = &self.list.entries[number];
        ClickId { name: name.into(), value, network: network.into() }
    }
}

/// Of an id that stands there twice the first with a value counts.
fn first_of_each<'d>(
    all: impl Iterator<Item = Found<'d>>,
    facts: &mut Facts<'d>,
) -> Vec<Found<'d>> {
    let mut found: Vec<Found<'d>> = Vec::new();
    for (number, value) in all {
        if value.trim().is_empty() || found.iter().any(|(known, _)| *known == number) {
            continue;
        }
        if value.len() <= MAX_VALUE_BYTES {
            found.push((number, value));
        } else if !facts.flags.iter().any(|flag| flag == TOO_LONG) {
            facts.flags.push(TOO_LONG.into());
        }
    }
    found
}

/// What the sender tells: `context.campaign.gclid`, and `context.referrer` with `type` and `id`.
fn told<'s, 'd>(
    list: &'s ClickIdList,
    context: &'s ContextView<'d>,
) -> impl Iterator<Item = Found<'d>> {
    let further = context.campaign.further.iter();
    let of_campaign = further
        .filter_map(|(name, value)| Some((*list.names.get_in_any_case(name)?, value.clone())));
    let ReferrerView { kind, id, .. } = &context.referrer;
    let of_referrer = kind.as_deref().zip(id.clone());
    let of_referrer =
        of_referrer.and_then(|(kind, id)| list.by_type(kind).map(|number| (number, id)));
    of_campaign.chain(of_referrer)
}

/// What the URL of the page tells.
fn seen<'s, 'd>(
    list: &'s ClickIdList,
    context: &'s ContextView<'d>,
) -> impl Iterator<Item = Found<'d>> {
    let page = &context.page;
    page.parameter_texts().flat_map(parameters).filter_map(|parameter| {
        Some((*list.names.get_in_any_case(&parameter.name)?, page.as_sent(parameter.value())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(settings: &str) -> Result<ClickIdList, Vec<String>> {
        let settings: ClickIdSettings = serde_json::from_str(settings).unwrap();
        let mut problems = Vec::new();
        let list = ClickIdList::of(&settings, &mut problems);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if told.is_empty() { Ok(list) } else { Err(told) }
    }

    #[test]
    fn the_built_in_list_reads_and_has_each_name_once_in_lower_case() {
        let file: ClickIdFile =
            serde_json::from_str(include_str!("../data/click_ids.json")).unwrap();
        assert!(file.click_ids.len() >= 30 && file.click_ids[0].name == "gclid");
        let list = list_of("{}").unwrap();
        assert_eq!(list.entries, file.click_ids);
    }

    #[test]
    fn an_added_id_comes_first_or_takes_the_place_of_the_lists_own() {
        let list = list_of(
            r#"{"add": [{"name": "Ref_X", "network": "X"}, {"name": "gclid", "network": "Us"}],
                "ignore": ["FBCLID"]}"#,
        )
        .unwrap();
        let first: Vec<&str> = list.entries[..3].iter().map(|it| it.name.as_str()).collect();
        assert_eq!(first, ["ref_x", "gclid", "gbraid"]);
        assert!(!list.entries[1].paid && list.names.get("fbclid").is_none());
    }

    #[test]
    fn what_cannot_be_a_click_id_is_refused_with_its_key() {
        let problems = list_of(
            r#"{"add": [{"name": "a=b", "network": "X"}, {"name": " ", "network": ""},
                {"name": "epik", "network": "P"}], "ignore": ["epik", "glcid"]}"#,
        )
        .unwrap_err();
        for (problem, expected) in problems.iter().zip([
            "enrich.click_ids.add[0].name: this is no name",
            "enrich.click_ids.add[1].name: this is no name",
            "enrich.click_ids.add[1].network: the network has no name",
            "enrich.click_ids.add[2].name: it is also among",
            "enrich.click_ids.ignore[1]: no click id of the list",
        ]) {
            assert!(problem.starts_with(expected), "{problem}");
        }
        assert_eq!(problems.len(), 5);
    }
}
