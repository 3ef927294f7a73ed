//! What ends a run before it has read everything: its deadline, or being told to stop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::state::execution::StopReason;

/// The bound on a run's time, and whether it was that which ended it.
pub(super) struct Overdue {
    /// Ends the run: at the deadline, or when all runs are told to stop.
    pub(super) cancel: CancellationToken,
    /// `None`: there is no deadline.
    watch: Option<AbortOnDropHandle<()>>,
    stop: CancellationToken,
    deadline: Option<Duration>,
}

impl Overdue {
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

    /// Why a run was cut short, and the same in words; `None`: it wasn't.
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
