//! Mark of the last comparison of a complete day with the API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Last comparison of a complete day with the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Start time of the comparison.
    pub at: DateTime<Utc>,
    /// Number of consecutive comparisons that failed or left a difference; 0 if the last one succeeded.
    #[serde(default)]
    pub failures: u32,
}
