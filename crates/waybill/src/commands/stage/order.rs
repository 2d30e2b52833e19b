//! `waybill stage pause` and `resume`: gives the order, then looks whether it is followed.

use std::time::{Duration, Instant};

use pipeline::StageAction;
use telemetry::ComponentState;

use super::{change, command, control_of, give, refuse_unknown_partition};
use crate::{
    Exit,
    cli::{OrderArgs, ResumeArgs},
    commands::{ports, times::now},
    config::Config,
    output,
};

/// How long the running instances may take to show that they follow.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Pauses a stage or a partition of it.
pub(super) async fn pause(arguments: &OrderArgs, config: &Config) -> anyhow::Result<Exit> {
    if let Some(refused) = refuse_unknown_partition(arguments, config) {
        return Ok(refused);
    }
    let before = control_of(config, arguments.stage).await?;
    let order = command(arguments, StageAction::Pause);
    give(config, &order).await?;
    output::text(&change::paused(&before, &order));
    tell_when_followed(arguments, config, |state| state == ComponentState::Paused).await;
    Ok(Exit::Done)
}

/// Lets a stage or a partition of it go on.
pub(super) async fn resume(arguments: &ResumeArgs, config: &Config) -> anyhow::Result<Exit> {
    let ResumeArgs { order: arguments, let_through } = arguments;
    if let Some(refused) = refuse_unknown_partition(arguments, config) {
        return Ok(refused);
    }
    let before = control_of(config, arguments.stage).await?;
    let mut order = command(arguments, StageAction::Resume);
    let through = |minutes: u32| order.at.saturating_add(i64::from(minutes) * 60_000);
    order.breaker_off_until = let_through.map(through);
    give(config, &order).await?;
    output::text(&change::resumed(&before, &order, now()));
    let goes_on = |state| !matches!(state, ComponentState::Paused | ComponentState::Breaker);
    tell_when_followed(arguments, config, goes_on).await;
    Ok(Exit::Done)
}

/// Waits until every running instance shows that it follows, and says so.
async fn tell_when_followed(
    arguments: &OrderArgs,
    config: &Config,
    followed: impl Fn(ComponentState) -> bool,
) {
    let stage = arguments.stage.name();
    if let Some(partition) = arguments.partition {
        let message = format!("the instance that holds partition {partition} follows in a moment");
        output::text(&message);
        return;
    }
    let begun = Instant::now();
    loop {
        let answers = ports::ask(config).await;
        let instances: Vec<_> = ports::components_named(&answers, stage).collect();
        let waiting: Vec<_> = instances.iter().filter(|(_, it)| !followed(it.state)).collect();
        if instances.is_empty() {
            let message =
                format!("no admin port answers for {stage}: the order holds as soon as it runs");
            output::text(&message);
            return;
        }
        if waiting.is_empty() {
            output::text(&format!("{} of {} instances follow", instances.len(), instances.len()));
            return;
        }
        if begun.elapsed() > FOLLOWED_WITHIN {
            for (address, instance) in waiting {
                let why = instance.waiting_for.as_deref().unwrap_or("running");
                output::text(&format!("{address} does not follow yet: {why}"));
            }
            output::text("the order holds; `waybill status` tells when it is followed");
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
