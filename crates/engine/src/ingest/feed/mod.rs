//! One run over a feed: newest first, without a date parameter and without a total. The day is a field of
//! the record, so that one walk fills many days.
//!
//! ```text
//!          which page next? what is covered?        each its own state and commits
//! pages ──► route ──┬──► records ─► days ─► 2026-10-29, 2026-10-28, …
//!                   └──► coverage: `_bronzed/feeds/….json`, after the rows are committed
//! ```
//!
//! A walk ends only where an earlier one has covered everything further back, or at the floor (the lower
//! bound of the feed); a walk that crashes leaves a gap, which the next one knows of. Days that may still
//! change are read again each time. A day is complete when the walk has passed it and has read all of its
//! records after it had ended and settled. The reasons are in `docs/develop/design/002-feeds.md`.

mod coverage;
mod days;
#[cfg(any(test, feature = "test-util"))]
pub(super) mod fuzz;
mod route;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use coverage::CoverageStore;
use days::{OpenDays, undated};
use route::{PageSummary, Route, RouteParams, Step};

use crate::ingest::frame::RunFrame;
use crate::ingest::intake::batch::{IntakeError, tell_drift};
use crate::ingest::off_day::own_day;
use crate::ingest::outcome::{ReadingResult, RunEnd};
use crate::ingest::progress::Progress;
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order};
use bronzed_model::day::Day;
use bronzed_model::declaration::Slice;
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::record::RecordId;
use bronzed_model::slices::slices;
use bronzed_source::page::Page;
use bronzed_source::{Answer, FetchError, PageRequest, RequestBudget};
use bronzed_storage::state::{StateError, listing};

/// Maximum number of pages until rows and coverage are committed, which is the most that a crash loses.
const PAGES_AT_RISK: u32 = 20;

/// Reason why a walk ended before its end.
#[derive(Debug, thiserror::Error)]
enum Cut {
    /// A page can't be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The walk can't prove that it misses nothing.
    #[error("{0}")]
    Lost(String),
    /// Rows can't be stored.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The coverage can't be read or written.
    #[error(transparent)]
    Coverage(#[from] bronzed_storage::lake::document::DocumentError),
    /// The feed is empty although it had records.
    #[error("the API has no records, where the lake has some; these stay")]
    Emptied,
}

impl From<StateError> for Cut {
    fn from(error: StateError) -> Self {
        Self::Intake(error.into())
    }
}

impl Cut {
    /// Returns `true` if the run has failed, and isn't merely incomplete.
    fn is_failure(&self) -> bool {
        matches!(self, Self::Intake(_) | Self::Coverage(_) | Self::Emptied)
    }
}

/// Walk in progress.
struct FeedWalk<'a> {
    context: &'a Context,
    order: &'a Order,
    coverage: CoverageStore,
    slice: Slice,
    route: Route,
    days: OpenDays<'a>,
    usage: RequestBudget,
    /// Start of the walk, or the earliest `Date` header of the responses if that is earlier.
    read_at: DateTime<Utc>,
    pages_at_risk: u32,
}

/// Walks over a feed, on the current day.
pub async fn read(run: RunFrame<'_>) -> RunReport {
    let (began, zone, day) = (run.execution.started_at, run.context.zone, run.order.day);
    if Day::of(began, zone) != day {
        let today = Day::of(began, zone);
        return run.failed(format!(
            "a feed is read as it is today, {today}: {day} can't be asked for"
        ));
    }
    let opened = FeedWalk::begin(&run).await;
    let mut walk = match opened {
        Ok(walk) => walk,
        Err(Cut::Intake(IntakeError::State(error))) => return run.unopened(&error),
        Err(error) => return run.failed(error.to_string()),
    };
    run.context.observer.notice(Progress::Started { slices: 1 });
    let walked = walk.go().await;
    run.context.observer.notice(Progress::SliceDone);
    let mut ended = judge(&run, &walk, walked.err());
    // If the circuit breaker refused the run before any row came, the run says nothing about any day.
    let put_off = ended.stop == Some(StopReason::SourceDown) && walk.days.counts().fetched == 0;
    if !put_off {
        ended = walk.end(ended).await;
    }
    let mut execution = walk.days.total(&ended);
    execution.drift_example = tell_drift(run.order, walk.days.drifted(), execution.counts.drift);
    RunReport {
        put_off,
        unanswered: walk.usage.unanswered(),
        ..RunReport::new(run.order, execution, false, run.begun.elapsed())
    }
}

fn judge(run: &RunFrame<'_>, walk: &FeedWalk<'_>, cut: Option<Cut>) -> RunEnd {
    let counts = walk.days.counts();
    let Some(cut) = cut else {
        return RunEnd::judge(ReadingResult::default(), &counts);
    };
    let reason = cut.to_string();
    tracing::warn!(slice = &*walk.slice.label, reason, "slice not complete");
    let cut_short = run.overdue.cause().or_else(|| match &cut {
        Cut::Intake(IntakeError::State(error)) if error.is_of_lake() => {
            Some((StopReason::LakeRefused, reason.clone()))
        }
        _ => {
            let down = walk.usage.down()?;
            Some((StopReason::SourceDown, down.to_owned()))
        }
    });
    let reading = ReadingResult {
        failed: vec![(walk.slice.label.to_string(), reason.clone())],
        failure: cut.is_failure().then(|| reason.clone()),
        nothing_read: (counts.fetched == 0).then_some(reason),
        cut_short,
    };
    RunEnd::judge(reading, &counts)
}

impl<'a> FeedWalk<'a> {
    async fn begin(run: &RunFrame<'a>) -> Result<Self, Cut> {
        let (context, order, beginning) = (run.context, run.order, &run.execution);
        let coverage = CoverageStore::of(&context.lake, &order.dataset);
        let known = coverage.load().await?;
        let paginator = &order.dataset.paginator;
        let terms = RouteParams {
            step: paginator.step(),
            page_size: paginator.page_size,
            earliest: order.dataset.days.earliest,
            since: beginning.started_at,
        };
        // A feed has no slices: it is one list.
        let slice = slices(&order.dataset).into_iter().next();
        Ok(Self {
            context,
            order,
            coverage,
            slice: slice.unwrap_or(Slice {
                label: "all".into(),
                values: Vec::new(),
                parent: None,
            }),
            route: Route::new(terms, &known),
            days: OpenDays::begin(context, order, beginning.clone()).await?,
            usage: run.budget(),
            read_at: beginning.started_at,
            pages_at_risk: 0,
        })
    }

    /// Reads pages until none is left, and commits their rows.
    async fn go(&mut self) -> Result<(), Cut> {
        let walked = self.walk().await;
        // Rows and coverage are committed however the walk ended, unless rows can't be stored.
        match walked {
            Err(Cut::Intake(error)) => Err(error.into()),
            walked => {
                self.settle().await?;
                walked?;
                self.close_days_without_records().await
            }
        }
    }

    async fn walk(&mut self) -> Result<(), Cut> {
        let mut next = 0;
        loop {
            self.context.observer.notice(Progress::Pages { more: 1 });
            let page = self.fetch(next).await?;
            let sight = match &page {
                Some(page) => self.take(page).await?,
                None if next == 0 => self.look_again().await?,
                None => PageSummary::default(),
            };
            let step = self.route.see(next, &sight);
            self.pages_at_risk += 1;
            if self.days.are_full() || self.pages_at_risk >= PAGES_AT_RISK {
                self.settle().await?;
            }
            next = match step {
                Step::Read(page) => page,
                Step::Done => return Ok(()),
                Step::Lost(reason) => return Err(Cut::Lost(reason)),
            };
        }
    }

    /// Requests an empty feed a second time. Returns an error if the feed had records before and is still
    /// empty.
    async fn look_again(&mut self) -> Result<PageSummary, Cut> {
        match self.fetch(0).await? {
            Some(page) => self.take(&page).await,
            None if self.route.knows_records() => Err(Cut::Emptied),
            None => Ok(PageSummary::default()),
        }
    }

    /// Fetches a page; `None` if it has no records.
    async fn fetch(&mut self, page: u64) -> Result<Option<Page>, Cut> {
        let request = PageRequest {
            dataset: self.order.dataset.clone(),
            day: self.order.day,
            slice: self.slice.clone(),
            page,
            next: None,
            priority: self.order.priority,
        };
        let (client, cancel) = (&self.context.client, &self.context.cancel);
        let answer = client.fetch(&request, &self.usage, cancel).await?;
        let (page, date) = match answer {
            Answer::Page(page) => {
                let date = page.date;
                (Some(page).filter(|page| !page.is_empty()), date)
            }
            Answer::Empty { date } => (None, date),
        };
        self.read_at = date.map_or(self.read_at, |date| self.read_at.min(date));
        Ok(page)
    }

    /// Takes in the records of a page, each in its own day.
    async fn take(&mut self, page: &Page) -> Result<PageSummary, Cut> {
        let dataset = &self.order.dataset;
        let paginator = &dataset.paginator;
        let is_short = (page.len() as u64) < paginator.page_size;
        let mut sight = PageSummary {
            is_last: page.has_more == Some(false) || (paginator.stop_on_short_page && is_short),
            ..PageSummary::default()
        };
        let mut without_day = 0_u64;
        for record in page.values() {
            let day = own_day(&dataset.days, record);
            without_day += u64::from(day.is_none());
            sight.newest = sight.newest.max(day);
            let id = RecordId::of_value(dataset, record);
            sight.keys.push(id.key().into());
            let day = day.unwrap_or_else(undated);
            sight.new += u64::from(
                self.days
                    .take(day, &self.slice.label, (&id, record))
                    .await?,
            );
        }
        if without_day > 0 {
            let (rows, day) = (without_day, undated());
            tracing::warn!(rows, stored_under = %day, "records without a readable day");
        }
        let (records, new) = (page.len() as u64, sight.new);
        let observer = &self.context.observer;
        observer.notice(Progress::Page { records, new });
        Ok(sight)
    }

    /// Commits the rows, closes the days that were passed, and then records the coverage. The order matters:
    /// covered records aren't read again, so nothing may be left to do for them.
    async fn settle(&mut self) -> Result<(), Cut> {
        self.days.commit(&self.usage).await?;
        let complete = FeedProof::of(self.order, &self.route, self.read_at);
        let route = &self.route;
        let closed = self
            .days
            .close(|day| route.has_passed(day), |day| complete.is_proven(day));
        closed.await?;
        let progress = self.route.progress(self.last_settled());
        let entropy = &self.context.entropy;
        self.coverage.add(&progress, entropy).await?;
        self.pages_at_risk = 0;
        Ok(())
    }

    /// Marks days without records as complete, which no page mentions: those that have settled since the
    /// previous walk, and earlier days that have a state. If such a day has lost files, the next walk reads
    /// all records again.
    async fn close_days_without_records(&mut self) -> Result<(), Cut> {
        let settled = self.last_settled();
        let before = self.route.reread_after();
        if before >= Some(settled) {
            return Ok(());
        }
        let dataset = &self.order.dataset;
        let known = listing(&self.context.lake, &dataset.prefix).await;
        let known = known.map_err(StateError::from)?;
        let since_then = before.into_iter();
        let since_then = since_then.flat_map(|before| before.next().through(settled));
        let mut days: BTreeSet<_> = since_then.chain(known.states.into_keys()).collect();
        days.retain(|day| {
            let is_covered = *day <= settled && dataset.days.earliest <= Some(*day);
            is_covered && *day != undated() && !known.complete.contains(day)
        });
        let lost = self.days.close_without_records(days).await?;
        self.read_again(lost).await
    }

    /// Drops the coverage if files are `lost`, so that the next walk reads all records again: the missing
    /// ones lie at an unknown place within the covered stretches.
    async fn read_again(&mut self, lost: BTreeSet<String>) -> Result<(), Cut> {
        let entropy = &self.context.entropy;
        let files = self.coverage.forget(lost, entropy).await?;
        if let Some(example) = files.first() {
            let files = files.len();
            tracing::warn!(files, example, "feed coverage forgotten");
        }
        Ok(())
    }

    /// Records the outcome of the run in the days that weren't passed, none of which is complete by it.
    async fn end(&mut self, mut ended: RunEnd) -> RunEnd {
        let written = self.days.end(&ended, &self.usage).await;
        if let Err(error) = written {
            ended.status = Status::Failed;
            ended.error.get_or_insert(error.to_string());
            // At least one audit entry should record the failure, if the lake accepts the write.
            let _ = self.days.end_home(&ended, &self.usage).await;
        }
        ended
    }

    /// Returns the last day that had ended and settled before its records were read.
    fn last_settled(&self) -> Day {
        let settle = self.order.dataset.days.settle;
        let settle = chrono::TimeDelta::from_std(settle).unwrap_or(chrono::TimeDelta::MAX);
        let at = self.read_at.checked_sub_signed(settle);
        let at = at.unwrap_or(DateTime::<Utc>::MIN_UTC);
        Day::of(at, self.context.zone).previous()
    }
}

/// Days that a walk proves to be read in full.
struct FeedProof<'a> {
    order: &'a Order,
    route: &'a Route,
    read_at: DateTime<Utc>,
}

impl<'a> FeedProof<'a> {
    fn of(order: &'a Order, route: &'a Route, read_at: DateTime<Utc>) -> Self {
        Self {
            order,
            route,
            read_at,
        }
    }

    /// Returns `true` if the walk has passed the day, and all that it covers of the day was read after the
    /// day had ended and settled.
    fn is_proven(&self, day: Day) -> bool {
        let days = &self.order.dataset.days;
        let settle = chrono::TimeDelta::from_std(days.settle).unwrap_or(chrono::TimeDelta::MAX);
        let settled = day.end(days.zone).checked_add_signed(settle);
        let since = self.read_at.min(self.route.since());
        day != undated()
            && self.route.has_passed(day)
            && settled.is_some_and(|settled| since >= settled)
    }
}
