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

use crate::Stack;

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
    /// They are passed on with the first text as the second: to another table.
    Elsewhere(&'static str, &'static str),
}

/// How a statement for all of the stack's shards says so.
const ON_CLUSTER: &str = " ON CLUSTER 'waybill'";

/// Whom requests are passed on to.
#[derive(Debug)]
struct Upstream {
    server: String,
    /// Every server of the cluster whose Keeper the doorway stands in for; none for a plain doorway.
    cluster: Vec<String>,
    /// Whether their tables are replicated.
    is_replicated: bool,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    is_shut: bool,
    asked: Vec<String>,
}

/// A host of its own, as far as a client can tell. `SYSTEM SYNC REPLICA` it answers by itself, unless the
/// tables behind it are replicated ones.
#[derive(Debug)]
pub struct Doorway {
    address: SocketAddr,
    upstream: Arc<Upstream>,
    state: Arc<Mutex<State>>,
    accepting: Option<JoinHandle<()>>,
}

impl Doorway {
    /// A doorway to the server at `url`.
    pub fn to(url: &str) -> Self {
        Self::through(Upstream { server: bare(url), cluster: Vec::new(), is_replicated: false })
    }

    /// A doorway to a shard of the stack (from 0) that stands in for the Keeper which the stack has not:
    /// what is told `ON CLUSTER` is told to every shard without these words, and tables that it says are
    /// replicated are made as plain ones, of which it says that they are replicated.
    pub fn to_shard(stack: &Stack, shard: usize) -> Self {
        let cluster: Vec<String> = stack.clickhouse_urls().iter().map(|url| bare(url)).collect();
        Self::through(Upstream { server: cluster[shard].clone(), cluster, is_replicated: false })
    }

    /// A doorway to a real replica: it stands in for nothing.
    pub fn to_replica(url: &str) -> Self {
        Self::through(Upstream { server: bare(url), cluster: Vec::new(), is_replicated: true })
    }

    fn through(upstream: Upstream) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let state = State { manner: Manner::Open, is_shut: false, asked: Vec::new() };
        let mut doorway = Self {
            address: listener.local_addr().unwrap(),
            upstream: Arc::new(upstream),
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
        let (upstream, state) = (Arc::clone(&self.upstream), Arc::clone(&self.state));
        self.accepting = Some(thread::spawn(move || {
            for client in listener.incoming() {
                if state.lock().unwrap().is_shut {
                    return;
                }
                let (upstream, state) = (Arc::clone(&upstream), Arc::clone(&state));
                // A client that goes away is no failure of the test.
                thread::spawn(move || drop(serve(client.unwrap(), &upstream, &state)));
            }
        }));
    }
}

/// One request, then the connection ends.
fn serve(mut client: TcpStream, upstream: &Upstream, state: &Mutex<State>) -> std::io::Result<()> {
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
    if !upstream.is_replicated && body.starts_with(b"SYSTEM SYNC REPLICA ") {
        return write!(client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let body = match manner {
        Manner::Elsewhere(from, to) => {
            String::from_utf8_lossy(&body).replace(from, to).into_bytes()
        }
        _ => body,
    };
    if manner == Manner::Half {
        let mut server = TcpStream::connect(&upstream.server)?;
        server.write_all(head.as_bytes())?;
        server.write_all(b"\r\n\r\n")?;
        server.write_all(&body[..body.len() / 2])?;
        return server.shutdown(Shutdown::Both);
    }
    let answer = upstream.answer(&head, &body)?;
    if manner == Manner::Mute { Ok(()) } else { client.write_all(&answer) }
}

impl Upstream {
    fn answer(&self, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let text = std::str::from_utf8(body).ok().filter(|_| !self.cluster.is_empty());
        let Some(text) = text else { return ask(&self.server, head, body) };
        if !text.contains(ON_CLUSTER) {
            return ask(&self.server, head, engines_as_replicated(text).as_bytes());
        }
        let mut answer = Vec::new();
        for server in &self.cluster {
            answer = ask(server, head, plain(text).as_bytes())?;
            if !answer.starts_with(b"HTTP/1.1 200") {
                break;
            }
        }
        Ok(answer)
    }
}

/// One request of one connection, with the body's own length.
fn ask(server: &str, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(server)?;
    let (line, headers) = head.split_once("\r\n").unwrap();
    let is_length = |line: &str| line.to_ascii_lowercase().starts_with("content-length:");
    let headers: Vec<&str> = headers.lines().filter(|line| !is_length(line)).collect();
    let length = body.len();
    write!(
        server,
        "{line}\r\nConnection: close\r\nContent-Length: {length}\r\n{}\r\n\r\n",
        headers.join("\r\n")
    )?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The statement for one server, with plain tables.
fn plain(statement: &str) -> String {
    let line = |line: &str| match line.split_once("ENGINE = Replicated") {
        None => line.to_owned(),
        Some((before, rest)) => {
            let (name, arguments) = rest.split_once('(').unwrap_or((rest, ""));
            let (_, arguments) = arguments.split_once("'{replica}'").unwrap_or(("", arguments));
            let arguments = arguments.trim_start_matches(", ");
            let arguments = if arguments == ")" { "" } else { &format!("({arguments}") };
            format!("{before}ENGINE = {name}{arguments}")
        }
    };
    let text: Vec<String> = statement.replace(ON_CLUSTER, "").lines().map(line).collect();
    text.join("\n")
        .replace("replicated_deduplication_window = ", "non_replicated_deduplication_window = ")
        .replace(", replicated_deduplication_window_seconds = 604800", "")
}

fn engines_as_replicated(question: &str) -> String {
    question.replace(
        "SELECT name, engine FROM system.tables",
        "SELECT name, if(endsWith(engine, 'MergeTree'), concat('Replicated', engine), engine) AS engine \
         FROM system.tables",
    )
}

fn bare(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replicated_table_is_made_as_a_plain_one() {
        let told = "CREATE TABLE IF NOT EXISTS w_shard.t ON CLUSTER 'waybill'\n(a Int64)\n\
            ENGINE = ReplicatedReplacingMergeTree('/c/{shard}/t', '{replica}', a)\nORDER BY a\n\
            SETTINGS replicated_deduplication_window = 9, replicated_deduplication_window_seconds = 604800, x = 1";
        let expected = "CREATE TABLE IF NOT EXISTS w_shard.t\n(a Int64)\n\
            ENGINE = ReplacingMergeTree(a)\nORDER BY a\n\
            SETTINGS non_replicated_deduplication_window = 9, x = 1";
        assert_eq!(plain(told), expected);
        let bare = "ENGINE = ReplicatedMergeTree('/c', '{replica}')";
        assert_eq!(plain(bare), "ENGINE = MergeTree");
    }
}
