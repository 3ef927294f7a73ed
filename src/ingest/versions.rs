//! Versions by content: a record is stored again when it differs from the last version stored.
//!
//! ```text
//! 43052497000102-1-000308/2026@0001-9f86d081884c7d659a2feaa0c55ad015    A
//! 43052497000102-1-000308/2026@0002-60303ae22b998861bce3b28f33eec1be    B
//! 43052497000102-1-000308/2026@0003-9f86d081884c7d659a2feaa0c55ad015    A again: a version of its own
//! ```
//!
//! The ordinal tells which version is the last from the ids alone, so that a state that was rebuilt
//! from the files knows it, too. Two runs at once may give one ordinal to two contents: then both
//! are the last. A late writer's version has an earlier ordinal, and takes nobody's place.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::mutation::mutated;
use crate::record::{ContentVersion, RecordId};
use crate::state::DayState;

/// The versions that were given since the last commit.
#[derive(Debug, Default)]
pub struct Versions {
    given: HashMap<Box<str>, ContentVersion>,
}

impl Versions {
    /// The id of a record with its version: that of the last one stored, where the content is still
    /// the same, or else the next. Ids that don't go by content stay as they are.
    pub fn of<'i>(&mut self, id: &'i RecordId, state: &DayState) -> Cow<'i, RecordId> {
        let Some(hash) = id.content() else {
            return Cow::Borrowed(id);
        };
        let stored = state.versions_of(id.key());
        let stored = stored.filter_map(ContentVersion::parse);
        let given = self.given.get(id.key()).cloned();
        let mut last: Vec<ContentVersion> = Vec::new();
        for version in stored.chain(given) {
            let newest = last.first().map_or(0, |last| last.ordinal);
            if version.ordinal > newest {
                last.clear();
            }
            if version.ordinal >= newest {
                last.push(version);
            }
        }
        let is_same = |last: &&ContentVersion| *last.hash == *hash || mutated!(ChangeIsRepeat);
        let version = match last.iter().find(is_same) {
            Some(same) => same.clone(),
            None => ContentVersion {
                ordinal: last
                    .first()
                    .map_or(1, |last| last.ordinal.saturating_add(1)),
                hash: hash.into(),
            },
        };
        let versioned = id.with_version(&version);
        self.given.insert(id.key().into(), version);
        Cow::Owned(versioned)
    }

    /// The versions are in the state now.
    pub fn committed(&mut self) {
        self.given.clear();
    }
}
