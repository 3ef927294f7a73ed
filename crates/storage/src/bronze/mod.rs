//! Conversion of records to Parquet columns, and back (promise P9).
//!
//! The rule of this module: a value goes into its declared column only if it can be rebuilt exactly from that
//! column, numbers equal as numbers and strings character by character. Any other value goes, with its
//! original text, into `_extra`: a JSON object that mirrors the record. So no record is rejected for its
//! structure, and no value is lost.
//!
//! ```text
//! {"ano": 2025, "valor": "a lot", "orgao": {"uf": "SP", "novo": 1}}
//!
//!   ano   valor   orgao.uf   …   _extra                                   _id   _run_id   …
//!   2025  null    SP             {"valor":"a lot","orgao":{"novo":1}}
//! ```
//!
//! [`writer`] encodes records as a file; [`reader`] decodes records and ids from a file, including files
//! written by pandas; [`rows`] has all of a row that other tables are made of, and [`cut`] their columns; [`row_text`] shows rows with
//! their metadata, and [`export`] makes one CSV or Parquet file of many; [`layout`] has the object keys. [`infer`] drafts column declarations from records, and
//! [`drift`] reports from `_extra` what the declared columns lack.

mod columns;
pub mod cut;
pub mod drift;
pub mod events;
pub mod expectations;
pub mod export;
pub mod footer;
pub mod infer;
pub mod layout;
mod metadata;
pub mod reader;
mod rebuild;
pub mod row_text;
pub mod rows;
#[cfg(test)]
mod tests;
pub mod writer;

use std::sync::Arc;

use arrow_schema::Schema as ArrowSchema;
use bronzed_model::json::tape::TapeError;
use bronzed_model::schema::Schema;
use parquet::errors::ParquetError;

/// Returns the Arrow schema of a file with these declared columns: the metadata columns follow them.
///
/// # Errors
/// Returns an error if the declared columns don't make a table.
pub fn arrow_schema(schema: &Schema) -> Result<ArrowSchema, BronzeError> {
    let declared = columns::fields(&schema.columns)?;
    let fields = declared
        .iter()
        .cloned()
        .chain(metadata::fields().map(Arc::new));
    Ok(ArrowSchema::new(fields.collect::<Vec<_>>()))
}

/// Error of encoding or decoding a file.
#[derive(Debug, thiserror::Error)]
pub enum BronzeError {
    /// Invalid column declaration.
    #[error("the declared columns don't make a table: {0}")]
    Schema(String),
    /// A single record exceeds the size limit of a column.
    #[error("a record of {0} bytes is too large: a column holds at most 1 GiB of one record")]
    TooLarge(usize),
    /// Encoding failed.
    #[error("the columns can't be written as Parquet: {0}")]
    Write(#[source] ParquetError),
    /// Not a Parquet file, a damaged one, or an unsupported compression.
    #[error("the file can't be read as Parquet: {0}")]
    Read(#[source] ParquetError),
    /// A column, in a file of another program, whose type has no JSON form.
    #[error("column `{name}` is of type {kind}, which has no form in JSON")]
    Unsupported {
        /// Path of the column, including enclosing structs: `orgao.anexo`.
        name: String,
        /// Its Arrow type.
        kind: String,
    },
    /// A row's `_extra` is not valid JSON.
    #[error("`_extra` of row {row} isn't JSON: {error}")]
    Extra {
        /// Row index within the file, from 0.
        row: usize,
        /// The parse error.
        error: TapeError,
    },
}
