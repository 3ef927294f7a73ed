//! Execution of a backfill's orders, across outages.
//!
//! While a host or an endpoint is down, days of other datasets continue; if none is left, the worker waits
//! for the probe and reads the same day again. While the lake refuses writes, probes are written with
//! exponential back-off. An outage longer than the caller's limit ends the work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio::time::Instant;

use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Context, Order, run};
use bronzed_model::execution::{Status, StopReason};

/// Maximum sleep between checks of an outage, so that a clock jump doesn't prolong it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Back-off before the first probe of a lake; doubled by each failure.
const FIRST_PROBE: Duration = Duration::from_secs(10);
/// Maximum back-off between probes of a lake.
const LONGEST_PROBE: Duration = Duration::from_secs(300);

/// Outage of an API or of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Unavailable part: `https://pncp.gov.br`, or `the lake`.
    pub what: String,
    /// Start of the outage.
    pub since: DateTime<Utc>,
    /// The last failure.
    pub reason: String,
    /// Time of the next probe.
    pub probe_at: DateTime<Utc>,
}

impl Outage {
    /// Describes what is down since when, and what comes next.
    fn hint(&self, zone: Tz) -> String {
        let clock = |at: DateTime<Utc>| at.with_timezone(&zone).format("%H:%M:%S");
        format!(
            "{} is down since {}, and asked again at {}: reading goes on by itself once it answers, for which it \
             waits as long as --max-outage says",
            self.what,
            clock(self.since),
            clock(self.probe_at)
        )
    }
}

/// Progress event of the work.
#[derive(Debug)]
pub enum Told<'a> {
    /// A day begins to be read.
    Begins(&'a Order),
    /// A day is finished, with any outcome.
    Done(&'a RunReport),
    /// An outage ended a run that had stored rows; its day will be read again.
    Cut(&'a RunReport),
    /// Waiting for the end of an outage.
    Waits(&'a Outage),
    /// Retrying after an outage.
    Tries,
}

/// Executes the orders one by one. Ends early if the context is cancelled (the current day has committed the
/// rows read so far), or after an outage of `max_outage`, which is returned.
pub async fn work(
    context: &Context,
    orders: &[Order],
    max_outage: Duration,
    mut tell: impl FnMut(Told<'_>),
) -> Option<Outage> {
    let mut left: Vec<&Order> = orders.iter().collect();
    let mut patience = Patience::new(max_outage);
    // Days without a response: possibly the start of an outage, after which they are read again.
    let mut suspects: Vec<(&Order, RunReport)> = Vec::new();
    left.reverse();
    while !left.is_empty() && !context.cancel.is_cancelled() {
        // `left` is reversed: the next order is at the end.
        let next = left
            .iter()
            .rposition(|order| outage(context, order).is_none());
        let Some(next) = next else {
            left.extend(suspects.drain(..).rev().map(|(order, _)| order));
            let outages = left.iter().filter_map(|order| outage(context, order));
            if let Some(outage) = outages.min_by_key(|outage| outage.probe_at)
                && patience.wait(context, &outage, &mut tell).await.is_err()
            {
                return Some(outage);
            }
            continue;
        };
        let order = left[next];
        tell(Told::Begins(order));
        let report = run(context, order).await;
        match report.execution.stop {
            Some(StopReason::SourceDown) => {
                patience.begin();
                if !report.put_off {
                    tell(Told::Cut(&report));
                }
                continue;
            }
            Some(StopReason::LakeRefused) if !patience.is_of_this_day(order) => {
                if let Err(outage) =
                    lake_takes_writes(context, &report, &mut patience, &mut tell).await
                {
                    return Some(outage);
                }
                continue;
            }
            _ => {}
        }
        left.remove(next);
        if report.unanswered > 0 && report.status() != Status::Ok {
            suspects.push((order, report));
            continue;
        }
        patience.end();
        let earlier = suspects.drain(..).map(|(_, report)| report);
        earlier
            .chain([report])
            .for_each(|report| tell(Told::Done(&report)));
    }
    suspects
        .iter()
        .for_each(|(_, report)| tell(Told::Done(report)));
    None
}

/// Returns the outage that would make a run of this order fail. `None` if it can run.
fn outage(context: &Context, order: &Order) -> Option<Outage> {
    let down = context.client.down(&order.dataset)?;
    (!down.probe_in.is_zero()).then(|| Outage {
        what: down.what,
        since: down.since,
        reason: down.last,
        probe_at: context.clock.now() + down.probe_in,
    })
}

/// Waits until a probe of the lake succeeds.
async fn lake_takes_writes(
    context: &Context,
    report: &RunReport,
    patience: &mut Patience,
    tell: &mut impl FnMut(Told<'_>),
) -> Result<(), Outage> {
    let since = context.clock.now();
    let mut reason = report.execution.error.clone().unwrap_or_default();
    let mut distance = FIRST_PROBE;
    loop {
        let outage = Outage {
            what: "the lake".to_owned(),
            since,
            reason,
            probe_at: context.clock.now() + distance,
        };
        if patience.wait(context, &outage, tell).await.is_err() {
            return Err(outage);
        }
        if context.cancel.is_cancelled() {
            return Ok(());
        }
        let token = context.entropy.run_id(context.clock.now()).to_string();
        match context.lake.probe_room(&token).await {
            Ok(()) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
        distance = (distance * 2).min(LONGEST_PROBE);
    }
}

/// Duration and limit of an outage.
struct Patience {
    max: Duration,
    since: Option<Instant>,
    told: bool,
    /// Day whose write was refused last.
    refused: Option<(String, bronzed_model::day::Day)>,
}

/// The outage exceeded its limit.
struct Over;

impl Patience {
    fn new(max: Duration) -> Self {
        Self {
            max,
            since: None,
            told: false,
            refused: None,
        }
    }

    fn begin(&mut self) -> Instant {
        *self.since.get_or_insert_with(Instant::now)
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.told) {
            let seconds = self.begin().elapsed().as_secs();
            tracing::info!(seconds, "backfill goes on");
        }
        (self.since, self.refused) = (None, None);
    }

    /// `true` if the lake refused this day before and a probe succeeded since: the fault is then the day's,
    /// not the lake's.
    fn is_of_this_day(&mut self, order: &Order) -> bool {
        let day = (order.dataset.name.clone(), order.day);
        self.refused.replace(day.clone()) == Some(day)
    }

    /// Waits for the next probe.
    async fn wait(
        &mut self,
        context: &Context,
        outage: &Outage,
        tell: &mut impl FnMut(Told<'_>),
    ) -> Result<(), Over> {
        let left = self.max.saturating_sub(self.begin().elapsed());
        if left.is_zero() {
            return Err(Over);
        }
        if !std::mem::replace(&mut self.told, true) {
            let (what, reason, hint) = (&*outage.what, &*outage.reason, outage.hint(context.zone));
            let since = outage.since.to_rfc3339();
            let probe_at = outage.probe_at.to_rfc3339();
            tracing::warn!(what, since, reason, probe_at, hint, "backfill waits");
        }
        tell(Told::Waits(outage));
        let until = (outage.probe_at - context.clock.now()).to_std();
        let sleep = until.unwrap_or_default().min(left).min(LONGEST_SLEEP);
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = context.cancel.cancelled() => {}
        }
        tell(Told::Tries);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
