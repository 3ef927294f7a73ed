//! Read-only view of another day's state: its ids, and its completeness.
//!
//! Nothing is repaired, and only the document is read: for a run that checks if a record is already stored in
//! that day.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::document::{StateDocument, time};
use super::entry::AuditEntry;
use crate::bronze::layout;
use crate::lake::{Lake, LakeError};
use bronzed_model::day::Day;
use bronzed_model::execution::Status;

/// A day's state as stored.
#[derive(Debug)]
pub struct Peek {
    document: StateDocument,
    zone: Tz,
}

/// Reads the state of a day. Returns `None` if there is no state whose ids can be trusted; a state of the
/// earlier pipeline names ids that no file has.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn peek(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<Peek>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(None);
    };
    let read = StateDocument::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    Ok(match read {
        Ok((document, None)) => Some(Peek { document, zone }),
        _ => None,
    })
}

impl Peek {
    /// Returns `true` if the record with this id is stored.
    pub fn contains(&self, id: &str) -> bool {
        self.document.ids.contains(id)
    }

    /// Returns the ids that the API was found to list no more.
    pub fn withdrawn(&self) -> impl Iterator<Item = &str> {
        self.document.withdrawn.keys().map(AsRef::as_ref)
    }

    /// Returns the rest of the stored ids that begin with `key@`.
    pub fn versions_of(&self, key: &str) -> impl Iterator<Item = &str> {
        self.document.ids.versions_of(key)
    }

    /// Returns `true` if the day is proven to be read in full.
    pub fn is_complete(&self) -> bool {
        self.document.complete
    }

    /// Returns `true` if a run that began at or after `at` ended with status `ok`.
    pub fn was_read_since(&self, at: DateTime<Utc>) -> bool {
        let since = |entry: &AuditEntry| {
            let began = entry
                .get("started_at")
                .and_then(|text| time(text, self.zone));
            entry.text("status").as_deref() == Some(Status::Ok.name())
                && began.is_some_and(|began| began >= at)
        };
        self.document.executions.iter().any(since)
    }
}
