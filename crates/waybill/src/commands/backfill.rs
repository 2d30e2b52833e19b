//! `waybill migrate --backfill`: promoted columns for rows that are older than they are.

use std::time::Duration;

use warehouse::{BackfillProgress, BackfillStep, WantedColumns, Warehouse};

use crate::{cli::MigrateArgs, output};

const ASK_EVERY: Duration = Duration::from_millis(500);

/// Shows what is owed, asks, and has ClickHouse do it, one month of one column at a time. Whether it
/// was done.
pub(super) async fn run(
    warehouse: &Warehouse,
    wanted: &WantedColumns,
    arguments: &MigrateArgs,
) -> anyhow::Result<bool> {
    let plan = warehouse.columns_plan(wanted).await?;
    let steps = warehouse.backfill_plan(&plan).await?;
    if steps.is_empty() {
        output::progress("no column has to be worked out anew");
        return Ok(true);
    }
    for step in &steps {
        output::progress(&step.to_string());
    }
    output::progress(&in_all(&steps));
    if !arguments.yes && !output::confirmed("Work them out?") {
        output::progress("nothing was worked out; pass --yes to do it");
        return Ok(false);
    }
    for (index, step) in steps.iter().enumerate() {
        let which = format!(
            "{} of {}: column {}, month {}",
            index + 1,
            steps.len(),
            step.column,
            step.month
        );
        follow(warehouse, step, &which).await?;
    }
    Ok(true)
}

fn in_all(steps: &[BackfillStep]) -> String {
    let sum = |of: fn(&BackfillStep) -> u64| steps.iter().map(of).sum::<u64>();
    format!("in all: {} rows, {} bytes on disk", sum(|it| it.rows), sum(|it| it.bytes))
}

/// Tells only when something has changed, for the log of whoever runs it unattended.
async fn follow(warehouse: &Warehouse, step: &BackfillStep, which: &str) -> anyhow::Result<()> {
    let begun_at = warehouse.backfill_begin(step).await?;
    let mut told = None;
    loop {
        let progress = warehouse.backfill_progress(step, begun_at).await?;
        if told != Some(progress) {
            output::progress(&match progress {
                BackfillProgress::Parts(parts) => format!("{which}: parts to do: {parts}"),
                BackfillProgress::Done => format!("{which}: done"),
            });
            told = Some(progress);
        }
        if progress == BackfillProgress::Done {
            return Ok(());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
