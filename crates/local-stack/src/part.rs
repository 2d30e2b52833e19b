//! One part of a running stack, and what tests do to it.

use std::fmt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::tail;
use crate::launch::Launch;
use crate::spawner::Spawner;
use crate::{Progress, StackError};

const START_WITHIN: Duration = Duration::from_mins(2);
const STOP_WITHIN: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(50);
const REAP_EVERY: Duration = Duration::from_millis(5);
const FIRST_REPORT: Duration = Duration::from_secs(2);
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// The parts of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The schema registry.
    Registry,
    /// The warehouse.
    ClickHouse,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Registry, Self::ClickHouse];

    /// The name of its folder and log under the stack's folder.
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::ClickHouse => "clickhouse",
        }
    }

    /// What people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Registry => "the registry",
            Self::ClickHouse => "ClickHouse",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One part of a running stack.
#[derive(Debug)]
pub struct PartHandle {
    launch: Launch,
    process: Mutex<Process>,
    spawner: Arc<Spawner>,
    client: reqwest::Client,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Process {
    /// As long as it is not known to have ended.
    child: Option<Child>,
    /// How the last one ended.
    ended: Option<ExitStatus>,
}

impl PartHandle {
    pub(crate) fn new(
        launch: Launch,
        spawner: Arc<Spawner>,
        client: reqwest::Client,
        progress: Progress,
    ) -> Self {
        Self { launch, process: Mutex::default(), spawner, client, progress }
    }

    /// Its process id while it runs, frozen or not.
    pub fn pid(&self) -> Option<u32> {
        self.process().child.as_ref().map(Child::id)
    }

    /// All that its process wrote, of this start and those before.
    pub fn log_path(&self) -> &Path {
        &self.launch.log
    }

    /// Whether it answers now; waits for up to two seconds.
    pub async fn answers(&self) -> bool {
        self.launch.probe.answers(&self.client).await
    }

    /// Waits until it answers: two minutes, then it is an error, as is its end meanwhile.
    pub async fn until_it_answers(&self) -> Result<(), StackError> {
        let start = Instant::now();
        let mut next_report = FIRST_REPORT;
        while !self.answers().await {
            if self.pid().is_none() {
                return Err(self.ended());
            }
            if start.elapsed() > START_WITHIN {
                return Err(self.no_answer(start.elapsed()));
            }
            if start.elapsed() > next_report {
                self.progress.say(&format!(
                    "starting {}: {} s, log in {}",
                    self.launch.name,
                    next_report.as_secs(),
                    self.launch.log.display()
                ));
                next_report += REPORT_EVERY;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Ends it with SIGKILL and waits until it is gone. Nothing to do if it does not run.
    pub async fn kill(&self) -> Result<(), StackError> {
        self.signal_if_running(Signal::KILL)?;
        self.gone().await;
        Ok(())
    }

    /// Stops it in mid-air with SIGSTOP: its sockets accept and never answer. Returns when the
    /// last of its threads has stopped, for the signal alone lets some of them run on for a while.
    pub fn freeze(&self) -> Result<(), StackError> {
        self.signal(Signal::STOP)?;
        let process = self.process();
        let child = process.child.as_ref().ok_or(StackError::NotRunning(self.launch.name))?;
        // The report is left where it is: an end is for `process` to reap.
        let stopped_or_ended =
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| waitid(WaitId::Pid(Pid::from_child(child)), stopped_or_ended))
            .map(drop)
            .map_err(|error| StackError::io(format!("freezing {}", self.launch.name))(error.into()))
    }

    /// Lets it go on after [`Self::freeze`]. Kafka may need a second more before it answers: a
    /// broker that was silent for three is fenced.
    pub fn thaw(&self) -> Result<(), StackError> {
        self.signal(Signal::CONT)
    }

    /// Starts it again on its data and its ports and waits until it answers. If it still runs,
    /// it is killed first.
    pub async fn restart(&self) -> Result<(), StackError> {
        self.kill().await?;
        self.start().await
    }

    pub(crate) async fn start(&self) -> Result<(), StackError> {
        self.process().child = Some(self.launch.spawn(&self.spawner)?);
        self.until_it_answers().await
    }

    /// Ends it with SIGTERM, or with SIGKILL if that takes longer than ten seconds.
    pub(crate) async fn stop(&self) -> Result<(), StackError> {
        self.signal_if_running(Signal::TERM)?;
        self.signal_if_running(Signal::CONT)?;
        match tokio::time::timeout(STOP_WITHIN, self.gone()).await {
            Ok(()) => Ok(()),
            Err(_) => self.kill().await,
        }
    }

    /// [`Self::kill`] for a drop: blocks until the process is gone, and has no one to tell.
    pub(crate) fn kill_now(&self) {
        if let Some(mut child) = self.process().child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn ended(&self) -> StackError {
        let status = self.process().ended;
        StackError::Ended {
            part: self.launch.name,
            status: status.map_or("killed meanwhile".into(), |status| status.to_string()),
            log: self.launch.log.clone(),
            tail: tail(&self.launch.log),
        }
    }

    fn no_answer(&self, waited: Duration) -> StackError {
        StackError::NoAnswer {
            part: self.launch.name,
            waited,
            log: self.launch.log.clone(),
            tail: tail(&self.launch.log),
        }
    }

    async fn gone(&self) {
        while self.pid().is_some() {
            tokio::time::sleep(REAP_EVERY).await;
        }
    }

    /// The process as it is now: one that has ended is reaped first.
    fn process(&self) -> MutexGuard<'_, Process> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let status = process.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if status.is_some() {
            *process = Process { child: None, ended: status };
        }
        process
    }

    fn signal(&self, signal: Signal) -> Result<(), StackError> {
        let process = self.process();
        let child = process.child.as_ref().ok_or(StackError::NotRunning(self.launch.name))?;
        let sent = kill_process(Pid::from_child(child), signal).map_err(Into::into);
        sent.map_err(StackError::io(format!("signalling {}", self.launch.name)))
    }

    fn signal_if_running(&self, signal: Signal) -> Result<(), StackError> {
        match self.signal(signal) {
            Err(StackError::NotRunning(_)) => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::Probe;

    fn part_that_runs(script: &str, dir: &Path) -> PartHandle {
        let launch = Launch {
            name: Part::Kafka.name(),
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            folder: dir.into(),
            log: dir.join("kafka.log"),
            probe: Probe::Kafka(1),
        };
        let spawner = Arc::new(Spawner::start().unwrap());
        PartHandle::new(launch, spawner, reqwest::Client::new(), Progress::default())
    }

    #[tokio::test]
    async fn a_start_that_fails_says_how_and_shows_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let part = part_that_runs("echo the reason; exit 7", dir.path());
        let message = part.start().await.unwrap_err().to_string();
        let log = dir.path().join("kafka.log");
        let expected = format!(
            "Kafka ended while starting (exit status: 7); end of {}:\nthe reason",
            log.display()
        );
        assert_eq!(message, expected);
    }

    #[tokio::test]
    async fn a_frozen_part_can_be_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let part = part_that_runs("exec sleep 1000", dir.path());
        part.process().child = Some(part.launch.spawn(&part.spawner).unwrap());
        part.freeze().unwrap();
        part.stop().await.unwrap();
        assert_eq!(part.pid(), None);
    }

    #[tokio::test]
    async fn a_part_that_does_not_run_can_be_killed_and_not_frozen() {
        let dir = tempfile::tempdir().unwrap();
        let part = part_that_runs("exit", dir.path());
        part.kill().await.unwrap();
        assert!(matches!(part.freeze(), Err(StackError::NotRunning("Kafka"))));
    }
}
