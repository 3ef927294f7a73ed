//! Files from which rows move away.

use std::collections::BTreeSet;

use super::*;

const ROWS: u64 = 6_000;
/// Size at which files are ended: each has a batch of rows, or two.
const FILE_BYTES: usize = 16_000;

/// Rows of one day, in one commit, in the order of keys.
fn rows(day: bronzed_model::day::Day) -> Vec<crate::testing::Fact> {
    let rows = (0..ROWS).map(|number| {
        let mut fact = fact(
            day,
            &format!("{number:05}"),
            &format!("{day}T00:00:00"),
            &day.to_string(),
            1,
        );
        fact.row = usize::try_from(number).unwrap();
        fact.value = (number * 104_729 % 1_000_003).to_string();
        fact
    });
    rows.collect()
}

fn bounds(state: &TableState) -> Vec<(String, String)> {
    let seen = state
        .files
        .iter()
        .filter(|file| file.place != super::super::state::FilePlace::Kept);
    let mut bounds: Vec<_> = seen.filter_map(|file| file.keys.clone()).collect();
    bounds.sort();
    bounds
}

#[tokio::test]
async fn files_from_which_most_rows_go_become_one_and_their_large_neighbours_stay() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let day: bronzed_model::day::Day = "2025-10-10".parse().unwrap();
    let facts = rows(day);
    let mut known = Known::default();
    let commit = Event::Commit(facts.clone());
    bronze.apply(&commit).await;
    known.hear(&commit);
    let table = records_table(DeletedRows::Omit);
    let builder = SilverBuilder {
        file_bytes: FILE_BYTES,
        ..builder(&lake, 24 << 20)
    };
    build(&builder, &table).await.unwrap();
    let before = TableState::load(&lake, &table.prefix).await.unwrap();
    let ranges = bounds(&before);
    assert!(ranges.len() >= 5, "{ranges:?}");
    // Nearly all rows of the second, third and fourth file go.
    let (first, last) = (ranges[1].0.clone(), ranges[3].1.clone());
    let of_them = facts
        .iter()
        .filter(|fact| fact.key >= first && fact.key <= last);
    let gone = of_them
        .filter(|fact| fact.row % 20 > 0)
        .map(|fact| fact.id.clone());
    let note = Event::Note {
        day,
        gone: gone.collect(),
        returned: Vec::new(),
    };
    bronze.apply(&note).await;
    known.hear(&note);
    build(&builder, &table).await.unwrap();
    let after = TableState::load(&lake, &table.prefix).await.unwrap();
    let joined = bounds(&after);
    assert_eq!(joined.len(), ranges.len() - 2, "{joined:?}");
    let paths = |state: &TableState| -> BTreeSet<String> {
        state.files.iter().map(|file| file.path.clone()).collect()
    };
    // The other files are those that were there.
    assert_eq!(
        paths(&after).intersection(&paths(&before)).count(),
        ranges.len() - 3
    );
    let (rows, expected) = compared(&lake, &table, &known).await;
    assert_eq!(rows, expected);
    assert!(verify(&lake, &table).await.unwrap().is_whole());
    // One file stays one.
    let again = build(&builder, &table).await.unwrap();
    assert_eq!(again.files_written, 0);
}
