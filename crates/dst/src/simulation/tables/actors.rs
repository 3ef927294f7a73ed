//! Actors: what they do is the program's own code, and how it ended is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::record::RecordId;
use bronzed_storage::bronze::writer::{EncodedFile, FileMeta, FileWriter, Op, RowOrigin};
use bronzed_storage::state::DayState;
use bronzed_tables::{CompactionScope, Comparison, compact, compare};

use super::scenario::{PlannedCommit, PlannedRow, TableRole};
use super::world::{Process, World, build_time, compaction_time, days};
use bronzed_model::declaration::Dataset;

/// Result of an actor: the error that it ended with.
pub type Ended = Result<(), String>;

/// Runs one actor. No two have the same `number`.
pub async fn act(world: Arc<World>, lane: usize, role: TableRole, number: u64) -> Ended {
    let actor = Actor {
        process: world.process(lane, number),
        world,
        lane,
        number,
    };
    match role {
        TableRole::Run(runs) => {
            for (number, commits) in runs.iter().enumerate() {
                actor.run_of(commits, 10 * number as u64).await?;
            }
            Ok(())
        }
        TableRole::Commit(commits) => actor.commit_all(&commits, 0).await.map(drop),
        TableRole::Note { day, mask } => actor.note(days()[day], mask).await,
        TableRole::Publish => actor.publish().await,
        TableRole::Align => actor.align().await,
        TableRole::Compare => actor.compare().await,
        TableRole::Compact => actor.compact().await,
        TableRole::Build => actor.build(false).await,
        TableRole::Renew => actor.build(true).await,
    }
}

/// Work of a process.
struct Actor {
    world: Arc<World>,
    lane: usize,
    number: u64,
    process: Process,
}

impl Actor {
    fn entropy(&self) -> Entropy {
        Entropy::seeded(self.number)
    }

    async fn run_of(&self, commits: &[PlannedCommit], first: u64) -> Ended {
        for (dataset, days) in self.commit_all(commits, first).await? {
            let dataset = self.world.dataset(dataset);
            let published = self.process.publisher.publish(&dataset, &days).await;
            published.map_err(|error| format!("publication: {error}"))?;
        }
        Ok(())
    }

    /// Commits rows; returns the days by the place of their dataset.
    async fn commit_all(
        &self,
        commits: &[PlannedCommit],
        first: u64,
    ) -> Result<BTreeMap<usize, BTreeSet<Day>>, String> {
        let mut written: BTreeMap<usize, BTreeSet<Day>> = BTreeMap::new();
        for (place, commit) in commits.iter().enumerate() {
            let dataset = self.world.dataset(commit.dataset);
            let day = days()[commit.day];
            self.commit(&dataset, day, commit, first + place as u64)
                .await?;
            written.entry(commit.dataset).or_default().insert(day);
        }
        Ok(written)
    }

    async fn commit(
        &self,
        dataset: &Arc<Dataset>,
        day: Day,
        commit: &PlannedCommit,
        place: u64,
    ) -> Ended {
        let entropy = Entropy::seeded(self.number * 100 + place);
        let store = self.world.day(self.lane, dataset, day, entropy);
        let told = |error: &dyn std::fmt::Display| format!("commit: {error}");
        let mut state = store.open().await.map_err(|error| told(&error))?;
        let mut run = self.run(place);
        let rows = commit.rows.iter().enumerate();
        let rows = rows
            .map(|(row, planned)| row_of(planned, self.number * 1_000 + place * 10 + row as u64));
        if let Some(file) = encoded(self.world.clock().now(), dataset, day, &run, &state, rows) {
            run.counts.fetched = file.ids.len() as u64;
            run.counts.new = run.counts.fetched;
            let done = store.commit(&mut state, file, &mut run).await;
            done.map_err(|error| told(&error))?;
        }
        // The day is complete from its first commit on: so it is due for compaction from its second on.
        let recorded = store.record(&mut state, &run, &BTreeMap::new(), true).await;
        recorded.map(drop).map_err(|error| told(&error))
    }

    fn run(&self, place: u64) -> Execution {
        let now = self.world.clock().now();
        let id = Entropy::seeded(self.number * 100 + place).run_id(now);
        let mut run = Execution::begun(id, "hourly", now);
        run.status = Status::Ok;
        run
    }

    async fn note(&self, day: Day, mask: usize) -> Ended {
        let dataset = self.world.dataset(0);
        let store = self.world.day(self.lane, &dataset, day, self.entropy());
        let told = |error: &dyn std::fmt::Display| format!("note: {error}");
        let mut state = store.open().await.map_err(|error| told(&error))?;
        if state.commits() == 0 {
            return Ok(());
        }
        for key in 0..3 {
            for updated in 0..4 {
                let id = id_of(key, updated);
                match (state.contains(&id.id), (mask >> key) & 1) {
                    (false, _) => {}
                    (true, 1) => {
                        state.note_withdrawn([id.id.as_str().into()]);
                    }
                    (true, _) => {
                        state.note_listed(&RecordId::plain(&id.id));
                    }
                }
            }
        }
        let run = self.run(0);
        let recorded = store.record(&mut state, &run, &BTreeMap::new(), true).await;
        recorded.map(drop).map_err(|error| told(&error))
    }

    async fn publish(&self) -> Ended {
        for dataset in self.world.inputs() {
            let days = BTreeSet::from(days());
            let published = self.process.publisher.publish(dataset, &days).await;
            published.map_err(|error| format!("publication: {error}"))?;
        }
        Ok(())
    }

    async fn align(&self) -> Ended {
        for dataset in self.world.inputs() {
            let aligned = self.process.publisher.rebuild(dataset).await;
            let found = aligned.map_err(|error| format!("tables rebuild: {error}"))?;
            nothing_is_lost(&found)?;
        }
        Ok(())
    }

    async fn compare(&self) -> Ended {
        for dataset in self.world.inputs() {
            let compared = compare(&self.world.lake(self.lane), dataset).await;
            let found = compared.map_err(|error| format!("comparison: {error}"))?;
            nothing_is_lost(&found)?;
        }
        Ok(())
    }

    async fn compact(&self) -> Ended {
        let scope = CompactionScope {
            from: None,
            to: None,
            now: compaction_time(),
            most_days: usize::MAX,
        };
        for dataset in self.world.inputs() {
            let done = compact(&self.world.lake(self.lane), dataset, scope).await;
            done.map_err(|error| format!("compaction: {error}"))?;
        }
        Ok(())
    }

    async fn build(&self, anew: bool) -> Ended {
        let (table, builder) = (&self.world.table, &self.process.builder);
        let told = |error| format!("silver: {error}");
        let never = || false;
        if anew {
            let built = builder.rebuild(table, build_time(), &never, &|_| {}).await;
            built.map_err(told)?;
        } else {
            // The second time it knows states that it has opened.
            for _ in 0..2 {
                let built = builder.build(table, build_time(), &never, &|_| {}).await;
                built.map_err(told)?;
            }
        }
        Ok(())
    }
}

/// Requires of a comparison that it misses no file: none is ever deleted.
fn nothing_is_lost(found: &Comparison) -> Ended {
    let lost: Vec<_> = found.gone.union(&found.stale).collect();
    match lost.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "comparison: {lost:?} are said to be gone or stale, and nothing was deleted"
        )),
    }
}

/// A row of bronze: id, record, and `true` if it has vanished.
struct EncodedRow {
    id: RecordId,
    text: String,
    vanished: bool,
}

fn id_of(key: usize, updated: usize) -> RecordId {
    RecordId::of_version(
        &format!("k{key}"),
        &format!("2025-01-0{}T00:00:00", updated + 1),
    )
}

fn row_of(planned: &PlannedRow, value: u64) -> EncodedRow {
    let PlannedRow {
        key,
        updated,
        published,
        vanished,
    } = *planned;
    let mut text = format!(r#"{{"id":"k{key}""#);
    if updated > 0 {
        text.push_str(&format!(
            r#","atualizado":"2025-01-0{}T00:00:00""#,
            updated + 1
        ));
    }
    if published > 0 {
        text.push_str(&format!(r#","publicado":"2024-1{published}-05T10:00:00""#));
    }
    text.push_str(&format!(r#","novo":{{"valor":{value}}}}}"#));
    EncodedRow {
        id: id_of(key, updated),
        text: if vanished { "{}".to_owned() } else { text },
        vanished,
    }
}

/// Returns a file with the rows that the day lacks.
fn encoded(
    at: chrono::DateTime<chrono::Utc>,
    dataset: &Arc<Dataset>,
    day: Day,
    run: &Execution,
    state: &DayState,
    rows: impl Iterator<Item = EncodedRow>,
) -> Option<EncodedFile> {
    let meta = FileMeta {
        dataset: dataset.full_name(),
        day,
        run_id: run.run_id,
        job: "hourly".to_owned(),
        ingested_at: at,
    };
    let mut writer = FileWriter::new(&dataset.schema, meta).expect("columns");
    let mut known = BTreeSet::new();
    for row in rows {
        if state.contains(&row.id.id) || !known.insert(row.id.id.clone()) {
            continue;
        }
        let origin = RowOrigin {
            op: row.vanished.then_some(Op::Vanished),
            ..RowOrigin::default()
        };
        let appended = writer.append_text(&row.id, origin, &row.text);
        appended.expect("a row");
    }
    (!known.is_empty()).then(|| writer.finish().expect("a file"))
}
