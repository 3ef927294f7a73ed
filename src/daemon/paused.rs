//! Jobs that a person has paused: a small document in the lake, so that a pause outlives the
//! daemon, and holds for every daemon of the lake.
//!
//! ```json
//! {"format": 1, "paused": {"pncp.hourly": "2025-10-22T12:00:00Z"}}
//! ```
//!
//! Its key is `_bronzed/paused.json`. It is changed by compare-and-swap only.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::{Created, Lake, LakeError, Replaced, Version};

/// Where the document lies.
pub(super) const KEY: &str = "_bronzed/paused.json";

/// The format that this version writes, and the highest that it knows.
const FORMAT: u64 = 1;

/// How often a change is tried when others get in between.
const ATTEMPTS: u32 = 10;

/// The jobs that are paused, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paused(BTreeMap<String, DateTime<Utc>>);

/// Why the document can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PausedError {
    /// The lake doesn't do what it is asked.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Somebody else wrote something else there.
    #[error(
        "`{KEY}` isn't a list of paused jobs that this version understands: {0}; \
         update bronzed, or remove the object, which lets all jobs go on"
    )]
    Unreadable(String),
    /// Others changed it each time.
    #[error("`{KEY}` was changed by others {ATTEMPTS} times in a row: try again")]
    Contended,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    paused: BTreeMap<String, DateTime<Utc>>,
}

impl Paused {
    /// Reads the document; where there is none, nothing is paused.
    pub(super) async fn load(lake: &Lake) -> Result<Self, PausedError> {
        Ok(Self::read(lake).await?.0)
    }

    /// Pauses a job or lets it go on, in the lake. One that is so already stays so.
    pub(super) async fn change(
        lake: &Lake,
        source: &str,
        job: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<Self, PausedError> {
        let name = name(source, job);
        for _ in 0..ATTEMPTS {
            let (mut paused, version) = Self::read(lake).await?;
            match since {
                Some(since) => {
                    let since = since.trunc_subsecs(0);
                    paused.0.entry(name.clone()).or_insert(since);
                }
                None => drop(paused.0.remove(&name)),
            }
            if paused.write(lake, version.as_ref()).await? {
                return Ok(paused);
            }
        }
        Err(PausedError::Contended)
    }

    /// Since when a job is paused.
    pub(super) fn since(&self, source: &str, job: &str) -> Option<DateTime<Utc>> {
        self.0.get(&name(source, job)).copied()
    }

    /// The paused jobs of a source.
    pub(super) fn of(&self, source: &str) -> BTreeSet<String> {
        let of_source = |name: &String| {
            let job = name.strip_prefix(source)?.strip_prefix('.')?;
            Some(job.to_owned())
        };
        self.0.keys().filter_map(of_source).collect()
    }

    async fn read(lake: &Lake) -> Result<(Self, Option<Version>), PausedError> {
        let Some((bytes, version)) = lake.get(KEY).await? else {
            return Ok((Self::default(), None));
        };
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| PausedError::Unreadable(error.to_string()))?;
        if document.format > FORMAT {
            let what = format!("its format is {}", document.format);
            return Err(PausedError::Unreadable(what));
        }
        Ok((Self(document.paused), Some(version)))
    }

    /// Whether it was written: nobody else came in between.
    async fn write(&self, lake: &Lake, read: Option<&Version>) -> Result<bool, PausedError> {
        let document = Document {
            format: FORMAT,
            paused: self.0.clone(),
        };
        let bytes: Bytes = serde_json::to_vec(&document)
            .map_err(|error| PausedError::Unreadable(error.to_string()))?
            .into();
        Ok(match read {
            None => matches!(lake.create(KEY, bytes).await?, Created::Done(_)),
            Some(read) => matches!(lake.replace(KEY, bytes, read).await?, Replaced::Done(_)),
        })
    }
}

fn name(source: &str, job: &str) -> String {
    format!("{source}.{job}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lake() -> Lake {
        Lake::over(
            Arc::new(object_store::memory::InMemory::new()),
            "memory:///",
        )
    }

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn a_pause_is_known_to_all_and_keeps_its_beginning() {
        let lake = lake();
        let noon = at("2025-10-22T12:00:00Z");
        assert_eq!(Paused::load(&lake).await.unwrap(), Paused::default());
        Paused::change(&lake, "pncp", "hourly", noon).await.unwrap();
        Paused::change(&lake, "pncp", "daily", at("2025-10-22T13:00:00Z"))
            .await
            .unwrap();
        let again = Paused::change(&lake, "pncp", "hourly", at("2025-10-22T14:00:00Z"));
        let paused = again.await.unwrap();
        assert_eq!(paused, Paused::load(&lake).await.unwrap());
        assert_eq!(paused.since("pncp", "hourly"), noon);
        assert_eq!(
            paused.of("pncp"),
            ["daily", "hourly"].map(String::from).into()
        );
        assert!(paused.of("pn").is_empty());
        let paused = Paused::change(&lake, "pncp", "daily", None).await.unwrap();
        assert_eq!(paused.of("pncp"), ["hourly".to_owned()].into());
    }

    #[tokio::test]
    async fn what_is_not_understood_is_not_written_over() {
        let lake = lake();
        for text in ["", "[]", r#"{"format": 2, "paused": {}}"#] {
            if let Some((_, version)) = lake.get(KEY).await.unwrap() {
                lake.replace(KEY, text.into(), &version).await.unwrap();
            } else {
                lake.create(KEY, text.into()).await.unwrap();
            }
            let error = Paused::change(&lake, "pncp", "hourly", None).await;
            assert!(matches!(error, Err(PausedError::Unreadable(_))), "{text}");
            assert_eq!(lake.get(KEY).await.unwrap().unwrap().0, text);
        }
    }

    #[tokio::test]
    async fn changes_at_the_same_time_are_all_there() {
        let lake = lake();
        let jobs: Vec<_> = (0..5).map(|job| format!("job{job}")).collect();
        let noon = at("2025-10-22T12:00:00Z");
        let changes = jobs
            .iter()
            .map(|job| Paused::change(&lake, "pncp", job, noon));
        for changed in futures::future::join_all(changes).await {
            changed.unwrap();
        }
        assert_eq!(Paused::load(&lake).await.unwrap().of("pncp").len(), 5);
    }
}
