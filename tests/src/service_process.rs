//! One service as a process of the real binary, and what tests do to it.

use std::{
    fmt,
    fs::{self, OpenOptions},
    net::SocketAddr,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::PathBuf,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use local_stack::spawner::{Spawner, mortal};
use rustix::process::{Pid, Signal, kill_process};
use topology::Service;

use crate::{
    http::{Answer, Http},
    metrics::Metrics,
    wait::until,
};

const READY_WITHIN: Duration = Duration::from_secs(90);
const GONE_WITHIN: Duration = Duration::from_secs(20);
const TAIL_LINES: usize = 20;

/// A service of a flow. Started, killed and restarted on the same ports and files.
#[derive(Debug)]
pub struct ServiceProcess {
    pub(crate) service: Service,
    /// Part of its transactional and group instance ids.
    pub(crate) slot: u16,
    pub(crate) binary: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) admin: SocketAddr,
    pub(crate) spawner: Arc<Spawner>,
    pub(crate) http: Http,
    pub(crate) process: Mutex<Process>,
}

/// What is known of the newest process of a service.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// As long as it is not known to have ended.
    child: Option<Child>,
    /// How it ended.
    ended: Option<ExitStatus>,
}

/// How a process ended that was asked to.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// From the signal to the end.
    pub took: Duration,
    /// How it ended.
    pub status: ExitStatus,
}

impl ServiceProcess {
    /// Starts the process; does not wait until it is ready.
    pub fn start(&self) -> anyhow::Result<()> {
        self.start_with(&[])
    }

    /// [`start`](Self::start) with further variables in its environment.
    pub fn start_with(&self, variables: &[(&str, &str)]) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "{self} runs already");
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = mortal(&self.binary);
        command
            .arg("--config")
            .arg(&self.config)
            .arg(self.service.name())
            .env("WAYBILL_ADMIN__LISTEN", self.admin.to_string())
            .env("WAYBILL_SLOT", self.slot.to_string())
            .envs(variables.iter().copied())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal is for this program, which then stops the services.
            .process_group(0);
        if self.service == Service::Audit {
            command.arg("--serve");
        }
        if self.slot > 0 && self.service == Service::IdentityStitch {
            // No two instances share a state: this one's lies beside its log.
            command.env("WAYBILL_IDENTITY_STITCH__STATE_DIR", self.log.with_extension("state"));
        }
        let child = self.spawner.spawn(command).with_context(|| format!("start {self}"))?;
        *self.process() = Process { child: Some(child), ended: None };
        Ok(())
    }

    /// Its slot.
    pub fn slot(&self) -> u16 {
        self.slot
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().child.as_ref().map(Child::id)
    }

    /// Whether its process exists.
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// SIGKILL. An error if it did not run: then nothing was killed.
    pub fn kill(&self) -> anyhow::Result<()> {
        let stopped = self.end_with(Signal::KILL)?;
        ensure!(stopped.status.signal() == Some(9), "{self} ended by itself before");
        Ok(())
    }

    /// SIGTERM, and how that went.
    pub fn stop_gracefully(&self) -> anyhow::Result<Stopped> {
        self.end_with(Signal::TERM)
    }

    /// Starts it again, after a SIGKILL if it runs, and waits until it is ready.
    pub fn restart(&self) -> anyhow::Result<()> {
        if self.is_running() {
            self.kill()?;
        }
        self.start()?;
        self.until_ready()
    }

    /// Waits until its process ends by itself.
    pub fn until_ended(&self, within: Duration) -> anyhow::Result<ExitStatus> {
        let ended = until(&format!("{self} has ended"), within, || Ok(self.process().ended));
        ended.with_context(|| self.log_tail())
    }

    /// Stops it in mid-air with SIGSTOP.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after it was frozen.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until it is frozen: by [`freeze`](Self::freeze), or by itself at a crash point.
    pub fn until_frozen(&self, within: Duration) -> anyhow::Result<()> {
        let frozen = until(&format!("{self} is frozen"), within, || {
            let pid = self.pid().with_context(|| format!("{self} has ended"))?;
            // The state follows the name, which stands in brackets: proc_pid_stat(5).
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            Ok(stat.rsplit_once(") ").is_some_and(|it| it.1.starts_with('T')).then_some(()))
        });
        frozen.with_context(|| self.log_tail())
    }

    /// What it counts.
    pub fn metrics(&self) -> anyhow::Result<Metrics> {
        Ok(Metrics::new(self.http.get(&format!("http://{}/metrics", self.admin))?.ok()?))
    }

    /// All that its processes have logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What its `/readyz` answers now; an error if it does not answer.
    pub fn readiness(&self) -> anyhow::Result<Answer> {
        self.http.get(&format!("http://{}/readyz", self.admin))
    }

    /// Waits until it says that it is ready. Its end meanwhile is an error.
    pub fn until_ready(&self) -> anyhow::Result<()> {
        let mut last = String::new();
        let waited = until(&format!("{self} is ready"), READY_WITHIN, || {
            if !self.is_running() {
                bail!("{self} has ended");
            }
            let Ok(answer) = self.readiness() else { return Ok(None) };
            last = answer.body;
            Ok((answer.status == 200).then_some(()))
        });
        waited.with_context(|| format!("last said: {last}\n{}", self.log_tail()))
    }

    /// Waits until its `/readyz` says 503 with `what` among what it waits for.
    pub fn until_it_waits_for(&self, what: &str) -> anyhow::Result<String> {
        let waited = until(&format!("{self} waits for {what}"), READY_WITHIN, || {
            let Ok(answer) = self.readiness() else { return Ok(None) };
            let waits = answer.status == 503 && answer.body.to_lowercase().contains(what);
            Ok(waits.then_some(answer.body))
        });
        waited.with_context(|| self.log_tail())
    }

    /// Where its metrics, liveness and readiness are.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The last line of its log.
    pub fn last_line(&self) -> String {
        self.log().lines().last().unwrap_or_default().to_owned()
    }

    /// The last lines of its log, and how its newest process ended if it has.
    pub fn log_tail(&self) -> String {
        let text = self.log();
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        let ended = self.ended().map(|status| format!("\n--- it ended: {status}"));
        let (log, ended) = (self.log.display(), ended.unwrap_or_default());
        format!("--- {self}: end of {log}\n{}{ended}", tail.join("\n"))
    }

    /// How its newest process ended; nothing if it runs, or was never started.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process().ended
    }

    /// The newest process as it is now: one that has ended is reaped first.
    fn process(&self) -> MutexGuard<'_, Process> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let status = process.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if status.is_some() {
            *process = Process { child: None, ended: status };
        }
        process
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let process = self.process();
        let child = process.child.as_ref().with_context(|| format!("{self} does not run"))?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    fn end_with(&self, signal: Signal) -> anyhow::Result<Stopped> {
        let begun = Instant::now();
        self.signal(signal)?;
        let ended = self.until_ended(GONE_WITHIN);
        if ended.is_err() {
            self.signal(Signal::KILL)?;
            self.until_ended(GONE_WITHIN)?;
        }
        Ok(Stopped { took: begun.elapsed(), status: ended? })
    }
}

impl fmt::Display for ServiceProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            0 => write!(f, "{}", self.service),
            slot => write!(f, "{} in slot {slot}", self.service),
        }
    }
}
