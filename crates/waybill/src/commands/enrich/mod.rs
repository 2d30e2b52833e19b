//! `waybill enrich explain`: what the enrichments make of an event, without any other part.

mod as_text;
mod court;
mod input;

use std::fmt;

use crate::{
    Exit,
    cli::ExplainArgs,
    config::Config,
    output::{self, Reader},
};
use court::Court;

/// Explains each event of the input.
pub(crate) fn explain(arguments: &ExplainArgs, config: &Config) -> anyhow::Result<Exit> {
    explained(arguments, config).or_else(|error| {
        let unusable = error.downcast::<Unusable>()?;
        Ok(output::refused(&unusable.0, Exit::Usage))
    })
}

fn explained(arguments: &ExplainArgs, config: &Config) -> anyhow::Result<Exit> {
    let court = Court::new(arguments, config)?;
    let mut exit = Exit::Done;
    for (index, event) in
        court.read(&input::text(arguments.file.as_deref())?)?.into_iter().enumerate()
    {
        let told = court.explain(event);
        if !told.goes_on() {
            exit = Exit::Failed;
        }
        let printed = if arguments.json {
            serde_json::to_string(&told)?
        } else {
            format!("{}{}", if index == 0 { "" } else { "\n" }, as_text::of(&told))
        };
        if output::line(&printed) == Reader::Gone {
            break;
        }
    }
    Ok(exit)
}

/// What was named on the command line, or came in, cannot be used at all.
#[derive(Debug)]
struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}
