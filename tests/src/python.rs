//! Python programs that tests run, with the packages that they need beside the build, so that nothing
//! is put into the clone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

use crate::place::target_folder;

/// In the environment: the requirements that it was made from.
const INSTALLED: &str = ".waybill-installed-from";

/// A folder of programs with its environment.
#[derive(Debug, Clone)]
pub struct PythonPrograms {
    folder: PathBuf,
    environment: PathBuf,
}

impl PythonPrograms {
    /// The programs in this folder of the repository. Makes an environment with what its
    /// `requirements.txt` names, unless that was done before.
    pub fn install(path: &str) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        let environment = target_folder()?.join("python").join(path);
        let programs = Self { folder, environment };
        let requirements = programs.folder.join("requirements.txt");
        let wanted = fs::read(&requirements).context("requirements.txt")?;
        let note = programs.environment.join(INSTALLED);
        if fs::read(&note).is_ok_and(|installed| installed == wanted) && programs.runs() {
            return Ok(programs);
        }
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&programs.environment))
            .context("Python with venv is needed: deploy/install-prerequisites.sh python3-venv")?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(programs.interpreter())
            .args(install)
            .arg("--requirement")
            .arg(requirements))?;
        fs::write(note, wanted)?;
        Ok(programs)
    }

    /// `python <program>`.
    pub fn python(&self, program: &str) -> Command {
        let mut python = Command::new(self.interpreter());
        // No byte code is written into the clone.
        python.arg("-B").arg(self.folder.join(program));
        python
    }

    fn interpreter(&self) -> PathBuf {
        self.environment.join("bin/python")
    }

    /// The interpreter that the environment was made with may be gone.
    fn runs(&self) -> bool {
        let mut version = Command::new(self.interpreter());
        let version = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_requirement_has_one_version_and_names_no_index() {
        for (requirements, needed) in [
            (include_str!("../sdks/python/requirements.txt"), "confluent-kafka=="),
            (include_str!("../sdks/clickhouse/requirements.txt"), "clickhouse-connect=="),
        ] {
            let lines: Vec<_> =
                requirements.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(lines.iter().any(|line| line.starts_with(needed)));
            for line in lines {
                assert_eq!(line.split("==").count(), 2, "{line}");
                assert!(!line.contains("://") && !line.starts_with('-'), "{line}");
            }
        }
    }
}
