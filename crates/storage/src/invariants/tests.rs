//! Each promise is violated by a day made to violate it, and by no sound day.

use super::*;
use bronzed_model::counts::Counts;
use bronzed_model::execution::Status;
use uuid::Uuid;

fn run(number: u128) -> Option<Uuid> {
    Some(Uuid::from_u128(number))
}

fn file(number: u64, ids: &[u8]) -> File<u8> {
    File {
        name: FileName::Numbered(number),
        ids: ids.to_vec(),
        run: run(number.into()),
    }
}

fn execution(number: u64, new: u64) -> ExecutionEntry {
    ExecutionEntry {
        run: run(number.into()),
        status: Status::Ok,
        counts: Counts {
            fetched: new + 1,
            new,
            duplicates: 1,
            ..Counts::default()
        },
        files: vec![FileName::Numbered(number)],
        failed_slices: 0,
    }
}

/// A sound, complete day: two files, and a state that counts both.
fn sound() -> (DayFacts<u8>, Served<u8>) {
    let state = StateFacts {
        ours: true,
        ids: [1, 2, 3].into(),
        total: 3,
        commits: 2,
        complete: true,
        lost: BTreeSet::new(),
        executions: vec![execution(1, 2), execution(2, 1)],
    };
    let day = DayFacts {
        files: vec![file(1, &[1, 2]), file(2, &[3])],
        state: Some(state),
        marker: true,
    };
    let served = Served {
        ever: [1, 2, 3].into(),
        finally: Some([1, 2, 3].into()),
    };
    (day, served)
}

fn promises(violations: &[Violation]) -> BTreeSet<Promise> {
    violations
        .iter()
        .map(|violation| violation.promise)
        .collect()
}

#[test]
fn a_sound_day_breaks_no_promise() {
    let (day, served) = sound();
    assert_eq!(at_rest(&day, &served), []);
    // The state may lag behind: it doesn't count the second file yet.
    let (mut late, served) = sound();
    let state = late.state.as_mut().unwrap();
    (state.commits, state.total, state.complete, late.marker) = (1, 2, false, false);
    state.ids.remove(&3);
    state.executions.pop();
    assert_eq!(at_every_step(&late, &served), []);
    assert_eq!(promises(&at_rest(&late, &served)), [Promise::P7].into());
    // … or be missing.
    late.state = None;
    assert_eq!(at_every_step(&late, &served), []);
}

type Harm = fn(&mut DayFacts<u8>, &mut Served<u8>);

#[test]
fn each_promise_is_seen_to_be_broken() {
    let harms: [(&str, Promise, Harm); 15] = [
        ("a row twice", Promise::P1, |day, _| {
            day.files[1].ids.push(1)
        }),
        ("a row twice in a file", Promise::P1, |day, _| {
            day.files[1].ids.push(3)
        }),
        ("a row that isn't counted", Promise::P2, |day, _| {
            day.state.as_mut().unwrap().executions[0].counts.fetched += 1;
        }),
        ("a wrong total", Promise::P2, |day, _| {
            day.state.as_mut().unwrap().total = 4
        }),
        ("a record that isn't stored", Promise::P2, |_, served| {
            served.finally.as_mut().unwrap().insert(4);
        }),
        ("a record of nobody", Promise::P2, |day, _| {
            day.files[1].ids.push(9)
        }),
        ("an id without a row", Promise::P3, |day, _| {
            day.state.as_mut().unwrap().ids.insert(4);
        }),
        ("a file that isn't", Promise::P3, |day, _| {
            let files = &mut day.state.as_mut().unwrap().executions[0].files;
            files.push(FileName::Numbered(7));
        }),
        ("complete too early", Promise::P4, |_, served| {
            served.finally = None
        }),
        ("complete without a record", Promise::P4, |day, served| {
            day.state.as_mut().unwrap().complete = false;
            served.finally.as_mut().unwrap().insert(4);
        }),
        ("complete without a marker", Promise::P4, |day, _| {
            day.marker = false
        }),
        ("a row that the state forgot", Promise::P5, |day, _| {
            day.state.as_mut().unwrap().ids.remove(&2);
        }),
        ("a gap", Promise::P5, |day, _| day.files[1] = file(3, &[3])),
        ("an empty file", Promise::P6, |day, _| {
            day.files.push(file(3, &[]))
        }),
        ("two entries of one run", Promise::P7, |day, _| {
            let executions = &mut day.state.as_mut().unwrap().executions;
            executions.push(execution(2, 0));
        }),
    ];
    for (what, promise, harm) in harms {
        let (mut day, mut served) = sound();
        harm(&mut day, &mut served);
        let broken = at_rest(&day, &served);
        assert!(promises(&broken).contains(&promise), "{what}: {broken:?}");
    }
}

#[test]
fn an_execution_counts_what_the_state_counts() {
    let named = [FileName::Numbered(2), FileName::Earlier("x".to_owned())];
    assert_eq!(p3_counted(2, &named), []);
    assert_eq!(promises(&p3_counted(1, &named)), [Promise::P3].into());
}

#[test]
fn a_run_that_is_green_read_everything() {
    let (mut day, _) = sound();
    let state = day.state.as_mut().unwrap();
    state.executions[1].failed_slices = 1;
    assert_eq!(promises(&p7_audited(&day)), [Promise::P7].into());
}

#[test]
fn what_a_run_said_is_what_the_audit_says() {
    let (day, _) = sound();
    let state = day.state.unwrap();
    let told = execution(2, 1);
    assert_eq!(p7_told(&state, &told, 2), []);
    assert_eq!(promises(&p7_told(&state, &told, 1)), [Promise::P2].into());
    let red = ExecutionEntry {
        status: Status::Failed,
        ..told
    };
    assert_eq!(promises(&p7_told(&state, &red, 2)), [Promise::P7].into());
    let unheard = ExecutionEntry { run: run(7), ..red };
    assert_eq!(
        promises(&p7_told(&state, &unheard, 2)),
        [Promise::P7].into()
    );
}

#[test]
fn a_run_goes_by_all_that_was_there() {
    assert_eq!(p5_opened(|id| *id < 3, [1, 2]), []);
    assert_eq!(
        promises(&p5_opened(|id| *id < 3, [1, 3])),
        [Promise::P5].into()
    );
}

/// Duplicates of the earlier pipeline remain; this program may not add to them.
#[test]
fn rows_of_the_earlier_pipeline_count_once() {
    let earlier = |ids: &[u8]| File {
        name: FileName::Earlier("pncp_20251022_120003.parquet".to_owned()),
        ids: ids.to_vec(),
        run: None,
    };
    assert_eq!(p1_exactly_once(&[file(1, &[3]), earlier(&[1, 1, 2])]), []);
    let doubled = p1_exactly_once(&[file(1, &[2]), earlier(&[1, 2])]);
    assert_eq!(promises(&doubled), [Promise::P1].into());
}
