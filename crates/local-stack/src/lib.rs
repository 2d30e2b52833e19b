//! Kafka, a schema registry and ClickHouse without Docker, for tests and `waybill up`.
//!
//! A [`Stack`] is the three real parts as child processes, on loopback ports, under one folder:
//!
//! | part | what runs | fetched with |
//! |---|---|---|
//! | [`Part::Kafka`] | Apache Kafka 4.2.2, one KRaft node | `mvn` |
//! | [`Part::Registry`] | Apicurio Registry 3.3.3, Confluent-compatible API | `mvn` |
//! | [`Part::ClickHouse`] | ClickHouse 26.7 out of `libchdb.so` | `npm` |
//!
//! [`Replicas`] is a cluster of the same ClickHouse, with an Apache ZooKeeper 3.9.3.
//!
//! What holds:
//! - A start, or a restart, returns when the part *answers*, not when its process exists.
//! - Data, ports and addresses stay the same over [`PartHandle::restart`], also after a SIGKILL.
//! - Several stacks run side by side; one folder belongs to one stack at a time.
//! - No child outlives this process, whatever kills it (see [`spawner`]).
//! - Nothing listens on anything but 127.0.0.1 (and, of [`Replicas`], 127.0.0.2).
//!
//! Linux on `x86_64` only; elsewhere use `docker-compose.yml`.

mod cache;
mod clickhouse;
mod commands;
mod config;
mod doorway;
mod error;
mod kafka;
mod launch;
mod part;
mod ports;
mod prerequisites;
mod registry;
mod replicas;
pub mod spawner;
mod stack;
mod zookeeper;

pub use config::{CLUSTER, JavaTuning, PortChoice, Progress, RegistryStorage, StackConfig};
pub use doorway::{Doorway, Manner};
pub use error::StackError;
pub use part::{Part, PartHandle};
pub use ports::Ports;
pub use prerequisites::{Missing, missing_prerequisites};
pub use replicas::Replicas;
pub use stack::Stack;
