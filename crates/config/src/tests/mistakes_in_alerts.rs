//! Settings of alerts, and mistakes in them.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{BRONZED, Folder, each_is_told};
use bronzed_model::alerts::{AlertChannel, AlertRules, SmtpTls, WebhookShape};

#[test]
fn every_rule_is_on_as_shipped_and_no_channel_is_there() {
    let settings = crate::load(None, []).unwrap().alerts;
    assert_eq!(settings.rules, AlertRules::default());
    assert!(settings.channels.is_empty() && settings.heartbeat.is_none());
}

#[test]
fn channels_are_read_and_their_secrets_are_hidden() {
    let folder = Folder::shipped();
    folder.spoil(
        BRONZED,
        "[alerts]\n",
        r#"
[alerts.rules.down]
for = "20m"
[alerts.rules.drift]
enabled = false
[alerts.rules.volume]
factor = 2.5
[alerts.rules.failing]
times = 5
within = "1d"
[alerts.channel.ops]
type = "slack"
url = { env = "SLACK" }
[alerts.channel.phone]
type = "telegram"
token = { env = "BOT" }
chat = "-100"
[alerts.channel.mail]
type = "email"
host = "mail.example.org"
user = "ops"
password = { env = "MAIL" }
from = "bronzed@example.org"
to = ["ana@example.org"]
[alerts.heartbeat]
url = { env = "HEART" }
every = "1m"
"#,
    );
    let environment = [
        ("SLACK", "https://hooks.slack.com/services/T0/B0/in-slack"),
        ("BOT", "123:in-telegram"),
        ("MAIL", "in-smtp"),
        ("HEART", "https://hc-ping.com/in-heart?create=1"),
        ("BRONZED__ALERTS__CHANNEL__OPS__TYPE", "discord"),
    ];
    let settings = folder.load(&environment).unwrap();
    let secrets = crate::secrets::of_settings(&settings);
    for secret in [
        "services/T0/B0/in-slack",
        "123:in-telegram",
        "in-smtp",
        "https://hc-ping.com/in-heart?create=1",
        "in-heart",
    ] {
        assert!(
            secrets.iter().any(|known| known == secret),
            "{secret}: {secrets:?}"
        );
    }
    let alerts = settings.alerts;
    assert_eq!(alerts.rules.down.hold, Duration::from_secs(1200));
    assert!(!alerts.rules.drift.enabled && alerts.rules.lake.enabled);
    assert_eq!(
        (alerts.rules.failing_times, alerts.rules.volume_factor),
        (5, 2.5)
    );
    let AlertChannel::Webhook { shape, url } = &alerts.channels["ops"] else {
        panic!("{alerts:?}");
    };
    assert_eq!(*shape, WebhookShape::Discord, "the environment says so");
    assert!(url.expose_secret().ends_with("in-slack"));
    let AlertChannel::Email(email) = &alerts.channels["mail"] else {
        panic!("{alerts:?}");
    };
    assert_eq!((email.port, email.tls), (587, SmtpTls::Starttls));
    assert_eq!(alerts.heartbeat.unwrap().every, Duration::from_secs(60));
}

#[test]
fn rules_channels_and_heartbeat() {
    each_is_told(
        BRONZED,
        &[
            (
                "[alerts]\n",
                "¶[alerts.rules.downn]\nfor = \"1h\"\n",
                "unknown key `downn` in `alerts.rules`",
                "did you mean `down`?",
            ),
            (
                "[alerts]\n",
                "[alerts.rules.down]\n¶for = \"long\"\n",
                "`alerts.rules.down.for = \"long\"` is not a duration",
                "\"2h\"",
            ),
            (
                "[alerts]\n",
                "[alerts.channel.ops]\n¶url = \"https://hooks.slack.com/x7\"\ntype = \"slack\"\n",
                "`alerts.channel.ops.url` has a secret written down",
                "name it: url = { env = \"NAME\" }",
            ),
            (
                "[alerts]\n",
                "[alerts.channel.ops]\ntype = \"slack\"\n¶url = { env = \"SET\" }\n",
                "what `alerts.channel.ops.url` names is not a URL of http or https",
                "copy the whole URL",
            ),
            (
                "[alerts]\n",
                "[alerts.channel.ops]\ntype = \"telegram\"\nchat = \"1\"\ntoken = { env = \"SET\" }\n¶to = [\"a@b.c\"]\n",
                "`alerts.channel.ops.to` says nothing to a channel of type `telegram`",
                "leave it out",
            ),
            (
                "[alerts]\n",
                "[alerts.channel.ops]\ntype = \"email\"\nhost = \"h\"\nfrom = \"a@b.c\"\n¶to = [\"ana\"]\n",
                "`alerts.channel.ops.to` has `ana`, which is not an address",
                "someone@example.org",
            ),
        ],
    );
}
