//! The key that every topic behind `raw-events` is partitioned by.

use crate::ids::Ids;

/// Anonymous id, else user id, else message id; and which of them it is.
pub(crate) fn device_key<'a>(ids: &'a Ids, message_id: &'a str) -> (&'a str, &'static str) {
    match (&ids.anonymous_id, &ids.user_id) {
        (Some(id), _) => (id, "anonymous_id"),
        (None, Some(id)) => (id, "user_id"),
        (None, None) => (message_id, "message_id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anonymous_id_goes_before_the_user_id_and_the_message_id() {
        for (anonymous, user, expected) in [
            (Some("a"), Some("u"), ("a", "anonymous_id")),
            (Some("a"), None, ("a", "anonymous_id")),
            (None, Some("u"), ("u", "user_id")),
            (None, None, ("m", "message_id")),
        ] {
            let ids = Ids {
                anonymous_id: anonymous.map(str::to_owned),
                user_id: user.map(str::to_owned),
                ..Ids::default()
            };
            assert_eq!(device_key(&ids, "m"), expected);
        }
    }
}
