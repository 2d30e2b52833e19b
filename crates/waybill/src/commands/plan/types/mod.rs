//! `waybill plan types`: typed helpers for those who send the events of a plan.

mod model;
mod names;
mod python;
mod rust;
mod text;
mod typescript;

use std::fs;

use tracking_plan::plan::{PlanDocument, PlanSource};

use self::model::Model;
use super::{Unusable, files, replay};
use crate::{
    Exit,
    cli::{Language, PlanTypesArgs},
    output,
};

/// Prints the helpers, or writes them to a file.
pub(super) fn run(arguments: &PlanTypesArgs) -> anyhow::Result<Exit> {
    let (file, text) = (arguments.plan.display().to_string(), files::text(&arguments.plan)?);
    let source = PlanSource::read(&file, &text).map_err(|it| Unusable(it.to_string()))?;
    // A plan that Waybill would not take helps nobody.
    replay::plan((file, text))?;
    let code = written(&source.document, arguments.lang);
    match &arguments.out {
        None => Ok(output::text(&code)),
        Some(out) => {
            let failed = |error| Unusable(format!("{} cannot be written: {error}", out.display()));
            fs::write(out, code).map_err(failed)?;
            Ok(Exit::Done)
        }
    }
}

fn written(document: &PlanDocument, language: Language) -> String {
    let model = Model::new(document);
    match language {
        Language::Typescript => typescript::written(&model),
        Language::Python => python::written(&model),
        Language::Rust => rust::written(&model),
    }
}
