//! What each process costs, and the machine: proc_stat(5).

use std::{fs, process, time::Instant};

use anyhow::Context as _;
use local_stack::Part;
use topology::Service;
use waybill_tests::{Flow, Spent, seconds, spent};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_not_busy_while_it_waits() {
        let stat = "cpu  100 1 50 9000 70 2 3 0 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy_ticks(stat), Some(156));
    }
}
