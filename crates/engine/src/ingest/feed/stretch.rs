//! Stretches of a feed that were covered: read and stored without a gap.
//!
//! Offsets can't identify a stretch, because they grow as the feed does. It is identified by the keys of its
//! first and its last records: several of each, because single records may be deleted. A stretch is valid on
//! its own, whatever else is covered.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use bronzed_model::day::Day;

/// Number of keys that identify the start of a stretch, and also its end.
pub const ANCHORS: usize = 8;

/// Stretch of a feed that was read and stored without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredRange {
    /// Keys of the first records, the newest first.
    pub newest: Vec<Box<str>>,
    /// Keys of the last records, in the order of the feed.
    pub oldest: Vec<Box<str>>,
    /// Number of records when the stretch was read.
    pub records: u64,
    /// Time at which the reading of its earliest part began.
    pub since: DateTime<Utc>,
    /// Lower bound that the stretch ends at. `None` if records follow that weren't read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<LowerBound>,
}

/// Reason why a feed isn't read further back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowerBound {
    /// There are no older records.
    End,
    /// Records before this day weren't requested.
    Before(Day),
}

impl CoveredRange {
    /// Returns `true` if nothing is left to be read behind the stretch, given that records from `earliest`
    /// on are requested.
    pub fn reaches(&self, earliest: Option<Day>) -> bool {
        match self.floor {
            None => false,
            Some(LowerBound::End) => true,
            Some(LowerBound::Before(day)) => earliest.is_some_and(|earliest| earliest >= day),
        }
    }

    /// Returns the start of the stretch on a page: the first of its `newest` records there.
    pub fn begins_at(&self, page: &[Box<str>]) -> Option<AnchorMatch> {
        place(page.iter().enumerate(), &self.newest)
    }

    /// Returns the end of the stretch on a page: the last of its `oldest` records there.
    pub fn ends_at(&self, page: &[Box<str>]) -> Option<AnchorMatch> {
        place(page.iter().enumerate().rev(), &self.oldest)
    }
}

fn place<'p>(
    mut page: impl Iterator<Item = (usize, &'p Box<str>)>,
    anchors: &[Box<str>],
) -> Option<AnchorMatch> {
    page.find_map(|(position, key)| {
        let rank = anchors.iter().position(|anchor| anchor == key)?;
        Some(AnchorMatch { position, rank })
    })
}

/// Anchor of a stretch, found on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnchorMatch {
    /// Index of the record on the page.
    pub position: usize,
    /// Index of the anchor in the stretch.
    pub rank: usize,
}
