//! Initial conditions of a schedule: actors, possible faults, and probabilities.

use super::actors::Role;
use super::api::{Manner, Oddity, Shape};
use super::choices::Choices;
use super::desk::{Op, StoreFlaw};
use bronzed_model::declaration::{Mode, Require};

/// Initial content of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Empty.
    Nothing,
    /// One commit and its state.
    Stored,
    /// One commit that the state doesn't count yet.
    Unindexed,
    /// Two commits without a state.
    StateLost,
    /// A file of the earlier pipeline, and its state, which names a record that has no row.
    Earlier,
}

/// Fault of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller dies and the operation doesn't happen.
    Crash,
    /// The caller dies after the operation.
    CrashAfter,
    /// The caller dies and the operation happens at any later time.
    CrashLate,
    /// The operation doesn't happen, and the caller gets a connection error.
    Fail,
    /// The operation happens, and the caller gets a connection error.
    LoseReply,
    /// The operation happens at any later time, and the caller gets a connection error.
    Late,
    /// The caller gets a conflict with a concurrent write, even if the object doesn't exist.
    Busy,
    /// The two halves of a listing are of different instants.
    Torn,
    /// The API's response is faulty.
    Odd(Oddity),
}

/// External change to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The state is deleted.
    Lose,
    /// A stray writer restores an old version.
    Stale,
    /// The earlier pipeline writes the state: without fields that it doesn't know, and with a record that
    /// isn't stored.
    Earlier,
    /// The state is truncated.
    Cut,
}

/// Initial conditions of a schedule.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub before: Before,
    /// Number of records that the API lists in the end.
    pub records: usize,
    /// Number of records listed from the beginning; if it equals `records`, the day is over.
    pub published: usize,
    /// Number of records of a commit; of whole runs the least. With few, states lag by several files.
    pub commit: usize,
    /// Actors: those of a lane act one after the other.
    pub lanes: Vec<Vec<Role>>,
    pub harms: Vec<Harm>,
    /// Maximum number of faulty operations.
    pub faults: u32,
    /// Probability of a fault in each operation.
    pub fault_rate: f64,
    /// Probability that the actor that ran last continues.
    pub stays: f64,
    /// `true` if all schedules are enumerated, except those that no actor can distinguish from another one.
    pub exhaustive: bool,
    /// Behaviour of the API for whole runs; `None` if only the commit protocol is played.
    pub manner: Option<Manner>,
    /// Flaw of the store below the lake; `None` if it keeps its contract.
    pub store: Option<StoreFlaw>,
}

/// Maximum number of records for commits.
pub const RECORDS: usize = 6;
/// Maximum number of records for whole runs.
pub const RECORDS_READ: usize = 8;
/// Maximum number of parents.
pub const PARENTS_READ: usize = 4;

/// Times while the day is under way; after its end, before it has settled; and after that.
pub const DURING: &str = "2025-10-22T11:00:00Z";
pub const SETTLING: &str = "2025-10-23T04:00:00Z";
pub const SETTLED: &str = "2025-10-23T11:00:00Z";

impl Fault {
    /// Returns the faults that an operation can have.
    pub fn of(op: &Op) -> &'static [Self] {
        match op {
            Op::Put { .. } => &[
                Self::Crash,
                Self::CrashAfter,
                Self::CrashLate,
                Self::Fail,
                Self::LoseReply,
                Self::Late,
                Self::Busy,
            ],
            Op::Get { .. } => &[Self::Crash, Self::Fail],
            Op::List { before: None, .. } => &[Self::Crash, Self::Fail, Self::Torn],
            Op::List { .. } => &[Self::Crash, Self::Fail],
            Op::Delete { .. } => &[Self::Crash, Self::CrashAfter],
            Op::Ask { .. } => &[Self::Crash],
        }
    }

    /// Returns only faults with distinct effects: a crash before a read equals one after the previous write
    /// or before the next one.
    pub fn different(op: &Op) -> &'static [Self] {
        match op {
            Op::Get { .. } => &[Self::Fail],
            Op::List { before: None, .. } => &[Self::Fail, Self::Torn],
            Op::List { .. } => &[Self::Fail],
            Op::Put { .. } | Op::Delete { .. } => Self::of(op),
            // A crash on a response equals one at the write before or after it.
            Op::Ask { .. } => &[],
        }
    }

    /// Returns `true` if the operation happens now.
    pub fn lets_happen(self) -> bool {
        matches!(self, Self::CrashAfter | Self::LoseReply | Self::Torn)
    }
}

impl Before {
    /// Returns the number of records already stored.
    fn stored(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Stored | Self::Earlier => 2,
            Self::Unindexed | Self::StateLost => 4,
        }
    }
}

impl Harm {
    pub fn name(self) -> &'static str {
        match self {
            Self::Lose => "state lost",
            Self::Stale => "state overwritten by an older one",
            Self::Earlier => "state overwritten by the earlier pipeline",
            Self::Cut => "state cut short",
        }
    }
}

impl Scenario {
    /// Returns `true` if the dataset is a child.
    pub fn is_of_children(&self) -> bool {
        let shape = self.manner.as_ref().map(|manner| manner.shape);
        shape == Some(Shape::Children)
    }

    /// Returns `true` if the API lists new records first.
    pub fn newest_first(&self) -> bool {
        self.manner
            .as_ref()
            .is_some_and(|manner| manner.newest_first)
    }

    /// Returns the initial time of our clock.
    pub fn begins(&self) -> &'static str {
        let ahead = self.manner.as_ref().map(|manner| manner.clock_ahead);
        match ahead {
            Some(false) if self.published < self.records => DURING,
            _ => SETTLED,
        }
    }

    /// Two runs of a day that is over, with all choices enumerated.
    pub fn exhaustive(before: Before, lanes: &[Role], faults: u32, harms: &[Harm]) -> Self {
        // One page of new records, which both runs find.
        let records = before.stored() + 2;
        Self {
            before,
            records,
            published: records,
            commit: 2,
            lanes: lanes.iter().map(|role| vec![*role]).collect(),
            harms: harms.to_vec(),
            faults,
            fault_rate: 0.0,
            stays: 0.0,
            exhaustive: true,
            manner: None,
            store: None,
        }
    }

    /// One or more runs of the program's own code, of a day that is over, with all choices enumerated.
    pub fn exhaustive_reads(before: Before, lanes: &[Role], faults: u32, manner: Manner) -> Self {
        // Records of the single slice only.
        let records = RECORDS_READ - 2;
        Self {
            records,
            published: records,
            commit: 3,
            manner: Some(manner),
            ..Self::exhaustive(before, lanes, faults, &[])
        }
    }

    /// A random scenario.
    pub fn random(choices: &mut Choices) -> Self {
        use Before::{Earlier, Nothing, StateLost, Stored, Unindexed};
        let befores = [Nothing, Stored, Unindexed, StateLost, Earlier];
        // Runs are more frequent than the other roles.
        let roles = [
            Role::Run,
            Role::Run,
            Role::Stubborn,
            Role::Partial,
            Role::Open,
            Role::Look,
            Role::Rebuild,
        ];
        let harms = [Harm::Lose, Harm::Stale, Harm::Earlier, Harm::Cut];
        let before = befores[choices.pick(befores.len())];
        let lanes = (0..2 + choices.pick(3))
            .map(|_| {
                let lives = 1 + choices.pick(2);
                (0..lives)
                    .map(|_| roles[choices.pick(roles.len())])
                    .collect()
            })
            .collect();
        let count = [0, 0, 1, 2][choices.pick(4)];
        let harms = (0..count)
            .map(|_| harms[choices.pick(harms.len())])
            .collect();
        Self {
            before,
            records: RECORDS,
            published: RECORDS - choices.pick(3),
            commit: [2, 1][choices.pick(2)],
            lanes,
            harms,
            faults: [0, 1, 2, 3, 6][choices.pick(5)],
            fault_rate: 0.12,
            stays: [0.0, 0.5, 0.9][choices.pick(3)],
            exhaustive: false,
            manner: None,
            store: None,
        }
    }

    /// A random scenario of whole runs.
    pub fn random_reads(choices: &mut Choices) -> Self {
        use Before::{Earlier, Nothing, StateLost, Stored, Unindexed};
        let befores = [Nothing, Stored, Unindexed, StateLost, Earlier];
        // Full reads are more frequent than the other modes.
        let roles = [
            Role::Read(Mode::Full),
            Role::Read(Mode::Full),
            Role::Read(Mode::New),
            Role::Read(Mode::Verify),
            Role::Open,
            Role::Rebuild,
        ];
        let shapes = [
            Shape::Slices,
            Shape::Slices,
            Shape::Versions,
            Shape::Children,
        ];
        let shape = shapes[choices.pick(shapes.len())];
        let records = match shape {
            Shape::Children => PARENTS_READ,
            _ => RECORDS_READ,
        };
        let requires = [Require::UniqueTotal, Require::RowTotal, Require::TwoWalks];
        let published = records - choices.pick(records.min(5));
        let dated = choices.pick(2) == 0;
        let lanes = (0..1 + choices.pick(3))
            .map(|_| {
                let lives = 1 + choices.pick(2);
                (0..lives)
                    .map(|_| match (shape, roles[choices.pick(roles.len())]) {
                        (Shape::Slices, role) => role,
                        // Versions and children don't support mode `new`.
                        (Shape::Versions, Role::Read(Mode::New))
                        | (Shape::Children, Role::Read(_)) => Role::Read(Mode::Full),
                        (_, role) => role,
                    })
                    .collect()
            })
            .collect();
        let count = [0, 0, 0, 1][choices.pick(4)];
        // The earlier pipeline knows only slices.
        let harms = [Harm::Lose, Harm::Stale, Harm::Cut, Harm::Earlier];
        let harms = match shape {
            Shape::Slices => &harms[..],
            _ => &harms[..3],
        };
        Self {
            before: match shape {
                Shape::Slices => befores[choices.pick(befores.len())],
                _ => Nothing,
            },
            records,
            published,
            // More than a page and fewer than a slice, or each page.
            commit: [3, 1][choices.pick(2)],
            lanes,
            harms: (0..count)
                .map(|_| harms[choices.pick(harms.len())])
                .collect(),
            faults: [0, 1, 2, 4][choices.pick(4)],
            fault_rate: 0.08,
            stays: [0.0, 0.5, 0.9][choices.pick(3)],
            exhaustive: false,
            manner: Some(Manner {
                shape,
                slices: 2,
                newest_first: choices.pick(2) == 1,
                require: requires[choices.pick(requires.len())],
                dated,
                clock_ahead: dated && choices.pick(4) == 1,
                oddities: [0, 1, 3, 8][choices.pick(4)],
                // All kinds, or a single kind repeatedly.
                kinds: match choices.pick(2) {
                    0 => Oddity::ALL.to_vec(),
                    _ => vec![Oddity::ALL[choices.pick(Oddity::ALL.len())]],
                },
                stirs: [0.5, 0.2, 0.05][choices.pick(3)],
                removals: [0, 0, 1, 2][choices.pick(4)],
                changes: match shape {
                    Shape::Versions => 1 + choices.pick(3),
                    _ => 0,
                },
                stops: [0, 0, 0, 1][choices.pick(4)],
            }),
            store: None,
        }
    }
}
