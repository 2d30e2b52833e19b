//! What must hold of [identity_stitch] beside the type of each key.

use topology::{Cleanup, Topic};

use super::{Config, Problem};

/// The users of a device are one record of the state, read and written with each of its links.
const MOST_USERS: u32 = 1_000;
const MINUTES_PER_DAY: u32 = 24 * 60;

/// Finds every problem of the section.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let mut found = |key: &str, message: String| {
        problems.push(Problem { key: format!("identity_stitch.{key}"), message });
    };
    let section = &config.identity_stitch;
    if let Some(longest) = longest_window().filter(|days| u32::from(section.window_days) > *days) {
        let message = format!(
            "is at most {longest}: what is remembered is restored from the topic identity-journal, \
             which keeps it for {} days, and the day that is being filled comes on top",
            longest + 2
        );
        found("window_days", message);
    }
    if section.users_per_device.get() > MOST_USERS {
        found(
            "users_per_device",
            format!("is at most {MOST_USERS}: no device has that many users"),
        );
    }
    let gap = section.session_gap_minutes.get();
    if gap > MINUTES_PER_DAY {
        found("session_gap_minutes", format!("is at most {MINUTES_PER_DAY}, a day"));
    }
    if section.blocked_ids.iter().any(|id| id.trim() != id || id.is_empty()) {
        let message = "has an id that is empty or has white space around it, which no event has";
        found("blocked_ids", message.to_owned());
    }
    let sources = || config.sources.sources().map(|source| &source.id);
    for source in &section.alias_sources {
        if !sources().any(|id| *id == *source) {
            found("alias_sources", format!("names {source:?}, and there is no such source"));
        }
    }
}

/// How many whole days before the one that is being filled the journal keeps for certain.
fn longest_window() -> Option<u32> {
    let Cleanup::DeleteAfterHours(hours) = Topic::IdentityJournal.spec().cleanup else {
        return None;
    };
    Some(hours.saturating_sub(1) / 24).map(|days| days.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    fn problems(section: &str) -> Vec<String> {
        let text =
            format!("[identity_stitch]\n{section}\n[sources.\"server/crm\"]\nkind = \"server\"\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        match crate::config::load(file.path(), true, std::iter::empty()) {
            Ok(_) => Vec::new(),
            Err(found) => found.problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn settings_that_can_be_kept_pass() {
        let section = "window_days = 7\nusers_per_device = 1000\nsession_gap_minutes = 1440\n\
                       blocked_ids = [\"demo\"]\nalias_sources = [\"server/crm\"]";
        assert_eq!(problems(section), [""; 0]);
    }

    #[test]
    fn settings_that_cannot_be_kept_are_told_with_their_keys() {
        let cases = [
            ("window_days = 8", "identity_stitch.window_days"),
            ("users_per_device = 1001", "identity_stitch.users_per_device"),
            ("users_per_device = 0", "identity_stitch.users_per_device"),
            ("session_gap_minutes = 1441", "identity_stitch.session_gap_minutes"),
            ("session_gap_minutes = 0", "identity_stitch.session_gap_minutes"),
            ("blocked_ids = [\"\"]", "identity_stitch.blocked_ids"),
            ("blocked_ids = [\" demo\"]", "identity_stitch.blocked_ids"),
            ("alias_sources = [\"server/crn\"]", "identity_stitch.alias_sources"),
        ];
        for (section, key) in cases {
            let found = problems(section);
            assert_eq!(found.len(), 1, "{section}: {found:?}");
            assert!(found[0].contains(key), "{section}: {found:?}");
        }
    }
}
