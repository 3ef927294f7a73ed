//! What the state of another day says, as it stands: which ids it has, and how far the day was read.
//!
//! Nothing is set right, and nothing but the document is read: for a run that asks whether a record of
//! that day is stored there already.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::document::{Document, time};
use super::entry::Entry;
use super::execution::Status;
use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};

/// The state of a day, as it stands.
#[derive(Debug)]
pub struct Peek {
    document: Document,
    zone: Tz,
}

/// Looks at the state of a day. `None`: there is none whose ids can be relied on; that of the earlier
/// pipeline names ids that no file has.
///
/// # Errors
/// When the lake can't be read.
pub async fn peek(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<Peek>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(None);
    };
    let read = Document::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    Ok(match read {
        Ok((document, None)) => Some(Peek { document, zone }),
        _ => None,
    })
}

impl Peek {
    /// Whether the record of this id is stored.
    pub fn contains(&self, id: &str) -> bool {
        self.document.ids.contains(id)
    }

    /// What follows `key@` in the stored ids.
    pub fn versions_of(&self, key: &str) -> impl Iterator<Item = &str> {
        let first: Box<str> = format!("{key}@").into();
        let ids = self.document.ids.range(first.clone()..);
        ids.map_while(move |id| id.strip_prefix(&*first))
    }

    /// Whether the day is proven to be read in full.
    pub fn is_complete(&self) -> bool {
        self.document.complete
    }

    /// Whether a run that began at `at` or later has read all that it was asked for.
    pub fn was_read_since(&self, at: DateTime<Utc>) -> bool {
        let since = |entry: &Entry| {
            let began = entry
                .get("started_at")
                .and_then(|text| time(text, self.zone));
            entry.text("status").as_deref() == Some(Status::Ok.name())
                && began.is_some_and(|began| began >= at)
        };
        self.document.executions.iter().any(since)
    }
}
