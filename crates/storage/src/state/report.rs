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
use bronzed_model::declaration::Expectation;
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::quality::{self, Results};

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
    /// Number of retries by the kind of the failure before; empty in entries of an earlier version.
    pub retry_reasons: BTreeMap<String, u64>,
    /// Results of the dataset's expectations; empty in entries of an earlier version.
    pub expectations: Results,
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
    /// Returns the results of a dataset's expectations over all runs of the day.
    pub fn expectations(&self, declared: &[Expectation]) -> Results {
        let mut sum = Results::new();
        for run in &self.executions {
            quality::add(&mut sum, &run.expectations, declared);
        }
        sum
    }

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
        retry_reasons: entry.retry_reasons(),
        expectations: entry.expectations(),
        files: entry.files(),
        failures,
        error: entry.text("error"),
        stop: parsed(entry.get("stop")),
        again_at: at("again_at"),
        reason: entry.text("reason"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use chrono_tz::America::Sao_Paulo;

    const PREFIX: &str = "pncp";

    fn day() -> Day {
        "2025-10-22".parse().unwrap()
    }

    fn lake() -> Lake {
        let store = Arc::new(object_store::memory::InMemory::new());
        Lake::over(store, "memory:///")
    }

    /// A state of a version that had no digest yet: it is told of all the same.
    fn state() -> String {
        let file = layout::file_key(PREFIX, day(), 1);
        serde_json::json!({
            "date": "2025-10-22", "processed_ids": ["a", "b"], "created_at": "2025-10-22T08:00:02-03:00",
            "executions": [{
                "timestamp": "2025-10-22T12:00:03-03:00", "new_records": 2, "duplicates_filtered": 0,
                "run_id": Uuid::from_u128(1), "job": "daily", "status": "partial", "requests": 14, "retries": 1,
                "retry_reasons": {"timed_out": 1}, "failed_slices": ["modalidade=6", "modalidade=7"], "failures": {"modalidade=6": "status 503"},
                "files": [file], "started_at": "2025-10-22T12:00:00-03:00", "stop": "deadline",
            }, {
                "timestamp": "2025-10-23T12:00:03-03:00", "job": "accept", "reason": "seen by Ana",
            }],
            "slices": {"modalidade=6": {"total": 3, "seen": 2}},
            "withdrawn_ids": {"a": "2025-12-07T05:12:00-03:00"},
            "accepted": {"at": "2025-10-23T12:00:03-03:00", "reason": "seen by Ana"},
        })
        .to_string()
    }

    #[tokio::test]
    async fn a_report_has_every_reason_that_the_state_has_and_the_files_in_order() {
        let lake = lake();
        let put = |key: String, text: String| {
            let lake = lake.clone();
            async move { drop(lake.create(&key, text.into()).await.unwrap()) }
        };
        put(layout::state_key(PREFIX, day()), state()).await;
        put(layout::file_key(PREFIX, day(), 2), "two".to_owned()).await;
        put(layout::file_key(PREFIX, day(), 1), "first".to_owned()).await;
        let found = report(&lake, PREFIX, day(), Sao_Paulo)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.records, found.withdrawn, found.complete),
            (2, 1, false)
        );
        assert_eq!(found.accepted.unwrap().reason, "seen by Ana");
        assert_eq!(found.slices["modalidade=6"].seen, 2);
        let [run, decision] = &found.executions[..] else {
            panic!("{:?}", found.executions);
        };
        let failures = [("modalidade=6", "status 503"), ("modalidade=7", "")];
        let failures = failures.map(|(slice, reason)| (slice.to_owned(), reason.to_owned()));
        assert_eq!(run.failures, failures.into());
        assert_eq!(run.retry_reasons, [("timed_out".to_owned(), 1)].into());
        assert_eq!(
            (run.status, run.stop),
            (Some(Status::Partial), Some(StopReason::Deadline))
        );
        assert_eq!(
            (decision.status, decision.reason.as_deref()),
            (None, Some("seen by Ana"))
        );
        let files: Vec<_> = found
            .files
            .iter()
            .map(|file| (file.bytes, file.rows))
            .collect();
        assert_eq!(files, [(5, Some(2)), (3, None)]);
    }

    #[tokio::test]
    async fn a_day_without_a_readable_state_is_reported_as_in_doubt_and_one_without_anything_is_not()
     {
        let lake = lake();
        assert_eq!(report(&lake, PREFIX, day(), Sao_Paulo).await.unwrap(), None);
        let file = layout::file_key(PREFIX, day(), 1);
        lake.create(&file, "first".into()).await.unwrap();
        let found = report(&lake, PREFIX, day(), Sao_Paulo)
            .await
            .unwrap()
            .unwrap();
        assert!(found.doubt.is_some() && found.files.len() == 1);
        let state = layout::state_key(PREFIX, day());
        lake.create(&state, "{".into()).await.unwrap();
        let found = report(&lake, PREFIX, day(), Sao_Paulo)
            .await
            .unwrap()
            .unwrap();
        assert!(found.doubt.is_some() && !found.complete);
    }
}
