//! How a day becomes request parameters, and what is known of days.

use std::time::Duration;

use chrono_tz::Tz;

use crate::day::Day;

/// How a day becomes request parameters: the window that is asked for.
#[derive(Debug, Clone)]
pub struct Window {
    /// The parameter that takes the window's start. `None` where a template takes it as `{start}`.
    pub start_param: Option<String>,
    /// The parameter that takes the window's end.
    pub end_param: Option<String>,
    /// strftime format of both: `%Y%m%d`, or one with the time: `%Y-%m-%dT%H:%M:%S%:z`.
    pub format: String,
    /// Whether the end that is sent belongs to the window.
    pub end: WindowEnd,
    /// The source's zone, in which the day begins and ends.
    pub zone: Tz,
}

/// See [`Window::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The day's last second is sent: the day itself, where the format has no time.
    Inclusive,
    /// The first instant of the day after is sent: the day after, where the format has no time.
    Exclusive,
}

/// What is known of the days of a dataset, whatever its kind.
#[derive(Debug, Clone)]
pub struct Days {
    /// Every day from here on must become complete. `None`: no history is asked for.
    pub coverage_from: Option<Day>,
    /// The API has nothing before this day, or refuses it; a feed isn't read further back.
    pub earliest: Option<Day>,
    /// JSON pointer to the record's own date: checked against the day, or what makes it (a feed).
    pub day_field: Option<String>,
    /// How the record's date is written; its first characters count: `%Y-%m-%d`. One with an offset
    /// (`%Y-%m-%dT%H:%M:%S%#z`) is an instant, whose day is that of [`Days::zone`].
    pub day_format: String,
    /// How long after its end a day may still change. A feed looks for late records that long.
    pub settle: Duration,
    /// The source's zone.
    pub zone: Tz,
}
