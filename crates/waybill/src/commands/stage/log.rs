//! `waybill stage log`: who ordered what, and why.

use comfy_table::Table;
use event::StageCommand;

use crate::{Exit, cli::LogArgs, commands::times::utc, config::Config, output};

/// Prints every order, newest last.
pub(super) async fn run(arguments: &LogArgs, config: &Config) -> anyhow::Result<Exit> {
    let all = super::commands(config).await?;
    let wanted = |it: &&StageCommand| arguments.stage.is_none_or(|stage| it.stage == stage.name());
    let commands: Vec<_> = all.iter().filter(wanted).collect();
    if arguments.json {
        return output::json(&commands);
    }
    if commands.is_empty() {
        return Ok(output::text("nothing was ordered so far"));
    }
    Ok(output::text(&table(&commands).to_string()))
}

fn table(commands: &[&StageCommand]) -> Table {
    let mut table = output::table(&["WHEN", "STAGE", "ORDER", "WHO", "WHY"]);
    for command in commands {
        table.add_row([
            utc(command.at),
            command.stage.clone(),
            order(command),
            command.who.clone(),
            command.why.clone(),
        ]);
    }
    table
}

fn order(command: &StageCommand) -> String {
    let action = &command.action;
    match (&command.lost, command.partition, command.breaker_off_until) {
        (Some(lost), ..) => format!("{action} {lost}"),
        (None, Some(partition), _) => format!("{action} partition {partition}"),
        (None, None, Some(until)) => format!("{action}, breaker off until {}", utc(until)),
        (None, None, None) => action.clone(),
    }
}
