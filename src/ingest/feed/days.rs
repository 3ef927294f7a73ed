//! The days that a feed's walk meets: each with its own state and commits, few of them open at a
//! time.
//!
//! A walk over decades meets thousands of days, mostly one after another. What is open costs memory
//! (a state, a file on its way), and so days that the walk has passed are closed as soon as their rows
//! are committed. Of a closed day only the run's entry is kept, which grows if the day is met again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::bronze::writer::Origin;
use crate::day::Day;
use crate::failpoint::failpoint;
use crate::ingest::batch::{Batch, IntakeError};
use crate::ingest::counts::Counts;
use crate::ingest::versions::Versions;
use crate::ingest::{Context, Order, log_recovery};
use crate::record::RecordId;
use crate::source::Usage;
use crate::state::execution::{Execution, Status, StopReason};
use crate::state::{DayState, DayStore, StateError};

/// So many days are open at a time.
const MOST_OPEN: usize = 64;

/// Where records go whose day can't be read: one day for all, so that each of them is stored once,
/// whenever it is met.
pub fn undated() -> Day {
    Day::new(NaiveDate::default())
}

/// The days that are open, and what the run did on those that were.
pub struct OpenDays<'a> {
    context: &'a Context,
    /// The day of reading, whose entry tells of the run as a whole.
    home: &'a Order,
    /// The run's entry, before it did anything.
    beginning: Execution,
    open: BTreeMap<Day, OpenDay>,
    closed: BTreeMap<Day, Execution>,
    /// Closed before the walk was through with them.
    unfinished: BTreeSet<Day>,
    /// The `_extra` of the first row with values that no column takes.
    drifted: Option<Box<str>>,
}

struct OpenDay {
    order: Order,
    store: DayStore,
    state: DayState,
    execution: Execution,
    batch: Batch,
    versions: Versions,
}

/// How a day's part of the run ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// `None`: well.
    pub status: Option<Status>,
    /// What wasn't read, with the reason.
    pub failed_slices: Vec<(String, String)>,
    /// Why the run failed, or was stopped.
    pub error: Option<String>,
    /// Why it ended early, where it did.
    pub stop: Option<StopReason>,
}

impl<'a> OpenDays<'a> {
    /// Opens the day of reading, which is there from beginning to end.
    ///
    /// # Errors
    /// When its state can't be read.
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

    /// Takes in a record of `day`; says whether it wasn't stored before.
    ///
    /// # Errors
    /// When the day's state can't be read, or the row can't be encoded.
    pub async fn take(&mut self, day: Day, slice: &str, record: &str) -> Result<bool, IntakeError> {
        let context = self.context;
        let id = RecordId::of(&self.home.dataset, record);
        let OpenDay {
            order,
            state,
            execution,
            batch,
            versions,
            ..
        } = self.open(day).await?;
        let id = &*versions.of(&id, state);
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
        let row = (id, Origin::slice(slice), record);
        batch.append(context, order, execution, row)?;
        let drifted: Option<Box<str>> = batch.drifted().map(Into::into);
        self.drifted = self.drifted.take().or(drifted);
        Ok(true)
    }

    /// The `_extra` of the first row with values that no column takes.
    pub fn drifted(&self) -> Option<&str> {
        self.drifted.as_deref()
    }

    /// Whether it is time to commit: what waits is enough for a file, or too many days are open.
    pub fn are_full(&self) -> bool {
        let pending = self.open.values().map(|day| day.batch.rows());
        let (rows, bytes) = pending.fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
        let limits = &self.context.commit;
        self.open.len() > MOST_OPEN || rows >= limits.max_records || bytes >= limits.max_bytes
    }

    /// Commits what was taken in of every day.
    ///
    /// # Errors
    /// Then some days may have been committed, and others not.
    pub async fn commit(&mut self, usage: &Usage) -> Result<(), IntakeError> {
        for (day, open) in &mut self.open {
            // Requests belong to the run as a whole.
            let none = Usage::new();
            let usage = if *day == self.home.day { usage } else { &none };
            let OpenDay {
                store,
                state,
                execution,
                batch,
                versions,
                ..
            } = open;
            batch
                .commit(self.context, store, state, execution, usage)
                .await?;
            versions.committed();
            failpoint!("feed.day_committed");
        }
        Ok(())
    }

    /// Closes the days that the walk is through with, those that were closed unfinished among them, and
    /// says of those that `is_complete` names that they are; then, if too many are still open, the
    /// others as well. All must be committed.
    ///
    /// # Errors
    /// When a state can't be written.
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
            self.close_day(*day, &Ended::default(), is_complete(*day))
                .await?;
        }
        if self.open.len() > MOST_OPEN / 2 {
            for day in days.into_iter().filter(|day| !is_passed(*day)) {
                let going_on = Ended {
                    status: Some(Status::Running),
                    ..Ended::default()
                };
                self.close_day(day, &going_on, false).await?;
                self.unfinished.insert(day);
            }
        }
        Ok(())
    }

    /// Says that these days are complete, if they never had a record: a feed that is covered lists none of
    /// theirs. One that lost files isn't among them.
    ///
    /// # Errors
    /// When a state can't be read or written.
    pub async fn close_without_records(
        &mut self,
        days: impl IntoIterator<Item = Day>,
    ) -> Result<(), StateError> {
        for day in days {
            if self.open.contains_key(&day) || self.closed.contains_key(&day) {
                continue;
            }
            let state = &self.open(day).await?.state;
            let never_had_any =
                state.is_empty() && state.commits() == 0 && state.lost_files().is_empty();
            if never_had_any {
                self.close_day(day, &Ended::default(), true).await?;
            } else {
                self.open.remove(&day);
            }
        }
        Ok(())
    }

    /// Writes how the run ended into every day that it hasn't been written into yet, the day of
    /// reading last. All must be committed.
    ///
    /// # Errors
    /// When a state can't be written.
    pub async fn end(&mut self, ended: &Ended, usage: &Usage) -> Result<(), StateError> {
        let open = self.open.keys().copied();
        let mut days: BTreeSet<_> = open.chain(self.unfinished.iter().copied()).collect();
        days.remove(&self.home.day);
        for day in days {
            self.open(day).await?;
            self.close_day(day, ended, false).await?;
        }
        self.end_home(ended, usage).await
    }

    /// Writes how the run ended into the day of reading alone.
    ///
    /// # Errors
    /// When its state can't be written.
    pub async fn end_home(&mut self, ended: &Ended, usage: &Usage) -> Result<(), StateError> {
        let home = self.open(self.home.day).await?;
        home.execution.counts.requests = usage.requests();
        home.execution.counts.retries = usage.retries();
        self.close_day(self.home.day, ended, false).await
    }

    /// The run's entry as a whole: what it did on all days. `ended` is what the entry says where it
    /// couldn't be written.
    pub fn total(&self, ended: &Ended) -> Execution {
        let open = self.open.iter().map(|(day, open)| (day, &open.execution));
        let all: BTreeMap<_, _> = self.closed.iter().chain(open).collect();
        let mut total = all
            .get(&self.home.day)
            .map_or_else(|| self.beginning.clone(), |home| (*home).clone());
        let (mut counts, mut files) = (total.counts, Vec::new());
        for (day, execution) in all {
            if *day != self.home.day {
                counts.add(&execution.counts);
            }
            files.extend(execution.files.iter().cloned());
        }
        (total.counts, total.files) = (counts, files);
        total.status = ended.status.unwrap_or(Status::Ok);
        total.failed_slices.clone_from(&ended.failed_slices);
        total.error.clone_from(&ended.error);
        total.stop = ended.stop;
        total
    }

    /// What was settled of all days.
    pub fn counts(&self) -> Counts {
        self.total(&Ended::default()).counts
    }

    async fn open(&mut self, day: Day) -> Result<&mut OpenDay, StateError> {
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
                Ok(place.insert(OpenDay {
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
        ended: &Ended,
        complete: bool,
    ) -> Result<(), StateError> {
        let Some(mut open) = self.open.remove(&day) else {
            return Ok(());
        };
        let execution = &mut open.execution;
        execution.status = ended.status.unwrap_or(Status::Ok);
        execution.failed_slices.clone_from(&ended.failed_slices);
        execution.error.clone_from(&ended.error);
        execution.stop = ended.stop;
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
        failpoint!("feed.day_closed");
        Ok(())
    }
}
