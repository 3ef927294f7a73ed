//! One contratação of the simulated API: its content, and the time from which it is listed.

use std::sync::Arc;

use bronzed_model::json::tape::TapeError;
use chrono::NaiveDateTime;

use super::datasets::CONTRATACOES;
use super::generated::Generator;
pub use crate::row::Listing;
use crate::row::Row;
use crate::table::TIME_FORMAT;
use crate::tree::Tree;

/// Field that holds the id of a record.
pub(super) const ID_FIELD: &str = "numeroControlePNCP";

/// One record of a catalogue, in one version.
#[derive(Debug, Clone)]
pub struct Record(Row);

/// Error of a JSON text that can't be a record of the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON.
    #[error("a record must be JSON: {0}")]
    Json(#[from] TapeError),
    /// A field that the API lists by is missing.
    #[error("a record needs `{0}` to be listed by; place it with `Record::listed` instead")]
    Field(&'static str),
}

impl Record {
    /// A record listed under its own `modalidadeId` and `dataPublicacaoPncp`, and visible from its
    /// publication on.
    ///
    /// # Errors
    /// Returns an error if one of the two fields can't be read.
    pub fn new(tree: Tree) -> Result<Self, RecordError> {
        let modalidade = match tree.get("modalidadeId") {
            Some(Tree::Scalar(text)) => text.parse().ok(),
            _ => None,
        };
        Ok(Self::listed(
            modalidade.ok_or(RecordError::Field("modalidadeId"))?,
            time(&tree, "dataPublicacaoPncp").ok_or(RecordError::Field("dataPublicacaoPncp"))?,
            tree,
        ))
    }

    /// Parses a record from JSON text; see [`Record::new`].
    ///
    /// # Errors
    /// Returns an error if the text isn't JSON, or lacks a field that it is listed by.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        Self::new(Tree::parse(text)?)
    }

    /// Any JSON value, listed under `modalidade` and `published`, whatever its own fields say. The last
    /// update and the end of its proposals come from its own fields, if it has them.
    pub fn listed(modalidade: u32, published: NaiveDateTime, tree: Tree) -> Self {
        let updated = time(&tree, "dataAtualizacaoGlobal").unwrap_or(published);
        let closing = time(&tree, "dataEncerramentoProposta").unwrap_or(published);
        let row = Row::whole(published, tree).updated(updated).ending(closing);
        Self(row.in_group(u64::from(modalidade)))
    }

    pub(super) fn generated(generator: &Arc<Generator>, index: u32, version: u32) -> Self {
        let place = generator.place(index, version);
        let row = Row::made(place.published, Arc::clone(generator) as _, index, version);
        let row = row.updated(place.updated).ending(place.closing);
        Self(row.in_group(u64::from(place.modalidade)))
    }

    /// Sets the time from which the record is listed. Its position stays that of its publication: when it
    /// appears late, all records published after it move by one.
    #[must_use]
    pub fn appearing(self, time: NaiveDateTime) -> Self {
        Self(self.0.appearing(time))
    }

    /// Sets the time until which the record is listed: it is withdrawn, or replaced by a newer version.
    #[must_use]
    pub fn until(self, time: NaiveDateTime) -> Self {
        Self(self.0.until(time))
    }

    /// Returns the `modalidade`: the slice that lists the record.
    pub fn modalidade(&self) -> u32 {
        u32::try_from(self.0.group).unwrap_or_default()
    }

    /// Returns the time of publication (Brasília), which decides the day and the position.
    pub fn published(&self) -> NaiveDateTime {
        self.0.at()
    }

    /// Returns the state of the record at `now` (Brasília).
    pub fn listing(&self, now: NaiveDateTime) -> Listing {
        self.0.listing(now)
    }

    /// Returns the JSON value.
    pub fn tree(&self) -> Tree {
        self.0.tree()
    }

    /// Returns the id under which a lake must store the record: its own, or `sha256:` and the hash of its
    /// canonical JSON if it has no usable one.
    pub fn id(&self) -> String {
        self.0.id(&CONTRATACOES)
    }
}

impl From<Record> for Row {
    fn from(record: Record) -> Self {
        record.0
    }
}

fn time(tree: &Tree, field: &str) -> Option<NaiveDateTime> {
    let text = tree.get(field).and_then(Tree::as_text)?;
    NaiveDateTime::parse_from_str(&text, TIME_FORMAT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"modalidadeId":6,"dataPublicacaoPncp":"2025-10-22T09:00:00","numeroControlePNCP":"1-1-000001/2025"}"#;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, TIME_FORMAT).unwrap()
    }

    #[test]
    fn a_record_is_listed_from_its_publication_on() {
        let record = Record::from_json(TEXT).unwrap();
        assert_eq!(record.listing(at("2025-10-22T08:59:59")), Listing::Future);
        assert_eq!(record.listing(at("2025-10-22T09:00:00")), Listing::Visible);
        assert_eq!(record.id(), "1-1-000001/2025");
    }

    #[test]
    fn a_record_without_its_fields_needs_to_be_placed() {
        assert!(Record::from_json("{}").is_err());
        let placed = Record::listed(6, at("2025-10-22T09:00:00"), Tree::literal("17"));
        assert!(placed.id().starts_with("sha256:"));
    }
}
