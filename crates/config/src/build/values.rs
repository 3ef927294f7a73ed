//! Parses formatted strings: durations, sizes, time zones, dates, pointers, addresses.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use url::Url;

use super::Build;
use crate::conform::nearest;
use crate::place::KeyPath;
use bronzed_model::day::Day;
use bronzed_model::declaration::Blackout;
use bronzed_model::template::Template;

impl Build<'_> {
    /// Parses a duration such as `30s` or `1h 30m`.
    pub fn duration(&mut self, path: &KeyPath, text: Option<&str>, fallback: Duration) -> Duration {
        let Some(text) = text else { return fallback };
        humantime::parse_duration(text).unwrap_or_else(|_| {
            self.complain(
                path,
                format!("`{path} = \"{text}\"` is not a duration"),
                "write a number and a unit: \"500ms\", \"30s\", \"2h\"",
            );
            fallback
        })
    }

    /// Parses a duration that must be greater than zero.
    pub fn wait(&mut self, path: &KeyPath, text: Option<&str>, fallback: Duration) -> Duration {
        let duration = self.duration(path, text, fallback);
        if duration.is_zero() && text.is_some() {
            self.complain(
                path,
                format!("`{path}` is no time at all"),
                "write a duration greater than zero, such as \"30s\"",
            );
        }
        duration
    }

    /// Parses a size such as `64MB` or `512KiB`; returns bytes.
    pub fn size(&mut self, path: &KeyPath, text: Option<&str>, fallback: u64) -> u64 {
        let Some(text) = text else { return fallback };
        match bytes(text) {
            Some(size) if size > 0 => size,
            _ => {
                self.complain(
                    path,
                    format!("`{path} = \"{text}\"` is not a size"),
                    "write a whole number and a unit: \"64MB\", \"512KiB\"",
                );
                fallback
            }
        }
    }

    /// Parses the name of a time zone.
    pub fn zone(&mut self, path: &KeyPath, name: &str) -> Tz {
        name.parse().unwrap_or_else(|_| {
            let near = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            self.complain(
                path,
                format!("`{path} = \"{name}\"` is not a time zone"),
                match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write its name in the zone database: \"America/Sao_Paulo\"".to_owned(),
                },
            );
            Tz::UTC
        })
    }

    /// Parses a day.
    pub fn day(&mut self, path: &KeyPath, text: &str) -> Option<Day> {
        let day = text.parse();
        if day.is_err() {
            self.complain(
                path,
                format!("`{path}` is `{text}`, which is not a day"),
                "write it as 2025-10-22",
            );
        }
        day.ok()
    }

    /// Checks that a strftime format identifies a day, with or without the time.
    pub fn day_format(&mut self, path: &KeyPath, format: &str) {
        // A date whose year, month and day can't be confused.
        let day = NaiveDate::from_ymd_opt(2021, 12, 30).unwrap_or_default();
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        let mut written = String::new();
        // `%#z`, an offset that may also be `Z` or `-03`, is supported for parsing only.
        let to_write = format.replace("%#z", "%:z");
        let writable =
            std::fmt::write(&mut written, format_args!("{}", midnight.format(&to_write)));
        let read = NaiveDate::parse_from_str(&written, format);
        let instant = DateTime::parse_from_str(&written, format);
        if writable.is_err() {
            self.complain(
                path,
                format!("`{path} = \"{format}\"` is not a format of a date"),
                "write it with strftime's letters for a day: \"%Y%m%d\", \"%d/%m/%Y\"",
            );
        } else if read != Ok(day) && instant.map(|at| at.date_naive()) != Ok(day) {
            self.complain(
                path,
                format!("`{path} = \"{format}\"` doesn't name a whole day: it gives `{written}`"),
                "write year, month and day: \"%Y%m%d\", \"%d/%m/%Y\"",
            );
        }
    }

    /// Parses hours of each day: `20:00-21:00`.
    pub fn blackout(&mut self, path: &KeyPath, texts: Option<&[String]>) -> Vec<Blackout> {
        let mut hours = Vec::new();
        for (position, text) in texts.unwrap_or_default().iter().enumerate() {
            let read = text.split_once('-').and_then(|(start, end)| {
                let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
                Some(Blackout {
                    start: time(start)?,
                    end: time(end)?,
                })
            });
            match read {
                Some(read) if read.start != read.end => hours.push(read),
                _ => self.complain(
                    &path.index(position),
                    format!("`{path}` has `{text}`, which is no span of hours"),
                    "write its start and its end: \"20:00-21:00\"",
                ),
            }
        }
        hours
    }

    /// Checks an RFC 6901 JSON pointer.
    pub fn pointer(&mut self, path: &KeyPath, text: &str) -> String {
        if !is_pointer(text) {
            self.complain(
                path,
                format!("`{path} = \"{text}\"` is not a JSON pointer"),
                format!("write it with a slash before each name: \"/{text}\""),
            );
        }
        text.to_owned()
    }

    /// Converts a field of a record, given by name or JSON pointer, to a JSON pointer.
    pub fn field(&mut self, path: &KeyPath, text: &str) -> String {
        if text.starts_with('/') {
            self.pointer(path, text)
        } else {
            format!("/{}", text.replace('~', "~0").replace('/', "~1"))
        }
    }

    /// Parses a template.
    pub fn template(&mut self, path: &KeyPath, text: &str) -> Option<Template> {
        let template = Template::parse(text);
        template
            .map_err(|error| {
                self.complain(
                    path,
                    format!("`{path}` is a bad template: {error}"),
                    "write variables as {name}, and plain braces as {{ and }}",
                );
            })
            .ok()
    }

    /// Parses the address of an API: http or https, without credentials, query or fragment.
    pub fn address(&mut self, path: &KeyPath, text: &str) -> Option<Url> {
        let right = "write it as \"https://host/path\"";
        let mut url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                self.complain(path, format!("`{path}` is not a URL: {error}"), right);
                return None;
            }
        };
        let wrong = if !matches!(url.scheme(), "http" | "https") {
            Some((format!("`{path}` begins with `{}:`", url.scheme()), right))
        } else if !url.username().is_empty() || url.password().is_some() {
            let hint = "secrets aren't written here: use [auth] with type = \"basic\"";
            Some((format!("`{path}` has credentials in it"), hint))
        } else if url.query().is_some() || url.fragment().is_some() {
            let hint =
                "leave out what follows `?` or `#`: parameters belong in a dataset's [params]";
            Some((
                format!("`{path}` has more than an address and a path"),
                hint,
            ))
        } else {
            None
        };
        if let Some((what, hint)) = wrong {
            self.complain(path, what, hint);
            return None;
        }
        let trimmed = url.path().trim_end_matches('/').to_owned();
        url.set_path(&trimmed);
        Some(url)
    }

    /// Checks a name of a source, dataset or job: it is part of variables, keys and labels.
    pub fn name(&mut self, path: &KeyPath, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !name.chars().all(plain) || name.contains("__") || name.ends_with('_') {
            self.complain(
                path,
                format!("`{name}` is not a name"),
                "write lower-case letters, digits and single `_`, a letter first: \"pncp_itens\"",
            );
        }
    }
}

fn is_pointer(text: &str) -> bool {
    let escaped = |step: &str| {
        let mut tails = step.split('~').skip(1);
        tails.all(|tail| tail.starts_with(['0', '1']))
    };
    text.is_empty() || (text.starts_with('/') && text.split('/').all(escaped))
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

    #[test]
    fn pointers_begin_with_a_slash_and_escape_by_tilde() {
        for right in ["", "/a", "/a/0/b~1c", "/"] {
            assert!(is_pointer(right), "{right}");
        }
        for wrong in ["a", "/a~", "/a~2", "a/b"] {
            assert!(!is_pointer(wrong), "{wrong}");
        }
    }
}
