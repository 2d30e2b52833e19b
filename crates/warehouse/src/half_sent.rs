//! An INSERT of which ClickHouse gets half: what a process that dies in the middle leaves behind.
//! Reached in builds for tests only.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use reqwest::header::HeaderMap;
use url::Url;

/// The crash point.
pub(crate) const POINT: &str = "insert-half-sent";
/// How long ClickHouse has to begin with what it got.
const BEGUN_AFTER: Duration = Duration::from_millis(100);

const _: () = assert!(crashpoint::is_named(POINT));

/// Sends the head and half of the body on a connection of its own, then does what the order says.
pub(crate) fn send_half_and_act(url: &Url, headers: &HeaderMap, body: &[u8]) {
    match send_half(url, headers, body) {
        Ok(_open_until_the_end) => crashpoint::act(POINT),
        Err(error) => tracing::error!("{POINT}: {error}"),
    }
}

fn send_half(url: &Url, headers: &HeaderMap, body: &[u8]) -> io::Result<TcpStream> {
    let addresses = url.socket_addrs(|| None)?;
    let mut stream = TcpStream::connect(addresses.as_slice())?;
    let query = url.query().unwrap_or_default();
    write!(stream, "POST {}?{query} HTTP/1.1\r\nhost: clickhouse\r\n", url.path())?;
    for (name, value) in headers {
        write!(stream, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))?;
    }
    write!(stream, "content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(&body[..body.len() / 2])?;
    stream.flush()?;
    thread::sleep(BEGUN_AFTER);
    Ok(stream)
}
