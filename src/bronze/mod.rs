//! Records become columns of a Parquet file, and rows become records again (promise P9).
//!
//! The rule that everything here serves: a value goes into its declared column only if it can be
//! rebuilt exactly from there, numbers equal as numbers and strings to the letter. Any other value
//! goes, with its own text, into `_extra`: a JSON object that mirrors the record. So a record is
//! never refused for its shape, and none of it is lost.
//!
//! ```text
//! {"ano": 2025, "valor": "a lot", "orgao": {"uf": "SP", "novo": 1}}
//!
//!   ano   valor   orgao.uf   …   _extra                                   _id   _run_id   …
//!   2025  null    SP             {"valor":"a lot","orgao":{"novo":1}}
//! ```
//!
//! [`writer`] makes a file of records, [`reader`] makes records (and ids) of a file, also of one
//! that pandas wrote; [`layout`] says where files lie. [`infer`] drafts columns of records, and
//! [`drift`] tells from `_extra` what the declared ones lack.

mod columns;
pub mod drift;
pub mod events;
pub mod infer;
pub mod layout;
mod metadata;
pub mod reader;
mod rebuild;
pub mod schema;
#[cfg(test)]
mod tests;
pub mod writer;

use parquet::errors::ParquetError;

/// Why a file can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BronzeError {
    /// The declaration has to be mended.
    #[error("the declared columns don't make a table: {0}")]
    Schema(String),
    /// One record alone is too much for a column.
    #[error("a record of {0} bytes is too large: a column holds at most 1 GiB of one record")]
    TooLarge(usize),
    /// Columns couldn't be encoded.
    #[error("the columns can't be written as Parquet: {0}")]
    Write(#[source] ParquetError),
    /// Not a Parquet file, damaged, or compressed in a way that isn't supported.
    #[error("the file can't be read as Parquet: {0}")]
    Read(#[source] ParquetError),
    /// A column of a file that this program didn't write, and that has no JSON form.
    #[error("column `{name}` is of type {kind}, which has no form in JSON")]
    Unsupported {
        /// The column, with the structs around it: `orgao.anexo`.
        name: String,
        /// Its Arrow type.
        kind: String,
    },
    /// A row's `_extra` isn't what this program writes there.
    #[error("`_extra` of row {row} isn't JSON: {error}")]
    Extra {
        /// Counted from 0 within the file.
        row: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}
