//! What the API is asked to do: bodies of POST requests. A field that isn't known is an error,
//! so that a misspelt one isn't left out in silence.

use chrono::Datelike as _;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::day::Day;
use crate::server::error::ApiError;
use crate::source::declaration::Mode;

/// More days than this are a backfill: runs of a person go before everything else.
pub const MAX_RUN_DAYS: usize = 31;

/// More days than this, 20 years, are no backfill but a mistake: each one is a run that waits.
const MAX_BACKFILL_DAYS: i64 = 20 * 366;

/// No API has days of before.
const FIRST_YEAR: i32 = 1990;

/// Read these days of a dataset now, complete or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Each one once, 31 at most.
    #[schemars(length(min = 1, max = 31))]
    pub days: Vec<Day>,
    /// How they are read.
    #[serde(default = "full")]
    pub mode: Mode,
}

/// Complete the days of a range that aren't complete.
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

/// Nothing to add to the path. A field meant for another path is an error here, too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl RunOrder {
    /// What the schema can't say.
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
            cure: format!(
                "name 1 to {MAX_RUN_DAYS} different days; for more, POST /api/v1/backfills"
            ),
        })
    }
}

impl BackfillOrder {
    /// What the schema can't say.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let Self { from, to, .. } = self;
        let days = (to.date() - from.date()).num_days();
        let (problem, cure) = if from > to {
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
        Err(ApiError::InvalidBody { problem, cure })
    }
}

fn full() -> Mode {
    Mode::Full
}
