//! Record of the declaration that a table was written with: a small document in the lake for each table.
//!
//! ```json
//! {
//!   "format": 1,
//!   "dataset": "pncp.contratacoes",
//!   "since": "2025-10-22T12:00:00Z",
//!   "identity": {"kind": "dated", "primary_key": ["/numeroControlePNCP"], "version": "none",
//!                "explode": null, "zone": "America/Sao_Paulo", "day_field": "/dataPublicacaoPncp",
//!                "period": "month"},
//!   "columns": {"/valorTotalEstimado": "decimal(18,4)", "/orgaoEntidade/cnpj": "string", …},
//!   "slices": {"modalidade=1": 0, …, "modalidade=15": 1},
//!   "generation": 1
//! }
//! ```
//!
//! `period` is absent where a partition holds a day. Its key is `_bronzed/tables/{prefix}.json`. Guarantees:
//!
//! - a table with data is never written with another identity (each record would be stored again under
//!   another id) nor with another type of a column (readers would treat the whole column as text): both are
//!   rejected, with a hint. A table without data accepts any declaration;
//! - a new column is added; a column that is no longer declared stays recorded;
//! - an added slice makes earlier days incomplete for that slice alone. The slice gets the next generation,
//!   and a day that is complete including it has the marker `20251022.1` beside `20251022`.
//!
//! If a table is older than its document, the first declaration seen is recorded. `undeclared` (absent if
//! empty) are slices that are no longer declared, each with the highest generation by which days were
//! completed without it.

mod declared;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use crate::bronze::layout;
use crate::lake::document::{DocumentError, JsonDocument};
use crate::lake::{Lake, LakeError};
use bronzed_model::declaration::Dataset;
use bronzed_model::entropy::Entropy;

use declared::{DeclaredTable, TableIdentity};

/// Format that this version writes, and the highest that it can read.
const FORMAT: u64 = 1;

/// Declaration that a table was written with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDocument {
    dataset: String,
    since: DateTime<Utc>,
    identity: TableIdentity,
    /// Type by JSON pointer into the record; `/*` stands for the elements of a list.
    columns: BTreeMap<String, String>,
    /// Generation in which each slice was added, by label.
    slices: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    undeclared: BTreeMap<String, u64>,
    generation: u64,
}

/// Conflict between a table and the configuration.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The document can't be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The table was written with another declaration.
    #[error(
        "`{dataset}`: the table `{prefix}` in the lake was written with {written}, and the \
         configuration says {said}: {harm}. Set it as it was; or move the table on purpose: give the \
         dataset another `prefix`, and read it anew by `bronzed backfill {dataset} --from … --to …`"
    )]
    Other {
        /// `pncp.contratos`
        dataset: String,
        /// `pncp_contratos`
        prefix: String,
        /// Setting that the table was written with: `primary_key ["/id"]`.
        written: String,
        /// Setting in the configuration.
        said: String,
        /// Consequence of writing anyway.
        harm: &'static str,
    },
}

impl From<LakeError> for TableError {
    fn from(error: LakeError) -> Self {
        Self::Document(error.into())
    }
}

/// Folder of the documents.
pub const FOLDER: &str = "_bronzed/tables/";

/// Returns the key of a table's document.
pub fn key(prefix: &str) -> String {
    format!("{FOLDER}{prefix}.json")
}

fn document(lake: &Lake, prefix: &str) -> JsonDocument<TableDocument> {
    JsonDocument::new(lake, key(prefix), FORMAT)
}

/// Checks that the table may be written with the declaration of `dataset`, records the declaration, and sets
/// the generation of the table's slices in the lake handle.
///
/// # Errors
/// Returns an error if the table was written with another declaration, or if the lake can't be read or
/// written.
pub async fn settle(
    lake: &Lake,
    dataset: &Dataset,
    entropy: &Entropy,
    now: DateTime<Utc>,
) -> Result<(), TableError> {
    let said = DeclaredTable::of(dataset);
    let document = document(lake, &dataset.prefix);
    let table = document.load().await?;
    let refused = table.and_then(|table| table.refuses(dataset, &said));
    // The recorded declaration is void if the table has no data.
    let mut void = false;
    if let Some(error) = refused {
        if has_data(lake, &dataset.prefix).await? {
            return Err(error);
        }
        void = true;
    }
    let mut generation = 0;
    let change = |found: Option<TableDocument>| {
        let refused = found
            .as_ref()
            .and_then(|found| found.refuses(dataset, &said));
        let before = match refused {
            Some(_) if void => None,
            Some(error) => return Err(error),
            None => found.clone(),
        };
        let mut next = before.unwrap_or_else(|| TableDocument::new(dataset, &said, now));
        next.take(&said);
        generation = next.required(&said);
        Ok((found.as_ref() != Some(&next)).then_some(next))
    };
    document.change(entropy, change).await?;
    lake.set_generation(&dataset.prefix, generation);
    Ok(())
}

/// Read-only variant of [`settle`]: sets the generation of the table's slices in the lake handle, and writes
/// nothing.
///
/// # Errors
/// Returns an error if the table was written with another declaration, or if the lake can't be read.
pub async fn look(lake: &Lake, dataset: &Dataset) -> Result<Option<TableDocument>, TableError> {
    let said = DeclaredTable::of(dataset);
    let Some(mut table) = document(lake, &dataset.prefix).load().await? else {
        return Ok(None);
    };
    if let Some(error) = table.refuses(dataset, &said) {
        return match has_data(lake, &dataset.prefix).await? {
            true => Err(error),
            false => Ok(None),
        };
    }
    table.take(&said);
    lake.set_generation(&dataset.prefix, table.required(&said));
    Ok(Some(table))
}

async fn has_data(lake: &Lake, prefix: &str) -> Result<bool, LakeError> {
    let found = lake.list(prefix).await?;
    let files = |key: &str| layout::file_day(prefix, key).is_some();
    Ok(found
        .iter()
        .any(|entry| files(&entry.key) || layout::state_day(prefix, &entry.key).is_some()))
}

impl TableDocument {
    fn new(dataset: &Dataset, said: &DeclaredTable, now: DateTime<Utc>) -> Self {
        let slices = said.slices.iter().flatten();
        Self {
            dataset: dataset.full_name(),
            since: now.trunc_subsecs(0),
            identity: said.identity.clone(),
            columns: said.columns.clone(),
            slices: slices.map(|label| (label.clone(), 0)).collect(),
            undeclared: BTreeMap::new(),
            generation: 0,
        }
    }

    /// Returns the reason that the table can't be written with this declaration. `None` if it can.
    fn refuses(&self, dataset: &Dataset, said: &DeclaredTable) -> Option<TableError> {
        let other = |written: String, said: String, harm: &'static str| TableError::Other {
            dataset: dataset.full_name(),
            prefix: dataset.prefix.clone(),
            written,
            said,
            harm,
        };
        if let Some((written, said)) = self.identity.differs(&said.identity) {
            let harm = "each record would be stored again under another id, or on another day";
            return Some(other(written, said, harm));
        }
        let retyped = said.columns.iter().find_map(|(path, kind)| {
            let before = self.columns.get(path).filter(|before| *before != kind)?;
            Some((format!("`{path}` as {before}"), kind.clone()))
        });
        retyped.map(|(written, said)| {
            other(
                written,
                said,
                "readers would get the column as text, or nothing of it",
            )
        })
    }

    /// Adds new columns and slices of an accepted declaration.
    fn take(&mut self, said: &DeclaredTable) {
        for (path, kind) in &said.columns {
            self.columns
                .entry(path.clone())
                .or_insert_with(|| kind.clone());
        }
        let Some(labels) = &said.slices else {
            return;
        };
        // A slice is also new if days were completed without it by an equal or higher generation.
        let is_new = |label: &String| match (self.slices.get(label), self.undeclared.get(label)) {
            (None, _) => true,
            (Some(own), Some(without)) => own <= without,
            (Some(_), None) => false,
        };
        let new: Vec<_> = labels
            .iter()
            .filter(|label| is_new(label))
            .cloned()
            .collect();
        if !new.is_empty() {
            self.generation += 1;
        }
        for label in new {
            self.slices.insert(label, self.generation);
        }
        let required = self.required(said);
        self.undeclared.retain(|label, _| !labels.contains(label));
        for label in self.slices.keys().filter(|label| !labels.contains(*label)) {
            let without = self.undeclared.entry(label.clone()).or_default();
            *without = required.max(*without);
        }
    }

    /// Returns the generation required for a day to be complete by this declaration.
    fn required(&self, said: &DeclaredTable) -> u64 {
        let labels = said.slices.iter().flatten();
        let generations = labels.filter_map(|label| self.slices.get(label));
        generations.copied().max().unwrap_or_default()
    }
}
