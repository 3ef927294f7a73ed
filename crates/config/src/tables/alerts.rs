//! The table `[alerts]` of `bronzed.toml`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bronzed::OptionValue;
use crate::text::{HttpUrl, Text};
use bronzed_model::alerts::SmtpTls;
use bronzed_model::text::{PositiveSpan, Span};

/// Alerts: rules, and the channels that deliver them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertsTable {
    /// Rules; each is on by default.
    #[serde(default)]
    pub rules: AlertRulesTable,
    /// Channels that deliver alerts, by name. Default: none; active alerts are then only logged and listed.
    #[serde(default)]
    pub channel: IndexMap<String, AlertChannelTable>,
    /// URL that hears regularly from the daemon, so that somebody outside notices a dead host.
    pub heartbeat: Option<HeartbeatTable>,
}

/// Rules of alerts.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRulesTable {
    /// Days of a dataset are overdue (`complete_by` of their job), and none of them was proven for two days.
    /// Default: on, `for = "1h"`.
    #[serde(default)]
    pub unproven: AlertRuleTable,
    /// A day was tried eight times or more since it settled, and isn't complete. Default: on, `for = "1h"`.
    #[serde(default)]
    pub stuck: AlertRuleTable,
    /// A job has had no good run for longer than its `freshness`. Default: on, `for = "30m"`.
    #[serde(default)]
    pub stale: AlertRuleTable,
    /// Runs of a dataset fail.
    #[serde(default)]
    pub failing: FailingRuleTable,
    /// A source or an endpoint of it is down. Default: on, `for = "2h"`.
    #[serde(default)]
    pub down: AlertRuleTable,
    /// A day has far more or far fewer records than usual for its weekday.
    #[serde(default)]
    pub volume: VolumeRuleTable,
    /// Records have fields that no column holds. Default: on.
    #[serde(default)]
    pub drift: AlertRuleTable,
    /// An expectation of severity `error` fails. Default: on.
    #[serde(default)]
    pub quality: AlertRuleTable,
    /// A partition of a silver table is held back, because an expectation of severity `error` fails. Default: on.
    #[serde(default)]
    pub held_back: AlertRuleTable,
    /// The lake can't be reached, or refuses writes. Default: on, `for = "30m"`.
    #[serde(default)]
    pub lake: AlertRuleTable,
}

/// Keys that all rules have.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRuleTable {
    /// `true` if the rule is evaluated. Default: `true`.
    pub enabled: Option<bool>,
    /// Time for which the condition must hold before the alert starts.
    #[serde(rename = "for")]
    pub hold: Option<Text<Span>>,
}

/// Rule on failed runs.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailingRuleTable {
    /// `true` if the rule is evaluated. Default: `true`.
    pub enabled: Option<bool>,
    /// Minimum number of failed runs without a successful one in between. Default: 3.
    #[schemars(range(min = 1))]
    pub times: Option<u32>,
    /// Period in which these runs have failed. Default: `"6h"`.
    pub within: Option<Text<PositiveSpan>>,
}

/// Rule on the number of records of a day.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeRuleTable {
    /// `true` if the rule is evaluated. Default: `true`.
    pub enabled: Option<bool>,
    /// Factor to the usual number of records, upwards and downwards, beyond which a day is unusual. Default:
    /// 4, a quarter or four times as many.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub factor: Option<f64>,
}

/// Channel that delivers alerts.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertChannelTable {
    /// Kind of the channel.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub kind: Option<AlertChannelType>,
    /// `webhook`, `slack`, `discord`, `teams`: URL of the webhook, a secret: `{ env = "NAME" }` or
    /// `{ file = "PATH" }`.
    pub url: Option<OptionValue>,
    /// `telegram`: token of the bot: `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub token: Option<OptionValue>,
    /// `telegram`: id of the chat, or `@name` of a channel.
    pub chat: Option<String>,
    /// `telegram`: base URL of the bot API. Default: `"https://api.telegram.org"`.
    pub api: Option<Text<HttpUrl>>,
    /// `email`: host name of the mail server.
    pub host: Option<String>,
    /// `email`: port of the mail server. Default: 587, 465 or 25, by `tls`.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// `email`: encryption: `"starttls"`, `"tls"` (from the first byte), or `"none"` for a mail server on this
    /// machine. Default: `"starttls"`.
    pub tls: Option<SmtpTls>,
    /// `email`: user name, if the server asks for one.
    pub user: Option<String>,
    /// `email`: password of the user: `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub password: Option<OptionValue>,
    /// `email`: address of the sender: `"bronzed <bronzed@example.org>"`.
    pub from: Option<String>,
    /// `email`: addresses of the recipients.
    pub to: Option<Vec<String>>,
}

/// Kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertChannelType {
    /// JSON document with all fields of the alerts.
    Webhook,
    /// Incoming webhook of Slack.
    Slack,
    /// Webhook of Discord.
    Discord,
    /// Webhook of a Microsoft Teams workflow.
    Teams,
    /// Message of a Telegram bot.
    Telegram,
    /// E-mail over SMTP.
    Email,
}

impl AlertChannelType {
    /// Returns the word for the kind in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::Telegram => "telegram",
            Self::Email => "email",
        }
    }
}

/// URL that hears regularly from the daemon.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatTable {
    /// URL that is requested (GET) while the daemon is well: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[schemars(required)]
    pub url: Option<OptionValue>,
    /// URL that is requested (GET) while the lake can't be reached or refuses writes. Default: none, so that
    /// the request that doesn't come tells it.
    pub failure_url: Option<OptionValue>,
    /// Interval between requests. Default: `"5m"`.
    pub every: Option<Text<PositiveSpan>>,
}
