//! Building of a table, step by step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bronzed_model::day::Day;
use bronzed_model::declaration::SilverTable;
use bronzed_model::entropy::Entropy;
use bronzed_model::quality::{self, Results};
use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};

use super::commit::{commit, discard, uncommitted};
use super::exists::KnownReferences;
use super::merge::{Merged, StepContext, merge};
use super::news::{self, PendingDay};
use super::shape::SilverShape;
use super::state::{DayProgress, FilePlace, HeldRecord, TableState};
use super::take::{BronzeFile, IncomingRows};
use super::whole::JudgedTable;
use super::{BuildProgress, Built, HeldBackPartition, OnProgress, SilverError, Stop};
use crate::error::DeltaError;
use crate::publish::ATTEMPTS;

/// Memory of the rows that a step takes in, about.
const STEP_BYTES: usize = 24 << 20;

/// Versions of states that were opened, and whose notes were those that a table has: by the state's prefix and day, digests of the
/// version and of the notes.
pub(super) type SeenStates = Arc<Mutex<HashMap<(String, Day), (String, String)>>>;

/// A build at work.
pub(super) struct TableBuild<'a> {
    pub lake: &'a Lake,
    pub entropy: &'a Entropy,
    pub seen: &'a SeenStates,
    pub known: &'a KnownReferences,
    pub table: &'a SilverTable,
    pub shape: &'a SilverShape,
    pub now: DateTime<Utc>,
    pub stop: Stop<'a>,
    pub progress: OnProgress<'a>,
    /// Memory of the rows that a step takes in.
    pub step_bytes: usize,
    /// Size at which a file is ended.
    pub file_bytes: usize,
    /// Number of values that are looked for in another table at once.
    pub values: usize,
    /// `true` if the table is made anew: all steps are one version.
    pub anew: bool,
    pub built: Built,
}

/// A day that a step has taken in, or a part of it.
struct TakenDay {
    /// Position among the pending days.
    position: usize,
    progress: DayProgress,
    is_whole: bool,
}

/// End of a step.
enum StepEnd {
    /// Nothing was left.
    Nothing,
    Done,
    /// Another writer has taken the version.
    Lost,
}

impl TableBuild<'_> {
    /// Returns the size of a step.
    pub const fn default_step() -> usize {
        STEP_BYTES
    }

    /// Builds until nothing is left, or the build is to stop.
    pub async fn run(mut self, mut state: TableState) -> Result<Built, SilverError> {
        if self.anew {
            state = as_new(state);
            self.built.rebuilt = true;
        }
        state.fingerprint.clone_from(&self.shape.fingerprint);
        let mut pending = news::find(self.lake, self.table, &state.progress).await?;
        let (mut stopped, mut lost) = (false, 0);
        loop {
            if (self.stop)() {
                stopped = true;
                break;
            }
            match self.step(&mut state, &mut pending).await? {
                StepEnd::Nothing => break,
                StepEnd::Done => self.tell(&pending),
                StepEnd::Lost => {
                    lost += 1;
                    state = self.again(lost).await?;
                    let held: BTreeSet<_> = self.held_days();
                    pending = news::find(self.lake, self.table, &state.progress).await?;
                    for day in &mut pending {
                        day.is_done = held.contains(&self.day_name(day));
                    }
                }
            }
        }
        if stopped && self.anew {
            discard(self.lake, self.shape, uncommitted(&state).into_iter()).await;
            return Err(SilverError::Stopped {
                table: self.shape.name.clone(),
            });
        }
        self.end(&mut state, stopped).await?;
        let held = self.held_days();
        let left = pending.iter().filter(|day| !day.is_done).count() + held.len();
        self.built.days_left = left as u64;
        self.built.version = state.base.as_ref().map(|base| base.version());
        let judged = JudgedTable {
            lake: self.lake,
            table: self.table,
            shape: self.shape,
            now: self.now,
            stop: self.stop,
            known: self.known,
            values: self.values,
        };
        let judged = judged.judge(&state).await?;
        let expectations = &self.table.expectations;
        quality::add(&mut self.built.results, &judged.results, expectations);
        self.built.unevaluated = judged.unevaluated;
        Ok(self.built)
    }

    /// Reads the table after another writer has taken a version.
    async fn again(&self, lost: u32) -> Result<TableState, SilverError> {
        if lost >= ATTEMPTS {
            return Err(DeltaError::Contended {
                prefix: self.shape.prefix.clone(),
                attempts: ATTEMPTS,
            }
            .into());
        }
        let state = TableState::load(self.lake, &self.shape.prefix).await?;
        // The other writer may have made the table by another declaration.
        if state.base.is_some() && state.fingerprint != self.shape.fingerprint {
            return Err(SilverError::Overtaken {
                table: self.shape.name.clone(),
            });
        }
        Ok(TableState {
            fingerprint: self.shape.fingerprint.clone(),
            ..state
        })
    }

    /// Takes in as many files as a step may, and commits them.
    async fn step(
        &mut self,
        state: &mut TableState,
        pending: &mut [PendingDay],
    ) -> Result<StepEnd, SilverError> {
        let (mut pool, taken) = self.take(pending).await?;
        if taken.is_empty() {
            return Ok(StepEnd::Nothing);
        }
        let step = self.entropy.run_id(self.now);
        let context = StepContext {
            lake: self.lake,
            table: self.table,
            shape: self.shape,
            step,
            now: self.now,
            file_bytes: self.file_bytes,
        };
        let merged = merge(context, &state.files, &mut pool).await?;
        if !merged.failed.is_empty() {
            self.hold_back(&merged, &taken, pending).await;
            return Ok(StepEnd::Done);
        }
        let mut next = state.clone();
        next.files.clone_from(&merged.files);
        for day in &taken {
            let of = &pending[day.position];
            let input = self.table.inputs[of.input].name.clone();
            next.progress.insert((input, of.day), day.progress.clone());
        }
        if self.anew {
            // Files of earlier steps that no version will have.
            let paths: BTreeSet<_> = uncommitted(&next).into_iter().collect();
            let superseded = uncommitted(state).into_iter();
            let superseded = superseded.filter(|path| !paths.contains(path));
            discard(self.lake, self.shape, superseded).await;
        } else if !commit(self.lake, self.shape, &mut next, step, self.now).await? {
            let written = merged.written.iter().map(|file| file.path.clone());
            discard(self.lake, self.shape, written).await;
            return Ok(StepEnd::Lost);
        }
        *state = next;
        for day in taken {
            let of = &mut pending[day.position];
            of.is_done = day.is_whole;
            self.built.days += u64::from(day.is_whole);
            of.recorded = day.progress;
        }
        self.count(&merged, &pool);
        Ok(StepEnd::Done)
    }

    /// Reads files of pending days until a step has enough.
    async fn take(
        &self,
        pending: &mut [PendingDay],
    ) -> Result<(IncomingRows, Vec<TakenDay>), SilverError> {
        let failed = |key: &str| {
            let key = key.to_owned();
            move |error| SilverError::File { key, error }
        };
        let mut pool = IncomingRows::new(self.table).map_err(failed(&self.shape.prefix))?;
        let mut taken: Vec<TakenDay> = Vec::new();
        for (position, day) in pending.iter_mut().enumerate() {
            if day.is_done {
                continue;
            }
            if pool.bytes >= self.step_bytes {
                break;
            }
            if has_seen(self.seen, self.table, day) {
                day.is_done = true;
                continue;
            }
            let opened = day.open(self.lake, self.table).await?;
            let mut progress = opened.from.clone();
            let files: Vec<_> = day.files_after(&opened.from).cloned().collect();
            let mut left = files.len();
            for file in &files {
                // Files of other programs are recorded by their number, so they go in together.
                if pool.bytes >= self.step_bytes && file.number > 0 {
                    break;
                }
                let unit = u32::try_from(taken.len()).unwrap_or(u32::MAX);
                let from = BronzeFile {
                    input: day.input,
                    day: day.day,
                    place: &file.place,
                    unit,
                };
                // A file that is gone meanwhile is a lost one, as bronze has it.
                if let Some((bytes, _)) = self.lake.get(&file.key).await? {
                    let rows = pool.take(self.table, self.shape, from, &bytes, &opened.withdrawn);
                    rows.map_err(failed(&file.key))?;
                }
                progress.0 = progress.0.max(file.number);
                progress.3 = day.others();
                left -= 1;
            }
            if files.is_empty() {
                self.saw(day, &opened.from);
                day.is_done = true;
                continue;
            }
            taken.push(TakenDay {
                position,
                progress,
                is_whole: left == 0,
            });
        }
        Ok((pool, taken))
    }

    fn saw(&self, day: &PendingDay, progress: &DayProgress) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (progress.1.clone(), progress.2.clone());
        seen.insert(seen_key(self.table, day), known);
    }

    /// Holds back the days that touch a place in which an expectation failed, and deletes what was written of the step.
    async fn hold_back(&mut self, merged: &Merged, taken: &[TakenDay], pending: &mut [PendingDay]) {
        let written = merged.written.iter().map(|file| file.path.clone());
        discard(self.lake, self.shape, written).await;
        for (place, days) in &merged.failed {
            let FilePlace::Table(partition) = place else {
                continue;
            };
            let held = days.iter().filter_map(|day| taken.get(*day as usize));
            let mut names = BTreeSet::new();
            for day in held {
                let day = &mut pending[day.position];
                day.is_done = true;
                names.insert(self.day_name(day));
            }
            let results = merged.results.iter().filter(|(of, _)| of == place);
            let results: Vec<_> = results.map(|(_, results)| results.clone()).collect();
            for results in results {
                self.report_held(partition, &results, &names);
                quality::add(&mut self.built.results, &results, &self.table.expectations);
            }
        }
    }

    fn report_held(
        &mut self,
        partition: &Option<String>,
        results: &Results,
        days: &BTreeSet<String>,
    ) {
        let fails = |name: &str| {
            let mut expectations = self.table.expectations.iter();
            expectations.any(|one| {
                one.name == name
                    && one.severity == bronzed_model::declaration::ExpectationSeverity::Error
            })
        };
        for (name, result) in results {
            if result.success || !fails(name) {
                continue;
            }
            self.built.held_back.push(HeldBackPartition {
                partition: partition.clone(),
                expectation: name.clone(),
                unexpected: result.unexpected,
                evaluated: result.evaluated,
                examples: result.examples.clone(),
                days: days.iter().cloned().collect(),
            });
        }
    }

    fn day_name(&self, day: &PendingDay) -> String {
        format!("{} {}", self.table.inputs[day.input].name, day.day)
    }

    fn held_days(&self) -> BTreeSet<String> {
        let held = self.built.held_back.iter();
        held.flat_map(|held| held.days.iter().cloned()).collect()
    }

    fn count(&mut self, merged: &Merged, pool: &IncomingRows) {
        let built = &mut self.built;
        built.steps += 1;
        built.rows_read += pool.rows_read;
        built.rows_added += merged.counts.added;
        built.rows_changed += merged.counts.changed;
        built.rows_deleted += merged.counts.deleted;
        built.files_written += merged.written.len() as u64;
        built.bytes_written += merged.written.iter().map(|file| file.size).sum::<u64>();
        let unfit: &BTreeMap<String, u64> = &pool.unfit;
        for (column, count) in unfit {
            *built.unfit.entry(column.clone()).or_default() += count;
        }
        for (_, results) in &merged.results {
            quality::add(&mut built.results, results, &self.table.expectations);
        }
    }

    fn tell(&self, pending: &[PendingDay]) {
        (self.progress)(&BuildProgress {
            steps: self.built.steps,
            days: self.built.days,
            days_left: pending.iter().filter(|day| !day.is_done).count() as u64,
            rows_read: self.built.rows_read,
        });
    }

    /// Commits what is left: the only version of a table that is made anew, and what was held back.
    async fn end(&mut self, state: &mut TableState, stopped: bool) -> Result<(), SilverError> {
        let held: Vec<_> = self.built.held_back.iter().map(HeldRecord::of).collect();
        let tells = !stopped && held != state.held;
        if tells {
            state.held = held;
        }
        let exists = state.base.is_some() || !state.progress.is_empty();
        if !exists || !(self.anew || tells) {
            return Ok(());
        }
        for lost in 1..=ATTEMPTS {
            let step = self.entropy.run_id(self.now);
            if commit(self.lake, self.shape, state, step, self.now).await? {
                return Ok(());
            }
            let newest = TableState::load(self.lake, &self.shape.prefix).await?;
            if self.anew {
                state.base = newest.base;
                state.logged = newest.logged;
                state.domains = newest.domains;
            } else {
                let held = std::mem::take(&mut state.held);
                *state = TableState {
                    held,
                    ..self.again(lost).await?
                };
            }
        }
        Err(DeltaError::Contended {
            prefix: self.shape.prefix.clone(),
            attempts: ATTEMPTS,
        }
        .into())
    }
}

fn seen_key(table: &SilverTable, day: &PendingDay) -> (String, Day) {
    (table.inputs[day.input].prefix.clone(), day.day)
}

/// Returns `true` if this version of the day's state is known to have the notes that the table has, and there is nothing else.
pub(super) fn has_seen(seen: &SeenStates, table: &SilverTable, day: &PendingDay) -> bool {
    if day.files_after(&day.recorded).next().is_some() {
        return false;
    }
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.get(&seen_key(table, day))
        .is_some_and(|(state, notes)| *state == day.state && *notes == day.recorded.2)
}

/// Returns a table that has nothing, and is to replace this one.
fn as_new(state: TableState) -> TableState {
    TableState {
        base: state.base,
        domains: state.domains,
        logged: state.logged,
        ..TableState::default()
    }
}
