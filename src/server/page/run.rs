//! Page of a run: its timeline, counts, requests, and the slices that it couldn't read; and how to find its log lines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};
use uuid::Uuid;

use crate::server::page::day::{self, crumbs, reasons, took};
use crate::server::page::lang::Lang;
use crate::server::page::layout::{Viewer, page};
use crate::server::page::{parts, requests as request_pages};
use crate::server::view::{DayView, ExecutionView, FileView, RunView};
use bronzed_model::requests::RunRequests;

/// Returns the page of a run that the day's state has. `None` if it hasn't.
pub(super) fn run(
    viewer: &Viewer,
    view: &DayView,
    run_id: Uuid,
    requests: Option<&RunRequests>,
) -> Option<Markup> {
    let found = view
        .executions
        .iter()
        .find(|run| run.run_id == Some(run_id));
    let current = view.current.as_ref().filter(|run| run.run_id == run_id);
    if found.is_none() && current.is_none() {
        return None;
    }
    let lang = viewer.lang;
    let words = &lang.words().run;
    let zone = parts::zone(&view.timezone);
    let title = format!("{} {run_id}", words.run);
    let frame = day::frame(viewer, view, &title);
    Some(page(
        &frame,
        html! {
            (crumbs(lang, view, true))
            h1 { (words.run) " " code class="id" { (run_id) } }
            @match (current, found) {
                (Some(current), _) => (under_way(lang, current, view.at, zone)),
                (None, Some(run)) => (ended(lang, view, run, zone)),
                (None, None) => {}
            }
            (request_pages::section(lang, requests))
            section aria-labelledby="log" {
                h2 id="log" { (words.log) }
                p { (words.log_note) }
                pre tabindex="0" { code { "jq 'select(.run_id == \"" (run_id) "\")' bronzed.log" } }
            }
        },
    ))
}

fn under_way(lang: Lang, run: &RunView, now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().run;
    html! {
        p class="lead" {
            (parts::run_status(lang, run.status)) " " (run.job) " · " (run.mode.name())
        }
        p { (parts::progress(lang, &run.progress)) }
        @if let Some(at) = parts::expected_end(run, now) {
            p { (words.about_done) " " (parts::instant(lang, at, now, zone)) }
        }
    }
}

fn ended(lang: Lang, view: &DayView, run: &ExecutionView, zone: Tz) -> Markup {
    let words = &lang.words().run;
    html! {
        p class="lead" {
            (parts::execution_status(lang, run.status))
            " " (run.job.as_deref().unwrap_or(words.earlier))
            @if let Some(took) = took(run) { " · " (words.took) " " (lang.took(took)) }
        }
        @if !run.failed_slices.is_empty() || run.error.is_some() || run.stop.is_some() {
            section aria-labelledby="why" {
                h2 id="why" { (words.slices_failed) }
                (reasons(lang, run))
            }
        } @else { p { (words.all_slices_well) } }
        @if let Some(at) = run.again_at {
            p { (words.again_from) " " (parts::instant(lang, at, view.at, zone)) }
        }
        section aria-labelledby="timeline" {
            h2 id="timeline" { (words.timeline) }
            (timeline(lang, view, run, zone))
        }
        section aria-labelledby="counts" {
            h2 id="counts" { (words.counts) }
            (counts(lang, run))
            (sent_again(lang, run))
        }
    }
}

/// Lists what the run did, in order: its start, the files that it stored, its end.
fn timeline(lang: Lang, view: &DayView, run: &ExecutionView, zone: Tz) -> Markup {
    let words = &lang.words().run;
    let files = run.files.iter();
    let files = files.filter_map(|key| view.files.iter().find(|file| file.key == *key));
    html! {
        ol class="timeline" {
            @if let Some(at) = run.started_at { li { (moment(lang, at, view, zone)) (words.begins) } }
            @for file in files { li { (moment(lang, file.stored_at, view, zone)) (stored(lang, file)) } }
            @if let Some(at) = run.ended_at {
                li {
                    (moment(lang, at, view, zone))
                    (words.ends) ": " (parts::execution_status(lang, run.status))
                }
            }
        }
    }
}

fn moment(lang: Lang, at: DateTime<Utc>, view: &DayView, zone: Tz) -> Markup {
    html! { span class="moment" { (parts::instant(lang, at, view.at, zone)) } " " }
}

fn stored(lang: Lang, file: &FileView) -> Markup {
    html! {
        (lang.words().run.stores) " " code { (file.key) } " "
        span class="small" {
            @if let Some(rows) = file.rows { (lang.number(rows)) " " (lang.words().day.rows) ", " }
            (lang.bytes(file.bytes))
        }
    }
}

/// Lists the reasons why requests were sent again, most frequent first.
fn sent_again(lang: Lang, run: &ExecutionView) -> Markup {
    let words = &lang.words().run;
    let mut reasons: Vec<_> = run.retry_reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    html! {
        @if !reasons.is_empty() {
            p { (words.again_after) }
            ul {
                @for (kind, count) in reasons {
                    li { (words.again_reasons.of(kind)) ": " (lang.number(*count)) }
                }
            }
        }
    }
}

fn counts(lang: Lang, run: &ExecutionView) -> Markup {
    let words = &lang.words().run;
    let counts = &run.counts;
    let shown = [
        (words.requests, counts.requests),
        (words.retries, counts.retries),
        (words.fetched, counts.fetched),
        (words.new, counts.new),
        (words.duplicates, counts.duplicates),
        (words.off_day, counts.off_day),
    ];
    html! {
        dl class="facts" {
            @for (name, count) in shown {
                div { dt { (name) } dd { (lang.number(count)) } }
            }
        }
    }
}
