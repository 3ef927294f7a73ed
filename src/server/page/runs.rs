//! Page of the runs: running and waiting, and those that have ended, of any process.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, page};
use crate::server::page::overview::zone_of;
use crate::server::page::{Glance, parts};
use crate::server::view::{DueRun, History, PastRun, RunStatus, RunView};

/// Maximum number of waiting runs that are listed.
const WAITING: usize = 10;
/// Maximum number of ended runs that are listed.
const ENDED: usize = 100;

/// Returns the page of the runs.
pub(super) fn runs(viewer: &Viewer, glance: &Glance, history: &History) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().run;
    let now = glance.overview.at;
    let zone = zone_of(&glance.overview);
    let frame = Frame {
        viewer,
        title: words.title,
        place: Place::Runs,
        at: Some((now, zone)),
        json: Some("/api/v1/history".to_owned()),
    };
    page(
        &frame,
        html! {
            h1 { (words.title) }
            section aria-labelledby="now" {
                h2 id="now" { (words.now) }
                div data-live="/parts/now" { (now_list(lang, glance)) }
            }
            section aria-labelledby="ended" {
                h2 id="ended" { (words.ended) }
                p class="small" { (words.ended_note) }
                @if history.runs.is_empty() { p { (words.none) } }
                @else {
                    (parts::scrolled(words.ended, ended(lang, &history.runs, now, zone)))
                }
            }
        },
    )
}

/// Returns what is running and what waits.
pub(super) fn now_list(lang: Lang, glance: &Glance) -> Markup {
    let words = &lang.words().run;
    let now = glance.overview.at;
    let zone = zone_of(&glance.overview);
    let of = |status| glance.runs.iter().filter(move |run| run.status == status);
    let waiting = of(RunStatus::Queued).count();
    html! {
        @if glance.overview.running + glance.overview.waiting == 0 { p { (words.nothing_now) } }
        ul class="running" {
            @for run in of(RunStatus::Running) { li { (running(lang, run, now, zone)) } }
        }
        @if glance.overview.waiting > 0 {
            ul class="waiting" {
                @for run in of(RunStatus::Queued).take(WAITING) {
                    li {
                        (parts::run_status(lang, RunStatus::Queued)) " "
                        a href=(parts::day_path(&run.source, &run.dataset, run.day)) {
                            (run.source) "." (run.dataset) " " (lang.day(run.day))
                        }
                        " " span class="small" { (run.job) }
                    }
                }
                @for run in glance.schedule.due.iter().take(WAITING.saturating_sub(waiting)) {
                    li { (due(lang, run)) }
                }
                @let shown = WAITING.min(waiting + glance.schedule.due.len()) as u64;
                @if glance.overview.waiting > shown {
                    li class="small" {
                        "… " (lang.number(glance.overview.waiting - shown)) " " (lang.words().concern.more)
                    }
                }
            }
        }
    }
}

/// Returns a run that is due, with the reason.
pub(super) fn due(lang: Lang, run: &DueRun) -> Markup {
    let words = &lang.words().schedule;
    let reason = match &*run.reason {
        "slot" => words.slot,
        "catch_up" => words.catch_up,
        "coverage" => words.coverage,
        "retry" => words.retry,
        "settle" => words.settle,
        _ => lang.words().unknown,
    };
    html! {
        (parts::run_status(lang, RunStatus::Queued)) " "
        a href=(parts::day_path(&run.source, &run.dataset, run.day)) {
            (run.source) "." (run.dataset) " " (lang.day(run.day))
        }
        " " span class="small" { (run.job) " · " (reason) }
    }
}

fn running(lang: Lang, run: &RunView, now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().run;
    html! {
        p class="head" {
            (parts::run_status(lang, run.status)) " "
            a href=(parts::run_path(&run.source, &run.dataset, run.day, run.run_id)) {
                (run.source) "." (run.dataset) " " (lang.day(run.day))
            }
            " " span class="small" {
                (run.job)
                @if let Some(at) = run.started_at { " · " (parts::when(lang, at, now, zone)) }
                @if let Some(at) = parts::expected_end(run, now) {
                    " · " (words.about_done) " "
                    time datetime=(at.to_rfc3339()) { (lang.clock(at, zone)) }
                }
            }
        }
        (parts::progress(lang, &run.progress))
    }
}

fn ended(lang: Lang, runs: &[PastRun], now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().run;
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (words.ended_at) }
                    th scope="col" { (words.status) }
                    th scope="col" { (words.dataset) }
                    th scope="col" { (words.day) }
                    th scope="col" { (words.job) }
                    th scope="col" class="n" { (words.took) }
                    th scope="col" class="n" { (words.new) }
                    th scope="col" class="n" { (words.requests) }
                    th scope="col" class="n" { (words.retries) }
                }
            }
            tbody { @for run in runs.iter().take(ENDED) { (ended_row(lang, run, now, zone)) } }
        }
    }
}

fn ended_row(lang: Lang, run: &PastRun, now: DateTime<Utc>, zone: Tz) -> Markup {
    html! {
        tr {
            td { (parts::when(lang, run.ended_at, now, zone)) }
            td {
                a href=(parts::run_path(&run.source, &run.dataset, run.day, run.run_id)) {
                    (parts::run_status(lang, run.status))
                }
            }
            td { a href=(parts::dataset_path(&run.source, &run.dataset)) { (run.source) "." (run.dataset) } }
            td { a href=(parts::day_path(&run.source, &run.dataset, run.day)) { (lang.day(run.day)) } }
            td { (run.job) }
            td class="n" { (lang.took(run.ended_at - run.started_at)) }
            td class="n" { (lang.number(run.new)) }
            td class="n" { (lang.number(run.requests)) }
            td class="n" { (lang.number(run.retries)) }
        }
    }
}
