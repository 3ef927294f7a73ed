//! Fuzz target for state documents: any bytes are a document or an error, and a written document can be read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that doesn't hold has to be noticed"
)]

use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::America::Sao_Paulo;

use super::document::{Doubt, StateDocument};
use crate::compression::pack;
use bronzed_model::day::Day;
use bronzed_model::fuzz_input::Input;
use bronzed_model::settings::StateCompression;

/// Reads a document of 2025-10-22, plain or compressed.
pub fn state(input: &[u8]) {
    let bytes = Input::new(input).rest();
    let day: Day = "2025-10-22".parse().unwrap();
    let now: DateTime<Utc> = DateTime::from_timestamp(1_761_134_400, 0).unwrap();
    let read = |bytes: &[u8]| StateDocument::read(bytes, day, Sao_Paulo, now);
    let Ok((document, doubt)) = read(bytes) else {
        return;
    };
    for entry in &document.executions {
        let _ = (
            entry.run_id(),
            entry.counts(),
            entry.files(),
            entry.requests_of_ok(),
        );
    }
    let written = document.write(Sao_Paulo);
    let packed = pack(written.clone(), StateCompression::Zstd);
    for bytes in [&written, &packed] {
        let (again, second_doubt) = read(bytes).expect("what was written is read");
        assert_eq!(again, document);
        assert_eq!(again.write(Sao_Paulo), written);
        // The digest is recomputed; sums that don't match still don't.
        let sums = document.audited() == document.ids.len() as u64;
        assert_eq!(second_doubt.is_none(), sums, "{second_doubt:?}");
    }
    if doubt.is_none() && !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        assert_eq!(
            bytes,
            &written[..],
            "a document without doubt is ours to the last byte"
        );
    }
    hold_damage(&written, read);
}

/// A changed byte in a document of this program leads to an error or a doubt, never to another valid state.
fn hold_damage<E>(
    written: &Bytes,
    read: impl Fn(&[u8]) -> Result<(StateDocument, Option<Doubt>), E>,
) {
    let mut damaged = written.to_vec();
    let place = written.iter().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31) + usize::from(*byte)
    });
    let place = place % damaged.len();
    damaged[place] ^= 1;
    assert!(!matches!(read(&damaged), Ok((_, None))), "byte {place}");
    assert!(
        !matches!(read(&written[..place]), Ok((_, None))),
        "{place} bytes"
    );
}
