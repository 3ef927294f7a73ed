//! How a state document lies in the lake: as the JSON that it is, or compressed. The key is the same;
//! the first bytes tell, so that a lake may hold both, and the setting may change at any time.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use crate::config::settings::StateCompression;

/// What a zstd frame begins with. No JSON does.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The level that zstd itself calls its default: ids compress well at any.
const LEVEL: i32 = 3;

/// A document as it goes to the lake.
pub(super) fn pack(document: Bytes, compression: StateCompression) -> Bytes {
    match compression {
        StateCompression::None => document,
        // What can't be compressed (there is no memory) is as good uncompressed.
        StateCompression::Zstd => {
            zstd::bulk::compress(&document, LEVEL).map_or(document, Bytes::from)
        }
    }
}

/// The document as it was before it was packed.
///
/// # Errors
/// When it is compressed, and damaged.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Cow<'_, [u8]>> {
    if packed.starts_with(&ZSTD) {
        zstd::stream::decode_all(packed).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(packed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let document = Bytes::from_static(b"{\"processed_ids\": []}");
        for compression in [StateCompression::None, StateCompression::Zstd] {
            let packed = pack(document.clone(), compression);
            assert_eq!(packed == document, compression == StateCompression::None);
            assert_eq!(&*unpack(&packed).unwrap(), &*document);
        }
    }

    #[test]
    fn a_frame_that_is_cut_off_is_an_error() {
        let packed = pack(Bytes::from_static(b"{}"), StateCompression::Zstd);
        for length in ZSTD.len()..packed.len() {
            assert!(unpack(&packed[..length]).is_err(), "cut off at {length}");
        }
    }
}
