//! An address of a ClickHouse that can be shut, and that does what replicas do when they fail.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a tool of tests, which fail by panicking"
)]

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// They are passed on, and so are the answers.
    Open,
    /// They are passed on, and the answers are lost.
    Mute,
    /// Half of each body is passed on, then the connection ends.
    Half,
    /// They are answered as a replica without Keeper does.
    ReadOnly,
    /// They are passed on to another database, whose name is as long.
    Elsewhere(&'static str, &'static str),
}

#[derive(Debug)]
struct State {
    manner: Manner,
    is_shut: bool,
    asked: Vec<String>,
}

/// A host of its own, as far as a client can tell. `SYSTEM SYNC REPLICA` it answers by itself: the
/// tables behind it are no replicated ones.
#[derive(Debug)]
pub struct Doorway {
    address: SocketAddr,
    server: String,
    state: Arc<Mutex<State>>,
    accepting: Option<JoinHandle<()>>,
}

impl Doorway {
    /// A doorway to the server at `url`.
    pub fn to(url: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let state = State { manner: Manner::Open, is_shut: false, asked: Vec::new() };
        let mut doorway = Self {
            address: listener.local_addr().unwrap(),
            server: url.trim_start_matches("http://").to_owned(),
            state: Arc::new(Mutex::new(state)),
            accepting: None,
        };
        doorway.accept(listener);
        doorway
    }

    /// Where it is, `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of requests from now on.
    pub fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Every request since the last call: its query, which stands in its head or its body.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// From now on connections are refused.
    pub fn shut(&mut self) {
        self.state.lock().unwrap().is_shut = true;
        // Wakes the thread; it may be gone already.
        drop(TcpStream::connect(self.address));
        self.accepting.take().unwrap().join().unwrap();
    }

    /// They are accepted again.
    pub fn open(&mut self) {
        self.state.lock().unwrap().is_shut = false;
        self.accept(TcpListener::bind(self.address).unwrap());
    }

    fn accept(&mut self, listener: TcpListener) {
        let (server, state) = (self.server.clone(), Arc::clone(&self.state));
        self.accepting = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if state.lock().unwrap().is_shut {
                    return;
                }
                let (server, state) = (server.clone(), Arc::clone(&state));
                // A client that goes away is no failure of the test.
                thread::spawn(move || drop(serve(client.unwrap(), &server, &state)));
            }
        }));
    }
}

/// One request, then the connection ends.
fn serve(mut client: TcpStream, server: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let (head, body) = request(&mut client)?;
    let manner = {
        let mut state = state.lock().unwrap();
        state.asked.push(format!("{head}\n{}", String::from_utf8_lossy(&body)));
        state.manner
    };
    if manner == Manner::ReadOnly {
        let text = "Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY) (version 26.7)";
        return write!(
            client,
            "HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: 242\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
    }
    if body.starts_with(b"SYSTEM SYNC REPLICA ") {
        return write!(client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let head = match manner {
        Manner::Elsewhere(from, to) => head.replace(from, to),
        _ => head,
    };
    let mut upstream = TcpStream::connect(server)?;
    let (line, headers) = head.split_once("\r\n").unwrap();
    write!(upstream, "{line}\r\nConnection: close\r\n{headers}\r\n\r\n")?;
    if manner == Manner::Half {
        upstream.write_all(&body[..body.len() / 2])?;
        return upstream.shutdown(Shutdown::Both);
    }
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    if manner == Manner::Mute { Ok(()) } else { client.write_all(&answer) }
}

/// Head without the empty line, and body.
fn request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 65_536];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        let count = client.read(&mut chunk)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = bytes.split_off(end + 4);
    let read = body.len();
    body.resize(length.unwrap_or_default().max(read), 0);
    client.read_exact(&mut body[read..])?;
    Ok((head, body))
}
