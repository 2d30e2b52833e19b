//! One connection through a proxy.

use std::{
    collections::BTreeMap,
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
/// What ClickHouse says where the status was sent before the INSERT had failed.
const EXCEPTION: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-ClickHouse-Exception-Code: 209\r\nContent-Length: 0\r\n\r\n";
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
    /// This goes to the server when the mode changes.
    Held(Vec<u8>),
}

struct Link {
    shared: Arc<Shared>,
    /// Correlations of the requests whose replies do not come through.
    doomed: Mutex<BTreeMap<i32, Doom>>,
}

/// What becomes of a reply.
#[derive(Clone, Copy)]
enum Doom {
    Dropped,
    Held,
    Replaced,
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
            sleep(by).await;
            deliver_late(server, &request, &shared).await;
        }
        End::Held(request) => {
            shared.until(|mode| !matches!(mode, Mode::HoldRequest { .. })).await;
            deliver_late(server, &request, &shared).await;
        }
    }
}

/// Closes it so that the peer sees a reset.
fn reset(stream: TcpStream) {
    let _closed_otherwise_if_not = stream.set_zero_linger();
    drop(stream);
}

/// Puts settings behind those that the URL of an HTTP request has: of two with a name ClickHouse takes the last.
fn set(request: &mut Vec<u8>, settings: &str) {
    const BEHIND_URL: &[u8] = b" HTTP/1.1";
    if let Some(at) = request.windows(BEHIND_URL.len()).position(|it| it == BEHIND_URL) {
        request.splice(at..at, settings.bytes());
    }
}

async fn deliver_late(mut server: TcpStream, request: &[u8], shared: &Shared) {
    let written = server.write_all(request).await;
    // The server may look whether somebody still listens before it does what it is told.
    let reply = tokio::time::timeout(LATE_REPLY, shared.wire.piece(&mut server)).await;
    let reply = written.and(reply.unwrap_or(Ok(None))).unwrap_or_default();
    *shared.late_reply() = Some(reply.unwrap_or_default());
}

impl Link {
    async fn requests(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<End> {
        while let Some(mut request) = self.shared.wire.piece(&mut from).await? {
            let doom = self.doom_of(&request);
            let correlation = self.shared.wire.correlation(&request, true);
            self.doomed().extend(correlation.zip(doom));
            if let Mode::DelayRequest { of, every, by } = self.shared.mode()
                && self.shared.aims_at(of, every, &request)
            {
                self.shared.act();
                return Ok(End::Late(request, by));
            }
            if let (Some(Doom::Held), Mode::HoldReply { with, .. }) = (doom, self.shared.mode()) {
                set(&mut request, with);
            }
            if let Mode::HoldRequest { of, at_least, begun } = self.shared.mode()
                && self.shared.wire.length(&request).is_some_and(|length| length >= at_least)
                && self.shared.aims_at(of, u64::MAX, &request)
            {
                let mut request = self.whole(request, &mut from).await?;
                let late = request.split_off(if begun { request.len() - 1 } else { 0 });
                to.write_all(&request).await?;
                self.shared.act();
                return Ok(End::Held(late));
            }
            self.forward(&mut to, &request).await?;
            if matches!(doom, Some(Doom::Held)) {
                self.shared.act();
            }
        }
        Ok(End::Closed)
    }

    /// The request that begins like this.
    async fn whole(
        &self,
        mut request: Vec<u8>,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Vec<u8>> {
        let wire = self.shared.wire;
        while wire.length(&request).is_none_or(|length| request.len() < length) {
            match wire.piece(from).await? {
                Some(more) => request.extend(more),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(request)
    }

    /// What becomes of the reply to this request, if it does not come through.
    fn doom_of(&self, request: &[u8]) -> Option<Doom> {
        let (to, every, doom) = match self.shared.mode() {
            Mode::DropReply { to, every } => (to, every, Doom::Dropped),
            Mode::HoldReply { to, .. } => (to, 1, Doom::Held),
            Mode::ExceptionReply { to, every } => (to, every, Doom::Replaced),
            _ => return None,
        };
        self.shared.aims_at(to, every, request).then_some(doom)
    }

    async fn replies(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<End> {
        while let Some(reply) = self.shared.wire.piece(&mut from).await? {
            let correlation = self.shared.wire.correlation(&reply, false);
            let doom = correlation.and_then(|id| self.doomed().remove(&id));
            match doom {
                None => self.forward(&mut to, &reply).await?,
                Some(Doom::Replaced) => {
                    self.shared.act();
                    self.forward(&mut to, EXCEPTION).await?;
                }
                Some(Doom::Dropped) => {
                    self.shared.act();
                    return Ok(End::Reset);
                }
                Some(Doom::Held) => {
                    self.shared.hold();
                    self.shared.until(|mode| !matches!(mode, Mode::HoldReply { .. })).await;
                    return Ok(End::Reset);
                }
            }
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

    fn doomed(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, Doom>> {
        self.doomed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn settings_are_put_behind_those_that_the_request_has() {
        let put = |request: &str| {
            let mut request = request.as_bytes().to_vec();
            set(&mut request, "&a=1");
            String::from_utf8(request).unwrap()
        };
        assert_eq!(put("POST /?a=0 HTTP/1.1\r\n"), "POST /?a=0&a=1 HTTP/1.1\r\n");
        assert_eq!(put("body"), "body");
    }
}
