//! Verification of a day: compares the API's current counts with those in the lake.
//!
//! A complete day may still change: records are published late, withdrawn, and restored. One or two requests
//! for each slice detect that: the total on the first page is compared with the one recorded when the slice
//! was last proven ([`mod@compare`]), and the records of the first and the last page are looked up in the
//! state. A day that differs is read again in full if the caller requests it: new records are added, and ids
//! that the API no longer lists are recorded in the state as withdrawn, so that the next comparison finds no
//! difference.
//!
//! ```text
//! outer pages ─┐
//!              ├─► compare ─► differs? ─► ingest::run in mode `verify` ─► new rows, notes, totals
//! state ───────┘
//! ```
//!
//! Not detected: a record on an inner page (of three or more) that was published while another was withdrawn,
//! so that the total is unchanged; a revised record on an inner page; and content changed without a new
//! version stamp. So the last comparison that a job makes of a day is always followed by a full read
//! ([`Repair::Always`]).

mod ask;
pub mod compare;
pub mod marks;

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::{Value, json};
use tracing::Instrument;
use uuid::Uuid;

use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order, run_as};
use crate::verify::compare::{SliceComparison, SliceFinding, StoredCounts, compare};
use bronzed_metrics::events as metrics;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, SliceValues, SliceVariable};
use bronzed_model::execution::Status;
use bronzed_model::slices::slices;
use bronzed_source::RequestBudget;
use bronzed_storage::state::DayState;

/// Result of the verification of a day.
#[derive(Debug, Clone)]
pub struct Verification {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The day.
    pub day: Day,
    /// `true` if the day is complete in the lake, after the repair if there was one.
    pub complete: bool,
    /// Number of ids in the lake before a repair.
    pub stored: u64,
    /// Number of withdrawn ids before a repair.
    pub withdrawn: u64,
    /// Comparison of each slice.
    pub slices: Vec<SliceComparison>,
    /// Number of requests sent for the comparison, including retries; those of the repair are in its report.
    pub requests: u64,
    /// Report of the full read that followed the comparison.
    pub repair: Option<RunReport>,
    /// Error of reading the lake.
    pub error: Option<String>,
}

/// Condition under which a day is read again after its comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Never; differences are only reported.
    Never,
    /// If a slice differs.
    Different,
    /// Always, unless requests failed and no other slice differs; for the last comparison of a day.
    Always,
}

/// Outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerifyOutcome {
    /// The lake agrees with the API.
    Same,
    /// The day differed, and was read again successfully.
    Repaired,
    /// Requests for some slices failed; the others agree.
    Unknown,
    /// The day differs.
    Different,
    /// No slice could be compared.
    Failed,
}

impl VerifyOutcome {
    /// Name in logs and reports.
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

/// `true` if the values of a variable come from another dataset.
fn is_of_dataset(variable: &SliceVariable) -> bool {
    matches!(variable.values, SliceValues::OfDataset { .. })
}

/// Returns the reason that the days of a dataset are not verified. `None` if they are.
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

/// Compares a day with the API, and reads it again if `repair` requires it. Failures are reported in the
/// result. The order's mode is that of the repair.
pub async fn verify_day(context: &Context, order: &Order, repair: Repair) -> Verification {
    let run_id = context.entropy.run_id(context.clock.now());
    verify_day_as(context, order, run_id, repair).await
}

/// Like [`verify_day`], with a given run id, which is that of the repair, too.
pub async fn verify_day_as(
    context: &Context,
    order: &Order,
    run_id: Uuid,
    repair: Repair,
) -> Verification {
    let span = tracing::error_span!(
        "verification",
        run_id = %run_id,
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
        let report = run_as(context, order, run_id, None).await;
        verification.complete = report.complete;
        verification.repair = Some(report);
    }
    span.in_scope(|| verification.log());
    metrics::day_verified(
        &order.dataset.source,
        &order.dataset.name,
        verification.outcome().name(),
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
    if let Some(reason) = context.lake.refusal(&order.dataset.prefix) {
        found.error = Some(reason);
        return found;
    }
    let store = context.day(&order.dataset, order.day);
    let looked = match store.look().await {
        // Files are gone: the marker is taken back even if nothing is to be read again now.
        Ok(state) if state.recovery().reopened => store.open().await,
        looked => looked,
    };
    let state = match looked {
        Ok(state) => state,
        Err(error) => {
            found.error = Some(error.to_string());
            return found;
        }
    };
    found.complete = state.is_complete();
    found.stored = state.len() as u64;
    found.withdrawn = state.withdrawn().len() as u64;
    let usage = RequestBudget::new();
    let stated = ask_slices(context, order, &state, &usage).await;
    found.requests = usage.requests();
    let held = StoredCounts {
        slices: state.slices(),
        records: found.stored - found.withdrawn,
    };
    found.slices = compare(&order.dataset, stated, &held);
    found
}

/// Requests the first and the last page of every slice; returns the counts by label.
async fn ask_slices(
    context: &Context,
    order: &Order,
    state: &DayState,
    usage: &RequestBudget,
) -> BTreeMap<String, Result<compare::ReportedCounts, String>> {
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
    /// Returns the outcome.
    pub fn outcome(&self) -> VerifyOutcome {
        match &self.repair {
            Some(report) if report.status() == Status::Ok => {
                let counts = report.counts();
                let found = counts.new + counts.withdrawn + counts.returned;
                return match found > 0 || self.differs() {
                    true => VerifyOutcome::Repaired,
                    false => VerifyOutcome::Same,
                };
            }
            Some(_) => return VerifyOutcome::Different,
            None => {}
        }
        let unasked = self
            .slices
            .iter()
            .filter_map(SliceComparison::obstacle)
            .count();
        if self.error.is_some() || unasked == self.slices.len() {
            VerifyOutcome::Failed
        } else if self.differs() {
            VerifyOutcome::Different
        } else if unasked > 0 {
            VerifyOutcome::Unknown
        } else {
            VerifyOutcome::Same
        }
    }

    /// Returns the slices that differed, before the repair if there was one.
    pub fn differences(&self) -> impl Iterator<Item = &SliceComparison> {
        self.slices.iter().filter(|slice| slice.differs())
    }

    fn differs(&self) -> bool {
        self.differences().next().is_some()
    }

    /// Returns the first reason that the day or a slice couldn't be compared. `None` if all were compared.
    pub fn obstacle(&self) -> Option<&str> {
        let of_slices = || self.slices.iter().find_map(SliceComparison::obstacle);
        self.error.as_deref().or_else(of_slices)
    }

    /// Serializes the verification as a JSON object, with only those slices that are not the same.
    pub fn to_json(&self) -> Value {
        let told = |slice: &&SliceComparison| slice.finding != SliceFinding::Same;
        let slices = self
            .slices
            .iter()
            .filter(told)
            .map(SliceComparison::to_json);
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
            VerifyOutcome::Same | VerifyOutcome::Repaired => verified!(info),
            VerifyOutcome::Unknown | VerifyOutcome::Different => verified!(warn),
            VerifyOutcome::Failed => verified!(error),
        }
    }
}
