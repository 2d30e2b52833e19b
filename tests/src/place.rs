//! Where the build put things, and where a flow may put its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context as _, ensure};

/// Folders that this program has made.
static FOLDERS: AtomicUsize = AtomicUsize::new(0);

/// `target/<profile>`: the folder of this program, or the one above for a test's.
fn profile_folder() -> anyhow::Result<PathBuf> {
    let program = env::current_exe().context("this program has no path")?;
    let folder = program.parent().context("this program lies in no folder")?;
    let above = folder.parent().filter(|_| folder.ends_with("deps"));
    Ok(above.unwrap_or(folder).to_owned())
}

/// `target`.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let profile = profile_folder()?;
    Ok(profile.parent().context("there is no target folder")?.to_owned())
}

/// The real binary.
pub fn binary() -> anyhow::Result<PathBuf> {
    let binary = profile_folder()?.join("waybill");
    let release =
        if binary.parent().is_some_and(|it| it.ends_with("release")) { " --release" } else { "" };
    ensure!(
        binary.is_file(),
        "{} is missing: run `cargo build -p waybill{release}`",
        binary.display()
    );
    Ok(binary)
}

/// A new folder `target/tmp/<kind>-<process id>.<number>`. Those of programs that have ended are removed:
/// the newest stays until the next run, to look at its logs.
pub(crate) fn new_folder(kind: &str) -> anyhow::Result<PathBuf> {
    let tmp = target_folder()?.join("tmp");
    fs::create_dir_all(&tmp).with_context(|| tmp.display().to_string())?;
    remove_abandoned(&tmp, kind)?;
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = tmp.join(format!("{kind}-{}.{number}", process::id()));
    // A process id comes again.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn remove_abandoned(tmp: &Path, kind: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(tmp).with_context(|| tmp.display().to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
        let owner = owner.and_then(|it| it.split('.').next()?.parse::<u32>().ok());
        if owner.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Two programs may clean up at once; what one has removed the other need not.
            let _gone = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
