//! By which key and rules a table is written: a small document in the lake for each protected table.
//!
//! With another key, or other rules on what ids are made of, each record would have another id, and
//! everything would be stored again. So that is refused.
//!
//! ```json
//! {"format": 1, "key": "9f86d081884c7d659a2feaa0c55ad015", "identity": ["/niFornecedor hmac"]}
//! ```
//!
//! Its key is `_bronzed/protection/{prefix}.json`: `key` is the fingerprint of the key and doesn't tell
//! it, `identity` are the rules that ids depend on.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::failpoint::failpoint;
use crate::lake::{Created, Lake, LakeError, Replaced};
use crate::source::declaration::{Dataset, Version};

/// Where the documents lie.
pub const FOLDER: &str = "_bronzed/protection/";
/// The format that this version writes, and the only one that it knows.
const FORMAT: u64 = 1;
/// How often a change is tried when others get in between.
const ATTEMPTS: u32 = 10;

/// Why a table can't be written as the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The lake doesn't do what it is asked.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The table is protected in another way.
    #[error(
        "`{dataset}`: the table `{prefix}` in the lake is written with {written}, and the \
         configuration says {said}; every record would be stored again under another id. Set the \
         key and the rules as they were, or give the dataset another `prefix`"
    )]
    Other {
        /// `pncp.contratos`
        dataset: String,
        /// `pncp_contratos`
        prefix: String,
        /// What is written.
        written: String,
        /// What is said.
        said: String,
    },
    /// The document isn't one.
    #[error("`{key}` can't be understood by this version: {reason}; update bronzed")]
    Unreadable {
        /// `_bronzed/protection/pncp_contratos.json`
        key: String,
        /// Why.
        reason: String,
    },
    /// Others changed it each time.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row: try again")]
    Contended {
        /// `_bronzed/protection/pncp_contratos.json`
        key: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    format: u64,
    key: Option<String>,
    identity: Vec<String>,
}

impl Seal {
    fn of(dataset: &Dataset) -> Self {
        let by_content = dataset.version == Version::Content;
        let protection = dataset.protection.as_ref();
        Self {
            format: FORMAT,
            key: protection.and_then(|by| by.fingerprint()),
            identity: protection.map_or_else(Vec::new, |by| by.identity(by_content)),
        }
    }

    /// Whether a table that is written so may go on as `said`: a key may come where none was, and go.
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

/// Where the document of a table lies.
pub fn key(prefix: &str) -> String {
    format!("{FOLDER}{prefix}.json")
}

/// Makes sure that the table may be written as `dataset` says, and notes by which key it is.
///
/// # Errors
/// When it is written in another way, or the lake can't be asked.
pub async fn settle(lake: &Lake, dataset: &Dataset) -> Result<(), SealError> {
    let key = self::key(&dataset.prefix);
    let said = Seal::of(dataset);
    for _ in 0..ATTEMPTS {
        let Some((bytes, version)) = lake.get(&key).await? else {
            if dataset.protection.is_none() {
                return Ok(());
            }
            refuse_unsealed(lake, dataset, &said).await?;
            failpoint!("seal.before_create");
            match lake.create(&key, bytes_of(&said)).await? {
                Created::Done(_) => {
                    failpoint!("seal.after_create");
                    return Ok(());
                }
                Created::Exists => continue,
            }
        };
        let written = read(&key, &bytes)?;
        if !written.allows(&said) {
            return Err(other(dataset, written.shown(), &said));
        }
        // The fingerprint of a key stays known when its rules are taken out for a while.
        let next = Seal {
            key: said.key.clone().or_else(|| written.key.clone()),
            ..said.clone()
        };
        if next == written {
            return Ok(());
        }
        failpoint!("seal.before_replace");
        match lake.replace(&key, bytes_of(&next), &version).await? {
            Replaced::Done(_) => {
                failpoint!("seal.after_replace");
                return Ok(());
            }
            Replaced::Conflict => {}
        }
    }
    Err(SealError::Contended { key })
}

/// A table without a seal was written without protection; that matters where ids depend on it.
async fn refuse_unsealed(lake: &Lake, dataset: &Dataset, said: &Seal) -> Result<(), SealError> {
    if said.identity.is_empty() {
        return Ok(());
    }
    let written = lake.list(&format!("{}/", dataset.prefix)).await?;
    match written.is_empty() {
        true => Ok(()),
        false => Err(other(dataset, "ids in the clear".to_owned(), said)),
    }
}

fn other(dataset: &Dataset, written: String, said: &Seal) -> SealError {
    SealError::Other {
        dataset: dataset.full_name(),
        prefix: dataset.prefix.clone(),
        written,
        said: said.shown(),
    }
}

fn read(key: &str, bytes: &[u8]) -> Result<Seal, SealError> {
    let unreadable = |reason: String| SealError::Unreadable {
        key: key.to_owned(),
        reason,
    };
    let seal: Seal =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    match seal.format {
        FORMAT => Ok(seal),
        newer => Err(unreadable(format!("its format is {newer}"))),
    }
}

fn bytes_of(seal: &Seal) -> Bytes {
    // Text, numbers and lists of text: they have a form in JSON.
    serde_json::to_vec(seal).unwrap_or_default().into()
}
