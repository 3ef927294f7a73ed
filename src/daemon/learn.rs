//! What the daemon must know of a source, read from the lake: it keeps nothing on a disk of its
//! own.
//!
//! One LIST a dataset tells which days are complete or accepted, and which have a state; then the states
//! are read of those that aren't, and that may be read again. Done at the start and once an hour, for other
//! processes may work on the same lake.
//!
//! What a state said is remembered while the LIST shows the same object. So an hour in which nothing
//! happens costs a dataset of days one LIST and two GETs (`_bronzed/named`, `_bronzed/verified`), however
//! many of its days are open, and however old the lake is: only the pages of the LIST grow with it.

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
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::lake::{Entry, Lake, LakeError};
use bronzed_storage::named::FirstNamedDay;
use bronzed_storage::state::{Listing, glance, listing};

/// States read at once.
const AT_ONCE: usize = 8;

/// Of so many of the newest days the runs are known, whether they are complete or not: they tell
/// when somebody was last at work, and which jobs have been served.
const NEWEST: usize = 3;

/// Runs that are entered one after the other begin no longer than this in the wrong order.
const WRONG_CLOCK: TimeDelta = TimeDelta::days(1);

/// What was learned of the datasets of a source, by their short names.
pub(super) type Refreshed = Vec<(Arc<str>, Result<DatasetKnowledge, LakeError>)>;

/// What states said that were read before, by the prefix of their table.
#[derive(Debug, Default)]
pub(super) struct StateCache(Mutex<BTreeMap<String, Remembered>>);

type Remembered = BTreeMap<Day, CachedState>;

/// A state that was read.
#[derive(Debug, Clone)]
struct CachedState {
    /// The object, as the LIST showed it.
    entry: Entry,
    runs: Vec<ExecutionFacts>,
}

/// Asks the lake about every dataset of a source.
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
            entropy,
            schedule,
            name,
            prefix: &dataset.prefix,
            now,
        };
        let remembered = memory.take(&dataset.prefix);
        let known = asking.learn(remembered).await;
        let known = known.map(|(known, seen)| {
            memory.keep(&dataset.prefix, seen);
            known
        });
        learned.push((Arc::clone(name), known));
    }
    learned
}

impl StateCache {
    fn take(&self, prefix: &str) -> Remembered {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(prefix).unwrap_or_default()
    }

    fn keep(&self, prefix: &str, seen: Remembered) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(prefix.to_owned(), seen);
    }
}

/// The datasets that jobs read.
pub(super) fn enabled<'a>(
    source: &'a Source,
    schedule: &'a Schedule,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Dataset>)> {
    let names = schedule.datasets.keys();
    names.filter_map(|name| Some((name, source.datasets.get(&**name)?)))
}

/// A dataset that the lake is asked about.
struct RefreshTarget<'a> {
    lake: &'a Lake,
    entropy: &'a Entropy,
    schedule: &'a Schedule,
    name: &'a str,
    prefix: &'a str,
    now: DateTime<Utc>,
}

impl RefreshTarget<'_> {
    async fn learn(
        &self,
        remembered: Remembered,
    ) -> Result<(DatasetKnowledge, Remembered), LakeError> {
        let listing = listing(self.lake, self.prefix).await?;
        let seen = self.states(&listing, remembered).await?;
        let mut known = DatasetKnowledge::new(listing.complete);
        known.begin(listing.states.into_keys());
        for day in listing.accepted {
            known.accept(day);
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
        if let Some(from) = self.named_from().await? {
            known.name_from(from);
        }
        Ok((known, seen))
    }

    /// What the states say that planning needs: those of open days, and of the newest ones.
    async fn states(
        &self,
        listing: &Listing,
        mut remembered: Remembered,
    ) -> Result<Remembered, LakeError> {
        // Days that a wrong clock has begun are newer than all, and tell nothing of anybody's work.
        let today = Day::of(self.now, self.schedule.zone);
        let begun = listing.states.range(..=today).rev();
        let newest: BTreeSet<_> = begun.map(|(day, _)| day).take(NEWEST).collect();
        let done = |day: &Day| listing.complete.contains(day) || listing.accepted.contains(day);
        let earliest = self.schedule.first_readable(self.name, self.now);
        let needed = listing
            .states
            .iter()
            .filter(|(day, _)| newest.contains(day) || (**day >= earliest && !done(day)));
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
            let runs = glance.unwrap_or_default().runs;
            let runs = dated_right(runs.iter().map(ExecutionFacts::from).collect());
            Ok((day, CachedState { entry, runs }))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        seen.extend(read);
        Ok(seen)
    }

    /// The first day that was ever named. That it can't be written stops nobody: it is tried again.
    async fn named_from(&self) -> Result<Option<Day>, LakeError> {
        let Some(first) = self.schedule.first_named(self.name, self.now) else {
            return Ok(None);
        };
        let known = match FirstNamedDay::load(self.lake, self.prefix).await {
            Ok(known) => known,
            Err(DocumentError::Lake(error)) => return Err(error),
            Err(error) => {
                self.not_noted(&error);
                return Ok(Some(first));
            }
        };
        let when = (self.now, Day::of(self.now, self.schedule.zone));
        let noted =
            FirstNamedDay::note(self.lake, self.entropy, self.prefix, known, first, when).await;
        Ok(Some(match noted {
            Ok(named) => named.from,
            Err(error) => {
                self.not_noted(&error);
                known.map_or(first, |known| known.from.min(first))
            }
        }))
    }

    fn not_noted(&self, error: &DocumentError) {
        let (source, dataset) = (&*self.schedule.source, self.name);
        tracing::warn!(source, dataset, %error, "named days not noted");
    }
}

/// Without runs that a wrong clock has dated: a state has its runs in the order in which they were entered,
/// and those entered later had ended long before. Nobody may wait for them when their date has come.
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
    /// Whether the LIST shows the object that was read. One without a version may have been written
    /// since within the same moment, so it is read again.
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
                entropy: &self.entropy,
                schedule: &self.schedule,
                name: "contratacoes",
                prefix: PREFIX,
                now: self.now,
            };
            let (known, seen) = asking.learn(self.memory.take(PREFIX)).await.unwrap();
            self.memory.keep(PREFIX, seen);
            known
        }
    }

    /// What `asked` costs: GETs and LISTs.
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
        // `_bronzed/named` and `_bronzed/verified`. It was 300 more.
        let (again, gets, lists) = operations(scene.learn());
        assert_eq!((gets, lists), (2, 1));
        for day in &days {
            assert_eq!(first.executions(*day), again.executions(*day), "{day}");
        }
        assert_eq!(again.begun().len(), 300);
        // What another process has written is read, and nothing else.
        let key = layout::state_key(PREFIX, days[7]);
        operations(scene.put(&key, state(days[7], "failed")));
        let (news, gets, _) = operations(scene.learn());
        assert_eq!(gets, 3);
        let status = news.executions(days[7])[0].status;
        assert_eq!(status, bronzed_model::execution::Status::Failed);
    }

    /// A clock that was 90 days ahead for an hour had days read that haven't come yet: each hour they were
    /// taken for the newest ones, the good runs of the real ones were forgotten, and for three months the
    /// dataset was called stale.
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

    /// A clock that was 90 days ahead for an hour read days that hadn't come: when the date of that reading
    /// had come it was taken for the last one, and the next was put off by weeks.
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
