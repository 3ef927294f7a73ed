//! P1 to P7. Each function returns the violations of its promise; normally none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use uuid::Uuid;

use super::facts::{DayFacts, ExecutionEntry, File, FileName, StateFacts};
use super::{Promise, Served, Violation};
use bronzed_model::counts::Counts;
use bronzed_model::execution::Status;

type Violations = Vec<Violation>;

/// Text in the findings on ids without a row.
pub const IN_NO_FILE: &str = "is in the state, and in no file";

fn broken(promise: Promise, what: impl Into<String>) -> Violation {
    Violation {
        promise,
        what: what.into(),
    }
}

/// Checks that hold for a day at any instant, even during runs.
pub fn at_every_step<Id: Ord + Display>(day: &DayFacts<Id>, served: &Served<Id>) -> Violations {
    let mut violations = in_itself(day);
    violations.extend(p4_complete(day, served));
    violations
}

/// Checks that hold for a day when no run is active and the last one read all of it.
pub fn at_rest<Id: Ord + Display>(day: &DayFacts<Id>, served: &Served<Id>) -> Violations {
    let mut violations = at_rest_in_itself(day);
    violations.extend(p4_complete(day, served));
    violations.extend(p2_nothing_lost(&day.files, served));
    violations
}

/// Checks that hold for a day at any instant, independently of what the API has served.
pub fn in_itself<Id: Ord + Display>(day: &DayFacts<Id>) -> Violations {
    let mut violations = p1_exactly_once(&day.files);
    violations.extend(p6_no_empty_file(&day.files));
    if let Some(state) = day.state.as_ref().filter(|state| state.ours) {
        violations.extend(p2_sums_hold(state));
        violations.extend(p3_behind_the_files(&day.files, state));
        violations.extend(p5_index_of_the_files(&day.files, state));
        for execution in &state.executions {
            violations.extend(p2_accounted(&execution.counts, execution.run));
        }
    }
    violations
}

/// Checks that hold for a day when no run is active, independently of what the API has served.
pub fn at_rest_in_itself<Id: Ord + Display>(day: &DayFacts<Id>) -> Violations {
    let mut violations = in_itself(day);
    violations.extend(p4_marked(day));
    violations.extend(p7_audited(day));
    violations
}

/// P1: each id is in exactly one row. Duplicate rows within the earlier pipeline's own files can't be removed
/// and are allowed.
pub fn p1_exactly_once<Id: Ord + Display>(files: &[File<Id>]) -> Violations {
    let mut violations = Vec::new();
    let mut seen: BTreeMap<&Id, &FileName> = BTreeMap::new();
    for file in files {
        for id in &file.ids {
            if let Some(first) = seen.insert(id, &file.name)
                && (file.number().is_some() || matches!(first, FileName::Numbered(_)))
            {
                let second = &file.name;
                let what = format!("{id} is stored in {first}, and again in {second}");
                violations.push(broken(Promise::P1, what));
            }
        }
    }
    violations
}

/// P2 of one run: each fetched row is new, a duplicate, or of another day.
pub fn p2_accounted(counts: &Counts, run: Option<Uuid>) -> Option<Violation> {
    let name = run.unwrap_or_default();
    let what = || format!("rows of the run {name} are unaccounted for: {counts:?}");
    (!counts.balanced()).then(|| broken(Promise::P2, what()))
}

/// P2 of a day: `total_processed` and the sum of the executions' new records equal the number of ids.
pub fn p2_sums_hold<Id>(state: &StateFacts<Id>) -> Violations {
    let counts = state.executions.iter().map(|entry| entry.counts.new);
    let audited = counts.fold(0, u64::saturating_add);
    p2_sums(state.ids.len() as u64, state.total, audited)
}

/// P2 of a day, given the number of ids, `total_processed`, and the sum of the executions.
pub fn p2_sums(ids: u64, total: u64, audited: u64) -> Violations {
    let mut violations = Vec::new();
    if total != ids {
        let what = format!("there are {ids} ids, and the total is {total}");
        violations.push(broken(Promise::P2, what));
    }
    if audited != ids {
        let what = format!("there are {ids} ids, and the executions count {audited}");
        violations.push(broken(Promise::P2, what));
    }
    violations
}

/// P2 of a day that was read in full: all records of the API are stored, and none that it never served.
pub fn p2_nothing_lost<Id: Ord + Display>(files: &[File<Id>], served: &Served<Id>) -> Violations {
    let stored = stored(files);
    let lost = served.finally.iter().flatten();
    let lost = lost
        .filter(|id| !stored.contains(id))
        .map(|id| broken(Promise::P2, format!("{id} is not in the lake")));
    let numbered = files.iter().filter(|file| file.number().is_some());
    let invented = numbered
        .flat_map(|file| &file.ids)
        .filter(|id| !served.ever.contains(id))
        .map(|id| broken(Promise::P2, format!("{id} is stored, and was never served")));
    lost.chain(invented).collect()
}

/// P3: the row of each id, and the files named by executions, exist.
pub fn p3_behind_the_files<Id: Ord + Display>(
    files: &[File<Id>],
    state: &StateFacts<Id>,
) -> Violations {
    let stored = stored(files);
    let rowless = state.ids.iter().filter(|id| !stored.contains(id));
    let mut violations: Violations = rowless
        .map(|id| broken(Promise::P3, format!("{id} {IN_NO_FILE}")))
        .collect();
    let names: BTreeSet<_> = files.iter().map(|file| &file.name).collect();
    let named = state.executions.iter().flat_map(|entry| &entry.files);
    let missing = named.filter(|name| !names.contains(name));
    violations.extend(
        missing.map(|name| broken(Promise::P3, format!("an execution has {name}, which isn't"))),
    );
    violations
}

/// P3 within a state: no execution names a numbered file that the state doesn't count.
pub fn p3_counted<'n>(commits: u64, named: impl IntoIterator<Item = &'n FileName>) -> Violations {
    let ahead = named
        .into_iter()
        .filter(|name| matches!(name, FileName::Numbered(number) if *number > commits));
    ahead
        .map(|name| {
            let what = format!("an execution has {name}, and the state counts {commits}");
            broken(Promise::P3, what)
        })
        .collect()
}

/// P4: a day called complete by its marker or its state holds all records of the API, and has ended.
pub fn p4_complete<Id: Ord + Display>(day: &DayFacts<Id>, served: &Served<Id>) -> Violations {
    let said = day.state.as_ref().is_some_and(|state| state.complete);
    if !said && !day.marker {
        return Vec::new();
    }
    let Some(finally) = &served.finally else {
        return vec![broken(Promise::P4, "the day is complete before its end")];
    };
    let stored = stored(&day.files);
    let missing = finally.iter().filter(|id| !stored.contains(id));
    missing
        .map(|id| broken(Promise::P4, format!("the day is complete without {id}")))
        .collect()
}

/// P4 of a day at rest: marker and state agree.
pub fn p4_marked<Id>(day: &DayFacts<Id>) -> Option<Violation> {
    let complete = day.state.as_ref().is_some_and(|state| state.complete);
    let what = match (complete, day.marker) {
        (true, false) => "the state says that the day is complete, and its marker is missing",
        (false, true) => "the marker says that the day is complete, and the state doesn't",
        _ => return None,
    };
    Some(broken(Promise::P4, what))
}

/// P5: the state is the index of the day's files. It may lag behind and count only the first of the numbered
/// ones; it has exactly the ids of the files that it counts.
pub fn p5_index_of_the_files<Id: Ord + Display>(
    files: &[File<Id>],
    state: &StateFacts<Id>,
) -> Violations {
    let mut violations = Vec::new();
    let number = |name: &FileName| match name {
        FileName::Numbered(number) => Some(*number),
        FileName::Earlier(_) => None,
    };
    let lost = state.lost.iter().filter_map(number);
    let numbers: BTreeSet<_> = files.iter().filter_map(File::number).chain(lost).collect();
    let there = numbers.len() as u64;
    if !numbers.iter().copied().eq(1..=there) {
        let what = format!("the files' numbers have a gap: {numbers:?}");
        violations.push(broken(Promise::P5, what));
    }
    if state.commits > there {
        let what = format!("the state counts {} of {there} files", state.commits);
        violations.push(broken(Promise::P5, what));
    }
    let counted = files
        .iter()
        .filter(|file| file.number().is_none_or(|number| number <= state.commits));
    let indexed: BTreeSet<_> = counted.flat_map(|file| &file.ids).collect();
    for id in &indexed {
        if !state.ids.contains(*id) {
            let what = format!("{id} is in a file that the state counts, and not in the state");
            violations.push(broken(Promise::P5, what));
        }
    }
    for id in state.ids.iter().filter(|id| !indexed.contains(id)) {
        let what = format!("{id} {IN_NO_FILE} that it counts");
        violations.push(broken(Promise::P5, what));
    }
    violations
}

/// P5 of a run: the state that it opened has the ids of each file that existed at that time, even if the
/// document was damaged.
pub fn p5_opened<Id: Display>(
    knows: impl Fn(&Id) -> bool,
    were_there: impl IntoIterator<Item = Id>,
) -> Violations {
    let unknown = were_there.into_iter().filter(|id| !knows(id));
    unknown
        .map(|id| {
            broken(
                Promise::P5,
                format!("a run goes on without knowing of {id}"),
            )
        })
        .collect()
}

/// P6: a numbered file has rows.
pub fn p6_no_empty_file<Id>(files: &[File<Id>]) -> Violations {
    let numbered = files.iter().filter(|file| file.number().is_some());
    let empty = numbered.filter(|file| file.ids.is_empty());
    empty
        .map(|file| broken(Promise::P6, format!("{} has no rows", file.name)))
        .collect()
}

/// P7 of a day at rest: one execution per run; each file in the execution of the run that wrote it, which
/// counts the file's rows; the state counts all files; a run with status `ok` has no failed slices.
pub fn p7_audited<Id: Ord + Display>(day: &DayFacts<Id>) -> Violations {
    let Some(state) = &day.state else {
        let what = "there are files, and no state";
        let unaudited = (!day.files.is_empty()).then(|| broken(Promise::P7, what));
        return unaudited.into_iter().collect();
    };
    let mut violations = Vec::new();
    let mut blame = |what: String| violations.push(broken(Promise::P7, what));
    let lost = state.lost.iter();
    let lost = lost.filter(|name| matches!(name, FileName::Numbered(_)));
    if state.commits != day.commits() + lost.count() as u64 {
        blame(format!("the state counts {} files", state.commits));
    }
    let mut runs = BTreeSet::new();
    for run in state.executions.iter().filter_map(|entry| entry.run) {
        if !runs.insert(run) {
            blame(format!("the run {run} has two executions"));
        }
    }
    for file in &day.files {
        let has = |entry: &&ExecutionEntry| entry.files.contains(&file.name);
        let owners: Vec<_> = state.executions.iter().filter(has).collect();
        if owners.len() != 1 || owners[0].run != file.run {
            let owners: Vec<_> = owners.iter().map(|entry| entry.run).collect();
            let (name, run) = (&file.name, file.run);
            blame(format!(
                "{name} is of {run:?}, and in executions of {owners:?}"
            ));
        }
    }
    for entry in &state.executions {
        let mine = day.files.iter();
        let mine = mine.filter(|file| entry.files.contains(&file.name));
        let rows: BTreeSet<_> = mine.flat_map(|file| &file.ids).collect();
        let (run, new) = (entry.run.unwrap_or_default(), entry.counts.new);
        if new != rows.len() as u64 {
            let rows = rows.len();
            blame(format!(
                "the run {run} counts {new} new records, and stored {rows}"
            ));
        }
        if entry.status == Status::Ok && entry.failed_slices > 0 {
            blame(format!("the run {run} is green with failed slices"));
        }
    }
    violations
}

/// P7 of one run: its returned execution equals the audit entry, and counts no more fetched rows than it was
/// `served`.
pub fn p7_told<Id>(state: &StateFacts<Id>, told: &ExecutionEntry, served: u64) -> Violations {
    let mut entries = state.executions.iter();
    let run = told.run.unwrap_or_default();
    let Some(entry) = entries.find(|entry| entry.run == told.run) else {
        return vec![broken(
            Promise::P7,
            format!("the run {run} isn't in the audit"),
        )];
    };
    let mut violations = Vec::new();
    let (said, written) = (
        (told.status, &told.counts, &told.files),
        (entry.status, &entry.counts, &entry.files),
    );
    // Files found after the run's end are credited to it.
    let recovered = entry.status == Status::Recovered;
    if said != written && !recovered {
        let what = format!("the run {run} said {said:?}, and the audit {written:?}");
        violations.push(broken(Promise::P7, what));
    }
    let fetched = entry.counts.fetched;
    if fetched > served {
        let what = format!("the run {run} counts {fetched} rows fetched, and was served {served}");
        violations.push(broken(Promise::P2, what));
    }
    violations
}

fn stored<Id: Ord>(files: &[File<Id>]) -> BTreeSet<&Id> {
    files.iter().flat_map(|file| &file.ids).collect()
}
