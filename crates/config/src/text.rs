//! Values that a configuration writes as text, of the formats that no other crate needs: time zones, addresses,
//! JSON pointers, templates.

use std::borrow::Cow;
use std::net::SocketAddr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use regex::Regex;
use reqwest::header::HeaderValue;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::nearest::did_you_mean;
use bronzed_model::day::Day;
use bronzed_model::declaration::{ColumnPath, Period};
use bronzed_model::template::Template;
use bronzed_model::text::{self, TextFormat, WrongText};

/// Value of a text of the format `F`.
pub struct Text<F: TextFormat>(pub F::Value);

impl<'de, F: TextFormat> Deserialize<'de> for Text<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read::<F, _, _>(deserializer).map(Self)
    }
}

impl<F: TextFormat> JsonSchema for Text<F> {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Returns the value of a text that may be left out.
pub fn value<F: TextFormat<Value: Clone>>(text: &Option<Text<F>>) -> Option<F::Value> {
    text.as_ref().map(|text| text.0.clone())
}

/// Name of a time zone.
pub struct Zone;

impl TextFormat for Zone {
    type Value = Tz;

    fn parse(text: &str) -> Result<Tz, WrongText> {
        text.parse().map_err(|_| {
            let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let hint = did_you_mean(text, known, || {
                "write its name in the zone database: \"America/Sao_Paulo\"".to_owned()
            });
            WrongText::is_not(text, "is not a time zone", &hint)
        })
    }
}

/// A day: `2025-10-22`.
pub struct Date;

impl TextFormat for Date {
    type Value = Day;

    fn parse(text: &str) -> Result<Day, WrongText> {
        text.parse().map_err(|_| {
            let problem = format!("` is `{text}`, which is not a day");
            WrongText::of(&problem, "write it as 2025-10-22")
        })
    }
}

/// A strftime format that identifies a day, with or without the time.
pub struct DayFormat;

impl TextFormat for DayFormat {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        names_period(text, Period::Day).map(|()| text.to_owned())
    }
}

/// Checks that a strftime format identifies a period.
pub fn names_period(text: &str, period: Period) -> Result<(), WrongText> {
    // Missing parts of a day are added, so that the day can be read back.
    let (rest, right) = match period {
        Period::Day => ("", "write year, month and day: \"%Y%m%d\", \"%d/%m/%Y\""),
        Period::Month => (" %d", "write year and month: \"%Y%m\", \"%m/%Y\""),
        Period::Year => (" %m %d", "write the year: \"%Y\""),
    };
    // A date whose year, month and day can't be confused.
    let day = NaiveDate::from_ymd_opt(2021, 12, 30).unwrap_or_default();
    let midnight = day.and_time(NaiveTime::MIN).and_utc();
    let written = formatted(text, midnight);
    let Some(written) = written else {
        let hint = "write it with strftime's letters for a day: \"%Y%m%d\", \"%d/%m/%Y\"";
        return Err(WrongText::is_not(text, "is not a format of a date", hint));
    };
    let whole = formatted(&format!("{text}{rest}"), midnight).unwrap_or_default();
    let names = |format: &str, written: &str| {
        let instant = DateTime::parse_from_str(written, format);
        NaiveDate::parse_from_str(written, format) == Ok(day)
            || instant.map(|at| at.date_naive()) == Ok(day)
    };
    match names(text, &written) || names(&format!("{text}{rest}"), &whole) {
        true => Ok(()),
        false => {
            let word = period.word();
            let problem = format!("doesn't name a whole {word}: it gives `{written}`");
            Err(WrongText::is_not(text, &problem, right))
        }
    }
}

/// Formats an instant. `None` if the format is invalid.
pub fn formatted(format: &str, at: DateTime<Utc>) -> Option<String> {
    let mut written = String::new();
    // `%#z`, an offset that may also be `Z` or `-03`, is supported for parsing only.
    let to_write = format.replace("%#z", "%:z");
    std::fmt::write(&mut written, format_args!("{}", at.format(&to_write))).ok()?;
    Some(written)
}

/// Character between the fields of a CSV row.
pub struct Delimiter;

impl TextFormat for Delimiter {
    type Value = char;

    fn parse(text: &str) -> Result<char, WrongText> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) if !matches!(one, '"' | '\r' | '\n') => Ok(one),
            _ => {
                let hint = "write one character: \",\", \";\" or \"\\t\"";
                Err(WrongText::is_not(text, "is no delimiter", hint))
            }
        }
    }
}

/// An RFC 6901 JSON pointer.
pub struct Pointer;

impl TextFormat for Pointer {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        if is_pointer(text) {
            return Ok(text.to_owned());
        }
        let hint = format!("write it with a slash before each name: \"/{text}\"");
        Err(WrongText::is_not(text, "is not a JSON pointer", &hint))
    }
}

fn is_pointer(text: &str) -> bool {
    let escaped = |step: &str| {
        let mut tails = step.split('~').skip(1);
        tails.all(|tail| tail.starts_with(['0', '1']))
    };
    text.is_empty() || (text.starts_with('/') && text.split('/').all(escaped))
}

/// A field of a record, by name or JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field as written.
    pub written: String,
    /// JSON pointer to the field.
    pub pointer: String,
}

impl TextFormat for Field {
    type Value = Self;

    fn parse(text: &str) -> Result<Self, WrongText> {
        let pointer = match text.starts_with('/') {
            true => Pointer::parse(text)?,
            false => format!("/{}", text.replace('~', "~0").replace('/', "~1")),
        };
        let written = text.to_owned();
        Ok(Self { written, pointer })
    }
}

/// A column by its name, by names joined with dots, or by a JSON pointer.
pub struct ColumnName;

impl TextFormat for ColumnName {
    type Value = ColumnPath;

    fn parse(text: &str) -> Result<ColumnPath, WrongText> {
        let pointer = match text.starts_with('/') {
            true => Pointer::parse(text)?,
            false => {
                let names = text.replace('~', "~0").replace('/', "~1");
                format!("/{}", names.replace('.', "/"))
            }
        };
        let written = text.to_owned();
        Ok(ColumnPath { written, pointer })
    }
}

/// A text with `{variables}`.
pub struct TemplateText;

impl TextFormat for TemplateText {
    type Value = Template;

    fn parse(text: &str) -> Result<Template, WrongText> {
        Template::parse(text).map_err(|error| {
            let problem = format!("` is a bad template: {error}");
            let hint = "write variables as {name}, and plain braces as {{ and }}";
            WrongText::of(&problem, hint)
        })
    }
}

/// Path that is appended to the base URL, with `{variables}`.
pub struct RequestPath;

impl TextFormat for RequestPath {
    type Value = Template;

    fn parse(text: &str) -> Result<Template, WrongText> {
        if !text.starts_with('/') {
            let hint = "begin it with a slash: it is appended to the base URL";
            return Err(WrongText::is_not(text, "is not a path", hint));
        }
        if text.contains(['?', '#']) {
            let hint = "write parameters under [params] of the dataset";
            return Err(WrongText::of("` has more than a path in it", hint));
        }
        TemplateText::parse(text)
    }
}

/// Address of an API: http or https, without credentials, query or fragment.
pub struct HttpUrl;

impl TextFormat for HttpUrl {
    type Value = Url;

    fn parse(text: &str) -> Result<Url, WrongText> {
        let right = "write it as \"https://host/path\"";
        // The text itself is not shown, because it may contain credentials.
        let mut url = Url::parse(text)
            .map_err(|error| WrongText::of(&format!("` is not a URL: {error}"), right))?;
        if !matches!(url.scheme(), "http" | "https") {
            let problem = format!("` begins with `{}:`", url.scheme());
            return Err(WrongText::of(&problem, right));
        }
        only_address(
            &url,
            "use [auth] with type = \"basic\"",
            "parameters belong in a dataset's [params]",
        )?;
        let trimmed = url.path().trim_end_matches('/').to_owned();
        url.set_path(&trimmed);
        Ok(url)
    }
}

/// Refuses credentials, which would be shown, and a query or fragment, which would be ignored; the hints say where
/// they belong.
fn only_address(url: &Url, credentials: &str, parameters: &str) -> Result<(), WrongText> {
    if !url.username().is_empty() || url.password().is_some() {
        let hint = format!("secrets aren't written here: {credentials}");
        return Err(WrongText::of("` has credentials in it", &hint));
    }
    if url.query().is_some() || url.fragment().is_some() {
        let hint = format!("leave out what follows `?` or `#`: {parameters}");
        return Err(WrongText::of(
            "` has more than an address and a path",
            &hint,
        ));
    }
    Ok(())
}

/// Folder or URL of a lake.
pub struct LakeUrl;

/// Supported URL schemes of a lake.
const SCHEMES: [&str; 5] = ["file", "memory", "s3", "gs", "az"];

impl TextFormat for LakeUrl {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        if text.trim().is_empty() {
            let hint = "write a folder such as \"./data\", or a URL such as \"s3://bucket/path\"";
            return Err(WrongText::of("` is empty", hint));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return match text.split_once(':') {
                Some((scheme, _)) if SCHEMES.contains(&scheme) => {
                    let hint = format!(
                        "write \"{scheme}://…\", or \"./{scheme}:…\" for a folder of that name"
                    );
                    Err(WrongText::is_not(
                        text,
                        "is neither a folder nor a URL",
                        &hint,
                    ))
                }
                _ => Ok(text.to_owned()),
            };
        };
        if !SCHEMES.contains(&scheme) {
            let problem = format!("` begins with `{scheme}://`, which is no lake known here");
            let hint = "write a folder, or file://, s3://, gs://, az:// or memory://";
            return Err(WrongText::of(&problem, hint));
        }
        // The text itself is not shown, because it may contain credentials.
        let url = Url::parse(text).map_err(|error| {
            let hint = "write it as \"s3://bucket/path\" or \"file:///folder\"";
            WrongText::of(&format!("` is not a URL: {error}"), hint)
        })?;
        only_address(
            &url,
            "name them in [lake.options]",
            "settings belong in [lake.options]",
        )?;
        Ok(text.to_owned())
    }
}

/// Address and port to listen at.
pub struct Listen;

impl TextFormat for Listen {
    type Value = SocketAddr;

    fn parse(text: &str) -> Result<SocketAddr, WrongText> {
        text.parse().map_err(|_| {
            let hint = "write an IP address and a port: \"127.0.0.1:8080\", \"0.0.0.0:8080\", \"[::]:8080\"";
            WrongText::is_not(text, "is not an address with a port", hint)
        })
    }
}

/// Filter of logs.
pub struct LogFilter;

impl TextFormat for LogFilter {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(WrongText::is_not(
                text,
                &format!("is not a filter of logs: {error}"),
                "write a level, or targets with levels: \"info\", \"bronzed=debug,warn\"",
            )),
        }
    }
}

/// Value of a request header.
pub struct HeaderText;

impl TextFormat for HeaderText {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        match HeaderValue::from_str(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err(WrongText::of(
                "` can't be sent as a header",
                "leave out line breaks and control characters",
            )),
        }
    }
}

/// Regular expression.
pub struct Pattern;

impl TextFormat for Pattern {
    type Value = Regex;

    fn parse(text: &str) -> Result<Regex, WrongText> {
        pattern(
            text,
            "write it in the syntax of the crate regex: \"^[0-9]{14}$\"",
        )
    }
}

/// Parses a regular expression; `right` is the hint if it is none.
fn pattern(text: &str, right: &str) -> Result<Regex, WrongText> {
    Regex::new(text).map_err(|error| {
        // The library prints the position on several lines; the last one is the reason.
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ");
        let problem = format!("` is not a regular expression: {reason}");
        WrongText::of(&problem, right)
    })
}

/// Regular expression with one group, around a number of seconds.
pub struct WaitPattern;

impl TextFormat for WaitPattern {
    type Value = Regex;

    fn parse(text: &str) -> Result<Regex, WrongText> {
        let right = "write one group around the digits: \"Try again in ([0-9]+) seconds\"";
        let pattern = pattern(text, right)?;
        match pattern.captures_len() - 1 {
            1 => Ok(pattern),
            groups => {
                let problem = format!("` has {groups} groups, where one captures the seconds");
                Err(WrongText::of(&problem, right))
            }
        }
    }
}

/// Folder of a table in the lake, which can't be confused with the program's own folders.
pub struct Prefix;

/// Maximum length of a prefix, because keys contain it twice, after the lake's own path (see
/// `bronzed_storage::lake`), and stores allow 1,024 bytes.
const MAX_PREFIX: usize = 100;

impl TextFormat for Prefix {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let folder = |step: &str| {
            step.starts_with(|c: char| c.is_ascii_alphanumeric()) && step.chars().all(plain)
        };
        if !text.split('/').all(folder) {
            let hint =
                "write letters, digits, `_`, `-` and `.`, a letter or digit first: \"pncp_itens\"";
            return Err(WrongText::is_not(
                text,
                "can't be a folder of the lake",
                hint,
            ));
        }
        if text.len() > MAX_PREFIX {
            let problem = format!("` is longer than {MAX_PREFIX} characters");
            let hint =
                "write a shorter one: names of files begin with it, and have bounds of their own";
            return Err(WrongText::of(&problem, hint));
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
