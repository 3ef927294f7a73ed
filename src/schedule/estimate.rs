//! What a backfill will cost, before it is begun: days, requests and time.
//!
//! Days of one weekday are alike (nobody publishes on a Sunday), so a day is taken to cost the
//! median of the known days of its weekday; where none is known, the median of all known days;
//! and where no day is known at all, one request for each slice, which is the least that it can be.

use std::time::Duration;

use chrono::{Datelike, Weekday};

use crate::day::Day;
use crate::source::declaration::Limits;

/// What it took to read a day in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The day.
    pub day: Day,
    /// Requests, retries included.
    pub requests: u64,
}

/// What reading some days will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// How many days.
    pub days: usize,
    /// Requests in all.
    pub requests: u64,
    /// Time at the configured limits, with nothing else in their way.
    pub time: Duration,
    /// How many known days this rests on. 0: `requests` and `time` are the least it can be.
    pub known_days: usize,
}

/// Estimates what reading `days` in full takes.
///
/// `slices` is how many slices a day of the dataset has, and `latency` how long one request takes.
pub fn estimate(
    days: impl IntoIterator<Item = Day>,
    samples: &[Sample],
    slices: u64,
    limits: &Limits,
    latency: Duration,
) -> Estimate {
    let of_weekday = |weekday: Weekday| {
        let alike = samples.iter().filter(|s| s.day.date().weekday() == weekday);
        median(alike.map(|sample| sample.requests))
    };
    let of_any = median(samples.iter().map(|sample| sample.requests)).unwrap_or(slices);
    let mut by_weekday = [of_any; 7];
    let mut weekday = Weekday::Mon;
    for cost in &mut by_weekday {
        *cost = of_weekday(weekday).unwrap_or(of_any);
        weekday = weekday.succ();
    }
    let (mut count, mut requests) = (0, 0_u64);
    for day in days {
        let weekday = day.date().weekday().num_days_from_monday();
        count += 1;
        requests = requests.saturating_add(by_weekday[weekday as usize]);
    }
    Estimate {
        days: count,
        requests,
        time: time_for(requests, limits, latency),
        known_days: samples.len(),
    }
}

/// The time that requests take where both the number in flight and the rate are held.
fn time_for(requests: u64, limits: &Limits, latency: Duration) -> Duration {
    let requests = requests as f64;
    let in_flight = requests * latency.as_secs_f64() / limits.concurrency.max(1) as f64;
    let at_rate = limits
        .requests_per_second
        .map_or(0.0, |rate| requests / rate);
    Duration::try_from_secs_f64(in_flight.max(at_rate)).unwrap_or(Duration::MAX)
}

/// The middle value; of an even number, the lower of the middle two.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    let middle = values.len().checked_sub(1)? / 2;
    values.get(middle).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(concurrency: usize, requests_per_second: Option<f64>) -> Limits {
        Limits {
            runs: 2,
            concurrency,
            together: concurrency,
            requests_per_second,
            burst: 1,
            timeout: Duration::from_secs(60),
            max_body_bytes: 1024,
            max_requests_per_run: None,
        }
    }

    fn sample(day: &str, requests: u64) -> Sample {
        let day = day.parse().unwrap();
        Sample { day, requests }
    }

    /// A Monday to a Sunday.
    fn week() -> impl Iterator<Item = Day> {
        let monday: Day = "2025-10-20".parse().unwrap();
        monday.through("2025-10-26".parse().unwrap())
    }

    #[test]
    fn a_day_costs_the_median_of_its_weekday() {
        let samples = [
            sample("2025-10-06", 130),
            sample("2025-10-13", 9_000), // an outlier: thousands of retries
            sample("2025-09-29", 110),
            sample("2025-10-12", 14), // a Sunday
        ];
        let second = Duration::from_secs(1);
        let found = estimate(week(), &samples, 13, &limits(2, None), second);
        // Monday 130, Sunday 14, and for five weekdays the median of all: 110.
        assert_eq!(found.requests, 130 + 14 + 5 * 110);
        assert_eq!((found.days, found.known_days), (7, 4));
        assert_eq!(found.time, Duration::from_secs(694 / 2));
    }

    #[test]
    fn without_known_days_it_is_the_least_that_it_can_be() {
        let second = Duration::from_secs(1);
        let found = estimate(week(), &[], 13, &limits(1, None), second);
        assert_eq!((found.requests, found.known_days), (7 * 13, 0));
        let none = estimate([], &[], 13, &limits(1, None), second);
        assert_eq!(
            (none.days, none.requests, none.time),
            (0, 0, Duration::ZERO)
        );
    }

    #[test]
    fn the_tighter_limit_counts() {
        let latency = Duration::from_millis(500);
        let time = |limits| estimate(week(), &[], 100, &limits, latency).time;
        assert_eq!(time(limits(7, None)), Duration::from_secs(50));
        assert_eq!(time(limits(7, Some(2.0))), Duration::from_secs(350));
        assert_eq!(time(limits(1, Some(100.0))), Duration::from_secs(350));
    }
}
