//! Rate limits in requests per second, by the machine's clock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Rate limiter with a token bucket for each module; see [`Meter::admit`].
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<HashMap<&'static str, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Meter {
    /// Admits a request to `module` at `rate` requests per second, with bursts of the same number and at
    /// least 1. Otherwise returns the time until a request will be admitted.
    pub(super) fn admit(&self, module: &'static str, rate: f64) -> Result<(), Duration> {
        let now = Instant::now();
        let most = rate.max(1.0);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(module).or_insert(Bucket {
            tokens: most,
            at: now,
        });
        let since = now.duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * rate).min(most);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / rate));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_module_answers_no_more_than_its_rate() {
        let meter = Meter::default();
        assert_eq!(meter.admit("slow", 0.5), Ok(()));
        assert_eq!(meter.admit("slow", 0.5), Err(Duration::from_secs(2)));
        assert_eq!(meter.admit("other", 0.5), Ok(()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(meter.admit("slow", 0.5), Ok(()));
        assert!(meter.admit("slow", 0.5).is_err());
    }
}
