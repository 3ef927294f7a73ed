//! One form for times everywhere: in the source's zone, with the offset.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

/// Returns a time for people: `2025-10-22 09:00 -03:00`.
pub fn at(time: DateTime<Utc>, zone: Tz) -> String {
    let local = time.with_timezone(&zone);
    local.format("%Y-%m-%d %H:%M %:z").to_string()
}

/// Returns a time for programs: `2025-10-22T09:00:00-03:00`.
pub fn json(time: DateTime<Utc>, zone: Tz) -> String {
    let local = time.with_timezone(&zone);
    local.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns a time with its distance from now: `2025-10-22 09:00 -03:00, in 31 min`; `now` if it has come.
pub fn ahead(time: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    match time <= now {
        true => "now".to_owned(),
        false => format!("{}, in {}", at(time, zone), about(time - now)),
    }
}

/// Returns a span of time roughly: `31 min`, `5 h`, `3 days`.
pub fn about(span: TimeDelta) -> String {
    let minutes = (span.num_seconds().max(0) + 59) / 60;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

/// Returns the duration of some work, with tenths below a minute: `20 ms`, `0.4 s`, `3 min 20 s`,
/// `2 h 5 min`. A duration in whole seconds, as the audit has them, has none: `4 s`, `under 1 s`.
pub fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.is_zero() => "under 1 s".to_owned(),
        0 if time.as_millis() < 100 => format!("{} ms", time.as_millis()),
        1..60 if time.subsec_nanos() == 0 => format!("{seconds} s"),
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_told_in_the_sources_zone_with_its_offset() {
        let zone = chrono_tz::America::Sao_Paulo;
        let now = utc("2025-10-22T12:00:00Z");
        assert_eq!(at(now, zone), "2025-10-22 09:00 -03:00");
        assert_eq!(json(now, zone), "2025-10-22T09:00:00-03:00");
        let later = utc("2025-10-22T12:30:10Z");
        assert_eq!(
            ahead(later, now, zone),
            "2025-10-22 09:30 -03:00, in 31 min"
        );
        assert_eq!(ahead(now, later, zone), "now");
    }

    #[test]
    fn spans_are_told_in_the_unit_that_a_person_would_use() {
        let told = |minutes| about(TimeDelta::minutes(minutes));
        assert_eq!(
            [told(0), told(119), told(120), told(3_000)],
            ["0 min", "119 min", "2 h", "2 days"]
        );
        let seconds = |seconds| took(Duration::from_secs_f64(seconds));
        assert_eq!(
            [
                seconds(0.02),
                seconds(4.2),
                seconds(200.3),
                seconds(7_500.0)
            ],
            ["20 ms", "4.2 s", "3 min 20 s", "2 h 5 min"]
        );
        // The audit has whole seconds: `4.0 s` would claim what nobody measured.
        assert_eq!([seconds(0.0), seconds(4.0)], ["under 1 s", "4 s"]);
    }
}
