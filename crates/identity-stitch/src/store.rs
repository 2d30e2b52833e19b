//! What a partition's store must do; the seam between the stage and an embedded database.

use event::Fixed16;
use identity::Day;

/// How far into the changelogs a store reaches: the next offset to be read of each; `None` where
/// nothing was read yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Covered {
    /// In `identity-journal`.
    pub journal: Option<i64>,
    /// In `identity-state`.
    pub state: Option<i64>,
}

/// What is kept for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An emitted message.
    Message,
    /// The event that stands for a business key.
    Business,
    /// The session of a device.
    Session,
    /// What the session of a device can hand down.
    Context,
}

/// What is filed under a day, to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedWrite {
    /// What it is.
    pub kind: Kind,
    /// Its key among those of its kind.
    pub key: Fixed16,
    /// The day that it is filed under.
    pub day: Day,
    /// The value.
    pub value: Vec<u8>,
}

/// The state of a device, to be written; `None` forgets the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceWrite {
    /// The device.
    pub key: Fixed16,
    /// The value.
    pub value: Option<Vec<u8>>,
}

/// Changes of one partition, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// What lives for the window.
    pub dated: Vec<DatedWrite>,
    /// What lives for ever.
    pub devices: Vec<DeviceWrite>,
}

impl Writes {
    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.dated.len() + self.devices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A store could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// What it holds is not what was written: it must be rebuilt from the changelogs.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It cannot be reached now (disk full, no permission, locked); what it holds may be right.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// A partition's store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Device keys fall on other partitions than when the state was written, so it would be asked
    /// for devices and messages that it never saw.
    #[error(
        "the state of partition {partition} was written when there were {recorded} partitions; \
         now there are {now}. The count cannot change under the state: go back to {recorded} \
         partitions, or stop every instance, create the topics anew with a raised log epoch and \
         remove the state directory"
    )]
    PartitionCount {
        /// The partition.
        partition: i32,
        /// How many there were.
        recorded: u16,
        /// How many there are.
        now: u16,
    },
    /// It cannot be reached now.
    #[error("the state of partition {partition} is unavailable: {detail}")]
    Unavailable {
        /// The partition.
        partition: i32,
        /// What was tried and what came of it.
        detail: String,
    },
}

/// The store of one partition: a copy of its changelogs up to [`covered`](Self::covered).
pub trait Store {
    /// The newest value under this key among the days that are kept.
    fn dated(&self, kind: Kind, key: Fixed16) -> Result<Option<(Day, Vec<u8>)>, StoreError>;

    /// The state of this device.
    fn device(&self, key: Fixed16) -> Result<Option<Vec<u8>>, StoreError>;

    /// The newest day that anything was ever filed under.
    fn newest_day(&self) -> Option<Day>;

    /// How far into the changelogs the store reaches.
    fn covered(&self) -> Covered;

    /// Takes the changes together with what they cover, all or nothing; then drops whole days
    /// that have left the window.
    fn apply(&mut self, writes: &Writes, covered: Covered) -> Result<(), StoreError>;
}

/// Where the stores of all partitions are.
pub trait Stores {
    /// A partition's store.
    type Store: Store;

    /// Opens the store of `partition`, one of `count`, an empty one if there is none. A damaged
    /// store is wiped, with a warning in the log, and comes back empty.
    fn open(&mut self, partition: i32, count: u16) -> Result<Self::Store, OpenError>;

    /// Remembers that the store of `partition` is damaged, so that the next
    /// [`open`](Self::open) wipes it. Outlives the process where the store does.
    fn condemn(&mut self, partition: i32);
}
