//! Actors on the simulated day: runs, recoveries, readers of the state, and an operator who rebuilds the
//! state.
//!
//! They call the commit protocol as the program does, record its results, and report a broken promise at
//! once.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::reads;
use super::stage::Stage;
use bronzed_model::clock::Clock;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::{self, Status};
use bronzed_storage::bronze::writer::EncodedFile;
use bronzed_storage::invariants::{self, ExecutionEntry, Served};
use bronzed_storage::state::{DayState, DayStore, SliceProgress, StateError};
use bronzed_storage::testing::support;

/// Slice of all records.
const SLICE: &str = "modalidade=6";

/// Behaviour of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads the day page by page; each page is a commit.
    Run,
    /// Like `Run`, but continues after a commit whose outcome is unknown.
    Stubborn,
    /// Reads only the first page, and reports the run as partial.
    Partial,
    /// Opens the day, repairing its state if necessary.
    Open,
    /// Opens the day read-only.
    Look,
    /// Deletes the state, so that it is rebuilt from the files.
    Rebuild,
    /// Reads the day as the program does: with requests, through all of `ingest`.
    Read(Mode),
}

/// Runs one actor: `lane` in this role, under this run id.
pub async fn act(
    stage: Arc<Stage>,
    lane: usize,
    role: Role,
    run_id: Uuid,
    stop: CancellationToken,
) {
    if let Role::Read(mode) = role {
        return reads::read(stage, lane, mode, run_id, stop).await;
    }
    let day = stage.day(lane);
    if role == Role::Rebuild {
        let store = stage.desk.counter(lane);
        let key = object_store::path::Path::from(support::STATE);
        let _ = object_store::ObjectStoreExt::delete(&store, &key).await;
    }
    let there: Vec<Box<str>> = stage.truth().ids().cloned().collect();
    let opened = match role {
        Role::Look => day.look().await,
        _ => day.open().await,
    };
    let Ok(state) = opened else { return };
    let unknown = invariants::p5_opened(|id| state.contains(id), &there);
    stage.truth().blame(unknown);
    knows_its_files(&stage, &state);
    if matches!(role, Role::Run | Role::Stubborn | Role::Partial) {
        let run = Run {
            execution: begun(&stage, run_id),
            stage,
            day,
            state,
        };
        run.read(role).await;
    }
}

struct Run {
    stage: Arc<Stage>,
    day: DayStore,
    state: DayState,
    execution: execution::Execution,
}

impl Run {
    async fn read(mut self, role: Role) {
        // Started after the end of the day: the listing is final.
        let ended = self.stage.truth().served.finally.is_some();
        let mut failed = false;
        let mut read = 0;
        for number in 0.. {
            let page = self.page(number);
            if page.is_empty() || (role == Role::Partial && number > 0) {
                break;
            }
            read += page.len() as u64;
            failed |= self.take(&page).await.is_err();
            if failed && role != Role::Stubborn {
                break;
            }
        }
        self.execution.status = match (failed, role) {
            (true, _) => Status::Failed,
            (_, Role::Partial) => Status::Partial,
            _ => Status::Ok,
        };
        let mut slices = BTreeMap::new();
        if self.execution.status == Status::Ok {
            let (total, seen) = (read, read);
            slices.insert(SLICE.to_owned(), SliceProgress::of(total, seen));
        }
        if self.execution.status == Status::Partial {
            let reason = "the API broke off".to_owned();
            self.execution.failed_slices = vec![(SLICE.to_owned(), reason)];
        }
        let complete = ended && self.execution.status == Status::Ok;
        let recorded = self
            .day
            .record(&mut self.state, &self.execution, &slices, complete)
            .await;
        if let Ok(written) = recorded {
            let told = told(&self.stage, &written);
            self.stage.truth().told.push(told);
        }
    }

    /// Returns the records on a page of the API now.
    fn page(&self, number: usize) -> Vec<Box<str>> {
        let mut truth = self.stage.truth();
        let page: Vec<_> = truth
            .api
            .listed
            .iter()
            .skip(number * self.stage.commit)
            .take(self.stage.commit)
            .cloned()
            .collect();
        let given = truth.api.given.entry(self.execution.run_id).or_default();
        given.rows += page.len() as u64;
        page
    }

    /// Processes the records of a page: drops known ones and commits the rest.
    async fn take(&mut self, page: &[Box<str>]) -> Result<(), StateError> {
        let new = page.iter().filter(|id| !self.state.contains(id));
        let new: Vec<_> = new.cloned().collect();
        let mut run = self.execution.clone();
        run.counts.fetched += page.len() as u64;
        run.counts.duplicates += (page.len() - new.len()) as u64;
        if !new.is_empty() {
            run.counts.new += new.len() as u64;
            let file = encoded(&self.stage, &run, &new);
            self.day.commit(&mut self.state, file, &mut run).await?;
        }
        // All records of the page are stored now, by this run or another one.
        self.execution = run;
        let mut truth = self.stage.truth();
        let settled = Served {
            finally: Some(page.iter().cloned().collect()),
            ever: truth.served.ever.clone(),
        };
        let lost = invariants::p2_nothing_lost(&truth.files, &settled);
        let counts = invariants::p2_accounted(&self.execution.counts, Some(self.execution.run_id));
        truth.blame(lost.into_iter().chain(counts));
        drop(truth);
        knows_its_files(&self.stage, &self.state);
        Ok(())
    }
}

/// Asserts that a state that would write file n+1 knows the ids of all files 1…n.
fn knows_its_files(stage: &Stage, state: &DayState) {
    let mut truth = stage.truth();
    let is_counted = |number: u64| number <= state.commits();
    let counted = truth.files.iter();
    let counted = counted.filter(|file| file.number().is_none_or(is_counted));
    let ids = counted.flat_map(|file| &file.ids);
    let unknown = invariants::p5_opened(|id| state.contains(id), ids);
    truth.blame(unknown);
}

pub fn begun(stage: &Stage, run_id: Uuid) -> execution::Execution {
    let now = stage.clock.now();
    execution::Execution::begun(run_id, "hourly", now)
}

/// Converts a run's final report to the type that the promises check.
pub fn told(stage: &Stage, run: &execution::Execution) -> ExecutionEntry {
    let name = |key: &str| invariants::name(&stage.dataset.prefix, support::day(), key);
    ExecutionEntry {
        run: Some(run.run_id),
        status: run.status,
        counts: run.counts,
        files: run.files.iter().map(|(key, _)| name(key)).collect(),
        failed_slices: run.failed_slices.len() as u64,
    }
}

/// Returns a file of the run with a row for each id. Cached, because every schedule needs the same files.
fn encoded(stage: &Stage, run: &execution::Execution, ids: &[Box<str>]) -> EncodedFile {
    type Content = (Uuid, Vec<Box<str>>);
    thread_local! {
        static FILES: RefCell<HashMap<Content, EncodedFile>> = RefCell::default();
    }
    let key = (run.run_id, ids.to_vec());
    if let Some(file) = FILES.with_borrow(|files| files.get(&key).cloned()) {
        return file;
    }
    let ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
    let file = support::file_of(&stage.dataset, run, &ids, stage.clock.now());
    FILES.with_borrow_mut(|files| files.insert(key, file.clone()));
    file
}
