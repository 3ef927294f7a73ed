//! Page of a dataset: the years at a glance, a year by day, the days to look at.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use maud::{Markup, html};

use crate::schedule::calendar::DayStatus;
use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, page};
use crate::server::page::overview::{kind, tags};
use crate::server::page::parts;
use crate::server::view::{CalendarView, DatasetView};
use bronzed_model::day::Day;

/// Status of each day of a calendar.
type DayTables = BTreeMap<Day, DayStatus>;

/// Returns the page of a dataset, with one year by day: the asked one, else the last one.
pub(super) fn dataset(viewer: &Viewer, view: &CalendarView, year: Option<i32>) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().calendar;
    let one = &view.overview;
    let (source, name) = (&one.dataset.source, &one.dataset.name);
    let title = format!("{source}.{name}");
    let days = by_day(view);
    let last = days.last_key_value().map(|(day, _)| day.date().year());
    let shown = year.or(last);
    let zone = parts::zone(&view.timezone);
    let frame = Frame {
        viewer,
        title: &title,
        place: Place::Elsewhere,
        at: Some((view.at, zone)),
        json: Some(format!("/api/v1/datasets/{source}/{name}/calendar")),
    };
    page(
        &frame,
        html! {
            nav aria-label="breadcrumb" class="crumbs" {
                a href="/" { (lang.words().overview.title) }
            }
            h1 { (title) }
            p class="lead" { (kind(lang, one.kind)) " · " (tags(lang, one)) }
            (facts(lang, view))
            (to_look_at(lang, view))
            section aria-labelledby="volume" {
                h2 id="volume" { (words.volume) }
                img class="plot" loading="lazy" width="1000" height="240"
                    src=(format!("/dataset/{source}/{name}/volume.svg")) alt=(words.volume_note);
                p class="small" { (words.volume_note) }
            }
            section aria-labelledby="years" {
                h2 id="years" { (words.years) }
                p class="small" { (words.month_counts) }
                (years(lang, &one.dataset, &days))
            }
            @if let Some(shown) = shown {
                section aria-labelledby="year" {
                    h2 id="year" { (words.year) " " (shown) }
                    (parts::legend(lang))
                    (months(lang, &one.dataset, &days, shown))
                }
            }
        },
    )
}

fn by_day(view: &CalendarView) -> DayTables {
    let spans = view.days.iter();
    let days = spans.flat_map(|span| span.from.through(span.to).map(|day| (day, span.status)));
    days.collect()
}

fn facts(lang: Lang, view: &CalendarView) -> Markup {
    let words = lang.words();
    let one = &view.overview;
    let coverage = &one.dataset.coverage;
    let zone = parts::zone(&view.timezone);
    let (source, name) = (&one.dataset.source, &one.dataset.name);
    html! {
        dl class="facts" {
            div {
                dt { (words.overview.complete) }
                dd { (lang.number(coverage.complete_days)) }
            }
            div {
                dt { (words.overview.open) }
                dd { (lang.number(coverage.incomplete_days)) }
            }
            div {
                dt { (words.overview.fresh) }
                dd {
                    @match one.dataset.last_success {
                        Some(at) => (parts::when(lang, at, view.at, zone)),
                        None => (words.never),
                    }
                }
            }
            div {
                dt { (words.overview.last_run) }
                dd {
                    @match &one.last_run {
                        Some(run) => a href=(parts::run_path(source, name, run.day, run.run_id)) {
                            (parts::run_status(lang, run.status)) " "
                            (parts::when(lang, run.ended_at, view.at, zone))
                        },
                        None => "–",
                    }
                }
            }
            div {
                dt { (words.overview.next_run) }
                dd {
                    @match &one.next_run {
                        Some(next) => { (parts::when(lang, next.at, view.at, zone)) " (" (next.job) ")" }
                        None => "–",
                    }
                }
            }
        }
    }
}

fn to_look_at(lang: Lang, view: &CalendarView) -> Markup {
    let words = &lang.words().calendar;
    let one = &view.overview;
    let (source, name) = (&one.dataset.source, &one.dataset.name);
    html! {
        section aria-labelledby="look" {
            h2 id="look" { (words.to_look_at) }
            @if one.open_days.is_empty() { p { (words.nothing_to_look_at) } }
            @else {
                ul class="days" {
                    @for open in &one.open_days {
                        li {
                            a href=(parts::day_path(source, name, open.day)) { (lang.weekday(open.day)) }
                            " " (parts::status(lang, open.status))
                        }
                    }
                }
            }
        }
    }
}

/// Counts of the days of a month.
#[derive(Default, Clone, Copy)]
struct MonthCounts {
    done: u64,
    due: u64,
    worst: u64,
}

/// Draws a table of years and months: how many of the due days are proven or accepted.
fn years(lang: Lang, dataset: &DatasetView, days: &DayTables) -> Markup {
    let mut counts: BTreeMap<i32, [MonthCounts; 12]> = BTreeMap::new();
    for (day, status) in days {
        let date = day.date();
        let year = counts.entry(date.year()).or_default();
        let Some(month) = year.get_mut(date.month0() as usize) else {
            continue;
        };
        month.due += u64::from(*status != DayStatus::NotDue);
        month.done += u64::from(matches!(status, DayStatus::Proven | DayStatus::Accepted));
        month.worst += u64::from(matches!(status, DayStatus::Failed | DayStatus::Partial));
    }
    let path = parts::dataset_path(&dataset.source, &dataset.name);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(lang.words().calendar.years) {
            table class="years" {
                thead {
                    tr {
                        th scope="col" { (lang.words().calendar.year) }
                        @for month in 0..12 { th scope="col" { (lang.month(month)) } }
                    }
                }
                tbody {
                    @for (year, months) in counts.iter().rev() {
                        tr {
                            th scope="row" { a href=(format!("{path}?year={year}#year")) { (year) } }
                            @for (index, month) in months.iter().enumerate() {
                                td { (month_cell(&format!("{path}?year={year}#m{}", index + 1), *month)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn month_cell(path: &str, month: MonthCounts) -> Markup {
    let class = match month {
        MonthCounts { due: 0, .. } => "notdue",
        MonthCounts { worst: 1.., .. } => "partial",
        MonthCounts { done, due, .. } if done == due => "proven",
        MonthCounts { done: 0, .. } => "never",
        MonthCounts { .. } => "settling",
    };
    html! {
        @if month.due == 0 { span class="cell notdue" { "–" } }
        @else {
            a class=(format!("cell {class}")) href=(path) { (month.done) "/" (month.due) }
        }
    }
}

/// Draws a year as twelve months of days.
fn months(lang: Lang, dataset: &DatasetView, days: &DayTables, year: i32) -> Markup {
    html! {
        div class="months" {
            @for month in 1..=12 {
                @if let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) {
                    (one_month(lang, dataset, days, Day::new(first)))
                }
            }
        }
    }
}

fn one_month(lang: Lang, dataset: &DatasetView, days: &DayTables, first: Day) -> Markup {
    let (month, lead) = (
        first.date().month0(),
        first.date().weekday().num_days_from_monday(),
    );
    let of_month = std::iter::successors(Some(first), |day| Some(day.next()))
        .take_while(|day| day.date().month0() == month);
    html! {
        section class="month" aria-labelledby=(format!("m{}", month + 1)) {
            h3 id=(format!("m{}", month + 1)) { (lang.month(month)) " " (first.date().year()) }
            ol {
                @for initial in lang.words().weekday_initials {
                    li class="initial" aria-hidden="true" { (initial) }
                }
                @for day in of_month {
                    li class=[(day == first && lead > 0).then(|| format!("lead{lead}"))] {
                        (day_cell(lang, dataset, day, days.get(&day).copied()))
                    }
                }
            }
        }
    }
}

fn day_cell(lang: Lang, dataset: &DatasetView, day: Day, status: Option<DayStatus>) -> Markup {
    let number = day.date().day();
    html! {
        @match status {
            // Days that aren't due have a page, too; a link to each would only be in the way.
            None | Some(DayStatus::NotDue) => span class="cell notdue" { (number) },
            Some(status) => {
                a class=(format!("cell {}", parts::class(status)))
                    href=(parts::day_path(&dataset.source, &dataset.name, day)) {
                    (number)
                    span class="vh" { " " (parts::status_words(lang, status)[0]) }
                }
            }
        }
    }
}
