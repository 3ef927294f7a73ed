//! Damage of a table, as it is told.

use bytes::Bytes;

use super::super::state::{FilePlace, TableFile};
use super::*;

/// A table of some days, in files of a few rows.
async fn given(table: &SilverTable) -> (Lake, BronzeDays, TableState) {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    for event in events(12).iter().take(90) {
        bronze.apply(event).await;
    }
    build(&builder(&lake, 20_000), table).await.unwrap();
    let state = TableState::load(&lake, &table.prefix).await.unwrap();
    (lake, bronze, state)
}

fn key(table: &SilverTable, file: &TableFile) -> String {
    format!("{}/{}", table.prefix, file.path)
}

async fn replaced(lake: &Lake, key: &str, bytes: Bytes) {
    lake.delete(key).await.unwrap();
    lake.create(key, bytes).await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_as_its_log_says_is_whole_with_all_kinds_of_files() {
    for table in [
        records_table(DeletedRows::Flag),
        records_table(DeletedRows::Omit),
        list_table(false),
        list_table(true),
    ] {
        let (lake, _, state) = given(&table).await;
        let found = verify(&lake, &table).await.unwrap();
        assert!(found.is_whole(), "{found:?}");
        let rows = seen(&lake, &table).await.len() as u64;
        let files = state.files.len() as u64;
        assert_eq!((found.files, found.rows), (files, rows));
        assert_eq!(found.version, state.base.map(|base| base.version()));
    }
    let (empty, table) = (over(&store()), records_table(DeletedRows::Flag));
    let never = verify(&empty, &table).await.unwrap();
    assert_eq!(never, SilverComparison::default());
}

#[tokio::test]
async fn files_that_are_gone_cut_off_or_others_are_named() {
    let table = records_table(DeletedRows::Omit);
    let (lake, _, state) = given(&table).await;
    let of_size = |size: u64| state.files.iter().filter(|file| file.size == size).count();
    let mut files: Vec<_> = state.files.iter().collect();
    files.sort_by_key(|file| file.size);
    let [gone, cut, garbled] = [files[0], files[1], files[2]].map(|file| key(&table, file));
    assert_eq!(of_size(files[2].size), 1, "sizes differ");
    lake.delete(&gone).await.unwrap();
    replaced(&lake, &cut, Bytes::from_static(b"PAR1")).await;
    let size = usize::try_from(files[2].size).unwrap();
    replaced(&lake, &garbled, vec![0; size].into()).await;
    let found = verify(&lake, &table).await.unwrap();
    assert!(!found.is_readable() && found.ahead.is_empty());
    assert_eq!(found.gone.into_iter().collect::<Vec<_>>(), [gone]);
    let damaged = &found.damaged;
    assert!(
        damaged[&cut].starts_with("it has 4 bytes, and the log says"),
        "{damaged:?}"
    );
    assert!(
        damaged.contains_key(&garbled) && damaged.len() == 2,
        "{damaged:?}"
    );
}

/// A file of the table with the rows of some batches of another one, and the log told so.
async fn with_a_copy(
    lake: &Lake,
    table: &SilverTable,
    of: &TableFile,
    place: &FilePlace,
) -> String {
    let shape = SilverShape::of(table).unwrap();
    let mut state = TableState::load(lake, &table.prefix).await.unwrap();
    let bytes = locate::read(lake, &shape, of).await.unwrap();
    let mut number = 0;
    let step = uuid::Uuid::from_u128(7);
    let mut writer = output::TableWriter::new(lake, &shape, place, (step, &mut number), now());
    for batch in locate::batches(&shape, of, bytes, |_| true).unwrap() {
        writer.write(&batch.unwrap()).await.unwrap();
    }
    writer.end_file().await.unwrap();
    let file = writer.files.remove(0);
    let path = key(table, &file);
    state.files.push(file);
    assert!(
        commit::commit(lake, &shape, &mut state, step, now())
            .await
            .unwrap()
    );
    path
}

/// Returns a file whose rows are in the table.
fn in_the_table(state: &TableState) -> &TableFile {
    let mut files = state.files.iter();
    files.find(|file| file.place != FilePlace::Kept).unwrap()
}

/// Asserts that one key is named, with the file and its copy.
fn assert_named_in_both(
    found: &SilverComparison,
    table: &SilverTable,
    of: &TableFile,
    copy: String,
) {
    let [repeated] = &found.twice[..] else {
        panic!("{found:?}");
    };
    let mut files = [key(table, of), copy];
    let mut named = repeated.files.clone();
    files.sort();
    named.sort();
    assert_eq!(named, files);
    assert_eq!(repeated.id, of.keys.clone().unwrap().0);
}

#[tokio::test]
async fn a_row_that_stands_in_two_files_is_named_with_both() {
    for table in [records_table(DeletedRows::Flag), list_table(true)] {
        let (lake, _, state) = given(&table).await;
        let of = in_the_table(&state);
        let copy = with_a_copy(&lake, &table, of, &of.place).await;
        let found = verify(&lake, &table).await.unwrap();
        assert_named_in_both(&found, &table, of, copy);
        assert!(!found.is_readable() && found.damaged.is_empty());
    }
}

#[tokio::test]
async fn a_key_that_stands_in_two_partitions_is_named_whatever_the_number_of_passes() {
    let other = FilePlace::Table(Some("2031-01".to_owned()));
    for place in [other, FilePlace::Kept] {
        let table = records_table(DeletedRows::Flag);
        let (lake, _, state) = given(&table).await;
        let of = in_the_table(&state);
        let copy = with_a_copy(&lake, &table, of, &place).await;
        let found = verify(&lake, &table).await.unwrap();
        assert_named_in_both(&found, &table, of, copy);
        let shape = SilverShape::of(&table).unwrap();
        let state = TableState::load(&lake, &table.prefix).await.unwrap();
        let files: Vec<_> = state.files.iter().collect();
        for at_once in [1, 7, 1_000_000] {
            let again = across::repeated(&lake, &shape, &files, at_once).await;
            assert_eq!(again.unwrap(), found.twice, "{at_once} at once");
        }
    }
}

#[tokio::test]
async fn bronze_that_has_lost_what_went_in_is_named_by_day() {
    let table = records_table(DeletedRows::Flag);
    let (lake, bronze, _) = given(&table).await;
    let day: bronzed_model::day::Day = "2026-01-10".parse().unwrap();
    for number in 1..=2 {
        let updated = format!("2026-01-10T00:00:0{number}");
        let fact = fact(day, "a", &updated, "2026-01-10", number);
        bronze.apply(&Event::Commit(vec![fact])).await;
    }
    build(&builder(&lake, 20_000), &table).await.unwrap();
    assert!(verify(&lake, &table).await.unwrap().is_whole());
    let prefix = &table.inputs[0].prefix;
    lake.delete(&bronzed_storage::bronze::layout::file_key(prefix, day, 2))
        .await
        .unwrap();
    let found = verify(&lake, &table).await.unwrap();
    assert!(found.is_readable());
    let ahead = DayAhead {
        day: "publicacao 2026-01-10".to_owned(),
        taken: 2,
        stored: 1,
    };
    assert_eq!(found.ahead, [ahead]);
}
