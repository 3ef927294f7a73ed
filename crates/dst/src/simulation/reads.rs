//! Whole runs: the program's own code from the first request to the report, and the checks at the end of
//! each.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::actors::told;
use super::api::Api;
use super::stage::Stage;
use bronzed_engine::ingest::progress::Unwatched;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{self, Context, Order};
use bronzed_model::clock::Clock;
use bronzed_model::declaration::{Mode, Priority};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_model::settings::CommitSettings;
use bronzed_source::SourceClient;
use bronzed_storage::invariants::{self, Promise, Violation};
use bronzed_storage::lake::Lake;
use bronzed_storage::testing::support;

/// Executes a run that shares no memory with other runs.
pub async fn read(
    stage: Arc<Stage>,
    lane: usize,
    mode: Mode,
    run_id: Uuid,
    stop: CancellationToken,
) {
    let Some((source, dataset)) = stage.source.clone() else {
        return;
    };
    let clock: Arc<dyn Clock> = Arc::new(stage.clock.clone());
    let entropy = Arc::new(Entropy::seeded(run_id.as_u64_pair().1));
    let api = Arc::new(stage.desk.counter(lane));
    let context = Context {
        lake: Lake::over(Arc::new(stage.desk.counter(lane)), "simulation"),
        client: SourceClient::over(api, &source, Arc::clone(&clock), Arc::clone(&entropy)),
        zone: source.timezone,
        concurrency: source.limits.concurrency,
        commit: CommitSettings {
            max_records: stage.commit,
            max_bytes: u64::MAX,
        },
        index: None,
        clock,
        entropy,
        observer: Arc::new(Unwatched),
        keeps_requests: false,
        cancel: stop,
    };
    let order = Order {
        dataset,
        day: support::day(),
        mode,
        job: "hourly".to_owned(),
        priority: Priority::Hourly,
    };
    let before = Before::of(&stage.truth().api);
    let report = ingest::run_as(&context, &order, run_id, None).await;
    let violations = held_against(&stage, &report, &before);
    let mut truth = stage.truth();
    truth.blame(violations);
    // A run whose end couldn't be written reports that to its caller only.
    let unwritten = report.status() == Status::Failed
        && truth
            .api
            .given
            .get(&run_id)
            .is_some_and(|given| given.failed);
    if !unwritten {
        truth.told.push(told(&stage, &report.execution));
    }
}

/// The listing at the start of a run.
struct Before {
    changes: u64,
    removed: bool,
}

impl Before {
    fn of(api: &Api) -> Self {
        Self {
            changes: api.changes,
            removed: !api.removed.is_empty(),
        }
    }
}

/// Returns the false statements in a run's report.
fn held_against(stage: &Stage, report: &RunReport, before: &Before) -> Vec<Violation> {
    let truth = stage.truth();
    let run = report.execution.run_id;
    let nothing = Default::default();
    let given = truth.api.given.get(&run).unwrap_or(&nothing);
    let stored = truth.stored();
    let counts = report.counts();
    let mut violations: Vec<_> = invariants::p2_accounted(counts, Some(run))
        .into_iter()
        .collect();
    let mut blame = |promise, what: String| violations.push(Violation { promise, what });
    if report.status() == Status::Failed || given.stopped {
        return violations;
    }
    for id in given.records.difference(&stored) {
        let what = format!("{id} was on a page of the run {run}, and isn't in the lake");
        blame(Promise::P2, what);
    }
    if counts.requests != given.answers {
        let (counted, had) = (counts.requests, given.answers);
        let what = format!("the run {run} counts {counted} requests, and had {had} answers");
        blame(Promise::P7, what);
    }
    if report.status() != Status::Ok || given.misled || before.removed {
        return violations;
    }
    // Records deleted meanwhile may have been the rest of the slice.
    if truth.api.removed.is_empty()
        && let Some(place) = given.unread.first()
    {
        let what = format!("the run {run} is green, and never read {place}");
        blame(Promise::P7, what);
    }
    if truth.api.changes == before.changes {
        let listed = truth.api.listed.iter().filter(|id| truth.is_of_the_day(id));
        let listed = listed.map(|id| truth.api.name(id));
        for id in listed.filter(|id| !stored.contains(id)) {
            let what = format!("the run {run} is green without {id}, listed all the while");
            blame(Promise::P2, what);
        }
    }
    violations
}
