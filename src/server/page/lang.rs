//! Language of a page, by the browser's `Accept-Language`; and everything in a page that a language
//! spells in its own way: numbers, times, durations, sizes.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::server::page::words::{self, Words};
use bronzed_model::day::Day;

/// Language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Lang {
    /// English, also for every language that isn't spoken here.
    En,
    /// Portuguese as spoken in Brazil.
    Pt,
}

impl Lang {
    /// Returns the first language of `Accept-Language` that is spoken here, by its weights.
    pub(in crate::server) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|value| value.to_str().ok());
        let mut best = (0.0, Self::En);
        for part in accepted.unwrap_or_default().split(',') {
            let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().strip_prefix("q=");
            let weight = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let spoken = match primary.to_ascii_lowercase().as_str() {
                "pt" => Self::Pt,
                "en" => Self::En,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, spoken);
            }
        }
        best.1
    }

    /// Returns the tag for `<html lang>`.
    pub(in crate::server) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Pt => "pt-BR",
        }
    }

    /// Returns the texts.
    pub(in crate::server) fn words(self) -> &'static Words {
        match self {
            Self::En => &words::EN,
            Self::Pt => &words::PT,
        }
    }

    /// Spells a count with separated thousands: `12,345`, `12.345`.
    pub(in crate::server) fn number(self, number: u64) -> String {
        let separator = match self {
            Self::En => ',',
            Self::Pt => '.',
        };
        let digits = number.to_string();
        let mut spelled = String::with_capacity(digits.len() * 4 / 3);
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                spelled.push(separator);
            }
            spelled.push(digit);
        }
        spelled
    }

    /// Spells a size: `57.9 kB`.
    pub(in crate::server) fn bytes(self, bytes: u64) -> String {
        const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
        if bytes < 1000 {
            return format!("{bytes} B");
        }
        let mut size = bytes as f64 / 1000.0;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < UNITS.len() {
            size /= 1000.0;
            unit += 1;
        }
        let spelled = format!("{size:.1}");
        let spelled = match self {
            Self::En => spelled,
            Self::Pt => spelled.replace('.', ","),
        };
        format!("{spelled} {}", UNITS.get(unit).unwrap_or(&"TB"))
    }

    /// Spells a duration by its largest unit, or its two largest below ten hours: `3 d`, `2 h 5 min`.
    pub(in crate::server) fn span(self, span: TimeDelta) -> String {
        let seconds = span.num_seconds().max(0);
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            36_000..86_400 => format!("{} h", seconds / 3600),
            3600..36_000 => match seconds % 3600 / 60 {
                0 => format!("{} h", seconds / 3600),
                minutes => format!("{} h {minutes} min", seconds / 3600),
            },
            _ => format!("{} d", self.number(seconds.unsigned_abs() / 86_400)),
        }
    }

    /// Spells the duration of a run: with tenths below ten seconds, if it is known that finely, as those of this
    /// process are: `0.4 s`, `20 ms`. The audit in the lake has whole seconds: `4 s`, `< 1 s`.
    pub(in crate::server) fn took(self, span: TimeDelta) -> String {
        let whole = span.subsec_nanos() == 0;
        match span.num_milliseconds() {
            ..=0 => "< 1 s".to_owned(),
            millis @ 1..100 => format!("{millis} ms"),
            millis @ 100..10_000 if !whole => {
                let tenths = (millis + 50) / 100;
                let point = match self {
                    Self::En => '.',
                    Self::Pt => ',',
                };
                format!("{}{point}{} s", tenths / 10, tenths % 10)
            }
            _ => self.span(span),
        }
    }

    /// Spells a time by its distance from now: `5 min ago`, `in 2 h`.
    pub(in crate::server) fn distance(self, at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let is_past = at <= now;
        let span = self.span((at - now).abs());
        match (self, is_past) {
            (Self::En, true) => format!("{span} ago"),
            (Self::En, false) => format!("in {span}"),
            (Self::Pt, true) => format!("há {span}"),
            (Self::Pt, false) => format!("em {span}"),
        }
    }

    /// Spells a day: `22 Oct 2025`.
    pub(in crate::server) fn day(self, day: Day) -> String {
        let date = day.date();
        format!(
            "{} {} {}",
            date.day(),
            self.month(date.month0()),
            date.year()
        )
    }

    /// Spells a day without its year: `22 Oct`.
    pub(in crate::server) fn short_day(self, day: Day) -> String {
        let date = day.date();
        format!("{} {}", date.day(), self.month(date.month0()))
    }

    /// Spells a day with its weekday: `Wednesday, 22 Oct 2025`.
    pub(in crate::server) fn weekday(self, day: Day) -> String {
        let index = day.date().weekday().num_days_from_monday() as usize;
        let name = self.words().weekdays.get(index).unwrap_or(&"");
        format!("{name}, {}", self.day(day))
    }

    /// Spells an instant in a zone: `22 Oct 2025, 12:00:03`.
    pub(in crate::server) fn instant(self, at: DateTime<Utc>, zone: Tz) -> String {
        let local = at.with_timezone(&zone);
        let day = self.day(Day::new(local.date_naive()));
        format!("{day}, {}", local.format("%H:%M:%S"))
    }

    /// Spells the time of day in a zone: `12:00`.
    pub(in crate::server) fn clock(self, at: DateTime<Utc>, zone: Tz) -> String {
        at.with_timezone(&zone).format("%H:%M").to_string()
    }

    /// Returns the short name of a month, counted from 0.
    pub(in crate::server) fn month(self, month0: u32) -> &'static str {
        self.words().months.get(month0 as usize).unwrap_or(&"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use chrono_tz::America::Sao_Paulo;

    fn of(accepted: &'static str) -> Lang {
        let value = HeaderValue::from_static(accepted);
        Lang::of(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value)]))
    }

    #[test]
    fn the_browsers_first_language_that_is_spoken_is_taken() {
        assert_eq!(of("pt-BR,pt;q=0.9,en;q=0.8"), Lang::Pt);
        assert_eq!(of("de, en;q=0.5, pt;q=0.7"), Lang::Pt);
        assert_eq!(of("en-GB, pt;q=0.9"), Lang::En);
        assert_eq!(of("de"), Lang::En);
        assert_eq!(of("pt;q=0"), Lang::En);
        assert_eq!(Lang::of(&HeaderMap::new()), Lang::En);
    }

    #[test]
    fn numbers_sizes_and_times_are_spelled_as_the_language_does() {
        assert_eq!(Lang::En.number(1_234_567), "1,234,567");
        assert_eq!(Lang::Pt.number(1_234), "1.234");
        assert_eq!(Lang::En.number(999), "999");
        assert_eq!(Lang::Pt.bytes(57_876), "57,9 kB");
        assert_eq!(Lang::En.bytes(999_999), "1.0 MB");
        let now: DateTime<Utc> = "2025-10-22T15:00:00Z".parse().unwrap();
        assert_eq!(
            Lang::En.distance(now - TimeDelta::minutes(125), now),
            "2 h 5 min ago"
        );
        assert_eq!(Lang::Pt.distance(now + TimeDelta::days(3), now), "em 3 d");
        assert_eq!(Lang::Pt.instant(now, Sao_Paulo), "22 out 2025, 12:00:00");
        let took = |millis| TimeDelta::milliseconds(millis);
        assert_eq!(Lang::Pt.took(took(420)), "0,4 s");
        assert_eq!(Lang::En.took(took(20)), "20 ms");
        assert_eq!(Lang::En.took(took(12_420)), "12 s");
        // The audit has whole seconds, and claims no tenths.
        assert_eq!(Lang::En.took(took(4_000)), "4 s");
        assert_eq!(Lang::En.took(took(0)), "< 1 s");
        assert_eq!(
            Lang::En.weekday("2025-10-22".parse().unwrap()),
            "Wednesday, 22 Oct 2025"
        );
    }
}
