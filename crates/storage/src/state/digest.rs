//! Digest of a state document: its last member, computed over all bytes before it.
//!
//! ```text
//!   "format": 1,
//!   "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! }
//! ```
//!
//! Sums can't detect a damaged id, or a wrong total of a slice, so a document is trusted only if it is byte
//! for byte as this program wrote it. Any other is rebuilt from the files, which costs only reading them.
//! Reasons: `docs/develop/design/state-digest.md`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Name of the digest's member.
pub(super) const DIGEST: &str = "digest";

/// Length of the closing text with the digest in bytes; the same for every document.
const LENGTH: usize = ",\n  \"digest\": \"sha256:\"\n}\n".len() + 64;

/// Appends the digest and the closing brace to a document.
pub(super) fn close(out: &mut String) {
    let seal = seal(out.as_bytes());
    out.push_str(&seal);
}

/// Returns `true` if the digest matches.
pub(super) fn holds(document: &[u8]) -> bool {
    let end = document.len().checked_sub(LENGTH);
    let halves = end.and_then(|end| document.split_at_checked(end));
    halves.is_some_and(|(text, found)| found == seal(text).as_bytes())
}

fn seal(text: &[u8]) -> String {
    let mut seal = format!(",\n  \"{DIGEST}\": \"sha256:");
    for byte in Sha256::digest(text) {
        let _ = write!(seal, "{byte:02x}");
    }
    seal.push_str("\"\n}\n");
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let mut text = "{\n  \"date\": \"2025-10-22\"".to_owned();
        close(&mut text);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        let sound = text.into_bytes();
        assert!(holds(&sound));
        for position in 0..sound.len() {
            assert!(!holds(&sound[..position]), "cut off at {position}");
            for bit in 0..8 {
                let mut changed = sound.clone();
                changed[position] ^= 1 << bit;
                assert!(!holds(&changed), "bit {bit} of byte {position}");
            }
        }
    }
}
