//! Target: reading a Parquet file; any bytes give rows or an error.

use std::sync::Once;

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use bronzed_storage::bronze::reader;

/// Maximum number of rows read: a page of nulls can declare any number of rows in a few bytes.
const MOST_ROWS: i64 = 20_000;

/// Input: the bytes of a file.
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

/// Hides panics of the Parquet decoder from libFuzzer, which aborts in its panic hook. The reader catches
/// these panics and returns an error for the file; an uncaught panic still fails the target.
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
