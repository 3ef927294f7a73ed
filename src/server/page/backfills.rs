//! Page of the backfills: ask for one with its forecast first, watch, stop.

use chrono::TimeDelta;
use maud::{Markup, html};

use crate::server::order::BackfillOrder;
use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, form_token, page};
use crate::server::page::overview::zone_of;
use crate::server::page::{Glance, parts};
use crate::server::view::{BackfillForecast, BackfillView, DatasetKind, Overview};

/// Fields of the form of a backfill, as typed so far.
#[derive(Debug, Default)]
pub(super) struct BackfillDraft {
    /// `pncp.contratacoes`
    dataset: String,
    from: String,
    to: String,
}

impl BackfillDraft {
    /// Takes the fields of the form.
    pub(super) fn of(field: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            dataset: field("dataset").unwrap_or_default(),
            from: field("from").unwrap_or_default(),
            to: field("to").unwrap_or_default(),
        }
    }

    /// Returns the order. `None` if a field is missing or can't be read.
    pub(super) fn order(&self) -> Option<BackfillOrder> {
        let (source, dataset) = self.dataset.split_once('.')?;
        Some(BackfillOrder {
            source: source.to_owned(),
            dataset: dataset.to_owned(),
            from: self.from.parse().ok()?,
            to: self.to.parse().ok()?,
        })
    }
}

/// Returns the page of the backfills.
pub(super) fn backfills(
    viewer: &Viewer,
    glance: &Glance,
    asked: &[BackfillView],
    draft: &BackfillDraft,
    forecast: Option<&BackfillForecast>,
) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().backfill;
    let zone = zone_of(&glance.overview);
    let frame = Frame {
        viewer,
        title: words.title,
        place: Place::Backfills,
        at: Some((glance.overview.at, zone)),
        json: Some("/api/v1/backfills".to_owned()),
    };
    page(
        &frame,
        html! {
            h1 { (words.title) }
            p { (words.intro) }
            @if viewer.form_token.is_some() {
                (form(viewer, &glance.overview, draft))
                @if let Some(forecast) = forecast { (forecast_part(viewer, draft, forecast)) }
            } @else if viewer.can_log_in {
                p { a href="/login?next=/backfills" { (lang.words().nav.log_in) } }
            } @else { p { (lang.words().login.no_token) } }
            section aria-labelledby="asked" {
                h2 id="asked" { (words.under_way) }
                @if asked.is_empty() { p { (words.none) } }
                ul class="jobs" { @for one in asked { li { (one_backfill(viewer, glance, one)) } } }
                p class="small" { (words.forgotten) }
            }
        },
    )
}

fn form(viewer: &Viewer, overview: &Overview, draft: &BackfillDraft) -> Markup {
    let words = &viewer.lang.words().backfill;
    let datasets = overview.sources.iter().flat_map(|source| &source.datasets);
    let by_day = datasets.filter(|one| matches!(one.kind, DatasetKind::Day | DatasetKind::Record));
    html! {
        form method="post" action="/backfills" class="fields" {
            (form_token(viewer))
            label {
                (viewer.lang.words().overview.dataset)
                select name="dataset" required {
                    @for one in by_day {
                        @let name = format!("{}.{}", one.dataset.source, one.dataset.name);
                        option value=(name) selected[name == draft.dataset] { (name) }
                    }
                }
            }
            label { (words.from) input type="date" name="from" required value=(draft.from); }
            label { (words.to) input type="date" name="to" required value=(draft.to); }
            button { (words.forecast) }
        }
    }
}

fn forecast_part(viewer: &Viewer, draft: &BackfillDraft, forecast: &BackfillForecast) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().backfill;
    html! {
        section class="forecast" aria-labelledby="forecast" {
            h2 id="forecast" { (words.forecast) ": " (draft.dataset) ", " (draft.from) " – " (draft.to) }
            dl class="facts" {
                div { dt { (words.open_days) } dd { (lang.number(forecast.open_days)) } }
                div { dt { (words.complete_days) } dd { (lang.number(forecast.complete_days)) } }
                div {
                    dt { (words.requests) }
                    dd { (range(forecast.requests, forecast.requests_at_most, |count| lang.number(count))) }
                }
                div {
                    dt { (words.time) }
                    dd { (range(forecast.seconds, forecast.seconds_at_most, |seconds| span(lang, seconds))) }
                }
            }
            @if forecast.open_days == 0 { p { (words.nothing_to_do) } }
            @else {
                p class="small" {
                    (words.basis) " "
                    @if forecast.sampled_days > 0 { (lang.number(forecast.sampled_days)) " " (words.by_days) }
                    @else { (words.by_declaration) }
                }
                form method="post" action="/backfills" {
                    (form_token(viewer))
                    input type="hidden" name="dataset" value=(draft.dataset);
                    input type="hidden" name="from" value=(draft.from);
                    input type="hidden" name="to" value=(draft.to);
                    input type="hidden" name="step" value="start";
                    button { (words.start) }
                }
            }
        }
    }
}

fn span(lang: Lang, seconds: u64) -> String {
    lang.span(TimeDelta::seconds(
        i64::try_from(seconds).unwrap_or(i64::MAX / 1000),
    ))
}

fn range(least: u64, most: u64, spelled: impl Fn(u64) -> String) -> String {
    let (least, most) = (spelled(least), spelled(most));
    match least == most {
        true => least,
        false => format!("{least} – {most}"),
    }
}

fn one_backfill(viewer: &Viewer, glance: &Glance, one: &BackfillView) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().backfill;
    let (now, zone) = (glance.overview.at, zone_of(&glance.overview));
    let read = one.complete_days + one.incomplete_days;
    html! {
        div class="job" {
            h3 {
                a href=(parts::dataset_path(&one.source, &one.dataset)) { (one.source) "." (one.dataset) }
                ": " (lang.day(one.from)) " – " (lang.day(one.to))
                @if one.stopped { " " span class="tag partial" { (words.stopped) } }
            }
            p class="progress" {
                progress max=(one.days.max(1)) value=(read) aria-label=(lang.words().run.progress) {}
                span class="small" {
                    (lang.number(one.complete_days)) " " (lang.words().overview.complete)
                    " · " (lang.number(one.incomplete_days)) " " (words.incomplete)
                    " · " (lang.number(one.running_days)) " " (lang.words().run.running)
                    " · " (lang.number(one.waiting_days)) " " (words.waiting)
                }
            }
            p class="small" {
                (words.asked) " " (parts::when(lang, one.asked_at, now, zone))
                @if let Some(at) = one.expected_end {
                    " · " (words.expected_end) " " (parts::instant(lang, at, now, zone))
                }
            }
            @if viewer.form_token.is_some() && one.waiting_days > 0 {
                form method="post" action=(format!("/backfills/{}/{}/stop", one.source, one.dataset)) {
                    (form_token(viewer))
                    button { (words.stop) span class="vh" { " " (one.source) "." (one.dataset) } }
                }
            }
        }
    }
}
