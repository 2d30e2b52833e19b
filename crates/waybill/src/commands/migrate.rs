//! `waybill migrate`: topics, schemas, tables and the groups' first positions.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use forward::side_tables;
use kafka_runtime::{Admin, TopicChange};
use schema_registry::{RegistrationState, Registry, RegistryError};
use serde::Serialize;
use tokio::runtime::Handle;
use topology::{Stage, Topic};
use tracking_plan::plan::Plan as TrackingPlan;
use warehouse::{IdentityLimits, SegmentPlan, WantedColumns, Warehouse};

use super::{backfill, segment_layout, times::now};
use crate::{Exit, cli::MigrateArgs, config::Config, output};

/// How long a registry that answered a moment ago is asked again when it does not.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(30);
const REGISTRY_PAUSE: Duration = Duration::from_millis(500);

/// What is to be done, in words.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Plan {
    topics: Vec<String>,
    schemas: Vec<String>,
    warehouse: Vec<String>,
    /// Typed columns of `events` that tracking plans and the configuration ask for.
    columns: Vec<String>,
    /// What nobody asks for any more, or what something of ours would stand in the place of: it is left as it
    /// is.
    stays: Vec<String>,
    segment_layout: Vec<String>,
    #[serde(skip)]
    layout: SegmentPlan,
    #[serde(skip)]
    changes: Vec<TopicChange>,
    #[serde(skip)]
    unregistered: Vec<Topic>,
    /// What must be mended by hand before anything is done.
    #[serde(skip)]
    problems: Vec<String>,
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
            && self.schemas.is_empty()
            && self.warehouse.is_empty()
            && self.columns.is_empty()
            && self.segment_layout.is_empty()
    }

    pub(crate) fn describe(&self) -> String {
        let lines = self.topics.iter().chain(&self.schemas).chain(&self.warehouse);
        let lines = lines.chain(&self.columns).chain(&self.segment_layout);
        lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }
}

/// Shows the plan, asks, and does it.
pub(crate) async fn run(arguments: &MigrateArgs, config: &Config) -> anyhow::Result<Exit> {
    let parts = Parts::new(config)?;
    let plan = parts.whole_plan(config).await?;
    if arguments.json {
        output::json(&plan)?;
    } else if plan.is_empty() {
        output::text("topics, schemas and tables are as they should be");
    } else {
        output::text(&format!("to be done:\n{}", plan.describe()));
    }
    plan.stays.iter().filter(|_| !arguments.json).for_each(|line| output::progress(line));
    if !plan.is_empty() && !arguments.yes && !output::confirmed("Do it?") {
        let message = "nothing was done; pass --yes to do it";
        return Ok(output::refused(message, Exit::Failed));
    }
    parts.apply(config, &plan).await?;
    if arguments.backfill && !backfill::run(&parts.warehouse, &parts.wanted, arguments).await? {
        return Ok(Exit::Failed);
    }
    if !arguments.json {
        output::text("done");
    }
    Ok(Exit::Done)
}

/// What `migrate` talks to.
pub(crate) struct Parts {
    admin: Admin,
    registry: Registry,
    warehouse: Warehouse,
    wanted: WantedColumns,
}

impl Parts {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            admin: Admin::new(&config.kafka)?,
            registry: Registry::new(&config.registry, Handle::current())?,
            warehouse: Warehouse::new(&config.warehouse)?,
            wanted: wanted_columns(config)?,
        })
    }

    /// What is to be done. Changes nothing.
    pub(crate) async fn plan(&self, config: &Config) -> anyhow::Result<Plan> {
        let changes = self.admin.plan(&config.topics).await?;
        let registrations = self.registry.registrations().await?;
        let unregistered: Vec<Topic> = registrations
            .iter()
            .filter(|it| it.state == RegistrationState::Absent)
            .map(|it| it.topic)
            .collect();
        let tables = self.warehouse.migrate_plan().await?;
        let columns = self.warehouse.columns_plan(&self.wanted).await?;
        Ok(Plan {
            topics: changes.iter().map(ToString::to_string).collect(),
            schemas: unregistered
                .iter()
                .map(|topic| {
                    let level = topic.spec().compatibility.as_str();
                    format!("register schema {} ({level})", topic.subject())
                })
                .collect(),
            warehouse: if tables.is_done() { Vec::new() } else { vec![tables.to_string()] },
            columns: columns.lines(),
            stays: columns.stays,
            changes,
            unregistered,
            problems: tables.problems,
            ..Plan::default()
        })
    }

    /// The same with Segment's layout, which follows plans and what was sent: that something is to be done
    /// for it does not keep anything from running.
    pub(crate) async fn whole_plan(&self, config: &Config) -> anyhow::Result<Plan> {
        let mut plan = self.plan(config).await?;
        let sources = segment_layout::sources(config)?;
        plan.layout = self.warehouse.segment_plan(&sources).await?;
        if !plan.layout.is_done() {
            plan.segment_layout = plan.layout.to_string().lines().map(str::to_owned).collect();
        }
        plan.stays.extend(plan.layout.left.iter().cloned());
        Ok(plan)
    }

    /// Does it.
    pub(crate) async fn apply(&self, config: &Config, plan: &Plan) -> anyhow::Result<()> {
        let wrong =
            plan.changes.iter().find(|it| matches!(it, TopicChange::WrongPartitions { .. }));
        if let Some(wrong) = wrong {
            bail!("{wrong}");
        }
        if !plan.problems.is_empty() {
            bail!("{}", plan.problems.join("\n"));
        }
        self.admin.apply(&plan.changes, &config.topics).await?;
        for topic in &plan.unregistered {
            // To register a schema that is there already changes nothing.
            patiently(REGISTRY_PATIENCE, async || self.registry.register(*topic).await).await?;
        }
        self.warehouse.migrate_apply().await?;
        self.warehouse.columns_apply(&self.wanted).await?;
        self.warehouse.keep_identity_limits(&identity_limits(config)).await?;
        self.first_positions().await?;
        self.warehouse.segment_apply(&plan.layout).await.context(
            "views in Segment's layout (all else is done; `segment_layout = false` under [warehouse] \
             leaves them out)",
        )
    }

    /// Gives every group the positions that it has not got. A topic that was made a moment ago
    /// may not have its leaders yet: hence the few tries.
    async fn first_positions(&self) -> anyhow::Result<()> {
        let groups = groups();
        for (group, topics) in groups {
            let mut tries = 0;
            loop {
                let given =
                    tokio::task::block_in_place(|| self.admin.first_positions(group, &topics));
                match given {
                    Ok(_) => break,
                    Err(error) if tries >= 10 => {
                        return Err(error).with_context(|| format!("positions of group {group}"));
                    }
                    Err(_) => tries += 1,
                }
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }
}

/// Asks a registry that is away again, for so long.
async fn patiently<T>(
    patience: Duration,
    ask: impl AsyncFn() -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let since = Instant::now();
    let mut told = false;
    loop {
        match ask().await {
            Err(error @ RegistryError::Away { .. }) if since.elapsed() < patience => {
                if !told {
                    output::progress(&format!(
                        "trying again for {} s: {error}",
                        patience.as_secs()
                    ));
                    told = true;
                }
                tokio::time::sleep(REGISTRY_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// What the plans that hold now or later promote, and what the configuration asks for.
fn wanted_columns(config: &Config) -> anyhow::Result<WantedColumns> {
    let plans = config.tracking_plans()?;
    let promotions = plans.holding_from(now()).flat_map(TrackingPlan::promotions);
    Ok(WantedColumns {
        promotions: promotions.cloned().collect(),
        json: config.warehouse.json_properties.clone(),
    })
}

/// What the views of identities go by.
fn identity_limits(config: &Config) -> IdentityLimits {
    IdentityLimits {
        users_per_device: config.identity_stitch.users_per_device.get(),
        devices_per_user: config.warehouse.devices_per_user.get(),
        session_gap_minutes: config.identity_stitch.session_gap_minutes.get(),
        orphan_days: config.warehouse.orphan_days,
    }
}

/// Every group with what it reads.
fn groups() -> Vec<(&'static str, Vec<Topic>)> {
    let stages = Stage::ALL.into_iter().map(|stage| (stage.group(), stage.reads()));
    let tables = side_tables().into_iter().map(|spec| (spec.name, spec.topics));
    stages.chain(tables).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks somebody who gives these answers; returns the last and how often was asked.
    async fn asked(
        patience: Duration,
        answer: impl Fn(u32) -> Result<u32, RegistryError>,
    ) -> (Result<u32, RegistryError>, u32) {
        let times = Cell::new(0);
        let last = patiently(patience, async || {
            times.set(times.get() + 1);
            answer(times.get())
        })
        .await;
        (last, times.get())
    }

    fn away() -> RegistryError {
        RegistryError::Away { url: "http://registry".to_owned(), detail: "timed out".to_owned() }
    }

    #[tokio::test]
    async fn a_registry_that_is_away_is_asked_again_and_one_that_refuses_is_not() {
        let second = |time| if time == 1 { Err(away()) } else { Ok(7) };
        let (last, times) = asked(REGISTRY_PATIENCE, second).await;
        assert_eq!((last.unwrap(), times), (7, 2));

        let refused =
            |_| Err(RegistryError::Refused { what: "it".to_owned(), reason: "no".to_owned() });
        let (last, times) = asked(REGISTRY_PATIENCE, refused).await;
        assert!(matches!(last, Err(RegistryError::Refused { .. })));
        assert_eq!(times, 1);

        let (last, times) = asked(Duration::ZERO, |_| Err(away())).await;
        assert!(matches!(last, Err(RegistryError::Away { .. })), "not for ever");
        assert_eq!(times, 1);
    }
}
