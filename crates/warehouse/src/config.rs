//! Where ClickHouse is.

use std::{fmt, num::NonZeroU32};

use serde::Deserialize;

/// Where ClickHouse is and who we are there.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarehouseConfig {
    /// Address of the HTTP interface, such as `http://127.0.0.1:8123` or `https://…:8443`.
    pub url: String,
    /// Database with our tables; letters, digits and `_`, not beginning with a digit.
    pub database: String,
    /// User.
    pub user: String,
    /// Password of the user; may be empty.
    pub password: String,
    /// How long one request may take, in seconds. An INSERT that takes longer is uncertain.
    pub timeout_seconds: u64,
    /// How many devices one user may have before further ones are refused: only ClickHouse knows all
    /// of them. `waybill migrate` puts it in force.
    pub devices_per_user: NonZeroU32,
    /// Within how many days the ids of an event should lead to a user; see the view
    /// `identity_health`. `waybill migrate` puts it in force.
    pub orphan_days: u32,
}

impl Default for WarehouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            database: "waybill".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            timeout_seconds: 60,
            devices_per_user: NonZeroU32::MIN.saturating_add(199),
            orphan_days: 30,
        }
    }
}

impl fmt::Debug for WarehouseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarehouseConfig")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("timeout_seconds", &self.timeout_seconds)
            .field("devices_per_user", &self.devices_per_user)
            .field("orphan_days", &self.orphan_days)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_printed() {
        let config = WarehouseConfig { password: "hunter2".to_owned(), ..Default::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
