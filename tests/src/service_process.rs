//! One service as a process of the real binary, and what tests do to it.

use std::{
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
    wait::until,
};

const READY_WITHIN: Duration = Duration::from_secs(90);
const GONE_WITHIN: Duration = Duration::from_secs(20);
const TAIL_LINES: usize = 20;

/// A service of a flow. Started, killed and restarted on the same ports and files.
#[derive(Debug)]
pub struct ServiceProcess {
    pub(crate) service: Service,
    pub(crate) binary: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) admin: SocketAddr,
    pub(crate) spawner: Arc<Spawner>,
    pub(crate) http: Http,
    pub(crate) child: Mutex<Option<Child>>,
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
        ensure!(!self.is_running(), "{} runs already", self.service);
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = mortal(&self.binary);
        command
            .arg("--config")
            .arg(&self.config)
            .arg(self.service.name())
            .env("WAYBILL_ADMIN__LISTEN", self.admin.to_string())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal is for this program, which then stops the services.
            .process_group(0);
        if self.service == Service::Audit {
            command.arg("--serve");
        }
        let child =
            self.spawner.spawn(command).with_context(|| format!("start {}", self.service))?;
        *self.child() = Some(child);
        Ok(())
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Child::id)
    }

    /// Whether its process exists.
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// SIGKILL. An error if it did not run: then nothing was killed.
    pub fn kill(&self) -> anyhow::Result<()> {
        let stopped = self.end_with(Signal::KILL)?;
        ensure!(stopped.status.signal() == Some(9), "{} ended by itself before", self.service);
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

    /// What its `/readyz` answers now; an error if it does not answer.
    pub fn readiness(&self) -> anyhow::Result<Answer> {
        self.http.get(&format!("http://{}/readyz", self.admin))
    }

    /// Waits until it says that it is ready. Its end meanwhile is an error.
    pub fn until_ready(&self) -> anyhow::Result<()> {
        let mut last = String::new();
        let waited = until(&format!("{} is ready", self.service), READY_WITHIN, || {
            if !self.is_running() {
                bail!("{} has ended", self.service);
            }
            let Ok(answer) = self.readiness() else { return Ok(None) };
            last = answer.body;
            Ok((answer.status == 200).then_some(()))
        });
        waited.with_context(|| format!("last said: {last}\n{}", self.log_tail()))
    }

    /// Waits until its `/readyz` says 503 with `what` among what it waits for.
    pub fn until_it_waits_for(&self, what: &str) -> anyhow::Result<String> {
        let waited = until(&format!("{} waits for {what}", self.service), READY_WITHIN, || {
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

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("--- {}: end of {}\n{}", self.service, self.log.display(), tail.join("\n"))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, if it has not ended.
    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        let mut child = self.child();
        let ended = child.as_mut().is_some_and(|it| !matches!(it.try_wait(), Ok(None)));
        if ended {
            *child = None;
        }
        child
    }

    fn end_with(&self, signal: Signal) -> anyhow::Result<Stopped> {
        let child = self.running().take();
        let mut child = child.with_context(|| format!("{} does not run", self.service))?;
        let begun = Instant::now();
        kill_process(Pid::from_child(&child), signal)?;
        let ended =
            until(&format!("{} has ended", self.service), GONE_WITHIN, || Ok(child.try_wait()?));
        if ended.is_err() {
            child.kill()?;
            child.wait()?;
        }
        let status = ended.with_context(|| self.log_tail())?;
        Ok(Stopped { took: begun.elapsed(), status })
    }
}
