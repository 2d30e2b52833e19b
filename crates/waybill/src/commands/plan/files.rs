//! Files that the command line names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Unusable;
use crate::config::plan_files;

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, Unusable> {
    let unread = |error| Unusable(format!("{} cannot be read: {error}", path.display()));
    fs::read_to_string(path).map_err(unread)
}

/// Name and text of each file, and of each plan in each folder.
pub(super) fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Unusable> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let plans = plan_files(path).map_err(Unusable)?;
            if plans.is_empty() {
                let folder = path.display();
                return Err(Unusable(format!(
                    "{folder} has no plan: no file ends in .yaml or .yml"
                )));
            }
            all.extend(plans);
        } else {
            all.push((path.display().to_string(), text(path)?));
        }
    }
    Ok(all)
}
