//! Conversion of a day to request parameters, and properties of a dataset's days.

use std::time::Duration;

use chrono_tz::Tz;

use crate::day::Day;

/// Time window of a request, made from a day.
#[derive(Debug, Clone)]
pub struct Window {
    /// Query parameter that takes the window's start. `None` if a template takes it as `{start}`.
    pub start_param: Option<String>,
    /// Query parameter that takes the window's end.
    pub end_param: Option<String>,
    /// strftime format of start and end: `%Y%m%d`, or one with the time: `%Y-%m-%dT%H:%M:%S%:z`.
    pub format: String,
    /// Inclusive or exclusive end.
    pub end: WindowEnd,
    /// The source's time zone, in which the day begins and ends.
    pub zone: Tz,
}

/// End of the window that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The day's last second; without a time in the format, the day itself.
    Inclusive,
    /// The first instant of the next day; without a time in the format, the next day.
    Exclusive,
}

/// Properties of the days of a dataset, whatever its kind.
#[derive(Debug, Clone)]
pub struct Days {
    /// First day of the coverage: every day from here on must become complete. `None`: no history is
    /// required.
    pub coverage_from: Option<Day>,
    /// First day that the API serves: it has nothing earlier, or refuses it, and a feed isn't read
    /// further back.
    pub earliest: Option<Day>,
    /// JSON pointer to the record's own date: compared with the requested day, or (feed) what the day is
    /// taken from.
    pub day_field: Option<String>,
    /// strftime format of the record's date, which may be longer: `%Y-%m-%d`. With an offset
    /// (`%Y-%m-%dT%H:%M:%S%#z`) the date is an instant, whose day is that in [`Days::zone`].
    pub day_format: String,
    /// Settle time: how long after its end a day may still change. A feed looks for late records that
    /// long.
    pub settle: Duration,
    /// The source's time zone.
    pub zone: Tz,
}
