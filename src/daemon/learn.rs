//! Refresh of the daemon's knowledge of a source from the lake, because the daemon has no local storage.
//!
//! One LIST per dataset returns the complete and accepted days, and the days that have a state. At the start and
//! once a day, the files are listed too, and a day whose files are gone isn't complete. Then the
//! states of the newest days are read, those written last, and of days that are neither complete nor accepted
//! and can be read again. Runs at the start and once an hour, because other processes may write to the same lake.
//!
//! The runs of a state are cached while the LIST shows the same object. So an hour without changes costs a
//! dated dataset one LIST and two GETs (`_bronzed/named`, `_bronzed/verified`), for any number of open days:
//! only the pages of the LIST grow with the age of the lake.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};

use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts};
use bronzed_engine::verify::marks;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::lake::{Entry, Lake, LakeError};
use bronzed_storage::named::FirstNamedDay;
use bronzed_storage::state::{Listing, glance, listing};

/// Number of states read concurrently.
const AT_ONCE: usize = 8;

/// Number of newest days whose runs are loaded even if the days are complete, because they tell the time of
/// the last activity and of the last successful run of each job.
const NEWEST: usize = 3;

/// Number of states written last whose runs are loaded whatever their days: the history that people are told.
const LATEST: usize = 8;

/// Tolerance for the order of runs: a run that starts later than this after a run entered after it has ended
/// was dated by a clock that was ahead.
const WRONG_CLOCK: TimeDelta = TimeDelta::days(1);

/// Refreshed knowledge of the datasets of a source, by short name.
pub(super) type Refreshed = Vec<(Arc<str>, Result<DatasetKnowledge, LakeError>)>;

/// Interval between listings of a table's files, which are many more than its states.
const FILES_EVERY: TimeDelta = TimeDelta::days(1);

/// Cache of the states that were read before, by the prefix of their table.
#[derive(Debug, Default)]
pub(super) struct StateCache(Mutex<BTreeMap<String, CachedTable>>);

/// Cached part of a table.
#[derive(Debug, Clone, Default)]
struct CachedTable {
    states: Remembered,
    files: FilesLook,
}

type Remembered = BTreeMap<Day, CachedState>;

/// Last listing of a table's files.
#[derive(Debug, Clone, Default)]
struct FilesLook {
    at: Option<DateTime<Utc>>,
    /// State objects of the days that had lost files, as listed then.
    lost: BTreeMap<Day, Entry>,
}

/// A cached state.
#[derive(Debug, Clone)]
struct CachedState {
    /// Object as listed before it was read.
    entry: Entry,
    runs: Vec<ExecutionFacts>,
    /// The same runs as the state has them.
    executions: Vec<Execution>,
}

/// Loads the knowledge of every enabled dataset of a source from the lake.
pub(super) async fn learn(
    lake: &Lake,
    entropy: &Entropy,
    (source, schedule): (&Source, &Schedule),
    memory: &StateCache,
    now: DateTime<Utc>,
) -> Refreshed {
    let mut learned = Vec::new();
    for (name, dataset) in enabled(source, schedule) {
        let asking = RefreshTarget {
            lake,
            schedule,
            name,
            prefix: &dataset.prefix,
            now,
        };
        let remembered = memory.of(&dataset.prefix);
        let known = asking.learn(entropy, remembered).await;
        let known = known.map(|(known, table)| {
            memory.keep(&dataset.prefix, table);
            known
        });
        learned.push((Arc::clone(name), known));
    }
    learned
}

/// Returns the knowledge of one dataset as the daemon loads it, without a cache and without a write: days that
/// are named only now are left to [`Schedule::first_named`].
pub(crate) async fn read_knowledge(
    lake: &Lake,
    schedule: &Schedule,
    dataset: &Dataset,
    listing: &Listing,
    now: DateTime<Utc>,
) -> Result<DatasetKnowledge, LakeError> {
    let asking = RefreshTarget {
        lake,
        schedule,
        name: &dataset.name,
        prefix: &dataset.prefix,
        now,
    };
    let (mut known, _) = asking.read(listing, Remembered::new()).await?;
    match FirstNamedDay::load(lake, &dataset.prefix).await {
        Ok(named) => named.into_iter().for_each(|named| name(&mut known, named)),
        Err(DocumentError::Lake(error)) => return Err(error),
        // The daemon logs this; the days that jobs name now are known without the document.
        Err(DocumentError::Unreadable { .. } | DocumentError::Contended { .. }) => {}
    }
    Ok(known)
}

impl StateCache {
    fn of(&self, prefix: &str) -> CachedTable {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(prefix).cloned().unwrap_or_default()
    }

    /// Calls `with` for each cached execution of a table: those of the newest days, and of open ones.
    pub(super) fn executions(&self, prefix: &str, mut with: impl FnMut(Day, &Execution)) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let states = all.get(prefix).into_iter().flat_map(|table| &table.states);
        for (day, state) in states {
            state.executions.iter().for_each(|run| with(*day, run));
        }
    }

    /// Returns the cached execution of a table that has ended last.
    pub(super) fn last_execution(&self, prefix: &str) -> Option<(Day, Execution)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let states = all.get(prefix)?.states.iter();
        let runs = states.flat_map(|(day, state)| state.executions.iter().map(|run| (*day, run)));
        let ended = runs.filter(|(_, run)| run.status != Status::Running);
        let last = ended.max_by_key(|(_, run)| run.timestamp);
        last.map(|(day, run)| (day, run.clone()))
    }

    fn keep(&self, prefix: &str, table: CachedTable) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(prefix.to_owned(), table);
    }
}

/// Returns the enabled datasets of a source, with their short names.
pub(super) fn enabled<'a>(
    source: &'a Source,
    schedule: &'a Schedule,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Dataset>)> {
    let names = schedule.datasets.keys();
    names.filter_map(|name| Some((name, source.datasets.get(&**name)?)))
}

/// A dataset to refresh, with the refresh's parameters.
struct RefreshTarget<'a> {
    lake: &'a Lake,
    schedule: &'a Schedule,
    name: &'a str,
    prefix: &'a str,
    now: DateTime<Utc>,
}

impl RefreshTarget<'_> {
    async fn learn(
        &self,
        entropy: &Entropy,
        remembered: CachedTable,
    ) -> Result<(DatasetKnowledge, CachedTable), LakeError> {
        let mut listing = listing(self.lake, self.prefix).await?;
        let files = self.files(&mut listing, remembered.files).await?;
        let (mut known, states) = self.read(&listing, remembered.states).await?;
        self.name(entropy, &mut known).await?;
        Ok((known, CachedTable { states, files }))
    }

    /// Finds the days whose files are gone. Between two listings of the files, a day stays so until somebody
    /// writes its state: a run that opens the day notices the loss.
    async fn files(&self, listing: &mut Listing, last: FilesLook) -> Result<FilesLook, LakeError> {
        let is_due = |at: DateTime<Utc>| (self.now - at).abs() >= FILES_EVERY;
        if last.at.is_some_and(|at| !is_due(at)) {
            let mut lost = last.lost;
            lost.retain(|day, entry| listing.states.get(day) == Some(entry));
            listing.lose(lost.keys().copied());
            return Ok(FilesLook { lost, ..last });
        }
        listing.look_for_files(self.lake, self.prefix).await?;
        let lost = listing.lost.iter();
        let lost = lost.filter_map(|day| Some((*day, listing.states.get(day)?.clone())));
        let lost: BTreeMap<_, _> = lost.collect();
        if let Some((oldest, _)) = lost.first_key_value() {
            let (source, dataset, days) = (&*self.schedule.source, self.name, lost.len());
            tracing::warn!(source, dataset, days, %oldest, "files of complete days gone");
        }
        Ok(FilesLook {
            at: Some(self.now),
            lost,
        })
    }

    /// Reads what a listing can't tell: the runs of days, and the comparisons with the API.
    async fn read(
        &self,
        listing: &Listing,
        remembered: Remembered,
    ) -> Result<(DatasetKnowledge, Remembered), LakeError> {
        let seen = self.states(listing, remembered).await?;
        let mut known = DatasetKnowledge::new(listing.complete.iter().copied());
        known.begin(listing.states.keys().copied());
        known.lose(listing.lost.iter().copied());
        for day in &listing.accepted {
            known.accept(*day);
        }
        for (day, state) in &seen {
            for facts in &state.runs {
                known.note_at(*day, facts.clone(), self.now);
            }
        }
        if self
            .schedule
            .datasets
            .get(self.name)
            .is_some_and(|one| one.verify)
        {
            known.verified(marks::load(self.lake, self.prefix).await?);
        }
        Ok((known, seen))
    }

    /// Returns the states that planning needs, of open days and of the newest ones; reads those not cached.
    async fn states(
        &self,
        listing: &Listing,
        mut remembered: Remembered,
    ) -> Result<Remembered, LakeError> {
        // Days in the future were begun by a clock that was ahead: they would displace the real newest days.
        let today = Day::of(self.now, self.schedule.zone);
        let begun = listing.states.range(..=today).rev();
        let newest: BTreeSet<_> = begun.map(|(day, _)| day).take(NEWEST).collect();
        let done = |day: &Day| listing.complete.contains(day) || listing.accepted.contains(day);
        let earliest = self.schedule.first_readable(self.name, self.now);
        let mut latest: Vec<_> = listing.states.iter().collect();
        latest.sort_by_key(|(_, entry)| Reverse(entry.modified));
        let latest: BTreeSet<_> = latest.iter().map(|(day, _)| **day).take(LATEST).collect();
        let needed = listing.states.iter().filter(|(day, _)| {
            let is_of_note = newest.contains(day) || latest.contains(day);
            is_of_note || (**day >= earliest && !done(day))
        });
        let (mut seen, mut unknown) = (Remembered::new(), Vec::new());
        for (day, entry) in needed {
            match remembered.remove(day).filter(|seen| seen.is_of(entry)) {
                Some(known) => drop(seen.insert(*day, known)),
                None => unknown.push((*day, entry.clone())),
            }
        }
        let zone = self.schedule.zone;
        let read = futures::stream::iter(unknown).map(|(day, entry)| async move {
            let glance = glance(self.lake, self.prefix, day, zone).await?;
            let executions = glance.unwrap_or_default().runs;
            let runs = dated_right(executions.iter().map(ExecutionFacts::from).collect());
            let state = CachedState {
                entry,
                runs,
                executions,
            };
            Ok((day, state))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        seen.extend(read);
        Ok(seen)
    }

    /// Tells `known` the first day that was ever named, and records it in the lake. An unreadable document or a
    /// failed write is only logged, because the next refresh tries again.
    async fn name(&self, entropy: &Entropy, known: &mut DatasetKnowledge) -> Result<(), LakeError> {
        let Some(first) = self.schedule.first_named(self.name, self.now) else {
            return Ok(());
        };
        let noted = match FirstNamedDay::load(self.lake, self.prefix).await {
            Ok(noted) => noted,
            Err(DocumentError::Lake(error)) => return Err(error),
            Err(error) => {
                self.not_noted(&error);
                known.name_from(first);
                return Ok(());
            }
        };
        let when = (self.now, Day::of(self.now, self.schedule.zone));
        match FirstNamedDay::note(self.lake, entropy, self.prefix, noted, first, when).await {
            Ok(named) => name(known, named),
            Err(error) => {
                self.not_noted(&error);
                noted.into_iter().for_each(|noted| name(known, noted));
                known.name_from(first);
            }
        }
        Ok(())
    }

    fn not_noted(&self, error: &DocumentError) {
        let (source, dataset) = (&*self.schedule.source, self.name);
        tracing::warn!(source, dataset, %error, "named days not noted");
    }
}

/// Tells `known` the first named day, and when it was recorded.
fn name(known: &mut DatasetKnowledge, named: FirstNamedDay) {
    known.name_from(named.from);
    known.name_at(named.noted_at());
}

/// Removes the runs dated by a clock that was ahead, which would count once their date has come. A state has
/// its runs in the order of entry, so a run that starts long after a later entry ended has a wrong date.
fn dated_right(runs: Vec<ExecutionFacts>) -> Vec<ExecutionFacts> {
    let mut first_end_after = DateTime::<Utc>::MAX_UTC;
    let mut right = Vec::with_capacity(runs.len());
    for facts in runs.into_iter().rev() {
        let ended = facts.ended_at;
        if facts.started_at - WRONG_CLOCK <= first_end_after {
            right.push(facts);
        }
        first_end_after = first_end_after.min(ended);
    }
    right.reverse();
    right
}

impl CachedState {
    /// Returns `true` if the listed object is the cached one. Objects without an ETag are always read again,
    /// because a write within the same instant would go unnoticed.
    fn is_of(&self, entry: &Entry) -> bool {
        self.entry.e_tag.is_some() && self.entry == *entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_metrics::Metrics;
    use bronzed_storage::bronze::layout;

    const PREFIX: &str = "pncp";

    fn state(day: Day, status: &str) -> String {
        serde_json::json!({
            "date": day,
            "processed_ids": [],
            "last_execution": format!("{day}T12:00:03-03:00"),
            "total_processed": 0,
            "executions": [{
                "timestamp": format!("{day}T12:00:03-03:00"),
                "new_records": 0, "duplicates_filtered": 0, "filter_rate": 0.0,
                "run_id": uuid::Uuid::from_u128(1), "job": "daily", "status": status,
                "fetched": 0, "unidentified": 0, "requests": 1, "retries": 0,
                "failed_slices": [], "off_day": 0, "files": [],
                "started_at": format!("{day}T12:00:00-03:00"), "version": "0.1.0",
            }],
            "created_at": format!("{day}T12:00:00-03:00"),
            "slices": {}, "complete": false,
        })
        .to_string()
    }

    struct Scene {
        lake: Lake,
        schedule: Schedule,
        entropy: Entropy,
        memory: StateCache,
        now: DateTime<Utc>,
    }

    impl Scene {
        fn new() -> Self {
            let settings = bronzed_config::load(None, []).unwrap();
            Self {
                lake: Lake::over(
                    Arc::new(object_store::memory::InMemory::new()),
                    "memory:///",
                ),
                schedule: Schedule::of(&settings.sources["pncp"]).unwrap(),
                entropy: Entropy::seeded(1),
                memory: StateCache::default(),
                now: "2025-10-22T15:00:00Z".parse().unwrap(),
            }
        }

        async fn put(&self, key: &str, text: String) {
            match self.lake.get(key).await.unwrap() {
                None => drop(self.lake.create(key, text.into()).await.unwrap()),
                Some((_, version)) => {
                    drop(self.lake.replace(key, text.into(), &version).await.unwrap());
                }
            }
        }

        async fn learn(&self) -> DatasetKnowledge {
            let asking = RefreshTarget {
                lake: &self.lake,
                schedule: &self.schedule,
                name: "contratacoes",
                prefix: PREFIX,
                now: self.now,
            };
            let remembered = self.memory.of(PREFIX);
            let learned = asking.learn(&self.entropy, remembered).await;
            let (known, table) = learned.unwrap();
            self.memory.keep(PREFIX, table);
            known
        }
    }

    /// Runs `asked`; returns its result and the numbers of GETs and LISTs.
    fn operations<T>(asked: impl Future<Output = T>) -> (T, u64, u64) {
        let (metrics, recorder) = Metrics::detached().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let answer = metrics::with_local_recorder(&recorder, || runtime.block_on(asked));
        let text = metrics.render();
        let count = |operation: &str| {
            let of = format!("operation=\"{operation}\"");
            let counts = text.lines().filter(|line| {
                line.starts_with("bronzed_lake_operation_duration_seconds_count")
                    && line.contains(&of)
            });
            counts
                .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                .sum()
        };
        (answer, count("get"), count("list"))
    }

    /// It stayed complete, and nobody read it again.
    #[test]
    fn p5_a_complete_day_whose_files_were_removed_is_no_more_complete() {
        let mut scene = Scene::new();
        let day: Day = "2025-10-20".parse().unwrap();
        let note = layout::FilesNote {
            commits: 1,
            files: 1,
            bytes: 4_096,
        };
        let filled = async {
            let key = layout::state_key(PREFIX, day);
            scene.put(&key, state(day, "ok")).await;
            for key in [
                layout::complete_key(PREFIX, day),
                layout::files_key(PREFIX, day, &note),
            ] {
                scene.put(&key, String::new()).await;
            }
        };
        operations(filled);
        let (known, ..) = operations(scene.learn());
        assert!(!known.is_done(day) && known.lost().contains(&day));
        assert_eq!(known.executions(day).len(), 1);

        // An hour later the files aren't listed, and the day is as it was.
        scene.now += TimeDelta::hours(1);
        let (known, _, lists) = operations(scene.learn());
        assert!(!known.is_done(day) && known.lost().contains(&day));
        assert_eq!(lists, 1);
        // A run has opened the day, and written what it found: its marker is believed again.
        operations(scene.put(&layout::state_key(PREFIX, day), state(day, "partial")));
        let (known, ..) = operations(scene.learn());
        assert!(known.is_complete(day) && known.lost().is_empty());

        let file = layout::file_key(PREFIX, day, 1);
        scene.now += FILES_EVERY;
        operations(scene.put(&file, "x".repeat(4_095)));
        let (known, ..) = operations(scene.learn());
        assert!(known.lost().contains(&day), "it is shorter");
        scene.now += FILES_EVERY;
        operations(scene.put(&file, "x".repeat(4_096)));
        let (known, ..) = operations(scene.learn());
        assert!(known.is_complete(day) && known.lost().is_empty());
    }

    #[test]
    fn an_hour_without_news_reads_no_state_again_however_many_days_are_open() {
        let scene = Scene::new();
        let last: Day = "2025-10-21".parse().unwrap();
        let days: Vec<_> = Day::new(last.date() - TimeDelta::days(299))
            .through(last)
            .collect();
        let filled = async {
            for day in &days {
                scene
                    .put(&layout::state_key(PREFIX, *day), state(*day, "partial"))
                    .await;
            }
        };
        operations(filled);
        let (first, gets, lists) = operations(scene.learn());
        assert!(gets >= 300 && lists == 1, "{gets} GETs");
        // `_bronzed/named` and `_bronzed/verified`; without the cache, 300 more.
        let (again, gets, lists) = operations(scene.learn());
        assert_eq!((gets, lists), (2, 1));
        for day in &days {
            assert_eq!(first.executions(*day), again.executions(*day), "{day}");
        }
        assert_eq!(again.begun().len(), 300);
        // Only the state that another process has written is read again.
        let key = layout::state_key(PREFIX, days[7]);
        operations(scene.put(&key, state(days[7], "failed")));
        let (news, gets, _) = operations(scene.learn());
        assert_eq!(gets, 3);
        let status = news.executions(days[7])[0].status;
        assert_eq!(status, bronzed_model::execution::Status::Failed);
    }

    /// Regression: with a clock that was 90 days ahead for an hour, days in the future were read. Each refresh
    /// took them for the newest days and lost the successful runs of the real ones, so the dataset was reported
    /// as stale for three months.
    #[test]
    fn days_that_a_wrong_clock_has_begun_do_not_hide_the_runs_of_the_newest_ones() {
        let scene = Scene::new();
        let yesterday: Day = "2025-10-21".parse().unwrap();
        let ahead: Day = "2026-01-17".parse().unwrap();
        let last_day = Day::new(ahead.date() + TimeDelta::days(3));
        let (known, ..) = operations(async {
            scene
                .put(
                    &layout::state_key(PREFIX, yesterday),
                    state(yesterday, "ok"),
                )
                .await;
            scene
                .put(&layout::complete_key(PREFIX, yesterday), String::new())
                .await;
            for day in ahead.through(last_day) {
                scene
                    .put(&layout::state_key(PREFIX, day), state(day, "partial"))
                    .await;
            }
            scene.learn().await
        });
        assert!(known.is_complete(yesterday));
        assert_eq!(
            known.last_success(scene.now),
            Some("2025-10-21T15:00:00Z".parse().unwrap())
        );
    }

    /// Regression: a run was dated by a clock that was 90 days ahead for an hour. Once that date had come, the
    /// run was taken for the day's last one, and the next attempt was delayed by weeks.
    #[test]
    fn p10_a_run_that_a_wrong_clock_dated_counted_when_its_date_had_come() {
        let mut scene = Scene::new();
        scene.now = "2025-12-09T15:00:00Z".parse().unwrap();
        let day: Day = "2025-10-15".parse().unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&state(day, "ok")).unwrap();
        let run = document["executions"][0].clone();
        let runs = [
            ("2025-12-08T02:59:16-03:00", 7),
            ("2025-10-16T05:00:00-03:00", 8),
            ("2025-11-28T11:04:55-03:00", 9),
        ];
        let runs = runs.map(|(at, number)| {
            let mut run = run.clone();
            run["run_id"] = uuid::Uuid::from_u128(number).to_string().into();
            (run["started_at"], run["timestamp"]) = (at.into(), at.into());
            run
        });
        document["executions"] = runs.into_iter().collect();
        let key = layout::state_key(PREFIX, day);
        let (known, ..) = operations(async {
            scene.put(&key, document.to_string()).await;
            scene.learn().await
        });
        let runs = known.executions(day).iter();
        let runs: Vec<_> = runs.map(|run| run.run_id.as_u128()).collect();
        assert_eq!(runs, [8, 9]);
    }

    #[test]
    fn accepted_days_are_known_as_such_and_the_first_day_named_is_noted() {
        let scene = Scene::new();
        let day: Day = "2025-10-01".parse().unwrap();
        let (known, ..) = operations(async {
            scene
                .put(&layout::state_key(PREFIX, day), state(day, "partial"))
                .await;
            scene
                .put(&layout::accepted_key(PREFIX, day), String::new())
                .await;
            scene.learn().await
        });
        assert!(known.is_done(day) && !known.is_complete(day));
        assert_eq!(known.named_from(), Some("2025-10-15".parse().unwrap()));
        let (named, ..) = operations(FirstNamedDay::load(&scene.lake, PREFIX));
        assert_eq!(named.unwrap().map(|named| named.from), known.named_from());
    }
}
