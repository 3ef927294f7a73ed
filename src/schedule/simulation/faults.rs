//! Faults of a simulated daemon: downtimes, API outages, clock errors.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Period without faults at the end of a simulation, so that everything can be caught up.
const QUIET: TimeDelta = TimeDelta::days(5);

type Span = (DateTime<Utc>, DateTime<Utc>);

/// All faults; each kind is sorted by time and without overlaps.
pub(super) struct Faults {
    downs: Vec<Span>,
    api: Vec<Span>,
    /// Periods in which the clock is ahead or behind by this offset.
    skews: Vec<(Span, TimeDelta)>,
}

impl Faults {
    pub(super) fn none() -> Self {
        Self {
            downs: Vec::new(),
            api: Vec::new(),
            skews: Vec::new(),
        }
    }

    pub(super) fn random(seed: u64, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let until = until - QUIET;
        // Mean interval between faults, and their possible durations, in minutes.
        let downs = spans(&mut rng, from, until, 3600, &[1, 1, 10, 60, 300, 1800]);
        let api = spans(&mut rng, from, until, 5400, &[5, 60, 300, 1800]);
        let wrong = spans(&mut rng, from, until, 8000, &[1, 30, 90]);
        let skews = wrong.into_iter().map(|span| {
            let choices = [-7200, -3600, -300, -2, 2, 300, 3600, 20 * 3600];
            let seconds = choices[rng.random_range(0..choices.len())];
            (span, TimeDelta::seconds(seconds))
        });
        let skews = skews.collect();
        Self { downs, api, skews }
    }

    /// Returns the offset of the clock from the true time.
    pub(super) fn skew(&self, truth: DateTime<Utc>) -> TimeDelta {
        let wrong = self.skews.iter().find(|(span, _)| within(span, truth));
        wrong.map_or(TimeDelta::zero(), |(_, skew)| *skew)
    }

    pub(super) fn is_down(&self, truth: DateTime<Utc>) -> bool {
        self.downs.iter().any(|span| within(span, truth))
    }

    /// `true` if the API was unavailable at some time between two instants.
    pub(super) fn api_away(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.api.iter().any(|span| span.0 <= to && from < span.1)
    }

    /// `true` if the daemon was running with a correct clock during the whole interval.
    pub(super) fn calm(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let wrong = self.skews.iter().map(|(span, _)| span);
        let mut unsettling = self.downs.iter().chain(wrong);
        !unsettling.any(|span| span.0 <= to && from <= span.1)
    }

    /// Returns the next instant after `truth` at which a daemon stops or starts, or a clock is set.
    pub(super) fn next_change(&self, truth: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wrong = self.skews.iter().map(|(span, _)| span);
        let edges = self
            .downs
            .iter()
            .chain(wrong)
            .flat_map(|span| [span.0, span.1]);
        edges.filter(|edge| *edge > truth).min()
    }

    pub(super) fn restarts(&self) -> usize {
        self.downs.len()
    }

    pub(super) fn outages(&self) -> usize {
        self.api.len()
    }

    pub(super) fn hours_of_outage(&self) -> i64 {
        self.api
            .iter()
            .map(|span| (span.1 - span.0).num_hours() + 1)
            .sum()
    }
}

fn within(span: &Span, instant: DateTime<Utc>) -> bool {
    span.0 <= instant && instant < span.1
}

fn spans(
    rng: &mut SmallRng,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    apart: i64,
    lengths: &[i64],
) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = from;
    loop {
        let start = at + TimeDelta::seconds(rng.random_range(60..2 * apart * 60));
        let end = start + TimeDelta::minutes(lengths[rng.random_range(0..lengths.len())]);
        if end >= until {
            return spans;
        }
        spans.push((start, end));
        at = end;
    }
}
