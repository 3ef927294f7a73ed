//! Small JSON documents in the lake, shared by several processes: each has a format number and is changed by
//! compare-and-swap only.
//!
//! ```json
//! {"format": 1, "paused": {"pncp.hourly": "2025-10-22T12:00:00Z"}}
//! ```
//!
//! Guarantees for every such document:
//!
//! - no change of another process is lost: on a conflict, the document is read and changed again;
//! - an unknown outcome is read back: a change that happened isn't reported as an error;
//! - a document that can't be parsed (damaged, or of a newer version) is never overwritten.
//!
//! A change may be applied several times, to different versions of the document, so it must be deterministic.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Created, Lake, LakeError, ObjectVersion, Replaced};
use bronzed_model::entropy::Entropy;

/// Maximum attempts of a change on conflicts or unknown outcomes.
const ATTEMPTS: u32 = 10;

/// Error of reading or changing a document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Damaged, or written by a newer version.
    #[error("`{key}` can't be understood by this version: {problem}; {hint}")]
    Unreadable {
        /// Key of the object.
        key: String,
        /// The parse error.
        problem: String,
        /// Hint for the user.
        hint: &'static str,
    },
    /// Another process changed it on every attempt.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row: run fewer at once")]
    Contended {
        /// Key of the object.
        key: String,
    },
}

/// One document: its key, and the format that this version knows. `T` is the content beside `format`; it
/// serializes to a JSON object.
#[derive(Debug, Clone)]
pub struct JsonDocument<T> {
    lake: Lake,
    key: String,
    format: u64,
    hint: &'static str,
    content: PhantomData<fn() -> T>,
}

#[derive(Serialize, Deserialize)]
struct DocumentEnvelope<T> {
    format: u64,
    #[serde(flatten)]
    content: T,
}

impl<T: Serialize + DeserializeOwned> JsonDocument<T> {
    /// Returns the document at `key`. `format` is the format written by this version, and the highest that it
    /// can read.
    pub fn new(lake: &Lake, key: impl Into<String>, format: u64) -> Self {
        Self {
            lake: lake.clone(),
            key: key.into(),
            format,
            hint: "update bronzed",
            content: PhantomData,
        }
    }

    /// Sets the hint shown if the document can't be parsed.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// Returns the key of the object.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Reads the document; returns `None` if it doesn't exist.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read, or the document can't be parsed.
    pub async fn load(&self) -> Result<Option<T>, DocumentError> {
        match self.lake.get(&self.key).await? {
            Some((bytes, _)) => Ok(Some(self.read(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Creates the document if absent. Returns the stored content, and `true` if it is the given one: if two
    /// processes create equal documents at once, both get `true`.
    ///
    /// # Errors
    /// See [`JsonDocument::change`].
    pub async fn create(&self, content: T, entropy: &Entropy) -> Result<(T, bool), DocumentError>
    where
        T: Clone,
    {
        let mut other = None;
        let change = |found: Option<T>| {
            other = found;
            Ok::<_, DocumentError>(other.is_none().then(|| content.clone()))
        };
        self.change(entropy, change).await?;
        Ok(match other {
            Some(other) => (other, false),
            None => (content, true),
        })
    }

    /// Changes the document, or the default value if it doesn't exist. Nothing is written if nothing changes.
    /// Returns the resulting content.
    ///
    /// # Errors
    /// See [`JsonDocument::change`].
    pub async fn update(
        &self,
        entropy: &Entropy,
        mut change: impl FnMut(&mut T),
    ) -> Result<T, DocumentError>
    where
        T: Default + Clone + PartialEq,
    {
        let mut now = T::default();
        let apply = |found: Option<T>| {
            let found = found.unwrap_or_default();
            now = found.clone();
            change(&mut now);
            Ok::<_, DocumentError>((now != found).then(|| now.clone()))
        };
        self.change(entropy, apply).await?;
        Ok(now)
    }

    /// Replaces the document by the result of `change`; `None` leaves it unchanged. `change` is called again
    /// after a conflict; its last call is the one that holds.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read or written, the document can't be parsed, the conflicts
    /// don't end, or `change` fails.
    pub async fn change<E: From<DocumentError>>(
        &self,
        entropy: &Entropy,
        mut change: impl FnMut(Option<T>) -> Result<Option<T>, E>,
    ) -> Result<(), E> {
        let (mut sent, mut failure) = (None, None);
        for attempt in 0..ATTEMPTS {
            match self.try_once(&mut sent, &mut change).await? {
                Tried::Done => return Ok(()),
                Tried::Refused => {}
                Tried::Failed(error) => failure = Some(error),
            }
            let most = Duration::from_millis(50) * (1 << attempt.min(5));
            tokio::time::sleep(entropy.up_to(most)).await;
        }
        Err(match failure {
            Some(error) => DocumentError::from(error),
            None => DocumentError::Contended {
                key: self.key.clone(),
            },
        }
        .into())
    }

    /// One attempt. `sent` is the content last written in this change.
    async fn try_once<E: From<DocumentError>>(
        &self,
        sent: &mut Option<Bytes>,
        change: &mut impl FnMut(Option<T>) -> Result<Option<T>, E>,
    ) -> Result<Tried, E> {
        let found = match self.lake.get(&self.key).await {
            Ok(found) => found,
            Err(error) => return tried(error),
        };
        let (content, version) = match found {
            None => (None, None),
            // The reply was lost: this is this change's own write.
            Some((bytes, _)) if sent.as_ref() == Some(&bytes) => return Ok(Tried::Done),
            Some((bytes, version)) => (Some(self.read(&bytes)?), Some(version)),
        };
        let Some(next) = change(content)? else {
            return Ok(Tried::Done);
        };
        let bytes = self.write(next)?;
        *sent = Some(bytes.clone());
        match self.swap(bytes, version.as_ref()).await {
            Ok(true) => Ok(Tried::Done),
            Ok(false) => Ok(Tried::Refused),
            Err(error) => tried(error),
        }
    }

    async fn swap(&self, bytes: Bytes, read: Option<&ObjectVersion>) -> Result<bool, LakeError> {
        let (lake, key) = (&self.lake, &self.key);
        Ok(match read {
            None => matches!(lake.create(key, bytes).await?, Created::Done(_)),
            Some(read) => matches!(lake.replace(key, bytes, read).await?, Replaced::Done(_)),
        })
    }

    fn read(&self, bytes: &[u8]) -> Result<T, DocumentError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let unreadable = |error: serde_json::Error| self.unreadable(error.to_string());
        // A newer format may lack members that this version requires.
        let head: Head = serde_json::from_slice(bytes).map_err(unreadable)?;
        if head.format > self.format {
            let (found, known) = (head.format, self.format);
            return Err(self.unreadable(format!("its format is {found}, and {known} is known")));
        }
        let envelope: DocumentEnvelope<T> = serde_json::from_slice(bytes).map_err(unreadable)?;
        Ok(envelope.content)
    }

    fn write(&self, content: T) -> Result<Bytes, DocumentError> {
        let format = self.format;
        let mut bytes = serde_json::to_vec_pretty(&DocumentEnvelope { format, content })
            .map_err(|error| self.unreadable(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }

    fn unreadable(&self, problem: String) -> DocumentError {
        DocumentError::Unreadable {
            key: self.key.clone(),
            problem,
            hint: self.hint,
        }
    }
}

enum Tried {
    Done,
    /// Another process won the race.
    Refused,
    Failed(LakeError),
}

/// Returns `Failed` if the write may have happened, so that it is read back; returns any other error.
fn tried<E: From<DocumentError>>(error: LakeError) -> Result<Tried, E> {
    match error.outcome_unknown() {
        true => Ok(Tried::Failed(error)),
        false => Err(DocumentError::from(error).into()),
    }
}
