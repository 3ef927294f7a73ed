//! Triggers of the daemon: the cron crate at the jobs' slots, and a slow tick beside it. Both only request a
//! reconcile pass, which determines what is due.
//!
//! tokio-cron-scheduler serves only as a timer: it doesn't detect misfires, keeps the zone offset from the
//! time at which a job was added, and has been seen to stop firing. The tick covers a slot that it doesn't
//! fire for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;
use bronzed_metrics::events;
use bronzed_model::clock::Clock;

/// Interval of the tick; short enough that a slot missed by the cron crate is not late.
pub const TICK: Duration = Duration::from_secs(15);

/// Deviation between the clock and monotonic time, from one tick to the next, that counts as a clock jump:
/// the clock was set, or the machine slept.
const JUMP: TimeDelta = TimeDelta::seconds(5);

/// Wakes the daemon at the slots of its jobs, until `stop`.
///
/// # Errors
/// Returns an error if the scheduler can't be started. The tick alone is sufficient to continue.
pub async fn cron(daemon: Daemon, stop: CancellationToken) -> Result<(), JobSchedulerError> {
    let mut scheduler = JobScheduler::new().await?;
    let mut seen = BTreeSet::new();
    for (schedule, cron) in daemon.crons() {
        let cron = with_seconds(cron);
        if !seen.insert((cron.clone(), schedule.zone.name())) {
            continue;
        }
        let woken = daemon.clone();
        let job = Job::new_tz(cron.as_str(), schedule.zone, move |_, _| woken.wake());
        match job {
            Ok(job) => drop(scheduler.add(job).await?),
            // Its parser differs from ours, which is authoritative.
            Err(error) => tracing::warn!(
                source = &*schedule.source,
                cron,
                %error,
                "cron expression left to the tick"
            ),
        }
    }
    scheduler.start().await?;
    stop.cancelled().await;
    scheduler.shutdown().await
}

/// Wakes the daemon every [`TICK`], until `stop`, and reports clock jumps.
pub async fn tick(daemon: Daemon, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = (clock.now(), Instant::now());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let now = (clock.now(), Instant::now());
        let jump = jump(last, now);
        if jump.abs() > JUMP {
            let seconds = jump.num_seconds();
            events::clock_jumped();
            tracing::warn!(seconds, "clock set, or machine asleep");
        }
        last = now;
        daemon.wake();
    }
}

/// Returns the elapsed time of the clock minus the elapsed monotonic time.
fn jump(last: (DateTime<Utc>, Instant), now: (DateTime<Utc>, Instant)) -> TimeDelta {
    let ticked = now.1.duration_since(last.1);
    let ticked = TimeDelta::from_std(ticked).unwrap_or(TimeDelta::MAX);
    (now.0 - last.0) - ticked
}

/// Adds the seconds field, which the crate requires.
fn with_seconds(cron: &str) -> String {
    match cron.split_whitespace().count() {
        5 => format!("0 {cron}"),
        _ => cron.to_owned(),
    }
}
