//! Compression of state documents in the lake. The key is the same for both forms; the first bytes tell them
//! apart, so a lake may hold both, and the setting may change at any time.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use bronzed_model::settings::StateCompression;

/// Magic number of a zstd frame. No JSON text begins with it.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// zstd's default level; ids compress well at any level.
const LEVEL: i32 = 3;

/// Encodes a document for storage.
pub fn pack(document: Bytes, compression: StateCompression) -> Bytes {
    match compression {
        StateCompression::None => document,
        // If compression fails (out of memory), the document is stored uncompressed.
        StateCompression::Zstd => {
            zstd::bulk::compress(&document, LEVEL).map_or(document, Bytes::from)
        }
    }
}

/// Returns the document as it was before [`pack`].
///
/// # Errors
/// Returns an error if it is compressed and damaged.
pub fn unpack(packed: &[u8]) -> io::Result<Cow<'_, [u8]>> {
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
