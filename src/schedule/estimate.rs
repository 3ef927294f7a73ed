//! Cost estimate of a backfill: days, requests and time.
//!
//! Days of the same weekday are similar (nobody publishes on a Sunday), so the estimate for a day is the
//! median of the known days of its weekday or, if none is known, of all known days. The time for each request
//! is that of the known days. If no day is known, the dataset's declared cost is used; if none is declared,
//! the estimate is a range: from one page for each slice to two requests for each slice, as for two walks or
//! two empty responses. Slices of many pages cost more.

use std::time::Duration;

use chrono::{Datelike, Weekday};

use bronzed_model::day::Day;
use bronzed_model::declaration::{Cost, Pool};

/// Measured cost of reading a day in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The day.
    pub day: Day,
    /// Number of requests, including retries.
    pub requests: u64,
    /// Duration of the run.
    pub time: Duration,
}

/// Inputs of an estimate beside the sampled days.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Number of slices of a day.
    pub slices: u64,
    /// Minimum number of walks of a slice.
    pub walks: u64,
    /// Declared cost of a day.
    pub cost: Option<Cost>,
    /// Declared duration of a request.
    pub latency: Duration,
    /// Limits of the source and of its pool.
    pub limits: Vec<Pool>,
    /// Fraction of the limits available to the estimated days, given that the known days were read with the
    /// full limits.
    pub part: f64,
}

/// Basis of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// This number of complete days.
    Days(usize),
    /// The dataset's declared cost.
    Cost,
    /// The number of slices.
    Slices,
}

/// Estimated cost of reading some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Number of days.
    pub days: usize,
    /// Total number of requests.
    pub requests: u64,
    /// Upper end of the range of requests; equal to `requests` if the estimate is not a range.
    pub requests_to: u64,
    /// Duration at the configured limits, without other load.
    pub time: Duration,
    /// Duration for `requests_to`.
    pub time_to: Duration,
    /// Maximum number of requests in flight.
    pub in_flight: usize,
    /// Assumed duration of a request: measured, or declared.
    pub latency: Duration,
    /// Basis of the estimate.
    pub basis: Basis,
}

/// Estimates the cost of reading `days` in full.
pub fn estimate(
    days: impl IntoIterator<Item = Day>,
    samples: &[Sample],
    facts: &Facts,
) -> Estimate {
    let (basis, by_weekday, at_most) = per_day(samples, facts);
    let in_flight = facts.limits.iter().map(|limits| limits.concurrency.max(1));
    let in_flight = in_flight.min().unwrap_or(1);
    let declared = match (basis, facts.cost) {
        (Basis::Cost, Some(cost)) => seconds(cost.seconds_per_request),
        _ => facts.latency,
    };
    let latency = measured(samples, in_flight, facts.part).unwrap_or(declared);
    let (mut count, mut requests, mut requests_to) = (0, 0_u64, 0_u64);
    for day in days {
        let weekday = day.date().weekday().num_days_from_monday() as usize;
        count += 1;
        requests = requests.saturating_add(by_weekday[weekday]);
        requests_to = requests_to.saturating_add(at_most.unwrap_or(by_weekday[weekday]));
    }
    let time = |requests| time_for(requests, &facts.limits, in_flight, latency);
    Estimate {
        days: count,
        requests,
        requests_to,
        time: time(requests),
        time_to: time(requests_to),
        in_flight,
        latency,
        basis,
    }
}

/// Returns the basis, the requests by weekday from Monday, and the upper bound for a day if it differs.
fn per_day(samples: &[Sample], facts: &Facts) -> (Basis, [u64; 7], Option<u64>) {
    let Some(of_any) = median(samples.iter().map(|sample| sample.requests)) else {
        return match facts.cost {
            Some(cost) => (Basis::Cost, [cost.requests_per_day; 7], None),
            None => {
                let least = facts.slices.saturating_mul(facts.walks);
                let most = facts.slices.saturating_mul(facts.walks.max(2));
                (Basis::Slices, [least; 7], Some(most))
            }
        };
    };
    let of_weekday = |weekday: Weekday| {
        let alike = samples.iter().filter(|s| s.day.date().weekday() == weekday);
        median(alike.map(|sample| sample.requests))
    };
    let mut by_weekday = [of_any; 7];
    let mut weekday = Weekday::Mon;
    for cost in &mut by_weekday {
        *cost = of_weekday(weekday).unwrap_or(of_any);
        weekday = weekday.succ();
    }
    (Basis::Days(samples.len()), by_weekday, None)
}

/// Returns the duration of a request on the known days, as if `in_flight` requests had always been active, so
/// that it reproduces the duration of those days. Sums over all days, because durations are recorded in whole
/// seconds.
fn measured(samples: &[Sample], in_flight: usize, part: f64) -> Option<Duration> {
    let time: Duration = samples.iter().map(|sample| sample.time).sum();
    let requests: u64 = samples.iter().map(|sample| sample.requests).sum();
    if requests == 0 {
        return None;
    }
    let each = time.as_secs_f64() / requests as f64;
    Some(seconds(
        each / part.max(f64::MIN_POSITIVE) * in_flight as f64,
    ))
}

/// Returns the duration of the requests, limited both by concurrency and by rate.
fn time_for(requests: u64, limits: &[Pool], in_flight: usize, latency: Duration) -> Duration {
    let requests = requests as f64;
    let rates = limits
        .iter()
        .filter_map(|limits| limits.requests_per_second);
    let at_rate = rates.map(|rate| requests / rate).fold(0.0, f64::max);
    seconds((requests * latency.as_secs_f64() / in_flight as f64).max(at_rate))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Returns the median; of an even number of values, the lower of the middle two.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    let middle = values.len().checked_sub(1)? / 2;
    values.get(middle).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn facts(slices: u64, concurrency: usize, requests_per_second: Option<f64>) -> Facts {
        Facts {
            slices,
            walks: 1,
            cost: None,
            latency: SECOND,
            limits: vec![limits(concurrency, requests_per_second)],
            part: 1.0,
        }
    }

    fn limits(concurrency: usize, requests_per_second: Option<f64>) -> Pool {
        Pool {
            concurrency,
            requests_per_second,
            burst: 1,
        }
    }

    fn sample(day: &str, requests: u64) -> Sample {
        let day = day.parse().unwrap();
        let time = SECOND * u32::try_from(requests).unwrap();
        Sample {
            day,
            requests,
            time,
        }
    }

    /// Days from a Monday to a Sunday.
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
        let found = estimate(week(), &samples, &facts(13, 2, None));
        // Monday 130, Sunday 14, and for five weekdays the median of all: 110.
        assert_eq!(found.requests, 130 + 14 + 5 * 110);
        assert_eq!(found.requests_to, found.requests);
        assert_eq!((found.days, found.basis), (7, Basis::Days(4)));
    }

    #[test]
    fn a_forecast_took_a_second_for_each_request_where_the_lake_had_measured_three() {
        let samples = [
            Sample {
                time: SECOND * 100,
                ..sample("2025-10-06", 100)
            },
            Sample {
                time: SECOND * 302,
                ..sample("2025-10-07", 300)
            },
        ];
        let known = facts(13, 3, None);
        let found = estimate(week(), &samples, &known);
        let expected = found.requests as f64 * 402.0 / 400.0;
        assert!((found.time.as_secs_f64() - expected).abs() < 0.01);
        assert!((found.latency.as_secs_f64() - 3.015).abs() < 0.001);
        // A third of the limits takes three times as long.
        let shard = Facts {
            limits: vec![limits(1, None)],
            part: 1.0 / 3.0,
            ..known
        };
        let alone = estimate(week(), &samples, &shard);
        assert!((alone.time.as_secs_f64() - 3.0 * expected).abs() < 0.01);
    }

    #[test]
    fn an_empty_lake_was_told_to_take_840_requests_at_least_where_1320_were_needed() {
        let sixty = || {
            let first: Day = "2025-08-01".parse().unwrap();
            first.through("2025-09-29".parse().unwrap())
        };
        let found = estimate(sixty(), &[], &facts(14, 1, None));
        assert_eq!((found.requests, found.requests_to), (840, 1_680));
        assert_eq!(found.basis, Basis::Slices);
        assert_eq!((found.time, found.time_to), (SECOND * 840, SECOND * 1_680));
        let twice = Facts {
            walks: 2,
            ..facts(14, 1, None)
        };
        let found = estimate(sixty(), &[], &twice);
        assert_eq!((found.requests, found.requests_to), (1_680, 1_680));
        let none = estimate([], &[], &facts(13, 1, None));
        assert_eq!(
            (none.days, none.requests, none.time),
            (0, 0, Duration::ZERO)
        );
    }

    #[test]
    fn a_declared_cost_of_114_days_was_told_as_two_minutes() {
        let year = || {
            let first: Day = "2025-01-01".parse().unwrap();
            first.through("2025-12-31".parse().unwrap())
        };
        let declared = Facts {
            cost: Some(Cost {
                requests_per_day: 9_500,
                seconds_per_request: 8.5,
            }),
            ..facts(1, 3, None)
        };
        let found = estimate(year(), &[], &declared);
        assert_eq!((found.requests, found.basis), (365 * 9_500, Basis::Cost));
        let days = found.time.as_secs_f64() / 86_400.0;
        assert!((113.0..115.0).contains(&days), "{days}");
    }

    #[test]
    fn the_tightest_limit_counts() {
        let time = |limits: &[Pool]| {
            let facts = Facts {
                limits: limits.to_vec(),
                latency: Duration::from_millis(500),
                ..facts(100, 1, None)
            };
            estimate(week(), &[], &facts).time
        };
        assert_eq!(time(&[limits(7, None)]), Duration::from_secs(50));
        assert_eq!(time(&[limits(7, Some(2.0))]), Duration::from_secs(350));
        assert_eq!(time(&[limits(1, Some(100.0))]), Duration::from_secs(350));
        let pool = [limits(7, None), limits(1, Some(1.0))];
        assert_eq!(time(&pool), Duration::from_secs(700));
    }
}
