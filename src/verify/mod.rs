//! What the API states of a day now, against what the lake holds of it.
//!
//! A day that was complete may change all the same: records are published late, taken away, and
//! come back. A request or two for each slice tell whether it did: the first page states how many
//! records there are, and that is compared with what was stated when the slice was last proven
//! ([`mod@compare`]); and the records of the first and the last page are looked up in the state. A day that differs is read again in full, where that is asked for: what is new is
//! added, and ids that the API lists no more are noted in the state, so that the next comparison
//! finds nothing.
//!
//! ```text
//! outer pages ─┐
//!              ├─► compare ─► differs? ─► ingest::run in mode `verify` ─► new rows, notes, totals
//! state ───────┘
//! ```
//!
//! What these can't see: a record in the middle of three pages or more that came while another was taken
//! away, so that the total is the same, or was revised; and contents that changed without a stamp. So the last comparison that a job makes of a
//! day is followed by a reading, whatever it finds ([`Repair::Always`]).

mod ask;
pub mod compare;
pub mod marks;

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::day::Day;
use crate::failpoint::failpoint;
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order, run};
use crate::source::declaration::{Dataset, Kind, SliceValues, SliceVariable};
use crate::source::{Usage, slices};
use crate::state::DayState;
use crate::state::execution::Status;
use crate::telemetry::metrics::events as metrics;
use crate::verify::compare::{Compared, Finding, Held, compare};

/// What the comparison of a day came to.
#[derive(Debug, Clone)]
pub struct Verification {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The day.
    pub day: Day,
    /// Whether the lake calls the day complete; after the repair, where there was one.
    pub complete: bool,
    /// How many ids the lake held before a repair.
    pub stored: u64,
    /// How many of them were noted as taken away by the API, before a repair.
    pub withdrawn: u64,
    /// Slice by slice.
    pub slices: Vec<Compared>,
    /// Requests sent to compare, retries included; those of the repair are in its report.
    pub requests: u64,
    /// The reading of a day that differed.
    pub repair: Option<RunReport>,
    /// Why the lake couldn't be asked.
    pub error: Option<String>,
}

/// When a day is read again after its comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Never: what differs is told.
    Never,
    /// Where it differs.
    Different,
    /// Whatever the comparison finds, unless the API can't be asked: nobody compares the day again.
    Always,
}

/// A comparison in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The lake holds what the API states.
    Same,
    /// It differed, and was read again with success.
    Repaired,
    /// Some slices couldn't be asked; the others are the same.
    Unknown,
    /// It differs.
    Different,
    /// Nothing could be compared.
    Failed,
}

impl Outcome {
    /// As logs and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Repaired => "repaired",
            Self::Unknown => "unknown",
            Self::Different => "different",
            Self::Failed => "failed",
        }
    }
}

/// Whether a variable's values come out of another dataset.
fn is_of_dataset(variable: &SliceVariable) -> bool {
    matches!(variable.values, SliceValues::OfDataset { .. })
}

/// Why the days of a dataset aren't compared; `None` where they are.
pub fn left_out(dataset: &Dataset) -> Option<&'static str> {
    match &dataset.kind {
        Kind::Dated(_) if dataset.slices.iter().any(is_of_dataset) => {
            Some("its slices come out of another dataset, and have changed since")
        }
        Kind::Dated(_) if dataset.verify => None,
        Kind::Dated(_) => Some("records leave its days by design (`verify = false`)"),
        Kind::Snapshot => Some("a snapshot's days can't be asked for again"),
        Kind::Feed => Some("a feed's days can't be asked for"),
        Kind::Child(_) => Some("its days are its parents', one request for each"),
    }
}

/// Compares a day with what the API states of it now, and reads it again where `repair` says so. Never fails as a call: the verification says how it ended. The order's mode is
/// that of the repair.
pub async fn verify_day(context: &Context, order: &Order, repair: Repair) -> Verification {
    let span = tracing::error_span!(
        "verification",
        source = order.dataset.source,
        dataset = order.dataset.name,
        day = %order.day,
        job = order.job,
    );
    let mut verification = look(context, order).instrument(span.clone()).await;
    let reads = match repair {
        Repair::Never => false,
        Repair::Different => verification.differs(),
        Repair::Always => verification.differs() || verification.obstacle().is_none(),
    };
    if reads && !context.cancel.is_cancelled() {
        failpoint!("verify.compared");
        let report = run(context, order).await;
        verification.complete = report.complete;
        verification.repair = Some(report);
    }
    span.in_scope(|| verification.log());
    metrics::day_verified(
        &order.dataset.source,
        &order.dataset.name,
        verification.outcome(),
    );
    verification
}

async fn look(context: &Context, order: &Order) -> Verification {
    let mut found = Verification {
        source: order.dataset.source.clone(),
        dataset: order.dataset.name.clone(),
        day: order.day,
        complete: false,
        stored: 0,
        withdrawn: 0,
        slices: Vec::new(),
        requests: 0,
        repair: None,
        error: None,
    };
    let store = context.day(&order.dataset, order.day);
    let state = match store.look().await {
        Ok(state) => state,
        Err(error) => {
            found.error = Some(error.to_string());
            return found;
        }
    };
    found.complete = state.is_complete();
    found.stored = state.len() as u64;
    found.withdrawn = state.withdrawn().len() as u64;
    let usage = Usage::new();
    let stated = ask_slices(context, order, &state, &usage).await;
    found.requests = usage.requests();
    let held = Held {
        slices: state.slices(),
        records: found.stored - found.withdrawn,
    };
    found.slices = compare(&order.dataset, stated, &held);
    found
}

/// What the first and the last page of every slice state, by label.
async fn ask_slices(
    context: &Context,
    order: &Order,
    state: &DayState,
    usage: &Usage,
) -> BTreeMap<String, Result<compare::Stated, String>> {
    let asked = slices(&order.dataset).into_iter().map(|slice| async move {
        let label = slice.label.to_string();
        let stated = ask::outer_pages(context, order, slice, state, usage).await;
        (label, stated.map_err(|error| error.to_string()))
    });
    futures::stream::iter(asked)
        .buffer_unordered(context.concurrency.max(1))
        .collect()
        .await
}

impl Verification {
    /// What it came to.
    pub fn outcome(&self) -> Outcome {
        match &self.repair {
            Some(report) if report.status() == Status::Ok => {
                let counts = report.counts();
                let found = counts.new + counts.withdrawn + counts.returned;
                return match found > 0 || self.differs() {
                    true => Outcome::Repaired,
                    false => Outcome::Same,
                };
            }
            Some(_) => return Outcome::Different,
            None => {}
        }
        let unasked = self.slices.iter().filter_map(Compared::obstacle).count();
        if self.error.is_some() || unasked == self.slices.len() {
            Outcome::Failed
        } else if self.differs() {
            Outcome::Different
        } else if unasked > 0 {
            Outcome::Unknown
        } else {
            Outcome::Same
        }
    }

    /// The slices that differed, before the repair where there was one.
    pub fn differences(&self) -> impl Iterator<Item = &Compared> {
        self.slices.iter().filter(|slice| slice.differs())
    }

    fn differs(&self) -> bool {
        self.differences().next().is_some()
    }

    /// Why a slice, or all of it, couldn't be compared; the first reason of several.
    pub fn obstacle(&self) -> Option<&str> {
        let of_slices = || self.slices.iter().find_map(Compared::obstacle);
        self.error.as_deref().or_else(of_slices)
    }

    /// The whole as one JSON object; of the slices, those that aren't the same.
    pub fn to_json(&self) -> Value {
        let told = |slice: &&Compared| slice.finding != Finding::Same;
        let slices = self.slices.iter().filter(told).map(Compared::to_json);
        json!({
            "source": self.source,
            "dataset": self.dataset,
            "day": self.day.to_string(),
            "outcome": self.outcome().name(),
            "complete": self.complete,
            "stored": self.stored,
            "withdrawn": self.withdrawn,
            "slices_compared": self.slices.len(),
            "slices": slices.collect::<Vec<_>>(),
            "requests": self.requests,
            "repair": self.repair.as_ref().map(RunReport::to_json),
            "error": self.error,
        })
    }

    fn log(&self) {
        let outcome = self.outcome();
        let different: Vec<_> = self.differences().map(|slice| &*slice.slice).collect();
        let different = different.join(", ");
        macro_rules! verified {
            ($level:ident) => {
                tracing::$level!(
                    outcome = outcome.name(),
                    complete = self.complete,
                    stored = self.stored,
                    withdrawn = self.withdrawn,
                    requests = self.requests,
                    different_slices = different,
                    reason = self.obstacle().unwrap_or_default(),
                    "day verified"
                )
            };
        }
        match outcome {
            Outcome::Same | Outcome::Repaired => verified!(info),
            Outcome::Unknown | Outcome::Different => verified!(warn),
            Outcome::Failed => verified!(error),
        }
    }
}
