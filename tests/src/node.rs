//! Packages of Node that tests and the demo run: copied and installed beside the build, so that
//! nothing is put into the clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use crate::place::target_folder;

/// Made by npm or by a build: not copied.
const MADE: [&str; 3] = ["node_modules", "dist", "build"];
/// Below `node_modules`: the lock file that it was installed from.
const INSTALLED: &str = "node_modules/.waybill-installed-from";

/// An installed package.
#[derive(Debug, Clone)]
pub struct NodePackage {
    folder: PathBuf,
}

impl NodePackage {
    /// Copies the package at this path of the repository and installs what its lock file names,
    /// unless that was done before. Packages keep their places to each other.
    pub fn install(path: &str) -> anyhow::Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = target_folder()?.join("node").join(path);
        copy(&repository.join(path), &folder)?;
        let package = Self { folder };
        let lock =
            fs::read(package.folder.join("package-lock.json")).context("package-lock.json")?;
        let note = package.folder.join(INSTALLED);
        if fs::read(&note).is_ok_and(|installed| installed == lock) {
            return Ok(package);
        }
        package.npm(&["ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"])?;
        fs::write(note, lock)?;
        Ok(package)
    }

    /// Runs npm in it.
    pub fn npm(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut npm = Command::new("npm");
        let output = npm.args(arguments).current_dir(&self.folder).output().context("npm")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "npm {}: {said}", arguments.join(" "));
        Ok(())
    }

    /// `node <script>`, in the package's folder.
    pub fn node(&self, script: &str) -> Command {
        let mut node = Command::new("node");
        node.arg(script).current_dir(&self.folder);
        node
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if MADE.iter().any(|made| *made == name) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_lock_file_names_a_registry_so_that_any_mirror_serves() {
        for lock in [
            include_str!("../demo/package-lock.json"),
            include_str!("../sdks/package-lock.json"),
            include_str!("../../clients/javascript/package-lock.json"),
        ] {
            assert!(!lock.contains("\"resolved\""));
        }
    }
}
