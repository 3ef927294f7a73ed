//! Summary of a day's state as stored: nothing is repaired, and only the document is read.
//!
//! Enough for planning. A run must use [`super::DayStore::open`] instead.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::document::{Accepted, Doubt, SliceProgress, StateDocument, time};
use super::entry::AuditEntry;
use crate::bronze::layout;
use crate::lake::{Lake, LakeError};
use bronzed_model::day::Day;
use bronzed_model::execution::{Execution, StopReason};

/// Summary of a day's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateSummary {
    /// `true` if the day is proven to be read in full, with the slices that are declared now.
    pub complete: bool,
    /// Acceptance by a person; `None` if not accepted.
    pub accepted: Option<Accepted>,
    /// Number of stored ids.
    pub records: u64,
    /// Number of files that the day has lost.
    pub lost_files: usize,
    /// Runs of the day, without their files.
    pub runs: Vec<Execution>,
}

/// Reads the summary of a day's state. Returns `None` if there is no state, or if it is unreadable or
/// contradictory; the next run rebuilds it.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn glance(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<StateSummary>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(None);
    };
    let read = StateDocument::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    let Ok((document, None | Some(Doubt::Earlier))) = read else {
        return Ok(None);
    };
    let runs = document.executions.iter();
    Ok(Some(StateSummary {
        accepted: document.accepted.clone(),
        complete: document.complete && document.generation >= lake.generation(prefix),
        records: document.ids.len() as u64,
        lost_files: document.lost.len(),
        runs: runs.filter_map(|entry| execution(entry, zone)).collect(),
    }))
}

/// Returns the progress of each slice of a day. Empty if there is no state, or none that can be trusted.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn slice_progress(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<BTreeMap<String, SliceProgress>, LakeError> {
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        return Ok(BTreeMap::new());
    };
    let read = StateDocument::read(&bytes, day, zone, DateTime::UNIX_EPOCH);
    Ok(match read {
        Ok((document, None)) => document.slices,
        _ => BTreeMap::new(),
    })
}

/// Returns the reason why the run ended early. States written before 0.1 have only the error message.
fn stop(entry: &AuditEntry) -> Option<StopReason> {
    const SENTENCE: &str = "told to stop before everything was read";
    match entry.get("stop") {
        Some(text) => serde_json::from_str(text).ok(),
        None => (entry.text("error").as_deref() == Some(SENTENCE)).then_some(StopReason::Cancelled),
    }
}

/// Returns the slices that a run couldn't read or prove, each with its reason.
fn failures(entry: &AuditEntry) -> Vec<(String, String)> {
    let failures: Option<BTreeMap<String, String>> = entry
        .get("failures")
        .and_then(|text| serde_json::from_str(text).ok());
    failures.unwrap_or_default().into_iter().collect()
}

/// Returns the run of an entry; `None` for entries of the earlier pipeline, and for unreadable ones.
fn execution(entry: &AuditEntry, zone: Tz) -> Option<Execution> {
    let at = |key| -> Option<DateTime<Utc>> { time(entry.get(key)?, zone) };
    Some(Execution {
        run_id: entry.run_id()?,
        job: entry.text("job")?,
        status: serde_json::from_str(entry.get("status")?).ok()?,
        started_at: at("started_at")?,
        timestamp: at("timestamp")?,
        counts: entry.counts(),
        retry_reasons: entry.retry_reasons(),
        drift_example: entry.drift_example(),
        files: Vec::new(),
        failed_slices: failures(entry),
        stop: stop(entry),
        again_at: at("again_at"),
        error: entry.text("error"),
        expectations: entry.expectations(),
    })
}
