//! Fold of a key's rows: those in the table, and those that come from bronze. The result is the same in whatever order and
//! steps they come.
//!
//! Two things are folded, each by the greatest order: the version, which gives the values; and the row that tells if the API
//! has the record. They differ where a record has versions in several datasets, and only one of them is compared with the API;
//! and where a row of a snapshot tells that a record vanished, and has no values itself.

use super::state::FilePlace;

/// Reason for which the API has a record no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// A day that was read in full doesn't list it any more.
    Withdrawn,
    /// It isn't in a snapshot any more.
    Vanished,
}

impl Gone {
    /// Returns the text in the column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Vanished => "vanished",
        }
    }

    /// Returns the reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Withdrawn, Self::Vanished]
            .into_iter()
            .find(|gone| gone.word() == name)
    }
}

/// Sign that the API has a record, or has it no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Presence {
    /// Order of the row that tells.
    pub order: Box<str>,
    /// `None` if the API has it.
    pub gone: Option<Gone>,
}

/// Place of a row's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowSource {
    /// In a file of the table.
    Stored { file: usize, row: u32 },
    /// In the rows that come from bronze.
    Pool { batch: u32, row: u32 },
    /// There are no values: a record of which only the deletion is known.
    Nothing,
}

/// A row of the table as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SilverRow {
    pub source: RowSource,
    /// Place of its file.
    pub place: FilePlace,
    /// Partition that it is of, if it is to be seen.
    pub month: Option<String>,
    /// `None` if it has no values.
    pub order: Option<Box<str>>,
    pub presence: Option<Presence>,
    pub gone: Option<Gone>,
    /// Bronze day in days since the epoch.
    pub day: i32,
    /// End of its validity, of a history.
    pub valid_to: Option<i32>,
}

/// A version that comes from bronze.
#[derive(Debug, Clone)]
pub(super) struct NewVersion {
    pub order: Box<str>,
    pub day: i32,
    /// [`RowSource::Nothing`] of a history's row that tells of a deletion.
    pub source: RowSource,
    pub month: Option<String>,
}

/// All that comes from bronze of a key.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming {
    /// Versions in their order; at most one, if the table has no history.
    pub versions: Vec<NewVersion>,
    pub presence: Option<Presence>,
    /// Bronze days that it comes from, as positions in the step.
    pub days: Vec<u32>,
}

/// A row as the table is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoldedRow {
    pub source: RowSource,
    pub place: FilePlace,
    pub order: Option<Box<str>>,
    pub presence: Option<Presence>,
    pub gone: Option<Gone>,
    pub day: i32,
    pub valid_to: Option<i32>,
}

impl FoldedRow {
    /// Returns `true` if a stored row is as it is to be.
    pub fn is(&self, stored: &SilverRow) -> bool {
        let presence = self.presence == stored.presence;
        let same = self.source == stored.source && self.place == stored.place;
        same && presence && (self.valid_to, self.gone) == (stored.valid_to, stored.gone)
    }
}

impl Incoming {
    /// Returns `true` if a version of this order would be the latest, or the table has all.
    pub fn wants(&self, order: &str, history: bool) -> bool {
        history
            || self
                .versions
                .first()
                .is_none_or(|known| *known.order <= *order)
    }

    /// Adds a version.
    pub fn add(&mut self, version: NewVersion, history: bool) {
        if !history {
            self.versions.clear();
        }
        let place = self
            .versions
            .partition_point(|known| known.order < version.order);
        match self.versions.get_mut(place) {
            Some(known) if known.order == version.order => *known = version,
            _ => self.versions.insert(place, version),
        }
    }

    /// Hears of a row that tells if the API has the record.
    pub fn tell(&mut self, presence: Presence) {
        if self
            .presence
            .as_ref()
            .is_none_or(|known| known.order <= presence.order)
        {
            self.presence = Some(presence);
        }
    }
}

/// Folds the rows of a key in a table that has the latest version.
pub(super) fn latest(stored: &[SilverRow], incoming: &Incoming, omits: bool) -> Vec<FoldedRow> {
    let presence = stored
        .iter()
        .filter_map(|row| row.presence.as_ref())
        .chain(&incoming.presence)
        .fold(None::<&Presence>, |known, next| match known {
            Some(known) if known.order > next.order => Some(known),
            _ => Some(next),
        });
    let gone = presence.and_then(|presence| presence.gone);
    let of_table = stored
        .iter()
        .filter(|row| row.order.is_some())
        .max_by(|a, b| a.order.cmp(&b.order));
    let of_bronze = incoming.versions.last();
    let newer = of_bronze.filter(|new| {
        of_table.is_none_or(|row| row.order.as_deref().is_none_or(|known| known < &*new.order))
    });
    let hidden = |month: &Option<String>| match gone {
        Some(_) if omits => FilePlace::Kept,
        _ => FilePlace::Table(month.clone()),
    };
    let row = match (newer, of_table) {
        (Some(new), _) => FoldedRow {
            source: new.source,
            place: hidden(&new.month),
            order: Some(new.order.clone()),
            presence: presence.cloned(),
            gone,
            day: new.day,
            valid_to: None,
        },
        (None, Some(row)) => FoldedRow {
            source: row.source,
            place: hidden(&row.month),
            order: row.order.clone(),
            presence: presence.cloned(),
            gone,
            day: row.day,
            valid_to: None,
        },
        (None, None) => FoldedRow {
            source: stored.first().map_or(RowSource::Nothing, |row| row.source),
            place: FilePlace::Kept,
            order: None,
            presence: presence.cloned(),
            gone,
            day: 0,
            valid_to: None,
        },
    };
    vec![row]
}

/// Folds the rows of a key in a table that has all versions. A row that tells of a deletion ends the version before it, and
/// isn't seen itself.
pub(super) fn history(stored: &[SilverRow], incoming: &Incoming) -> Vec<FoldedRow> {
    let mut rows: Vec<FoldedRow> = stored
        .iter()
        .map(|row| FoldedRow {
            source: row.source,
            place: row.place.clone(),
            order: row.order.clone(),
            presence: None,
            gone: None,
            day: row.day,
            valid_to: None,
        })
        .collect();
    for version in &incoming.versions {
        let is_end = version.source == RowSource::Nothing;
        let row = FoldedRow {
            source: version.source,
            place: match is_end {
                true => FilePlace::Kept,
                false => FilePlace::Table(version.month.clone()),
            },
            order: Some(version.order.clone()),
            presence: None,
            gone: None,
            day: version.day,
            valid_to: None,
        };
        match rows.iter_mut().find(|known| known.order == row.order) {
            // What the table has of the same row of bronze is the same.
            Some(_) => {}
            None => rows.push(row),
        }
    }
    rows.sort_by(|a, b| a.order.cmp(&b.order));
    let ends: Vec<_> = rows
        .iter()
        .skip(1)
        .map(|next| (next.day, next.place == FilePlace::Kept))
        .collect();
    for (row, (day, is_end)) in rows.iter_mut().zip(ends) {
        if row.place != FilePlace::Kept {
            row.valid_to = Some(day);
            row.gone = is_end.then_some(Gone::Vanished);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(order: &str) -> NewVersion {
        NewVersion {
            order: order.into(),
            day: order.len().try_into().unwrap(),
            source: RowSource::Pool { batch: 0, row: 0 },
            month: None,
        }
    }

    fn presence(order: &str, gone: Option<Gone>) -> Presence {
        Presence {
            order: order.into(),
            gone,
        }
    }

    #[test]
    fn the_greatest_order_gives_the_values_whichever_comes_first() {
        for orders in [["a", "b"], ["b", "a"]] {
            let mut incoming = Incoming::default();
            for order in orders {
                if incoming.wants(order, false) {
                    incoming.add(version(order), false);
                }
            }
            let rows = latest(&[], &incoming, false);
            assert_eq!(rows[0].order.as_deref(), Some("b"));
        }
    }

    #[test]
    fn a_deletion_of_a_row_that_is_not_known_yet_is_kept_until_the_row_comes() {
        let mut first = Incoming::default();
        first.tell(presence("b", Some(Gone::Vanished)));
        let kept = latest(&[], &first, false).remove(0);
        assert_eq!(
            (kept.place, kept.source),
            (FilePlace::Kept, RowSource::Nothing)
        );
        let stored = SilverRow {
            source: RowSource::Stored { file: 0, row: 0 },
            place: FilePlace::Kept,
            month: None,
            order: None,
            presence: kept.presence,
            gone: kept.gone,
            day: 0,
            valid_to: None,
        };
        let mut then = Incoming::default();
        then.add(version("a"), false);
        then.tell(presence("a", None));
        let row = latest(&[stored], &then, false).remove(0);
        assert_eq!(row.place, FilePlace::Table(None));
        assert_eq!(row.gone, Some(Gone::Vanished));
    }
}
