//! Silver tables on the front page: rows, as of when, and what is held back.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::server::page::lang::Lang;
use crate::server::page::parts;
use crate::server::view::{HeldBackView, SilverTableView, UnmetView};

/// Maximum number of held back partitions that are listed of a table.
const LISTED: usize = 3;

/// Returns the section of the silver tables; nothing if none is kept.
pub(super) fn section(
    lang: Lang,
    tables: &[SilverTableView],
    now: DateTime<Utc>,
    zone: Tz,
) -> Markup {
    let words = &lang.words().silver;
    html! {
        @if !tables.is_empty() {
            section aria-labelledby="silver" {
                h2 id="silver" { (words.title) }
                table class="datasets" aria-labelledby="silver" {
                    thead {
                        tr {
                            th scope="col" { (words.table) }
                            th scope="col" { (words.state) }
                            th scope="col" { (words.rows) }
                            th scope="col" { (words.as_of) }
                        }
                    }
                    tbody { @for one in tables { (row(lang, one, now, zone)) } }
                }
            }
        }
    }
}

fn row(lang: Lang, one: &SilverTableView, now: DateTime<Utc>, zone: Tz) -> Markup {
    let words = &lang.words().silver;
    html! {
        tr {
            th scope="row" {
                (parts::breakable(&format!("{}.{}", one.source, one.name)))
                span class="small" { (parts::breakable(&one.prefix)) }
            }
            td { (state(lang, one)) }
            td data-l=(words.rows) { (lang.number(one.rows)) }
            td data-l=(words.as_of) {
                @match one.built_at {
                    Some(at) => (parts::when(lang, at, now, zone)),
                    None => (lang.words().never),
                }
            }
        }
    }
}

fn state(lang: Lang, one: &SilverTableView) -> Markup {
    let words = &lang.words().silver;
    let behind = one.days_behind.unwrap_or_default();
    let is_expected = one.held_back.is_empty() && one.unmet.is_empty();
    let is_well = one.error.is_none() && is_expected && behind == 0;
    html! {
        span class="tags" {
            @if one.error.is_some() { span class="tag failed" { (words.failed) } }
            @if is_well && one.built_at.is_some() { span class="tag proven" { (words.well) } }
            @if behind > 0 {
                span class="tag partial" { (lang.number(behind)) " " (words.behind[usize::from(behind != 1)]) }
            }
            @if one.building { span class="tag settling" { (words.building) } }
        }
        @if let Some(error) = &one.error { span class="small" { (parts::quoted(error)) } }
        @for unmet in one.unmet.iter().take(LISTED) { (not_as_expected(lang, unmet)) }
        @for one in one.unevaluated.iter().take(LISTED) {
            span class="small" { (words.unevaluated) " " (one.expectation) ": " (parts::quoted(&one.reason)) }
        }
        @for held in one.held_back.iter().take(LISTED) { (held_back(lang, held)) }
    }
}

fn not_as_expected(lang: Lang, unmet: &UnmetView) -> Markup {
    html! {
        span class="small" {
            (lang.words().silver.unmet) " " (unmet.expectation)
            @if unmet.evaluated > 1 {
                " (" (lang.number(unmet.unexpected)) " " (lang.words().of) " " (lang.number(unmet.evaluated)) ")"
            }
            @if let Some(found) = &unmet.found { " (" (found.trim_matches('"')) ")" }
        }
    }
}

fn held_back(lang: Lang, held: &HeldBackView) -> Markup {
    let words = &lang.words().silver;
    html! {
        span class="small" {
            (words.held_back) " "
            @if let Some(partition) = &held.partition { (partition) ": " }
            (held.expectation) " (" (lang.number(held.unexpected)) " " (lang.words().of) " "
            (lang.number(held.evaluated)) ")"
        }
    }
}
