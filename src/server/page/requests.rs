//! Requests of a run on its page: sums by slice with a drawing of their time, the ones that failed or were sent again with
//! their reasons, and the slowest ones.

use std::fmt::Write as _;

use chrono::TimeDelta;
use maud::{Markup, html};

use crate::server::page::lang::Lang;
use crate::server::page::parts;
use bronzed_model::requests::{RequestRecord, RunRequests, SliceRequests};

/// Maximum number of listed requests that failed or were sent again.
const TROUBLES: usize = 60;
/// Number of listed slowest requests.
const SLOWEST: usize = 10;
/// Width of a drawing, which stands for the duration of the run.
const WIDTH: f64 = 1000.0;
/// Least width of a request in a drawing.
const NARROWEST: f64 = 3.0;

/// Returns the section of a run's requests.
pub(super) fn section(lang: Lang, found: Option<&RunRequests>) -> Markup {
    let words = &lang.words().requests;
    html! {
        section aria-labelledby="requests" {
            h2 id="requests" { (words.title) }
            @match found {
                Some(found) => (told(lang, found)),
                None => p { (words.unknown) },
            }
        }
    }
}

fn told(lang: Lang, found: &RunRequests) -> Markup {
    let words = &lang.words().requests;
    let failed: u64 = found.slices.iter().map(|slice| slice.failed).sum();
    let troubles = || found.troubles();
    let slowest = found.slowest_of_others(SLOWEST);
    html! {
        p {
            (lang.number(found.total)) " " (words.sent) " " (span(lang, found.took_ms)) ", "
            (lang.number(failed)) " " (words.without_page) ". "
            a href=(format!("/api/v1/runs/{}/requests", found.run_id)) { (words.json) }
        }
        h3 class="minor" { (words.by_slice) }
        p class="small" { (words.legend) }
        (slices(lang, found))
        h3 class="minor" { (words.troubles) }
        @if failed == 0 && troubles().next().is_none() { p { (words.no_troubles) } }
        @else {
            (list(lang, words.troubles, troubles().take(TROUBLES)))
            @if troubles().count() > TROUBLES { p class="small" { (words.more_in_json) } }
        }
        @if !slowest.is_empty() {
            h3 class="minor" { (words.slowest) }
            (list(lang, words.slowest, slowest.into_iter()))
        }
        @if found.left_out > 0 {
            p class="small" { (lang.number(found.left_out)) " " (words.left_out) }
        }
    }
}

fn slices(lang: Lang, found: &RunRequests) -> Markup {
    let words = &lang.words().requests;
    let columns = [
        words.requests,
        words.failed,
        words.answers,
        words.queued,
        words.waited,
        words.received,
    ];
    parts::scrolled(
        words.by_slice,
        html! {
            table class="requests" {
                thead {
                    tr {
                        th scope="col" { (lang.words().day.slice) }
                        th scope="col" class="span" {
                            span { (span(lang, 0)) } span { (span(lang, found.took_ms)) }
                        }
                        @for name in columns { th scope="col" class="n" { (name) } }
                    }
                }
                tbody { @for slice in &found.slices { (slice_row(lang, found, slice)) } }
            }
        },
    )
}

fn slice_row(lang: Lang, found: &RunRequests, slice: &SliceRequests) -> Markup {
    html! {
        tr {
            th scope="row" { (slice.slice.as_deref().unwrap_or(lang.words().requests.others)) }
            td { (drawing(found, slice)) }
            td class="n" { (lang.number(slice.requests)) }
            td class="n" { (lang.number(slice.failed)) }
            td class="n" { (span(lang, slice.took_ms)) }
            td class="n" { (span(lang, slice.queued_ms)) }
            td class="n" { (span(lang, slice.waited_ms)) }
            td class="n" { (lang.bytes(slice.bytes)) }
        }
    }
}

/// Draws the time of a slice within its run: the requests that are kept, and the waits after them. The numbers beside it say
/// the same.
fn drawing(found: &RunRequests, slice: &SliceRequests) -> Markup {
    let scale = WIDTH / (found.took_ms.max(1) as f64);
    let x = |ms: u64| (ms as f64 * scale).min(WIDTH);
    let named = |label: &str| {
        let mut slices = found.slices.iter();
        slices.any(|slice| slice.slice.as_deref() == Some(label))
    };
    let (mut good, mut bad, mut waits) = (String::new(), String::new(), String::new());
    for one in &found.requests {
        let is_of_slice = match &slice.slice {
            Some(label) => one.slice == *label,
            None => !named(&one.slice),
        };
        if !is_of_slice {
            continue;
        }
        let end = one.at_ms.saturating_add(one.took_ms);
        match one.is_failure() {
            true => bar(&mut bad, (x(one.at_ms), x(end)), (1, 18)),
            false => bar(&mut good, (x(one.at_ms), x(end)), (6, 8)),
        }
        if let Some(wait) = one.wait_ms {
            bar(&mut waits, (x(end), x(end.saturating_add(wait))), (9, 2));
        }
    }
    let (from, to) = (x(slice.from_ms), x(slice.to_ms));
    let mut rail = String::new();
    bar(&mut rail, (from, to), (9, 2));
    html! {
        svg class="slots" aria-hidden="true" viewBox="0 0 1000 20" preserveAspectRatio="none" {
            path class="rail" d=(rail) {}
            path class="wait" d=(waits) {}
            path class="good" d=(good) {}
            path class="bad" d=(bad) {}
        }
    }
}

/// Adds a bar between two places, from `top` on and `height` high.
fn bar(path: &mut String, (from, to): (f64, f64), (top, height): (u32, u32)) {
    let width = (to - from).max(NARROWEST);
    let from = from.min(WIDTH - width);
    let _ = write!(path, "M{from:.0} {top}h{width:.0}v{height}h-{width:.0}z");
}

fn list<'r>(lang: Lang, label: &str, requests: impl Iterator<Item = &'r RequestRecord>) -> Markup {
    let words = &lang.words().requests;
    parts::scrolled(
        label,
        html! {
            table {
                thead {
                    tr {
                        th scope="col" class="n" { (words.at) }
                        th scope="col" { (words.outcome) }
                        th scope="col" { (lang.words().day.slice) }
                        th scope="col" class="n" { (words.page) }
                        th scope="col" class="n" { (words.attempt) }
                        th scope="col" class="n" { (lang.words().run.took) }
                        th scope="col" class="n" { (words.waits) }
                    }
                }
                tbody { @for one in requests { (row(lang, one)) } }
            }
        },
    )
}

fn row(lang: Lang, one: &RequestRecord) -> Markup {
    let words = &lang.words().requests;
    html! {
        tr {
            td class="n" { (span(lang, one.at_ms)) }
            td { (outcome(lang, one)) }
            td {
                (one.slice)
                @if let Some(day) = one.day { " " span class="small" { (lang.day(day)) } }
            }
            td class="n" { (lang.number(one.page)) }
            td class="n" { (one.attempt) }
            td class="n" { (span(lang, one.took_ms)) }
            td class="n" {
                @match one.wait_ms {
                    Some(wait) => {
                        (span(lang, wait))
                        @if one.asked_ms.is_some() { br; span class="small" { (words.asked) } }
                    }
                    None => {
                        @if one.is_failure() { (words.not_again) }
                    }
                }
            }
        }
    }
}

fn outcome(lang: Lang, one: &RequestRecord) -> Markup {
    let words = &lang.words().requests;
    let kind = words.outcomes.of(&one.outcome);
    let kind = kind.unwrap_or_else(|| lang.words().run.again_reasons.of(&one.outcome));
    let class = match one.is_failure() {
        true => "tag failed",
        false => "tag proven",
    };
    html! {
        span class=(class) { (kind) }
        @if let Some(status) = one.status { " " span class="small" { (status) } }
        @if let Some(detail) = &one.detail { p class="small quoted" { (detail) } }
    }
}

/// Spells milliseconds; none is 0 s.
fn span(lang: Lang, ms: u64) -> String {
    match ms {
        0 => "0 s".to_owned(),
        _ => lang.took(TimeDelta::milliseconds(
            i64::try_from(ms).unwrap_or(i64::MAX / 1_000),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_section_of_a_run_with_as_much_trouble_as_is_kept_is_small() {
        let one = |number: u64| RequestRecord {
            slice: format!("modalidade={}", number % 70),
            page: number,
            day: None,
            cursor: None,
            attempt: 1,
            at_ms: number * 1_000,
            queued_ms: 1,
            took_ms: 90_000,
            outcome: if number.is_multiple_of(2) {
                "timed_out"
            } else {
                "page"
            }
            .to_owned(),
            status: None,
            bytes: None,
            wait_ms: Some(1_000),
            asked_ms: Some(1_000),
            detail: Some("é".repeat(300)),
            url: "u".repeat(600),
        };
        let slice = |number| SliceRequests {
            slice: Some(format!("modalidade={number}")),
            requests: 1_000,
            failed: 500,
            to_ms: 350_000,
            ..SliceRequests::default()
        };
        let found = RunRequests {
            run_id: Uuid::nil(),
            source: "pncp".to_owned(),
            dataset: "contratacoes".to_owned(),
            day: "2025-10-22".parse().unwrap(),
            started_at: chrono::DateTime::UNIX_EPOCH,
            took_ms: 440_000,
            total: 61_000,
            left_out: 60_650,
            outcomes: Default::default(),
            slices: (0..60)
                .map(slice)
                .chain([SliceRequests::default()])
                .collect(),
            requests: (0..350).map(one).collect(),
        };
        for lang in [Lang::En, Lang::Pt] {
            let page = section(lang, Some(&found)).into_string();
            assert!(page.len() < 110_000, "{} bytes", page.len());
        }
    }
}
