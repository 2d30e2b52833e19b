//! The one table of topics: who writes, who reads, key, partitions, retention and why.
//!
//! No topic name is spelled anywhere else. The README's flow diagram, `waybill migrate`, the
//! auditor and a test are derived from [`TOPICS`].

mod diagram;
mod service;
mod stage;
mod table;
mod topic;

pub use diagram::{flow_diagram, topic_table};
pub use service::Service;
pub use stage::Stage;
pub use table::{
    COMPACTED_WITHIN_HOURS, Cleanup, Compatibility, Key, Partitions, TAKEN_BACK_FOR_HOURS, TOPICS,
    Timestamps, TopicSpec,
};
pub use topic::{HEADROOM, RAW_MESSAGE_BYTES, Topic};
