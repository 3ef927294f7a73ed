//! Routes of the pages.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::server::App;
use crate::server::error::ApiError;
use crate::server::page::layout::Viewer;
use crate::server::page::visit::VisitError;
use crate::server::page::{assets, handlers as page};

/// Returns the router of the pages. Each handler checks the access by what it takes: [`super::visit`].
pub(in crate::server) fn router() -> Router<App> {
    Router::new()
        .route("/", get(page::front))
        .route("/parts/verdict", get(page::verdict_part))
        .route("/parts/now", get(page::now_part))
        .route("/dataset/{source}/{dataset}", get(page::dataset))
        .route("/dataset/{source}/{dataset}/volume.svg", get(page::volume))
        .route("/dataset/{source}/{dataset}/{day}", get(page::day))
        .route(
            "/dataset/{source}/{dataset}/{day}/read",
            post(page::read_day),
        )
        .route("/dataset/{source}/{dataset}/{day}/{run}", get(page::run))
        .route("/runs", get(page::runs))
        .route("/jobs", get(page::jobs))
        .route("/jobs/{source}/{job}/{action}", post(page::job_action))
        .route("/backfills", get(page::backfills).post(page::ask_backfill))
        .route(
            "/backfills/{source}/{dataset}/stop",
            post(page::stop_backfill),
        )
        .route("/login", get(page::login_page).post(page::log_in))
        .route("/logout", post(page::log_out))
        .route("/assets/{name}", get(assets::serve))
}

/// Answers for a path without a route: browsers get a page, programs get JSON.
pub(in crate::server) async fn fallback(State(app): State<App>, request: Request) -> Response {
    let accepted = request.headers().get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let is_browser = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    if !is_browser || request.uri().path().starts_with("/api/") {
        return ApiError::NoRoute.into_response();
    }
    let viewer = Viewer::of(&app, request.headers(), request.uri());
    VisitError::of(&viewer, ApiError::NoRoute).into_response()
}
