//! Canonical JSON: the one form of a value that hashes are made of.

/// SHA-256 of the canonical form, in lower-case hexadecimal.
pub fn hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
