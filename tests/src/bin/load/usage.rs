//! What each process costs, as the kernel counts it: proc_pid_stat(5), proc_pid_status(5).

use std::{fs, process, time::Instant};

use anyhow::Context as _;
use local_stack::Part;
use rustix::param::clock_ticks_per_second;
use topology::Service;
use waybill_tests::Flow;

/// What a process has used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spent {
    /// Who.
    pub(crate) name: String,
    /// CPU seconds, user and system.
    pub(crate) cpu: f64,
    /// The most memory that it ever had, in MiB.
    pub(crate) peak_mib: u64,
}

/// What all of them have used.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    /// In the order in which they are printed.
    pub(crate) processes: Vec<Spent>,
    /// CPU seconds of the whole machine.
    pub(crate) machine: f64,
    /// Seconds that this took.
    pub(crate) seconds: f64,
    at: Instant,
}

impl Usage {
    /// From the start of each process until now.
    pub(crate) fn now(flow: &Flow) -> anyhow::Result<Self> {
        let mut processes = Vec::new();
        for service in Service::RUNNABLE {
            processes.push(spent(service.name(), flow.service(service).pid())?);
        }
        let parts = [
            ("Kafka", Part::Kafka),
            ("registry", Part::Registry),
            ("ClickHouse", Part::ClickHouse),
        ];
        for (name, part) in parts {
            processes.push(spent(name, flow.stack().part(part).pid())?);
        }
        processes.push(spent("this generator", Some(process::id()))?);
        Ok(Self { processes, machine: machine()?, seconds: 0.0, at: Instant::now() })
    }

    /// From another moment until this one; the peaks stay as they are.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (spent, before) in self.processes.iter_mut().zip(&before.processes) {
            spent.cpu -= before.cpu;
        }
        self.machine -= before.machine;
        self.seconds = (self.at - before.at).as_secs_f64();
        self
    }
}

fn spent(name: &str, pid: Option<u32>) -> anyhow::Result<Spent> {
    let pid = pid.with_context(|| format!("{name} has ended"))?;
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let cpu = cpu_ticks(&read("stat")?).with_context(|| format!("CPU of {name}"))?;
    let peak_mib = peak_kib(&read("status")?).with_context(|| format!("memory of {name}"))? / 1024;
    Ok(Spent { name: name.to_owned(), cpu: seconds(cpu), peak_mib })
}

/// User and system time: fields 14 and 15. The name may contain blanks; behind it stands field 3.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().ok());
    ticks.sum()
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn machine() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    Ok(seconds(busy_ticks(&stat).context("/proc/stat")?))
}

/// All but idle and waiting for disks; a guest's time is in the user's already.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu")?.split_whitespace();
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else { return None };
    Some(user + nice + system + irq + softirq)
}

#[expect(clippy::cast_precision_loss, reason = "seconds need no 53 bits")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_read_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 1500 500 9 9 20 0 1 0 5";
        assert_eq!(cpu_ticks(stat), Some(2000));
        assert_eq!(cpu_ticks("7 (a"), None);
    }

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(peak_kib("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n"), Some(2048));
        assert_eq!(peak_kib("Name:\ta\n"), None);
    }

    #[test]
    fn a_machine_is_not_busy_while_it_waits() {
        let stat = "cpu  100 1 50 9000 70 2 3 0 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy_ticks(stat), Some(156));
    }

    #[test]
    fn this_process_has_used_something() {
        let me = spent("me", Some(process::id())).unwrap();
        assert!(me.peak_mib > 0);
        assert!(spent("nobody", None).is_err());
    }
}
