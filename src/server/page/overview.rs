//! Front page: is everything well, and what isn't; each dataset at a glance; what is running and what comes.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::schedule::calendar::DayStatus;
use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, page};
use crate::server::page::runs::now_list;
use crate::server::page::schedule::lanes;
use crate::server::page::{Glance, parts, silver};
use crate::server::view::{
    Concern, ConcernKind, DatasetKind, DatasetOverview, OpenDay, Overview, Severity, SourceOverview,
};
use bronzed_model::day::Day;

/// Maximum number of concerns of one kind that are listed openly.
const OPENLY: usize = 6;

/// Returns the front page.
pub(super) fn front(viewer: &Viewer, glance: &Glance) -> Markup {
    let lang = viewer.lang;
    let overview = &glance.overview;
    let words = &lang.words().overview;
    let zone = zone_of(overview);
    let frame = Frame {
        viewer,
        title: words.title,
        place: Place::Overview,
        at: Some((overview.at, zone)),
        json: Some("/api/v1/overview".to_owned()),
    };
    page(
        &frame,
        html! {
            (parts::strip_definition())
            div data-live="/parts/verdict" { (verdict(lang, overview)) }
            section aria-labelledby="datasets" {
                h2 id="datasets" { (words.datasets) }
                (parts::legend(lang))
                @for source in &overview.sources { (source_table(lang, source, overview.at)) }
            }
            (silver::section(lang, &glance.silver, overview.at, zone))
            section aria-labelledby="now" {
                h2 id="now" { (lang.words().run.now) }
                div data-live="/parts/now" { (now_list(lang, glance)) }
            }
            section aria-labelledby="next" {
                h2 id="next" { (words.next_day) }
                (lanes(lang, &glance.schedule))
                p { a href="/jobs" { (words.see_schedule) } }
            }
        },
    )
}

/// Returns the zone that times of all sources are shown in: that of the first one.
pub(super) fn zone_of(overview: &Overview) -> Tz {
    let first = overview.sources.first();
    first.map_or(Tz::UTC, |source| parts::zone(&source.timezone))
}

/// Returns the answer to "is everything well?", and what isn't.
pub(super) fn verdict(lang: Lang, overview: &Overview) -> Markup {
    let words = &lang.words().verdict;
    let (class, sentence) = match overview.worst {
        None => ("well", words.well),
        Some(Severity::Note) => ("well", words.well_but),
        Some(Severity::Warning) => ("warning", words.warning),
        Some(Severity::Critical) => ("critical", words.critical),
    };
    let datasets: usize = overview.sources.iter().map(|one| one.datasets.len()).sum();
    let only_notes = matches!(overview.worst, Some(Severity::Note));
    let like =
        |one: &Concern, other: &Concern| (one.severity, one.kind) == (other.severity, other.kind);
    html! {
        section class=(format!("verdict {class}")) aria-labelledby="verdict" {
            h1 id="verdict" { (sentence) }
            p class="facts" {
                span { strong { (datasets) } " " (words.datasets) }
                span { strong { (lang.number(overview.running)) } " " (words.running) }
                span { strong { (lang.number(overview.waiting)) } " " (words.waiting) }
            }
        }
        @if !overview.concerns.is_empty() {
            section class="concerns" aria-labelledby="concerns" {
                h2 id="concerns" class="minor" {
                    @if only_notes { (words.worth_knowing) } @else { (words.what_is_not) }
                }
                ul {
                    @for like in overview.concerns.chunk_by(like) {
                        li { (concerns_of_a_kind(lang, like, overview.at, zone_of(overview))) }
                    }
                }
            }
        }
    }
}

/// Returns concerns of one kind: what it is, and what it is about.
fn concerns_of_a_kind(lang: Lang, like: &[Concern], now: DateTime<Utc>, zone: Tz) -> Markup {
    let Some(first) = like.first() else {
        return html! {};
    };
    let (openly, rest) = like.split_at(like.len().min(OPENLY));
    let list = |some: &[Concern]| {
        html! {
            ul class="subjects" { @for one in some { li { (subject(lang, one, now, zone)) } } }
        }
    };
    html! {
        (parts::severity(lang, first.severity))
        div {
            p { (kind_in_words(lang, first.kind, like.iter().map(|one| one.days).sum())) }
            @if first.source.is_some() || first.detail.is_some() { (list(openly)) }
            @if !rest.is_empty() {
                details {
                    summary { (rest.len()) " " (lang.words().concern.more) }
                    (list(rest))
                }
            }
        }
    }
}

fn kind_in_words(lang: Lang, kind: ConcernKind, days: u64) -> String {
    let words = &lang.words().concern;
    let counted = |names: [&'static str; 2]| {
        let name = names[usize::from(days != 1)];
        format!("{} {name}", lang.number(days))
    };
    match kind {
        ConcernKind::LakeUnreachable => words.lake_unreachable.to_owned(),
        ConcernKind::LakeRefusesWrites => words.lake_refuses_writes.to_owned(),
        ConcernKind::SchedulerStopped => words.scheduler_stopped.to_owned(),
        ConcernKind::LakeNotRead => words.lake_not_read.to_owned(),
        ConcernKind::TableRefused => words.table_refused.to_owned(),
        ConcernKind::Alert => words.alert.to_owned(),
        ConcernKind::DaysStuck => counted(words.days_stuck),
        ConcernKind::ApiDown => words.api_down.to_owned(),
        ConcernKind::DaysOverdue => counted(words.days_overdue),
        ConcernKind::Stale => words.stale.to_owned(),
        ConcernKind::DaysOpen => counted(words.days_open),
        ConcernKind::DaysUnread => counted(words.days_unread),
        ConcernKind::ValuesMistyped => words.values_mistyped.to_owned(),
        ConcernKind::DatasetRests => words.dataset_rests.to_owned(),
        ConcernKind::JobPaused => words.job_paused.to_owned(),
    }
}

/// Returns what a concern is about, with the way to its reason.
fn subject(lang: Lang, concern: &Concern, now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().concern;
    html! {
        @match (&concern.source, &concern.dataset, &concern.job) {
            (Some(source), Some(dataset), _) => {
                a class="name" href=(parts::dataset_path(source, dataset)) { (source) "." (dataset) }
            }
            (Some(source), None, Some(job)) => a class="name" href="/jobs" { (source) "." (job) },
            (Some(source), None, None) => strong { (source) },
            (None, ..) => {}
        }
        @if let (Some(source), Some(dataset), Some(day)) = (&concern.source, &concern.dataset, concern.day) {
            ": " (lang.number(concern.days)) ", " (words.oldest) " "
            a href=(parts::day_path(source, dataset, day)) { (lang.day(day)) }
        }
        @if let (ConcernKind::Stale, Some(job)) = (concern.kind, &concern.job) {
            " (" (words.job) " " (job) ")"
        }
        @if let Some(since) = concern.since {
            ", " (words.since) " " (parts::instant(lang, since, now, zone))
        }
        @if let Some(detail) = &concern.detail { ": " (parts::quoted(detail)) }
    }
}

fn source_table(lang: Lang, source: &SourceOverview, now: DateTime<Utc>) -> Markup {
    let words = &lang.words().overview;
    let zone = parts::zone(&source.timezone);
    html! {
        h3 id=(format!("source-{}", source.name)) { (source.name) }
        table class="datasets" aria-labelledby=(format!("source-{}", source.name)) {
            thead {
                tr {
                    th scope="col" { (words.dataset) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.last_days) }
                    th scope="col" { (words.fresh) }
                    th scope="col" { (words.last_run) }
                    th scope="col" { (words.next_run) }
                }
            }
            tbody { @for dataset in &source.datasets { (row(lang, dataset, now, zone)) } }
        }
    }
}

fn row(lang: Lang, one: &DatasetOverview, now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().overview;
    let dataset = &one.dataset;
    let (source, name) = (&dataset.source, &dataset.name);
    html! {
        tr {
            th scope="row" {
                a href=(parts::dataset_path(source, name)) { (parts::breakable(name)) }
                span class="small" { (kind(lang, one.kind)) }
            }
            td { (tags(lang, one)) (days_to_look_at(lang, one)) }
            td class="wide" { (parts::strip(lang, &one.recent, Day::of(now, zone))) }
            td data-l=(words.fresh) {
                @match dataset.last_success {
                    Some(at) => (parts::when(lang, at, now, zone)),
                    None => (lang.words().never),
                }
            }
            td data-l=(words.last_run) {
                @match &one.last_run {
                    Some(run) => {
                        a href=(parts::run_path(source, name, run.day, run.run_id)) {
                            (parts::run_status(lang, run.status))
                        }
                        span class="small" { (parts::when(lang, run.ended_at, now, zone)) }
                    }
                    None => "–",
                }
            }
            td data-l=(words.next_run) {
                @match &one.next_run {
                    Some(next) => {
                        (parts::when(lang, next.at, now, zone))
                        span class="small" { (next.job) }
                    }
                    None => "–",
                }
            }
        }
    }
}

/// Returns how a dataset is read, in words.
pub(super) fn kind(lang: Lang, kind: DatasetKind) -> &'static str {
    let words = &lang.words().overview;
    match kind {
        DatasetKind::Day => words.by_day,
        DatasetKind::Snapshot => words.snapshot,
        DatasetKind::Feed => words.feed,
        DatasetKind::Record => words.record,
    }
}

/// Returns what is to be said of a dataset, in few words.
pub(super) fn tags(lang: Lang, one: &DatasetOverview) -> Markup {
    let words = &lang.words().overview;
    let coverage = &one.dataset.coverage;
    let is_well = !one.down
        && one.stale_jobs.is_empty()
        && coverage.overdue_days == 0
        && coverage.stuck_days == 0
        && !one.open_days.iter().any(is_to_look_at);
    html! {
        span class="tags" {
            @if one.recent.is_empty() { span class="tag partial" { (words.nothing_known) } }
            @else if is_well { span class="tag proven" { (words.well) } }
            @if one.down { span class="tag failed" { (words.down) } }
            @if !one.stale_jobs.is_empty() { span class="tag partial" { (words.stale) } }
            @if coverage.stuck_days > 0 {
                span class="tag failed" { (lang.number(coverage.stuck_days)) " " (words.stuck) }
            }
            @if coverage.backlog_days > 0 {
                span class="tag partial" { (lang.number(coverage.backlog_days)) " " (words.open) }
            }
            @if let Some(reading) = one.reading.first() {
                span class="tag settling" { (words.reading) ": " (lang.short_day(reading.day)) }
            }
        }
    }
}

fn is_to_look_at(open: &OpenDay) -> bool {
    matches!(open.status, DayStatus::Failed | DayStatus::Partial)
}

/// Returns the newest days of a dataset that deserve a look, as links to their reasons.
fn days_to_look_at(lang: Lang, one: &DatasetOverview) -> Markup {
    let (source, name) = (&one.dataset.source, &one.dataset.name);
    let mut days = one
        .open_days
        .iter()
        .filter(|open| is_to_look_at(open))
        .take(3)
        .peekable();
    html! {
        @if days.peek().is_some() {
            ul class="look" aria-label=(lang.words().overview.days_to_look_at) {
                @for open in days {
                    li {
                        a href=(parts::day_path(source, name, open.day)) {
                            (lang.short_day(open.day)) span class="vh" { ": " }
                            " " (parts::status_words(lang, open.status)[0])
                        }
                    }
                }
            }
        }
    }
}
