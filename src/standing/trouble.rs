//! Troubles that need attention: days that could be complete and aren't, and runs that failed.

use chrono::{DateTime, Utc};

use super::{DatasetStatus, StandingDay, reasons};
use bronzed_model::day::Day;
use bronzed_model::execution::Status;

/// Days of a dataset that are wrong in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetTrouble {
    /// The days, newest first.
    pub days: Vec<Day>,
    /// Outcome of the last run. `None` if the days were never read.
    pub status: Option<Status>,
    /// Reasons that the last run gave.
    pub reasons: Vec<String>,
    /// Most runs of one of the days.
    pub runs: usize,
    /// Next attempt of the daemon at the first of the days. `None` if it depends on a future slot.
    pub next_try: Option<DateTime<Utc>>,
}

impl DatasetStatus {
    /// Returns what needs attention, newest days first; days with the same outcome and the same reasons are
    /// together. Days that may still settle need none, unless their last run went wrong; those of a first start,
    /// not read yet, neither.
    pub fn troubles(&self) -> Vec<DatasetTrouble> {
        let mut troubles: Vec<DatasetTrouble> = Vec::new();
        let wrong = |open: &&StandingDay| {
            let is_late = open.could_be_complete && !open.unread;
            is_late || open.status.is_some_and(went_wrong)
        };
        for open in self.open.iter().filter(wrong) {
            let same = |one: &&mut DatasetTrouble| {
                one.status == open.status && one.reasons == open.reasons
            };
            match troubles.iter_mut().find(same) {
                Some(trouble) => {
                    trouble.days.push(open.day);
                    trouble.runs = trouble.runs.max(open.runs);
                    let tries = trouble.next_try.into_iter().chain(open.next_try);
                    trouble.next_try = tries.min();
                }
                None => troubles.push(DatasetTrouble {
                    days: vec![open.day],
                    status: open.status,
                    reasons: open.reasons.clone(),
                    runs: open.runs,
                    next_try: open.next_try,
                }),
            }
        }
        troubles.extend(self.last_run_trouble());
        troubles
    }

    /// Returns the days that could be complete, and weren't read since they were first named a short while ago,
    /// newest first.
    pub fn unread(&self) -> Vec<&StandingDay> {
        let open = self.open.iter();
        open.filter(|open| open.could_be_complete && open.unread)
            .collect()
    }

    /// Returns the last run if it went wrong and its day isn't among the open ones: a day under way, a
    /// snapshot, or a feed.
    fn last_run_trouble(&self) -> Option<DatasetTrouble> {
        let (day, run) = self.last_run.as_ref()?;
        let is_open = self.open.iter().any(|open| open.day == *day);
        let is_done = self.complete.contains(day) || self.accepted.contains(day);
        (went_wrong(run.status) && !is_open && !is_done).then(|| DatasetTrouble {
            days: vec![*day],
            status: Some(run.status),
            reasons: reasons(run),
            runs: 1,
            next_try: self.last_run_again,
        })
    }
}

/// Returns `true` for outcomes that a person should know of.
fn went_wrong(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Partial)
}
