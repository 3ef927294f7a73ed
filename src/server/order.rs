//! Bodies of POST requests. An unknown field is an error, because ignoring it silently would hide a typo.

use chrono::Datelike as _;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::server::error::ApiError;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;

/// Maximum number of days of a run request. More days need a backfill, because requested runs have priority
/// over all others.
pub const MAX_RUN_DAYS: usize = 31;

/// Maximum length of a backfill: 20 years. A longer range is probably a mistake, and each of its days would
/// be a queued run.
const MAX_BACKFILL_DAYS: i64 = 20 * 366;

/// First year of a backfill: no API has older records.
const FIRST_YEAR: i32 = 1990;

/// Request to read days of a dataset now, complete or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Days to read: 1 to 31, without repeats.
    #[schemars(length(min = 1, max = 31))]
    pub days: Vec<Day>,
    /// Read mode. Default: `full`.
    #[serde(default = "full")]
    pub mode: Mode,
}

/// Request to read the days of a range that aren't complete.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillOrder {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

/// Empty body. Every field is an error, so that a body meant for another path is rejected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

impl RunOrder {
    /// Checks the constraints that deserialization doesn't enforce.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut days = self.days.clone();
        days.sort();
        days.dedup();
        let problem = if days.is_empty() {
            "`days` is empty".to_owned()
        } else if days.len() < self.days.len() {
            "a day is in `days` twice".to_owned()
        } else if days.len() > MAX_RUN_DAYS {
            format!("`days` has {} days", days.len())
        } else {
            return Ok(());
        };
        Err(ApiError::InvalidBody {
            problem,
            hint: format!(
                "name 1 to {MAX_RUN_DAYS} different days; for more, POST /api/v1/backfills"
            ),
        })
    }
}

impl BackfillOrder {
    /// Checks the constraints that deserialization doesn't enforce.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let Self { from, to, .. } = self;
        let days = (to.date() - from.date()).num_days();
        let (problem, hint) = if from > to {
            let problem = format!("`from` ({from}) is after `to` ({to})");
            (problem, "exchange them".to_owned())
        } else if from.date().year() < FIRST_YEAR {
            let problem = format!("`from` ({from}) is before {FIRST_YEAR}");
            (problem, format!("name a day since {FIRST_YEAR}-01-01"))
        } else if days >= MAX_BACKFILL_DAYS {
            let problem = format!("{from} to {to} are more than 20 years");
            (problem, "order one part after another".to_owned())
        } else {
            return Ok(());
        };
        Err(ApiError::InvalidBody { problem, hint })
    }
}

fn full() -> Mode {
    Mode::Full
}
