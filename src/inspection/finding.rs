//! What was found of one dataset, for people and as JSON.

use serde::Serialize;

use super::fields::Fields;
use super::wall::Wall;
use crate::day::Day;
use crate::source::declaration::Dataset;

/// What was found of one dataset.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// In one word.
    pub verdict: Verdict,
    /// What was asked and answered; `None` where nothing was.
    pub answer: Option<Sight>,
    /// Why the verdict isn't better.
    pub problems: Vec<String>,
    /// What a run bears, and is good to know.
    pub notes: Vec<String>,
    /// Whether there is no connection to the host at all.
    #[serde(skip)]
    pub(super) unreachable: bool,
}

/// How answer and declaration agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They do.
    Ok,
    /// They do, and there was no record to look at.
    Empty,
    /// An answer whose envelope, ids or totals aren't the declared ones.
    Differs,
    /// Something before the API answered in its place.
    Wall,
    /// No answer, or one that refuses.
    Failed,
    /// Nothing was asked.
    NotAsked,
}

impl Verdict {
    /// Whether a run may be begun.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Ok | Self::Empty)
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "ok, empty",
            Self::Differs => "differs",
            Self::Wall => "a wall",
            Self::Failed => "failed",
            Self::NotAsked => "not probed",
        }
    }
}

/// One answer, and what is in it.
#[derive(Debug, Clone, Serialize)]
pub struct Sight {
    /// What was asked for.
    pub url: String,
    /// The day that was asked for; `None` where days aren't asked for.
    pub day: Option<Day>,
    /// The slice's label.
    pub slice: String,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The body's length after decompression.
    pub bytes: usize,
    /// From the request to the body's end, in milliseconds.
    pub took_ms: u64,
    /// How far the server's clock is ahead of this machine's, in seconds, by its `Date`.
    pub clock_ahead_s: Option<i64>,
    /// What the body is.
    pub envelope: Envelope,
    /// What stands before the API.
    pub wall: Option<Wall>,
    /// How many records the page has; `None` where there is none to read them from.
    pub records: Option<usize>,
    /// How many of them have an id.
    pub ids: Option<Ids>,
    /// What the page states of all pages.
    pub totals: Option<Totals>,
    /// Which fields they have.
    pub fields: Option<Fields>,
}

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// JSON with the records where they are declared to be.
    AsDeclared,
    /// A rule says that such an answer means "no data".
    NoData,
    /// JSON in which the records aren't where they are declared to be.
    Changed,
    /// No JSON, or not whole.
    NotJson,
    /// An answer that isn't one to look into.
    NotRead,
}

impl Envelope {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::AsDeclared => "as declared",
            Self::NoData => "no data",
            Self::Changed => "changed",
            Self::NotJson => "not JSON",
            Self::NotRead => "-",
        }
    }
}

/// What records are known by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ids {
    /// Records with an id made of their own fields.
    pub present: usize,
    /// Records that would be stored under the hash of their content.
    pub missing: usize,
    /// Fields of the key or the day (JSON pointers) that no record has a value for.
    pub absent_fields: Vec<String>,
}

/// What the page states of all pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Records in all.
    pub records: Option<u64>,
    /// Pages in all.
    pub pages: Option<u64>,
    /// Whether more pages follow.
    pub has_more: Option<bool>,
    /// What is declared (JSON pointers) and isn't there, or isn't usable.
    pub missing: Vec<String>,
}

impl Finding {
    pub(super) fn not_asked(dataset: &Dataset, why: String) -> Self {
        Self::without_answer(dataset, Verdict::NotAsked, why, false)
    }

    pub(super) fn failed(dataset: &Dataset, why: String, unreachable: bool) -> Self {
        Self::without_answer(dataset, Verdict::Failed, why, unreachable)
    }

    fn without_answer(dataset: &Dataset, verdict: Verdict, why: String, unreachable: bool) -> Self {
        Self {
            dataset: dataset.full_name(),
            verdict,
            answer: None,
            problems: vec![why],
            notes: Vec::new(),
            unreachable,
        }
    }
}
