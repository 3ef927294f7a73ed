//! Small parts of pages. Nothing is said by colour alone: a status has its name, and its own shape.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::schedule::calendar::{CalendarSpan, DayStatus};
use crate::server::page::lang::Lang;
use crate::server::view::{ExecutionStatus, ProgressView, RunStatus, RunView, Severity, StopView};
use bronzed_model::day::Day;

/// Returns a table that scrolls by itself where the screen is narrower; `label` names it.
pub(super) fn scrolled(label: &str, table: Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// Returns a table of one row per item, below heads: each a name, and `true` over numbers.
pub(super) fn table<'v, T: 'v>(
    label: &str,
    heads: [(&str, bool); 4],
    items: impl IntoIterator<Item = &'v T>,
    row: impl Fn(&'v T) -> Markup,
) -> Markup {
    let head = |(name, is_number): (&str, bool)| html! { th scope="col" class=[is_number.then_some("n")] { (name) } };
    scrolled(
        label,
        html! {
            table {
                thead { tr { @for one in heads { (head(one)) } } }
                tbody { @for item in items { (row(item)) } }
            }
        },
    )
}

/// Returns the class of a status in the style sheet.
pub(super) fn class(status: DayStatus) -> &'static str {
    match status {
        DayStatus::Proven => "proven",
        DayStatus::Accepted => "accepted",
        DayStatus::Settling => "settling",
        DayStatus::Partial => "partial",
        DayStatus::Failed => "failed",
        DayStatus::NeverRead => "never",
        DayStatus::NotDue => "notdue",
    }
}

/// Returns name and explanation of a status.
pub(super) fn status_words(lang: Lang, status: DayStatus) -> [&'static str; 2] {
    let words = &lang.words().status;
    match status {
        DayStatus::Proven => words.proven,
        DayStatus::Accepted => words.accepted,
        DayStatus::Settling => words.settling,
        DayStatus::Partial => words.partial,
        DayStatus::Failed => words.failed,
        DayStatus::NeverRead => words.never_read,
        DayStatus::NotDue => words.not_due,
    }
}

/// Returns the name of a status with its sign.
pub(super) fn status(lang: Lang, status: DayStatus) -> Markup {
    html! {
        span class=(format!("tag {}", class(status))) { (status_words(lang, status)[0]) }
    }
}

/// Returns the name of a run's status with its sign.
pub(super) fn run_status(lang: Lang, status: RunStatus) -> Markup {
    let words = &lang.words().run;
    let (class, name) = match status {
        RunStatus::Queued => ("notdue", words.queued),
        RunStatus::Running => ("settling", words.running),
        RunStatus::Ok => ("proven", words.ok),
        RunStatus::Partial => ("partial", words.partial),
        RunStatus::Failed => ("failed", words.failed),
    };
    html! { span class=(format!("tag {class}")) { (name) } }
}

/// Returns the name of an execution's status with its sign.
pub(super) fn execution_status(lang: Lang, status: Option<ExecutionStatus>) -> Markup {
    let words = &lang.words().run;
    let (class, name) = match status {
        Some(ExecutionStatus::Ok) => ("proven", words.ok),
        Some(ExecutionStatus::Partial) => ("partial", words.partial),
        Some(ExecutionStatus::Failed) => ("failed", words.failed),
        Some(ExecutionStatus::Running) => ("settling", words.running),
        Some(ExecutionStatus::Recovered) => ("accepted", words.recovered),
        Some(ExecutionStatus::Adopted) => ("accepted", words.adopted),
        None => ("notdue", words.earlier),
    };
    html! { span class=(format!("tag {class}")) { (name) } }
}

/// Returns the reason why a run ended early, in words.
pub(super) fn stop(lang: Lang, stop: StopView) -> &'static str {
    let words = &lang.words().run;
    match stop {
        StopView::Cancelled => words.cancelled,
        StopView::Deadline => words.deadline,
        StopView::SourceDown => words.source_down,
        StopView::LakeRefused => words.lake_refused,
        StopView::Interrupted => words.interrupted,
    }
}

/// Returns the name of a severity with its sign.
pub(super) fn severity(lang: Lang, severity: Severity) -> Markup {
    let words = &lang.words().concern;
    let (class, name) = match severity {
        Severity::Note => ("notdue", words.note),
        Severity::Warning => ("partial", words.warning),
        Severity::Critical => ("failed", words.critical),
    };
    html! { span class=(format!("tag {class}")) { (name) } }
}

/// Returns a time by its distance from now, with the instant for pointers and programs.
pub(super) fn when(lang: Lang, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Markup {
    html! {
        time datetime=(at.to_rfc3339()) title=(lang.instant(at, zone)) { (lang.distance(at, now)) }
    }
}

/// Returns an instant with its distance from now for pointers.
pub(super) fn instant(lang: Lang, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Markup {
    html! {
        time datetime=(at.to_rfc3339()) title=(lang.distance(at, now)) { (lang.instant(at, zone)) }
    }
}

/// Returns the text of a program or of an API, which is in English.
pub(super) fn quoted(text: &str) -> Markup {
    html! { span class="quoted" lang="en" dir="auto" { (text) } }
}

/// Returns a name that may be broken into lines after its underscores.
pub(super) fn breakable(name: &str) -> Markup {
    html! {
        @for part in name.split_inclusive('_') { (part) wbr; }
    }
}

/// Path of a dataset's page.
pub(super) fn dataset_path(source: &str, dataset: &str) -> String {
    format!("/dataset/{source}/{dataset}")
}

/// Path of a day's page.
pub(super) fn day_path(source: &str, dataset: &str, day: Day) -> String {
    format!("/dataset/{source}/{dataset}/{day}")
}

/// Path of a run's page.
pub(super) fn run_path(source: &str, dataset: &str, day: Day, run_id: uuid::Uuid) -> String {
    format!("/dataset/{source}/{dataset}/{day}/{run_id}")
}

/// Width of a day in a strip.
const DAY: i64 = 4;
/// Days in a strip.
const DAYS: i64 = 92;

/// Draws the days up to `today` as a strip, one span a bar; its name says how many days have which status.
pub(super) fn strip(lang: Lang, spans: &[CalendarSpan], today: Day) -> Markup {
    let first = today.date() - TimeDelta::days(DAYS - 1);
    let bars = spans.iter().filter(|span| span.to.date() >= first);
    let bars = bars.map(|span| {
        let from = (span.from.date().max(first) - first).num_days();
        let days = (span.to.date() - first).num_days() + 1 - from;
        (span.status, from * DAY, days * DAY)
    });
    html! {
        svg class="strip" role="img" aria-label=(strip_label(lang, spans))
            viewBox=(format!("0 0 {} 20", DAYS * DAY)) preserveAspectRatio="none" {
            @for (status, x, width) in bars {
                @let (y, height) = bar(status);
                rect class=(class(status)) x=(x) y=(y) width=(width) height=(height) {}
            }
            use href="#days" {}
        }
    }
}

/// Defines what every strip of a page draws over its bars: a gap after each day.
pub(super) fn strip_definition() -> Markup {
    let gaps: String = (1..DAYS)
        .map(|day| format!("M{} 0v20", day * DAY))
        .collect();
    html! {
        svg class="defs" width="0" height="0" aria-hidden="true" {
            defs { path id="days" d=(gaps) {} }
        }
    }
}

/// Returns top and height of a bar: each status has its own, so that colour isn't needed to tell them apart.
fn bar(status: DayStatus) -> (u32, u32) {
    match status {
        DayStatus::Failed => (0, 20),
        DayStatus::Partial => (0, 12),
        DayStatus::NeverRead => (8, 12),
        DayStatus::Proven => (4, 16),
        DayStatus::Accepted => (4, 16),
        DayStatus::Settling => (12, 8),
        DayStatus::NotDue => (18, 2),
    }
}

fn strip_label(lang: Lang, spans: &[CalendarSpan]) -> String {
    let counts = DayStatus::ALL.iter().filter_map(|status| {
        let spans = spans.iter().filter(|span| span.status == *status);
        let days: u64 = spans.map(CalendarSpan::days).sum();
        (days > 0).then(|| format!("{days} {}", status_words(lang, *status)[0]))
    });
    let counts: Vec<_> = counts.collect();
    format!("{}: {}", lang.words().overview.last_days, counts.join(", "))
}

/// Explains the statuses of days.
pub(super) fn legend(lang: Lang) -> Markup {
    html! {
        dl class="legend" aria-label=(lang.words().status.legend) {
            @for one in DayStatus::ALL {
                @let [name, meaning] = status_words(lang, one);
                div {
                    dt { span class=(format!("tag {}", class(one))) { (name) } }
                    dd { (meaning) }
                }
            }
        }
    }
}

/// Draws the progress of a run by pages, with its counts.
pub(super) fn progress(lang: Lang, progress: &ProgressView) -> Markup {
    let words = &lang.words().run;
    let known = progress.pages_known.max(progress.pages_read);
    html! {
        span class="progress" {
            progress max=(known.max(1)) value=(progress.pages_read) aria-label=(words.progress) {}
            span class="small" {
                (lang.number(progress.pages_read)) " " (lang.words().of) " " (lang.number(known)) " "
                (words.pages) " · " (lang.number(progress.records)) " " (words.records)
                @if progress.slices_known > 1 {
                    " · " (lang.number(progress.slices_read)) " " (lang.words().of) " "
                    (lang.number(progress.slices_known)) " " (words.slices)
                }
            }
        }
    }
}

/// Returns the expected end of a run under way, by its pages so far. `None` if none was read yet.
pub(super) fn expected_end(run: &RunView, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let progress = &run.progress;
    let left = progress.pages_known.checked_sub(progress.pages_read)?;
    let elapsed = (now - run.started_at?).num_milliseconds().max(0);
    let read = i64::try_from(progress.pages_read).ok()?;
    let rest = elapsed
        .checked_mul(i64::try_from(left).ok()?)?
        .checked_div(read)?;
    Some(now + TimeDelta::milliseconds(rest))
}

/// Returns a zone by its name; UTC if there is none of that name.
pub(super) fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}
