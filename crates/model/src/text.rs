//! Values that a configuration writes as text: durations, sizes, cron expressions.
//!
//! A format parses its text once, where the file is read. A wrong text is an error of two lines, the problem and
//! the hint:
//!
//! ```text
//! `{key} = "90"` is not a duration
//! write a number and a unit: "500ms", "30s", "2h"
//! ```

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};

/// Format of a text.
pub trait TextFormat {
    /// Value that a text stands for.
    type Value;

    /// Parses a text.
    ///
    /// # Errors
    /// Returns the problem and the hint if the text is wrong.
    fn parse(text: &str) -> Result<Self::Value, WrongText>;
}

/// Problem of a text, with a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}\n{}", in_a_line(problem), in_a_line(hint))]
pub struct WrongText {
    /// Problem; begins with `` `{key} `` where the key of the value is to be named, and with `` `{list} `` where
    /// the key of the list is that has the text as an element.
    pub problem: String,
    /// Hint: how to fix the problem.
    pub hint: String,
}

fn in_a_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

impl WrongText {
    /// Returns the problem that a text isn't of its format: `` `{key} = "90"` is not a duration``.
    pub fn is_not(text: &str, format: &str, hint: &str) -> Self {
        Self::of(&format!(" = \"{text}\"` {format}"), hint)
    }

    /// Returns a problem whose text goes on after the name of the key: `` ` is empty``.
    pub fn of(problem: &str, hint: &str) -> Self {
        Self {
            problem: format!("`{{key}}{problem}"),
            hint: hint.to_owned(),
        }
    }
}

/// Deserializes a text of the format `F`, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// Returns an error if the value is no text, or a wrong one.
pub fn read<'de, F, V, D>(deserializer: D) -> Result<V, D::Error>
where
    F: TextFormat,
    V: From<F::Value>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    F::parse(&text).map(V::from).map_err(D::Error::custom)
}

/// Duration: `30s`, `1h 30m`.
#[derive(Debug)]
pub struct Span;

impl TextFormat for Span {
    type Value = Duration;

    fn parse(text: &str) -> Result<Duration, WrongText> {
        humantime::parse_duration(text).map_err(|_| {
            let hint = "write a number and a unit: \"500ms\", \"30s\", \"2h\"";
            WrongText::is_not(text, "is not a duration", hint)
        })
    }
}

/// Duration greater than zero.
#[derive(Debug)]
pub struct PositiveSpan;

impl TextFormat for PositiveSpan {
    type Value = Duration;

    fn parse(text: &str) -> Result<Duration, WrongText> {
        match Span::parse(text)? {
            Duration::ZERO => Err(WrongText::of(
                "` is no time at all",
                "write a duration greater than zero, such as \"30s\"",
            )),
            wait => Ok(wait),
        }
    }
}

/// Size in bytes, greater than zero: `64MB`, `512KiB`.
#[derive(Debug)]
pub struct Size;

impl TextFormat for Size {
    type Value = u64;

    fn parse(text: &str) -> Result<u64, WrongText> {
        bytes(text).filter(|size| *size > 0).ok_or_else(|| {
            let hint = "write a whole number and a unit: \"64MB\", \"512KiB\"";
            WrongText::is_not(text, "is not a size", hint)
        })
    }
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_and_its_hint_are_a_line_each_whatever_the_text() {
        let wrong = Span::parse("a\nb").unwrap_err().to_string();
        let lines: Vec<_> = wrong.lines().collect();
        assert_eq!(lines.len(), 2, "{wrong}");
        assert_eq!(lines[0], "`{key} = \"a\\nb\"` is not a duration");
    }

    #[test]
    fn sizes_have_units_of_a_thousand_and_of_1024() {
        assert_eq!(bytes("64MB"), Some(64_000_000));
        assert_eq!(bytes("2 KiB"), Some(2048));
        assert_eq!(bytes("17"), Some(17));
        for wrong in [
            "",
            "MB",
            "1.5MB",
            "64 mb",
            "-1",
            "99999999999999999999",
            "99999999999GiB",
        ] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
