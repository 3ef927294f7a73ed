//! One record of the simulated API: what is served, and since when.

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;

use super::generated::Generator;
use crate::json;
use crate::simulator::tree::Tree;

/// How PNCP writes a time: Brasília's, without an offset.
pub(super) const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// The field that records are known by.
pub(super) const ID_FIELD: &str = "numeroControlePNCP";

/// One record of a catalogue.
#[derive(Debug, Clone)]
pub struct Record {
    modalidade: u32,
    published: NaiveDateTime,
    appears: NaiveDateTime,
    withdrawn: bool,
    body: Body,
}

/// Why a JSON text can't be a record of the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON.
    #[error("a record must be JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field that the API lists by isn't there.
    #[error("a record needs `{0}` to be listed by; place it with `Record::listed` instead")]
    Field(&'static str),
}

/// Where the record's JSON comes from.
#[derive(Debug, Clone)]
enum Body {
    Whole(Arc<Tree>),
    /// Made when it is served: a day of 100,000 records takes a few megabytes.
    Generated(Arc<Generator>, u32),
}

/// Whether a record is listed at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// It is.
    Visible,
    /// Not yet.
    Future,
    /// Not any more: the API took it away.
    Withdrawn,
}

impl Record {
    /// A record that is listed by its own `modalidadeId` and `dataPublicacaoPncp`, and appears
    /// when it was published.
    ///
    /// # Errors
    /// When one of the two fields can't be read.
    pub fn new(tree: Tree) -> Result<Self, RecordError> {
        let modalidade = match tree.get("modalidadeId") {
            Some(Tree::Scalar(text)) => text.parse().ok(),
            _ => None,
        };
        let published = tree.get("dataPublicacaoPncp").and_then(Tree::as_text);
        let published =
            published.and_then(|text| NaiveDateTime::parse_from_str(&text, TIME_FORMAT).ok());
        Ok(Self::listed(
            modalidade.ok_or(RecordError::Field("modalidadeId"))?,
            published.ok_or(RecordError::Field("dataPublicacaoPncp"))?,
            tree,
        ))
    }

    /// The record that a JSON text holds; see [`Record::new`].
    ///
    /// # Errors
    /// When the text isn't JSON, or lacks what it is listed by.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        Self::new(Tree::parse(text)?)
    }

    /// Any JSON value, listed under `modalidade` and `published`, whatever it says itself.
    pub fn listed(modalidade: u32, published: NaiveDateTime, tree: Tree) -> Self {
        Self::with_body(modalidade, published, Body::Whole(Arc::new(tree)))
    }

    pub(super) fn generated(
        modalidade: u32,
        published: NaiveDateTime,
        generator: Arc<Generator>,
        index: u32,
    ) -> Self {
        Self::with_body(modalidade, published, Body::Generated(generator, index))
    }

    fn with_body(modalidade: u32, published: NaiveDateTime, body: Body) -> Self {
        Self {
            modalidade,
            published,
            appears: published,
            withdrawn: false,
            body,
        }
    }

    /// The same record, but listed from `time` on. Its place in the order stays that of its
    /// publication: when it appears late, all that were published after it move by one.
    #[must_use]
    pub fn appearing(self, time: NaiveDateTime) -> Self {
        Self {
            appears: time,
            ..self
        }
    }

    /// Its `modalidade`: the slice that lists it.
    pub fn modalidade(&self) -> u32 {
        self.modalidade
    }

    /// When it was published (Brasília): its day, and its place in the order.
    pub fn published(&self) -> NaiveDateTime {
        self.published
    }

    /// Whether it is listed at `now` (Brasília).
    pub fn listing(&self, now: NaiveDateTime) -> Listing {
        if self.withdrawn {
            Listing::Withdrawn
        } else if self.appears > now {
            Listing::Future
        } else {
            Listing::Visible
        }
    }

    /// From now on it isn't listed.
    pub(super) fn withdraw(&mut self) {
        self.withdrawn = true;
    }

    /// Whether it was published already and is to appear later.
    pub(super) fn can_be_revealed(&self, now: NaiveDateTime) -> bool {
        self.listing(now) == Listing::Future && self.published <= now
    }

    /// From `now` on it is listed.
    pub(super) fn reveal(&mut self, now: NaiveDateTime) {
        self.appears = now;
    }

    /// Its JSON value.
    pub fn tree(&self) -> Tree {
        match &self.body {
            Body::Whole(tree) => Tree::clone(tree),
            Body::Generated(generator, index) => {
                generator.tree(*index, self.modalidade, self.published)
            }
        }
    }

    /// The id that a lake must know it by: its own, or `sha256:` and the hash of its canonical
    /// JSON where it has no usable one.
    pub fn id(&self) -> String {
        if let Body::Generated(generator, index) = &self.body
            && let Some(id) = generator.plain_id(*index)
        {
            return id;
        }
        id_of(&self.tree())
    }
}

/// See [`Record::id`].
pub(super) fn id_of(tree: &Tree) -> String {
    let own = tree.get(ID_FIELD).and_then(Tree::as_text);
    own.filter(|id| !id.trim().is_empty())
        .unwrap_or_else(|| format!("sha256:{}", json::canonical::hash(&tree.to_json())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"modalidadeId":6,"dataPublicacaoPncp":"2025-10-22T09:00:00","numeroControlePNCP":"1-1-000001/2025"}"#;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, TIME_FORMAT).unwrap()
    }

    #[test]
    fn a_record_is_listed_from_its_publication_until_it_is_withdrawn() {
        let mut record = Record::from_json(TEXT).unwrap();
        assert_eq!(record.listing(at("2025-10-22T08:59:59")), Listing::Future);
        assert_eq!(record.listing(at("2025-10-22T09:00:00")), Listing::Visible);
        assert_eq!(record.id(), "1-1-000001/2025");
        record.withdraw();
        assert_eq!(
            record.listing(at("2025-10-22T10:00:00")),
            Listing::Withdrawn
        );
    }

    #[test]
    fn a_record_without_its_fields_needs_to_be_placed() {
        assert!(Record::from_json("{}").is_err());
        let placed = Record::listed(6, at("2025-10-22T09:00:00"), Tree::literal("17"));
        assert!(placed.id().starts_with("sha256:"));
    }
}
