//! `waybill audit give-up`: lets `complete_through` go past hours of which nobody can say more.

use event::Millis;
use serde::Serialize;
use topology::{Cleanup, Stage, Topic};
use warehouse::{GivenUpHour, HeldHour, Warehouse};

use super::{
    operator::user_at_host,
    times::{now, utc},
};
use crate::{Exit, cli::GiveUpArgs, config::Config, output};

const HOUR: Millis = 3_600_000;
/// At most so many lines of one kind are printed for a person.
const SHOWN: usize = 20;

/// Whether an hour can be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chance {
    /// Nothing can mend it any more.
    Yes,
    /// Something may, but an operator can know better.
    ByName(&'static str),
    /// It has to be mended, or to be waited for.
    No(&'static str),
}

/// What was done, or is about to be.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    given_up: Vec<Told>,
    left: Vec<Told>,
    complete_through: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    hour: String,
    state: String,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_because: Option<&'static str>,
    #[serde(skip)]
    starts: u32,
}

/// Shows what can be given up, asks, and notes the order.
pub(crate) async fn run(arguments: GiveUpArgs, config: &Config) -> anyhow::Result<Exit> {
    let warehouse = Warehouse::new(&config.warehouse)?;
    let held = warehouse.held_hours(&arguments.environment).await?;
    let unheld = |hour: &&u32| held.iter().all(|it| it.hour != **hour);
    if let Some(hour) = arguments.hours.iter().find(unheld) {
        let message = format!(
            "{} does not hold complete_through up: it is complete, expired or given up, or lies outside of \
             what was audited; `SELECT * FROM hour_states` tells",
            start(*hour)
        );
        return Ok(output::refused(&message, Exit::Failed));
    }
    let (chosen, left) = choose(held, &arguments.hours, now());
    let mut report = Report {
        environment: arguments.environment.clone(),
        given_up: chosen.iter().map(|it| shown(it, None)).collect(),
        left: left.iter().map(|(it, because)| shown(it, Some(*because))).collect(),
        complete_through: None,
    };
    if !arguments.hours.is_empty() && !left.is_empty() {
        let message = format!("nothing was given up:\n{}", lines(&report.left));
        return Ok(output::refused(&message, Exit::Failed));
    }
    if !arguments.json {
        describe(&report);
    }
    if !chosen.is_empty() {
        if !arguments.yes && !output::confirmed("Give them up?") {
            let message = "nothing was given up; pass --yes to do it";
            return Ok(output::refused(message, Exit::Failed));
        }
        order(&warehouse, &chosen, &arguments).await?;
    }
    let through = warehouse.complete_through(&arguments.environment).await?;
    report.complete_through = through.map(start);
    if arguments.json {
        output::json(&report)?;
    } else {
        let through = report.complete_through.as_deref().unwrap_or("no hour");
        output::text(&format!("complete_through of {}: {through}", report.environment));
    }
    Ok(Exit::Done)
}

/// Those to give up, and those that are left, with why. With `named` (starts of hours in seconds) only
/// these.
fn choose(
    held: Vec<HeldHour>,
    named: &[u32],
    now: Millis,
) -> (Vec<HeldHour>, Vec<(HeldHour, &'static str)>) {
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    for hour in held.into_iter().filter(|it| named.is_empty() || named.contains(&it.hour)) {
        match chance(&hour, now) {
            Chance::Yes => chosen.push(hour),
            Chance::ByName(_) if !named.is_empty() => chosen.push(hour),
            Chance::ByName(because) | Chance::No(because) => left.push((hour, because)),
        }
    }
    (chosen, left)
}

fn chance(held: &HeldHour, now: Millis) -> Chance {
    let begins = Millis::from(held.hour) * 1_000;
    let is_kept = |topic, since: Millis| since.saturating_add(kept_for(topic)) >= now;
    // The topics of dead letters are kept alike.
    let letters = Stage::Validate.dead_letters();
    if held.open_dead_letters > 0 && is_kept(letters, held.last_dead_letter_at) {
        return Chance::No(
            "its dead letters are still there: mend the plan or the sender, and redrive them",
        );
    }
    if !is_kept(Topic::RawEvents, begins.saturating_add(HOUR)) {
        return Chance::Yes;
    }
    Chance::ByName(match held.state.as_str() {
        "unbalanced" => {
            "`waybill audit` names what is missing as long as raw-events has it; --hour gives it up all the same"
        }
        _ => {
            "raw-events is kept so far back, so the auditor may still judge it; --hour gives it up all the same"
        }
    })
}

/// For how long a topic keeps its records; milliseconds.
fn kept_for(topic: Topic) -> Millis {
    match topic.spec().cleanup {
        Cleanup::DeleteAfterHours(hours) => Millis::from(hours).saturating_mul(HOUR),
        Cleanup::Compact | Cleanup::Never => Millis::MAX,
    }
}

async fn order(
    warehouse: &Warehouse,
    chosen: &[HeldHour],
    arguments: &GiveUpArgs,
) -> anyhow::Result<()> {
    let given_up_at = now();
    let who = arguments.who.clone().unwrap_or_else(|| user_at_host(std::env::vars()));
    let row = |it: &HeldHour| GivenUpHour {
        hour: it.hour,
        revision: it.revision,
        given_up_at,
        who: who.clone(),
        why: arguments.why.clone(),
    };
    let rows: Vec<_> = chosen.iter().map(row).collect();
    Ok(warehouse.append(&rows, format!("waybill-give-up-{given_up_at}")).await?)
}

fn describe(report: &Report) {
    if !report.left.is_empty() {
        output::progress(&format!("left as they are:\n{}", lines(&report.left)));
    }
    if report.given_up.is_empty() {
        output::text("there is no hour that nothing can mend any more");
    } else {
        output::text(&format!("to be given up:\n{}", lines(&report.given_up)));
    }
}

/// One line for each run of hours that stand alike.
fn lines(hours: &[Told]) -> String {
    let alike = |one: &Told, next: &Told| {
        next.starts == one.starts.saturating_add(3_600)
            && (&one.state, &one.detail, one.left_because)
                == (&next.state, &next.detail, next.left_because)
    };
    let runs: Vec<_> = hours.chunk_by(alike).collect();
    let mut told: Vec<String> = runs.iter().take(SHOWN).filter_map(|run| line(run)).collect();
    if let Some(more @ 1..) = runs.len().checked_sub(SHOWN) {
        told.push(format!("  and {more} more; --json has all"));
    }
    told.join("\n")
}

fn line(run: &[Told]) -> Option<String> {
    let (first, last) = (run.first()?, run.last()?);
    let span = match run.len() {
        1 => first.hour.clone(),
        hours => format!("{} to {} ({hours} hours)", first.hour, last.hour),
    };
    let because = first.left_because.map(|it| format!("; {it}")).unwrap_or_default();
    Some(format!("  {span}: {} ({}{because})", first.state, first.detail))
}

fn shown(held: &HeldHour, left_because: Option<&'static str>) -> Told {
    let HeldHour { hour, state, detail, .. } = held.clone();
    Told { hour: start(hour), state, detail, left_because, starts: hour }
}

fn start(hour: u32) -> String {
    utc(Millis::from(hour) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 24 * HOUR;
    /// Start of an hour.
    const NOW: Millis = 500_000 * HOUR;

    fn held(state: &str, days_ago: i64) -> HeldHour {
        HeldHour {
            hour: u32::try_from((NOW - days_ago * DAY) / 1_000).unwrap(),
            state: state.to_owned(),
            detail: format!("{state}!"),
            revision: 7,
            open_dead_letters: 0,
            last_dead_letter_at: 0,
        }
    }

    fn with_letters(days_ago: i64, last_days_ago: i64) -> HeldHour {
        let last_dead_letter_at = NOW - last_days_ago * DAY;
        HeldHour { open_dead_letters: 3, last_dead_letter_at, ..held("dead-letters", days_ago) }
    }

    #[test]
    fn what_can_still_be_judged_or_mended_is_not_given_up() {
        for state in ["unaudited", "open", "unbalanced", "dead-letters"] {
            assert!(matches!(chance(&held(state, 13), NOW), Chance::ByName(_)), "{state}");
            assert_eq!(chance(&held(state, 15), NOW), Chance::Yes, "{state}");
        }
        assert!(matches!(chance(&with_letters(20, 20), NOW), Chance::No(_)));
        assert!(matches!(chance(&with_letters(40, 29), NOW), Chance::No(_)), "it died again");
        assert_eq!(chance(&with_letters(40, 31), NOW), Chance::Yes);
        let unseen = HeldHour { state: "unaudited".to_owned(), ..with_letters(20, 20) };
        assert!(matches!(chance(&unseen, NOW), Chance::No(_)), "nobody saw the hour either");
    }

    #[test]
    fn an_hour_is_kept_until_its_last_event_may_have_gone() {
        let hour = |hours_ago: i64| HeldHour {
            hour: u32::try_from((NOW - hours_ago * HOUR) / 1_000).unwrap(),
            ..held("open", 0)
        };
        assert!(matches!(chance(&hour(14 * 24 + 1), NOW), Chance::ByName(_)));
        assert_eq!(chance(&hour(14 * 24 + 2), NOW), Chance::Yes);
    }

    #[test]
    fn what_may_still_be_judged_is_given_up_by_name_only_and_what_can_be_redriven_is_not() {
        let all = vec![held("unaudited", 20), held("unbalanced", 2), with_letters(3, 3)];
        let (chosen, left) = choose(all.clone(), &[], NOW);
        assert_eq!((chosen, left.len()), (vec![all[0].clone()], 2));
        let (chosen, left) = choose(all.clone(), &[all[1].hour], NOW);
        assert_eq!((chosen, left), (vec![all[1].clone()], vec![]));
        let (chosen, left) = choose(all.clone(), &[all[2].hour], NOW);
        assert_eq!((chosen.len(), left.len()), (0, 1));
    }

    #[test]
    fn hours_that_stand_alike_are_told_in_one_line() {
        let mut hours: Vec<_> = (0..3).map(|_| shown(&held("unaudited", 20), None)).collect();
        hours[1].starts += 3_600;
        hours[2].starts += 9 * 3_600;
        let told = lines(&hours);
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(told.contains("(2 hours): unaudited (unaudited!)"), "{told}");
        let apart: Vec<_> = (0..30).map(|_| shown(&held("open", 1), Some("why"))).collect();
        let told = lines(&apart);
        assert!(told.ends_with("and 10 more; --json has all"), "{told}");
        assert!(told.contains("open (open!; why)"), "{told}");
    }
}
