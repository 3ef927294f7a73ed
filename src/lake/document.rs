//! Small documents of the lake that several processes change: JSON, with a format number, and changed
//! by compare-and-swap only.
//!
//! ```json
//! {"format": 1, "paused": {"pncp.hourly": "2025-10-22T12:00:00Z"}}
//! ```
//!
//! What is promised of every one of them:
//!
//! - no change of another is lost: who finds the document changed reads it, and changes that;
//! - an outcome that isn't known is read back: a change that happened isn't reported as a failure;
//! - a document that isn't understood (damaged, or of a newer version) is never written over.
//!
//! A change may be applied several times to the same document, so it must say the same each time.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Created, Lake, LakeError, Replaced, Version};
use crate::entropy::Entropy;

/// How often a change is tried when others get in between, or its outcome stays unknown.
const ATTEMPTS: u32 = 10;

/// Why a document can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The lake doesn't do what it is asked.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// It was damaged, or a newer version wrote it.
    #[error("`{key}` can't be understood by this version: {problem}; {cure}")]
    Unreadable {
        /// The object.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What helps.
        cure: &'static str,
    },
    /// Others changed it each time.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row: run fewer at once")]
    Contended {
        /// The object.
        key: String,
    },
}

/// One document: its place, and the format that this version knows. `T` is what it says beside its
/// `format`; it serializes to a JSON object.
#[derive(Debug, Clone)]
pub struct JsonDocument<T> {
    lake: Lake,
    key: String,
    format: u64,
    cure: &'static str,
    content: PhantomData<fn() -> T>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: u64,
    #[serde(flatten)]
    content: T,
}

impl<T: Serialize + DeserializeOwned> JsonDocument<T> {
    /// The document at `key`, of the format that this version writes and the highest that it knows.
    pub fn new(lake: &Lake, key: impl Into<String>, format: u64) -> Self {
        Self {
            lake: lake.clone(),
            key: key.into(),
            format,
            cure: "update bronzed",
            content: PhantomData,
        }
    }

    /// The document, with what a person is told to do where it can't be understood.
    #[must_use]
    pub fn cure(self, cure: &'static str) -> Self {
        Self { cure, ..self }
    }

    /// Where the document lies.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Reads it. `None`: there is none.
    ///
    /// # Errors
    /// When the lake can't be read, or the document isn't understood.
    pub async fn load(&self) -> Result<Option<T>, DocumentError> {
        match self.lake.get(&self.key).await? {
            Some((bytes, _)) => Ok(Some(self.read(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Writes it where none is. Returns the one that is there then, and whether it is this one: where
    /// two processes create equal documents at once, both are told so.
    ///
    /// # Errors
    /// As for [`JsonDocument::change`].
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

    /// Changes it; where there is none, the default is changed. Nothing is written if nothing is
    /// changed. Returns what it says then.
    ///
    /// # Errors
    /// As for [`JsonDocument::change`].
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

    /// Changes it as `change` says of what is there: `None` leaves it as it is. What the last call of
    /// `change` has seen and said is what holds.
    ///
    /// # Errors
    /// When the lake can't be read or written, the document isn't understood, others change it without
    /// end, or `change` fails.
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

    /// One try. `sent` is what was written last, in this change.
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
            // The reply got lost on the way: this is what was written.
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

    async fn swap(&self, bytes: Bytes, read: Option<&Version>) -> Result<bool, LakeError> {
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
        // What a newer version writes may lack what this one looks for.
        let head: Head = serde_json::from_slice(bytes).map_err(unreadable)?;
        if head.format > self.format {
            let (found, known) = (head.format, self.format);
            return Err(self.unreadable(format!("its format is {found}, and {known} is known")));
        }
        let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(unreadable)?;
        Ok(envelope.content)
    }

    fn write(&self, content: T) -> Result<Bytes, DocumentError> {
        let format = self.format;
        let mut bytes = serde_json::to_vec_pretty(&Envelope { format, content })
            .map_err(|error| self.unreadable(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }

    fn unreadable(&self, problem: String) -> DocumentError {
        DocumentError::Unreadable {
            key: self.key.clone(),
            problem,
            cure: self.cure,
        }
    }
}

enum Tried {
    Done,
    /// Another one came before.
    Refused,
    Failed(LakeError),
}

/// A failure after which a write may have happened is looked into; any other ends the matter.
fn tried<E: From<DocumentError>>(error: LakeError) -> Result<Tried, E> {
    match error.outcome_unknown() {
        true => Ok(Tried::Failed(error)),
        false => Err(DocumentError::from(error).into()),
    }
}
