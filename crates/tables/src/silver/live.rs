//! Files of a silver table's newest version, for readers without an engine.

use bronzed_model::declaration::SilverTable;
use bronzed_storage::lake::Lake;

use super::state::{FilePlace, TableState};
use crate::error::DeltaError;

/// File of a silver table that readers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Key in the lake.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// Month of its partition; `None` for rows without a date, and in a table without partitions.
    pub month: Option<String>,
}

/// Returns the files of the newest version of the table that readers see, by month and name, those without a month first. `None`
/// if the table was never built.
///
/// # Errors
/// Returns an error if the table's log can't be read.
pub async fn live_files(
    lake: &Lake,
    table: &SilverTable,
) -> Result<Option<Vec<LiveFile>>, DeltaError> {
    let state = TableState::load(lake, &table.prefix).await?;
    if state.base.is_none() {
        return Ok(None);
    }
    let files = state.files.into_iter().filter_map(|file| {
        let FilePlace::Table(month) = file.place else {
            return None;
        };
        Some(LiveFile {
            key: format!("{}/{}", table.prefix, file.path),
            size: file.size,
            month,
        })
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by(|one, other| (&one.month, &one.key).cmp(&(&other.month, &other.key)));
    Ok(Some(files))
}
