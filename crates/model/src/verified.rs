//! Mark of the last comparison of a complete day with the API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// When a complete day was last compared with what the API states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When that began.
    pub at: DateTime<Utc>,
    /// How many times in a row it couldn't be done, or left a difference; 0 where all is well.
    #[serde(default)]
    pub failures: u32,
}
