//! The sources and tracking plans of the quality gate's decision table, for a flow.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::{Map, Value};

/// Where the decision table is.
pub fn decisions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/tracking-plan/tests/decisions")
}

/// Puts the files into the flow's folder, beside its configuration; returns what that says of them.
pub(crate) fn place(folder: &Path) -> anyhow::Result<String> {
    let (table, plans) = (decisions(), folder.join("plans"));
    fs::create_dir_all(&plans)?;
    for entry in fs::read_dir(table.join("plans"))? {
        let from = entry?.path();
        fs::copy(&from, plans.join(from.file_name().context("a plan without a name")?))?;
    }
    let suppressed = folder.join("suppressed.txt");
    fs::copy(table.join("suppressed.txt"), &suppressed)?;
    let mut text = format!(
        "[plans]\ndir = \"{}\"\n\
         [privacy]\nhash_key = \"a key of a test, and of no use elsewhere\"\n\
         suppression_file = \"{}\"\n",
        plans.display(),
        suppressed.display()
    );
    let sources = fs::read_to_string(table.join("sources.json"))?;
    let sources: Map<String, Value> = serde_json::from_str(&sources)?;
    for (id, table) in sources {
        writeln!(text, "[sources.{id:?}]")?;
        for (key, value) in table.as_object().into_iter().flatten() {
            // Numbers, texts, booleans and lists of them are written alike in JSON and TOML.
            writeln!(text, "{key} = {value}")?;
        }
    }
    Ok(text)
}
