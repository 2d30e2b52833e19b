//! `waybill plan infer`: a draft of a plan from what flows.

use std::path::Path;

use anyhow::anyhow;
use tracking_plan::{
    draft::Drafter,
    plan::{Plan, PlanSource},
};

use super::{
    Unusable, files,
    sample::{gather, known},
};
use crate::{
    Exit,
    cli::InferArgs,
    commands::{
        lines,
        times::{now, utc_millis},
    },
    config::Config,
    output,
};

/// Lines that cannot be read are told up to so many.
const MOST_TOLD: usize = 10;
/// Longest name of a plan.
const LONGEST_NAME: usize = 60;

/// Prints the draft.
pub(super) async fn run(arguments: &InferArgs, config: Config) -> anyhow::Result<Exit> {
    let catalog = config.judged_sources()?;
    let source = known(&catalog, &arguments.gather.source)?;
    let name = arguments.name.clone().unwrap_or_else(|| name_for(&source.id));
    let mut drafter = Drafter::new(source, arguments.at_least.get());
    if let Some(file) = &arguments.sample {
        see_file(file, &source.id, &mut drafter)?;
    } else {
        for sampled in gather(&arguments.gather, config, catalog.clone()).await? {
            drafter.see(sampled.event, sampled.appended_at);
        }
    }
    if drafter.events() == 0 {
        let message = format!("there is no event of {} to draft a plan from", source.id);
        return Ok(output::refused(&message, Exit::Failed));
    }
    let draft = drafter.draft(&name);
    check(&draft)?;
    Ok(output::text(&draft))
}

/// The name of a plan that is for one source alone.
fn name_for(source: &str) -> String {
    source.replace('/', "-").chars().take(LONGEST_NAME).collect()
}

fn see_file(file: &Path, source: &str, drafter: &mut Drafter) -> Result<(), Unusable> {
    let appended_at = now();
    let lines = lines::read(&files::text(file)?, source, &utc_millis(appended_at));
    let mut unread = Vec::new();
    for line in lines {
        match line.event {
            Ok(event) => drafter.see(event, appended_at),
            Err(why) => unread.push(format!("{}:{}: {why}", file.display(), line.number)),
        }
    }
    if unread.is_empty() {
        return Ok(());
    }
    let more = unread.len().saturating_sub(MOST_TOLD);
    unread.truncate(MOST_TOLD);
    if more > 0 {
        unread.push(format!("and {more} more"));
    }
    Err(Unusable(unread.join("\n")))
}

/// Nobody is given a draft that Waybill would not take. Only its name comes from outside.
fn check(draft: &str) -> anyhow::Result<()> {
    let read = PlanSource::read("the draft", draft).map_err(|problem| anyhow!("{problem}"))?;
    let compiled = Plan::compile(&read);
    compiled.map(drop).map_err(|problems| {
        Unusable(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")).into()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tracking_plan::Source;

    use super::*;

    fn drafter() -> Drafter {
        let config = serde_json::from_str(r#"{"kind": "server"}"#).unwrap();
        Drafter::new(&Source { id: "server/shop".to_owned(), config }, 1)
    }

    fn see(text: &str) -> (Drafter, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sample.ndjson");
        fs::write(&file, text).unwrap();
        let mut drafter = drafter();
        let seen = see_file(&file, "server/shop", &mut drafter);
        (drafter, seen.map_err(|unusable| unusable.to_string()))
    }

    const GOOD: &str = r#"{"source":"web/other","type":"track","message_id":"m","user_id":"u","event":"A","properties":{"n":1}}"#;

    #[test]
    fn the_events_of_a_file_are_taken_as_the_sources_own() {
        let (drafter, seen) = see(GOOD);
        assert_eq!((seen, drafter.events()), (Ok(()), 1));
        let draft = drafter.draft(&name_for("server/shop"));
        check(&draft).unwrap();
        assert!(draft.contains("\nplan: server-shop\n") && draft.contains("  A:\n"), "{draft}");
    }

    #[test]
    fn lines_that_cannot_be_read_are_told_by_number_and_without_their_text() {
        let (_, seen) = see(&format!("{GOOD}\n{{\"secret\n"));
        let told = seen.unwrap_err();
        assert!(told.contains("sample.ndjson:2: the line is not JSON"), "{told}");
        assert!(!told.contains("secret"), "{told}");
        let (_, seen) = see(&"{\n".repeat(12));
        assert!(seen.unwrap_err().ends_with("\nand 2 more"));
    }

    #[test]
    fn a_name_that_no_plan_may_have_is_refused() {
        let refused = check(&drafter().draft("Not: a name")).unwrap_err().to_string();
        assert!(refused.contains("the name of a plan has"), "{refused}");
    }
}
