//! What the state of a day says, as it stands: nothing is set right, and nothing but the document
//! is read.
//!
//! Enough to plan by. What a run may rest on is what [`super::DayStore::open`] finds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::document::{Accepted, Document, Doubt, SliceProgress, time};
use super::entry::Entry;
use super::execution::{Execution, StopReason};
use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};

/// What a state says of its day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Whether the day is proven to be read in full, with the slices that are declared now.
    pub complete: bool,
    /// That a person takes the day as it is, and why.
    pub accepted: Option<Accepted>,
    /// Its runs, without their files and failed slices.
    pub runs: Vec<Execution>,
}

/// Looks at the state of a day. `None`: there is none, or none that can be relied on; the next run
/// rebuilds it.
///
/// # Errors
/// When the lake can't be asked.
pub async fn glance(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<Glance>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(None);
    };
    let read = Document::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    let Ok((document, None | Some(Doubt::Earlier))) = read else {
        return Ok(None);
    };
    let runs = document.executions.iter();
    Ok(Some(Glance {
        accepted: document.accepted.clone(),
        complete: document.complete && document.generation >= lake.generation(prefix),
        runs: runs.filter_map(|entry| execution(entry, zone)).collect(),
    }))
}

/// How far each slice of a day was read, as its state says. Empty: nothing is known, or nothing that
/// can be relied on.
///
/// # Errors
/// When the lake can't be asked.
pub async fn slice_progress(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<BTreeMap<String, SliceProgress>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(BTreeMap::new());
    };
    let read = Document::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    Ok(match read {
        Ok((document, None)) => document.slices,
        _ => BTreeMap::new(),
    })
}

/// Why the run ended early. Before 0.1 that was said by a sentence alone.
fn stop(entry: &Entry) -> Option<StopReason> {
    const SENTENCE: &str = "told to stop before everything was read";
    match entry.get("stop") {
        Some(text) => serde_json::from_str(text).ok(),
        None => (entry.text("error").as_deref() == Some(SENTENCE)).then_some(StopReason::Cancelled),
    }
}

/// The run that an entry is of; `None` for the earlier pipeline's, and for what isn't understood.
fn execution(entry: &Entry, zone: Tz) -> Option<Execution> {
    let at = |key| -> Option<DateTime<Utc>> { time(entry.get(key)?, zone) };
    Some(Execution {
        run_id: entry.run_id()?,
        job: entry.text("job")?,
        status: serde_json::from_str(entry.get("status")?).ok()?,
        started_at: at("started_at")?,
        timestamp: at("timestamp")?,
        counts: entry.counts(),
        files: Vec::new(),
        failed_slices: Vec::new(),
        stop: stop(entry),
        again_at: at("again_at"),
        error: entry.text("error"),
    })
}
