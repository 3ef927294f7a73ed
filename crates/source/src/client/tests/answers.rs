//! Promise P2: classification of responses.

use super::*;
use bronzed_model::declaration::{CsvFormat, PagingStyle};

fn text(kind: &str, body: &str) -> Step {
    let header = format!("Content-Type: {kind}\r\n");
    Step::Answer(answer("200 OK", &header, body.as_bytes()))
}

#[tokio::test]
async fn a_page_comes_with_the_date_of_its_response() {
    let dated = answer(
        "200 OK",
        "Content-Type: application/json\r\nDate: Wed, 22 Oct 2025 12:00:07 GMT\r\n",
        envelope(&["1"], 812).as_bytes(),
    );
    let (answer, _) = fetch(vec![Step::Answer(dated)]).await;
    let Ok(Answer::Page(page)) = answer else {
        panic!("a page: {answer:?}")
    };
    assert_eq!(
        (page.len(), page.total, page.total_pages),
        (1, Some(812), Some(17))
    );
    assert_eq!(page.date.unwrap().to_rfc3339(), "2025-10-22T12:00:07+00:00");
}

#[tokio::test]
async fn status_204_is_empty_where_a_rule_says_so() {
    let head = "HTTP/1.1 204 No Content\r\nDate: Wed, 22 Oct 2025 12:00:07 GMT\r\n\r\n";
    let (answer, requests) = fetch(vec![Step::Answer(head.into())]).await;
    let Ok(Answer::Empty { date: Some(date) }) = answer else {
        panic!("empty: {answer:?}")
    };
    assert_eq!(date.to_rfc3339(), "2025-10-22T12:00:07+00:00");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn status_200_without_a_body_is_empty_where_a_rule_says_so() {
    let (answer, _) = fetch(vec![text("application/json", "")]).await;
    assert!(
        matches!(answer, Ok(Answer::Empty { date: None })),
        "{answer:?}"
    );
    // Without a body, a declared content encoding doesn't matter.
    let head = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let (answer, _) = fetch(vec![Step::Answer(self::answer("200 OK", head, b""))]).await;
    assert!(matches!(answer, Ok(Answer::Empty { .. })), "{answer:?}");
}

#[tokio::test]
async fn without_a_rule_no_body_is_a_failure() {
    for bytes in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let server = Server::start(move |_| Step::Answer(bytes.into())).await;
        let mut fetch = Fetch::from(&server);
        fetch.dataset.responses.clear();
        let (attempts, failure) = gave_up(fetch.first().await);
        assert_eq!((attempts, failure.kind()), (4, "empty_body"));
    }
}

#[tokio::test]
async fn html_with_status_200_is_tried_again_and_then_named() {
    let html = || text("text/html; charset=utf-8", "<html><h1>Erro\r\n</h1>");
    assert_page(fetch(vec![html(), html(), page()]).await.0);
    let (answer, requests) = fetch(vec![html(), html(), html(), html(), page()]).await;
    let error = answer.unwrap_err().to_string();
    assert_eq!(requests, 4);
    assert!(
        error.contains("answered HTML with status 200: <html><h1>Erro </h1>"),
        "{error}"
    );
    assert!(error.contains("after 4 tries"), "{error}");
}

#[tokio::test]
async fn a_page_of_another_shape_is_tried_again_and_then_named() {
    let other = || text("application/json", r#"{"erro":"indisponível"}"#);
    assert_page(fetch(vec![other(), page()]).await.0);
    let (answer, _) = fetch(vec![other(), other(), other(), other()]).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("no array of records at `/data`"), "{error}");
}

#[tokio::test]
async fn a_body_cut_off_is_tried_again_and_never_read_in_part() {
    let whole = json(&envelope(&["1", "2"], 2));
    let length = || Step::Answer(whole[..whole.len() - 9].to_vec());
    assert_page(fetch(vec![length(), page()]).await.0);
    let (attempts, failure) = gave_up(fetch(vec![length(), length(), length(), length()]).await.0);
    assert_eq!((attempts, failure.kind()), (4, "broke_off"));

    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = || Step::Answer(format!("{head}5\r\n{{\"dat\r\n").into());
    assert_page(fetch(vec![chunked(), page()]).await.0);

    // Whole for HTTP (the body ends with the stream), truncated as JSON.
    let body = envelope(&["1"], 1);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    let closed = || Step::Answer(format!("{head}{}", &body[..40]).into());
    assert_page(fetch(vec![closed(), page()]).await.0);
    let (_, failure) = gave_up(fetch(vec![closed(), closed(), closed(), closed()]).await.0);
    assert_eq!(failure.kind(), "bad_body");
}

#[tokio::test]
async fn a_reset_is_tried_again_wherever_it_comes() {
    let whole = json(&envelope(&["1"], 1));
    let resets = vec![
        Step::Reset(vec![]),
        Step::Reset(whole[..60].to_vec()),
        page(),
    ];
    assert_page(fetch(resets).await.0);
}

fn gzipped(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn compressed(body: &[u8]) -> Step {
    let head = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    Step::Answer(answer("200 OK", head, body))
}

#[tokio::test]
async fn compressed_answers_are_asked_for_and_read() {
    let body = gzipped(envelope(&["1", "2", "3"], 3).as_bytes());
    let server = Server::script(vec![compressed(&body[..body.len() - 5]), compressed(&body)]).await;
    assert_page(Fetch::from(&server).first().await);
    assert_eq!(server.count(), 2, "the first was cut off");
    assert!(
        server.heads()[0]
            .to_lowercase()
            .contains("accept-encoding: gzip")
    );
}

#[tokio::test]
async fn p8_a_compressed_answer_is_bounded_by_what_it_becomes() {
    let bomb = gzipped(&vec![b' '; 50 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let (answer, requests) = fetch(vec![compressed(&bomb)]).await;
    assert!(
        matches!(answer, Err(FetchError::TooLarge { max: 1_048_576, .. })),
        "{answer:?}"
    );
    assert_eq!(requests, 1, "it won't become smaller");
}

#[tokio::test]
async fn p8_a_body_larger_than_allowed_is_an_error_that_names_the_cure() {
    let large = "x".repeat(1024 * 1024 + 1);
    let (answer, requests) = fetch(vec![text("application/json", &large)]).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("raise `max_body_bytes`"), "{error}");
    assert_eq!(requests, 1);
    let (answer, _) = fetch(vec![
        Step::Answer(self::answer("503 Busy", "", large.as_bytes())),
        page(),
    ])
    .await;
    assert_page(answer);
}

/// Fetches CSV with the columns `id` and `nome` from a server that answers these bytes.
async fn fetch_csv(sent: Vec<u8>) -> (Result<Answer, FetchError>, String) {
    let server = Server::script(vec![Step::Answer(sent)]).await;
    let mut fetch = Fetch::from(&server);
    fetch.dataset.csv = Some(CsvFormat::default());
    fetch.dataset.data_selector = String::new();
    fetch.dataset.paginator.style = PagingStyle::Single;
    fetch.dataset.paginator.total_records_path = None;
    fetch.dataset.paginator.total_pages_path = None;
    fetch.dataset.primary_key = vec!["/id".to_owned()];
    fetch.dataset.retry.max_attempts = 1;
    let declared = Arc::new(fetch.dataset.clone());
    fetch.source.datasets = [(declared.name.clone(), declared)].into();
    let answer = fetch.first().await;
    (answer, server.heads()[0].to_lowercase())
}

#[tokio::test]
async fn csv_is_believed_only_where_its_end_is_known() {
    let table = "id,nome\n1,a\n2,b\n3,c\n";
    let (framed, head) = fetch_csv(answer("200 OK", "", table.as_bytes())).await;
    assert_page(framed);
    assert!(head.contains("accept: text/csv"), "{head}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, table.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let packed = answer("200 OK", "Content-Encoding: gzip\r\n", &gzip);
    assert_page(fetch_csv(packed).await.0);
    let chunked = |end: &str| {
        let length = table.len();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        format!("{head}{length:x}\r\n{table}\r\n{end}").into_bytes()
    };
    assert_page(fetch_csv(chunked("0\r\n\r\n")).await.0);
    // Each of these ends where a row ends, and might have gone on.
    let until_closed = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{table}");
    let length = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{table}");
    for (cut, part) in [
        (until_closed.into_bytes(), "cut off"),
        (length.into_bytes(), "broke off"),
        (chunked(""), "broke off"),
    ] {
        let (_, failure) = gave_up(fetch_csv(cut).await.0);
        assert!(failure.to_string().contains(part), "{failure}");
    }
}
