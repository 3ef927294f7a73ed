//! Requests as sent, redaction of secrets, and sources without a client.

use super::*;
use bronzed_model::declaration::{Auth, KeyPlace, PagingStyle};
use secrecy::SecretString;

const SECRET: &str = "s3cr3t-t0ken";

/// The head of the one request that this source sends, in lower case.
async fn head(change: impl FnOnce(&mut Source)) -> String {
    let server = Server::script(vec![page()]).await;
    let mut fetch = Fetch::from(&server);
    change(&mut fetch.source);
    assert_page(fetch.first().await);
    server.heads()[0].to_lowercase()
}

fn refused(change: impl FnOnce(&mut Source)) -> String {
    let mut source = source(&Url::parse("https://pncp.gov.br/api").unwrap());
    change(&mut source);
    let entropy = Arc::new(Entropy::seeded(1));
    let error = SourceClient::new(
        &source,
        Arc::new(bronzed_model::clock::SystemClock),
        entropy,
    );
    error.unwrap_err().to_string()
}

#[tokio::test]
async fn a_request_carries_what_the_source_declares() {
    let head = head(|source| {
        source.user_agent = "bronzed/9.9 (+https://example.org)".to_owned();
        source.headers = vec![
            ("Accept".to_owned(), "*/*".to_owned()),
            ("X-Team".to_owned(), "compras".to_owned()),
        ];
    })
    .await;
    assert!(head.starts_with("get /api/consulta/v1/contratacoes/publicacao?codigomodalidade"));
    for line in [
        "user-agent: bronzed/9.9 (+https://example.org)",
        "accept: */*",
        "x-team: compras",
    ] {
        assert!(
            head.contains(&format!("\r\n{line}\r\n")),
            "{line} in {head}"
        );
    }
    assert!(!head.contains("authorization"));
}

#[tokio::test]
async fn json_is_asked_for() {
    assert!(
        head(|_| ())
            .await
            .contains("\r\naccept: application/json\r\n")
    );
}

#[tokio::test]
async fn each_way_to_authenticate_is_sent_as_its_standard_says() {
    let secret = || SecretString::from(SECRET);
    let bearer = head(|source| source.auth = Auth::Bearer(secret())).await;
    assert!(bearer.contains("authorization: bearer s3cr3t-t0ken\r\n"));
    let key = head(|source| {
        source.auth = Auth::ApiKey {
            place: KeyPlace::Header("chave-api".to_owned()),
            key: secret(),
        }
    })
    .await;
    assert!(key.contains("chave-api: s3cr3t-t0ken\r\n"));
    let in_query = head(|source| {
        source.auth = Auth::ApiKey {
            place: KeyPlace::Param("chave".to_owned()),
            key: SecretString::from("a b&c"),
        }
    })
    .await;
    assert!(
        in_query.contains("&chave=a%20b%26c http/1.1\r\n"),
        "{in_query}"
    );
    let basic = head(|source| {
        source.auth = Auth::Basic {
            user: "ana".to_owned(),
            password: SecretString::from("x"),
        }
    })
    .await;
    assert!(
        basic.contains("authorization: basic yw5hong=\r\n"),
        "{basic}"
    );
}

#[tokio::test]
async fn secrets_show_in_no_error_and_no_debug_output() {
    let server = Server::start(|_| status("500 Internal Server Error")).await;
    let mut fetch = Fetch::from(&server);
    fetch.source.auth = Auth::Bearer(SecretString::from(SECRET));
    let error = fetch.first().await.unwrap_err();
    let client = client(&fetch.source);
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{client:?}"),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    let broken = refused(|source| source.auth = Auth::Bearer(SecretString::from("s3cr3t\n")));
    assert!(broken.contains("header `authorization`"), "{broken}");
    assert!(!broken.contains("s3cr3t"), "{broken}");
    let url = refused(|source| source.base_url = Url::parse("https://u:s3cr3t@h/").unwrap());
    assert!(
        url.contains("put them into `auth`") && !url.contains("s3cr3t"),
        "{url}"
    );
}

#[tokio::test]
async fn a_key_in_the_query_shows_in_no_url() {
    let in_query = |source: &mut Source| {
        source.auth = Auth::ApiKey {
            place: KeyPlace::Param("chave".to_owned()),
            key: SecretString::from(SECRET),
        }
    };
    // An error page, a redirect and a broken connection that repeat the request, and no connection at all.
    let echo = format!("refused: /api?chave={SECRET}");
    let moved = format!("Location: /elsewhere?chave={SECRET}\r\n");
    let server = Server::script(vec![
        Step::Answer(answer("400 Bad Request", "", echo.as_bytes())),
        Step::Answer(answer("301 Moved", &moved, b"")),
        Step::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
    ])
    .await;
    let mut fetch = Fetch::from(&server);
    in_query(&mut fetch.source);
    fetch.dataset.retry.max_attempts = 1;
    for expected in ["[secret]", "[secret]", "broke off"] {
        let error = fetch.first().await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
    assert!(server.heads().iter().all(|head| head.contains(SECRET)));
    fetch.source.base_url = Url::parse("http://127.0.0.1:9/api").unwrap();
    let error = format!("{:?}", fetch.first().await.unwrap_err());
    assert!(
        error.contains("NoConnection") && !error.contains(SECRET),
        "{error}"
    );
}

#[tokio::test]
async fn a_next_link_that_repeats_the_key_is_followed_with_the_key_once() {
    let server = Server::start(|_| page()).await;
    let mut fetch = Fetch::from(&server);
    fetch.source.auth = Auth::ApiKey {
        place: KeyPlace::Param("chave".to_owned()),
        key: SecretString::from(SECRET),
    };
    fetch.dataset.paginator.style = PagingStyle::NextLink;
    let mut request = request(fetch.dataset.clone(), 1);
    request.next = Some(format!("/next?a=%2F&chave={SECRET}&b=1"));
    let client = client(&fetch.source);
    let url = client.inner().request_of(&request).unwrap().url;
    assert!(url.as_str().ends_with("/next?a=%2F&b=1"), "{url}");
    let cancel = CancellationToken::new();
    assert_page(client.fetch(&request, &fetch.usage, &cancel).await);
    let head = server.heads().remove(0);
    let sent = format!("GET /next?a=%2F&b=1&chave={SECRET} HTTP");
    assert!(head.starts_with(&sent), "{head}");
}

#[test]
fn what_cannot_be_a_client_is_named() {
    let text = refused(|source| source.base_url = Url::parse("ftp://h/").unwrap());
    assert!(
        text.contains("must begin with http:// or https://"),
        "{text}"
    );
    let text = refused(|source| source.headers = vec![("a b".to_owned(), String::new())]);
    assert!(text.contains("header `a b`"), "{text}");
    let text = refused(|source| source.ca_file = Some("/no/such/ca.pem".into()));
    assert!(
        text.contains("`ca_file` /no/such/ca.pem: No such file"),
        "{text}"
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let text = refused(|source| source.ca_file = Some(empty.path().to_owned()));
    assert!(text.contains("has no PEM certificate in it"), "{text}");
}

#[tokio::test]
async fn a_probe_tells_what_it_saw_in_one_request() {
    let dated = answer(
        "200 OK",
        "Content-Type: application/json\r\nDate: Wed, 22 Oct 2025 12:00:07 GMT\r\n",
        envelope(&["1", "2"], 812).as_bytes(),
    );
    let empty = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    let server = Server::script(vec![
        Step::Answer(dated),
        Step::Answer(empty),
        status("503 Busy"),
        status("400 Bad Request"),
    ])
    .await;
    let now = "2025-10-22T12:00:00Z".parse().unwrap();
    let clock = Arc::new(bronzed_model::clock::ManualClock::new(now));
    let entropy = Arc::new(Entropy::seeded(1));
    let client = SourceClient::new(&source(&server.url), clock, entropy).unwrap();
    let request = request(testing::dataset(), 0);
    let probe = || {
        client.probe(
            Arc::clone(&request.dataset),
            request.day,
            request.slice.clone(),
        )
    };

    let seen = probe().await.unwrap();
    assert!(matches!(&seen.answer, Ok(Answer::Page(page)) if page.total == Some(812)));
    assert_eq!(seen.status, 200);
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
    assert_eq!(seen.skew, Some(chrono::TimeDelta::seconds(7)));
    assert_eq!(seen.body.len(), envelope(&["1", "2"], 812).len());
    let seen = probe().await.unwrap();
    assert!(matches!(seen.answer, Ok(Answer::Empty { .. })));
    assert_eq!((seen.status, seen.skew), (204, None));
    let problem = probe().await.unwrap().answer.unwrap_err().to_string();
    assert!(
        problem.contains("after 1 try: answered status 503"),
        "{problem}"
    );
    let refused = probe().await.unwrap().answer.unwrap_err();
    assert_eq!(refused.refused_status(), Some(400));
    assert_eq!(server.count(), 4);
}
