//! Ports for the services of a flow, which stay theirs while a service is down.
//!
//! As in `local_stack`, they come from below the range from which the kernel takes ports of
//! outgoing connections: a client could take one while its service is being restarted.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process,
};

use anyhow::Context as _;

const FIRST: u16 = 12_000;
const BLOCKS: u32 = 480;
const BLOCK: u16 = 16;

/// Addresses on 127.0.0.1 that nothing listens on.
pub(crate) fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let start = process::id();
    (0..BLOCKS)
        .find_map(|step| free_block(start.wrapping_add(step) % BLOCKS))
        .context("no free ports on 127.0.0.1")
}

fn free_block<const N: usize>(block: u32) -> Option<[SocketAddr; N]> {
    let first = FIRST + BLOCK * u16::try_from(block).ok()?;
    let ports = first..first + BLOCK;
    let free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    let addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let block: Vec<_> = addresses.filter(free).take(N).collect();
    block.try_into().ok()
}
