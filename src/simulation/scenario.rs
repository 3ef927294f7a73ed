//! What a schedule begins with: who is there, what may go wrong, and how the choices fall.

use super::actors::Role;
use super::api::{Manner, Oddity, Shape};
use super::choices::Choices;
use super::desk::Op;
use crate::source::declaration::{Mode, Require};

/// What the lake holds at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// One commit and its state.
    Stored,
    /// One commit that the state doesn't know of yet.
    Unindexed,
    /// Two commits, and no state.
    StateLost,
    /// A file of the earlier pipeline, and its state, which names a record that it lost.
    Earlier,
}

/// What goes wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller dies, and it doesn't happen …
    Crash,
    /// … or has happened …
    CrashAfter,
    /// … or happens at any time later.
    CrashLate,
    /// It doesn't happen, and the caller is told that the connection broke.
    Fail,
    /// It happens, and the caller is told the same.
    LoseReply,
    /// It happens at any time later, and the caller is told the same.
    Late,
    /// The caller is told that somebody else is writing: "conflict", of what may not even exist.
    Busy,
    /// The two halves of a listing are of different instants.
    Torn,
    /// The API's answer isn't what it should be.
    Odd(Oddity),
}

/// What somebody else does to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It is gone.
    Lose,
    /// A stray writer puts back what it once read.
    Stale,
    /// The earlier pipeline writes it: without what it doesn't know, and with a record that it
    /// hasn't stored.
    Earlier,
    /// It is cut short.
    Cut,
}

/// What a schedule begins with.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub before: Before,
    /// How many records the API has in the end.
    pub records: usize,
    /// How many of them it lists from the beginning; all of them: the day is over.
    pub published: usize,
    /// Who is there: in each lane one after the other.
    pub lanes: Vec<Vec<Role>>,
    pub harms: Vec<Harm>,
    /// How many operations may go wrong …
    pub faults: u32,
    /// … and how probable it is of each.
    pub fault_rate: f64,
    /// How probable it is that the one who ran goes on.
    pub stays: f64,
    /// All schedules are gone through, those left out that differ in nothing that anyone sees.
    pub exhaustive: bool,
    /// Whole runs of the program read an API of this manner.
    pub manner: Option<Manner>,
}

/// The most records that the API can have …
pub const RECORDS: usize = 6;
/// … and has for whole runs.
pub const RECORDS_READ: usize = 8;
/// The most parents.
pub const PARENTS_READ: usize = 4;

/// While the day is under way; after its end, when it may still change; and after that.
pub const DURING: &str = "2025-10-22T11:00:00Z";
pub const SETTLING: &str = "2025-10-23T04:00:00Z";
pub const SETTLED: &str = "2025-10-23T11:00:00Z";

impl Fault {
    /// What can go wrong with an operation.
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

    /// Those that no other one is the same as: who dies before it reads might have died after it
    /// wrote, or before it writes next.
    pub fn different(op: &Op) -> &'static [Self] {
        match op {
            Op::Get { .. } => &[Self::Fail],
            Op::List { before: None, .. } => &[Self::Fail, Self::Torn],
            Op::List { .. } => &[Self::Fail],
            Op::Put { .. } | Op::Delete { .. } => Self::of(op),
            // What dies with an answer might have died with the write before or after it.
            Op::Ask { .. } => &[],
        }
    }

    /// Whether the operation happens now.
    pub fn lets_happen(self) -> bool {
        matches!(self, Self::CrashAfter | Self::LoseReply | Self::Torn)
    }
}

impl Before {
    /// How many records are stored already.
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
    /// Whether the day is one of children.
    pub fn is_of_children(&self) -> bool {
        let shape = self.manner.as_ref().map(|manner| manner.shape);
        shape == Some(Shape::Children)
    }

    /// Whether new records come first in the API's listing.
    pub fn newest_first(&self) -> bool {
        self.manner
            .as_ref()
            .is_some_and(|manner| manner.newest_first)
    }

    /// What our clock says at the beginning.
    pub fn begins(&self) -> &'static str {
        let ahead = self.manner.as_ref().map(|manner| manner.clock_ahead);
        match ahead {
            Some(false) if self.published < self.records => DURING,
            _ => SETTLED,
        }
    }

    /// Two runs of a day that is over, whose choices are gone through one by one.
    pub fn exhaustive(before: Before, lanes: &[Role], faults: u32, harms: &[Harm]) -> Self {
        // One page of new ones, which both find.
        let records = before.stored() + 2;
        Self {
            before,
            records,
            published: records,
            lanes: lanes.iter().map(|role| vec![*role]).collect(),
            harms: harms.to_vec(),
            faults,
            fault_rate: 0.0,
            stays: 0.0,
            exhaustive: true,
            manner: None,
        }
    }

    /// One run or more of a day that is over, by the program's own code, whose choices are gone
    /// through one by one.
    pub fn exhaustive_reads(before: Before, lanes: &[Role], faults: u32, manner: Manner) -> Self {
        // Those of the one slice.
        let records = RECORDS_READ - 2;
        Self {
            records,
            published: records,
            manner: Some(manner),
            ..Self::exhaustive(before, lanes, faults, &[])
        }
    }

    /// Whatever the choices say.
    pub fn random(choices: &mut Choices) -> Self {
        use Before::{Earlier, Nothing, StateLost, Stored, Unindexed};
        let befores = [Nothing, Stored, Unindexed, StateLost, Earlier];
        // A run more often than the others.
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
            lanes,
            harms,
            faults: [0, 1, 2, 3, 6][choices.pick(5)],
            fault_rate: 0.12,
            stays: [0.0, 0.5, 0.9][choices.pick(3)],
            exhaustive: false,
            manner: None,
        }
    }

    /// The same of whole runs.
    pub fn random_reads(choices: &mut Choices) -> Self {
        use Before::{Earlier, Nothing, StateLost, Stored, Unindexed};
        let befores = [Nothing, Stored, Unindexed, StateLost, Earlier];
        // A full reading more often than anything else.
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
                        // The others can't be asked only for what is new.
                        (Shape::Versions, Role::Read(Mode::New))
                        | (Shape::Children, Role::Read(_)) => Role::Read(Mode::Full),
                        (_, role) => role,
                    })
                    .collect()
            })
            .collect();
        let count = [0, 0, 0, 1][choices.pick(4)];
        // The earlier pipeline knows of slices alone.
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
                // All of them, or much of the same.
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
        }
    }
}
