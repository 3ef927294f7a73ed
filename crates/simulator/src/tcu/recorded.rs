//! The list of inidôneos of 2026-09-30, as it was served: public data, values unchanged. All of
//! them are companies.

use chrono::{NaiveDate, NaiveDateTime};

use crate::row::Row;
use crate::tree::Tree;

const INIDONEOS: &str =
    include_str!("../../../../tests/fixtures/tcu/inidoneos_completo.records.json");

/// The 91 rows, listed from `since` until their sanctions end.
pub fn inidoneos(since: NaiveDateTime) -> Vec<Row> {
    let Ok(Tree::Array(records)) = Tree::parse(INIDONEOS) else {
        return Vec::new(); // The file is part of the program, and a test reads it.
    };
    let rows = records.into_iter().zip(0..).map(|(record, rank)| {
        let end = record.get("data_final").and_then(Tree::as_text);
        let end = end.as_deref().and_then(midnight);
        let row = Row::whole(since, record).ranked(rank << 32);
        match end {
            Some(end) => row.until(end),
            None => row,
        }
    });
    rows.collect()
}

/// Parses a midnight in Brasília, which is written as 03:00 in UTC.
fn midnight(text: &str) -> Option<NaiveDateTime> {
    let day: NaiveDate = text.get(..10)?.parse().ok()?;
    Some(day.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::row::Listing;
    use crate::tcu::ords::INIDONEOS;

    #[test]
    fn all_rows_are_there_and_vanish_in_time() {
        let rows = inidoneos("2026-09-30T00:00:00".parse().unwrap());
        let ids: BTreeSet<_> = rows.iter().map(|row| INIDONEOS.id(&row.tree())).collect();
        assert_eq!((rows.len(), ids.len()), (91, 91));
        let in_force = |now: &str| {
            let now = now.parse().unwrap();
            let visible = rows
                .iter()
                .filter(|row| row.listing(now) == Listing::Visible);
            visible.count()
        };
        assert_eq!(in_force("2026-09-30T12:00:00"), 91);
        assert!((1..91).contains(&in_force("2028-06-01T12:00:00")));
    }
}
