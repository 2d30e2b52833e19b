//! The table `erasures`: that something was erased, and why; not of whom.

use serde::Deserialize;

use super::TableCount;
use crate::{Warehouse, WarehouseError};

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureState {
    /// It has begun, and was not finished.
    Begun,
    /// It is done.
    Done,
}

impl ErasureState {
    const fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
        }
    }
}

/// A row of `erasures`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord<'a> {
    /// Id of the erasure.
    pub erasure: &'a str,
    /// How far it has come.
    pub state: ErasureState,
    /// `user` or `anonymous`.
    pub id_kind: &'a str,
    /// Why, as the operator said it.
    pub reason: &'a str,
    /// Rows deleted by table.
    pub counts: &'a [TableCount],
}

#[derive(clickhouse::Row, Deserialize)]
struct Told {
    state: String,
}

impl Warehouse {
    /// Notes how far an erasure has come.
    pub async fn record_erasure(&self, record: &ErasureRecord<'_>) -> Result<(), WarehouseError> {
        let sql = format!(
            "INSERT INTO {} SELECT {{erasure:String}}, {{state:String}}, \
             now64(3), {{kind:String}}, {{reason:Array(String)}}[1], \
             mapFromArrays({{tables:Array(String)}}, {{rows:Array(UInt64)}})",
            self.stored("erasures")
        );
        let tables: Vec<&str> = record.counts.iter().map(|it| it.table).collect();
        let rows: Vec<u64> = record.counts.iter().map(|it| it.rows).collect();
        let query = self
            .unlogged(&sql)
            .param("erasure", record.erasure)
            .param("state", record.state.word())
            .param("kind", record.id_kind)
            .param("reason", vec![record.reason])
            .param("tables", tables)
            .param("rows", rows);
        self.execute(self.durable(query)).await
    }

    /// How far the erasure with this id has come; `None` if there is none.
    pub async fn erasure_state(
        &self,
        erasure: &str,
    ) -> Result<Option<ErasureState>, WarehouseError> {
        const SQL: &str =
            "SELECT toString(state) AS state FROM erasures WHERE erasure = {erasure:String}";
        let told: Vec<Told> = self.rows(self.unlogged(SQL).param("erasure", erasure)).await?;
        let is_done = told.iter().any(|told| told.state == ErasureState::Done.word());
        let state = if is_done { ErasureState::Done } else { ErasureState::Begun };
        Ok((!told.is_empty()).then_some(state))
    }
}
