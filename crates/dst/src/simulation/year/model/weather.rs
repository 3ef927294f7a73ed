//! Faults injected over the year, each with its scope and time range.

use super::tables::{TABLES, Table};
use crate::simulation::year::chance::Chance;
use crate::simulation::year::time::{At, days, minutes, start_of};
use chrono::{Datelike, NaiveDate, TimeDelta};

/// Part of the system that a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Source(&'static str),
    Table(usize),
    /// Writing to the lake.
    Lake,
    /// The daemon isn't running.
    Daemon,
    /// The daemon's clock is wrong.
    Clock,
}

/// Kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Refused,
    Busy503,
    Hangs,
    /// The provider's own response for an empty result.
    Nothing,
    /// Status 200 with an empty body.
    NoBytes,
    /// Status 200 with an HTML error page.
    Html,
    /// The right total of records, and pages without records.
    EmptyPages,
    /// At most this many records a page, whatever page size is requested.
    Clamp(usize),
    Full,
    Down,
    Ahead,
}

#[derive(Debug, Clone, Copy)]
pub struct Spell {
    pub from: At,
    pub until: At,
    pub scope: Scope,
    pub wrong: Wrong,
}

impl Spell {
    fn is_at(&self, at: At) -> bool {
        self.from <= at && at < self.until
    }

    /// Returns `true` if the fault affects reading `table`.
    fn hinders(&self, table: usize) -> bool {
        match self.scope {
            Scope::Source(source) => TABLES[table].source == source,
            Scope::Table(one) => one == table,
            Scope::Lake | Scope::Daemon | Scope::Clock => true,
        }
    }
}

#[derive(Debug, Default)]
pub struct Weather {
    pub spells: Vec<Spell>,
}

impl Weather {
    /// Returns the faults of a response of `table` at `at`.
    pub fn of(&self, table: usize, at: At) -> impl Iterator<Item = Wrong> {
        let here = self.spells.iter().filter(move |spell| {
            let api = matches!(spell.scope, Scope::Source(_) | Scope::Table(_));
            api && spell.is_at(at) && spell.hinders(table)
        });
        here.map(|spell| spell.wrong)
    }

    pub fn lake_is_full(&self, at: At) -> bool {
        let mut spells = self.spells.iter();
        spells.any(|spell| spell.scope == Scope::Lake && spell.is_at(at))
    }

    /// Returns `true` if the daemon's clock was wrong at any time from `from` to `until`.
    pub fn clock_was_wrong(&self, from: At, until: At) -> bool {
        let mut spells = self.spells.iter();
        spells.any(|spell| spell.scope == Scope::Clock && spell.from <= until && from < spell.until)
    }

    /// Returns the outages of an endpoint as time ranges; adjoining ones are merged.
    pub fn away(&self, table: usize) -> Vec<(At, At)> {
        let gone = self.spells.iter().filter(|spell| {
            // Not outages: clamped pages can still be read, and so can all pages with a wrong clock. A daemon
            // that is down can't raise an alert; `up` = 0 is an alert of its own.
            let tells = !matches!(spell.wrong, Wrong::Clamp(_) | Wrong::Ahead | Wrong::Down);
            spell.hinders(table) && tells
        });
        let mut gone: Vec<_> = gone.map(|spell| (spell.from, spell.until)).collect();
        gone.sort();
        let mut joined: Vec<(At, At)> = Vec::new();
        for (from, until) in gone {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => joined.push((from, until)),
            }
        }
        joined
    }

    /// Returns a lower bound of the time between `from` and `until` in which `table` could be read:
    /// overlapping faults are subtracted twice, and clamped pages count as unreadable.
    pub fn readable(&self, table: usize, from: At, until: At) -> TimeDelta {
        let whole = (until - from).max(TimeDelta::zero());
        let hindering = self.spells.iter().filter(|spell| spell.hinders(table));
        let lost = hindering.map(|spell| {
            let overlap = spell.until.min(until) - spell.from.max(from);
            overlap.max(TimeDelta::zero())
        });
        (whole - lost.sum::<TimeDelta>()).max(TimeDelta::zero())
    }
}

/// Returns a random instant of the day, mostly in the small hours, because the jobs run then.
fn busy_moment(chance: &mut Chance, day: NaiveDate) -> At {
    let hour = chance.one_of(&[0, 1, 3, 3, 5, 5, 6, 9, 14, 20]);
    start_of(day) + TimeDelta::hours(hour) + TimeDelta::seconds(chance.within(0, 400))
}

fn table(name: &str) -> usize {
    let mut names = TABLES.iter().map(Table::name);
    names.position(|one| one == name).expect("a table")
}

/// Returns the faults of the days from `first` to `last`.
pub fn weather(seed: u64, first: NaiveDate, last: NaiveDate) -> Weather {
    let chance = &mut Chance::of(seed, "weather");
    let length = (last - first).num_days();
    let mut spells = Vec::new();
    let mut add = |from, lasts, scope, wrong| {
        let until = from + lasts;
        spells.push(Spell {
            from,
            until,
            scope,
            wrong,
        });
    };
    let sources = ["pncp", "pncp", "comprasnet", "comprasnet", "tcu"];
    let day = |chance: &mut Chance| first + days(chance.within(3, length - 4));

    // Outages of one minute to three days.
    for _ in 0..(length / 20).max(2) {
        let lasts = minutes(chance.one_of(&[1, 7, 45, 60, 300, 1_000, 4_320]));
        let wrong = chance.one_of(&[Wrong::Refused, Wrong::Busy503, Wrong::Hangs]);
        let on = day(chance).min(last - days(4));
        let from = busy_moment(chance, on);
        add(from, lasts, Scope::Source(chance.one_of(&sources)), wrong);
    }
    // Empty or unusable responses although there are records.
    for _ in 0..(length / 12).max(3) {
        let lasts = minutes(chance.one_of(&[2, 5, 9, 15, 40]));
        let kinds = [
            Wrong::Nothing,
            Wrong::Nothing,
            Wrong::NoBytes,
            Wrong::Html,
            Wrong::EmptyPages,
        ];
        let on = day(chance);
        let from = busy_moment(chance, on);
        let wrong = chance.one_of(&kinds);
        add(from, lasts, Scope::Source(chance.one_of(&sources)), wrong);
    }
    if length < 200 {
        return Weather { spells };
    }
    // One endpoint that fails for 30 days.
    let endpoints = [
        "pncp.contratos",
        "pncp.contratos_atualizacao",
        "pncp.atas",
        "comprasnet.itens",
    ];
    let endpoint = Scope::Table(table(chance.one_of(&endpoints)));
    let from = start_of(first + days(chance.within(30, length - 80)));
    add(from, days(30), endpoint, Wrong::Busy503);
    // Endpoints that clamp the page size.
    for name in [
        "pncp.contratos",
        "comprasnet.itens",
        "comprasnet.arp_itens",
        "comprasnet.uasg",
    ] {
        let clamped = Scope::Table(table(name));
        let from = start_of(first + days(chance.within(20, length - 60)));
        let rows = usize::try_from(chance.within(4, 15)).expect("small");
        add(
            from,
            days(chance.within(10, 25)),
            clamped,
            Wrong::Clamp(rows),
        );
    }
    // A full disk in August; a clock 90 days ahead for an hour; 2 to 60 hours without the daemon.
    let august = first
        .with_month(8)
        .and_then(|day| day.with_day(1))
        .expect("a day");
    let on = august + days(chance.within(0, 27));
    let from = busy_moment(chance, on);
    add(
        from,
        TimeDelta::hours(chance.within(5, 40)),
        Scope::Lake,
        Wrong::Full,
    );
    let from = start_of(day(chance)) + minutes(chance.within(150, 320));
    add(from, TimeDelta::hours(1), Scope::Clock, Wrong::Ahead);
    let on = day(chance);
    let from = busy_moment(chance, on);
    add(
        from,
        TimeDelta::hours(chance.within(2, 60)),
        Scope::Daemon,
        Wrong::Down,
    );
    Weather { spells }
}
