//! Silver tables: the current state of a record, made of the bronze datasets that hold its versions.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Dataset, Expectation};
use crate::schema::Column;

/// Table with the latest version of each record, as `[silver.NAME]` of a source declares it.
#[derive(Debug, Clone)]
pub struct SilverTable {
    /// The source's name.
    pub source: String,
    /// Name within the source's silver tables: `contratacoes`.
    pub name: String,
    /// The table's folder in the lake: `silver/pncp_contratacoes`.
    pub prefix: String,
    /// `true` if the daemon keeps the table; a command that names a disabled one builds it all the same.
    pub enabled: bool,
    /// Bronze datasets that hold versions of the record. They are of one kind of record: their primary keys are the same.
    /// Of two equal versions, that of the later dataset counts.
    pub inputs: Vec<Arc<Dataset>>,
    /// JSON pointer to the field by which the latest version of a key is found; a record without it is older than all with it.
    /// Of equal ones, and if there is none: the later dataset of `inputs`, then the later day, file and row.
    pub order_by: Option<String>,
    /// Treatment of records that the API has no more.
    pub deleted: DeletedRows,
    /// `true` if the table has every version of a snapshot's row, with `valid_from` and `valid_to`, instead of the latest.
    pub history: bool,
    /// Columns, in their order in the table.
    pub columns: Vec<SilverColumn>,
    /// Name of the column (a date or time) by whose month the table is partitioned. `None`: one partition.
    pub partition_by: Option<String>,
    /// Expectations on the rows of a partition. One that fails with severity `error` holds the partition back.
    pub expectations: Arc<[Expectation]>,
}

impl SilverTable {
    /// Returns the name used by commands and logs: `silver.pncp.contratacoes`.
    pub fn full_name(&self) -> String {
        format!("silver.{}.{}", self.source, self.name)
    }
}

/// Column of a silver table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilverColumn {
    /// Name and type in the table. A value that the type can't hold is null there, and counted.
    pub column: Column,
    /// JSON pointers into the record; the first one that leads to a value gives it. The later ones are names that the field had.
    pub pointers: Vec<String>,
}

/// Treatment of records that the API has no more: those noted as withdrawn, and rows that vanished from a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletedRows {
    /// The row stays as it was last, and `_deleted` says why: `withdrawn`, `vanished`.
    #[default]
    Flag,
    /// The row is left out.
    Omit,
}
