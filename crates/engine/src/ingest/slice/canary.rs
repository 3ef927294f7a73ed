//! Canary: a first page that is known to have rows, requested if an API answers "nothing" to everything
//! else. If the canary is empty, too, the API has failed, and no day is empty.
//!
//! The canary is a page of another slice of the day, if one had rows; otherwise of another day: one that was
//! read a moment ago, or else the nearest ones that have files in the lake, with the slice totals of their
//! states. Where rows leave by design (`rows_leave`), they may have left the day's own page, so that other
//! days, the newest first, are requested as well; elsewhere, an empty page of the day is conclusive.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Utc};

use crate::ingest::slice::ReadContext;
use crate::ingest::slice::reader::{APART, SliceOutcome};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Kind, Slice};
use bronzed_model::slices::slices;
use bronzed_source::known_rows::{MOST_PLACES, RowsAt};
use bronzed_source::{Answer, FetchError, PageRequest};
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::{SliceProgress, slice_progress};

/// Maximum number of days with files whose states are read to find a slice with rows.
const MOST_DAYS: usize = 8;
/// Maximum number of slices requested of a day with files whose state has no slice totals.
const MOST_SLICES: usize = 16;
/// Number of years that the lake is searched back and ahead.
const MOST_YEARS: i32 = 15;

/// Reason why nothing confirms that the API works.
#[derive(Debug, Clone)]
pub enum CanaryFailure {
    /// A page that is known to have rows is answered empty, or not at all.
    Silent(String),
    /// No page is known to have rows.
    Unknown {
        /// Time from which another attempt is worthwhile.
        again_at: DateTime<Utc>,
        /// Kind of page that was looked for: `day` or `parent`.
        kind: &'static str,
    },
}

impl CanaryFailure {
    /// Returns `true` if no page is known to have rows.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Returns the outcome of a slice that was answered empty.
    pub fn outcome(&self) -> SliceOutcome {
        match self {
            Self::Silent(reason) => SliceOutcome::Unproven {
                reason: reason.clone(),
                again_at: None,
            },
            Self::Unknown { again_at, kind } => SliceOutcome::Unproven {
                reason: format!(
                    "answered empty, and no other {kind} is known to have rows, by which an API that \
                     fails could be told from one that has nothing"
                ),
                again_at: Some(*again_at),
            },
        }
    }
}

/// Requests a page that is known to have rows; `rows` is the label of a slice of the day that has rows.
///
/// # Errors
/// Returns the reason why it isn't confirmed that the API works.
pub async fn ask(read: ReadContext<'_>, rows: Option<&str>) -> Result<(), CanaryFailure> {
    let dataset = &read.order.dataset;
    // A snapshot has no other day to request, and its next run reads it in full again.
    if !matches!(dataset.kind, Kind::Dated(_)) {
        return Ok(());
    }
    let known = read.context.client.known_rows();
    let own = rows.map(|slice| RowsAt {
        day: read.order.day,
        slice: slice.into(),
    });
    let mut empty = None;
    if let Some(own) = own {
        match has_rows(read, &own).await? {
            true => return Ok(()),
            false => empty = Some(own),
        }
    }
    // Unless rows leave by design, a page of the day that had rows and is empty now is conclusive.
    let elsewhere = match empty {
        Some(_) if !dataset.rows_leave => Vec::new(),
        _ => places(read).await,
    };
    for place in elsewhere {
        if has_rows(read, &place).await? {
            known.note(&dataset.name, place);
            return Ok(());
        }
        empty = empty.or(Some(place));
    }
    Err(match empty {
        Some(RowsAt { day, slice }) => {
            let reason = format!(
                "answered empty, and so is {slice} of {day}, which is known to have rows: the API \
                 seems to have nothing for now"
            );
            tracing::warn!(known_day = %day, slice = &*slice, "known rows are answered empty");
            CanaryFailure::Silent(reason)
        }
        None => CanaryFailure::Unknown {
            again_at: read.context.clock.now() + APART,
            kind: "day",
        },
    })
}

async fn has_rows(read: ReadContext<'_>, place: &RowsAt) -> Result<bool, CanaryFailure> {
    let Some(slice) = slice_of(read, &place.slice) else {
        let reason = "the slice is declared no more".to_owned();
        return Err(CanaryFailure::Silent(reason));
    };
    let found = first_page_has_rows(read, place.day, slice).await;
    found.map_err(|error| {
        CanaryFailure::Silent(format!(
            "answered empty, and known rows can't be read: {error}"
        ))
    })
}

/// Requests the first page of a slice, and returns `true` if it has rows.
///
/// # Errors
/// Returns an error if the page can't be read.
pub async fn first_page_has_rows(
    read: ReadContext<'_>,
    day: Day,
    slice: Slice,
) -> Result<bool, FetchError> {
    let ReadContext {
        context,
        order,
        usage,
    } = read;
    let request = PageRequest {
        dataset: order.dataset.clone(),
        day,
        slice,
        page: 0,
        next: None,
        priority: order.priority,
    };
    let answer = context
        .client
        .fetch(&request, usage, &context.cancel)
        .await?;
    Ok(matches!(answer, Answer::Page(page) if !page.is_empty()))
}

fn slice_of(read: ReadContext<'_>, label: &str) -> Option<Slice> {
    let mut declared = slices(&read.order.dataset).into_iter();
    declared.find(|slice| &*slice.label == label)
}

/// Returns the pages of the dataset that are known to have rows: those noted in memory, or else those found
/// in the lake.
async fn places(read: ReadContext<'_>) -> Vec<RowsAt> {
    let (client, dataset) = (&read.context.client, &read.order.dataset);
    let known = client.known_rows();
    let noted = known.beside(&dataset.name, read.order.day);
    if !noted.is_empty() || !known.begin_search(&dataset.name, read.context.clock.now()) {
        return noted;
    }
    let found = search(read).await.unwrap_or_default();
    for place in found.iter().take(MOST_PLACES).rev() {
        known.note(&dataset.name, place.clone());
    }
    found
}

/// Searches the lake for days with files, the nearest first, or the newest if rows leave their days.
async fn search(read: ReadContext<'_>) -> Result<Vec<RowsAt>, LakeError> {
    let (dataset, context) = (&read.order.dataset, read.context);
    let prefix = &dataset.prefix;
    let labels: Vec<_> = slices(dataset)
        .into_iter()
        .map(|slice| slice.label)
        .collect();
    let (mut found, mut unsure) = (Vec::new(), None);
    for day in days_with_files(read).await? {
        let progress = slice_progress(&context.lake, prefix, day, context.zone).await?;
        let rows = |label: &str| {
            let read: Option<&SliceProgress> = progress.get(label);
            read.filter(|read| read.empty_since.is_none())
                .map_or(0, |read| read.total)
        };
        let most = labels.iter().max_by_key(|label| rows(label));
        match most.filter(|label| rows(label) > 0) {
            Some(slice) => found.push(RowsAt {
                day,
                slice: (**slice).into(),
            }),
            None => unsure = unsure.or(Some(day)),
        }
        if found.len() == MOST_PLACES {
            break;
        }
    }
    // A state that was rebuilt or taken over has no slice totals: only the files show that there are rows.
    if let (true, Some(day)) = (found.is_empty(), unsure) {
        let slices = labels.iter().take(MOST_SLICES);
        found.extend(slices.map(|slice| RowsAt {
            day,
            slice: (**slice).into(),
        }));
    }
    Ok(found)
}

/// Returns other days that have files: those of the same year, or else of the nearest year that has some.
async fn days_with_files(read: ReadContext<'_>) -> Result<Vec<Day>, LakeError> {
    let (dataset, context) = (&read.order.dataset, read.context);
    let (prefix, day) = (&dataset.prefix, read.order.day);
    let this_year = Day::of(context.clock.now(), context.zone).date().year();
    let earliest = dataset
        .days
        .earliest
        .map_or(i32::MIN, |day| day.date().year());
    // Old days have no rows left if rows leave by design, so the search starts from today.
    let day = match dataset.rows_leave {
        true => Day::of(context.clock.now(), context.zone),
        false => day,
    };
    let year = day.date().year();
    let around = (1..=MOST_YEARS).flat_map(|away| [year + away, year - away]);
    for year in std::iter::once(year).chain(around) {
        if year > this_year || year < earliest {
            continue;
        }
        let listed = context
            .lake
            .list(&format!("{prefix}/year={year:04}"))
            .await?;
        let files = listed
            .iter()
            .filter(|entry| entry.key.ends_with(".parquet"));
        let days: BTreeSet<_> = files
            .filter_map(|entry| layout::file_day(prefix, &entry.key))
            .filter(|other| *other != read.order.day)
            .collect();
        let mut days: Vec<_> = days.into_iter().collect();
        days.sort_by_key(|other| (other.date() - day.date()).num_days().abs());
        days.truncate(MOST_DAYS);
        if !days.is_empty() {
            return Ok(days);
        }
    }
    Ok(Vec::new())
}
