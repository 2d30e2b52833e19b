//! Waiting until an order about identities has its effect.

use std::time::{Duration, Instant};

use event::{IdentityCommand, Origin};
use kafka_runtime::{KafkaConfig, ReadError, Scanner};
use serde::Serialize;
use tokio::time::sleep;
use topology::{Stage, Topic};
use warehouse::{Warehouse, WarehouseError};

use crate::{config::Config, output};

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reached {
    /// It is in `identity-commands`.
    Ordered,
    /// identity-stitch has passed it.
    Followed,
    /// What identity-stitch made of it is in ClickHouse.
    Loaded,
}

/// What waiting for it came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Awaited {
    /// How far it has come.
    pub(super) reached: Reached,
    /// How long that took.
    pub(super) seconds: f64,
    /// What went wrong last, while it was looked for.
    pub(super) trouble: Option<String>,
}

/// Looks until the order is in ClickHouse, for no longer than `patience`. Who cannot be asked is
/// asked again: the order is given, so that nothing is an error any more but a wrong configuration.
pub(super) async fn until_followed(
    config: &Config,
    command: &IdentityCommand,
    order: Origin,
    patience: Duration,
) -> anyhow::Result<Awaited> {
    let warehouse = Warehouse::new(&config.warehouse)?;
    let mut asker = Asker { kafka: config.kafka.clone(), scanner: None };
    let begun = Instant::now();
    let mut reached = Reached::Ordered;
    output::progress(&format!("ordered as {order}; waiting for identity-stitch"));
    loop {
        let looked = match reached {
            Reached::Ordered => asker.is_followed(order).await,
            _ => is_loaded(&warehouse, command, order).await.map_err(|error| error.to_string()),
        };
        let trouble = match looked {
            Ok(true) if reached == Reached::Ordered => {
                reached = Reached::Followed;
                output::progress("identity-stitch has followed it; waiting for ClickHouse");
                continue;
            }
            Ok(true) => {
                reached = Reached::Loaded;
                None
            }
            Ok(false) => None,
            Err(trouble) => Some(trouble),
        };
        let waited = begun.elapsed();
        if reached == Reached::Loaded || waited >= patience {
            return Ok(Awaited { reached, seconds: waited.as_secs_f64(), trouble });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Asks Kafka with one client, however often.
struct Asker {
    kafka: KafkaConfig,
    scanner: Option<Scanner>,
}

impl Asker {
    /// Whether the group of identity-stitch has committed past the order.
    async fn is_followed(&mut self, order: Origin) -> Result<bool, String> {
        let (kafka, scanner) = (self.kafka.clone(), self.scanner.take());
        let asked = tokio::task::spawn_blocking(move || {
            let made = || Scanner::new(&kafka, "waybill-identity");
            let mut scanner = scanner.map_or_else(made, Ok)?;
            let group = Stage::IdentityStitch.group();
            let positions = scanner.group_positions(group, &[Topic::IdentityCommands])?;
            Ok::<_, ReadError>((scanner, positions))
        });
        let asked = asked.await.map_err(|error| error.to_string())?;
        let (scanner, positions) = asked.map_err(|error| error.to_string())?;
        self.scanner = Some(scanner);
        let at = positions.iter().find(|at| at.partition == order.partition);
        Ok(at.and_then(|at| at.offset).is_some_and(|next| next > order.offset))
    }
}

async fn is_loaded(
    warehouse: &Warehouse,
    command: &IdentityCommand,
    order: Origin,
) -> Result<bool, WarehouseError> {
    if command.anonymous_id.is_some() {
        warehouse.has_link_order(order).await
    } else {
        warehouse.has_alias_order(order).await
    }
}
