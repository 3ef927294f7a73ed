use bytes::Bytes;
use proptest::prelude::*;

use super::{LARGEST, Pieces, SMALLEST};

/// Chunks of these lengths, whose bytes tell their place.
fn chunks(lengths: &[usize]) -> Vec<Bytes> {
    let mut next = 0_u32;
    let mut byte = || {
        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        next.to_be_bytes()[0]
    };
    let chunk = |length: &usize| (0..*length).map(|_| byte()).collect();
    lengths.iter().map(chunk).collect()
}

fn held(expected: usize, chunks: &[Bytes]) -> Pieces {
    let mut pieces = Pieces::expecting(expected);
    for chunk in chunks {
        pieces.push(chunk.clone());
    }
    pieces
}

/// Returns the number of bytes that the pieces occupy.
fn occupied(pieces: &Pieces) -> usize {
    pieces.full.iter().map(Bytes::len).sum::<usize>() + pieces.last.capacity()
}

proptest! {
    #[test]
    fn a_body_is_its_chunks_in_their_order_whatever_was_expected(
        lengths in prop::collection::vec(prop_oneof![0..20_usize, 0..20_000_usize], 0..20),
        expected in prop_oneof![Just(0), 0..100_000_usize],
    ) {
        let chunks = chunks(&lengths);
        let pieces = held(expected, &chunks);
        prop_assert_eq!(pieces.len(), lengths.iter().sum::<usize>());
        prop_assert_eq!(pieces.join(), chunks.concat());
    }
}

#[test]
fn a_body_that_comes_in_one_chunk_is_not_copied() {
    for expected in [0, 1, 100_000] {
        let chunk = &chunks(&[100_000])[0];
        let body = held(expected, std::slice::from_ref(chunk)).join();
        assert_eq!(body.as_ptr(), chunk.as_ptr(), "{expected}");
    }
}

#[test]
fn a_body_as_long_as_expected_is_one_piece() {
    let pieces = held(500_000, &chunks(&[8_000; 62]));
    assert!(pieces.full.is_empty(), "{} pieces", pieces.full.len());
    let start = pieces.last.as_ptr();
    assert_eq!(pieces.join().as_ptr(), start);
}

/// A byte a chunk: a buffer of the network for each would be 8 KB a byte.
#[test]
fn a_body_without_end_takes_its_own_length_and_a_piece() {
    for (chunk, end) in [
        (1, LARGEST / 16),
        (100, LARGEST / 2),
        (8_000, 5 * LARGEST),
        (300_000, 5 * LARGEST),
    ] {
        let chunk = &chunks(&[chunk])[0];
        let mut pieces = Pieces::expecting(0);
        while pieces.len() < end {
            pieces.push(chunk.clone());
            let most = pieces.len() + pieces.len().clamp(SMALLEST, LARGEST);
            assert!(occupied(&pieces) <= most, "at {} bytes", pieces.len());
        }
        assert!(pieces.full.len() < 32, "{} pieces", pieces.full.len());
    }
}
