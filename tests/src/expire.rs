//! Deleting records before their time, as retention does after weeks.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::ensure;
use topology::Topic;

const WITHIN: Duration = Duration::from_secs(10);

/// Tells the broker (the only one, at `address`) to delete what lies below `offset`: request
/// `DeleteRecords`, version 0. Layout: <https://kafka.apache.org/protocol#The_Messages_DeleteRecords>.
pub(crate) fn delete_before(
    address: &str,
    topic: Topic,
    partition: i32,
    offset: i64,
) -> anyhow::Result<()> {
    const DELETE_RECORDS: i16 = 21;
    const VERSION: i16 = 0;
    const NO_CLIENT_ID: i16 = -1;
    let name = topic.name().as_bytes();
    let mut request = Vec::new();
    request.extend(DELETE_RECORDS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(0_i32.to_be_bytes()); // correlation id
    request.extend(NO_CLIENT_ID.to_be_bytes());
    request.extend(1_i32.to_be_bytes()); // number of topics
    request.extend(i16::try_from(name.len())?.to_be_bytes());
    request.extend(name);
    request.extend(1_i32.to_be_bytes()); // number of partitions
    request.extend(partition.to_be_bytes());
    request.extend(offset.to_be_bytes());
    request.extend(10_000_i32.to_be_bytes()); // milliseconds that the broker may take
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(&i32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream.read_exact(&mut answer)?;
    // The error code of the only partition is the last of it.
    let code = answer.last_chunk::<2>().map(|code| i16::from_be_bytes(*code));
    ensure!(code == Some(0), "the broker refuses to delete records: error {code:?}");
    Ok(())
}
