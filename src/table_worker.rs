//! The thread on which Delta and silver tables are kept.
//!
//! Reading and writing of a log allocates much, and frees it at once. On the threads of the runs, each of them kept its part of
//! it: a daemon's memory grew by a megabyte with each round of publications. So all of it happens on one thread of its own, where
//! it takes no time from the runs, either.

use std::panic::resume_unwind;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinSet;

/// Runtime of the thread; `None` if it can't be started.
static WORKER: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let mut worker = Builder::new_multi_thread();
    worker.worker_threads(1).max_blocking_threads(2);
    worker.thread_name("tables").enable_all();
    worker.build().ok()
});

/// Does the work on the thread of the tables; dropping the future ends it. Where the runtime has one thread, as in tests with
/// a driven clock, the caller does it itself.
pub async fn on_worker<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let has_threads = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    let Some(worker) = WORKER.as_ref().filter(|_| has_threads) else {
        return work.await;
    };
    let mut task = JoinSet::new();
    task.spawn_on(work, worker.handle());
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Nobody else holds the task, and the worker ends with the process.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
