//! Result of inspecting one dataset, printed as text or as JSON.

use serde::Serialize;

use super::block_page::BlockPage;
use super::fields::FieldReport;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;

/// Result of inspecting one dataset.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// Full name: `pncp.contratacoes`.
    pub dataset: String,
    /// Overall result.
    pub verdict: CheckVerdict,
    /// Summary of the response; `None` if no request was sent or none was answered.
    pub answer: Option<ResponseSummary>,
    /// Reasons for a verdict other than `Ok`.
    pub problems: Vec<String>,
    /// Observations that don't fail a run.
    pub notes: Vec<String>,
    /// `true` if no connection to the host could be made.
    #[serde(skip)]
    pub(super) unreachable: bool,
}

/// Agreement of a response with the declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// The response is as declared.
    Ok,
    /// The response is as declared and has no records.
    Empty,
    /// Envelope, ids or totals of the response differ from the declaration.
    Differs,
    /// A firewall, challenge or captcha page came instead of the API's response.
    #[serde(rename = "wall")]
    BlockPage,
    /// No response, or an error response.
    Failed,
    /// No request was sent.
    NotAsked,
}

impl CheckVerdict {
    /// Returns `true` if a run can be started.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Ok | Self::Empty)
    }

    /// Returns the verdict as text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "ok, empty",
            Self::Differs => "differs",
            Self::BlockPage => "a wall",
            Self::Failed => "failed",
            Self::NotAsked => "not probed",
        }
    }
}

/// Summary of one response.
#[derive(Debug, Clone, Serialize)]
pub struct ResponseSummary {
    /// URL of the request.
    pub url: String,
    /// Requested day; `None` if the dataset isn't requested by day.
    pub day: Option<Day>,
    /// Label of the slice.
    pub slice: String,
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` header.
    pub content_type: Option<String>,
    /// Length of the body after decompression.
    pub bytes: usize,
    /// Milliseconds from the request to the end of the body.
    pub took_ms: u64,
    /// Seconds by which the server's clock (`Date` header) is ahead of this machine's.
    pub clock_ahead_s: Option<i64>,
    /// Form of the body.
    pub envelope: EnvelopeSummary,
    /// Block page that was recognised in the body.
    pub wall: Option<BlockPage>,
    /// Number of records on the page; `None` if the body isn't a page.
    pub records: Option<usize>,
    /// Statistics of the records' ids.
    pub ids: Option<Ids>,
    /// Totals that the page reports for the whole listing.
    pub totals: Option<Totals>,
    /// Fields that the records have.
    pub fields: Option<FieldReport>,
}

/// Form of a response body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeSummary {
    /// JSON with the records at the declared pointer.
    AsDeclared,
    /// "No data", by a rule of the declaration.
    NoData,
    /// JSON without records at the declared pointer.
    Changed,
    /// Not JSON, or truncated JSON.
    NotJson,
    /// A response whose body is not examined.
    NotRead,
}

impl EnvelopeSummary {
    /// Returns the form as text.
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

/// Statistics of the records' ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ids {
    /// Number of records with an id built from their own fields.
    pub present: usize,
    /// Number of records that would be stored under the hash of their content.
    pub missing: usize,
    /// Fields of the key or the day (JSON pointers) that no record has a value for.
    pub absent_fields: Vec<String>,
}

/// Totals that a page reports for the whole listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Total number of records.
    pub records: Option<u64>,
    /// Total number of pages.
    pub pages: Option<u64>,
    /// `true` if more pages follow.
    pub has_more: Option<bool>,
    /// Declared totals (JSON pointers) that are absent or unusable.
    pub missing: Vec<String>,
}

impl CheckResult {
    pub(super) fn not_asked(dataset: &Dataset, why: String) -> Self {
        Self::without_answer(dataset, CheckVerdict::NotAsked, why, false)
    }

    pub(super) fn failed(dataset: &Dataset, why: String, unreachable: bool) -> Self {
        Self::without_answer(dataset, CheckVerdict::Failed, why, unreachable)
    }

    fn without_answer(
        dataset: &Dataset,
        verdict: CheckVerdict,
        why: String,
        unreachable: bool,
    ) -> Self {
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
