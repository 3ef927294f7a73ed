//! Paused jobs: a small document in the lake, so that a pause survives a restart, and applies to every daemon
//! of the lake.
//!
//! ```json
//! {"format": 1, "paused": {"pncp.hourly": "2025-10-22T12:00:00Z"}}
//! ```
//!
//! Its key is `_bronzed/paused.json`. It is changed only by compare-and-swap.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::{DocumentError, JsonDocument};

/// Key of the document.
pub(super) const KEY: &str = "_bronzed/paused.json";

/// Format that this version writes, and the highest that it can read.
const FORMAT: u64 = 1;

/// Paused jobs with the time of the pause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paused {
    paused: BTreeMap<String, DateTime<Utc>>,
}

impl Paused {
    /// Loads the document. If there is none, no job is paused.
    pub(crate) async fn load(lake: &Lake) -> Result<Self, DocumentError> {
        Ok(document(lake).load().await?.unwrap_or_default())
    }

    /// Pauses or resumes a job in the lake. Idempotent: a paused job keeps its time.
    pub(super) async fn change(
        lake: &Lake,
        entropy: &Entropy,
        source: &str,
        job: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<Self, DocumentError> {
        let name = name(source, job);
        let change = |all: &mut Self| match since {
            Some(since) => {
                let since = since.trunc_subsecs(0);
                all.paused.entry(name.clone()).or_insert(since);
            }
            None => drop(all.paused.remove(&name)),
        };
        document(lake).update(entropy, change).await
    }

    /// Returns the time at which a job was paused. `None` if it is not paused.
    pub(super) fn since(&self, source: &str, job: &str) -> Option<DateTime<Utc>> {
        self.paused.get(&name(source, job)).copied()
    }

    /// The paused jobs of a source.
    pub(crate) fn of(&self, source: &str) -> BTreeSet<String> {
        let of_source = |name: &String| {
            let job = name.strip_prefix(source)?.strip_prefix('.')?;
            Some(job.to_owned())
        };
        self.paused.keys().filter_map(of_source).collect()
    }
}

fn document(lake: &Lake) -> JsonDocument<Paused> {
    JsonDocument::new(lake, KEY, FORMAT)
        .hint("update bronzed, or remove the object, which lets all jobs go on")
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

    fn entropy() -> Entropy {
        Entropy::seeded(7)
    }

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn a_pause_is_known_to_all_and_keeps_its_beginning() {
        let (lake, entropy) = (lake(), entropy());
        let noon = at("2025-10-22T12:00:00Z");
        assert_eq!(Paused::load(&lake).await.unwrap(), Paused::default());
        Paused::change(&lake, &entropy, "pncp", "hourly", noon)
            .await
            .unwrap();
        Paused::change(&lake, &entropy, "pncp", "daily", at("2025-10-22T13:00:00Z"))
            .await
            .unwrap();
        let again = Paused::change(
            &lake,
            &entropy,
            "pncp",
            "hourly",
            at("2025-10-22T14:00:00Z"),
        );
        let paused = again.await.unwrap();
        assert_eq!(paused, Paused::load(&lake).await.unwrap());
        assert_eq!(paused.since("pncp", "hourly"), noon);
        assert_eq!(
            paused.of("pncp"),
            ["daily", "hourly"].map(String::from).into()
        );
        assert!(paused.of("pn").is_empty());
        let paused = Paused::change(&lake, &entropy, "pncp", "daily", None)
            .await
            .unwrap();
        assert_eq!(paused.of("pncp"), ["hourly".to_owned()].into());
    }

    #[tokio::test]
    async fn what_is_not_understood_is_not_written_over() {
        let (lake, entropy) = (lake(), entropy());
        for text in ["", "[]", r#"{"format": 2, "paused": {}}"#] {
            if let Some((_, version)) = lake.get(KEY).await.unwrap() {
                lake.replace(KEY, text.into(), &version).await.unwrap();
            } else {
                lake.create(KEY, text.into()).await.unwrap();
            }
            let error = Paused::change(&lake, &entropy, "pncp", "hourly", None).await;
            assert!(
                matches!(error, Err(DocumentError::Unreadable { .. })),
                "{text}"
            );
            assert_eq!(lake.get(KEY).await.unwrap().unwrap().0, text);
        }
    }

    #[tokio::test]
    async fn changes_at_the_same_time_are_all_there() {
        let (lake, entropy) = (lake(), entropy());
        let jobs: Vec<_> = (0..5).map(|job| format!("job{job}")).collect();
        let noon = at("2025-10-22T12:00:00Z");
        let changes = jobs
            .iter()
            .map(|job| Paused::change(&lake, &entropy, "pncp", job, noon));
        for changed in futures::future::join_all(changes).await {
            changed.unwrap();
        }
        assert_eq!(Paused::load(&lake).await.unwrap().of("pncp").len(), 5);
    }
}
