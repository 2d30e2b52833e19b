//! The figures, and whether they are good enough.

use std::time::Duration;

use serde_json::{Value, json};
use waybill_tests::Audit;

use crate::{
    generator::Sent,
    hops::Hops,
    probes::{Arrivals, Probes},
    settings::{PER_BATCH, Settings},
    shares::Shares,
    usage::Usage,
};

/// The share of the rate that must be accepted: a batch at either end of the time may fall out.
const RATE_SHARE: f64 = 0.99;
/// A machine that is busier than this beforehand falsifies every figure.
const QUIET: f64 = 1.5;

/// All that was measured.
pub(crate) struct Report<'a> {
    pub(crate) settings: Settings,
    pub(crate) load_before: f64,
    pub(crate) sent: &'a [Sent],
    pub(crate) probes: &'a Probes,
    pub(crate) usage: Usage,
    pub(crate) hops: Hops,
    pub(crate) audit: &'a Audit,
}

impl Report<'_> {
    /// What is wrong; empty if all is well.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (rate, wanted) = (self.rate(), as_f64(self.settings.rate));
        if rate < wanted * RATE_SHARE {
            problems.push(format!("{rate:.0} events/s were accepted, not {wanted:.0}"));
        }
        if self.refused() > 0 {
            problems.push(format!("{} requests were refused", self.refused()));
        }
        let Arrivals { took, lost, .. } = self.probes.arrivals();
        let p99 = Shares::of(took).p99;
        let within = self.settings.queryable_within();
        if p99 > within {
            problems.push(format!(
                "p99 of accepted to queryable is {} ms, not {}",
                p99.as_millis(),
                within.as_millis()
            ));
        }
        if lost > 0 {
            problems.push(format!("{lost} accepted probes never became queryable"));
        }
        if self.audit.code != 0 {
            problems.push(format!("the books do not balance: {}", self.audit));
        }
        let (accepted, raw) = (self.accepted_in_all(), self.audit.report.books().raw);
        if self.refused() == 0 && accepted != raw {
            problems.push(format!("{accepted} events were accepted, but {raw} are numbered"));
        }
        problems
    }

    pub(crate) fn print(&self, problems: &[String]) {
        self.print_latencies();
        self.print_costs();
        self.print_hops();
        let books = self.audit.report.books();
        println!(
            "\nbooks: {}: {} in, {} loaded, {} discarded, {} dead",
            self.audit.verdict(),
            books.raw,
            books.loaded,
            books.discarded,
            books.dead
        );
        for problem in problems {
            println!("FAILED: {problem}");
        }
        if problems.is_empty() {
            let within = self.settings.queryable_within().as_secs_f64();
            println!("the rate was carried, and p99 is within {within} s");
        }
        if self.load_before > QUIET {
            let load = self.load_before;
            println!(
                "the machine was busy before (load average {load}): the figures are worth little"
            );
        }
    }

    fn print_latencies(&self) {
        let Arrivals { took, lost, asked, answer } = self.probes.arrivals();
        println!(
            "\n{:.0} events/s accepted of {} wanted, for {:.0} s; {} requests refused",
            self.rate(),
            self.settings.rate,
            self.usage.seconds,
            self.refused()
        );
        println!("\n{:<26}{:>9}{:>9}{:>9}{:>9}", "milliseconds", "p50", "p95", "p99", "max");
        let probes = took.len();
        print_shares("accepted to queryable", Shares::of(took));
        print_shares("HTTP answer", self.answers());
        print_shares("lateness of the generator", self.lateness());
        println!(
            "\n{probes} probes, {lost} lost; ClickHouse was asked for them {asked} times, {:.1} ms each",
            millis(answer)
        );
    }

    fn print_costs(&self) {
        println!("\n{:<26}{:>14}{:>9}{:>10}", "process", "CPU us/event", "cores", "peak MiB");
        let mut sum = 0.0;
        for spent in &self.usage.processes {
            sum += spent.cpu;
            let (event, cores) = (self.us_per_event(spent.cpu), spent.cpu / self.usage.seconds);
            println!("{:<26}{event:>14.1}{cores:>9.2}{:>10}", spent.name, spent.peak_mib);
        }
        let cores = |cpu: f64| cpu / self.usage.seconds;
        println!("{:<26}{:>14.1}{:>9.2}", "all of these", self.us_per_event(sum), cores(sum));
        let others = (self.usage.machine - sum).max(0.0);
        println!("{:<26}{:>14}{:>9.2}", "others and the kernel", "", cores(others));
    }

    fn print_hops(&self) {
        println!(
            "\n{:<20}{:>10}{:>11}{:>10}{:>10}{:>11}{:>10}{:>8}",
            "stage",
            "batches/s",
            "records",
            "commits/s",
            "ms each",
            "INSERTs/s",
            "ms each",
            "aborts"
        );
        for hop in &self.hops.0 {
            let per_second = |count: f64| count / self.usage.seconds;
            println!(
                "{:<20}{:>10.1}{:>11.0}{:>10.1}{:>10.1}{:>11.1}{:>10.1}{:>8.0}",
                hop.stage.name(),
                per_second(hop.batches),
                ratio(hop.records, hop.batches),
                per_second(hop.commits),
                1e3 * ratio(hop.commit_seconds, hop.commits),
                per_second(hop.inserts),
                1e3 * ratio(hop.insert_seconds, hop.inserts),
                hop.aborts
            );
        }
    }

    /// The same for a program.
    pub(crate) fn json(&self, problems: &[String]) -> Value {
        let Arrivals { took, lost, asked, answer } = self.probes.arrivals();
        let processes = self.usage.processes.iter().map(|spent| {
            json!({
                "name": spent.name,
                "cpu_us_per_event": self.us_per_event(spent.cpu),
                "peak_mib": spent.peak_mib,
            })
        });
        json!({
            "rate_wanted": self.settings.rate,
            "rate_accepted": self.rate(),
            "seconds": self.usage.seconds,
            "refused": self.refused(),
            "queryable_ms": shares_json(Shares::of(took)),
            "answer_ms": shares_json(self.answers()),
            "lateness_ms": shares_json(self.lateness()),
            "probes_lost": lost,
            "questions": { "asked": asked, "ms": millis(answer) },
            "processes": processes.collect::<Vec<_>>(),
            "machine_cores": self.usage.machine / self.usage.seconds,
            "load_average_before": self.load_before,
            "books": self.audit.verdict(),
            "problems": problems,
        })
    }

    fn measured(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| sent.measured)
    }

    fn refused(&self) -> usize {
        self.sent.iter().filter(|sent| !sent.accepted).count()
    }

    fn accepted_in_all(&self) -> u64 {
        self.sent.iter().filter(|sent| sent.accepted).count() as u64 * PER_BATCH
    }

    /// Accepted events per second: from the first batch that was due to the last answer, if that
    /// came late.
    fn rate(&self) -> f64 {
        let accepted = self.measured().filter(|sent| sent.accepted).count() as u64 * PER_BATCH;
        let first = self.measured().map(|sent| sent.due).min();
        let last = self.measured().map(|sent| sent.answered).max();
        let took = last.zip(first).map_or(0.0, |(last, first)| (last - first).as_secs_f64());
        as_f64(accepted) / took.max(as_f64(self.settings.seconds))
    }

    fn answers(&self) -> Shares {
        Shares::of(self.measured().map(|sent| sent.answered - sent.begun))
    }

    fn lateness(&self) -> Shares {
        Shares::of(self.measured().map(|sent| sent.begun.saturating_duration_since(sent.due)))
    }

    fn us_per_event(&self, cpu: f64) -> f64 {
        1e6 * ratio(cpu, self.rate() * self.usage.seconds)
    }
}

fn print_shares(name: &str, Shares { p50, p95, p99, max }: Shares) {
    let [p50, p95, p99, max] = [p50, p95, p99, max].map(millis);
    println!("{name:<26}{p50:>9.1}{p95:>9.1}{p99:>9.1}{max:>9.1}");
}

fn shares_json(Shares { p50, p95, p99, max }: Shares) -> Value {
    json!({ "p50": millis(p50), "p95": millis(p95), "p99": millis(p99), "max": millis(max) })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of events need no 53 bits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
