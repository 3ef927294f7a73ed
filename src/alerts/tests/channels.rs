//! Messages as real receivers get them: one document for each shape, word for word.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{at, message};
use crate::alerts::channel::Channel;
use crate::alerts::heartbeat::Heart;
use crate::alerts::message::Message;
use bronzed_model::alerts::{AlertChannel, Heartbeat, WebhookShape};

/// An HTTP server that keeps what it receives.
#[derive(Clone)]
pub struct Receiver {
    pub base: String,
    received: Arc<Mutex<Vec<(String, Bytes)>>>,
    status: Arc<Mutex<StatusCode>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            received: Arc::default(),
            status: Arc::new(Mutex::new(StatusCode::OK)),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                let service = service_fn(move |request| take(receiver.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(served);
            }
        });
        receiver
    }

    pub fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }

    /// Takes what was received: method and path, and the document.
    pub fn take(&self) -> Vec<(String, Value)> {
        let received = std::mem::take(&mut *self.received.lock().unwrap());
        let received = received.into_iter();
        received
            .map(|(path, body)| (path, serde_json::from_slice(&body).unwrap_or_default()))
            .collect()
    }
}

async fn take(
    receiver: Receiver,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await?.to_bytes();
    receiver.received.lock().unwrap().push((path, body));
    let mut answer = Response::new(Full::from("ok"));
    *answer.status_mut() = *receiver.status.lock().unwrap();
    Ok(answer)
}

fn webhook(shape: WebhookShape, receiver: &Receiver) -> AlertChannel {
    AlertChannel::Webhook {
        shape,
        url: format!("{}/hook/T0/B0/x7", receiver.base).into(),
    }
}

/// Delivers a message; returns the path, and the document.
async fn received(settings: impl FnOnce(&Receiver) -> AlertChannel) -> (String, Value) {
    let receiver = Receiver::start().await;
    let channel = Channel::new(&settings(&receiver)).unwrap();
    channel.deliver(&message()).await.unwrap();
    let [(path, document)] = &receiver.take()[..] else {
        panic!("not one request")
    };
    (path.clone(), document.clone())
}

const TITLE: &str = "bronzed: pncp: 1 alert started, 1 alert ended";
const BODY: &str = "warning: pncp: the API has been down since 2025-10-22 02:07-03:00\n\
    20 failures in a row at <https://pncp.gov.br> & elsewhere.\n\
    To look: `bronzed check --online pncp`.\n\n\
    over: pncp.atas is fresh again, after 2h";

#[tokio::test]
async fn a_webhook_gets_every_field() {
    let (path, document) = received(|receiver| webhook(WebhookShape::Generic, receiver)).await;
    assert_eq!(path, "POST /hook/T0/B0/x7");
    let expected = json!({
        "version": 1,
        "status": "firing",
        "source": "pncp",
        "at": "2025-10-22T07:07:00Z",
        "title": TITLE,
        "text": BODY,
        "alerts": [
            {
                "key": "down/pncp",
                "rule": "down",
                "severity": "warning",
                "status": "firing",
                "source": "pncp",
                "dataset": null,
                "since": "2025-10-22T05:07:00Z",
                "ended_at": null,
                "summary": "pncp: the API has been down since 2025-10-22 02:07-03:00",
                "detail": "20 failures in a row at <https://pncp.gov.br> & elsewhere.",
                "hint": "To look: `bronzed check --online pncp`.",
            },
            {
                "key": "stale/pncp/atas",
                "rule": "stale",
                "severity": "warning",
                "status": "resolved",
                "source": "pncp",
                "dataset": "atas",
                "since": "2025-10-22T05:07:00Z",
                "ended_at": "2025-10-22T07:07:00Z",
                "summary": "pncp.atas is fresh again, after 2h",
                "detail": "20 failures in a row at <https://pncp.gov.br> & elsewhere.",
                "hint": "To look: `bronzed check --online pncp`.",
            },
        ],
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn slack_gets_its_text_with_nothing_that_it_would_take_for_markup() {
    let (_, document) = received(|receiver| webhook(WebhookShape::Slack, receiver)).await;
    let body = BODY
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    assert_eq!(document, json!({ "text": format!("*{TITLE}*\n{body}") }));
}

#[tokio::test]
async fn discord_gets_content_that_mentions_nobody() {
    let (_, document) = received(|receiver| webhook(WebhookShape::Discord, receiver)).await;
    let expected = json!({
        "content": format!("**{TITLE}**\n{BODY}"),
        "allowed_mentions": { "parse": [] },
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn teams_gets_an_adaptive_card() {
    let (_, document) = received(|receiver| webhook(WebhookShape::Teams, receiver)).await;
    let expected = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {
                        "type": "TextBlock", "text": TITLE, "wrap": true,
                        "weight": "Bolder", "size": "Medium",
                    },
                    { "type": "TextBlock", "text": BODY.replace('\n', "\n\n"), "wrap": true },
                ],
            },
        }],
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn telegram_gets_a_message_of_the_bot() {
    let (path, document) = received(|receiver| AlertChannel::Telegram {
        base: receiver.base.clone(),
        token: "123:abc".into(),
        chat: "-1001".to_owned(),
    })
    .await;
    assert_eq!(path, "POST /bot123:abc/sendMessage");
    let expected = json!({
        "chat_id": "-1001",
        "text": format!("{TITLE}\n\n{BODY}"),
        "link_preview_options": { "is_disabled": true },
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn a_long_message_is_cut_to_what_discord_takes() {
    let receiver = Receiver::start().await;
    let mut long = message();
    long.started[0].detail = "ção ".repeat(2_000);
    let channel = Channel::new(&webhook(WebhookShape::Discord, &receiver)).unwrap();
    channel.deliver(&long).await.unwrap();
    let content = receiver.take()[0].1["content"].as_str().unwrap().to_owned();
    assert_eq!(content.chars().count(), 1_901);
    assert!(content.ends_with('…'), "{content}");
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secret_url() {
    let receiver = Receiver::start().await;
    let channel = Channel::new(&webhook(WebhookShape::Slack, &receiver)).unwrap();
    receiver.answer(404);
    let refused = channel.deliver(&Message::test(at("03:00"))).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(
        refused,
        "answered 404: ok: is the URL or the token still right?"
    );
    // Nobody listens at this port, once its listener is gone.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let channel = Channel::new(&AlertChannel::Webhook {
        shape: WebhookShape::Generic,
        url: format!("http://{address}/hook/T0/B0/x7").into(),
    });
    let unreachable = channel.unwrap().deliver(&message()).await;
    let unreachable = unreachable.unwrap_err().to_string();
    assert!(unreachable.starts_with("no answer: "), "{unreachable}");
    assert!(!unreachable.contains("hook"), "{unreachable}");
}

#[tokio::test]
async fn a_redirect_takes_no_message_elsewhere() {
    let receiver = Receiver::start().await;
    receiver.answer(307);
    let channel = Channel::new(&webhook(WebhookShape::Generic, &receiver)).unwrap();
    assert!(channel.deliver(&message()).await.is_err());
}

#[tokio::test]
async fn a_heart_beats_at_its_interval_and_at_once_when_something_changes() {
    let receiver = Receiver::start().await;
    let mut heart = Heart::new(&Heartbeat {
        url: format!("{}/ping/x7", receiver.base).into(),
        failure_url: Some(format!("{}/ping/x7/fail", receiver.base).into()),
        every: std::time::Duration::from_secs(300),
    })
    .unwrap();
    let beats = [
        ("12:00", true),
        ("12:04", true),
        ("12:05", true),
        ("12:06", false),
        ("12:07", false),
        ("12:08", true),
    ];
    for (time, is_well) in beats {
        heart.beat(is_well, at(time)).await;
    }
    let paths: Vec<_> = receiver.take().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "GET /ping/x7",
            "GET /ping/x7",
            "GET /ping/x7/fail",
            "GET /ping/x7"
        ]
    );
}
