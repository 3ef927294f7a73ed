//! Who may be next, and whether it makes a difference which of two comes first.

use object_store::PutMode;

use super::super::api::Place;
use super::super::desk::{Op, Request};
use super::super::scenario::Harm;
use crate::state::support;

/// Who may be next.
#[derive(Debug, Clone)]
pub enum Turn {
    /// An operation of an actor.
    Grant(Request),
    /// An actor's wait is over.
    Wake(usize),
    /// An operation happens whose caller has long been told that it failed.
    Deliver(Request),
    /// The API lists one more record; after the last, the day is over.
    Publish,
    /// The API takes a record away …
    Remove,
    /// … and lists it again.
    Return,
    /// A record of the API changes.
    Change,
    /// A run is told to stop.
    Stop(usize),
    /// Somebody else lays hands on the state.
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

    /// Whether it makes a difference which of two comes first. Writes are told apart in any case:
    /// the promises speak of all objects at once. And so are two of one actor, who goes on after each.
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

    /// The key or folder, and whether it is written.
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

/// What requests touch: no key of an object.
const API: &str = "the API";

/// An operation in a few words.
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
