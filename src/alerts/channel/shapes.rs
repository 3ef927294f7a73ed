//! Documents that receivers of webhooks understand.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::alerts::message::{AlertText, Message};

/// Maximum number of characters of a message of Discord (2000), and of Telegram (4096), with some to spare.
const DISCORD_CHARS: usize = 1_900;
const TELEGRAM_CHARS: usize = 4_000;
/// Maximum number of characters for Slack, which cuts off after 40,000, and Teams, which takes 28 KB.
const LONG_CHARS: usize = 8_000;

/// Version of the document of bronzed's own.
const VERSION: u32 = 1;

/// Document with all fields of the alerts; described in `docs/operate/alerts.md`.
pub(super) fn generic(message: &Message) -> Value {
    let started = message.started.iter();
    let started = started.map(|text| alert(text, "firing", None));
    let ended = message.ended.iter();
    let ended = ended.map(|text| alert(text, "resolved", Some(message.at)));
    json!({
        "version": VERSION,
        "status": message.status(),
        "source": message.source,
        "at": time(message.at),
        "title": message.title(),
        "text": message.body(),
        "alerts": started.chain(ended).collect::<Vec<_>>(),
    })
}

fn alert(text: &AlertText, status: &str, ended_at: Option<DateTime<Utc>>) -> Value {
    json!({
        "key": text.key.to_string(),
        "rule": text.key.rule.name(),
        "severity": text.key.rule.severity().name(),
        "status": status,
        "source": text.key.source,
        "dataset": text.key.dataset,
        "since": time(text.since),
        "ended_at": ended_at.map(time),
        "summary": ended_at.map_or_else(|| text.summary.clone(), |at| text.end(at)),
        "detail": text.detail,
        "hint": text.hint,
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Incoming webhook of Slack: `text` in its markup, in which `&`, `<` and `>` are escaped.
pub(super) fn slack(message: &Message) -> Value {
    let escaped = |text: String| {
        let text = text.replace('&', "&amp;");
        text.replace('<', "&lt;").replace('>', "&gt;")
    };
    let title = escaped(message.title());
    let body = escaped(message.body());
    json!({ "text": clipped(&format!("*{title}*\n{body}"), LONG_CHARS) })
}

/// Webhook of Discord: `content`, which mentions nobody, whatever is in it.
pub(super) fn discord(message: &Message) -> Value {
    let text = format!("**{}**\n{}", message.title(), message.body());
    json!({
        "content": clipped(&text, DISCORD_CHARS),
        "allowed_mentions": { "parse": [] },
    })
}

/// Webhook of a Teams workflow: a message with an Adaptive Card.
pub(super) fn teams(message: &Message) -> Value {
    let block = |text: &str, more: Value| {
        let mut block = json!({ "type": "TextBlock", "text": text, "wrap": true });
        if let (Some(block), Some(more)) = (block.as_object_mut(), more.as_object()) {
            block.extend(more.clone());
        }
        block
    };
    let title = block(
        &message.title(),
        json!({ "weight": "Bolder", "size": "Medium" }),
    );
    // A card shows a line break only after an empty line.
    let body = clipped(&message.body(), LONG_CHARS).replace('\n', "\n\n");
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [title, block(&body, json!({}))],
            },
        }],
    })
}

/// `sendMessage` of Telegram's bot API, as plain text.
pub(super) fn telegram(message: &Message, chat: &str) -> Value {
    json!({
        "chat_id": chat,
        "text": clipped(&message.text(), TELEGRAM_CHARS),
        "link_preview_options": { "is_disabled": true },
    })
}

/// Cuts off a text that is too long.
fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
