//! Handlers of the pages: what the daemon tells, given to the functions that draw it; and the forms.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;
use uuid::Uuid;

use crate::server::App;
use crate::server::error::ApiError;
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::page::layout::Viewer;
use crate::server::page::session::{clear_cookie, is_of_this_site, set_cookie};
use crate::server::page::visit::{PageAction, Visit, VisitError, fields, go_on, html, shown};
use crate::server::page::{
    backfills as backfill_pages, dataset as dataset_pages, day as day_pages, login, overview,
    parts, plot, run as run_pages, runs as run_lists, schedule,
};
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;

type PageAnswer = Result<Response, VisitError>;
type Two = Result<Path<(String, String)>, PathRejection>;
type Three = Result<Path<(String, String, String)>, PathRejection>;
type Four = Result<Path<(String, String, String, String)>, PathRejection>;

pub(super) async fn front(State(app): State<App>, Visit(viewer): Visit) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    Ok(shown(overview::front(&viewer, &glance)))
}

pub(super) async fn verdict_part(State(app): State<App>, Visit(viewer): Visit) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    let part = overview::verdict(viewer.lang, &glance.overview);
    Ok(shown(part))
}

pub(super) async fn now_part(State(app): State<App>, Visit(viewer): Visit) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    let part = run_lists::now_list(viewer.lang, &glance);
    Ok(shown(part))
}

pub(super) async fn dataset(
    State(app): State<App>,
    Visit(viewer): Visit,
    named: Two,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let Path((source, dataset)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    let view = viewer.told(app.daemon.calendar(&source, &dataset).await)?;
    let query = query.unwrap_or_default();
    let year = parameter(&query, "year").and_then(|year| year.parse().ok());
    Ok(shown(dataset_pages::dataset(&viewer, &view, year)))
}

pub(super) async fn volume(State(app): State<App>, Visit(viewer): Visit, named: Two) -> PageAnswer {
    let Path((source, dataset)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    let view = viewer.told(app.daemon.volumes(&source, &dataset).await)?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    Ok((headers, plot::volumes(viewer.lang, &view).into_string()).into_response())
}

pub(super) async fn day(State(app): State<App>, Visit(viewer): Visit, named: Three) -> PageAnswer {
    let Path((source, dataset, day)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    let day = viewer.told(day_of(&day))?;
    let view = viewer.told(app.daemon.day(&source, &dataset, day).await)?;
    Ok(shown(day_pages::day(&viewer, &view)))
}

pub(super) async fn run(State(app): State<App>, Visit(viewer): Visit, named: Four) -> PageAnswer {
    let Path((source, dataset, day, run_id)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    let day = viewer.told(day_of(&day))?;
    let unknown = || ApiError::NotFound(format!("run `{run_id}` of {day}"));
    let id: Uuid = viewer.told(run_id.parse().map_err(|_| unknown()))?;
    let view = viewer.told(app.daemon.day(&source, &dataset, day).await)?;
    let requests = viewer.told(app.daemon.requests(id).await)?;
    let page = run_pages::run(&viewer, &view, id, requests.as_ref());
    let page = viewer.told(page.ok_or_else(unknown))?;
    Ok(shown(page))
}

pub(super) async fn runs(State(app): State<App>, Visit(viewer): Visit) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    let history = viewer.told(app.daemon.history().await)?;
    Ok(shown(run_lists::runs(&viewer, &glance, &history)))
}

pub(super) async fn jobs(State(app): State<App>, Visit(viewer): Visit) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    Ok(shown(schedule::jobs(&viewer, &glance)))
}

pub(super) async fn backfills(
    State(app): State<App>,
    Visit(viewer): Visit,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let glance = viewer.told(app.glance().await)?;
    let asked = viewer.told(app.daemon.backfills().await)?;
    let query = query.unwrap_or_default();
    let draft = backfill_pages::BackfillDraft::of(|name| parameter(&query, name));
    let page = backfill_pages::backfills(&viewer, &glance, &asked, &draft, None);
    Ok(shown(page))
}

/// Takes the form of a backfill: the first time, its forecast is shown; confirmed, it is started.
pub(super) async fn ask_backfill(State(app): State<App>, action: PageAction) -> PageAnswer {
    let PageAction { viewer, fields } = action;
    let draft = backfill_pages::BackfillDraft::of(|name| fields.get(name).cloned());
    let order = draft.order().ok_or_else(|| ApiError::InvalidBody {
        problem: viewer.lang.words().error.bad_form.to_owned(),
        hint: "name a dataset, and two days as YYYY-MM-DD".to_owned(),
    });
    let order: BackfillOrder = viewer.told(order)?;
    viewer.told(order.check())?;
    if fields.get("step").is_some_and(|step| step == "start") {
        viewer.told(app.start_backfill(order).await)?;
        return Ok(go_on("/backfills"));
    }
    let forecast = viewer.told(app.daemon.forecast_backfill(order).await)?;
    let glance = viewer.told(app.glance().await)?;
    let asked = viewer.told(app.daemon.backfills().await)?;
    let page = backfill_pages::backfills(&viewer, &glance, &asked, &draft, Some(&forecast));
    Ok(shown(page))
}

pub(super) async fn stop_backfill(
    State(app): State<App>,
    named: Two,
    action: PageAction,
) -> PageAnswer {
    let viewer = action.viewer;
    let Path((source, dataset)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    viewer.told(app.stop_backfill(&source, &dataset).await)?;
    Ok(go_on("/backfills"))
}

pub(super) async fn job_action(
    State(app): State<App>,
    named: Three,
    action: PageAction,
) -> PageAnswer {
    let viewer = action.viewer;
    let Path((source, job, what)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    match &*what {
        "pause" => drop(viewer.told(app.set_paused(&source, &job, true).await)?),
        "resume" => drop(viewer.told(app.set_paused(&source, &job, false).await)?),
        "run" => drop(viewer.told(app.run_job(&source, &job).await)?),
        _ => return Err(VisitError::of(&viewer, ApiError::NoRoute)),
    }
    Ok(go_on("/jobs"))
}

pub(super) async fn read_day(
    State(app): State<App>,
    named: Three,
    action: PageAction,
) -> PageAnswer {
    let viewer = action.viewer;
    let Path((source, dataset, day)) = viewer.told(named.map_err(|_| ApiError::NoRoute))?;
    let day = viewer.told(day_of(&day))?;
    let back = parts::day_path(&source, &dataset, day);
    let order = RunOrder {
        source,
        dataset,
        days: vec![day],
        mode: Mode::Full,
    };
    viewer.told(app.start_runs(order).await)?;
    Ok(go_on(&back))
}

pub(super) async fn login_page(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let viewer = Viewer::of(&app, request.headers(), request.uri());
    let next = parameter(&query.unwrap_or_default(), "next");
    let next = own_path(next.as_deref().unwrap_or("/")).to_owned();
    shown(login::login(&viewer, &next, None))
}

/// Takes the token, and begins a session with a cookie that isn't the token.
pub(super) async fn log_in(State(app): State<App>, request: Request) -> PageAnswer {
    let headers = request.headers().clone();
    let viewer = Viewer::of(&app, &headers, request.uri());
    if !is_of_this_site(&headers) {
        return Err(VisitError::of(&viewer, ApiError::ForeignForm));
    }
    let fields = viewer.told(fields(request, &app).await)?;
    let next = own_path(fields.get("next").map_or("/", String::as_str));
    let token = fields.get("token").map_or("", |token| token.trim());
    match app.access.check_given(token.as_bytes()) {
        Ok(()) => {}
        Err(ApiError::TokenWrong) => {
            tracing::warn!("login refused");
            let wrong = viewer.lang.words().login.wrong;
            let page = login::login(&viewer, next, Some(wrong));
            return Ok(html(StatusCode::UNAUTHORIZED, page));
        }
        Err(error) => return Err(VisitError::of(&viewer, error)),
    }
    let session = app.access.sessions().begin();
    let session = session.ok_or(ApiError::Unavailable(
        "the system has no randomness".to_owned(),
    ));
    let session = viewer.told(session)?;
    let mut response = go_on(next);
    with_cookie(&mut response, &set_cookie(&session, &headers));
    Ok(response)
}

pub(super) async fn log_out(State(app): State<App>, headers: HeaderMap, _: PageAction) -> Response {
    app.access.sessions().end(&headers);
    let mut response = go_on("/");
    with_cookie(&mut response, &clear_cookie());
    response
}

fn with_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// Returns the path if it is one of this server; otherwise the front page.
fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { path } else { "/" }
}

fn day_of(text: &str) -> Result<Day, ApiError> {
    text.parse()
        .map_err(|_| ApiError::NotFound(format!("day `{text}`")))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn a_login_leads_to_a_page_of_this_server_only() {
        for path in ["/", "/jobs", "/dataset/pncp/contratacoes?year=2025"] {
            assert_eq!(own_path(path), path);
        }
        for path in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\nb",
            "",
        ] {
            assert_eq!(own_path(path), "/", "{path}");
        }
    }
}
