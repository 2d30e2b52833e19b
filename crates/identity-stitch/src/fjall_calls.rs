//! Calls into fjall, and what their errors mean.

use std::{
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fjall::Keyspace;

use crate::{store::StoreError, values::exact};

/// Calls into fjall. What it does not expect on a damaged disk may end in a panic, which must
/// not be taken for the fault of the record in hand.
pub(crate) fn guarded<R>(call: impl FnOnce() -> fjall::Result<R>) -> Result<R, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| judged(&error)),
        Err(_) => Err(StoreError::Damaged("the database panicked".to_owned())),
    }
}

fn judged(error: &fjall::Error) -> StoreError {
    let damaged = match error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => {
            matches!(
                io.kind(),
                ErrorKind::NotFound
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::InvalidData
                    | ErrorKind::InvalidInput
                    | ErrorKind::IsADirectory
                    | ErrorKind::NotADirectory
            )
        }
        // Poisoned: a write failed, as on a full disk. What was written before may be right.
        fjall::Error::Locked | fjall::Error::Poisoned => false,
        _ => true,
    };
    let detail = error.to_string();
    if damaged { StoreError::Damaged(detail) } else { StoreError::Unavailable(detail) }
}

/// A big-endian number of a keyspace.
pub(crate) fn number<const N: usize>(
    keyspace: &Keyspace,
    name: &str,
) -> Result<Option<[u8; N]>, StoreError> {
    let value = guarded(|| keyspace.get(name))?;
    value.map(|value| exact(&value)).transpose()
}
