//! Channels: delivery of messages by HTTP and SMTP.
//!
//! A delivery has ten seconds. Whoever knows the URL of a webhook can post to it, so no error shows one.

mod email;
mod http;
mod shapes;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::alerts::message::Message;
use bronzed_model::alerts::{AlertChannel, WebhookShape};
use bronzed_model::redact::redact;

pub use email::EmailError;
pub use http::HttpError;
pub(super) use http::{client, get};

/// Time limit of one delivery.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Error of a delivery.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The receiver of a webhook can't be reached, or refuses the message.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The mail server can't be reached, or refuses the message.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The delivery took too long.
    #[error("not delivered within {} s: is the receiver reachable from here?", TIMEOUT.as_secs())]
    TimedOut,
}

/// A channel that is ready to deliver.
#[derive(Debug)]
pub struct Channel {
    client: reqwest::Client,
    settings: AlertChannel,
}

impl Channel {
    /// Creates a channel. Nothing is sent yet.
    ///
    /// # Errors
    /// Returns an error if no HTTP client can be built on this machine.
    pub fn new(settings: &AlertChannel) -> Result<Self, HttpError> {
        Ok(Self {
            client: client(&urls(settings))?,
            settings: settings.clone(),
        })
    }

    /// Delivers a message.
    ///
    /// # Errors
    /// Returns an error if it was not accepted. It may have arrived all the same, if the answer was lost.
    pub async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let sent = tokio::time::timeout(TIMEOUT, self.send(message));
        sent.await.map_err(|_| DeliveryError::TimedOut)?
    }

    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        match &self.settings {
            AlertChannel::Webhook { shape, url } => {
                let body = match shape {
                    WebhookShape::Generic => shapes::generic(message),
                    WebhookShape::Slack => shapes::slack(message),
                    WebhookShape::Discord => shapes::discord(message),
                    WebhookShape::Teams => shapes::teams(message),
                };
                self.post(url, &body).await
            }
            AlertChannel::Telegram { base, token, chat } => {
                let token = token.expose_secret();
                let url = format!("{base}/bot{token}/sendMessage").into();
                self.post(&url, &shapes::telegram(message, chat)).await
            }
            AlertChannel::Email(settings) => Ok(email::send(settings, message).await?),
        }
    }

    async fn post(&self, url: &SecretString, body: &Value) -> Result<(), DeliveryError> {
        // Messages are redacted like logs: reasons come from APIs.
        let body = redact(&body.to_string()).into_owned();
        let request = self.client.post(url.expose_secret());
        let request = request.header("content-type", "application/json");
        Ok(http::send(request.body(body)).await?)
    }
}

/// Returns the URLs that a channel sends to.
fn urls(settings: &AlertChannel) -> Vec<&str> {
    match settings {
        AlertChannel::Webhook { url, .. } => vec![url.expose_secret()],
        AlertChannel::Telegram { base, .. } => vec![base],
        AlertChannel::Email(_) => Vec::new(),
    }
}
