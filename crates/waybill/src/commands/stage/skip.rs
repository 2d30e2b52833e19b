//! `waybill stage skip-expired`: gives up what left the log before the stage had read it.

use anyhow::Context as _;
use event::{LostRange, StageCommand};
use pipeline::{StageAction, StageControl};

use super::{command, control_of, give, refuse_unknown_partition};
use crate::{Exit, cli::SkipArgs, commands::expiry, config::Config, output};

/// Shows what is lost, asks, and orders the stage to go on behind it.
pub(super) async fn run(arguments: &SkipArgs, config: &Config) -> anyhow::Result<Exit> {
    let SkipArgs { order: arguments, yes } = arguments;
    if let Some(refused) = refuse_unknown_partition(arguments, config) {
        return Ok(refused);
    }
    let stage = arguments.stage;
    let kafka = config.kafka.clone();
    let asked = move || expiry::ask(&kafka, stage.group(), &stage.reads());
    let lost = tokio::task::spawn_blocking(asked).await?.context("nothing was ordered")?;
    let asked_for = arguments.partition.map(i32::from);
    let lost: Vec<LostRange> =
        lost.into_iter().filter(|it| asked_for.is_none_or(|p| p == it.partition)).collect();
    if lost.is_empty() {
        output::text(&format!("nothing has expired before {stage} read it"));
        return Ok(Exit::Done);
    }
    let (ordered, open) = split(&control_of(config, stage).await?, lost);
    for range in &ordered {
        output::text(&format!(
            "ordered already, {stage} goes on there as soon as it runs: {range}"
        ));
    }
    if open.is_empty() {
        return Ok(Exit::Done);
    }
    output::text(&describe(stage.name(), &open));
    if !yes && !output::confirmed("Give them up?") {
        let message = "nothing was ordered; pass --yes to do it";
        return Ok(output::refused(message, Exit::Failed));
    }
    let order = command(arguments, StageAction::SkipExpired);
    for range in open {
        give(config, &skip(&order, range)).await?;
    }
    output::text(&format!("ordered; {stage} goes on behind them, the audit books them as expired"));
    Ok(Exit::Done)
}

fn skip(order: &StageCommand, lost: LostRange) -> StageCommand {
    StageCommand { partition: Some(lost.partition), lost: Some(lost), ..order.clone() }
}

/// What was given up already, and what not.
fn split(control: &StageControl, lost: Vec<LostRange>) -> (Vec<LostRange>, Vec<LostRange>) {
    let is_ordered = |it: &LostRange| control.skip_of(&it.topic, it.partition, it.from) == Some(it);
    lost.into_iter().partition(is_ordered)
}

fn describe(stage: &str, lost: &[LostRange]) -> String {
    let count: i64 = lost.iter().map(|it| it.to.saturating_sub(it.from)).sum();
    let lines: Vec<_> = lost.iter().map(|range| format!("  {range}")).collect();
    format!(
        "{stage} had not read these positions (at most {count} events); they left the log:\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(partition: i32, to: i64) -> LostRange {
        LostRange { topic: "validated-events".to_owned(), partition, from: 10, to }
    }

    #[test]
    fn a_range_is_ordered_once_and_anew_when_more_of_it_has_expired() {
        let template = StageCommand {
            stage: "enrich".to_owned(),
            action: "skip-expired".to_owned(),
            partition: None,
            who: "ada".to_owned(),
            why: "test".to_owned(),
            at: 0,
            breaker_off_until: None,
            lost: None,
        };
        let mut control = StageControl::default();
        assert!(control.apply(&skip(&template, lost(1, 20))));
        assert!(control.apply(&skip(&template, lost(2, 20))));
        let (ordered, open) = split(&control, vec![lost(1, 20), lost(2, 25), lost(3, 20)]);
        assert_eq!((ordered, open), (vec![lost(1, 20)], vec![lost(2, 25), lost(3, 20)]));
    }

    #[test]
    fn what_is_lost_is_named_by_offsets_and_counted() {
        let said = describe("enrich", &[lost(1, 20), lost(2, 11)]);
        assert!(said.contains("at most 11 events"), "{said}");
        assert!(said.contains("validated-events-1, offsets 10 to 19"), "{said}");
    }
}
