//! Login, and pages that say why something isn't shown.

use axum::http::StatusCode;
use maud::{Markup, html};

use crate::server::error::ApiError;
use crate::server::page::layout::{Frame, Place, Viewer, page};

/// Returns the login page; `next` is the path to go on to.
pub(super) fn login(viewer: &Viewer, next: &str, message: Option<&str>) -> Markup {
    let words = &viewer.lang.words().login;
    let frame = Frame {
        viewer,
        title: words.title,
        place: Place::Elsewhere,
        at: None,
        json: None,
    };
    page(
        &frame,
        html! {
            h1 { (words.title) }
            @if let Some(message) = message { p class="message" role="alert" { (message) } }
            @if viewer.can_log_in {
                form method="post" action="/login" class="login" {
                    input type="hidden" name="next" value=(next);
                    label for="token" { (words.token) }
                    input id="token" name="token" type="password" autocomplete="current-password" required autofocus
                        aria-describedby="token-hint";
                    p id="token-hint" class="small" { (words.hint) }
                    button { (words.submit) }
                }
            } @else { p { (words.no_token) } }
        },
    )
}

/// Returns the page of an error.
pub(super) fn error(viewer: &Viewer, error: &ApiError) -> Markup {
    let words = &viewer.lang.words().error;
    let title = match error.status() {
        _ if *error == ApiError::ForeignForm => words.expired,
        StatusCode::NOT_FOUND => words.not_found,
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => words.refused,
        StatusCode::SERVICE_UNAVAILABLE => words.unavailable,
        _ => words.other,
    };
    let frame = Frame {
        viewer,
        title,
        place: Place::Elsewhere,
        at: None,
        json: None,
    };
    page(
        &frame,
        html! {
            h1 { (title) }
            p lang="en" { (error.to_string()) "." }
            p lang="en" class="small" { (error.hint()) "." }
            p { a href="/" { (words.back) } }
        },
    )
}
