//! People whose events are not kept: requests for erasure.

use std::collections::HashSet;

/// Ids whose events are discarded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SuppressionList {
    users: HashSet<String>,
    devices: HashSet<String>,
}

/// A line that says nothing we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {0} of the suppression list begins with neither `user_id ` nor `anonymous_id `; write one id a line, such as `user_id 4711`"
)]
pub struct UnknownLine(usize);

impl std::fmt::Debug for SuppressionList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SuppressionList({} ids)", self.len())
    }
}

impl SuppressionList {
    /// Reads a list: one id a line after `user_id ` or `anonymous_id `; empty lines and those that
    /// begin with `#` say nothing.
    pub fn read(text: &str) -> Result<Self, UnknownLine> {
        let mut list = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The same id twice is the same wish.
            match line.split_once(char::is_whitespace) {
                Some(("user_id", id)) => list.users.insert(id.trim().to_owned()),
                Some(("anonymous_id", id)) => list.devices.insert(id.trim().to_owned()),
                _ => return Err(UnknownLine(index + 1)),
            };
        }
        Ok(list)
    }

    /// How many ids it has.
    pub fn len(&self) -> usize {
        self.users.len() + self.devices.len()
    }

    /// Whether nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.devices.is_empty()
    }

    /// The field of an event that names somebody on the list, if one does.
    pub fn names(
        &self,
        user: Option<&str>,
        previous: Option<&str>,
        device: Option<&str>,
    ) -> Option<&'static str> {
        if self.is_empty() {
            return None;
        }
        let is_user = |id: Option<&str>| id.is_some_and(|id| self.users.contains(id));
        let is_device = |id: Option<&str>| id.is_some_and(|id| self.devices.contains(id));
        if is_user(user) {
            Some("/user_id")
        } else if is_user(previous) || is_device(previous) {
            Some("/previous_id")
        } else {
            is_device(device).then_some("/anonymous_id")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_any_of_its_ids() {
        let list = SuppressionList::read("# erased\nuser_id u-1\n\nanonymous_id  a 1 \n").unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list.names(Some("u-1"), None, None), Some("/user_id"));
        assert_eq!(list.names(Some("u-2"), None, Some("a 1")), Some("/anonymous_id"));
        assert_eq!(list.names(Some("u-2"), Some("u-1"), None), Some("/previous_id"));
        assert_eq!(list.names(Some("a 1"), None, Some("u-1")), None);
        assert!(!format!("{list:?}").contains("u-1"));
    }

    #[test]
    fn a_line_that_says_nothing_is_named_without_its_text() {
        let error =
            SuppressionList::read("user_id u-1\nada@example.com\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("ada"), "{error}");
    }
}
