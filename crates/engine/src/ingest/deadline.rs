//! Interruption of a run before it has read everything: by its deadline or by cancellation.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use bronzed_model::execution::StopReason;

/// Deadline of a run, and whether it has ended the run.
pub(super) struct RunDeadline {
    /// Token that ends the run: at the deadline, or when all runs are cancelled.
    pub(super) cancel: CancellationToken,
    /// Timer task; `None` if there is no deadline.
    watch: Option<AbortOnDropHandle<()>>,
    stop: CancellationToken,
    deadline: Option<Duration>,
}

impl RunDeadline {
    pub(super) fn after(deadline: Option<Duration>, stop: &CancellationToken) -> Self {
        let cancel = stop.child_token();
        let watch = deadline.map(|deadline| {
            let cancel = cancel.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                tokio::time::sleep(deadline).await;
                cancel.cancel();
            }))
        });
        Self {
            cancel,
            watch,
            stop: stop.clone(),
            deadline,
        }
    }

    /// Returns why a run was interrupted, as a code and as text; `None` if it wasn't interrupted.
    pub(super) fn cause(&self) -> Option<(StopReason, String)> {
        let expired = self.watch.as_ref().is_some_and(|watch| watch.is_finished());
        match self.deadline {
            Some(deadline) if expired => Some((
                StopReason::Deadline,
                format!(
                    "the deadline of {} passed before everything was read",
                    humantime::format_duration(deadline)
                ),
            )),
            _ if self.stop.is_cancelled() => Some((
                StopReason::Cancelled,
                "told to stop before everything was read".to_owned(),
            )),
            _ => None,
        }
    }
}
