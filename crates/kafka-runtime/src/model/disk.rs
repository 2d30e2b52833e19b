//! What a stateful processor keeps on disk: the keys that it has seen, by partition, with the
//! changelog position that they cover.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default, Clone)]
pub(super) struct Store {
    pub(super) keys: BTreeSet<Vec<u8>>,
    pub(super) covered: i64,
}

pub(super) type Disk = BTreeMap<i32, Store>;
