//! `waybill stage`: orders to stages, and the record of who gave them and why.

mod change;
mod log;
mod order;
mod skip;

use anyhow::anyhow;
use event::StageCommand as Command;
use kafka_runtime::read_commands;
use pipeline::{StageAction, StageControl};
use schema_registry::Registry;
use tokio::runtime::Handle;
use topology::Stage;

use super::{operator::user_at_host, times::now};
use crate::{
    Exit,
    cli::{OrderArgs, StageCommand},
    config::Config,
    output,
};

/// Does what was ordered.
pub(crate) async fn run(command: StageCommand, config: Config) -> anyhow::Result<Exit> {
    match command {
        StageCommand::Pause(arguments) => order::pause(&arguments, &config).await,
        StageCommand::Resume(arguments) => order::resume(&arguments, &config).await,
        StageCommand::SkipExpired(arguments) => skip::run(&arguments, &config).await,
        StageCommand::Log(arguments) => log::run(&arguments, &config).await,
    }
}

/// Every command so far, in order.
async fn commands(config: &Config) -> anyhow::Result<Vec<Command>> {
    let registry = Registry::new(&config.registry, Handle::current())?;
    let kafka = config.kafka.clone();
    let read = tokio::task::spawn_blocking(move || read_commands(&kafka, &registry)).await?;
    read.map_err(|halt| {
        anyhow!("the orders so far cannot be read; `waybill status` tells why: {}", halt.detail)
    })
}

/// What holds for a stage after all commands so far.
async fn control_of(config: &Config, stage: Stage) -> anyhow::Result<StageControl> {
    let mut control = StageControl::default();
    for command in commands(config).await?.iter().filter(|it| it.stage == stage.name()) {
        control.apply(command);
    }
    Ok(control)
}

/// Gives one order.
async fn give(config: &Config, command: &Command) -> anyhow::Result<()> {
    let registry = Registry::new(&config.registry, Handle::current())?;
    let given = kafka_runtime::order(&config.kafka, &registry, command).await;
    given.map(drop).map_err(|halt| anyhow!("nothing was ordered: {}", halt.detail))
}

/// The command that the arguments ask for.
fn command(arguments: &OrderArgs, action: StageAction) -> Command {
    Command {
        stage: arguments.stage.name().to_owned(),
        action: action.word().to_owned(),
        partition: arguments.partition.map(i32::from),
        who: arguments.who.clone().unwrap_or_else(|| user_at_host(std::env::vars())),
        why: arguments.why.clone(),
        at: now(),
        breaker_off_until: None,
        lost: None,
    }
}

/// A partition that the flow has not got is a slip: a pause of it would hold nothing.
fn refuse_unknown_partition(arguments: &OrderArgs, config: &Config) -> Option<Exit> {
    let (asked, count) = (arguments.partition?, config.topics.partitions);
    (asked >= count).then(|| {
        let last = count.saturating_sub(1);
        let message = format!("there is no partition {asked}: the flow has 0 to {last}");
        output::refused(&message, Exit::Usage)
    })
}
