//! A TCP proxy between the services and a part, which harms what goes through it.
//!
//! It knows as much of Kafka's protocol as is needed to find the reply to a request (length, API
//! key, correlation id), and of HTTP that a connection carries one request at a time.

mod link;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};

use crate::http::Http;

pub use wire::Wire;

/// Kafka's API keys, as far as faults aim at them.
/// <https://kafka.apache.org/protocol#protocol_api_keys>
pub mod kafka_api {
    /// Records.
    pub const PRODUCE: i16 = 0;
    /// Commits or aborts a transaction.
    pub const END_TXN: i16 = 26;
    /// Offsets of a transaction.
    pub const TXN_OFFSET_COMMIT: i16 = 28;
}

/// Which requests are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// All.
    Any,
    /// Kafka's requests with this API key.
    Kafka(i16),
    /// HTTP requests with this text in them.
    Text(&'static str),
}

/// What the proxy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forwards.
    Pass,
    /// Forwards each piece so much later.
    Latency(Duration),
    /// Forwards so many bytes a second in each direction of a connection.
    Throttle(usize),
    /// Resets every connection, those that are open and those that come.
    Reset,
    /// Accepts, and keeps what comes until the mode changes: then it goes on, late.
    Blackhole,
    /// Forwards the request, swallows the reply and resets the connection.
    DropReply {
        /// To which requests.
        to: Aim,
        /// To one in so many of them.
        every: u64,
    },
    /// Forwards the request and keeps the reply until the mode changes; then the connection is reset.
    /// A request counts as acted, a reply as held: several requests may be under way at once.
    HoldReply {
        /// To which requests.
        to: Aim,
        /// Settings, as `&name=value`, that those requests over HTTP get in place of their own.
        with: &'static str,
    },
    /// Forwards the HTTP request and answers status 200 with ClickHouse's header of an exception instead
    /// of what the server says (ClickHouse#65117).
    ExceptionReply {
        /// To which requests.
        to: Aim,
        /// To one in so many of them.
        every: u64,
    },
    /// Keeps the next of these requests until the mode changes, and delivers it then, whether its
    /// client still lives or not. Others go through. It counts as acted when it has come as a whole.
    HoldRequest {
        /// Which request.
        of: Aim,
        /// How long it must be.
        at_least: usize,
        /// Whether all but its last byte is delivered at once.
        begun: bool,
    },
    /// Resets the connection, and delivers the request later all the same.
    DelayRequest {
        /// Which requests.
        of: Aim,
        /// One in so many of them.
        every: u64,
        /// How much later.
        by: Duration,
    },
}

/// A proxy. It ends with the runtime that it runs on.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    wire: Wire,
    mode: watch::Sender<Mode>,
    acted: AtomicU64,
    held: AtomicU64,
    aimed: AtomicU64,
    late_reply: Mutex<Option<Vec<u8>>>,
}

impl Proxy {
    /// Listens on `listen` and forwards to `target`.
    pub fn start(
        http: &Http,
        listen: SocketAddr,
        target: SocketAddr,
        wire: Wire,
    ) -> anyhow::Result<Self> {
        let listener = http.runtime().block_on(TcpListener::bind(listen));
        let listener = listener.with_context(|| format!("a proxy on {listen}"))?;
        let shared = Arc::new(Shared {
            target,
            wire,
            mode: watch::Sender::new(Mode::Pass),
            acted: AtomicU64::new(0),
            held: AtomicU64::new(0),
            aimed: AtomicU64::new(0),
            late_reply: Mutex::default(),
        });
        let address = listener.local_addr()?;
        http.runtime().spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does from now on. Any mode but [`Mode::Pass`] starts the counting anew.
    pub fn set(&self, mode: Mode) {
        if mode != Mode::Pass {
            self.shared.acted.store(0, Ordering::Relaxed);
            self.shared.held.store(0, Ordering::Relaxed);
            self.shared.aimed.store(0, Ordering::Relaxed);
            *self.shared.late_reply() = None;
        }
        self.shared.mode.send_replace(mode);
    }

    /// How often it did something else than forward since [`Self::set`]: pieces that were late,
    /// connections that were reset, replies that were dropped, requests that were delayed.
    pub fn acted(&self) -> u64 {
        self.shared.acted.load(Ordering::Relaxed)
    }

    /// How many replies came and were kept since [`Self::set`], in [`Mode::HoldReply`].
    pub fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// What the server said to a request that it got late; `None` as long as it has not got one
    /// since [`Self::set`], empty if it broke the connection.
    pub fn late_reply(&self) -> Option<String> {
        let reply = self.shared.late_reply().clone();
        reply.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Shared {
    fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    fn act(&self) {
        self.acted.fetch_add(1, Ordering::Relaxed);
    }

    fn hold(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    fn late_reply(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.late_reply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the mode is one for which `wanted` holds.
    async fn until(&self, wanted: impl Fn(Mode) -> bool) {
        let mut changes = self.mode.subscribe();
        // The sender lives as long as self.
        let _sender_is_alive = changes.wait_for(|mode| wanted(*mode)).await;
    }

    /// Whether this request is the one in so many that is aimed at.
    fn aims_at(&self, aim: Aim, every: u64, request: &[u8]) -> bool {
        self.wire.matches(aim, request)
            && self.aimed.fetch_add(1, Ordering::Relaxed).is_multiple_of(every.max(1))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // Out of sockets or a client that left at once: the next one may come through.
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(link::carry(client, Arc::clone(&shared)));
        }
    }
}
