//! Changes that a person asks for, over the API or on a page: checked, logged, and given to the daemon.

use crate::server::App;
use crate::server::error::ApiError;
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::view::{Backfill, BackfillView, JobView, RunView};

impl App {
    /// Queues a run a day.
    pub(super) async fn start_runs(&self, order: RunOrder) -> Result<Vec<RunView>, ApiError> {
        order.check()?;
        tracing::info!(
            source = order.source,
            dataset = order.dataset,
            days = order.days.len(),
            "runs asked for"
        );
        Ok(self.changed(self.daemon.start_runs(order).await).await?)
    }

    /// Queues the incomplete days of a range.
    pub(super) async fn start_backfill(&self, order: BackfillOrder) -> Result<Backfill, ApiError> {
        order.check()?;
        tracing::info!(
            source = order.source,
            dataset = order.dataset,
            from = %order.from,
            to = %order.to,
            "backfill asked for"
        );
        Ok(self
            .changed(self.daemon.start_backfill(order).await)
            .await?)
    }

    /// Takes the waiting days of a backfill out of the queue.
    pub(super) async fn stop_backfill(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<BackfillView, ApiError> {
        tracing::info!(source, dataset, "stop of a backfill asked for");
        let stopped = self.daemon.stop_backfill(source, dataset).await;
        Ok(self.changed(stopped).await?)
    }

    /// Queues what a slot of the job would name now.
    pub(super) async fn run_job(&self, source: &str, job: &str) -> Result<Vec<RunView>, ApiError> {
        tracing::info!(source, job, "run of a job asked for");
        Ok(self.changed(self.daemon.run_job(source, job).await).await?)
    }

    /// Pauses or resumes a job.
    pub(super) async fn set_paused(
        &self,
        source: &str,
        job: &str,
        paused: bool,
    ) -> Result<JobView, ApiError> {
        tracing::info!(source, job, paused, "pause of a job asked for");
        let job = self.daemon.set_paused(source, job, paused).await;
        Ok(self.changed(job).await?)
    }

    /// Has the next viewer take a new look at the daemon.
    async fn changed<T>(&self, result: T) -> T {
        self.forget_glance().await;
        result
    }
}
