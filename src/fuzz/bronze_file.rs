//! Bronze files: any bytes are rows, or an error.

use std::sync::Once;

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::bronze::reader;

/// More aren't looked at: a page of nothing but nulls says in a few bytes how many they are.
const MOST_ROWS: i64 = 20_000;

/// A file.
pub fn parquet(input: &[u8]) {
    only_ours_is_told();
    let bytes = Bytes::copy_from_slice(input);
    if rows(&bytes) > MOST_ROWS {
        return;
    }
    let key = ["/numeroControlePNCP".to_owned(), "/orgao/cnpj".to_owned()];
    if let Ok(facts) = reader::facts(bytes.clone(), &key) {
        assert_eq!(facts.rows, facts.ids.len() as u64);
        assert!(facts.vanished <= facts.rows && facts.unidentified <= facts.rows);
    }
    let _ = reader::identities(bytes.clone());
    let _ = reader::stored(&bytes, &key, &["/numero"]);
    let _ = reader::extras(bytes.clone());
    for record in reader::records(bytes).into_iter().flatten() {
        serde_json::from_str::<&serde_json::value::RawValue>(&record).expect("a row is JSON");
    }
}

fn rows(file: &Bytes) -> i64 {
    let builder =
        std::panic::catch_unwind(|| ParquetRecordBatchReaderBuilder::try_new(file.clone()));
    let builder = builder.ok().and_then(Result::ok);
    builder.map_or(0, |builder| builder.metadata().file_metadata().num_rows())
}

/// The decoder's own panics are caught, and are an error of the file: libFuzzer, which ends at the first
/// word of a panic, isn't told of them. One that isn't caught ends the target as ever.
fn only_ours_is_told() {
    static ONCE: Once = Once::new();
    if cfg!(fuzzing) {
        ONCE.call_once(|| {
            let told = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                let place = info.location().map(|place| place.file().to_owned());
                if !place.is_some_and(|file| file.contains("/registry/")) {
                    told(info);
                }
            }));
        });
    }
}
