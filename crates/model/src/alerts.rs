//! Settings of alerts: rules, and the channels that deliver them.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

/// Settings of alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    /// Rules.
    pub rules: AlertRules,
    /// Channels by name. Without one, active alerts are only logged and listed.
    pub channels: BTreeMap<String, AlertChannel>,
    /// URL that hears regularly from the daemon. `None` if there is none.
    pub heartbeat: Option<Heartbeat>,
}

/// Rules of alerts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlertRules {
    /// Days that aren't proven although they could be for longer than their job's `complete_by`, and of which
    /// none was proven for two days.
    pub unproven: AlertRule,
    /// Days that were tried again and again since they settled.
    pub stuck: AlertRule,
    /// Jobs whose last successful run is older than their `freshness`.
    pub stale: AlertRule,
    /// Runs that fail.
    pub failing: AlertRule,
    /// Minimum number of failed runs of a dataset without a successful one in between.
    pub failing_times: u32,
    /// Period in which these runs have failed.
    pub failing_within: Duration,
    /// Sources and endpoints that are down.
    pub down: AlertRule,
    /// Days with far more or far fewer records than usual for their weekday.
    pub volume: AlertRule,
    /// Factor to the usual number of records, upwards and downwards, beyond which a day is unusual.
    pub volume_factor: f64,
    /// Fields that no column holds.
    pub drift: AlertRule,
    /// Expectations of severity `error` that fail.
    pub quality: AlertRule,
    /// Silver tables of which a partition is held back.
    pub held_back: AlertRule,
    /// Lakes that can't be reached, or refuse writes.
    pub lake: AlertRule,
}

/// Settings that all rules have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRule {
    /// `true` if the rule is evaluated.
    pub enabled: bool,
    /// Time for which the condition must hold before the alert starts.
    pub hold: Duration,
}

impl AlertRule {
    /// Returns an enabled rule whose condition must hold for this number of minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self {
            enabled: true,
            hold: Duration::from_secs(minutes * 60),
        }
    }
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            unproven: AlertRule::minutes(60),
            stuck: AlertRule::minutes(60),
            stale: AlertRule::minutes(30),
            failing: AlertRule::minutes(0),
            failing_times: 3,
            failing_within: Duration::from_secs(6 * 3600),
            down: AlertRule::minutes(120),
            volume: AlertRule::minutes(0),
            volume_factor: 4.0,
            drift: AlertRule::minutes(0),
            quality: AlertRule::minutes(0),
            held_back: AlertRule::minutes(0),
            lake: AlertRule::minutes(30),
        }
    }
}

/// Channel that delivers alerts.
#[derive(Debug, Clone)]
pub enum AlertChannel {
    /// POST of a JSON document.
    Webhook {
        /// Form of the document.
        shape: WebhookShape,
        /// URL of the receiver; a secret, because whoever knows it may post.
        url: SecretString,
    },
    /// Message of a Telegram bot.
    Telegram {
        /// Base URL of the bot API: `https://api.telegram.org`.
        base: String,
        /// Token of the bot.
        token: SecretString,
        /// Id of the chat, or `@name` of a channel.
        chat: String,
    },
    /// E-mail over SMTP.
    Email(EmailChannel),
}

/// Form of the document that a webhook receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookShape {
    /// All fields of the alerts, in a form of bronzed's own.
    Generic,
    /// Incoming webhook of Slack.
    Slack,
    /// Webhook of Discord.
    Discord,
    /// Webhook of a Microsoft Teams workflow, with an Adaptive Card.
    Teams,
}

/// E-mail over SMTP.
#[derive(Debug, Clone)]
pub struct EmailChannel {
    /// Host name of the mail server.
    pub host: String,
    /// Port of the mail server.
    pub port: u16,
    /// Encryption of the connection.
    pub tls: SmtpTls,
    /// User name and password. `None` if the server asks for none.
    pub login: Option<(String, SecretString)>,
    /// Address of the sender, as the header has it: `bronzed <bronzed@example.org>`.
    pub from: String,
    /// Addresses of the recipients.
    pub to: Vec<String>,
}

/// Encryption of a connection to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// TLS after the command `STARTTLS`; a server without it is refused.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None; only for a mail server on this machine.
    None,
}

/// URL that hears regularly from the daemon, so that somebody outside notices a dead host.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// URL that is requested while the daemon is well.
    pub url: SecretString,
    /// URL that is requested while the daemon isn't well. `None`: nothing is requested then.
    pub failure_url: Option<SecretString>,
    /// Interval between requests.
    pub every: Duration,
}
