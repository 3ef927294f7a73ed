//! Active runs of this process, shared by all handles of a lake.
//!
//! Distinguishes the audit entry of a killed run from that of a run that is still active.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// Set of active runs, shared by clones.
#[derive(Debug, Clone, Default)]
pub struct Living(Arc<Mutex<HashSet<Uuid>>>);

/// Guard of an active run, which ends when this is dropped.
#[derive(Debug)]
pub struct Alive {
    living: Living,
    run: Uuid,
}

impl Living {
    /// Registers a run as active until the returned guard is dropped.
    #[must_use]
    pub fn begin(&self, run: Uuid) -> Alive {
        self.change(|runs| runs.insert(run));
        let living = self.clone();
        Alive { living, run }
    }

    /// Returns `true` if the run is active in this process.
    pub fn has(&self, run: Uuid) -> bool {
        self.change(|runs| runs.contains(&run))
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Uuid>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.living.change(|runs| runs.remove(&self.run));
    }
}
