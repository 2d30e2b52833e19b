//! What the views of identities go by.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Warehouse, WarehouseError};

/// The limits of what is linked, as the views work it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct IdentityLimits {
    /// How many users one device may have.
    pub users_per_device: u32,
    /// How many devices one user may have.
    pub devices_per_user: u32,
    /// After how many minutes without an event of the device its session ends.
    pub session_gap_minutes: u32,
    /// Within how many days the ids of an event should lead to a user.
    pub orphan_days: u32,
}

impl Default for IdentityLimits {
    fn default() -> Self {
        Self {
            users_per_device: 10,
            devices_per_user: 200,
            session_gap_minutes: 30,
            orphan_days: 30,
        }
    }
}

impl Warehouse {
    /// The limits in force: those that were kept last, else the defaults.
    pub async fn identity_limits(&self) -> Result<IdentityLimits, WarehouseError> {
        const SQL: &str = "SELECT users_per_device, devices_per_user, session_gap_minutes, \
            orphan_days FROM identity_limits";
        let limits: Vec<IdentityLimits> = self.rows(self.question(SQL)).await?;
        Ok(limits.first().copied().unwrap_or_default())
    }

    /// Puts these limits in force, within half a minute. Writes nothing where they are already.
    pub async fn keep_identity_limits(
        &self,
        limits: &IdentityLimits,
    ) -> Result<(), WarehouseError> {
        if self.identity_limits().await? == *limits {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {} (users_per_device, devices_per_user, session_gap_minutes, orphan_days) \
             VALUES (?, ?, ?, ?)",
            self.stored("identity_settings")
        );
        let query = self.writing(&sql);
        let query = query.bind(limits.users_per_device).bind(limits.devices_per_user);
        let query = query.bind(limits.session_gap_minutes).bind(limits.orphan_days);
        self.execute(query).await
    }
}
