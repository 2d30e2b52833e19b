//! What a process costs, as the kernel counts it: proc_pid_stat(5), proc_pid_status(5).

use std::fs;

use anyhow::Context as _;
use rustix::param::clock_ticks_per_second;

/// What a process has used.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    /// Who.
    pub name: String,
    /// CPU seconds, user and system.
    pub cpu: f64,
    /// The most memory that it ever had, in MiB.
    pub peak_mib: u64,
}

/// What the process with this id has used since its start. An error if it has ended.
pub fn spent(name: &str, pid: Option<u32>) -> anyhow::Result<Spent> {
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

/// Seconds of so many clock ticks.
#[expect(clippy::cast_precision_loss, reason = "seconds need no 53 bits")]
pub fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use std::process;

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
    fn this_process_has_used_something() {
        let me = spent("me", Some(process::id())).unwrap();
        assert!(me.peak_mib > 0);
        assert!(spent("nobody", None).is_err());
    }
}
