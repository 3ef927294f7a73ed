//! Heartbeat: requests a URL regularly, so that somebody outside notices when no request comes any more.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;

use crate::alerts::channel::{HttpError, client, get};
use bronzed_model::alerts::Heartbeat;

/// Heart of a daemon.
#[derive(Debug)]
pub(super) struct Heart {
    settings: Heartbeat,
    client: reqwest::Client,
    /// Last beat: its time, and `true` if the daemon was well.
    last: Option<(DateTime<Utc>, bool)>,
    /// `true` if the last request failed, which is logged once.
    is_failing: bool,
}

impl Heart {
    pub(super) fn new(settings: &Heartbeat) -> Result<Self, HttpError> {
        let urls = std::iter::once(&settings.url).chain(&settings.failure_url);
        let urls: Vec<_> = urls.map(|url| url.expose_secret()).collect();
        Ok(Self {
            client: client(&urls)?,
            settings: settings.clone(),
            last: None,
            is_failing: false,
        })
    }

    /// Requests the URL for a daemon that is well, or the other one, if it is due: at the interval, and at once
    /// when the daemon has become well or unwell.
    pub(super) async fn beat(&mut self, is_well: bool, now: DateTime<Utc>) {
        let every = TimeDelta::from_std(self.settings.every).unwrap_or(TimeDelta::MAX);
        let is_due = self
            .last
            .is_none_or(|(at, was_well)| was_well != is_well || (now - at).abs() >= every);
        if !is_due {
            return;
        }
        self.last = Some((now, is_well));
        let url = match is_well {
            true => Some(&self.settings.url),
            false => self.settings.failure_url.as_ref(),
        };
        let Some(url) = url else {
            return;
        };
        match get(&self.client, url).await {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(%error, "heartbeat not sent");
                }
                self.is_failing = true;
            }
        }
    }
}
