//! ClickHouse: tables, rows, exact inserts, read-back.
//!
//! What exactly-once loading needs of the warehouse, and what the audit asks it. Rows go in as
//! raw RowBinary in one buffered body, with a deduplication token, and only an unmistakable yes
//! counts as one ([`InsertAnswer`]); questions are typed SELECTs. Nothing here decides what to do
//! about an answer: that is the loader's and the auditor's part.

mod answer;
mod body;
mod books;
mod changed;
mod client;
mod cluster;
mod comments;
mod config;
mod copies;
mod erase;
mod error;
mod fitness;
mod given_up;
mod half_sent;
mod hosts;
mod identity;
mod identity_limits;
mod insert;
mod masked;
mod migrate;
mod migrations;
mod newcomers;
mod person_events;
mod persons;
mod promoted;
mod promoted_backfill;
mod promoted_json;
mod promoted_sql;
mod promoted_views;
mod question;
mod read_back;
mod retention;
mod row_binary;
mod rows;
mod sample;
mod segment;
mod settle;
mod shortfall;
mod written_rows;

pub use answer::{CODES_ABOUT_ROWS, Exception, InsertAnswer};
pub use body::Compression;
pub use books::{AuditFinding, AuditHour};
pub use changed::ChangedOrigins;
pub use client::Warehouse;
pub use config::WarehouseConfig;
pub use copies::{Copies, Counts};
pub use erase::{
    DELETED_FROM, DeviceSpan, ErasedPerson, Eraser, ErasureRecord, ErasureState, NamedRow, Place,
    Progress, TableCount,
};
pub use error::WarehouseError;
pub use given_up::{GivenUpHour, HeldHour};
pub use hosts::Shard;
pub use identity::LinksOf;
pub use identity_limits::IdentityLimits;
pub use insert::InsertRequest;
pub use migrate::{MigrationPlan, MigrationState, MigrationStep};
pub use newcomers::Newcomer;
pub use person_events::{EventIds, PersonEvents, PersonGroup, PersonIds};
pub use promoted::{ColumnChange, ColumnPlan, WantedColumns};
pub use promoted_backfill::{BackfillProgress, BackfillStep};
pub use promoted_json::JsonProperties;
pub use read_back::{LoadedEvent, OriginRange, PositionRange};
pub use retention::{KeepDays, RetentionChange};
pub use row_binary::{RowBinary, TIMES};
pub use rows::{
    AliasRow, DeadLetterRow, DeliveryRow, DiscardRow, EventRow, LinkRow, Row, RowPosition,
    Undecodable,
};
pub use sample::StoredEvent;
pub use segment::{Field, FieldKind, Part, PlannedEvent, SegmentPlan, SegmentSource, SegmentStep};
pub use shortfall::Shortfall;
pub use written_rows::{RowBytes, RowWriter};
