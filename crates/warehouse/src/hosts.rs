//! The hosts of ClickHouse, shard by shard, and which of them is asked.
//!
//! Whoever asks goes on with the host that answered last. One that cannot is left for the next, and
//! nobody goes back before that one cannot either: a host that comes and goes would take everybody
//! along, and all that the first has before the others is its place in the list.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use url::Url;

use crate::{WarehouseConfig, WarehouseError};

/// One host.
pub(crate) struct Host {
    pub(crate) url: Url,
    pub(crate) client: clickhouse::Client,
}

/// A shard of the warehouse, by its place in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(usize);

impl Shard {
    /// Where everything is that comes from no partition: what `migrate`, the auditor and operators write.
    pub const HOME: Self = Self(0);

    /// By its number; the first is 0.
    pub const fn numbered(number: u32) -> Self {
        Self(number as usize)
    }

    /// The first so many.
    pub(crate) fn all(count: usize) -> impl Iterator<Item = Self> + use<> {
        (0..count).map(Self)
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

/// The replicas of a shard; there is at least one.
pub(crate) struct Hosts {
    all: Vec<Host>,
    current: AtomicUsize,
}

impl Hosts {
    /// Those of the configuration, shard by shard; there is at least one.
    pub(crate) fn of_shards(config: &WarehouseConfig) -> Result<Vec<Self>, WarehouseError> {
        let host = |(key, text): (&'static str, &String)| {
            let client = clickhouse::Client::default()
                .with_url(text.as_str())
                .with_user(config.user.as_str())
                .with_password(config.password.as_str());
            Ok(Host { url: parsed(key, text)?, client })
        };
        let shard = |addresses: Vec<(&'static str, &String)>| {
            let all = addresses.into_iter().map(host).collect::<Result<_, WarehouseError>>()?;
            Ok(Self { all, current: AtomicUsize::new(0) })
        };
        config.shards().into_iter().map(shard).collect()
    }

    pub(crate) fn all(&self) -> &[Host] {
        &self.all
    }

    /// Each host once by its index, the one that answered last first.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, first) = (self.all.len(), self.current.load(Ordering::Relaxed));
        (0..count).map(move |step| (first + step) % count)
    }

    /// Leaves a host that cannot for the next, unless somebody else has.
    pub(crate) fn leave(&self, index: usize, why: &dyn fmt::Display) {
        let next = (index + 1) % self.all.len();
        let left = self.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
        if next != index && left.is_ok() {
            let (from, to) = (self.name(index), self.name(next));
            tracing::warn!(from, to, "the next ClickHouse is asked: {why}");
        }
    }

    /// Host and port, as the configuration has them.
    pub(crate) fn name(&self, index: usize) -> String {
        let Some(Host { url, .. }) = self.all.get(index) else { return String::new() };
        let host = url.host_str().unwrap_or_default();
        url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// So many are more than half.
    pub(crate) fn majority(&self) -> usize {
        self.all.len() / 2 + 1
    }
}

pub(crate) fn parsed(key: &'static str, text: &str) -> Result<Url, WarehouseError> {
    let invalid = |detail: &str| WarehouseError::Config { key, detail: detail.to_owned() };
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain {
        return Ok(url);
    }
    Err(invalid("expected http(s)://host:port; user and password have keys of their own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Hosts {
        let config = WarehouseConfig {
            url: "http://a:8123".to_owned(),
            replicas: vec!["http://b:8123".to_owned(), "https://c".to_owned()],
            ..WarehouseConfig::default()
        };
        Hosts::of_shards(&config).unwrap().swap_remove(0)
    }

    fn turn(hosts: &Hosts) -> Vec<usize> {
        hosts.in_turn().collect()
    }

    #[test]
    fn a_host_that_cannot_is_left_once_and_the_next_is_stayed_with() {
        let hosts = three();
        assert_eq!(turn(&hosts), [0, 1, 2]);
        hosts.leave(0, &"refused");
        hosts.leave(0, &"seen by another, too");
        assert_eq!(turn(&hosts), [1, 2, 0]);
        hosts.leave(1, &"refused");
        hosts.leave(2, &"refused");
        assert_eq!(turn(&hosts), [0, 1, 2]);
        assert_eq!((hosts.name(0).as_str(), hosts.name(2).as_str()), ("a:8123", "c:443"));
        assert_eq!(hosts.majority(), 2);
    }

    #[test]
    fn the_only_host_is_never_left() {
        let hosts = Hosts::of_shards(&WarehouseConfig::default()).unwrap().swap_remove(0);
        hosts.leave(0, &"refused");
        assert_eq!(turn(&hosts), [0]);
        assert_eq!(hosts.majority(), 1);
    }
}
