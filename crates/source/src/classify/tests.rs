use bytes::Bytes;

use super::*;
use crate::testing;

fn now() -> DateTime<Utc> {
    "2025-10-22T12:00:00Z".parse().unwrap()
}

fn reply(status: u16, content_type: &str, body: &str) -> RawResponse {
    RawResponse {
        status,
        content_type: Some(content_type.to_owned()).filter(|text| !text.is_empty()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..RawResponse::default()
    }
}

/// Verdict without any rule.
fn plain(reply: RawResponse) -> ResponseClass {
    let mut dataset = testing::dataset();
    dataset.responses.clear();
    classify(&dataset, reply, now())
}

fn reason(verdict: ResponseClass) -> String {
    match verdict {
        ResponseClass::Retry { failure, .. } | ResponseClass::RateLimited { failure, .. } => {
            failure.to_string()
        }
        other => panic!("tried again: {other:?}"),
    }
}

fn any() -> ResponseRule {
    ResponseRule {
        status: None,
        content_type: None,
        body_contains: None,
        body_empty: None,
        body_equals: None,
        action: Action::Ok,
        max_attempts: None,
        wait: None,
    }
}

fn with_rule(rule: ResponseRule, reply: RawResponse) -> ResponseClass {
    let mut dataset = testing::dataset();
    dataset.responses = vec![rule];
    classify(&dataset, reply, now())
}

#[test]
fn whole_json_with_status_200_is_a_page() {
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/hal+json",
        "",
    ] {
        let verdict = plain(reply(200, kind, &testing::envelope(&["1"], 1)));
        assert!(
            matches!(verdict, ResponseClass::Page(page) if page.len() == 1),
            "{kind}"
        );
    }
}

#[test]
fn p2_nothing_is_empty_that_no_rule_calls_so() {
    for status in [200, 204] {
        let text = reason(plain(reply(status, "", "")));
        assert!(
            text.contains(&format!("empty body with status {status}")),
            "{text}"
        );
    }
    assert!(matches!(
        plain(reply(404, "", "")),
        ResponseClass::Refused { .. }
    ));
}

#[test]
fn p2_html_with_status_200_is_a_failure_that_is_named() {
    let text = reason(plain(reply(
        200,
        "text/html;charset=UTF-8",
        "<html>\n<b>Erro</b>",
    )));
    assert_eq!(text, "answered HTML with status 200: <html> <b>Erro</b>");
    let text = reason(plain(reply(200, "text/plain", "oops")));
    assert_eq!(
        text,
        "answered text/plain instead of JSON with status 200: oops"
    );
}

#[test]
fn json_that_the_server_calls_something_else_is_read_by_its_shape() {
    let body = testing::envelope(&["1"], 1);
    for kind in [
        "json",
        "text/plain; charset=utf-8",
        "application/octet-stream",
        "text/xml",
        "/",
    ] {
        let verdict = plain(reply(200, kind, &body));
        assert!(
            matches!(verdict, ResponseClass::Page(page) if page.len() == 1),
            "{kind}"
        );
        // Another shape: the error names the problem.
        let text = reason(plain(reply(200, kind, r#"{"erro":1}"#)));
        assert!(
            text.contains("no array of records at `/data`"),
            "{kind}: {text}"
        );
        let text = reason(plain(reply(200, kind, "{\"data\":[")));
        assert!(
            text.contains(&format!("answered {kind} instead of JSON")),
            "{text}"
        );
    }
}

#[test]
fn p2_html_is_refused_whatever_it_is_called_and_json_that_is_called_html_names_its_rule() {
    for kind in ["application/json", "text/plain", "json", ""] {
        for body in ["<!DOCTYPE html><p>[]", " \n<html>{}</html>"] {
            let text = reason(plain(reply(200, kind, body)));
            assert!(
                text.starts_with("answered HTML with status 200"),
                "{kind}: {text}"
            );
        }
    }
    let body = testing::envelope(&["1"], 1);
    let text = reason(plain(reply(200, "text/html; charset=UTF-8", &body)));
    let rule = "`[[response]] status = 200, content_type = \"text/html\", action = \"ok\"`";
    assert!(text.contains(rule), "{text}");
    let rule = ResponseRule {
        status: Some(200),
        content_type: Some("text/html".to_owned()),
        ..any()
    };
    let verdict = with_rule(rule, reply(200, "text/html; charset=UTF-8", &body));
    assert!(matches!(verdict, ResponseClass::Page(_)));
}

#[test]
fn p2_cut_off_json_and_another_envelope_are_failures() {
    let whole = testing::envelope(&["1", "2"], 2);
    let text = reason(plain(reply(200, "application/json", &whole[..30])));
    assert!(text.contains("not whole JSON"), "{text}");
    let text = reason(plain(reply(200, "application/json", r#"{"erro":1}"#)));
    assert!(text.contains("no array of records at `/data`"), "{text}");
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_refused_at_once() {
    for status in [408, 425, 500, 502, 503, 504, 599] {
        let verdict = plain(reply(status, "text/html", "busy"));
        assert!(matches!(verdict, ResponseClass::Retry { .. }), "{status}");
    }
    for status in [400, 401, 403, 404, 405, 410, 422, 451] {
        let verdict = plain(reply(status, "text/plain", "no"));
        assert!(matches!(verdict, ResponseClass::Refused { .. }), "{status}");
    }
    assert!(matches!(
        plain(reply(429, "text/html", "")),
        ResponseClass::RateLimited { .. }
    ));
}

#[test]
fn a_redirect_says_where_to() {
    let mut moved = reply(302, "", "");
    moved.location = Some("https://elsewhere/\u{7}x".to_owned());
    assert!(
        matches!(plain(moved), ResponseClass::Redirected { status: 302, location }
        if location == "https://elsewhere/ x")
    );
}

#[test]
fn retry_after_is_seconds_or_a_moment_for_429_and_503() {
    let date = Some("2025-10-22T11:00:00Z".parse().unwrap());
    let cases = [
        (429, "30", None, Some(30)),
        (503, " 7 ", None, Some(7)),
        (500, "30", None, None),
        (429, "0", None, None),
        (429, "soon", None, None),
        (429, "-3", None, None),
        (429, "1.5", None, Some(1)),
        (429, "86400", None, Some(86_400)),
        (429, "NaN", None, None),
        (429, "1e300", None, None),
        // Unix timestamps in seconds and in milliseconds; one that has passed.
        (429, "1761134460", None, Some(60)),
        (503, "1761134460000", None, Some(60)),
        (429, "1761134340", None, None),
        (503, "2025-10-22T09:01:00-03:00", None, Some(60)),
        (429, "Wed, 22 Oct 2025 12:01:00 GMT", None, Some(60)),
        (429, "Wed, 22 Oct 2025 11:59:00 GMT", None, None),
        // By the server's own clock, which is an hour behind.
        (429, "Wed, 22 Oct 2025 11:01:00 GMT", date, Some(60)),
    ];
    for (status, header, date, seconds) in cases {
        let mut answer = reply(status, "", "");
        answer
            .headers
            .insert("retry-after", header.parse().unwrap());
        answer.date = date;
        let (ResponseClass::Retry { asked, .. } | ResponseClass::RateLimited { asked, .. }) =
            plain(answer)
        else {
            panic!("tried again");
        };
        let asked = asked.map(|wait| wait.as_secs());
        assert_eq!(asked, seconds, "{status} {header}");
    }
}

#[test]
fn a_rule_may_find_the_wait_in_the_body_or_in_another_header() {
    let body = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 26 seconds."}"#;
    let pattern = || Wait::Pattern("Try again in ([0-9.]+) seconds".parse().unwrap());
    let header = || Wait::Header("X-Reset-In".to_owned());
    let other = body.replace("26 seconds", "a moment");
    let cases = [
        (Action::RateLimited, pattern(), body, 26_000),
        (Action::Retry, pattern(), body, 26_000),
        (
            Action::RateLimited,
            pattern(),
            "Try again in 0.5 seconds",
            500,
        ),
        // Without a wait at the rule's position, `Retry-After` applies.
        (Action::RateLimited, pattern(), &other, 9_000),
        (
            Action::RateLimited,
            pattern(),
            "Try again in 1.2.3 seconds",
            9_000,
        ),
        (Action::RateLimited, header(), body, 4_000),
    ];
    for (action, wait, body, expected) in cases {
        let mut answer = reply(429, "", body);
        answer.headers.insert("retry-after", "9".parse().unwrap());
        answer.headers.insert("x-reset-in", "4".parse().unwrap());
        let rule = ResponseRule {
            status: Some(429),
            action,
            wait: Some(wait),
            ..any()
        };
        let (ResponseClass::Retry { asked, .. } | ResponseClass::RateLimited { asked, .. }) =
            with_rule(rule, answer)
        else {
            panic!("tried again");
        };
        assert_eq!(asked, Some(Duration::from_millis(expected)), "{body}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let mut dataset = testing::dataset();
    let rule = |action| ResponseRule {
        status: Some(404),
        action,
        ..any()
    };
    dataset.responses = vec![rule(Action::Empty), rule(Action::Fail)];
    let verdict = classify(&dataset, reply(404, "", ""), now());
    assert!(matches!(verdict, ResponseClass::Empty { .. }));
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let body = r#"{"status":"404","code":17,"message":"Nenhum instrumento encontrado."}"#;
    let rule = ResponseRule {
        status: Some(404),
        content_type: Some("application/json".to_owned()),
        body_contains: Some("Nenhum".to_owned()),
        body_empty: Some(false),
        body_equals: Some(("/code".to_owned(), "17".to_owned())),
        action: Action::Empty,
        max_attempts: None,
        wait: None,
    };
    let matching = reply(404, "Application/json;charset=UTF-8", body);
    let empty = |reply| matches!(with_rule(rule.clone(), reply), ResponseClass::Empty { .. });
    assert!(empty(matching.clone()));
    let with = |change: fn(&mut RawResponse)| {
        let mut other = matching.clone();
        change(&mut other);
        other
    };
    assert!(!empty(with(|reply| reply.status = 400)));
    assert!(!empty(with(|reply| reply.content_type = None)));
    assert!(!empty(with(
        |reply| reply.body = Bytes::from_static(b"{\"code\":17}")
    )));
    assert!(!empty(with(|reply| reply.body = Bytes::new())));
    assert!(!empty(with(
        |reply| reply.body = Bytes::from_static(b"Nenhum")
    )));
}

#[test]
fn a_string_in_the_body_is_compared_by_its_content() {
    let rule = ResponseRule {
        body_equals: Some(("/e".to_owned(), "não".to_owned())),
        action: Action::Fail,
        ..any()
    };
    let verdict = with_rule(rule, reply(200, "", r#"{"e":"n\u00e3o"}"#));
    assert!(matches!(
        verdict,
        ResponseClass::Refused { status: 200, .. }
    ));
}

#[test]
fn a_rule_may_call_another_type_a_page_but_it_must_be_one() {
    let rule = ResponseRule {
        status: Some(200),
        content_type: Some("text/plain".to_owned()),
        ..any()
    };
    let body = testing::envelope(&["1"], 1);
    let verdict = with_rule(rule.clone(), reply(200, "text/plain", &body));
    assert!(matches!(verdict, ResponseClass::Page(_)));
    let verdict = with_rule(rule, reply(200, "text/plain", "not at all"));
    assert!(matches!(verdict, ResponseClass::Retry { .. }));
}

#[test]
fn a_rule_may_limit_the_tries_of_what_it_tries_again() {
    let rule = ResponseRule {
        status: Some(422),
        action: Action::Retry,
        max_attempts: Some(3),
        ..any()
    };
    let verdict = with_rule(rule, reply(422, "application/json", "{}"));
    assert!(matches!(
        verdict,
        ResponseClass::Retry {
            max_attempts: Some(3),
            ..
        }
    ));
}

/// Regression: procurements deleted at PNCP kept the days of their items and documents incomplete for
/// ever.
#[test]
fn the_shipped_files_say_what_404_means_of_a_procurement_that_is_no_more() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
    let settings = bronzed_config::load(Some(folder), []);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let says = |name: &str, content_type: &str, body: &str| {
        let dataset = &settings.sources["pncp"].datasets[name];
        classify(dataset, reply(404, content_type, body), now())
    };
    let gone =
        r#"{"status":"404","error":"404 NOT_FOUND","message":"Contratação não cadastrada."}"#;
    for name in ["itens", "arquivos", "resultados"] {
        let said = says(name, "application/json", gone);
        assert!(
            matches!(said, ResponseClass::Skipped { status: 404, .. }),
            "{name}: {said:?}"
        );
        for (content_type, body) in [
            ("text/html", "<html>404</html>"),
            (
                "application/json",
                r#"{"status":404,"error":"Not Found","path":"/api/pncp/v1"}"#,
            ),
        ] {
            let said = says(name, content_type, body);
            assert!(
                matches!(said, ResponseClass::Refused { .. }),
                "{name}: {said:?}"
            );
        }
    }
}
