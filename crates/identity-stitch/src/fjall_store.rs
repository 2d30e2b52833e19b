//! The stores of all partitions on disk.

use std::{fs, io, path::PathBuf};

use identity::Window;

use crate::{
    fjall_partition::{FjallPartition, Owner, Unfit},
    store::{OpenError, StoreError, Stores},
};

/// One fjall database for each partition, in `<state_dir>/p<N>/`. Beside it `p<N>.damaged` says
/// that it is to be wiped at the next opening.
pub struct FjallStores {
    dir: PathBuf,
    window: Window,
}

impl FjallStores {
    /// Stores in `dir`, which is created when the first partition is opened.
    pub fn new(dir: PathBuf, window_days: u16) -> Self {
        Self { dir, window: Window { days: window_days } }
    }

    fn path(&self, partition: i32) -> PathBuf {
        self.dir.join(format!("p{partition}"))
    }

    fn marker(&self, partition: i32) -> PathBuf {
        self.dir.join(format!("p{partition}.damaged"))
    }

    /// The marker goes last: a wipe that was cut short is done again.
    fn wipe(&self, partition: i32, why: &str) -> io::Result<()> {
        tracing::warn!(partition, "the state is wiped and rebuilt from the changelogs: {why}");
        unless_absent(fs::remove_dir_all(self.path(partition)))?;
        unless_absent(fs::remove_file(self.marker(partition)))
    }

    fn open_once(&self, owner: Owner) -> Result<FjallPartition, Unfit> {
        FjallPartition::open(&self.path(owner.partition), owner, self.window)
    }
}

fn unless_absent(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

impl Stores for FjallStores {
    type Store = FjallPartition;

    fn open(&mut self, partition: i32, count: u16) -> Result<FjallPartition, OpenError> {
        let unavailable = |detail: String| OpenError::Unavailable { partition, detail };
        let owner = Owner { partition, count };
        fs::create_dir_all(&self.dir).map_err(|error| unavailable(error.to_string()))?;
        if self.marker(partition).exists() {
            self.wipe(partition, "it was found damaged while in use")
                .map_err(|error| unavailable(error.to_string()))?;
        }
        let mut opened = self.open_once(owner);
        if let Err(Unfit::Store(StoreError::Damaged(why))) = &opened {
            self.wipe(partition, why).map_err(|error| unavailable(error.to_string()))?;
            opened = self.open_once(owner);
        }
        opened.map_err(|unfit| match unfit {
            Unfit::Count(recorded) => OpenError::PartitionCount { partition, recorded, now: count },
            Unfit::Store(error) => unavailable(error.to_string()),
        })
    }

    fn condemn(&mut self, partition: i32) {
        tracing::warn!(partition, "the state is damaged and will be rebuilt");
        if let Err(error) = fs::write(self.marker(partition), b"") {
            tracing::warn!(partition, "the damage could not be noted: {error}");
        }
    }
}
