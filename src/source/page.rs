//! One understood answer of a slice: the body's bytes, and where its records lie in them.

use std::ops::Range;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::json;
use crate::source::declaration::{Dataset, Require};

/// One page of records.
#[derive(Debug, Clone)]
pub struct Page {
    body: Bytes,
    records: Vec<Range<usize>>,
    /// How many records there are in all, as this page states.
    pub total: Option<u64>,
    /// How many pages there are in all, as this page states.
    pub total_pages: Option<u64>,
    /// Whether more pages follow, as this page states.
    pub has_more: Option<bool>,
    /// The `Date` of the response.
    pub date: Option<DateTime<Utc>>,
}

/// Why a body with an accepted status isn't a page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not JSON, or cut off.
    #[error("the body isn't whole JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The records aren't where the declaration says.
    #[error("no array of records at `{0}`")]
    NoRecords(String),
    /// A count that paging needs is absent, or isn't a count.
    #[error("`{0}` isn't a count: {1}")]
    NoCount(String, String),
}

impl Page {
    /// Finds records and counts in a body, as `dataset` declares them.
    ///
    /// # Errors
    /// When the body isn't JSON from its first to its last byte, or lacks what is declared.
    pub fn parse(
        dataset: &Dataset,
        body: Bytes,
        date: Option<DateTime<Utc>>,
    ) -> Result<Self, PageError> {
        let text = std::str::from_utf8(&body)
            .map_err(|error| PageError::Json(serde::de::Error::custom(error)))?;
        let array = json::pointer(text, &dataset.data_selector)?
            .filter(|found| json::kind(found) == json::Kind::Array)
            .ok_or_else(|| PageError::NoRecords(dataset.data_selector.clone()))?;
        // An answer that is the array itself was only looked at from its first byte so far.
        let records: Vec<_> = json::elements(array)?
            .into_iter()
            .map(|record| span_within(text, record))
            .collect();
        let paging = &dataset.paginator;
        let total = count(text, paging.total_records_path.as_deref())?;
        let total_pages = count(text, paging.total_pages_path.as_deref())?;
        let has_more = match &paging.has_more_path {
            None => None,
            Some(path) => match json::pointer(text, path)? {
                Some("true") => Some(true),
                Some("false") => Some(false),
                other => {
                    let found = other.unwrap_or("absent").to_owned();
                    return Err(PageError::NoCount(path.clone(), found));
                }
            },
        };
        Ok(Self {
            records,
            total,
            total_pages,
            has_more,
            date,
            body,
        })
    }

    /// The records, each as its JSON text.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &str> {
        self.records.iter().map(|span| {
            // The spans were cut out of this very body, which is valid UTF-8.
            std::str::from_utf8(&self.body[span.clone()]).unwrap_or("null")
        })
    }

    /// How many records the page has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether the page has no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The body's length in bytes.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }
}

/// Whether the proof of completeness needs a total at all.
pub fn needs_total(require: Require) -> bool {
    matches!(require, Require::UniqueTotal | Require::RowTotal)
}

fn span_within(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

fn count(text: &str, path: Option<&str>) -> Result<Option<u64>, PageError> {
    let Some(path) = path else { return Ok(None) };
    let found = json::pointer(text, path)?.unwrap_or("absent");
    match found.parse() {
        Ok(count) => Ok(Some(count)),
        Err(_) => {
            let shown = found.chars().take(40).collect();
            Err(PageError::NoCount(path.to_owned(), shown))
        }
    }
}
