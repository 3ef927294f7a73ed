//! Page of a day: why it is as it is, its proof by slice, every execution, its files.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::schedule::calendar::DayStatus;
use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, form_token, page};
use crate::server::page::parts;
use crate::server::view::{
    DayView, ExecutionView, FailedSlice, FileView, RunStatus, SliceView, Usual,
};

/// Maximum number of failed slices that a sentence names.
const NAMED: usize = 3;

/// Returns the frame of a page about a day.
pub(super) fn frame<'a>(viewer: &'a Viewer, view: &DayView, title: &'a str) -> Frame<'a> {
    Frame {
        viewer,
        title,
        place: Place::Elsewhere,
        at: Some((view.at, parts::zone(&view.timezone))),
        json: Some(format!(
            "/api/v1/datasets/{}/{}/days/{}",
            view.source, view.dataset, view.day
        )),
    }
}

/// Returns the page of a day.
pub(super) fn day(viewer: &Viewer, view: &DayView) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().day;
    let zone = parts::zone(&view.timezone);
    let title = format!("{}.{} {}", view.source, view.dataset, view.day);
    let frame = frame(viewer, view, &title);
    let path = |day| parts::day_path(&view.source, &view.dataset, day);
    page(
        &frame,
        html! {
            (crumbs(lang, view, false))
            div class="title" {
                h1 { (lang.weekday(view.day)) " " (parts::status(lang, view.status)) }
                p class="turn" {
                    a href=(path(view.period.previous(view.day))) rel="prev" { "← " (words.previous) }
                    a href=(path(view.period.next(view.day))) rel="next" { (words.next) " →" }
                }
            }
            section class="why" aria-labelledby="why" {
                h2 id="why" { (words.why) }
                (why(lang, view))
                (what_next(lang, view, zone))
                @if viewer.form_token.is_some() {
                    form method="post" action=(format!("{}/read", path(view.day))) {
                        (form_token(viewer))
                        button { (words.read_now) }
                    }
                }
            }
            (records(lang, view))
            (proof(lang, view, zone))
            (executions(lang, view, zone))
            (files(lang, view, zone))
        },
    )
}

/// Returns the way back from a day, or from one of its runs.
pub(super) fn crumbs(lang: Lang, view: &DayView, with_day: bool) -> Markup {
    let (source, dataset) = (&view.source, &view.dataset);
    html! {
        nav aria-label="breadcrumb" class="crumbs" {
            a href="/" { (lang.words().overview.title) }
            " / "
            a href=(parts::dataset_path(source, dataset)) { (source) "." (dataset) }
            @if with_day {
                " / "
                a href=(parts::day_path(source, dataset, view.day)) { (lang.day(view.day)) }
            }
        }
    }
}

/// Returns the reason why the day has its status.
fn why(lang: Lang, view: &DayView) -> Markup {
    let words = &lang.words().day;
    let last = view.executions.iter().find(|run| run.status.is_some());
    html! {
        @if let Some(doubt) = &view.doubt { p { (words.doubt) " " (parts::quoted(doubt)) } }
        @for key in &view.lost_files { p { (words.lost) " " code { (key) } } }
        @match view.status {
            DayStatus::Proven => p { (words.proven) },
            DayStatus::Accepted => p {
                (words.accepted) " "
                @if let Some(accepted) = &view.accepted { (parts::quoted(&accepted.reason)) }
            },
            DayStatus::NeverRead => p { (words.never_read) },
            DayStatus::NotDue => p { (words.not_due) },
            DayStatus::Settling => p { (parts::status_words(lang, view.status)[1]) "." },
            DayStatus::Partial | DayStatus::Failed => {
                @match last {
                    Some(run) => (reasons(lang, run)),
                    None => p { (words.no_reason) },
                }
            }
        }
    }
}

/// Returns the reasons why a run didn't read everything.
pub(super) fn reasons(lang: Lang, run: &ExecutionView) -> Markup {
    let words = &lang.words().day;
    let failed = &run.failed_slices;
    html! {
        @if let Some(stop) = run.stop { p class="reason" { (parts::stop(lang, stop)) } }
        @if let Some(error) = &run.error { p class="reason" { (parts::quoted(error)) } }
        @if !failed.is_empty() {
            p {
                (lang.number(failed.len() as u64)) " "
                (words.slices_failed[usize::from(failed.len() != 1)]) ":"
            }
            (failed_slices(lang, failed))
        }
        @if run.stop.is_none() && run.error.is_none() && failed.is_empty() {
            p { (words.no_reason) }
        }
    }
}

fn failed_slices(lang: Lang, failed: &[FailedSlice]) -> Markup {
    let item = |one: &FailedSlice| {
        html! { li { code { (one.slice) } ": " (parts::quoted(&one.reason)) } }
    };
    let (named, rest) = failed.split_at(failed.len().min(NAMED));
    html! {
        ul class="reasons" { @for one in named { (item(one)) } }
        @if !rest.is_empty() {
            details {
                summary { (rest.len()) " " (lang.words().day.and_more) }
                ul class="reasons" { @for one in rest { (item(one)) } }
            }
        }
    }
}

fn what_next(lang: Lang, view: &DayView, zone: Tz) -> Markup {
    let words = &lang.words().day;
    let is_done = matches!(view.status, DayStatus::Proven | DayStatus::Accepted);
    let settles = match view.settles_at > view.at {
        true => words.settles,
        false => words.settled,
    };
    html! {
        @if !is_done {
            p { (settles) " " (parts::instant(lang, view.settles_at, view.at, zone)) "." }
            p {
                @match (&view.current, view.next_attempt) {
                    (Some(run), _) if run.status == RunStatus::Running => {
                        (words.being_read) " " (parts::progress(lang, &run.progress))
                    }
                    (Some(_), _) => (words.waits),
                    (None, Some(at)) if at <= view.at => (words.due_now),
                    (None, Some(at)) => {
                        (words.next_attempt) ": " (parts::instant(lang, at, view.at, zone))
                        " (" (lang.distance(at, view.at)) ")"
                    }
                    (None, None) => (words.no_attempt),
                }
            }
        }
    }
}

fn records(lang: Lang, view: &DayView) -> Markup {
    let words = &lang.words().day;
    html! {
        dl class="facts" {
            div {
                dt { (words.records) }
                dd {
                    (lang.number(view.records))
                    @if view.withdrawn > 0 {
                        span class="small" { (lang.number(view.withdrawn)) " " (words.withdrawn) }
                    }
                }
            }
            @if let Some(usual) = &view.usual {
                div {
                    dt { (words.usual) }
                    dd {
                        (lang.number(usual.median))
                        span class="small" {
                            (words.between) " " (lang.number(usual.least)) " – " (lang.number(usual.most))
                            @if let Some(judged) = judged(lang, view.records, usual) { " · " strong { (judged) } }
                        }
                    }
                }
            }
        }
    }
}

fn judged(lang: Lang, records: u64, usual: &Usual) -> Option<&'static str> {
    let words = &lang.words().day;
    match usual.judge(records) {
        Ordering::Less => Some(words.fewer),
        Ordering::Equal => None,
        Ordering::Greater => Some(words.more),
    }
}

fn proof(lang: Lang, view: &DayView, zone: Tz) -> Markup {
    let words = &lang.words().day;
    let heads = [
        (words.slice, false),
        (words.stated, true),
        (words.read, true),
        (words.verdict, false),
    ];
    html! {
        @if !view.slices.is_empty() {
            section aria-labelledby="proof" {
                h2 id="proof" { (words.proof) }
                (parts::table(words.proof, heads, &view.slices, |slice| slice_row(lang, slice, view, zone)))
            }
        }
    }
}

fn slice_row(lang: Lang, slice: &SliceView, view: &DayView, zone: Tz) -> Markup {
    let words = &lang.words().day;
    let number = |count: Option<u64>| count.map_or("–".to_owned(), |count| lang.number(count));
    let (class, verdict) = match slice {
        SliceView { proven: true, .. } => ("proven", words.slice_proven),
        SliceView {
            failure: Some(_), ..
        } => ("failed", words.slice_failed),
        SliceView { read: None, .. } => ("never", words.slice_unread),
        SliceView { .. } => ("settling", words.slice_read),
    };
    html! {
        tr {
            th scope="row" { code { (slice.slice) } }
            td class="n" { (number(slice.stated)) }
            td class="n" { (number(slice.read)) }
            td {
                span class=(format!("tag {class}")) { (verdict) }
                @if let Some(since) = slice.empty_since {
                    " " span class="small" { (words.slice_empty) " " (parts::instant(lang, since, view.at, zone)) }
                }
                @if let Some(failure) = &slice.failure {
                    @if slice.proven { " · " (words.last_run) ":" }
                    " " (parts::quoted(failure))
                }
            }
        }
    }
}

fn executions(lang: Lang, view: &DayView, zone: Tz) -> Markup {
    let words = &lang.words().day;
    html! {
        section aria-labelledby="executions" {
            h2 id="executions" { (words.executions) }
            @if view.executions.is_empty() { p { (words.no_executions) } }
            ol class="executions" {
                @for run in &view.executions { li { (execution(lang, view, run, zone)) } }
            }
        }
    }
}

fn execution(lang: Lang, view: &DayView, run: &ExecutionView, zone: Tz) -> Markup {
    let words = &lang.words().run;
    let title = run.job.as_deref().unwrap_or(words.earlier);
    html! {
        p class="head" {
            @match (run.status, &run.reason) {
                (None, Some(_)) => span class="tag accepted" { (words.decision) },
                (status, _) => (parts::execution_status(lang, status)),
            }
            " "
            @match run.run_id {
                Some(run_id) if run.status.is_some() => {
                    a href=(parts::run_path(&view.source, &view.dataset, view.day, run_id)) { (title) }
                }
                _ => (title),
            }
            @if let Some(at) = run.started_at.or(run.ended_at) {
                " · " (parts::instant(lang, at, view.at, zone))
            }
            @if let Some(took) = took(run) { " · " (lang.took(took)) }
        }
        @if run.status.is_some() {
            p class="small" {
                (lang.number(run.counts.new)) " " (words.new.to_lowercase()) " · "
                (lang.number(run.counts.duplicates)) " " (words.duplicates.to_lowercase()) " · "
                (lang.number(run.counts.requests)) " " (words.requests.to_lowercase())
                @if run.counts.retries > 0 {
                    " · " (lang.number(run.counts.retries)) " " (words.retries.to_lowercase())
                }
            }
        }
        @if let Some(reason) = &run.reason { p class="reason" { (parts::quoted(reason)) } }
        @if run.stop.is_some() || run.error.is_some() || !run.failed_slices.is_empty() {
            (reasons(lang, run))
        }
        @if let Some(at) = run.again_at {
            p class="small" { (words.again_from) " " (parts::instant(lang, at, view.at, zone)) }
        }
    }
}

/// Returns the duration of a run. `None` if its times aren't known.
pub(super) fn took(run: &ExecutionView) -> Option<chrono::TimeDelta> {
    let (from, to): (DateTime<Utc>, DateTime<Utc>) = (run.started_at?, run.ended_at?);
    Some((to - from).max(chrono::TimeDelta::zero()))
}

fn files(lang: Lang, view: &DayView, zone: Tz) -> Markup {
    let words = &lang.words().day;
    let heads = [
        (words.file, false),
        (words.rows, true),
        (words.size, true),
        (words.stored, false),
    ];
    html! {
        section aria-labelledby="files" {
            h2 id="files" { (words.files) }
            @if view.files.is_empty() { p { (words.no_files) } }
            @else {
                (parts::table(words.files, heads, &view.files, |file| file_row(lang, file, view, zone)))
            }
        }
    }
}

fn file_row(lang: Lang, file: &FileView, view: &DayView, zone: Tz) -> Markup {
    html! {
        tr {
            th scope="row" { code { (file.key) } }
            td class="n" { (file.rows.map_or("–".to_owned(), |rows| lang.number(rows))) }
            td class="n" { (lang.bytes(file.bytes)) }
            td { (parts::instant(lang, file.stored_at, view.at, zone)) }
        }
    }
}
