//! From settings to what a run works with: an open lake, the source's client, clock and chance.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::entropy::Entropy;
use crate::ingest::Context;
use crate::ingest::progress::Observer;
use crate::lake::document::DocumentError;
use crate::lake::{Joined, Lake, LakeError};
use crate::lease::{Identity, Shared};
use crate::protection::seal::{self, SealError};
use crate::source::SourceClient;
#[cfg(test)]
use crate::source::declaration::Source;
#[cfg(test)]
use crate::source::testing::Exchange;
use crate::table::{self, TableError};

/// Why nothing can be read into the lake.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The lake doesn't do what it is asked.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A table is protected in another way.
    #[error(transparent)]
    Seal(SealError),
    /// A table was written in another way.
    #[error(transparent)]
    Table(TableError),
    /// A small document of the lake can't be read or written.
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

impl From<SealError> for NotReady {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Lake(error) => Self::Lake(error),
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

/// Everything that the runs of one process share.
pub struct Session {
    lake: Lake,
    clients: BTreeMap<String, SourceClient>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    cancel: CancellationToken,
}

impl Session {
    /// Opens the lake, and makes sure that its conditional writes work.
    ///
    /// # Errors
    /// When the lake can't be used, or a source's client can't be made.
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let lake = Lake::open(&settings.lake)?;
        let session = Self::over(settings, lake, clock, Arc::new(Entropy::from_system()))?;
        session.make_ready().await?;
        Ok(session)
    }

    /// Over a lake that is there already; nobody has spoken to it yet.
    ///
    /// # Errors
    /// When a source's client can't be made.
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

    /// The same without a network: each source is asked over what `exchange` gives for it.
    #[cfg(test)]
    pub(crate) fn asking(
        settings: Settings,
        lake: Lake,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        exchange: impl Fn(&Source) -> Arc<dyn Exchange>,
    ) -> Self {
        let clients = settings.sources.iter().map(|(name, source)| {
            let (clock, entropy) = (clock.clone(), entropy.clone());
            let client = SourceClient::over(exchange(source), source, clock, entropy);
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
                client.lease(Shared {
                    lake: lake.clone(),
                    together: limits.together.max(limits.concurrency),
                    who: Identity::of_process(),
                });
            }
        }
        Self {
            lake,
            clients,
            settings,
            clock,
            entropy,
            cancel: CancellationToken::new(),
        }
    }

    /// Makes sure that the lake can be reached, that its conditional writes work, and that its tables
    /// are protected as the configuration says.
    ///
    /// # Errors
    /// When it can't, they don't, or they aren't.
    pub async fn make_ready(&self) -> Result<Joined, NotReady> {
        let now = self.clock.now();
        let joined = self.lake.join(&self.entropy, now).await?;
        let token = self.entropy.run_id(now).to_string();
        self.lake.probe(&token).await?;
        let sealed = self.lake.list(seal::FOLDER).await?;
        let datasets = self.settings.sources.values();
        for dataset in datasets.flat_map(|source| source.datasets.values()) {
            let key = seal::key(&dataset.prefix);
            if dataset.protection.is_some() || sealed.iter().any(|entry| entry.key == key) {
                seal::settle(&self.lake, dataset).await?;
            }
        }
        self.settle_tables(now).await?;
        Ok(joined)
    }

    /// Holds the declarations against what tables were written by; of a table that has no document yet,
    /// the first run makes it.
    async fn settle_tables(&self, now: DateTime<Utc>) -> Result<(), NotReady> {
        let written = self.lake.list(table::FOLDER).await?;
        let datasets = self.settings.sources.values();
        for dataset in datasets.flat_map(|source| source.datasets.values()) {
            let key = table::key(&dataset.prefix);
            if written.iter().any(|entry| entry.key == key) {
                table::settle(&self.lake, dataset, &self.entropy, now).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that it is still the lake that was there when the session became ready.
    ///
    /// # Errors
    /// When it isn't, or that can't be found out.
    pub async fn check_lake(&self) -> Result<(), LakeError> {
        self.lake.recognize().await
    }

    /// What the session goes by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where bronze and state live.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The client of a source. `None`: there is no such source.
    pub fn client(&self, source: &str) -> Option<&SourceClient> {
        self.clients.get(source)
    }

    /// Run ids and jitter.
    pub fn entropy(&self) -> &Arc<Entropy> {
        &self.entropy
    }

    /// Cancelled: the runs end at a safe point.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Gives back what is held of the sources' limits: other processes needn't wait for that to expire.
    /// No request is sent afterwards.
    pub async fn close(&self) {
        join_all(self.clients.values().map(SourceClient::close)).await;
    }

    /// What the runs of `source` work with. `None`: there is no such source.
    pub fn context(&self, source: &str, observer: Arc<dyn Observer>) -> Option<Context> {
        let declared = self.settings.sources.get(source)?;
        Some(Context {
            lake: self.lake.clone(),
            client: self.clients.get(source)?.clone(),
            zone: declared.timezone,
            concurrency: declared.limits.concurrency,
            commit: self.settings.commit,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            observer,
            cancel: self.cancel.clone(),
        })
    }
}
