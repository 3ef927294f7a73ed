//! Slots of a job: a validated cron expression in a time zone.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with seconds first. A slot is
//! a local time, and occurs exactly once despite clock changes: a skipped time occurs when the clocks are put
//! forward, and a repeated time occurs the first time. Slots that coincide that way are one slot.
//!
//! ```text
//! 30 2 * * *    New York, 2025-03-09: no 02:30, so at 03:00 EDT
//! 30 1 * * *    New York, 2025-11-02: 01:30 twice, so at 01:30 EDT
//! 0 0 * * *     São Paulo, 2018-11-04: no midnight, so at 01:00
//! ```
//!
//! croner evaluates the fields, but only for local times. Its own handling of zones runs an expression with
//! wildcards in both passes of a repeated hour.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Year};

use crate::day::Day;

/// One time at which a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The civil day in the source's zone, which is "today" for a job.
    pub day: Day,
}

/// A valid cron expression in the zone of its source.
#[derive(Clone)]
pub struct Cron {
    text: String,
    fields: croner::Cron,
    zone: Tz,
}

/// Reason that a text is not a cron expression; completes "… is not a cron expression: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// A nickname such as `@daily`.
    #[error("nicknames aren't read: write its fields out")]
    Nickname,
    /// Too few fields, or too many.
    #[error("it has {0} fields")]
    Fields(usize),
    /// Invalid field.
    #[error("{0}")]
    Syntax(String),
    /// The expression matches no date.
    #[error("no day is ever like that")]
    Never,
}

impl Cron {
    /// Parses an expression in local time of `zone`.
    ///
    /// # Errors
    /// Returns an error if the expression is invalid or matches no date (30 February).
    pub fn parse(text: &str, zone: Tz) -> Result<Self, CronError> {
        if text.contains('@') {
            return Err(CronError::Nickname);
        }
        let count = text.split_whitespace().count();
        if !matches!(count, 5 | 6) {
            return Err(CronError::Fields(count));
        }
        let fields = CronParser::builder()
            .year(Year::Disallowed)
            .build()
            .parse(text)
            .map_err(|error| {
                CronError::Syntax(out_of_range(text).unwrap_or_else(|| error.to_string()))
            })?;
        let cron = Self {
            text: text.to_owned(),
            fields,
            zone,
        };
        // The start doesn't matter: the rarest dates (29 February on a given weekday) occur every 28 years.
        match cron.wall_from(DateTime::UNIX_EPOCH.naive_utc()) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never),
        }
    }

    /// Returns the slots after `after`, up to and including `until`.
    pub fn slots(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = Slot> + '_ {
        std::iter::successors(self.next_after(after), |slot| self.next_after(slot.at))
            .take_while(move |slot| slot.at <= until)
    }

    /// Returns the first slot after an instant. `None` only after the year 5000.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<Slot> {
        let mut wall = after
            .with_timezone(&self.zone)
            .naive_local()
            .trunc_subsecs(0);
        // Iterates more than once only after the clocks were put back: those times have already occurred.
        loop {
            wall = self.wall_from(wall)?;
            let at = self.instant(wall);
            if at > after {
                return Some(self.slot(at));
            }
            wall += TimeDelta::seconds(1);
        }
    }

    /// Returns the last slot up to and including an instant. `None` only before the year 1.
    pub fn last_at_or_before(&self, until: DateTime<Utc>) -> Option<Slot> {
        let mut wall = self.latest_wall(until);
        loop {
            wall = self.fields.find_previous_occurrence(&wall, true).ok()?;
            let at = self.instant(wall);
            if at <= until {
                return Some(self.slot(at));
            }
            wall -= TimeDelta::seconds(1);
        }
    }

    /// Returns the last slot before a day begins.
    pub fn last_before(&self, day: Day) -> Option<Slot> {
        self.last_at_or_before(day.start(self.zone) - TimeDelta::nanoseconds(1))
    }

    /// Returns the latest local time that has occurred by `instant`. In the second pass of a repeated hour,
    /// that is later than the current local time, because the whole hour has occurred once.
    fn latest_wall(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        let shown = instant.with_timezone(&self.zone).naive_local();
        match self.zone.from_local_datetime(&shown) {
            chrono::LocalResult::Ambiguous(first, second) if instant >= second => {
                shown + (second - first)
            }
            _ => shown,
        }
    }

    /// Returns the first matching local time from `wall` on.
    fn wall_from(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        self.fields.find_next_occurrence(&wall, true).ok()
    }

    fn slot(&self, at: DateTime<Utc>) -> Slot {
        Slot {
            at,
            day: Day::of(at, self.zone),
        }
    }

    /// Returns the first instant with this local time or, if it is skipped, the instant of the clock change.
    /// Monotonic in `wall`.
    fn instant(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        match self.zone.from_local_datetime(&wall).earliest() {
            Some(instant) => instant.with_timezone(&Utc),
            None => self.change_over(wall),
        }
    }

    /// Returns the instant of the clock change that skips `wall`.
    fn change_over(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        let offset = |at: DateTime<Utc>| {
            chrono::Offset::fix(&self.zone.offset_from_utc_datetime(&at.naive_utc()))
        };
        let (mut before, mut after) = (wall.and_utc(), wall.and_utc());
        // A quarter of an hour divides every change that zones have made since 1972.
        for quarters in 1..=24 * 4 {
            let earlier = wall - TimeDelta::minutes(15 * quarters);
            if let Some(found) = self.zone.from_local_datetime(&earlier).latest() {
                before = found.with_timezone(&Utc);
                after = before + (wall - earlier);
                break;
            }
        }
        let old = offset(before);
        while after - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            if offset(middle) == old {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }
}

/// Fields of an expression with six fields (one with five lacks the first): names and bounds.
const FIELDS: [(&str, u32, u32); 6] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

/// Returns the first number of an expression that is out of its field's range: `hour 25: 0 to 23`.
fn out_of_range(text: &str) -> Option<String> {
    let fields: Vec<_> = text.split_whitespace().collect();
    let declared = FIELDS.get(FIELDS.len().checked_sub(fields.len())?..)?;
    let mut numbers = fields.iter().zip(declared).flat_map(|(field, bounds)| {
        let parts = field.split(',').filter_map(|part| part.split('/').next());
        let numbers = parts.flat_map(|part| part.split('-'));
        numbers.filter_map(move |number| Some((number.parse::<u32>().ok()?, bounds)))
    });
    let (wrong, (name, least, most)) =
        numbers.find(|(number, (_, least, most))| !(least..=most).contains(&number))?;
    Some(format!("{name} {wrong}: {least} to {most}"))
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?} in {})", self.text, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::{Havana, New_York, Sao_Paulo, St_Johns};
    use chrono_tz::Australia::Lord_Howe;
    use chrono_tz::Europe::London;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Returns the slots between two instants in local time, with their offsets.
    fn shown(cron: &str, zone: Tz, after: &str, until: &str) -> Vec<String> {
        let cron = Cron::parse(cron, zone).unwrap();
        cron.slots(at(after), at(until))
            .map(|slot| {
                assert_eq!(slot.day, Day::of(slot.at, zone));
                let local = slot.at.with_timezone(&zone);
                local.format("%d %H:%M:%S%z").to_string()
            })
            .collect()
    }

    #[test]
    fn a_slot_in_a_gap_comes_once_when_the_clocks_have_been_put_forward() {
        let cases = [
            (
                "0 0 * * *",
                Sao_Paulo,
                "2018-11-04T02:00:00Z",
                "04 01:00:00-0200",
            ),
            (
                "30 0 * * *",
                Sao_Paulo,
                "2018-11-04T02:00:00Z",
                "04 01:00:00-0200",
            ),
            (
                "30 2 * * *",
                New_York,
                "2025-03-09T05:00:00Z",
                "09 03:00:00-0400",
            ),
            (
                "59 59 1 * * *",
                London,
                "2025-03-30T00:00:00Z",
                "30 02:00:00+0100",
            ),
            (
                "10 2 * * *",
                Lord_Howe,
                "2025-10-04T12:00:00Z",
                "05 02:30:00+1100",
            ),
            (
                "0 0 * * *",
                Havana,
                "2025-03-09T04:00:00Z",
                "09 01:00:00-0400",
            ),
            // A minute after midnight, until 2011.
            (
                "30 0 * * *",
                St_Johns,
                "2010-03-14T03:00:00Z",
                "14 01:01:00-0230",
            ),
        ];
        for (cron, zone, from, expected) in cases {
            let until = (at(from) + TimeDelta::hours(20)).to_rfc3339();
            assert_eq!(
                shown(cron, zone, from, &until),
                [expected],
                "{cron} in {zone}"
            );
        }
    }

    #[test]
    fn a_slot_in_a_repeated_hour_comes_once_the_first_time() {
        let cases = [
            (
                "30 23 * * *",
                Sao_Paulo,
                "2019-02-16T12:00:00Z",
                "16 23:30:00-0200",
            ),
            (
                "0 0 * * *",
                Sao_Paulo,
                "2019-02-16T12:00:00Z",
                "17 00:00:00-0300",
            ),
            (
                "30 1 * * *",
                New_York,
                "2025-11-02T04:00:00Z",
                "02 01:30:00-0400",
            ),
            (
                "0 1 * * *",
                London,
                "2025-10-25T23:30:00Z",
                "26 01:00:00+0100",
            ),
            (
                "45 1 * * *",
                Lord_Howe,
                "2025-04-05T12:00:00Z",
                "06 01:45:00+1100",
            ),
            (
                "0 0 * * *",
                Havana,
                "2025-11-02T03:00:00Z",
                "02 00:00:00-0400",
            ),
        ];
        for (cron, zone, from, expected) in cases {
            let until = (at(from) + TimeDelta::hours(20)).to_rfc3339();
            assert_eq!(
                shown(cron, zone, from, &until),
                [expected],
                "{cron} in {zone}"
            );
        }
    }

    #[test]
    fn an_hourly_job_goes_through_both_changes() {
        let forward = shown(
            "0 * * * *",
            Sao_Paulo,
            "2018-11-04T01:30:00Z",
            "2018-11-04T04:30:00Z",
        );
        assert_eq!(
            forward,
            ["03 23:00:00-0300", "04 01:00:00-0200", "04 02:00:00-0200"]
        );
        let back = shown(
            "0 * * * *",
            Sao_Paulo,
            "2019-02-17T00:30:00Z",
            "2019-02-17T04:30:00Z",
        );
        assert_eq!(
            back,
            ["16 23:00:00-0200", "17 00:00:00-0300", "17 01:00:00-0300"]
        );
        let half = shown(
            "*/30 * * * *",
            Lord_Howe,
            "2025-10-04T15:00:00Z",
            "2025-10-04T16:30:00Z",
        );
        assert_eq!(
            half,
            ["05 02:30:00+1100", "05 03:00:00+1100", "05 03:30:00+1100"]
        );
    }

    #[test]
    fn looking_back_from_the_second_pass_all_of_the_first_has_been() {
        let last = |cron: &str, zone, instant: &str| {
            let cron = Cron::parse(cron, zone).unwrap();
            cron.last_at_or_before(at(instant)).unwrap().at
        };
        // 23:50 occurred at 01:50Z; it is now 23:30 for the second time.
        let found = last("50 23 * * *", Sao_Paulo, "2019-02-17T02:30:00Z");
        assert_eq!(found, at("2019-02-17T01:50:00Z"));
        // Midnight is still to come.
        let found = last("0 0 * * *", Sao_Paulo, "2019-02-17T02:59:59Z");
        assert_eq!(found, at("2019-02-16T02:00:00Z"));
        let found = last("50 1 * * *", New_York, "2025-11-02T06:10:00Z");
        assert_eq!(found, at("2025-11-02T05:50:00Z"));
    }

    #[test]
    fn a_day_counts_as_the_wall_says() {
        let cron = Cron::parse("0 23 * * *", Sao_Paulo).unwrap();
        let slot = cron.next_after(at("2025-10-23T01:59:59Z")).unwrap();
        assert_eq!(slot.at, at("2025-10-23T02:00:00Z"));
        assert_eq!(slot.day.to_string(), "2025-10-22");
    }

    #[test]
    fn ends_of_a_range_are_open_and_closed() {
        let minutes = |after, until| shown("* * * * *", London, after, until).len();
        assert_eq!(minutes("2025-06-01T10:00:00Z", "2025-06-01T10:02:00Z"), 2);
        assert_eq!(minutes("2025-06-01T09:59:59.5Z", "2025-06-01T10:00:00Z"), 1);
        assert_eq!(
            minutes("2025-06-01T10:00:00.5Z", "2025-06-01T10:00:59.9Z"),
            0
        );
        assert_eq!(minutes("2025-06-01T10:00:00Z", "2025-06-01T09:00:00Z"), 0);
    }

    #[test]
    fn five_or_six_fields_that_come_some_day() {
        for right in [
            "0 3 * * *",
            "30 0 3 * * *",
            "*/15 8-18 * * MON-FRI",
            "0 0 29 2 *",
        ] {
            assert!(Cron::parse(right, London).is_ok(), "{right}");
        }
        let wrong = |text| Cron::parse(text, London).unwrap_err();
        assert_eq!(wrong("@daily"), CronError::Nickname);
        assert_eq!(wrong(""), CronError::Fields(0));
        assert_eq!(wrong("0 3 * *"), CronError::Fields(4));
        assert_eq!(wrong("0 0 3 * * * 2025"), CronError::Fields(7));
        assert!(matches!(wrong("61 * * * *"), CronError::Syntax(_)));
        assert!(matches!(wrong("x 3 * * *"), CronError::Syntax(_)));
        assert_eq!(wrong("0 0 30 2 *"), CronError::Never);
    }

    /// Clock changes of all these zones, in both directions.
    const CHANGES: [&str; 10] = [
        "2018-11-04T03:00:00Z",
        "2019-02-17T02:00:00Z",
        "2025-03-09T07:00:00Z",
        "2025-11-02T06:00:00Z",
        "2025-03-30T01:00:00Z",
        "2025-10-26T01:00:00Z",
        "2025-04-05T15:00:00Z",
        "2025-10-04T15:30:00Z",
        "2025-03-09T05:00:00Z",
        "2025-11-02T05:00:00Z",
    ];

    proptest! {
        /// Backward and forward search agree around clock changes.
        #[test]
        fn forward_and_backward_agree(
            zone in prop::sample::select(vec![Sao_Paulo, New_York, London, Lord_Howe, Havana]),
            text in prop::sample::select(vec![
                "0 * * * *", "30 2 * * *", "0 0 * * *", "*/7 * * * *", "15 1,23 * * *",
                "20 0 * * *", "0 2 1 * *", "59 59 23 * * *", "*/50 * * * * *", "0 12 * * 1-5",
            ]),
            (change, off) in (prop::sample::select(CHANGES.to_vec()), -14_400_i64..14_400),
        ) {
            let cron = Cron::parse(text, zone).unwrap();
            let instant = at(change) + TimeDelta::seconds(off);
            let next = cron.next_after(instant).unwrap();
            let last = cron.last_at_or_before(instant).unwrap();
            prop_assert!(last.at <= instant && instant < next.at);
            prop_assert_eq!(cron.next_after(last.at), Some(next));
            prop_assert_eq!(cron.last_at_or_before(next.at), Some(next));
            let just_before = next.at - TimeDelta::milliseconds(1);
            prop_assert_eq!(cron.last_at_or_before(just_before), Some(last));
        }

        /// Every day has each of its daily slots exactly once, despite clock changes.
        #[test]
        fn a_daily_slot_comes_once_a_day(
            zone in prop::sample::select(vec![Sao_Paulo, New_York, London, Lord_Howe, Havana]),
            (hour, minute) in (0_u32..24, 0_u32..60),
            year in 2012_i32..2020,
        ) {
            let cron = Cron::parse(&format!("{minute} {hour} * * *"), zone).unwrap();
            let first = Day::new(chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap());
            let last = Day::new(chrono::NaiveDate::from_ymd_opt(year, 12, 31).unwrap());
            let start = first.start(zone) - TimeDelta::seconds(1);
            let end = last.end(zone) - TimeDelta::seconds(1);
            let days: Vec<_> = cron.slots(start, end).map(|slot| slot.day).collect();
            prop_assert_eq!(days, first.through(last).collect::<Vec<_>>());
        }
    }
}
