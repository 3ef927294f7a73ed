//! Tests of the pages: what they say, who may read and who may act.

use reqwest::{Method, RequestBuilder};

use super::fake::{ENDED, RUNNING};
use super::{Answer, ConnectionLimits, Place, Served, TOKEN, served, served_with, settings};
use crate::schedule::calendar::DayStatus;
use crate::server::page::lang::Lang;

const FORM: &str = "application/x-www-form-urlencoded";

/// Paths of all pages.
fn paths() -> Vec<String> {
    let day = "/dataset/pncp/contratacoes/2025-10-21";
    [
        "/",
        "/parts/verdict",
        "/parts/now",
        "/dataset/pncp/contratacoes",
        "/dataset/pncp/contratacoes?year=2024",
        day,
        &format!("{day}/{ENDED}"),
        &format!("/dataset/pncp/contratacoes/2025-10-22/{RUNNING}"),
        "/runs",
        "/jobs",
        "/backfills",
        "/login",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Logs in; returns the cookie.
async fn log_in(server: &Served) -> String {
    let answer = post(server, "/login", None, "next=/jobs&token=correct+horse").await;
    assert_eq!(
        (answer.status, &*header(&answer, "location")),
        (303, "/jobs")
    );
    let cookie = header(&answer, "set-cookie");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn post(server: &Served, path: &str, cookie: Option<&str>, body: &str) -> Answer {
    let with = |request: RequestBuilder| {
        let request = request.header("content-type", FORM).body(body.to_owned());
        match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    };
    server.browse(Method::POST, path, with).await
}

async fn page(server: &Served, path: &str, lang: &str, cookie: &str) -> Answer {
    let with = |request: RequestBuilder| {
        let request = request.header("accept-language", lang);
        request.header("cookie", cookie)
    };
    server.browse(Method::GET, path, with).await
}

fn header(answer: &Answer, name: &str) -> String {
    let value = answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

/// Returns the form token of a page.
fn form_token(answer: &Answer) -> String {
    let field = answer.text.split("name=\"form_token\" value=\"").nth(1);
    field.unwrap().split('"').next().unwrap().to_owned()
}

/// Panics unless every element is closed in order.
fn check_nesting(path: &str, html: &str) {
    const VOID: [&str; 6] = ["meta", "link", "input", "br", "img", "wbr"];
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{path}");
        } else if !tag.starts_with('!') {
            let name = tag.split([' ', '\n']).next().unwrap();
            if !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{path}: {open:?}");
}

#[tokio::test]
async fn every_page_is_well_formed_protected_and_in_the_browsers_language() {
    let server = served().await;
    let cookie = log_in(&server).await;
    for path in paths() {
        let (en, pt) = (
            page(&server, &path, "en", &cookie).await,
            page(&server, &path, "pt-BR", &cookie).await,
        );
        for answer in [&en, &pt] {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let policy = header(answer, "content-security-policy");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert_eq!(header(answer, "cache-control"), "no-store");
            assert!(!answer.text.contains(" style="), "{path}");
            assert!(
                !answer.text.contains("<b>503"),
                "{path}: text isn't escaped"
            );
            check_nesting(&path, &answer.text);
        }
        assert_ne!(en.text, pt.text, "{path}");
    }
}

#[tokio::test]
async fn every_status_and_every_concern_is_said_in_words() {
    let server = served().await;
    for (tag, lang) in [("en", Lang::En), ("pt", Lang::Pt)] {
        let front = page(&server, "/", tag, "").await.text;
        let dataset = page(&server, "/dataset/pncp/contratacoes?year=2025", tag, "")
            .await
            .text;
        for status in DayStatus::ALL {
            let words = &lang.words().status;
            let [name, meaning] = match status {
                DayStatus::Proven => words.proven,
                DayStatus::Accepted => words.accepted,
                DayStatus::Settling => words.settling,
                DayStatus::Partial => words.partial,
                DayStatus::Failed => words.failed,
                DayStatus::NeverRead => words.never_read,
                DayStatus::NotDue => words.not_due,
            };
            assert!(front.contains(&format!("1 {name}")), "{name} in the strip");
            assert!(
                front.contains(meaning) && dataset.contains(meaning),
                "{meaning}"
            );
            let in_cell = format!("<span class=\"vh\"> {name}</span>");
            assert!(
                status == DayStatus::NotDue || dataset.contains(&in_cell),
                "{name}"
            );
        }
        let words = &lang.words().concern;
        for text in [
            words.lake_unreachable,
            words.lake_refuses_writes,
            words.scheduler_stopped,
            words.table_refused,
            words.lake_not_read,
            words.alert,
            words.days_stuck[1],
            words.days_overdue[1],
            words.days_open[1],
            words.days_unread[1],
            words.api_down,
            words.stale,
            words.dataset_rests,
            words.job_paused,
        ] {
            assert!(front.contains(text), "{text}");
        }
    }
}

#[tokio::test]
async fn the_reason_of_a_partial_day_is_one_step_from_the_front_page() {
    let server = served().await;
    let front = page(&server, "/", "en", "").await.text;
    let link = "/dataset/pncp/contratacoes/2025-10-04";
    assert!(front.contains(&format!("href=\"{link}\"")));
    let day = page(&server, link, "en", "").await.text;
    let why = day.split("id=\"why\"").nth(1).unwrap();
    let why = why.split("</section>").next().unwrap();
    for reason in ["deadline passed", "modalidade=6", "gave up after 2 tries"] {
        assert!(why.contains(reason), "{reason}: {why}");
    }
    assert!(why.contains("Next attempt"), "{why}");
    assert!(day.contains("fewer than usual"));
}

#[tokio::test]
async fn the_page_of_a_run_says_which_requests_failed_and_why_while_it_goes_on_too() {
    let server = served().await;
    let json = |run| format!("/api/v1/runs/{run}/requests");
    for (day, run) in [("2025-10-21", ENDED), ("2025-10-22", RUNNING)] {
        let path = format!("/dataset/pncp/contratacoes/{day}/{run}");
        for (lang, told) in [
            (
                "en",
                [
                    "1,404 requests in",
                    "“too many requests”",
                    "no whole answer in time",
                    "all other slices",
                ],
            ),
            (
                "pt-BR",
                [
                    "1.404 requisições em",
                    "“requisições demais”",
                    "nenhuma resposta inteira a tempo",
                    "todas as outras fatias",
                ],
            ),
        ] {
            let answer = page(&server, &path, lang, "").await;
            for part in told.into_iter().chain([&*json(run), "&lt;b&gt;Limite"]) {
                assert!(answer.text.contains(part), "{part} in {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_may_not_be_read_asks_for_the_login() {
    let elsewhere = settings(Place::Elsewhere, Some(TOKEN));
    let server = served_with(elsewhere, ConnectionLimits::default()).await;
    for path in paths().iter().filter(|path| *path != "/login") {
        let answer = page(&server, path, "en", "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.text.contains("name=\"token\"") && !answer.text.contains("contratacoes:"));
    }
    let cookie = log_in(&server).await;
    assert_eq!(page(&server, "/", "en", &cookie).await.status, 200);
    assert_eq!(
        page(&server, "/", "en", "bronzed_session=00").await.status,
        401
    );
    // The API takes no cookie.
    let with = |request: RequestBuilder| request.header("cookie", &cookie);
    let api = server.ask(Method::GET, "/api/v1/overview", with).await;
    assert_eq!(api.status, 401);
    let mut open = settings(Place::Elsewhere, Some(TOKEN));
    open.public_reads = true;
    let server = served_with(open, ConnectionLimits::default()).await;
    assert_eq!(page(&server, "/", "en", "").await.status, 200);
}

#[tokio::test]
async fn an_action_takes_a_session_its_form_and_the_same_site() {
    let server = served().await;
    let pause = "/jobs/pncp/hourly/pause";
    assert_eq!(post(&server, pause, None, "").await.status, 401);
    let cookie = log_in(&server).await;
    let token = form_token(&page(&server, "/jobs", "en", &cookie).await);
    let body = format!("form_token={token}");
    assert_eq!(post(&server, pause, Some(&cookie), "").await.status, 403);
    assert_eq!(
        post(&server, pause, Some(&cookie), "form_token=0")
            .await
            .status,
        403
    );
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let forged = |request: RequestBuilder| {
            let request = request.header("cookie", &cookie).header(name, value);
            request.header("content-type", FORM).body(body.clone())
        };
        let answer = server.browse(Method::POST, pause, forged).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
    }
    assert_eq!(server.daemon.told(), Vec::<String>::new());
    let answer = post(&server, pause, Some(&cookie), &body).await;
    assert_eq!(
        (answer.status, &*header(&answer, "location")),
        (303, "/jobs")
    );
    assert_eq!(server.daemon.told(), ["pncp.hourly paused: true"]);
    post(&server, "/jobs/pncp/hourly/run", Some(&cookie), &body).await;
    let day = "/dataset/pncp/contratacoes/2025-10-21";
    post(&server, &format!("{day}/read"), Some(&cookie), &body).await;
    assert_eq!(
        server.daemon.told(),
        ["run pncp.hourly", "[2025-10-21] Full"]
    );
    assert_eq!(
        post(&server, "/logout", Some(&cookie), &body).await.status,
        303
    );
    assert_eq!(post(&server, pause, Some(&cookie), &body).await.status, 401);
}

#[tokio::test]
async fn a_backfill_shows_its_forecast_before_it_starts() {
    let server = served().await;
    let cookie = log_in(&server).await;
    let token = form_token(&page(&server, "/backfills", "en", &cookie).await);
    let body =
        format!("form_token={token}&dataset=pncp.contratacoes&from=2025-10-01&to=2025-10-07");
    let forecast = post(&server, "/backfills", Some(&cookie), &body).await;
    assert!(forecast.text.contains("120 – 160") && forecast.text.contains("value=\"start\""));
    assert_eq!(server.daemon.told(), ["forecast 2025-10-01 to 2025-10-07"]);
    let started = post(
        &server,
        "/backfills",
        Some(&cookie),
        &format!("{body}&step=start"),
    )
    .await;
    assert_eq!(started.status, 303);
    assert_eq!(server.daemon.told(), ["2025-10-01 to 2025-10-07"]);
    let stop = "/backfills/pncp/contratacoes/stop";
    post(&server, stop, Some(&cookie), &body).await;
    assert_eq!(server.daemon.told(), ["stop pncp.contratacoes"]);
    let wrong = format!("form_token={token}&dataset=pncp&from=x&to=y");
    assert_eq!(
        post(&server, "/backfills", Some(&cookie), &wrong)
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn a_wrong_token_begins_no_session_and_a_forged_login_neither() {
    let server = served().await;
    let answer = post(&server, "/login", None, "token=wrong").await;
    assert_eq!((answer.status, &*header(&answer, "set-cookie")), (401, ""));
    let forged = |request: RequestBuilder| {
        let request = request.header("origin", "http://evil.example");
        request
            .header("content-type", FORM)
            .body("token=correct+horse")
    };
    let answer = server.browse(Method::POST, "/login", forged).await;
    assert_eq!((answer.status, &*header(&answer, "set-cookie")), (403, ""));
    let server = served_with(settings(Place::Loopback, None), ConnectionLimits::default()).await;
    let answer = post(&server, "/login", None, "token=").await;
    assert_eq!((answer.status, &*header(&answer, "set-cookie")), (403, ""));
}

#[tokio::test]
async fn assets_may_be_kept_for_ever_and_nothing_is_loaded_from_elsewhere() {
    let server = served().await;
    let front = page(&server, "/", "en", "").await.text;
    let mut assets = 0;
    for attribute in ["href=\"", "src=\""] {
        for link in front.split(attribute).skip(1) {
            let link = link.split('"').next().unwrap();
            assert!(
                link.starts_with(['/', '#']) && !link.starts_with("//"),
                "{link}"
            );
            if link.starts_with("/assets/") {
                let answer = page(&server, link, "en", "").await;
                assert_eq!(answer.status, 200, "{link}");
                assert!(header(&answer, "cache-control").contains("immutable"));
                assets += 1;
            }
        }
    }
    assert_eq!(assets, 3);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_browsers_and_json_for_programs() {
    let server = served().await;
    for path in [
        "/nowhere",
        "/dataset/pncp/nothing",
        "/dataset/pncp/contratacoes/2025-13-41",
        &format!("/dataset/pncp/contratacoes/2025-10-21/{RUNNING}"),
    ] {
        let answer = page(&server, path, "pt", "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("Não há nada aqui"), "{path}");
    }
    assert_eq!(server.get("/nowhere").await.error(), "no_route");
}
