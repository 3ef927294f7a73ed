//! Runs that are at work on the lake in this process: whoever shares the lake knows of them.
//!
//! What the audit says of a run that was killed is told apart by it from what it says of one that goes
//! on beside.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// The runs at work. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Living(Arc<Mutex<HashSet<Uuid>>>);

/// A run at work, until this is dropped.
#[derive(Debug)]
pub struct Alive {
    living: Living,
    run: Uuid,
}

impl Living {
    /// Notes a run, for as long as what is returned is kept.
    #[must_use]
    pub fn begin(&self, run: Uuid) -> Alive {
        self.change(|runs| runs.insert(run));
        let living = self.clone();
        Alive { living, run }
    }

    /// Whether the run is at work in this process.
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
