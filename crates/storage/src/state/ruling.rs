//! A person's decisions about a day: accept it although it isn't proven, undo that, or have it read again
//! from the start. Each has an audit entry of its own.
//!
//! ```json
//! {"timestamp": "2025-12-07T05:12:00-03:00", "new_records": 0, …, "run_id": "…", "job": "accept",
//!  "reason": "the API states one record too many", "version": "0.1.0"}
//! ```
//!
//! No decision changes rows or ids.

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::commit::Change;
use super::document::{Accepted, StateDocument};
use super::error::StateError;
use super::store::{DayState, DayStore};

/// A person's decision about a day.
#[derive(Debug)]
pub(super) struct Ruling {
    run_id: Uuid,
    at: DateTime<Utc>,
    decision: Decision,
}

#[derive(Debug)]
enum Decision {
    Accept { reason: String },
    TakeBack,
    Forget { reason: Option<String> },
}

impl Decision {
    /// Returns the job named in the audit entry.
    fn job(&self) -> &'static str {
        match self {
            Self::Accept { .. } => "accept",
            Self::TakeBack => "accept --undo",
            Self::Forget { .. } => "forget",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Accept { reason } => Some(reason),
            Self::TakeBack => None,
            Self::Forget { reason } => reason.as_deref(),
        }
    }
}

impl Ruling {
    /// Applies the decision to a state. Idempotent.
    pub(super) fn apply(&self, document: &mut StateDocument, zone: Tz) {
        match &self.decision {
            // The day was proven in the meantime, which takes precedence.
            Decision::Accept { .. } if document.complete => {}
            Decision::Accept { reason } => {
                document.accepted = Some(Accepted {
                    at: self.at,
                    reason: reason.clone(),
                });
            }
            Decision::TakeBack => document.accepted = None,
            Decision::Forget { .. } => {
                document.complete = false;
                document.generation = 0;
                document.accepted = None;
                document.slices.clear();
                document.parents.clear();
            }
        }
        let job = self.decision.job();
        let entry = document.entry_mut(self.run_id);
        entry.describe_ruling(self.run_id, job, self.decision.reason(), self.at, zone);
    }
}

impl DayStore {
    /// Accepts the day although it isn't proven: it isn't wanted any more, until this is undone. A day that
    /// is complete stays so, and isn't accepted: see [`DayState::accepted`].
    ///
    /// # Errors
    /// Returns an error if the state or the marker can't be read or written.
    pub async fn accept(&self, reason: &str) -> Result<DayState, StateError> {
        let reason = reason.to_owned();
        let state = self.open().await?;
        if state.is_complete() {
            return Ok(state);
        }
        let state = self.rule(state, Decision::Accept { reason }).await?;
        if state.accepted().is_some() {
            self.mark_accepted(&state.document).await?;
        }
        Ok(state)
    }

    /// Undoes the acceptance: the day is wanted again. Returns `true` if it was accepted.
    ///
    /// # Errors
    /// See [`DayStore::accept`].
    pub async fn take_back(&self) -> Result<bool, StateError> {
        let state = self.open().await?;
        if state.accepted().is_none() {
            return Ok(false);
        }
        self.rule(state, Decision::TakeBack).await?;
        Ok(true)
    }

    /// Resets the day's progress: it isn't complete any more, and the next run reads all of it. Its files and
    /// ids stay, so nothing is stored twice. A day without a state isn't changed.
    ///
    /// # Errors
    /// See [`DayStore::accept`].
    pub async fn forget(&self, reason: Option<&str>) -> Result<DayState, StateError> {
        let reason = reason.map(str::to_owned);
        let state = self.open().await?;
        if state.version.is_none() {
            return Ok(state);
        }
        self.rule(state, Decision::Forget { reason }).await
    }

    async fn rule(&self, mut state: DayState, decision: Decision) -> Result<DayState, StateError> {
        let at = self.clock.now();
        let ruling = Ruling {
            run_id: self.entropy.run_id(at),
            at: at.trunc_subsecs(0),
            decision,
        };
        let change = Change {
            ruling: Some(&ruling),
            ..Change::default()
        };
        self.update(&mut state, &change).await?;
        Ok(state)
    }
}
