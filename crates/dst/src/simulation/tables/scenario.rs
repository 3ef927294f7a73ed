//! Initial conditions of a schedule of tables.

use super::super::choices::Choices;

/// Number of days.
pub const DAYS: usize = 2;
/// Datasets of the table of records; the third one is a snapshot.
const RECORDS: usize = 2;
const SNAPSHOT: usize = 2;

/// A row to be committed.
#[derive(Debug, Clone, Copy)]
pub struct PlannedRow {
    pub key: usize,
    /// Time of its last change; 0 for none.
    pub updated: usize,
    /// Month of its publication; 0 for none.
    pub published: usize,
    pub vanished: bool,
}

/// A commit of bronze.
#[derive(Debug, Clone)]
pub struct PlannedCommit {
    pub dataset: usize,
    pub day: usize,
    pub rows: Vec<PlannedRow>,
}

/// Behaviour of an actor.
#[derive(Debug, Clone)]
pub enum TableRole {
    /// Commits rows, one file after the other, and then publishes; again, with what it knows of the logs, as a daemon does.
    Run(Vec<Vec<PlannedCommit>>),
    /// Commits rows that nobody publishes, as a run does whose publication fails.
    Commit(Vec<PlannedCommit>),
    /// Notes records as withdrawn, or as listed again.
    Note { day: usize, mask: usize },
    /// Publishes all days of all datasets.
    Publish,
    /// Makes the logs equal to the files, as `bronzed tables rebuild` does.
    Align,
    /// Compares the logs with the files, as `bronzed tables verify` does.
    Compare,
    /// Compacts all days that are due, and all are.
    Compact,
    /// Builds the silver table, twice by one builder.
    Build,
    /// Makes the silver table anew.
    Renew,
}

/// Silver table that is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Flag,
    Omit,
    History,
}

/// Initial conditions of a schedule.
#[derive(Debug, Clone)]
pub struct TableScenario {
    pub kind: TableKind,
    /// Roles that come before, undisturbed.
    pub before: Vec<TableRole>,
    /// Actors: those of a lane act one after the other.
    pub lanes: Vec<Vec<TableRole>>,
    /// Maximum number of faulty operations.
    pub faults: u32,
    /// Probability of a fault in each operation.
    pub fault_rate: f64,
    /// Probability that the actor that ran last continues.
    pub stays: f64,
    /// Memory of the rows that a step of a build takes in.
    pub step_bytes: usize,
    /// `true` if there is a silver table, and not only logs.
    pub silver: bool,
    /// Versions of a log from one checkpoint to the next.
    pub checkpoint_every: u64,
    /// Run after an object of a log was lost and the log was rebuilt; `None` if none is lost.
    pub after_loss: Option<TableRole>,
}

impl TableScenario {
    /// A random scenario.
    pub fn random(choices: &mut Choices) -> Self {
        match choices.pick(2) {
            0 => Self::of_everything(choices),
            _ => Self::of_logs(choices),
        }
    }

    /// Logs and a silver table, and all that there is to do with them.
    fn of_everything(choices: &mut Choices) -> Self {
        let kinds = [TableKind::Flag, TableKind::Omit, TableKind::History];
        let kind = kinds[choices.pick(kinds.len())];
        let run = |choices: &mut Choices| {
            let runs = 1 + choices.pick(2);
            let runs = (0..runs).map(|_| commits(kind, choices));
            TableRole::Run(runs.collect())
        };
        let mut before = Vec::new();
        if choices.pick(3) > 0 {
            before.push(run(choices));
            if choices.pick(2) == 0 {
                before.push(TableRole::Build);
            }
            if choices.pick(3) == 0 {
                before.push(TableRole::Compact);
            }
        }
        let lanes = (0..2 + choices.pick(3)).map(|_| {
            let lives = 1 + choices.pick(2);
            let lives = (0..lives).map(|_| match choices.pick(10) {
                0..=2 => run(choices),
                3 => TableRole::Note {
                    day: choices.pick(DAYS),
                    mask: choices.pick(16),
                },
                4 => TableRole::Publish,
                5 => TableRole::Align,
                6 => TableRole::Compact,
                7 | 8 => TableRole::Build,
                _ => TableRole::Renew,
            });
            lives.collect()
        });
        Self {
            kind,
            before,
            lanes: lanes.collect(),
            faults: [0, 1, 2, 4, 8][choices.pick(5)],
            fault_rate: 0.05,
            stays: [0.0, 0.5, 0.9][choices.pick(3)],
            step_bytes: [1, usize::MAX][choices.pick(2)],
            silver: true,
            checkpoint_every: [30, 3][choices.pick(2)],
            after_loss: None,
        }
    }

    /// The log of one table, nearly all of whose commits are of one day: what concerns it meets in it more often, and without a
    /// silver table a schedule takes less time.
    fn of_logs(choices: &mut Choices) -> Self {
        let before = match choices.pick(4) {
            0 => Vec::new(),
            1 => vec![TableRole::Commit(more_commits(choices))],
            _ => vec![run_of_a_day(choices)],
        };
        let lanes = (0..2 + choices.pick(2)).map(|_| {
            let lives = (0..1 + choices.pick(3)).map(|_| match choices.pick(10) {
                0..=2 => run_of_a_day(choices),
                3 => TableRole::Commit(more_commits(choices)),
                4 => TableRole::Publish,
                5 | 6 => TableRole::Align,
                7 => TableRole::Compare,
                _ => TableRole::Compact,
            });
            lives.collect()
        });
        Self {
            kind: TableKind::Flag,
            before,
            lanes: lanes.collect(),
            faults: [0, 0, 1, 2, 4][choices.pick(5)],
            fault_rate: 0.05,
            stays: [0.0, 0.5, 0.9, 0.97][choices.pick(4)],
            step_bytes: usize::MAX,
            silver: false,
            checkpoint_every: [30, 2, 3][choices.pick(3)],
            after_loss: (choices.pick(4) == 1).then(|| run_of_a_day(choices)),
        }
    }
}

fn run_of_a_day(choices: &mut Choices) -> TableRole {
    let runs = (0..1 + choices.pick(3)).map(|_| more_commits(choices));
    TableRole::Run(runs.collect())
}

/// Returns one or two commits of a row each, mostly of the first day.
fn more_commits(choices: &mut Choices) -> Vec<PlannedCommit> {
    let commits = (0..1 + choices.pick(2)).map(|_| PlannedCommit {
        dataset: 0,
        day: usize::from(choices.pick(4) == 3),
        rows: vec![PlannedRow {
            // Few runs find a row that is there, and commit nothing.
            key: choices.pick(40),
            updated: 0,
            published: 0,
            vanished: false,
        }],
    });
    commits.collect()
}

/// Returns the commits of a run: of one day, or of several.
fn commits(kind: TableKind, choices: &mut Choices) -> Vec<PlannedCommit> {
    let first = commit(kind, choices);
    let count = choices.pick(3);
    let same_day = choices.pick(2) == 0;
    let more = (0..count).map(|_| match (commit(kind, choices), same_day) {
        (commit, true) => PlannedCommit {
            dataset: first.dataset,
            day: first.day,
            ..commit
        },
        (commit, false) => commit,
    });
    let more: Vec<_> = more.collect();
    [vec![first], more].concat()
}

fn commit(kind: TableKind, choices: &mut Choices) -> PlannedCommit {
    let dataset = match kind {
        TableKind::History => SNAPSHOT,
        TableKind::Flag | TableKind::Omit => choices.pick(RECORDS),
    };
    let rows = 1 + choices.pick(2);
    let rows = (0..rows).map(|_| PlannedRow {
        key: choices.pick(3),
        updated: choices.pick(4),
        published: choices.pick(3),
        vanished: kind == TableKind::History && choices.pick(3) == 2,
    });
    PlannedCommit {
        rows: rows.collect(),
        dataset,
        day: choices.pick(DAYS),
    }
}
