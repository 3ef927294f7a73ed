//! Randomness as a parameter: jitter of retries, and the random part of run ids.
//!
//! A fixed seed reproduces the sequence; the program itself seeds from the system.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Uuid;

/// A source of random numbers that is shared by reference.
#[derive(Debug)]
pub struct Entropy(Mutex<SmallRng>);

impl Entropy {
    /// Creates a generator with a fixed seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// Creates a generator seeded by the system.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn from_system() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }

    /// A duration between zero and `most`, both included: "full jitter".
    pub fn up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.with(|rng| rng.random_range(0.0..=1.0)))
    }

    /// A UUIDv7 of this instant: run ids sort by the time that the run began.
    pub fn run_id(&self, now: DateTime<Utc>) -> Uuid {
        let mut random = [0_u8; 10];
        self.with(|rng| rng.fill_bytes(&mut random));
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn with<T>(&self, f: impl FnOnce(&mut SmallRng) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
