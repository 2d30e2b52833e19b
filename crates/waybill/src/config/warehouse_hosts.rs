//! What must hold of [warehouse] beside the type of each key.

use topology::{Cleanup, Topic};
use warehouse::WarehouseError;

use super::{Config, Problem};

/// Kafka deletes whole segments, and by default a segment takes records for a week.
const SEGMENT_DAYS: u32 = 7;

/// Finds what is wrong with the section.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    if let Err(WarehouseError::Config { key, detail }) = config.warehouse.check() {
        problems.push(Problem { key: format!("warehouse.{key}"), message: detail });
    }
    let (kept, least) = (config.warehouse.keep_days.events, audited_days());
    if (1..least).contains(&kept) {
        let message = format!(
            "is 0 (for ever) or at least {least}: the auditor compares `events` with all that raw-events \
             may still hold, and would call missing what was deleted before"
        );
        problems.push(Problem { key: "warehouse.keep_days.events".to_owned(), message });
    }
}

/// For how many days the auditor may find an event in `raw-events`.
fn audited_days() -> u32 {
    match Topic::RawEvents.spec().cleanup {
        Cleanup::DeleteAfterHours(hours) => hours.div_ceil(24) + SEGMENT_DAYS + 1,
        Cleanup::Compact | Cleanup::Never => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        check(config, &mut problems);
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn events_are_not_deleted_before_the_auditor_has_done_with_them() {
        assert_eq!(audited_days(), 14 + 7 + 1);
        let keeping = |days| {
            let mut config = Config::default();
            config.warehouse.keep_days.events = days;
            keys(&config)
        };
        for (days, fits) in [(0, true), (1, false), (21, false), (22, true), (400, true)] {
            assert_eq!(keeping(days).is_empty(), fits, "{days}");
        }
        assert_eq!(keeping(21), ["warehouse.keep_days.events"]);
    }

    #[test]
    fn several_hosts_with_plain_tables_are_refused_with_their_key() {
        let mut config = Config::default();
        config.warehouse.replicas = vec!["http://b:8123".to_owned()];
        assert_eq!(keys(&config), ["warehouse.replicas"]);
        config.warehouse.cluster = Some("events".to_owned());
        assert_eq!(keys(&config), Vec::<String>::new());
    }

    #[test]
    fn shipped_configurations_are_read_without_a_problem() {
        let deploy = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy"));
        for name in ["waybill.compose.toml", "waybill.cluster.toml"] {
            let read = super::super::load(&deploy.join(name), true, std::iter::empty());
            let config = read.unwrap_or_else(|problems| panic!("{name}: {problems}"));
            let hosts = 1 + config.warehouse.replicas.len();
            let further: Vec<usize> = config.warehouse.more_shards.iter().map(Vec::len).collect();
            let expected =
                if config.warehouse.cluster.is_some() { (3, vec![3]) } else { (1, vec![]) };
            assert_eq!((hosts, further), expected, "{name}");
        }
        let example = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(example.path(), super::super::EXAMPLE).unwrap();
        let config = super::super::load(example.path(), true, std::iter::empty()).unwrap();
        assert_eq!(config.warehouse, warehouse::WarehouseConfig::default());
    }
}
