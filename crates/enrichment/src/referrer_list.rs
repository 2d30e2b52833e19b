//! Which hosts are search engines, networks, mail boxes and assistants.

use std::collections::HashMap;

use serde::Deserialize;

/// Labels that a host of a known referrer has at most; what is longer is looked up without its front.
const MAX_LABELS: usize = 8;

/// The list of `data/referrers.json`: our own, small and easy to add to.
#[derive(Debug, Default)]
pub(crate) struct ReferrerList {
    /// Date of the last change.
    pub(crate) version: String,
    referrers: Vec<KnownReferrer>,
    /// From a host to who has it and all hosts below.
    hosts: HashMap<String, usize>,
    /// From what stands before `.*` to who has it under every country.
    under_any_country: HashMap<String, usize>,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferrerFile {
    version: String,
    referrers: Vec<KnownReferrer>,
}

/// Hosts of one kind and name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownReferrer {
    /// `search`, `social`, `email`, `ai` or `paid`.
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
        Self::of(serde_json::from_str(include_str!("../data/referrers.json")).unwrap_or_default())
    }

    fn of(file: ReferrerFile) -> Self {
        let ReferrerFile { version, referrers } = file;
        let (mut hosts, mut under_any_country) = (HashMap::new(), HashMap::new());
        for (number, known) in referrers.iter().enumerate() {
            for host in &known.hosts {
                match host.strip_suffix(".*") {
                    Some(name) => under_any_country.insert(name.to_owned(), number),
                    None => hosts.insert(host.clone(), number),
                };
            }
        }
        Self { version, referrers, hosts, under_any_country }
    }

    /// The number of what is known of a host (lower case): of the longest entry that matches.
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        self.by_host(host).or_else(|| self.by_country(host))
    }

    /// The entry of this number.
    pub(crate) fn entry(&self, number: usize) -> Option<&KnownReferrer> {
        self.referrers.get(number)
    }

    fn by_host(&self, host: &str) -> Option<usize> {
        let below = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        let skipped = (below.clone().count() + 1).saturating_sub(MAX_LABELS);
        let names = std::iter::once(host).chain(below).skip(skipped);
        names.filter(|name| name.contains('.')).find_map(|name| self.hosts.get(name)).copied()
    }

    /// `google.de`, `www.google.co.uk`: no label of the ending is longer than 3 characters, so that
    /// `google.example.com` is not taken for it.
    fn by_country(&self, host: &str) -> Option<usize> {
        let bare = host.strip_prefix("www.").unwrap_or(host);
        let (name, last) = bare.rsplit_once('.')?;
        if !is_ending(last) {
            return None;
        }
        let shorter = || name.rsplit_once('.').filter(|(_, second)| is_ending(second));
        let listed = |name: &str| self.under_any_country.get(name).copied();
        listed(name).or_else(|| listed(shorter()?.0))
    }
}

fn is_ending(label: &str) -> bool {
    (2..=3).contains(&label.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_reads_has_only_known_media_and_no_host_twice() {
        let list = ReferrerList::built_in();
        assert!(list.referrers.len() >= 150, "{} entries", list.referrers.len());
        for known in &list.referrers {
            assert!(["search", "social", "email", "ai", "paid"].contains(&known.medium.as_str()));
            for host in &known.hosts {
                assert!(host.contains('.') && *host == host.to_ascii_lowercase(), "{host}");
                assert!(host.split('.').count() <= MAX_LABELS, "{host}");
            }
        }
        let told: usize = list.referrers.iter().map(|known| known.hosts.len()).sum();
        assert_eq!(list.hosts.len() + list.under_any_country.len(), told, "a host stands twice");
    }

    #[test]
    fn an_entry_matches_whole_labels_only_and_the_longest_wins() {
        let known = |source: &str, host: &str| KnownReferrer {
            medium: "search".to_owned(),
            source: source.to_owned(),
            hosts: vec![host.to_owned()],
        };
        let entries = ["bing.com", "mail.bing.com", "google.*", "mail.yandex.*", "yandex.*"];
        let list = ReferrerList::of(ReferrerFile {
            version: String::new(),
            referrers: entries.iter().map(|host| known(host, host)).collect(),
        });
        let deep = format!("{}bing.com", "a.".repeat(5000));
        for (host, expected) in [
            ("bing.com", Some("bing.com")),
            ("cn.bing.com", Some("bing.com")),
            ("x.mail.bing.com", Some("mail.bing.com")),
            (&deep, Some("bing.com")),
            ("notbing.com", None),
            ("bing.com.example", None),
            ("google.de", Some("google.*")),
            ("www.google.co.uk", Some("google.*")),
            ("mail.yandex.com.tr", Some("mail.yandex.*")),
            ("yandex.com.tr", Some("yandex.*")),
            ("docs.google.com", None),
            ("google.example.com", None),
            ("google.a.b.de", None),
            ("google.", None),
            ("google", None),
            ("", None),
            ("...", None),
        ] {
            let found = list.find(host).and_then(|number| list.entry(number));
            let found = found.map(|known| known.source.as_str());
            assert_eq!(found, expected, "{host:.40}");
        }
    }
}
