//! What a backfill will cost, before it is begun: days, requests and time.
//!
//! Days of one weekday are alike (nobody publishes on a Sunday), so a day is taken to cost the
//! median of the known days of its weekday; where none is known, the median of all known days. They
//! take the time for each request that the known days took. Where no day is known at all, a day costs
//! what the dataset declares as its cost; and where it declares none, a range is told: from each
//! slice in one page to each slice in two requests, as two walks or two empty answers are. Slices of
//! many pages cost more.

use std::time::Duration;

use chrono::{Datelike, Weekday};

use crate::day::Day;
use crate::source::declaration::{Cost, Pool};

/// What it took to read a day in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The day.
    pub day: Day,
    /// Requests, retries included.
    pub requests: u64,
    /// From its first to its last.
    pub time: Duration,
}

/// What is known of a dataset beside its days.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Slices of a day.
    pub slices: u64,
    /// Times that a slice is walked at least.
    pub walks: u64,
    /// What a day is declared to take.
    pub cost: Option<Cost>,
    /// How long a request is declared to take.
    pub latency: Duration,
    /// The source's limits, and its pool's.
    pub limits: Vec<Pool>,
    /// The part of the limits that the days to come are read with, where the known ones were read
    /// with all of them.
    pub part: f64,
}

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// So many complete days.
    Days(usize),
    /// The dataset's declared cost.
    Cost,
    /// The number of slices.
    Slices,
}

/// What reading some days will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// How many days.
    pub days: usize,
    /// Requests in all.
    pub requests: u64,
    /// The end of the range, where a range is all that can be told. Else the same.
    pub requests_to: u64,
    /// Time at the configured limits, with nothing else in their way.
    pub time: Duration,
    /// The same for `requests_to`.
    pub time_to: Duration,
    /// Requests in flight at most.
    pub in_flight: usize,
    /// How long a request is taken to last: as measured, or as declared.
    pub latency: Duration,
    /// What it rests on.
    pub basis: Basis,
}

/// Estimates what reading `days` in full takes.
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

/// The requests of a Monday, a Tuesday …; and the most of any day, where that is another number.
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

/// How long a request of the known days took, as if `in_flight` of them had been under way without a
/// gap: so that the time which they give is that of the days. Times are noted in whole seconds, so
/// that many days tell more than one.
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

/// The time that requests take where both the number in flight and the rate are held.
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
