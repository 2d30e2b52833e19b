//! One connection through a proxy.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use super::{Mode, Shared};

/// How finely a throttled stream is cut.
const SLICES_PER_SECOND: usize = 10;
/// How long the server has for the reply to a request that came late.
const LATE_REPLY: Duration = Duration::from_secs(5);

/// How a connection ends.
enum End {
    /// One side is gone.
    Closed,
    /// The proxy resets both sides.
    Reset,
    /// The client is reset; this goes to the server after the time.
    Late(Vec<u8>, Duration),
}

struct Link {
    shared: Arc<Shared>,
    /// Correlations of the requests whose replies are to be dropped.
    doomed: Mutex<BTreeSet<i32>>,
}

/// Carries what a client sends and gets until one side, or the proxy, ends it.
pub(super) async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    if shared.mode() == Mode::Reset {
        shared.act();
        return reset(client);
    }
    // Nobody listens there: the client is to see a connection that fails.
    let Ok(mut server) = TcpStream::connect(shared.target).await else { return reset(client) };
    // A small request must not wait for the next one.
    let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
    let link = Link { shared: Arc::clone(&shared), doomed: Mutex::default() };
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            end = link.requests(from_client, to_server) => end,
            end = link.replies(from_server, to_client) => end,
            () = shared.until(|mode| mode == Mode::Reset) => {
                shared.act();
                Ok(End::Reset)
            }
        }
    };
    match end.unwrap_or(End::Closed) {
        End::Closed => {}
        End::Reset => {
            reset(client);
            reset(server);
        }
        End::Late(request, by) => {
            reset(client);
            deliver_late(server, &request, by, &shared).await;
        }
    }
}

/// Closes it so that the peer sees a reset.
fn reset(stream: TcpStream) {
    let _closed_otherwise_if_not = stream.set_zero_linger();
    drop(stream);
}

async fn deliver_late(mut server: TcpStream, request: &[u8], by: Duration, shared: &Shared) {
    sleep(by).await;
    if server.write_all(request).await.is_ok() {
        // The server may look whether somebody still listens before it does what it is told.
        let _reply = tokio::time::timeout(LATE_REPLY, shared.wire.piece(&mut server)).await;
    }
}

impl Link {
    async fn requests(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<End> {
        while let Some(request) = self.shared.wire.piece(&mut from).await? {
            match self.shared.mode() {
                Mode::DropReply { to, every } if self.shared.aims_at(to, every, &request) => {
                    let correlation = self.shared.wire.correlation(&request, true);
                    self.doomed().extend(correlation);
                }
                Mode::DelayRequest { of, every, by }
                    if self.shared.aims_at(of, every, &request) =>
                {
                    self.shared.act();
                    return Ok(End::Late(request, by));
                }
                _ => {}
            }
            self.forward(&mut to, &request).await?;
        }
        Ok(End::Closed)
    }

    async fn replies(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<End> {
        while let Some(reply) = self.shared.wire.piece(&mut from).await? {
            let correlation = self.shared.wire.correlation(&reply, false);
            if correlation.is_some_and(|id| self.doomed().remove(&id)) {
                self.shared.act();
                return Ok(End::Reset);
            }
            self.forward(&mut to, &reply).await?;
        }
        Ok(End::Closed)
    }

    /// Writes a piece as fast as the mode lets it.
    async fn forward(&self, to: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> io::Result<()> {
        let shared = &self.shared;
        if shared.mode() == Mode::Blackhole {
            shared.act();
            shared.until(|mode| mode != Mode::Blackhole).await;
        }
        if let Mode::Latency(by) = shared.mode() {
            shared.act();
            sleep(by).await;
        }
        let mut rest = piece;
        while let Mode::Throttle(rate) = shared.mode()
            && !rest.is_empty()
        {
            shared.act();
            let slice = (rate / SLICES_PER_SECOND).clamp(1, rest.len());
            to.write_all(&rest[..slice]).await?;
            rest = &rest[slice..];
            sleep(Duration::from_secs(1) / 10).await;
        }
        to.write_all(rest).await
    }

    fn doomed(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.doomed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
