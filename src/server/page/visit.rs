//! Visitor of a page, and their rights. A page that may not be read is answered with the login.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use url::form_urlencoded;

use crate::server::App;
use crate::server::body;
use crate::server::error::ApiError;
use crate::server::page::lang::Lang;
use crate::server::page::layout::Viewer;
use crate::server::page::login;
use crate::server::page::session::is_of_this_site;

/// Somebody who may read.
pub(super) struct Visit(pub Viewer);

/// Somebody who may act, with the fields of the form.
pub(super) struct PageAction {
    pub viewer: Viewer,
    pub fields: BTreeMap<String, String>,
}

/// An error of a page, for its viewer.
pub(super) struct VisitError(Box<(Viewer, ApiError)>);

impl VisitError {
    pub(super) fn of(viewer: &Viewer, error: impl Into<ApiError>) -> Self {
        Self(Box::new((viewer.clone(), error.into())))
    }
}

impl IntoResponse for VisitError {
    fn into_response(self) -> Response {
        let (viewer, error) = *self.0;
        let markup = match error.status() {
            StatusCode::UNAUTHORIZED => {
                let needed = viewer.lang.words().login.needed;
                login::login(&viewer, &viewer.path, Some(needed))
            }
            _ => login::error(&viewer, &error),
        };
        html(error.status(), markup)
    }
}

impl Viewer {
    /// Returns the viewer of a request.
    pub(super) fn of(app: &App, headers: &HeaderMap, uri: &Uri) -> Self {
        let session = app.access.sessions().of(headers);
        Self {
            lang: Lang::of(headers),
            form_token: session.map(|session| session.form_token),
            can_log_in: app.access.has_token(),
            path: uri.path().to_owned(),
        }
    }
}

impl Viewer {
    /// Returns the value of an `Ok`.
    ///
    /// # Errors
    /// Returns the page that says to this viewer why there is none.
    pub(super) fn told<T>(&self, result: Result<T, impl Into<ApiError>>) -> Result<T, VisitError> {
        result.map_err(|error| VisitError::of(self, error))
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = VisitError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, VisitError> {
        let viewer = Viewer::of(app, &parts.headers, &parts.uri);
        match app.access.check_page(&parts.uri, &parts.headers) {
            Ok(()) => Ok(Self(viewer)),
            Err(error) => Err(VisitError::of(&viewer, error)),
        }
    }
}

impl FromRequest<App> for PageAction {
    type Rejection = VisitError;

    async fn from_request(request: Request, app: &App) -> Result<Self, VisitError> {
        let viewer = Viewer::of(app, request.headers(), request.uri());
        let refused = |error| VisitError::of(&viewer, error);
        if !is_of_this_site(request.headers()) {
            return Err(refused(ApiError::ForeignForm));
        }
        let session = app.access.sessions().of(request.headers());
        let session = session.ok_or_else(|| refused(ApiError::TokenMissing))?;
        let fields = fields(request, app).await.map_err(refused)?;
        let form_token = fields.get("form_token").map_or("", String::as_str);
        match session.made(form_token) {
            true => Ok(Self { viewer, fields }),
            false => Err(refused(ApiError::ForeignForm)),
        }
    }
}

/// Reads the fields of a form.
pub(super) async fn fields(
    request: Request,
    app: &App,
) -> Result<BTreeMap<String, String>, ApiError> {
    let body = body::read(request.into_body(), &app.limits).await?;
    let fields = form_urlencoded::parse(&body);
    Ok(fields.into_owned().collect())
}

/// Returns a page as a successful response.
pub(super) fn shown(markup: Markup) -> Response {
    html(StatusCode::OK, markup)
}

/// Returns a page as a response, with what browsers need to know to protect it.
pub(super) fn html(status: StatusCode, markup: Markup) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 4] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                 form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (
            header::VARY,
            HeaderValue::from_static("accept-language, cookie"),
        ),
    ];
    (status, HEADERS, markup.into_string()).into_response()
}

/// Returns the response that has the browser go on to another page, after a form was taken.
pub(super) fn go_on(path: &str) -> Response {
    let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}
