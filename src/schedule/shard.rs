//! Sharding of a backfill among processes: assignment of days, and each shard's part of the API's limits.
//!
//! Shards share only the lake and the API's limits. A day belongs to exactly one of `n` shards, independent
//! of the requested range and of restarts. Together, the shards keep to the limits of one process: so at most
//! as many shards are active as requests may be in flight, and the others have nothing to do.

use std::fmt;
use std::str::FromStr;

use chrono::Datelike;

use bronzed_model::day::Day;
use bronzed_model::declaration::Limits;

/// One of `n` shares of the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Index from 0.
    index: u32,
    /// Number of shards, at least 1.
    of: u32,
}

/// Error of parsing a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not of the form `i/n`.
    #[error("`{0}` names no shard: write 1/4 for the first of four, up to 4/4")]
    Form(String),
    /// Not a number from 0 to n-1.
    #[error("the completion index `{0}` is none of {1} shards: it counts from 0 to {last}", last = .1.saturating_sub(1))]
    Index(String, u32),
}

impl Shard {
    /// Returns the shard of a process of a Kubernetes Indexed Job: `index` is the value of
    /// `JOB_COMPLETION_INDEX`, from 0; `of` is the job's number of completions.
    ///
    /// # Errors
    /// Returns an error if the index is not a number below `of`.
    pub fn of_indexed_job(index: &str, of: u32) -> Result<Self, ShardError> {
        match index.parse() {
            Ok(number) if number < of => Ok(Self { index: number, of }),
            _ => Err(ShardError::Index(index.to_owned(), of)),
        }
    }

    /// Returns `true` if the day belongs to this shard. Stable across versions and restarts.
    pub fn owns(self, day: Day) -> bool {
        // Days are assigned round robin. If n is a multiple of 7, that would give one shard all the Sundays,
        // which are short; so each round begins with the next shard.
        let number = day.date().num_days_from_ce().unsigned_abs();
        let turn = if self.of.is_multiple_of(7) {
            number + number / self.of
        } else {
            number
        };
        turn % self.of == self.index
    }

    /// Returns this shard's part of the days and of the source's limits. `None` if there are more shards than
    /// requests in flight, and this one gets none.
    ///
    /// The parts of all shards add up to the limits. A rate has a burst of at least one request.
    pub fn share(self, limits: &Limits) -> Option<(Self, Limits)> {
        let most = u32::try_from(limits.concurrency).unwrap_or(u32::MAX).max(1);
        let shard = Self {
            index: self.index,
            of: self.of.min(most),
        };
        if shard.index >= shard.of {
            return None;
        }
        let part = |whole: usize| {
            let (of, index) = (shard.of as usize, shard.index as usize);
            whole / of + usize::from(index < whole % of)
        };
        let burst = part(limits.burst as usize).max(1);
        let limits = Limits {
            concurrency: part(limits.concurrency).max(1),
            requests_per_second: limits
                .requests_per_second
                .map(|rate| rate / f64::from(shard.of)),
            burst: u32::try_from(burst).unwrap_or(limits.burst),
            ..limits.clone()
        };
        Some((shard, limits))
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    /// Parses `i/n`, counted from 1: `1/4` to `4/4`.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        text.split_once('/')
            .and_then(|(number, of)| Some((number.parse::<u32>().ok()?, of.parse::<u32>().ok()?)))
            .filter(|(number, of)| (1..=*of).contains(number))
            .map(|(number, of)| Self {
                index: number - 1,
                of,
            })
            .ok_or_else(|| ShardError::Form(text.to_owned()))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits(concurrency: usize) -> Limits {
        Limits {
            runs: 2,
            concurrency,
            together: concurrency,
            requests_per_second: Some(6.0),
            burst: 4,
            latency: Duration::from_secs(1),
            timeout: Duration::from_secs(60),
            max_body_bytes: 1024,
            max_requests_per_run: Some(100),
        }
    }

    fn all(of: u32) -> Vec<Shard> {
        (1..=of)
            .map(|i| format!("{i}/{of}").parse().unwrap())
            .collect()
    }

    fn year() -> Vec<Day> {
        let first: Day = "2024-01-01".parse().unwrap();
        first.through("2024-12-31".parse().unwrap()).collect()
    }

    #[test]
    fn every_day_has_exactly_one_shard_and_shards_have_like_shares() {
        for of in 1..=30 {
            let shards = all(of);
            let mut days = vec![0_u32; of as usize];
            let mut sundays = days.clone();
            for day in year() {
                let owners: Vec<_> = (0..shards.len()).filter(|i| shards[*i].owns(day)).collect();
                assert_eq!(owners.len(), 1, "{day} of {of}");
                days[owners[0]] += 1;
                sundays[owners[0]] += u32::from(day.date().weekday() == chrono::Weekday::Sun);
            }
            let spread = days.iter().max().unwrap() - days.iter().min().unwrap();
            assert!(spread <= 2, "{of}: {days:?}");
            let fair = 52 / of + 2;
            assert!(
                sundays.iter().all(|count| *count <= fair),
                "{of}: {sundays:?}"
            );
        }
    }

    #[test]
    fn a_day_keeps_its_shard_for_ever() {
        let owner = |of, day: &str| {
            let day = day.parse().unwrap();
            all(of)
                .into_iter()
                .find(|shard| shard.owns(day))
                .unwrap()
                .to_string()
        };
        assert_eq!(owner(4, "2025-10-22"), "3/4");
        assert_eq!(owner(4, "2025-10-23"), "4/4");
        assert_eq!(owner(7, "2025-10-22"), "2/7");
        assert_eq!(owner(7, "2025-10-29"), "3/7");
    }

    #[test]
    fn people_count_from_one_and_indexed_jobs_from_zero() {
        let first: Shard = "1/4".parse().unwrap();
        assert_eq!(Shard::of_indexed_job("0", 4), Ok(first));
        for text in ["0/4", "5/4", "1", "/4", "1/0", "a/b", "-1/4", "1/4/5"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.to_string().contains("1/4 for the first of four"));
        }
        let error = Shard::of_indexed_job("4", 4).unwrap_err();
        assert!(error.to_string().ends_with("it counts from 0 to 3"));
        assert!(Shard::of_indexed_job("", 4).is_err());
        assert!(Shard::of_indexed_job("0", 0).is_err());
    }

    #[test]
    fn all_shards_together_keep_the_limits() {
        for (of, concurrency) in [(1, 3), (2, 3), (3, 3), (4, 8), (5, 8), (8, 8)] {
            let limits = limits(concurrency);
            let shares = all(of).into_iter().filter_map(|shard| shard.share(&limits));
            let (mut in_flight, mut rate) = (0, 0.0);
            for (_, share) in shares {
                in_flight += share.concurrency;
                rate += share.requests_per_second.unwrap();
                assert_eq!(share.max_requests_per_run, Some(100));
                assert!(share.burst >= 1);
            }
            assert_eq!(in_flight, concurrency);
            assert!((rate - 6.0).abs() < 1e-9);
        }
    }

    #[test]
    fn shards_beyond_the_requests_in_flight_leave_their_days_to_the_others() {
        let limits = limits(3);
        let shares: Vec<_> = all(4).into_iter().map(|s| s.share(&limits)).collect();
        assert!(shares[3].is_none());
        let working: Vec<_> = shares.into_iter().flatten().collect();
        assert!(working.iter().all(|(_, limits)| limits.concurrency == 1));
        for day in year() {
            assert_eq!(working.iter().filter(|(s, _)| s.owns(day)).count(), 1);
        }
    }
}
