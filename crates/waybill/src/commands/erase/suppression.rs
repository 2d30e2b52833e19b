//! The suppression list: what keeps the person's next events out, and what remembers which ids an
//! erasure is about until it is done.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::time::sleep;
use topology::Service;
use tracking_plan::plan::SuppressionList;

use super::person::{Person, Whom};
use crate::{commands::ports, config::Config, output};

const BEGINS: &str = "# erasure ";
const METRIC: &str = "waybill_suppression_list_ids";
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why nothing can be suppressed.
pub(super) const NO_LIST: &str = "there is no suppression list, so what still comes would be kept: set \
    suppression_file under [privacy], start every validate with it, and erase again";

/// The file.
#[derive(Debug, Clone)]
pub(super) struct List {
    path: PathBuf,
    text: String,
}

/// What an erasure wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Id of the last erasure of the person.
    pub(super) erasure: Option<String>,
    pub(super) users: BTreeSet<String>,
    pub(super) devices: BTreeSet<String>,
}

impl List {
    /// Reads the file that the configuration names; `None` if it names none.
    pub(super) fn open(config: &Config) -> anyhow::Result<Option<Self>> {
        config.privacy.suppression_file.as_deref().map(Self::read).transpose()
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("the suppression list {} cannot be read", path.display()))?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// All ids of the erasures that were of this id too.
    pub(super) fn remembered(&self, whom: &Whom) -> Remembered {
        let mut all = Remembered::default();
        for block in blocks(&self.text) {
            let is_of = match whom {
                Whom::User(id) => block.users.contains(id),
                Whom::Device(id) => block.devices.contains(id),
            };
            if is_of {
                all.erasure = block.erasure;
                all.users.extend(block.users);
                all.devices.extend(block.devices);
            }
        }
        all
    }

    /// Sees to it that the list has all ids of the person, as a block of this erasure. A file that
    /// cannot be written is an error that says which lines are to be added.
    pub(super) fn suppress(&mut self, erasure: &str, person: &Person) -> anyhow::Result<()> {
        let has_block = blocks(&self.text).any(|block| {
            block.erasure.as_deref() == Some(erasure)
                && person.user_ids.is_subset(&block.users)
                && person.anonymous_ids.is_subset(&block.devices)
        });
        if has_block {
            return Ok(());
        }
        let lines = lines(erasure, person);
        let gap = if self.text.is_empty() || self.text.ends_with('\n') { "\n" } else { "\n\n" };
        let added = format!("{gap}{lines}\n");
        // Appended in one write: the file keeps its owner and its mode, and mounts their file.
        let written = OpenOptions::new().append(true).open(&self.path).and_then(|mut file| {
            file.write_all(added.as_bytes())?;
            file.sync_all()
        });
        written.with_context(|| {
            format!(
                "nothing was erased: the suppression list {} cannot be written. Add these lines to \
                 it where validate reads it, and here, and erase again:\n\n{lines}",
                self.path.display()
            )
        })?;
        *self = Self::read(&self.path)?;
        Ok(())
    }

    fn ids(&self) -> anyhow::Result<usize> {
        Ok(SuppressionList::read(&fs::read_to_string(&self.path)?)?.len())
    }
}

fn lines(erasure: &str, person: &Person) -> String {
    let mut lines = format!("{BEGINS}{erasure}\n");
    // Writing to a String cannot fail.
    for id in &person.user_ids {
        let _written = writeln!(lines, "user_id {id}");
    }
    for id in &person.anonymous_ids {
        let _written = writeln!(lines, "anonymous_id {id}");
    }
    lines
}

/// What erasures wrote: their lines end with the first that is empty or begins with `#`.
fn blocks(text: &str) -> impl Iterator<Item = Remembered> {
    let begins = text
        .match_indices(BEGINS)
        .filter(|(at, _)| *at == 0 || text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\n'));
    begins.map(|(at, _)| {
        let mut lines = text[at + BEGINS.len()..].lines();
        let erasure = lines.next().map(|id| id.trim().to_owned());
        let mut block = Remembered { erasure, ..Remembered::default() };
        for line in lines {
            match line.trim().split_once(char::is_whitespace) {
                Some(("user_id", id)) => block.users.insert(id.trim().to_owned()),
                Some(("anonymous_id", id)) => block.devices.insert(id.trim().to_owned()),
                _ => break,
            };
        }
        block
    })
}

/// Waits until every validate has the list as the file has it; else says what is not so. Nobody is
/// asked where that is taken for granted.
pub(super) async fn until_in_force(
    list: &List,
    config: &Config,
    patience: Duration,
    taken_for_granted: bool,
) -> anyhow::Result<Result<(), String>> {
    if taken_for_granted {
        return Ok(Ok(()));
    }
    let begun = Instant::now();
    let mut told = false;
    loop {
        let ids = list.ids()?;
        let trouble = match told_by_validate(config).await {
            Ok(told) if told.is_empty() => {
                "no validate is known: name the admin ports of all services by admin under \
                 [status], or pass --suppressed once you know that every validate has read the list"
                    .to_owned()
            }
            Ok(told) => match told.iter().find(|(_, has)| *has != Some(ids)) {
                None => return Ok(Ok(())),
                Some((at, has)) => {
                    let has = has.map_or_else(|| "none".to_owned(), |it| it.to_string());
                    format!("the validate at {at} has {has} ids of the {ids} on the list")
                }
            },
            Err(trouble) => trouble,
        };
        if begun.elapsed() >= patience {
            return Ok(Err(trouble));
        }
        if !std::mem::replace(&mut told, true) {
            output::progress(&format!("waiting for the suppression list: {trouble}"));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// How many ids each validate suppresses.
async fn told_by_validate(config: &Config) -> Result<Vec<(String, Option<usize>)>, String> {
    let answers = ports::ask(config).await;
    if let Some(away) =
        answers.iter().find(|it| it.report.is_err() && !config.status.admin.is_empty())
    {
        let why = away.report.as_ref().err().map_or("", String::as_str);
        return Err(format!("whether {} is a validate is not known: {why}", away.address));
    }
    let mut told = Vec::new();
    for (at, _) in ports::components_named(&answers, Service::Validate.name()) {
        let metrics = ports::metrics(at).await?;
        told.push((at.to_owned(), ids_in(&metrics)));
    }
    Ok(told)
}

/// What the metrics of a process say.
fn ids_in(metrics: &str) -> Option<usize> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(METRIC))?;
    value.trim_start_matches("{}").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use telemetry::{ConfigMetrics, Health};

    use super::*;

    #[tokio::test]
    async fn how_many_ids_a_process_suppresses_is_told_by_its_admin_port() {
        ConfigMetrics::new().suppresses(7);
        let listen = "127.0.0.1:0".parse().unwrap();
        let served = telemetry::admin::serve(listen, Health::new(), std::future::pending());
        let (bound, _task) = served.await.unwrap();
        let metrics = ports::metrics(&bound.to_string()).await.unwrap();
        assert_eq!(ids_in(&metrics), Some(7));
        assert_eq!(ids_in("waybill_config_reloads_total{} 3\n"), None);
    }

    fn person(users: &[&str], devices: &[&str]) -> Person {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Person { user_ids: set(users), anonymous_ids: set(devices), ..Person::default() }
    }

    fn list(text: &str) -> (tempfile::TempDir, List) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("suppressed.txt");
        fs::write(&path, text).unwrap();
        let list = List::read(&path).unwrap();
        (dir, list)
    }

    #[test]
    fn an_erasure_is_appended_once_and_remembered_by_each_of_its_ids() {
        let (_dir, mut list) = list("# by hand\nuser_id other");
        let ann = person(&["ann", "old ann"], &["#phone"]);
        list.suppress("e-1", &ann).unwrap();
        let once = list.text.clone();
        list.suppress("e-1", &ann).unwrap();
        assert_eq!(list.text, once);
        assert_eq!(list.ids().unwrap(), 4);
        assert!(once.starts_with("# by hand\nuser_id other\n"));
        for whom in [Whom::User("old ann".to_owned()), Whom::Device("#phone".to_owned())] {
            let remembered = list.remembered(&whom);
            assert_eq!(remembered.erasure.as_deref(), Some("e-1"), "{whom:?}");
            assert_eq!(remembered.users, ann.user_ids);
            assert_eq!(remembered.devices, ann.anonymous_ids);
        }
        let others = [Whom::User("other".to_owned()), Whom::Device("ann".to_owned())];
        for whom in others {
            assert_eq!(list.remembered(&whom), Remembered::default(), "{whom:?}");
        }
    }

    #[test]
    fn what_is_written_by_hand_behind_an_erasure_is_not_of_it() {
        let (_dir, mut list) = list("");
        list.suppress("e-1", &person(&["ann"], &[])).unwrap();
        fs::write(&list.path, format!("{}user_id bob\n", list.text)).unwrap();
        let mut list = List::read(&list.path).unwrap();
        list.suppress("e-2", &person(&["ann"], &["phone"])).unwrap();
        let remembered = list.remembered(&Whom::User("ann".to_owned()));
        assert_eq!(remembered.erasure.as_deref(), Some("e-2"));
        assert_eq!(remembered.users, BTreeSet::from(["ann".to_owned()]));
        assert_eq!(list.remembered(&Whom::User("bob".to_owned())), Remembered::default());
    }

    #[test]
    fn a_list_that_cannot_be_written_says_what_is_to_be_added() {
        let (dir, mut list) = list("");
        list.path = dir.path().join("nowhere/suppressed.txt");
        let error = list.suppress("e-1", &person(&["ann"], &["phone"])).unwrap_err().to_string();
        assert!(error.contains("nothing was erased"), "{error}");
        assert!(error.contains("user_id ann\nanonymous_id phone"), "{error}");
    }
}
