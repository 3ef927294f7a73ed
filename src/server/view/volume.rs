//! Records a day, against the usual for the weekday.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::Usual;
use bronzed_model::day::Day;

/// Records of the last nine weeks of a dataset.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Volumes {
    /// Time of this answer.
    pub at: DateTime<Utc>,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Every day up to yesterday, oldest first.
    pub days: Vec<VolumeDay>,
}

/// Records of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VolumeDay {
    /// The day.
    pub day: Day,
    /// Stored records; null if the day has no state.
    pub records: Option<u64>,
    /// Records of the other complete days of its weekday; null if too few are known.
    pub usual: Option<Usual>,
}
