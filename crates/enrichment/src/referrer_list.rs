//! Which hosts are search engines, networks, mail boxes and assistants.

use serde::Deserialize;

/// The list of `data/referrers.json`: our own, small and easy to add to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferrerList {
    /// Date of the last change.
    pub(crate) version: String,
    referrers: Vec<KnownReferrer>,
}

/// Hosts of one kind and name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownReferrer {
    /// `search`, `social`, `email` or `ai`.
    pub(crate) medium: String,
    /// Name, such as `Google`.
    pub(crate) source: String,
    /// `bing.com` stands for itself and all hosts below it; `google.*` for `google` and `www.google`
    /// under any top-level or country domain, and for nothing below: `docs.google.com` is no search.
    hosts: Vec<String>,
}

impl ReferrerList {
    /// The list that is compiled in. A test reads it, so the default stands for a broken build.
    pub(crate) fn built_in() -> Self {
        serde_json::from_str(include_str!("../data/referrers.json")).unwrap_or_default()
    }

    /// What is known of a host (lower case): by the longest entry that matches.
    pub(crate) fn find(&self, host: &str) -> Option<&KnownReferrer> {
        let entries =
            self.referrers.iter().flat_map(|known| known.hosts.iter().map(move |h| (h, known)));
        entries
            .filter(|(entry, _)| matches(entry, host))
            .max_by_key(|(entry, _)| entry.len())
            .map(|(_, known)| known)
    }
}

fn matches(entry: &str, host: &str) -> bool {
    match entry.strip_suffix(".*") {
        Some(name) => is_under_any_country(name, host),
        None => host.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

/// `google.de`, `www.google.co.uk`: no label of the ending is longer than 3 characters, so that
/// `google.example.com` is not taken for it.
fn is_under_any_country(name: &str, host: &str) -> bool {
    let bare = host.strip_prefix("www.").unwrap_or(host);
    let ending = bare.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    ending.is_some_and(|ending| {
        ending.split('.').count() <= 2
            && ending.split('.').all(|part| (2..=3).contains(&part.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_reads_and_has_only_known_media() {
        let list = ReferrerList::built_in();
        assert!(list.referrers.len() >= 40, "{} entries", list.referrers.len());
        for known in &list.referrers {
            assert!(["search", "social", "email", "ai"].contains(&known.medium.as_str()));
            for host in &known.hosts {
                assert!(host.contains('.') && *host == host.to_ascii_lowercase(), "{host}");
            }
        }
    }

    #[test]
    fn an_entry_matches_whole_labels_only() {
        for (entry, host, expected) in [
            ("bing.com", "bing.com", true),
            ("bing.com", "cn.bing.com", true),
            ("bing.com", "notbing.com", false),
            ("bing.com", "bing.com.example", false),
            ("google.*", "google.de", true),
            ("google.*", "www.google.co.uk", true),
            ("google.*", "docs.google.com", false),
            ("google.*", "google.example.com", false),
            ("google.*", "google.", false),
            ("google.*", "google", false),
        ] {
            assert_eq!(matches(entry, host), expected, "{entry} {host}");
        }
    }
}
