//! Retry policy of one request: back-off between attempts, and when to give up.
//!
//! Failures: exponential back-off with full jitter, bounded in attempts and in time. "Too many requests"
//! isn't a failure of the request: it uses no attempt, waits several times longer, and is bounded by
//! time only. A wait that the server asks for is obeyed if the remaining time allows it. A longer one
//! doesn't end the request, because an API that asks for a day may answer in a minute: the request is
//! retried after the longest wait of the retry table.

use std::time::Duration;

use tokio::time::Instant;

use bronzed_model::declaration::Retry;
use bronzed_model::entropy::Entropy;

/// Factor between the first wait after "too many requests" and that after a failure.
const RATE_LIMITED_FACTOR: u32 = 4;

/// Retry state of one request.
#[derive(Debug)]
pub struct RetryState<'a> {
    retry: &'a Retry,
    entropy: &'a Entropy,
    begun: Instant,
    /// Time spent waiting for admission, which isn't the API's fault.
    queued: Duration,
    failed: u32,
    rate_limited: u32,
}

impl<'a> RetryState<'a> {
    /// Starts without attempts; `max_elapsed` counts from now.
    pub fn new(retry: &'a Retry, entropy: &'a Entropy) -> Self {
        Self {
            retry,
            entropy,
            begun: Instant::now(),
            queued: Duration::ZERO,
            failed: 0,
            rate_limited: 0,
        }
    }

    /// Number of attempts that have failed or were rate-limited.
    pub fn count(&self) -> u32 {
        self.failed.saturating_add(self.rate_limited)
    }

    /// Excludes time spent waiting for admission from `max_elapsed`.
    pub fn leave_out(&mut self, queued: Duration) {
        self.queued = self.queued.saturating_add(queued);
    }

    /// Counts a failure. Returns the wait before the next attempt; `None` to give up. `asked` is the
    /// wait that the server asks for, `max_attempts` the total that the matching rule allows.
    pub fn after_failure(
        &mut self,
        asked: Option<Duration>,
        max_attempts: Option<u32>,
    ) -> Option<Duration> {
        self.failed = self.failed.saturating_add(1);
        if self.failed >= max_attempts.unwrap_or(self.retry.max_attempts) {
            return None;
        }
        let ceiling = self.grown(self.retry.initial, self.failed);
        self.in_time(asked, || self.entropy.up_to(ceiling))
    }

    /// Counts a "too many requests". Returns the wait before the next attempt; `None` to give up.
    pub fn after_rate_limit(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.rate_limited = self.rate_limited.saturating_add(1);
        let first = self.retry.initial.saturating_mul(RATE_LIMITED_FACTOR);
        let ceiling = self.grown(first, self.rate_limited);
        // At least half the ceiling, because full jitter may be close to zero.
        self.in_time(asked, || ceiling / 2 + self.entropy.up_to(ceiling / 2))
    }

    fn grown(&self, first: Duration, nth: u32) -> Duration {
        let factor = 1_u32.checked_shl(nth - 1).unwrap_or(u32::MAX);
        first.saturating_mul(factor).min(self.retry.max)
    }

    fn in_time(&self, asked: Option<Duration>, own: impl FnOnce() -> Duration) -> Option<Duration> {
        let spent = self.begun.elapsed().saturating_sub(self.queued);
        let left = self.retry.max_elapsed.checked_sub(spent)?;
        let wait = match asked {
            Some(asked) if asked > left => self.retry.max.min(left),
            Some(asked) => asked,
            None => own(),
        };
        // With no time left, a wait of zero would be the first of many.
        let over = asked.is_some() && wait.is_zero();
        (wait <= left && !over).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn retry() -> Retry {
        Retry {
            max_attempts: 6,
            max_elapsed: Duration::from_secs(600),
            initial: Duration::from_secs(1),
            max: Duration::from_secs(10),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_wait_between_nothing_and_a_doubling_bound() {
        let retry = retry();
        let mut longest = [Duration::ZERO; 5];
        for seed in 0..200 {
            let entropy = Entropy::seeded(seed);
            let mut tries = RetryState::new(&retry, &entropy);
            for (nth, bound) in [1, 2, 4, 8, 10].into_iter().enumerate() {
                let wait = tries.after_failure(None, None).unwrap();
                assert!(wait <= Duration::from_secs(bound), "{nth}: {wait:?}");
                longest[nth] = longest[nth].max(wait);
            }
            assert_eq!(tries.after_failure(None, None), None, "six tries in all");
            assert_eq!(tries.count(), 6);
        }
        for (longest, bound) in longest.iter().zip([1, 2, 4, 8, 10]) {
            assert!(*longest > Duration::from_secs(bound).mul_f64(0.9));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_may_allow_fewer_tries() {
        let (retry, entropy) = (retry(), Entropy::seeded(1));
        let mut tries = RetryState::new(&retry, &entropy);
        assert!(tries.after_failure(None, Some(2)).is_some());
        assert_eq!(tries.after_failure(None, Some(2)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_requests_takes_no_try_and_waits_longer_and_longer() {
        let (retry, entropy) = (retry(), Entropy::seeded(2));
        let mut tries = RetryState::new(&retry, &entropy);
        for (least, most) in [(2, 4), (4, 8), (5, 10), (5, 10)] {
            let wait = tries.after_rate_limit(None).unwrap();
            assert!(wait >= Duration::from_secs(least) && wait <= Duration::from_secs(most));
        }
        for _ in 0..5 {
            assert!(tries.after_failure(None, None).is_some());
        }
        assert_eq!(tries.after_failure(None, None), None);
        assert_eq!(tries.count(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_asks_for_is_obeyed_beyond_the_longest_wait() {
        let (retry, entropy) = (retry(), Entropy::seeded(3));
        let mut tries = RetryState::new(&retry, &entropy);
        let asked = Some(Duration::from_secs(90));
        assert_eq!(tries.after_rate_limit(asked), asked);
        assert_eq!(tries.after_failure(asked, None), asked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_time_is_cut_to_the_longest_of_ones_own_until_the_time_is_over()
    {
        let (retry, entropy) = (retry(), Entropy::seeded(5));
        for asked in [Duration::from_secs(86_400), Duration::MAX] {
            let mut tries = RetryState::new(&retry, &entropy);
            assert_eq!(tries.after_failure(Some(asked), None), Some(retry.max));
            advance(Duration::from_secs(595)).await;
            let rest = Some(Duration::from_secs(5));
            assert_eq!(tries.after_rate_limit(Some(asked)), rest);
            advance(Duration::from_secs(5)).await;
            assert_eq!(tries.after_rate_limit(Some(asked)), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_try_begins_after_the_time_is_over() {
        let (retry, entropy) = (retry(), Entropy::seeded(4));
        let mut tries = RetryState::new(&retry, &entropy);
        advance(Duration::from_secs(600)).await;
        assert_eq!(
            tries.after_failure(Some(Duration::from_millis(1)), None),
            None
        );
        tries.leave_out(Duration::from_secs(5));
        assert!(
            tries.after_failure(None, None).is_some(),
            "the queue doesn't count"
        );
    }
}
