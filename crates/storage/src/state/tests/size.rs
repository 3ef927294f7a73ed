//! Size of the state of a large day, in both forms.

use chrono::DateTime;
use chrono_tz::America::Sao_Paulo;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::day;
use crate::compression::pack;
use crate::state::document::StateDocument;
use bronzed_model::settings::StateCompression;

/// Ids as PNCP makes them: buyer (some buy often), sequence number in the year, year.
fn ids(count: u32) -> impl Iterator<Item = Box<str>> {
    let mut random = StdRng::seed_from_u64(1);
    let buyers: Vec<u64> = (0..5_000)
        .map(|_| random.random_range(0..100_000_000_000_000))
        .collect();
    (0..count).map(move |number| {
        let buyer = buyers[random.random_range(0..buyers.len())];
        format!("{buyer:014}-1-{number:06}/2025").into()
    })
}

/// `cargo test --lib state::tests::size -- --ignored --nocapture`
#[test]
#[ignore = "it prints figures, and takes its time"]
fn the_state_of_a_large_day() {
    for count in [100_000, 1_000_000] {
        let mut document = StateDocument::new(day(), DateTime::UNIX_EPOCH);
        assert_eq!(document.add_ids(ids(count)), u64::from(count));
        let plain = document.write(Sao_Paulo);
        let packed = pack(plain.clone(), StateCompression::Zstd);
        let per_id = plain.len() as u64 / u64::from(count);
        println!(
            "{count} ids: {} bytes, {per_id} an id; {} compressed",
            plain.len(),
            packed.len()
        );
        let read = StateDocument::read(&packed, day(), Sao_Paulo, DateTime::UNIX_EPOCH);
        let (read, _) = read.unwrap();
        assert_eq!(read.ids, document.ids);
        assert!(packed.len() * 2 < plain.len(), "it is worth its name");
    }
}
