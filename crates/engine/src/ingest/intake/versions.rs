//! Versions by content: a record is stored again if it differs from the last version stored.
//!
//! ```text
//! 43052497000102-1-000308/2026@0001-9f86d081884c7d659a2feaa0c55ad015    A
//! 43052497000102-1-000308/2026@0002-60303ae22b998861bce3b28f33eec1be    B
//! 43052497000102-1-000308/2026@0003-9f86d081884c7d659a2feaa0c55ad015    A again: a version of its own
//! ```
//!
//! The ordinal shows from the ids alone which version is the last, so that a state rebuilt from the files
//! knows it, too. Two concurrent runs may give the same ordinal to two contents: then both are the last
//! version. A delayed writer's version has a lower ordinal and replaces no newer one.

use std::borrow::Cow;
use std::collections::HashMap;

use bronzed_model::record::{ContentVersion, RecordId};
use bronzed_storage::state::DayState;

/// Versions assigned since the last commit.
#[derive(Debug, Default)]
pub struct Versions {
    given: HashMap<Box<str>, ContentVersion>,
}

impl Versions {
    /// Returns the id of a record with its version: the last one stored if the content is unchanged, or else
    /// the next. Ids without content versions are returned unchanged.
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
        let is_same = |last: &&ContentVersion| *last.hash == *hash;
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

    /// Clears the assigned versions, because the commit has put them into the state.
    pub fn committed(&mut self) {
        self.given.clear();
    }
}
