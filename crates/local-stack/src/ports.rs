//! Ports that stay a stack's own over restarts.
//!
//! A port found by binding to 0 lies in the kernel's range for outgoing connections: while a
//! killed part is away, any client on the machine may take it. So free ports come from below
//! that range, in blocks, and a file lock per block keeps other stacks off for as long as the
//! stack lives.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::{PortChoice, StackError};

const FIRST: u16 = 20_000;
const BLOCK: u16 = 16;
const BLOCKS: u16 = 750;
const _: () = assert!(FIRST + BLOCK * BLOCKS <= 32_768, "Linux takes outgoing ports from here on");

/// The ports of a stack, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Kafka's clients.
    pub kafka: u16,
    /// Kafka's controller; nobody but Kafka connects to it.
    pub kafka_controller: u16,
    /// The registry's HTTP.
    pub registry: u16,
    /// ClickHouse's HTTP.
    pub clickhouse_http: u16,
    /// ClickHouse's native protocol.
    pub clickhouse_tcp: u16,
    /// Kafka's listener for clients that come through a proxy ([`crate::StackConfig::proxied`]).
    pub kafka_behind_proxy: u16,
    /// Where that proxy is to listen, as Kafka tells those clients.
    pub kafka_proxy: u16,
    /// HTTP of the second ClickHouse, if there is one; its native protocol comes next, then the third's.
    pub clickhouse_shards: u16,
}

/// The ports of one ClickHouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClickHousePorts {
    pub(crate) http: u16,
    pub(crate) tcp: u16,
}

impl Ports {
    /// The ports these products are known by, for a stack that people type addresses of.
    pub const WELL_KNOWN: Self = Self {
        kafka: 9092,
        kafka_controller: 9093,
        registry: 8081,
        clickhouse_http: 8123,
        clickhouse_tcp: 9000,
        kafka_behind_proxy: 9094,
        kafka_proxy: 9095,
        clickhouse_shards: 8124,
    };

    fn from_first(first: u16) -> Self {
        Self {
            kafka: first,
            kafka_controller: first + 1,
            registry: first + 2,
            clickhouse_http: first + 3,
            clickhouse_tcp: first + 4,
            kafka_behind_proxy: first + 5,
            kafka_proxy: first + 6,
            clickhouse_shards: first + 8,
        }
    }

    /// Those of the ClickHouse with this number, from 0.
    pub(crate) fn of_clickhouse(self, shard: u16) -> ClickHousePorts {
        let Some(further) = shard.checked_sub(1) else {
            return ClickHousePorts { http: self.clickhouse_http, tcp: self.clickhouse_tcp };
        };
        let http = self.clickhouse_shards + 2 * further;
        ClickHousePorts { http, tcp: http + 1 }
    }

    fn first_taken(self) -> Option<u16> {
        [
            self.kafka,
            self.kafka_controller,
            self.registry,
            self.clickhouse_http,
            self.clickhouse_tcp,
        ]
        .into_iter()
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err())
    }
}

/// Ports, and the lock that keeps other stacks off them until this is dropped.
#[derive(Debug)]
pub(crate) struct PortLease {
    pub(crate) ports: Ports,
    _lock: Option<File>,
}

/// Takes ports by `choice`; lock files lie under `cache`.
pub(crate) fn lease(choice: PortChoice, cache: &Path) -> Result<PortLease, StackError> {
    match choice {
        PortChoice::Free => lease_free(&cache.join("ports")),
        PortChoice::Fixed(ports) => match ports.first_taken() {
            Some(port) => Err(StackError::PortTaken(port)),
            None => Ok(PortLease { ports, _lock: None }),
        },
    }
}

fn lease_free(locks: &Path) -> Result<PortLease, StackError> {
    fs::create_dir_all(locks).map_err(StackError::file(locks))?;
    let start = first_block_to_try();
    (0..BLOCKS)
        .map(|step| FIRST + (start + step) % BLOCKS * BLOCK)
        .find_map(|first| lease_block(first, locks))
        .ok_or(StackError::NoFreePorts)
}

fn lease_block(first: u16, locks: &Path) -> Option<PortLease> {
    let lock = File::create(locks.join(format!("{first}.lock"))).ok()?;
    lock.try_lock().ok()?;
    let ports = Ports::from_first(first);
    ports.first_taken().is_none().then_some(PortLease { ports, _lock: Some(lock) })
}

/// Spreads processes, and the stacks of one process, over the blocks.
fn first_block_to_try() -> u16 {
    static STACKS: AtomicU16 = AtomicU16::new(0);
    let stack = STACKS.fetch_add(1, Ordering::Relaxed) % BLOCKS;
    let process = u16::try_from(process::id() % u32::from(BLOCKS)).unwrap_or_default();
    (process + stack) % BLOCKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_held_together_share_no_port() {
        let cache = tempfile::tempdir().unwrap();
        let one = lease(PortChoice::Free, cache.path()).unwrap();
        let two = lease(PortChoice::Free, cache.path()).unwrap();
        assert!(one.ports.kafka.abs_diff(two.ports.kafka) >= BLOCK);
    }

    #[test]
    fn a_block_is_free_again_when_its_lease_is_dropped() {
        let locks = tempfile::tempdir().unwrap();
        let first = FIRST + (BLOCKS - 1) * BLOCK;
        let lease = lease_block(first, locks.path()).unwrap();
        assert!(lease_block(first, locks.path()).is_none());
        drop(lease);
        assert!(lease_block(first, locks.path()).is_some());
    }

    #[test]
    fn a_fixed_port_that_is_taken_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        // Kafka's port is looked at first, so no port that another test may hold just now decides.
        let ports = Ports { kafka: taken, ..Ports::WELL_KNOWN };
        let error = lease(PortChoice::Fixed(ports), cache.path()).unwrap_err();
        assert!(matches!(error, StackError::PortTaken(port) if port == taken));
    }
}
