//! Frame of every page: head, navigation, main part, foot.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{DOCTYPE, Markup, html};

use crate::server::page::assets;
use crate::server::page::lang::Lang;

/// Circumstances of a page: who looks at it.
#[derive(Debug, Clone)]
pub(in crate::server) struct Viewer {
    /// Language of the page.
    pub lang: Lang,
    /// Form token of the viewer's session. `None` if there is no session.
    pub form_token: Option<String>,
    /// `true` if a token is configured, so that a login is possible.
    pub can_log_in: bool,
    /// Path of the page.
    pub path: String,
}

/// Place of a page in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Runs,
    Jobs,
    Backfills,
    Elsewhere,
}

/// Head and foot of a page.
pub(super) struct Frame<'a> {
    pub viewer: &'a Viewer,
    pub title: &'a str,
    pub place: Place,
    /// Time of what the page says, with the zone that it is shown in. `None` if the page says nothing of a time.
    pub at: Option<(DateTime<Utc>, Tz)>,
    /// Path of the same as JSON.
    pub json: Option<String>,
}

/// Returns a whole page.
pub(super) fn page(frame: &Frame<'_>, main: Markup) -> Markup {
    let Viewer { lang, .. } = frame.viewer;
    let words = &lang.words().nav;
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · bronzed" }
                link rel="icon" type="image/svg+xml" href=(assets::ICON.path());
                link rel="stylesheet" href=(assets::STYLE.path());
                script src=(assets::SCRIPT.path()) defer {}
            }
            body {
                a class="skip" href="#main" { (words.skip) }
                header class="top" {
                    a class="brand" href="/" { span class="mark" aria-hidden="true" {} "bronzed" }
                    nav aria-label=(words.main) { ul { (links(frame)) } }
                    (who(frame.viewer))
                }
                main id="main" { (main) }
                footer {
                    @if let Some((at, zone)) = frame.at {
                        p {
                            (words.as_of) " "
                            time datetime=(at.to_rfc3339()) { (lang.instant(at, zone)) }
                            " · " (words.times_in) " " (zone.name())
                        }
                    }
                    p {
                        @if let Some(json) = &frame.json { a href=(json) { (words.api) } " · " }
                        a href="/api/v1/openapi.json" { "API" } " · bronzed " (env!("CARGO_PKG_VERSION"))
                    }
                }
            }
        }
    }
}

fn links(frame: &Frame<'_>) -> Markup {
    let words = &frame.viewer.lang.words().nav;
    let links = [
        ("/", words.overview, Place::Overview),
        ("/jobs", words.jobs, Place::Jobs),
        ("/runs", words.runs, Place::Runs),
        ("/backfills", words.backfills, Place::Backfills),
    ];
    html! {
        @for (path, name, place) in links {
            li { a href=(path) aria-current=[(place == frame.place).then_some("page")] { (name) } }
        }
    }
}

fn who(viewer: &Viewer) -> Markup {
    let words = &viewer.lang.words().nav;
    html! {
        @if viewer.form_token.is_some() {
            form method="post" action="/logout" class="who" {
                (form_token(viewer))
                button class="quiet" { (words.log_out) }
            }
        } @else if viewer.can_log_in {
            a class="who" href="/login" { (words.log_in) }
        }
    }
}

/// Returns the hidden field that shows that a form was made for the viewer's session.
pub(super) fn form_token(viewer: &Viewer) -> Markup {
    html! {
        @if let Some(token) = &viewer.form_token {
            input type="hidden" name="form_token" value=(token);
        }
    }
}
