//! Protection lock of a table: a small document in the lake with the key's fingerprint and the rules with
//! which the table is written.
//!
//! With another key, or other rules on the fields of ids, each record would have another id, and everything
//! would be stored again. Such a change is refused.
//!
//! ```json
//! {"format": 1, "key": "9f86d081884c7d659a2feaa0c55ad015", "identity": ["/niFornecedor hmac"]}
//! ```
//!
//! The document's key is `_bronzed/protection/{prefix}.json`. `key` is the fingerprint of the secret key and
//! doesn't reveal it, `identity` are the rules that affect ids.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::lake::{Created, Lake, LakeError, Replaced};
use bronzed_model::declaration::{Dataset, Version};

/// Folder of the documents.
pub const FOLDER: &str = "_bronzed/protection/";
/// Format written by this version, and the only one that it can read.
const FORMAT: u64 = 1;
/// Maximum attempts of a change on conflicts.
const ATTEMPTS: u32 = 10;

/// Reason why a table can't be written as configured.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The table was written with another key or other rules.
    #[error(
        "`{dataset}`: the table `{prefix}` in the lake is written with {written}, and the \
         configuration says {said}; every record would be stored again under another id. Set the \
         key and the rules as they were, or give the dataset another `prefix`"
    )]
    Other {
        /// Full name, such as `pncp.contratos`.
        dataset: String,
        /// Prefix, such as `pncp_contratos`.
        prefix: String,
        /// Key and rules in the lake.
        written: String,
        /// Key and rules of the configuration.
        said: String,
    },
    /// The document can't be parsed.
    #[error("`{key}` can't be understood by this version: {reason}; update bronzed")]
    Unreadable {
        /// `_bronzed/protection/pncp_contratos.json`
        key: String,
        /// The parse error.
        reason: String,
    },
    /// Another process changed it on every attempt.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row: try again")]
    Contended {
        /// `_bronzed/protection/pncp_contratos.json`
        key: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lock {
    format: u64,
    key: Option<String>,
    identity: Vec<String>,
}

impl Lock {
    fn of(dataset: &Dataset) -> Self {
        let by_content = dataset.version == Version::Content;
        let protection = dataset.protection.as_ref();
        Self {
            format: FORMAT,
            key: protection.and_then(|by| by.fingerprint()),
            identity: protection.map_or_else(Vec::new, |by| by.identity(by_content)),
        }
    }

    /// Returns `true` if a table with this seal may be written as `said`: the rules on ids must be equal, and
    /// so must the keys, unless either has none.
    fn allows(&self, said: &Self) -> bool {
        let keys = self.key.as_ref().zip(said.key.as_ref());
        self.identity == said.identity && keys.is_none_or(|(one, other)| one == other)
    }

    fn shown(&self) -> String {
        let rules = match self.identity.as_slice() {
            [] => "ids in the clear".to_owned(),
            rules => format!("ids by `{}`", rules.join("`, `")),
        };
        match &self.key {
            Some(key) => format!("{rules} and the key of fingerprint {key}"),
            None => rules,
        }
    }
}

/// Returns the key of a table's document.
pub fn key(prefix: &str) -> String {
    format!("{FOLDER}{prefix}.json")
}

/// Checks that the table may be written as `dataset` says, and stores its seal.
///
/// # Errors
/// Returns an error if the table was written in another way, or the lake can't be read or written.
pub async fn verify_or_create(lake: &Lake, dataset: &Dataset) -> Result<(), LockError> {
    let key = self::key(&dataset.prefix);
    let said = Lock::of(dataset);
    for _ in 0..ATTEMPTS {
        let Some((bytes, version)) = lake.get(&key).await? else {
            if dataset.protection.is_none() {
                return Ok(());
            }
            refuse_unsealed(lake, dataset, &said).await?;
            match lake.create(&key, bytes_of(&said)).await? {
                Created::Done(_) => return Ok(()),
                Created::Exists => continue,
            }
        };
        let written = read(&key, &bytes)?;
        if !written.allows(&said) {
            return Err(other(dataset, written.shown(), &said));
        }
        // The key's fingerprint is kept while its rules are removed from the configuration.
        let next = Lock {
            key: said.key.clone().or_else(|| written.key.clone()),
            ..said.clone()
        };
        if next == written {
            return Ok(());
        }
        match lake.replace(&key, bytes_of(&next), &version).await? {
            Replaced::Done(_) => return Ok(()),
            Replaced::Conflict => {}
        }
    }
    Err(LockError::Contended { key })
}

/// Refuses a table that was written without a seal, so without protection, if ids depend on the rules.
async fn refuse_unsealed(lake: &Lake, dataset: &Dataset, said: &Lock) -> Result<(), LockError> {
    if said.identity.is_empty() {
        return Ok(());
    }
    let written = lake.list(&format!("{}/", dataset.prefix)).await?;
    match written.is_empty() {
        true => Ok(()),
        false => Err(other(dataset, "ids in the clear".to_owned(), said)),
    }
}

fn other(dataset: &Dataset, written: String, said: &Lock) -> LockError {
    LockError::Other {
        dataset: dataset.full_name(),
        prefix: dataset.prefix.clone(),
        written,
        said: said.shown(),
    }
}

fn read(key: &str, bytes: &[u8]) -> Result<Lock, LockError> {
    let unreadable = |reason: String| LockError::Unreadable {
        key: key.to_owned(),
        reason,
    };
    let seal: Lock =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    match seal.format {
        FORMAT => Ok(seal),
        newer => Err(unreadable(format!("its format is {newer}"))),
    }
}

fn bytes_of(seal: &Lock) -> Bytes {
    // Strings, numbers and arrays always serialize.
    serde_json::to_vec(seal).unwrap_or_default().into()
}
