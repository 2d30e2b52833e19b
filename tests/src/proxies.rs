//! The proxies of a flow, between its services and the parts.

use std::net::{Ipv4Addr, SocketAddr};

use local_stack::Stack;

use crate::{
    flow_config::Addresses,
    http::Http,
    proxy::{Mode, Proxy, Wire},
};

/// A proxy in front of each part.
#[derive(Debug)]
pub struct Proxies {
    /// Between the services and Kafka.
    pub kafka: Proxy,
    /// Between the services and the registry.
    pub registry: Proxy,
    /// Between the loaders and ClickHouse.
    pub clickhouse: Proxy,
}

impl Proxies {
    /// Needs a stack with [`local_stack::StackConfig::proxied`].
    pub(crate) fn start(http: &Http, stack: &Stack, clickhouse: &str) -> anyhow::Result<Self> {
        let ports = stack.ports();
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let start = |listen, target, wire| Proxy::start(http, at(listen), at(target), wire);
        let clickhouse = clickhouse.trim_start_matches("http://").parse()?;
        Ok(Self {
            kafka: start(ports.kafka_proxy, ports.kafka_behind_proxy, Wire::Kafka)?,
            registry: start(0, ports.registry, Wire::Http)?,
            clickhouse: Proxy::start(http, at(0), clickhouse, Wire::Http)?,
        })
    }

    /// All of them forward again.
    pub fn pass(&self) {
        for proxy in [&self.kafka, &self.registry, &self.clickhouse] {
            proxy.set(Mode::Pass);
        }
    }

    /// Puts them in between.
    pub(crate) fn before(&self, at: Addresses) -> Addresses {
        Addresses {
            kafka: self.kafka.address().to_string(),
            registry: through(&self.registry, &at.registry),
            clickhouse: through(&self.clickhouse, &at.clickhouse),
            ..at
        }
    }
}

/// `url` with the proxy's host and port.
fn through(proxy: &Proxy, url: &str) -> String {
    let rest = url.trim_start_matches("http://");
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("http://{}{path}", proxy.address())
}
