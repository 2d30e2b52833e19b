//! Children that cannot outlive this process, even if it is killed with SIGKILL.
//!
//! Each child is started through `setpriv --pdeathsig KILL` (util-linux): the kernel kills it
//! when the *thread* that started it ends. A thread of a pool may end at any time, so one thread
//! per [`Spawner`] does nothing but start children, and ends with the `Spawner`.

use std::ffi::OsStr;
use std::io;
use std::process::{self, Child, Command};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

struct Request {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

/// A thread that starts children. Dropping it kills those that still run.
#[derive(Debug)]
pub struct Spawner {
    requests: Sender<Request>,
}

impl Spawner {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (requests, inbox) = channel::<Request>();
        thread::Builder::new().name("spawner".into()).spawn(move || {
            for mut request in inbox {
                // A caller that went away has dropped its end; its child dies with this thread.
                let _ = request.reply.send(request.command.spawn());
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts `command` from the thread. Blocks for the milliseconds that this takes.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = sync_channel(1);
        let gone = "the spawning thread has ended";
        self.requests.send(Request { command, reply }).map_err(|_| io::Error::other(gone))?;
        answer.recv().map_err(|_| io::Error::other(gone))?
    }
}

/// Looks, once the kernel knows of the wish to die, whether the parent lives still.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// `program` as a command that dies with the thread that starts it. Arguments may be added.
pub fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "sh", "-c", UNLESS_ORPHANED])
        .arg(process::id().to_string())
        .arg(program);
    command
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, test_kill_process};

    use super::*;

    /// A child that lasts, past the moment from which it is mortal.
    fn sleeper(spawner: &Spawner) -> Child {
        let mut command = mortal("sh");
        command.args(["-c", "echo; exec sleep 1000"]).stdout(Stdio::piped());
        let mut child = spawner.spawn(command).unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    fn ends_soon(mut gone: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if gone() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    #[test]
    fn children_die_with_their_spawner() {
        let spawner = Spawner::start().unwrap();
        let mut child = sleeper(&spawner);
        assert!(child.try_wait().unwrap().is_none());
        drop(spawner);
        assert!(ends_soon(|| child.try_wait().unwrap().is_some()));
    }

    /// Not a test by itself: the process that the next test kills.
    #[test]
    #[ignore = "run by children_die_with_a_parent_killed_by_sigkill"]
    fn parent_to_be_killed() {
        let spawner = Spawner::start().unwrap();
        let mut child = sleeper(&spawner);
        println!("\nchild {}", child.id());
        child.wait().unwrap();
    }

    #[test]
    fn children_die_with_a_parent_killed_by_sigkill() {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "spawner::tests::parent_to_be_killed", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(parent.stdout.take().unwrap());
        let child = output
            .lines()
            .find_map(|line| line.unwrap().strip_prefix("child ")?.parse().ok())
            .and_then(Pid::from_raw)
            .unwrap();
        test_kill_process(child).unwrap();
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(ends_soon(|| test_kill_process(child).is_err()));
    }
}
