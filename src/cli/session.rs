//! From settings to what a run works with: an open lake, the source's client, clock and chance.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::entropy::Entropy;
use crate::ingest::Context;
use crate::ingest::progress::Observer;
use crate::lake::Lake;
use crate::source::SourceClient;

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
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let entropy = Arc::new(Entropy::from_system());
        let lake = Lake::open(&settings.lake)?;
        let token = entropy.run_id(clock.now()).to_string();
        lake.probe(&token).await?;
        let mut clients = BTreeMap::new();
        for (name, source) in &settings.sources {
            let client = SourceClient::new(source, clock.clone(), entropy.clone())
                .with_context(|| format!("source `{name}`"))?;
            clients.insert(name.clone(), client);
        }
        Ok(Self {
            lake,
            clients,
            settings,
            clock,
            entropy,
            cancel: CancellationToken::new(),
        })
    }

    /// Cancelled: the runs end at a safe point.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
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

/// Cancels `token` at the first SIGINT or SIGTERM; the second one ends the process at once.
pub fn cancel_on_signal(token: CancellationToken) {
    tokio::spawn(async move {
        signal().await;
        let detail = "what was read is committed; a second signal stops at once";
        tracing::warn!(detail, "stopping");
        token.cancel();
        signal().await;
        std::process::exit(130);
    });
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
