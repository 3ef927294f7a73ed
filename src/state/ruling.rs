//! What a person decides of a day: to take it as it is, though it can't be proven; to take that back;
//! to have it read again from the start. Each is audited by an entry of its own.
//!
//! ```json
//! {"timestamp": "2025-12-07T05:12:00-03:00", "new_records": 0, …, "run_id": "…", "job": "accept",
//!  "reason": "the API states one record too many", "version": "0.1.0"}
//! ```
//!
//! No row and no id is touched by any of it.

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::commit::Change;
use super::document::{Accepted, Document};
use super::error::StateError;
use super::store::{DayState, DayStore};

/// What a person has decided of a day.
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
    /// The job that the entry names.
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
    /// Applies it to a state; twice is the same as once.
    pub(super) fn apply(&self, document: &mut Document, zone: Tz) {
        match &self.decision {
            // Meanwhile it was proven: that says more.
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
    /// Takes the day as it is, though it isn't proven: nothing wants it any more, until it is taken
    /// back. A day that is complete stays so, and isn't accepted: see [`DayState::accepted`].
    ///
    /// # Errors
    /// When state or marker can't be read or written.
    pub async fn accept(&self, reason: &str) -> Result<DayState, StateError> {
        let reason = reason.to_owned();
        let state = self.open().await?;
        if state.is_complete() {
            return Ok(state);
        }
        let state = self.rule(state, Decision::Accept { reason }).await?;
        if state.accepted().is_some() {
            self.mark_accepted().await?;
        }
        Ok(state)
    }

    /// Takes the acceptance back: the day is wanted again. Says whether it was accepted.
    ///
    /// # Errors
    /// As for [`DayStore::accept`].
    pub async fn take_back(&self) -> Result<bool, StateError> {
        let state = self.open().await?;
        if state.accepted().is_none() {
            return Ok(false);
        }
        self.rule(state, Decision::TakeBack).await?;
        Ok(true)
    }

    /// Forgets that the day was ever read: it isn't complete any more, and the next run reads all of
    /// it. Its files and ids stay, so that nothing is stored twice. A day of which nothing is known
    /// stays so.
    ///
    /// # Errors
    /// As for [`DayStore::accept`].
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
