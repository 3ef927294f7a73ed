//! Builds the settings of `[alerts]`: rules, channels and the heartbeat.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Build;
use crate::path::KeyPath;
use crate::tables::alerts::{
    AlertChannelTable, AlertChannelType, AlertRuleTable, AlertRulesTable, AlertsTable,
    HeartbeatTable,
};
use crate::tables::bronzed::OptionValue;
use crate::tables::either::Either;
use crate::text::value;
use bronzed_model::alerts::{
    AlertChannel, AlertRule, AlertRules, AlertSettings, EmailChannel, Heartbeat, SmtpTls,
    WebhookShape,
};

/// Base URL of Telegram's bot API.
const TELEGRAM: &str = "https://api.telegram.org";

impl Build<'_> {
    /// Settings of alerts.
    pub fn alerts(&mut self, path: &KeyPath, table: &AlertsTable) -> AlertSettings {
        let channels = table.channel.iter().filter_map(|(name, table)| {
            let path = path.key("channel").key(name);
            Some((name.clone(), self.alert_channel(&path, table)?))
        });
        let channels = channels.collect();
        let heartbeat = table.heartbeat.as_ref();
        AlertSettings {
            rules: alert_rules(&table.rules),
            channels,
            heartbeat: heartbeat.map(|table| self.heartbeat(&path.key("heartbeat"), table)),
        }
    }

    /// Returns a channel. `None` if its type is missing, which is reported.
    fn alert_channel(&mut self, path: &KeyPath, table: &AlertChannelTable) -> Option<AlertChannel> {
        self.name(path, path.steps().last().map_or("", String::as_str));
        let Some(kind) = table.kind else {
            let hint =
                "write `type = \"slack\"`: webhook, slack, discord, teams, telegram or email";
            self.needs(&path.key("type"), "it tells how alerts are delivered", hint);
            return None;
        };
        self.other_keys(path, table, kind);
        let shape = match kind {
            AlertChannelType::Webhook => WebhookShape::Generic,
            AlertChannelType::Slack => WebhookShape::Slack,
            AlertChannelType::Discord => WebhookShape::Discord,
            AlertChannelType::Teams => WebhookShape::Teams,
            AlertChannelType::Telegram => return Some(self.telegram(path, table)),
            AlertChannelType::Email => return Some(self.email(path, table)),
        };
        let url = self.secret_url(path, "url", table.url.as_ref());
        Some(AlertChannel::Webhook { shape, url })
    }

    /// Reports the keys that belong to channels of another type.
    fn other_keys(&mut self, path: &KeyPath, table: &AlertChannelTable, kind: AlertChannelType) {
        use AlertChannelType::{Email, Telegram};
        let of_telegram = kind == Telegram;
        let of_email = kind == Email;
        let keys = [
            ("url", table.url.is_some(), !of_telegram && !of_email),
            ("token", table.token.is_some(), of_telegram),
            ("chat", table.chat.is_some(), of_telegram),
            ("api", table.api.is_some(), of_telegram),
            ("host", table.host.is_some(), of_email),
            ("port", table.port.is_some(), of_email),
            ("tls", table.tls.is_some(), of_email),
            ("user", table.user.is_some(), of_email),
            ("password", table.password.is_some(), of_email),
            ("from", table.from.is_some(), of_email),
            ("to", table.to.is_some(), of_email),
        ];
        for (key, given, takes) in keys {
            if given && !takes {
                let path = path.key(key);
                let word = kind.word();
                let what = format!("`{path}` says nothing to a channel of type `{word}`");
                self.complain(&path, what, "leave it out, or write the type that takes it");
            }
        }
    }

    fn telegram(&mut self, path: &KeyPath, table: &AlertChannelTable) -> AlertChannel {
        let base = value(&table.api);
        let base = base.as_ref().map_or(TELEGRAM, |url| url.as_str());
        AlertChannel::Telegram {
            base: base.trim_end_matches('/').to_owned(),
            token: self.needed_secret(path, "token", table.token.as_ref()),
            chat: self.needed(path, "chat", table.chat.as_deref()),
        }
    }

    fn email(&mut self, path: &KeyPath, table: &AlertChannelTable) -> AlertChannel {
        let tls = table.tls.unwrap_or(SmtpTls::Starttls);
        let user = table.user.clone();
        let login = user.map(|user| {
            (
                user,
                self.needed_secret(path, "password", table.password.as_ref()),
            )
        });
        if login.is_none() && table.password.is_some() {
            let why = "`password` needs one beside it";
            self.needs(&path.key("user"), why, "name the user of the mail server");
        }
        let from = self.needed(path, "from", table.from.as_deref());
        let to = table.to.clone().unwrap_or_default();
        if to.is_empty() {
            let hint = "write `to = [\"someone@example.org\"]`";
            self.needs(&path.key("to"), "nobody would get the e-mail", hint);
        }
        for (key, address) in to.iter().map(|to| ("to", to)).chain([("from", &from)]) {
            if !address.contains('@') && !address.is_empty() {
                let path = path.key(key);
                let what = format!("`{path}` has `{address}`, which is not an address");
                self.complain(&path, what, "write it as \"someone@example.org\"");
            }
        }
        AlertChannel::Email(EmailChannel {
            host: self.needed(path, "host", table.host.as_deref()),
            port: table.port.unwrap_or(match tls {
                SmtpTls::Starttls => 587,
                SmtpTls::Tls => 465,
                SmtpTls::None => 25,
            }),
            tls,
            login,
            from,
            to,
        })
    }

    fn heartbeat(&mut self, path: &KeyPath, table: &HeartbeatTable) -> Heartbeat {
        let failure = table.failure_url.as_ref();
        Heartbeat {
            url: self.secret_url(path, "url", table.url.as_ref()),
            failure_url: failure.map(|_| self.secret_url(path, "failure_url", failure)),
            every: value(&table.every).unwrap_or(Duration::from_secs(300)),
        }
    }

    fn needed(&mut self, path: &KeyPath, key: &str, text: Option<&str>) -> String {
        let text = text.map(str::trim).unwrap_or_default();
        if text.is_empty() {
            let why = "nothing could be delivered";
            self.needs(&path.key(key), why, &format!("write `{key} = \"…\"`"));
        }
        text.to_owned()
    }

    /// Reads a secret URL, and reports one that is no URL, without showing it.
    fn secret_url(
        &mut self,
        path: &KeyPath,
        key: &str,
        value: Option<&OptionValue>,
    ) -> SecretString {
        let secret = self.needed_secret(path, key, value);
        let text = secret.expose_secret();
        let url = Url::parse(text).ok();
        let is_http = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
        if !text.is_empty() && !is_http {
            let path = path.key(key);
            let what = format!("what `{path}` names is not a URL of http or https");
            self.complain(&path, what, "copy the whole URL, with https:// in front");
        }
        secret
    }

    fn needed_secret(
        &mut self,
        path: &KeyPath,
        key: &str,
        value: Option<&OptionValue>,
    ) -> SecretString {
        let path = path.key(key);
        let hint = format!("name it: {key} = {{ env = \"NAME\" }} or {{ file = \"PATH\" }}");
        match value {
            None => {
                self.needs(&path, "nothing could be delivered", &hint);
                SecretString::default()
            }
            Some(Either::Plain(text)) => {
                // A literal secret is allowed in a variable, because the environment may hold secrets.
                if !self.layers.is_of_variable(&path) {
                    let what = format!("`{path}` has a secret written down");
                    self.complain(&path, what, hint);
                }
                text.as_str().into()
            }
            Some(Either::Table(table)) => self.secret_of(&path, table),
        }
    }
}

fn alert_rules(table: &AlertRulesTable) -> AlertRules {
    let usual = AlertRules::default();
    let rule = |table: &AlertRuleTable, usual: AlertRule| AlertRule {
        enabled: table.enabled.unwrap_or(usual.enabled),
        hold: value(&table.hold).unwrap_or(usual.hold),
    };
    AlertRules {
        unproven: rule(&table.unproven, usual.unproven),
        stuck: rule(&table.stuck, usual.stuck),
        stale: rule(&table.stale, usual.stale),
        down: rule(&table.down, usual.down),
        drift: rule(&table.drift, usual.drift),
        quality: rule(&table.quality, usual.quality),
        held_back: rule(&table.held_back, usual.held_back),
        lake: rule(&table.lake, usual.lake),
        failing: AlertRule {
            enabled: table.failing.enabled.unwrap_or(true),
            ..usual.failing
        },
        failing_times: table.failing.times.unwrap_or(usual.failing_times),
        failing_within: value(&table.failing.within).unwrap_or(usual.failing_within),
        volume: AlertRule {
            enabled: table.volume.enabled.unwrap_or(true),
            ..usual.volume
        },
        volume_factor: table.volume.factor.unwrap_or(usual.volume_factor),
    }
}
