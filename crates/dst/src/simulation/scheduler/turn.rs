//! Possible next steps, and their conflicts for partial-order reduction.

use object_store::PutMode;

use super::super::api::Place;
use super::super::desk::{Op, Request};
use super::super::scenario::Harm;
use bronzed_storage::testing::support;

/// A possible next step.
#[derive(Debug, Clone)]
pub enum Turn {
    /// An operation of an actor is granted.
    Grant(Request),
    /// An actor's wait ends.
    Wake(usize),
    /// A delayed operation happens, after its caller was told that it failed.
    Deliver(Request),
    /// The API lists one more record; after the last one, the day is over.
    Publish,
    /// The API deletes a record.
    Remove,
    /// The API lists a deleted record again.
    Return,
    /// A record of the API changes.
    Change,
    /// A run is cancelled.
    Stop(usize),
    /// The state is changed from outside.
    Harm(u64, Harm),
}

impl Turn {
    pub fn id(&self) -> u64 {
        match self {
            Self::Grant(request) | Self::Deliver(request) => request.id,
            Self::Harm(id, _) => *id,
            Self::Wake(_) | Self::Stop(_) => 0,
            Self::Publish | Self::Remove | Self::Return | Self::Change => 0,
        }
    }

    /// Returns `true` if the order of two turns matters. Two writes always conflict, because the promises
    /// cover all objects at once; so do two turns of one actor, because it continues after each.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        if self.lane().is_some() && self.lane() == other.lane() {
            return true;
        }
        let (ours, theirs) = (self.touches(), other.touches());
        match (ours.1, theirs.1) {
            (true, true) => true,
            (false, false) => false,
            _ => {
                ours.0 == theirs.0
                    || ours.0.starts_with(&format!("{}/", theirs.0))
                    || theirs.0.starts_with(&format!("{}/", ours.0))
            }
        }
    }

    fn lane(&self) -> Option<usize> {
        match self {
            Self::Grant(request) => Some(request.lane),
            Self::Wake(lane) | Self::Stop(lane) => Some(*lane),
            _ => None,
        }
    }

    /// Returns the key or folder, and `true` if it is written.
    fn touches(&self) -> (&str, bool) {
        match self {
            Self::Grant(request) | Self::Deliver(request) => match &request.op {
                Op::Get { key } => (key, false),
                Op::List { prefix, .. } => (prefix, false),
                Op::Put { key, .. } | Op::Delete { key } => (key, true),
                Op::Ask { .. } => (API, false),
            },
            Self::Harm(..) => (support::STATE, true),
            Self::Publish | Self::Remove | Self::Return | Self::Change => (API, true),
            Self::Wake(_) | Self::Stop(_) => ("", true),
        }
    }
}

/// Pseudo-key of requests to the API.
const API: &str = "the API";

/// Describes an operation in a few words.
pub fn told(op: &Op) -> String {
    let name = |key: &str| key.rsplit('/').next().unwrap_or(key).to_owned();
    match op {
        Op::Get { key } => format!("get {}", name(key)),
        Op::Delete { key } => format!("delete {}", name(key)),
        Op::Ask { url } => format!("ask for {}", Place::of(url)),
        Op::List { before: None, .. } => "list".to_owned(),
        Op::List { .. } => "list the rest".to_owned(),
        Op::Put { key, mode, .. } => {
            let mode = match mode {
                PutMode::Create => "create",
                PutMode::Overwrite => "overwrite",
                PutMode::Update(_) => "replace",
            };
            format!("{mode} {}", name(key))
        }
    }
}
