//! One understood answer of a slice: the body's bytes, and where its records lie in them.

use std::ops::Range;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::json::{self, Object};
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
    #[error("the body is not whole JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The records aren't where the declaration says.
    #[error("no array of records at `{0}`")]
    NoRecords(String),
    /// What paging goes by is absent, or of another type.
    #[error("no usable count or flag at `{0}`, but {1}")]
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
        let envelope = Envelope::open(text)?;
        let array = envelope
            .find(&dataset.data_selector)?
            .filter(|found| json::kind(found) == json::Kind::Array)
            .ok_or_else(|| PageError::NoRecords(dataset.data_selector.clone()))?;
        // An answer that is the array itself was only looked at from its first byte so far.
        let records: Vec<_> = json::elements(array)?
            .into_iter()
            .map(|record| span_within(text, record))
            .collect();
        let paging = &dataset.paginator;
        let total = count(&envelope, paging.total_records_path.as_deref())?;
        let total_pages = count(&envelope, paging.total_pages_path.as_deref())?;
        let has_more = match &paging.has_more_path {
            None => None,
            Some(path) => match envelope.find(path)? {
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

/// The answer, its top level opened once for all the pointers into it: reading a page of 125 KB
/// once for each of them would cost more than everything else that is done with it.
struct Envelope<'a> {
    text: &'a str,
    members: Option<Object<'a>>,
}

impl<'a> Envelope<'a> {
    fn open(text: &'a str) -> Result<Self, PageError> {
        let members = match json::kind(text) {
            json::Kind::Object => Some(Object::parse(text)?),
            _ => None,
        };
        Ok(Self { text, members })
    }

    fn find(&self, path: &str) -> Result<Option<&'a str>, PageError> {
        let (Some(object), Some(path)) = (&self.members, path.strip_prefix('/')) else {
            return Ok(json::pointer(self.text, path)?);
        };
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        match object.get(&first.replace("~1", "/").replace("~0", "~")) {
            Some(value) => Ok(json::pointer(value, rest)?),
            None => Ok(None),
        }
    }
}

fn count(envelope: &Envelope<'_>, path: Option<&str>) -> Result<Option<u64>, PageError> {
    let Some(path) = path else { return Ok(None) };
    let found = envelope.find(path)?.unwrap_or("absent");
    match found.parse() {
        Ok(count) => Ok(Some(count)),
        Err(_) => {
            let shown = found.chars().take(40).collect();
            Err(PageError::NoCount(path.to_owned(), shown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing;

    fn parse(body: &str) -> Result<Page, PageError> {
        Page::parse(&testing::dataset(), body.to_owned().into(), None)
    }

    #[test]
    fn records_and_counts_are_found_where_the_declaration_says() {
        let page = parse(
            r#" {"totalPaginas":17,"data":[{"a":1.50}, null,[2]],"x":{"data":[]},"totalRegistros":812} "#,
        )
        .unwrap();
        let records: Vec<_> = page.records().collect();
        assert_eq!(records, [r#"{"a":1.50}"#, "null", "[2]"]);
        assert_eq!((page.total, page.total_pages), (Some(812), Some(17)));
    }

    #[test]
    fn an_answer_may_be_the_array_itself_or_hold_it_deep_inside() {
        let mut dataset = testing::dataset();
        dataset.paginator.total_records_path = None;
        dataset.paginator.total_pages_path = None;
        dataset.data_selector = String::new();
        let page = Page::parse(&dataset, "[1,2]".into(), None).unwrap();
        assert_eq!(page.len(), 2);
        dataset.data_selector = "/a~1b/0/rows".to_owned();
        let page = Page::parse(&dataset, r#"{"a/b":[{"rows":[7]}]}"#.into(), None).unwrap();
        assert_eq!(page.records().collect::<Vec<_>>(), ["7"]);
    }

    #[test]
    fn a_missing_count_is_an_error_and_not_the_end_of_the_walk() {
        let error = parse(r#"{"data":[],"totalRegistros":0}"#).unwrap_err();
        assert!(matches!(error, PageError::NoCount(path, found)
            if path == "/totalPaginas" && found == "absent"));
        let mistyped = r#"{"data":[],"totalRegistros":"0","totalPaginas":0}"#;
        assert!(matches!(parse(mistyped), Err(PageError::NoCount(..))));
    }

    #[test]
    fn another_envelope_is_an_error() {
        for body in [
            r#"{"message":"erro"}"#,
            r#"{"data":{}}"#,
            "[]",
            "\"data\"",
            "null",
        ] {
            assert!(
                matches!(parse(body), Err(PageError::NoRecords(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_that_goes_on_or_breaks_off_is_an_error() {
        let whole = r#"{"data":[{"a":1}],"totalRegistros":1,"totalPaginas":1}"#;
        assert!(parse(whole).is_ok());
        for end in 1..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
        assert!(parse(&format!("{whole}{{}}")).is_err());
        let latin = Bytes::from_static(b"{\"data\":[\"S\xe3o\"]}");
        let error = Page::parse(&testing::dataset(), latin, None).unwrap_err();
        assert!(matches!(error, PageError::Json(_)));
    }
}
