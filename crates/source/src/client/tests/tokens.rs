//! OAuth 2.0 client credentials: when a token is asked for, and what is shown of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use bronzed_model::declaration::{Auth, ClientCredentials};
use secrecy::SecretString;

const SECRET: &str = "s3cr3t-of-the-client";

/// Server that grants tokens `token-value-1`, `token-value-2`, … and serves pages to the valid ones.
struct Oauth {
    server: Server,
    fetch: Fetch,
}

impl Oauth {
    /// Starts a server whose tokens live for `lifetime`, and which accepts the tokens of these numbers.
    async fn start(lifetime: &'static str, valid: &'static [usize]) -> Self {
        let granted = AtomicUsize::new(0);
        Self::answering(move |head| {
            if head.starts_with("POST /token") {
                let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
                let body = format!(
                    r#"{{"access_token":"token-value-{number}","token_type":"Bearer"{lifetime}}}"#
                );
                return Step::Answer(json(&body));
            }
            let sent = |number: &&usize| head.contains(&format!("Bearer token-value-{number}\r\n"));
            match valid.iter().any(|number| sent(&number)) {
                true => page(),
                false => Step::Answer(answer("401 Unauthorized", "", head.as_bytes())),
            }
        })
        .await
    }

    async fn answering(treat: impl Fn(&str) -> Step + Send + Sync + 'static) -> Self {
        let server = Server::start(treat).await;
        let mut fetch = Fetch::from(&server);
        fetch.source.auth = Auth::OAuth2(ClientCredentials {
            token_url: server.url.join("/token").unwrap(),
            client_id: SecretString::from("the id"),
            client_secret: SecretString::from(SECRET),
            scope: Some("read".to_owned()),
        });
        Self { server, fetch }
    }

    /// Fetches a page so many times with one client; returns the last answer and the number of tokens asked for.
    async fn pages(&self, count: usize) -> (Result<Answer, FetchError>, usize) {
        let client = client(&self.fetch.source);
        let request = request(self.fetch.dataset.clone(), 0);
        let cancel = CancellationToken::new();
        let mut last = Err(FetchError::Cancelled);
        for _ in 0..count {
            last = client.fetch(&request, &self.fetch.usage, &cancel).await;
        }
        let heads = self.server.heads();
        let tokens = heads.iter().filter(|head| head.starts_with("POST /token"));
        (last, tokens.count())
    }
}

#[tokio::test]
async fn a_token_serves_many_requests_and_is_asked_for_as_the_standard_says() {
    let oauth = Oauth::start(r#","expires_in":3600"#, &[1]).await;
    let (last, tokens) = oauth.pages(3).await;
    assert_page(last);
    assert_eq!(tokens, 1);
    let head = oauth.server.heads().remove(0);
    // Base64 of `the+id:s3cr3t-of-the-client`.
    let basic = "authorization: Basic dGhlK2lkOnMzY3IzdC1vZi10aGUtY2xpZW50\r\n";
    assert!(head.contains(basic), "{head}");
    assert!(head.contains("application/x-www-form-urlencoded"), "{head}");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_expires() {
    for lifetime in [r#","expires_in":0"#, r#","expires_in":"0""#] {
        let oauth = Oauth::start(lifetime, &[1, 2, 3]).await;
        let (last, tokens) = oauth.pages(3).await;
        assert_page(last);
        assert_eq!(tokens, 3, "{lifetime}");
    }
    let unstated = Oauth::start("", &[1]).await;
    assert_eq!(unstated.pages(2).await.1, 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let revoked = Oauth::start(r#","expires_in":3600"#, &[2]).await;
    let (last, tokens) = revoked.pages(2).await;
    assert_page(last);
    assert_eq!(tokens, 2);
    let never = Oauth::start(r#","expires_in":3600"#, &[]).await;
    let (last, tokens) = never.pages(1).await;
    let error = last.unwrap_err();
    assert_eq!((error.refused_status(), tokens), (Some(401), 2), "{error}");
    // The answer repeats the token.
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("[secret]") && !shown.contains("token-value"),
        "{shown}"
    );
}

#[tokio::test]
async fn credentials_that_are_refused_are_told_at_once_and_not_shown() {
    let refusing = Oauth::answering(|head| {
        let echo = format!("invalid_client {SECRET} {head}");
        Step::Answer(answer("401 Unauthorized", "", echo.as_bytes()))
    })
    .await;
    let (last, tokens) = refusing.pages(1).await;
    let error = last.unwrap_err();
    assert_eq!((error.refused_status(), tokens), (Some(401), 1));
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("no access token from 127.0.0.1: invalid_client"),
        "{shown}"
    );
    assert!(
        !shown.contains(SECRET) && !shown.contains("dGhlK2lk"),
        "{shown}"
    );
    assert!(!format!("{:?}", client(&refusing.fetch.source)).contains(SECRET));
}

#[tokio::test]
async fn a_token_endpoint_that_is_busy_is_asked_again() {
    let busy = Mutex::new(vec![json("{}"), answer("503 Busy", "", b"later")]);
    let oauth = Oauth::answering(move |head| match head.starts_with("POST /token") {
        true => {
            let granted = || json(r#"{"access_token":"token-value-1"}"#);
            Step::Answer(busy.lock().unwrap().pop().unwrap_or_else(granted))
        }
        false => page(),
    })
    .await;
    // 503 is transient; an answer without a token isn't.
    let (last, _) = oauth.pages(1).await;
    let error = last.unwrap_err().to_string();
    assert!(error.contains("no usable `access_token`"), "{error}");
    assert_page(oauth.pages(1).await.0);
    assert_eq!(oauth.fetch.usage.retries(), 1);
}
