//! Lake of a schedule: its initial content, external changes to its state, and its facts at any time.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use futures::FutureExt;
use serde_json::Value;
use uuid::Uuid;

use super::actors;
use super::api::{self, Shape};

use super::choices::Choices;
use super::desk::{Object, Objects, Op};
use super::scenario::{Before, Harm, PARENTS_READ, RECORDS, RECORDS_READ, SETTLED, Scenario};
use super::stage::Stage;
use bronzed_storage::bronze::layout;
use bronzed_storage::invariants::{self, DayFacts, File};
use bronzed_storage::testing::support;

/// Records of the API, in order of publication.
const IDS: [&str; RECORDS] = ["a", "b", "c", "d", "e", "f"];

/// Records of the API for whole runs, including those of the second slice and an off-day record.
const IDS_READ: [&str; RECORDS_READ] = ["a", "b", "c", "d", "f", "x", "e", "g"];

/// Parents; the last one has no children.
const PARENTS: [&str; PARENTS_READ] = ["p", "q", "r", "s"];

fn ids(scenario: &Scenario) -> &'static [&'static str] {
    match &scenario.manner {
        Some(manner) if manner.shape == Shape::Children => &PARENTS,
        Some(_) => &IDS_READ,
        None => &IDS,
    }
}

/// Returns the records that the API doesn't list yet.
pub fn unpublished(scenario: &Scenario) -> VecDeque<Box<str>> {
    ids(scenario)[scenario.published..scenario.records]
        .iter()
        .map(|id| (*id).into())
        .collect()
}

/// Writes the initial content of lake and API.
pub fn prepare(stage: &Stage, objects: &mut Objects, scenario: &Scenario) {
    for id in &ids(scenario)[..scenario.published] {
        publish(stage, objects, scenario, id);
    }
    if scenario.published == scenario.records {
        settle(stage, objects, scenario);
    }
    let mut put = |key: &str, bytes: Bytes| {
        let mode = object_store::PutMode::Overwrite;
        let key = key.to_owned();
        objects.apply(&Op::Put { key, bytes, mode });
    };
    match scenario.before {
        Before::Nothing => {}
        Before::Earlier => {
            let [file, state] = earlier();
            put(support::EARLIER, file);
            put(support::STATE, state);
        }
        Before::Stored | Before::Unindexed | Before::StateLost => {
            let [one, two, state] = committed();
            put(&support::key(1), one);
            if scenario.before != Before::Stored {
                put(&support::key(2), two);
            }
            if scenario.before != Before::StateLost {
                put(support::STATE, state);
            }
        }
    }
    stage.truth().files = day(stage, objects).files;
}

/// Lists one more record; of children, adds a parent to the lake and lists its children.
pub fn publish(stage: &Stage, objects: &mut Objects, scenario: &Scenario, id: &str) {
    let first = scenario.newest_first();
    let mut truth = stage.truth();
    if !scenario.is_of_children() {
        return truth.publish(id.into(), first);
    }
    for child in api::children(id) {
        truth.publish((*child).into(), first);
    }
    truth.api.changes += 1;
    drop(truth);
    let number = objects.below(api::PARENTS).len() as u64 + 1;
    objects.apply(&Op::Put {
        key: layout::file_key(api::PARENTS, support::day(), number),
        bytes: parent(stage, id),
        mode: object_store::PutMode::Overwrite,
    });
}

/// Ends the publication of records; of children, marks the parents' day as complete.
pub fn settle(stage: &Stage, objects: &mut Objects, scenario: &Scenario) {
    stage.truth().settle();
    if scenario.is_of_children() {
        // A marker without a state is no proof.
        for key in [
            layout::state_key(api::PARENTS, support::day()),
            layout::complete_key(api::PARENTS, support::day()),
        ] {
            objects.apply(&Op::Put {
                key,
                bytes: Bytes::new(),
                mode: object_store::PutMode::Overwrite,
            });
        }
    }
}

/// Returns a file with one parent.
fn parent(stage: &Stage, id: &str) -> Bytes {
    thread_local! {
        static MADE: RefCell<HashMap<String, Bytes>> = RefCell::default();
    }
    let made = MADE.with_borrow(|made| made.get(id).cloned());
    made.unwrap_or_else(|| {
        let run = actors::begun(stage, Uuid::nil());
        let at = support::at(SETTLED);
        let bytes = support::file_of(&support::shared_dataset(), &run, &[id], at).bytes;
        MADE.with_borrow_mut(|made| made.insert(id.to_owned(), bytes.clone()));
        bytes
    })
}

/// Returns the parents that the state lists as finished.
pub fn parents_done(objects: &Objects) -> BTreeSet<Box<str>> {
    let state = objects.get(support::STATE);
    let document = state.and_then(|state| serde_json::from_slice::<Value>(&state.bytes).ok());
    let done = document
        .as_ref()
        .and_then(|document| document["parents_done"].as_array());
    let done = done.into_iter().flatten().filter_map(Value::as_str);
    done.map(Into::into).collect()
}

/// Returns the state document after `harm`; `None` if it is deleted.
pub fn harmed(
    harm: Harm,
    now: Option<&Bytes>,
    documents: &[Bytes],
    stage: &Stage,
    choices: &mut Choices,
) -> Option<Bytes> {
    match harm {
        Harm::Lose => None,
        Harm::Stale if documents.is_empty() => now.cloned(),
        Harm::Stale => documents.get(choices.pick(documents.len())).cloned(),
        Harm::Cut => now.map(|bytes| bytes.slice(..choices.pick(bytes.len()))),
        Harm::Earlier => {
            let document = now.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
            // The earlier pipeline treats an unreadable state as empty.
            let ids = document.map(|document| support::strings(&document["processed_ids"]));
            let mut ids = ids.unwrap_or_default();
            let truth = stage.truth();
            let unknown = truth
                .api
                .listed
                .iter()
                .find(|id| !ids.contains(&id.to_string()));
            ids.extend(unknown.map(ToString::to_string));
            Some(support::earlier_state(&ids))
        }
    }
}

/// Returns the withdrawn ids in the state at this key.
pub fn withdrawn(objects: &Objects, key: &str) -> BTreeSet<Box<str>> {
    let state = objects.get(key);
    let document = state.and_then(|state| serde_json::from_slice::<Value>(&state.bytes).ok());
    let noted = document
        .as_ref()
        .and_then(|document| document["withdrawn_ids"].as_object());
    noted
        .into_iter()
        .flat_map(|noted| noted.keys())
        .map(|id| id.as_str().into())
        .collect()
}

/// Returns the facts of the day.
pub fn day(stage: &Stage, objects: &Objects) -> DayFacts<Box<str>> {
    let files = objects
        .all()
        .filter(|(key, _)| key.ends_with(".parquet") && !key.starts_with(api::PARENTS));
    let mut files: Vec<_> = files
        .map(|(key, object)| file(stage, key, object))
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let state = objects.get(support::STATE);
    let prefix = &stage.dataset.prefix;
    DayFacts {
        files,
        state: state.and_then(|state| invariants::state(prefix, support::day(), &state.bytes)),
        marker: objects.get(support::MARKER).is_some(),
    }
}

/// Reads a file. Cached, because the same file occurs in many schedules.
fn file(stage: &Stage, key: &str, object: &Object) -> File<Box<str>> {
    thread_local! {
        static FILES: RefCell<HashMap<String, File<Box<str>>>> = RefCell::default();
    }
    let place = format!("{key} {}", object.version);
    if let Some(file) = FILES.with_borrow(|files| files.get(&place).cloned()) {
        return file;
    }
    let file = invariants::file(&stage.dataset, support::day(), key, object.bytes.clone());
    let file = file.expect("a file that can be read");
    FILES.with_borrow_mut(|files| files.insert(place, file.clone()));
    file
}

/// Returns a file of the earlier pipeline, and its state, which names a record that has no row.
fn earlier() -> [Bytes; 2] {
    thread_local! {
        static MADE: [Bytes; 2] = [
            support::old_file(&[Some("a"), Some("b")]),
            support::earlier_state(&["a".to_owned(), "b".to_owned(), "c".to_owned()]),
        ];
    }
    MADE.with(Clone::clone)
}

/// Returns two commits of one run, and the state after the first.
fn committed() -> [Bytes; 3] {
    thread_local! {
        static MADE: [Bytes; 3] = two_commits().now_or_never().expect("nobody is waited for");
    }
    MADE.with(Clone::clone)
}

async fn two_commits() -> [Bytes; 3] {
    let world = support::memory();
    let day = world.day();
    let mut state = day.open().await.expect("an empty day");
    let mut run = world.run("hourly");
    let first = support::ingest(&world, &day, &mut state, &mut run, &["a", "b"]).await;
    first.expect("a commit");
    let document = world.bytes(support::STATE).await;
    let second = support::ingest(&world, &day, &mut state, &mut run, &["c", "d"]).await;
    second.expect("a commit");
    let one = world.bytes(&support::key(1)).await;
    let two = world.bytes(&support::key(2)).await;
    [one, two, document]
}
