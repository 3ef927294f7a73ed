//! Work that takes a processor and no waiting, beside the run: on a thread of its own if the runtime has several, or
//! else at once.
//!
//! A run is one task. Under a runtime of one thread, as in tests with a driven clock and in the simulation,
//! nothing here adds an order of events of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

type Work = Box<dyn FnOnce() + Send>;

/// Thread that does a run's work, one piece after the other. It is always the same one, because memory that a thread
/// has freed is kept for that thread.
#[derive(Debug, Default)]
pub struct WorkThread {
    /// `None` until there is work for it.
    jobs: Option<Sender<Work>>,
}

/// Work that was begun.
#[derive(Debug)]
pub enum Beside<T> {
    /// Done by the caller's thread.
    Done(T),
    /// Under way on the other thread.
    Running(oneshot::Receiver<thread::Result<T>>),
}

/// Error: the runtime ends, and the work wasn't done.
#[derive(Debug, thiserror::Error)]
#[error("the program ends while rows are encoded")]
pub struct Abandoned;

impl WorkThread {
    /// Begins work, after what was begun before. Dropping it doesn't stop work that runs.
    pub fn begin<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Beside<T> {
        let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
        if !matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
            return Beside::Done(work());
        }
        let (tell, told) = oneshot::channel();
        let job = move || drop(tell.send(catch_unwind(AssertUnwindSafe(work))));
        // A thread that has ended drops the job, of which the receiver learns.
        let _ = self.jobs.get_or_insert_with(start).send(Box::new(job));
        Beside::Running(told)
    }
}

fn start() -> Sender<Work> {
    let (sender, jobs) = channel::<Work>();
    spawn_blocking(move || jobs.into_iter().for_each(|job| job()));
    sender
}

impl<T> Beside<T> {
    /// Waits until the work is done.
    ///
    /// # Errors
    /// Returns an error if the runtime ends before that.
    pub async fn end(self) -> Result<T, Abandoned> {
        match self {
            Self::Done(outcome) => Ok(outcome),
            Self::Running(told) => match told.await {
                Ok(Ok(outcome)) => Ok(outcome),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => Err(Abandoned),
            },
        }
    }
}
