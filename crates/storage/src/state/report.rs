//! Report of a day for people: its slices, every execution with its reasons, and its files. Read as stored:
//! nothing is repaired, and no file is opened.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::document::{Accepted, Doubt, ReadError, SliceProgress, StateDocument, time};
use super::entry::AuditEntry;
use crate::bronze::layout;
use crate::lake::{Lake, LakeError};
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::execution::{Status, StopReason};

/// Report of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayReport {
    /// `true` if the day is proven to be read in full, with the slices that are declared now.
    pub complete: bool,
    /// Acceptance by a person; `None` if not accepted.
    pub accepted: Option<Accepted>,
    /// Number of stored ids.
    pub records: u64,
    /// Number of stored ids that the API was found to list no more.
    pub withdrawn: u64,
    /// Number of writes of the state.
    pub revision: u64,
    /// Progress of the slices, by label.
    pub slices: BTreeMap<String, SliceProgress>,
    /// Entries of the audit, oldest first.
    pub executions: Vec<ReportedExecution>,
    /// Numbered files of the day, in order.
    pub files: Vec<ReportedFile>,
    /// Keys of files that are gone.
    pub lost_files: BTreeSet<String>,
    /// Reason not to trust the state, which the next run rebuilds; `None` if it is sound.
    pub doubt: Option<String>,
}

/// Entry of the audit: a run, the takeover of the earlier pipeline's files, or a person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedExecution {
    /// Run id; `None` for entries of the earlier pipeline.
    pub run_id: Option<Uuid>,
    /// Job that requested the run, or name of the decision; `None` for entries of the earlier pipeline.
    pub job: Option<String>,
    /// Status; `None` for entries of the earlier pipeline and for decisions.
    pub status: Option<Status>,
    /// Start time.
    pub started_at: Option<DateTime<Utc>>,
    /// Time of the last write of the entry.
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts of records and requests.
    pub counts: Counts,
    /// Keys of the files whose rows the entry counts.
    pub files: Vec<String>,
    /// Slices that weren't read or proven, each with the reason.
    pub failures: BTreeMap<String, String>,
    /// Error of the run as a whole.
    pub error: Option<String>,
    /// Reason why the run ended early.
    pub stop: Option<StopReason>,
    /// Time from which the day is worth another run.
    pub again_at: Option<DateTime<Utc>>,
    /// Reason that a person gave for a decision.
    pub reason: Option<String>,
}

/// File of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedFile {
    /// Key in the lake.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time at which it was stored.
    pub stored_at: DateTime<Utc>,
    /// Number of rows, known if its run stored no other file.
    pub rows: Option<u64>,
}

/// Reads the report of a day. Returns `None` if there is neither a state nor a file.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn report(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<DayReport>, LakeError> {
    let files = files(lake, prefix, day).await?;
    let Some((bytes, _)) = lake.get(&layout::state_key(prefix, day)).await? else {
        let doubt = "there is no state beside the files".to_owned();
        return Ok((!files.is_empty()).then(|| DayReport::in_doubt(files, doubt)));
    };
    let (document, doubt) = match StateDocument::read(&bytes, day, zone, DateTime::UNIX_EPOCH) {
        Ok((document, None | Some(Doubt::Earlier))) => (document, None),
        Ok((document, Some(Doubt::Contradiction(why)))) => (document, Some(why)),
        Err(ReadError::Unreadable(why)) => return Ok(Some(DayReport::in_doubt(files, why))),
        Err(ReadError::Newer(format)) => {
            let doubt = format!("it has format {format}, of a newer version of bronzed");
            return Ok(Some(DayReport::in_doubt(files, doubt)));
        }
    };
    let executions = document.executions.iter();
    let executions: Vec<_> = executions.map(|entry| reported(entry, zone)).collect();
    let rows = rows(&executions);
    Ok(Some(DayReport {
        complete: document.complete && document.generation >= lake.generation(prefix),
        records: document.ids.len() as u64,
        withdrawn: document.withdrawn.len() as u64,
        revision: document.revision,
        files: files
            .into_iter()
            .map(|file| ReportedFile {
                rows: rows.get(&file.key).copied(),
                ..file
            })
            .collect(),
        executions,
        accepted: document.accepted,
        slices: document.slices,
        lost_files: document.lost,
        doubt,
    }))
}

impl DayReport {
    /// Returns the report of a day whose state can't be read.
    fn in_doubt(files: Vec<ReportedFile>, doubt: String) -> Self {
        Self {
            complete: false,
            accepted: None,
            records: 0,
            withdrawn: 0,
            revision: 0,
            slices: BTreeMap::new(),
            executions: Vec::new(),
            files,
            lost_files: BTreeSet::new(),
            doubt: Some(doubt),
        }
    }
}

/// Lists the numbered files of a day, in order.
async fn files(lake: &Lake, prefix: &str, day: Day) -> Result<Vec<ReportedFile>, LakeError> {
    let listed = lake.list(&layout::partition(prefix, day)).await?;
    let numbered = listed.into_iter().filter_map(|entry| {
        let number = layout::file_number(prefix, day, &entry.key)?;
        let file = ReportedFile {
            key: entry.key,
            bytes: entry.size,
            stored_at: entry.modified,
            rows: None,
        };
        Some((number, file))
    });
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, file)| file).collect())
}

/// Returns the rows of the files that are the only ones of their run.
fn rows(executions: &[ReportedExecution]) -> BTreeMap<String, u64> {
    let single = executions.iter().filter_map(|run| match &*run.files {
        [only] => Some((only.clone(), run.counts.new)),
        _ => None,
    });
    single.collect()
}

fn reported(entry: &AuditEntry, zone: Tz) -> ReportedExecution {
    let at = |key| time(entry.get(key)?, zone);
    fn parsed<'a, T: serde::Deserialize<'a>>(text: Option<&'a str>) -> Option<T> {
        serde_json::from_str(text?).ok()
    }
    let mut failures: BTreeMap<String, String> = parsed(entry.get("failures")).unwrap_or_default();
    let failed: Vec<String> = parsed(entry.get("failed_slices")).unwrap_or_default();
    for slice in failed {
        failures.entry(slice).or_default();
    }
    ReportedExecution {
        run_id: entry.run_id(),
        job: entry.text("job"),
        status: parsed(entry.get("status")),
        started_at: at("started_at"),
        ended_at: at("timestamp"),
        counts: entry.counts(),
        files: entry.files(),
        failures,
        error: entry.text("error"),
        stop: parsed(entry.get("stop")),
        again_at: at("again_at"),
        reason: entry.text("reason"),
    }
}
