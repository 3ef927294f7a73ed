//! Silver tables of the daemon: one is built at a time, and the runs go on beside it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;

use crate::daemon::DaemonInner;
use crate::daemon::board::DaemonState;
use crate::server::view::{HeldBackView, SilverTableView, UnevaluatedView, UnmetView};
use crate::silver::keeper::KeptTable;
use crate::silver::{HeldPartition, SilverStanding, StopBuild, UnmetExpectation};
use bronzed_engine::ingest::report::RunReport;
use bronzed_model::declaration::SilverTable;

/// Result of the build of a table.
pub(super) type SilverResult = Result<SilverStanding, String>;

impl DaemonInner {
    /// Returns the table to be built now, if there is one and the lake answers.
    pub(super) fn silver_due(&self, board: &mut DaemonState) -> Option<Arc<SilverTable>> {
        let may = self.session.silver().is_some() && !board.stopping && lake_answers(board);
        if !may {
            return None;
        }
        board.silver.begin(self.now())
    }

    /// Returns the time at which a table is due. `None` while the lake doesn't answer: it is asked by others until then.
    pub(super) fn silver_next(&self, board: &DaemonState) -> Option<DateTime<Utc>> {
        self.session.silver()?;
        board
            .silver
            .next(self.now())
            .filter(|_| lake_answers(board))
    }

    /// Builds a table. Ends with the step that is under way when the daemon stops, or the lake refuses writes.
    pub(super) async fn build_silver(self: Arc<Self>, table: Arc<SilverTable>) -> SilverResult {
        let Some(builder) = self.session.silver() else {
            return Ok(SilverStanding::default());
        };
        let inner = Arc::clone(&self);
        let stop: StopBuild = Arc::new(move || {
            inner.session.cancel().is_cancelled() || inner.board().lake.is_closed()
        });
        builder.build(&table, self.now(), stop).await
    }

    /// Returns the tables as the server shows them.
    pub(super) fn silver_tables(&self) -> Vec<SilverTableView> {
        if self.session.silver().is_none() {
            return Vec::new();
        }
        let board = self.board();
        let tables = board.silver.tables();
        tables.map(|(one, building)| view(one, building)).collect()
    }
}

impl DaemonState {
    /// Hears of a run that has ended: its dataset's tables are due if it has changed bronze.
    pub(super) fn feeds_silver(&mut self, report: &RunReport) {
        let counts = report.counts();
        if counts.new + counts.vanished + counts.withdrawn + counts.returned > 0 {
            self.silver.fed(&report.source, &report.dataset);
        }
    }
}

/// `true` if the lake was read, and takes writes.
fn lake_answers(board: &DaemonState) -> bool {
    board.lake_reachable == Some(true) && !board.lake.is_closed()
}

/// Starts the build of a table among the daemon's tasks; returns the id of the task.
pub(super) fn spawn<T: Send + 'static>(
    inner: &Arc<DaemonInner>,
    table: Arc<SilverTable>,
    tasks: &mut JoinSet<T>,
    done: impl FnOnce(SilverResult) -> T + Send + 'static,
) -> tokio::task::Id {
    let inner = Arc::clone(inner);
    let task = tasks.spawn(async move { done(inner.build_silver(table).await) });
    task.id()
}

fn view(one: &KeptTable, building: bool) -> SilverTableView {
    let table = &one.table;
    let standing = one.standing.clone().unwrap_or_default();
    SilverTableView {
        source: table.source.clone(),
        name: table.name.clone(),
        prefix: table.prefix.clone(),
        datasets: table.inputs.iter().map(|one| one.name.clone()).collect(),
        building,
        built_at: one.built_at,
        version: standing.version,
        rows: standing.rows,
        files: standing.files,
        bytes: standing.bytes,
        days_behind: one.standing.as_ref().map(|standing| standing.days_behind),
        held_back: standing.held_back.into_iter().map(held).collect(),
        unmet: standing.unmet.into_iter().map(unmet).collect(),
        unevaluated: standing.unevaluated.into_iter().map(unevaluated).collect(),
        error: one.error.clone(),
    }
}

fn unmet(unmet: UnmetExpectation) -> UnmetView {
    UnmetView {
        expectation: unmet.name,
        check: unmet.check,
        found: unmet.found,
        unexpected: unmet.unexpected,
        evaluated: unmet.evaluated,
    }
}

fn unevaluated((expectation, reason): (String, String)) -> UnevaluatedView {
    UnevaluatedView {
        expectation,
        reason,
    }
}

fn held(held: HeldPartition) -> HeldBackView {
    HeldBackView {
        partition: held.partition,
        expectation: held.expectation,
        unexpected: held.unexpected,
        evaluated: held.evaluated,
    }
}
