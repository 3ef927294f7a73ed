//! Days that a feed's walk meets: each with its own state and commits, few of them open at a time.
//!
//! A walk over decades meets thousands of days, mostly one after another. An open day costs memory (a state,
//! a file being written); therefore days that the walk has passed are closed as soon as their rows are
//! committed. Of a closed day only the run's execution is kept, which grows if the day is met again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::ingest::frame::{day_settled_at, log_recovery, note_row_count};
use crate::ingest::intake::batch::{Batch, IntakeError, drift_example};
use crate::ingest::intake::versions::Versions;
use crate::ingest::outcome::RunEnd;
use crate::ingest::{Context, Order};
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::json::tape::Value;
use bronzed_model::quality;
use bronzed_model::record::RecordId;
use bronzed_source::RequestBudget;
use bronzed_storage::bronze::writer::RowOrigin;
use bronzed_storage::state::{DayState, DayStore, StateError};

/// Number of open days from which on some are closed.
const MOST_OPEN: usize = 64;

/// Returns the day for records whose own day can't be parsed: one day for all, so that each of them is
/// stored once, whenever it is met.
pub fn undated() -> Day {
    Day::new(NaiveDate::default())
}

/// Open days, and the executions of the closed ones.
pub struct OpenDays<'a> {
    context: &'a Context,
    /// Day of reading, whose execution describes the run as a whole.
    home: &'a Order,
    /// Execution of the run before it did anything.
    beginning: Execution,
    open: BTreeMap<Day, FeedDay>,
    closed: BTreeMap<Day, Execution>,
    /// Days that were closed before the walk had passed them.
    unfinished: BTreeSet<Day>,
    /// `_extra` of the first row with drift.
    drifted: Option<Box<str>>,
}

struct FeedDay {
    order: Order,
    store: DayStore,
    state: DayState,
    execution: Execution,
    batch: Batch,
    versions: Versions,
}

impl<'a> OpenDays<'a> {
    /// Opens the day of reading, which stays open until the run ends.
    ///
    /// # Errors
    /// Returns an error if the state of the day can't be read.
    pub async fn begin(
        context: &'a Context,
        home: &'a Order,
        beginning: Execution,
    ) -> Result<Self, StateError> {
        let mut days = Self {
            context,
            home,
            beginning,
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            drifted: None,
        };
        days.open(home.day).await?;
        Ok(days)
    }

    /// Takes in a record of `day`. Returns `true` if the record wasn't stored before.
    ///
    /// # Errors
    /// Returns an error if the day's state can't be read, or the row can't be encoded.
    pub async fn take(
        &mut self,
        day: Day,
        slice: &str,
        (id, record): (&RecordId, Value<'_>),
    ) -> Result<bool, IntakeError> {
        let context = self.context;
        let FeedDay {
            order,
            state,
            execution,
            batch,
            versions,
            ..
        } = self.open(day).await?;
        let id = &*versions.of(id, state);
        let returned = state.note_listed(id);
        let is_stored = state.contains(&id.id) || batch.contains(&id.id);
        let counts = batch.count();
        counts.fetched += 1;
        counts.unidentified += u64::from(!id.identified);
        counts.returned += returned;
        if is_stored {
            counts.duplicates += 1;
            return Ok(false);
        }
        let row = (id, RowOrigin::slice(slice), record);
        batch.append(context, order, execution, row)?;
        let drifted: Option<Box<str>> = batch.drifted().map(Into::into);
        self.drifted = self.drifted.take().or(drifted);
        Ok(true)
    }

    /// Returns `_extra` of the first row with drift.
    pub fn drifted(&self) -> Option<&str> {
        self.drifted.as_deref()
    }

    /// Returns `true` if it is time to commit: the pending rows are enough for a file, or too many days are
    /// open.
    pub fn are_full(&self) -> bool {
        let pending = self.open.values().map(|day| day.batch.rows());
        let (rows, bytes) = pending.fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
        let limits = &self.context.commit;
        self.open.len() > MOST_OPEN || rows >= limits.max_records || bytes >= limits.max_bytes
    }

    /// Commits the pending rows of every day.
    ///
    /// # Errors
    /// Returns an error if a commit fails; other days may have been committed before.
    pub async fn commit(&mut self, usage: &RequestBudget) -> Result<(), IntakeError> {
        for (day, open) in &mut self.open {
            // Requests are counted in the day of reading only.
            let none = RequestBudget::new();
            let usage = if *day == self.home.day { usage } else { &none };
            let FeedDay {
                order,
                store,
                state,
                execution,
                batch,
                versions,
                ..
            } = open;
            batch
                .commit(self.context, store, state, execution, (order, usage))
                .await?;
            versions.committed();
        }
        Ok(())
    }

    /// Closes the days that the walk has passed, including days that were closed unfinished, and marks those
    /// as complete for which `is_complete` returns `true`; then, if too many are still open, closes the
    /// others as well. All rows must be committed.
    ///
    /// # Errors
    /// Returns an error if a state can't be written.
    pub async fn close(
        &mut self,
        is_passed: impl Fn(Day) -> bool,
        is_complete: impl Fn(Day) -> bool,
    ) -> Result<(), StateError> {
        let open = self.open.keys().chain(&self.unfinished).copied();
        let mut days: BTreeSet<_> = open.collect();
        days.remove(&self.home.day);
        for day in days.iter().filter(|day| is_passed(**day)) {
            self.open(*day).await?;
            self.close_day(*day, &RunEnd::ok(), is_complete(*day))
                .await?;
        }
        if self.open.len() > MOST_OPEN / 2 {
            for day in days.into_iter().filter(|day| !is_passed(*day)) {
                let going_on = RunEnd {
                    status: Status::Running,
                    ..RunEnd::ok()
                };
                self.close_day(day, &going_on, false).await?;
                self.unfinished.insert(day);
            }
        }
        Ok(())
    }

    /// Marks `days` as complete if they never had a record, because a feed that is covered lists none of
    /// theirs. Returns the lost files of the other days, whose records are missing.
    ///
    /// # Errors
    /// Returns an error if a state can't be read or written.
    pub async fn close_without_records(
        &mut self,
        days: impl IntoIterator<Item = Day>,
    ) -> Result<BTreeSet<String>, StateError> {
        let mut lost = BTreeSet::new();
        for day in days {
            if self.open.contains_key(&day) || self.closed.contains_key(&day) {
                continue;
            }
            let state = &self.open(day).await?.state;
            lost.extend(state.lost_files().iter().cloned());
            let never_had_any =
                state.is_empty() && state.commits() == 0 && state.lost_files().is_empty();
            if never_had_any {
                self.close_day(day, &RunEnd::ok(), true).await?;
            } else {
                self.open.remove(&day);
            }
        }
        Ok(lost)
    }

    /// Records the outcome of the run in every day that doesn't have it yet, the day of reading last. All
    /// rows must be committed.
    ///
    /// # Errors
    /// Returns an error if a state can't be written.
    pub async fn end(&mut self, ended: &RunEnd, usage: &RequestBudget) -> Result<(), StateError> {
        let open = self.open.keys().copied();
        let mut days: BTreeSet<_> = open.chain(self.unfinished.iter().copied()).collect();
        days.remove(&self.home.day);
        for day in days {
            self.open(day).await?;
            self.close_day(day, ended, false).await?;
        }
        self.end_home(ended, usage).await
    }

    /// Records the outcome of the run in the day of reading only.
    ///
    /// # Errors
    /// Returns an error if the state of the day can't be written.
    pub async fn end_home(
        &mut self,
        ended: &RunEnd,
        usage: &RequestBudget,
    ) -> Result<(), StateError> {
        let home = self.open(self.home.day).await?;
        usage.note_in(&mut home.execution);
        self.close_day(self.home.day, ended, false).await
    }

    /// Returns the execution of the run as a whole, with the counts and files of all days. `ended` gives the
    /// outcome, because the entry in the state may not have been written.
    pub fn total(&self, ended: &RunEnd) -> Execution {
        let open = self.open.iter().map(|(day, open)| (day, &open.execution));
        let all: BTreeMap<_, _> = self.closed.iter().chain(open).collect();
        let mut total = all
            .get(&self.home.day)
            .map_or_else(|| self.beginning.clone(), |home| (*home).clone());
        let (mut counts, mut files) = (total.counts, Vec::new());
        for (day, execution) in all {
            if *day != self.home.day {
                counts.add(&execution.counts);
                let expectations = &self.home.dataset.expectations;
                quality::add(
                    &mut total.expectations,
                    &execution.expectations,
                    expectations,
                );
            }
            files.extend(execution.files.iter().cloned());
        }
        (total.counts, total.files) = (counts, files);
        ended.clone().apply(&mut total);
        total
    }

    /// Returns the committed counts of all days.
    pub fn counts(&self) -> Counts {
        self.total(&RunEnd::ok()).counts
    }

    async fn open(&mut self, day: Day) -> Result<&mut FeedDay, StateError> {
        match self.open.entry(day) {
            std::collections::btree_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                let order = Order {
                    day,
                    ..self.home.clone()
                };
                let store = self.context.day(&order.dataset, order.day);
                let state = store.open().await?;
                log_recovery(state.recovery());
                let before = self.closed.remove(&day);
                self.unfinished.remove(&day);
                Ok(place.insert(FeedDay {
                    order,
                    store,
                    state,
                    execution: before.unwrap_or_else(|| self.beginning.clone()),
                    batch: Batch::default(),
                    versions: Versions::default(),
                }))
            }
        }
    }

    async fn close_day(
        &mut self,
        day: Day,
        ended: &RunEnd,
        complete: bool,
    ) -> Result<(), StateError> {
        let Some(mut open) = self.open.remove(&day) else {
            return Ok(());
        };
        let execution = &mut open.execution;
        ended.clone().apply(execution);
        // A day that was closed and met again has the example of its first rows already.
        if execution.drift_example.is_none() {
            execution.drift_example = drift_example(&open.order, open.batch.drifted());
        }
        let dataset = &open.order.dataset;
        if day_settled_at(dataset, day, self.context.zone) <= execution.started_at {
            note_row_count(execution, dataset, open.state.len() as u64);
        }
        let none = BTreeMap::new();
        let recorded = open
            .store
            .record(&mut open.state, execution, &none, complete)
            .await;
        let written = match recorded {
            Ok(written) => written,
            Err(error) => {
                self.closed.insert(day, open.execution);
                return Err(error);
            }
        };
        self.closed.insert(day, written);
        Ok(())
    }
}
