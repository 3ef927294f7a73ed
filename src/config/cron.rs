//! Cron expressions: when a job's slots are.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Year};

/// Reads a job's cron expression: five fields, or six with seconds first.
///
/// # Errors
/// The reason, in a sentence without its end.
pub fn parse(text: &str) -> Result<Cron, String> {
    let fields = text.split_whitespace().count();
    if !matches!(fields, 5 | 6) {
        return Err(format!("it has {fields} fields"));
    }
    let parser = CronParser::builder().year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| error.to_string())?;
    // Any instant does: what comes at all, comes within the years that croner looks at.
    match cron.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, true) {
        Ok(_) => Ok(cron),
        Err(_) => Err("no day is ever like that".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn five_or_six_fields_that_come_some_day() {
        for right in [
            "0 3 * * *",
            "30 0 3 * * *",
            "*/15 8-18 * * MON-FRI",
            "0 0 29 2 *",
        ] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "0 3 * *",
            "0 0 3 * * * 2025",
            "@daily",
            "61 * * * *",
            "0 0 30 2 *",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
