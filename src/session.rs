//! Shared resources of the runs of a process, built from settings: lake, source clients, clock and
//! randomness.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::silver::{self, TableBuilder};
use bronzed_engine::ingest::Context;
use bronzed_engine::ingest::progress::Observer;
use bronzed_engine::table_index::TableIndex;
use bronzed_model::clock::Clock;
use bronzed_model::declaration::Dataset;
#[cfg(any(test, feature = "test-util"))]
use bronzed_model::declaration::Source;
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_source::SourceClient;
use bronzed_source::lease::{ProcessIdentity, SharedLimits};
#[cfg(any(test, feature = "test-util"))]
use bronzed_source::testing::Transport;
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::lake::{Entry, JoinedLake, Lake, LakeError};
use bronzed_storage::protection_lock::{self, LockError};
use bronzed_storage::table::{self, TableError};

/// Reason that the lake can't be written to.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The lake can't be used.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A table was written with a different protection.
    #[error(transparent)]
    Seal(LockError),
    /// A table was written with a different declaration.
    #[error(transparent)]
    Table(TableError),
    /// A document of the lake can't be read or written.
    #[error(transparent)]
    Document(DocumentError),
}

impl From<DocumentError> for NotReady {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Lake(error) => Self::Lake(error),
            other => Self::Document(other),
        }
    }
}

impl From<LockError> for NotReady {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Lake(error) => Self::Lake(error),
            other => Self::Seal(other),
        }
    }
}

impl From<TableError> for NotReady {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Document(error) => error.into(),
            other => Self::Table(other),
        }
    }
}

/// Resources that the runs of one process share.
pub struct AppContext {
    lake: Lake,
    clients: BTreeMap<String, SourceClient>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    index: Option<Arc<dyn TableIndex>>,
    silver: Option<Arc<dyn TableBuilder>>,
    cancel: CancellationToken,
}

impl AppContext {
    /// Opens the lake, and checks it as [`Self::make_ready`] does.
    ///
    /// # Errors
    /// Returns an error if the lake can't be used, or a source's client can't be built.
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let lake = Lake::open(&settings.lake)?;
        let session = Self::over(settings, lake, clock, Arc::new(Entropy::from_system()))?;
        session.make_ready().await?;
        Ok(session)
    }

    /// Creates a session over an open lake, without sending any request to it.
    ///
    /// # Errors
    /// Returns an error if a source's client can't be built.
    pub fn over(
        settings: Settings,
        lake: Lake,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> anyhow::Result<Self> {
        let mut clients = BTreeMap::new();
        for (name, source) in &settings.sources {
            let client = SourceClient::new(source, clock.clone(), entropy.clone())
                .with_context(|| format!("source `{name}`"))?;
            clients.insert(name.clone(), client);
        }
        Ok(Self::with(settings, lake, clock, entropy, clients))
    }

    /// Like [`Self::over`], but without a network: requests to each source go through its `transport`.
    #[cfg(any(test, feature = "test-util"))]
    pub fn with_transport(
        settings: Settings,
        lake: Lake,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        transport: impl Fn(&Source) -> Arc<dyn Transport>,
    ) -> Self {
        let clients = settings.sources.iter().map(|(name, source)| {
            let (clock, entropy) = (clock.clone(), entropy.clone());
            let client = SourceClient::over(transport(source), source, clock, entropy);
            (name.clone(), client)
        });
        let clients = clients.collect();
        Self::with(settings, lake, clock, entropy, clients)
    }

    fn with(
        settings: Settings,
        lake: Lake,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        clients: BTreeMap<String, SourceClient>,
    ) -> Self {
        let lake = lake.with_states(settings.state.compression);
        for (name, source) in &settings.sources {
            let limits = &source.limits;
            if let Some(client) = clients.get(name) {
                client.lease(SharedLimits {
                    lake: lake.clone(),
                    together: limits.together.max(limits.concurrency),
                    who: ProcessIdentity::of_process(),
                });
            }
        }
        let index = index(&settings, &lake);
        let silver = silver::builder(&settings, &lake);
        Self {
            lake,
            index,
            silver,
            clients,
            settings,
            clock,
            entropy,
            cancel: CancellationToken::new(),
        }
    }

    /// Checks that the lake is reachable, and that its conditional writes work; then compares its tables with the
    /// protection and the declarations of the configuration. A table that was written with others is refused
    /// ([`Lake::refusal`]): no run stores anything in it, and all other datasets go on.
    ///
    /// # Errors
    /// Returns an error if a check of the lake fails.
    pub async fn make_ready(&self) -> Result<JoinedLake, NotReady> {
        let now = self.clock.now();
        let joined = self.lake.join(&self.entropy, now).await?;
        let token = self.entropy.run_id(now).to_string();
        self.lake.probe(&token).await?;
        let sealed = self.lake.list(protection_lock::FOLDER).await?;
        let written = self.lake.list(table::FOLDER).await?;
        let datasets = self.settings.sources.values();
        for dataset in datasets.flat_map(|source| source.datasets.values()) {
            let compared = self.compare(dataset, &sealed, &written, now).await;
            let reason = match compared {
                Ok(()) => None,
                Err(NotReady::Lake(error)) => return Err(error.into()),
                Err(refusal) => Some(refusal.to_string()),
            };
            if let Some(reason) = &reason {
                let (source, dataset) = (&*dataset.source, &*dataset.name);
                tracing::error!(source, dataset, reason, "table refused");
            }
            self.lake.set_refusal(&dataset.prefix, reason);
        }
        Ok(joined)
    }

    /// Compares a dataset with the documents that say how its table was written. A table without a document is
    /// skipped, because its first run writes the document.
    async fn compare(
        &self,
        dataset: &Dataset,
        sealed: &[Entry],
        written: &[Entry],
        now: DateTime<Utc>,
    ) -> Result<(), NotReady> {
        let has = |entries: &[Entry], key: &str| entries.iter().any(|entry| entry.key == key);
        let key = protection_lock::key(&dataset.prefix);
        if dataset.protection.is_some() || has(sealed, &key) {
            protection_lock::verify_or_create(&self.lake, dataset).await?;
        }
        if has(written, &table::key(&dataset.prefix)) {
            table::settle(&self.lake, dataset, &self.entropy, now).await?;
        }
        Ok(())
    }

    /// Checks that the lake is still the one that [`Self::make_ready`] joined.
    ///
    /// # Errors
    /// Returns an error if it isn't, or if that can't be determined.
    pub async fn check_lake(&self) -> Result<(), LakeError> {
        self.lake.recognize().await
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the lake.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Returns the builder of the silver tables; `None` if they aren't kept.
    pub(crate) fn silver(&self) -> Option<&Arc<dyn TableBuilder>> {
        self.silver.as_ref()
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the client of a source. `None` if there is no such source.
    pub fn client(&self, source: &str) -> Option<&SourceClient> {
        self.clients.get(source)
    }

    /// Returns the random source for run ids and jitter.
    pub fn entropy(&self) -> &Arc<Entropy> {
        &self.entropy
    }

    /// Returns the token that, once cancelled, ends the runs at a safe point.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Releases the leases on the sources' limits, so that other processes need not wait for them to expire.
    /// No request is sent afterwards.
    pub async fn close(&self) {
        join_all(self.clients.values().map(SourceClient::close)).await;
    }

    /// Returns the context of the runs of `source`. `None` if there is no such source.
    pub fn context(&self, source: &str, observer: Arc<dyn Observer>) -> Option<Context> {
        let declared = self.settings.sources.get(source)?;
        Some(Context {
            lake: self.lake.clone(),
            client: self.clients.get(source)?.clone(),
            zone: declared.timezone,
            concurrency: declared.limits.concurrency,
            commit: self.settings.commit,
            index: self.index.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            observer,
            keeps_requests: true,
            cancel: self.cancel.clone(),
        })
    }
}

/// Returns the index of the lake's tables, if they have one.
#[cfg(feature = "delta")]
fn index(settings: &Settings, lake: &Lake) -> Option<Arc<dyn TableIndex>> {
    let enabled = settings.delta.enabled;
    enabled.then(|| Arc::new(crate::delta::DeltaIndex::new(lake.clone())) as Arc<dyn TableIndex>)
}

/// Returns none: this program is built without Delta logs.
#[cfg(not(feature = "delta"))]
fn index(_: &Settings, _: &Lake) -> Option<Arc<dyn TableIndex>> {
    None
}

#[cfg(test)]
mod tests {
    use bronzed_model::clock::ManualClock;
    use bronzed_storage::bronze::layout;
    use bronzed_storage::testing::support;
    use object_store::memory::InMemory;

    use super::*;

    const KEY: &str = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__PRIMARY_KEY";

    fn session(lake: &Lake, variables: &[(&str, &str)]) -> AppContext {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = bronzed_config::load(None, variables.collect::<Vec<_>>()).unwrap();
        let clock = ManualClock::new(support::at("2025-10-23T12:00:00Z"));
        let entropy = Arc::new(Entropy::seeded(1));
        AppContext::over(settings, lake.clone(), Arc::new(clock), entropy).unwrap()
    }

    #[tokio::test]
    async fn a_changed_key_of_one_dataset_stopped_every_other_one() {
        let store = Arc::new(InMemory::new());
        let lake = Lake::over(store.clone(), "memory:///");
        let first = session(&lake, &[]);
        let now = first.clock().now();
        for name in ["contratacoes", "contratos"] {
            let dataset = &first.settings().sources["pncp"].datasets[name];
            table::settle(&lake, dataset, first.entropy(), now)
                .await
                .unwrap();
            let file = layout::file_key(&dataset.prefix, support::day(), 1);
            lake.create(&file, "a file".into()).await.unwrap();
        }
        let lake = Lake::over(store, "memory:///");
        let other = "numeroControlePNCP,sequencialCompra";
        // Both are of one record, which the silver table of them requires.
        let update = KEY.replace("CONTRATACOES", "CONTRATACOES_ATUALIZACAO");
        let second = session(&lake, &[(KEY, other), (&update, other)]);
        second.make_ready().await.unwrap();
        let refusal = |name: &str| {
            let dataset = &second.settings().sources["pncp"].datasets[name];
            lake.refusal(&dataset.prefix)
        };
        let told = refusal("contratacoes").unwrap();
        assert!(told.contains("primary_key"), "{told}");
        assert_eq!(refusal("contratos"), None);
        // The declaration that the table was written with is taken again.
        session(&lake, &[]).make_ready().await.unwrap();
        assert_eq!(refusal("contratacoes"), None);
    }
}
