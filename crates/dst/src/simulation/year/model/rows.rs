//! Generates a year of records, some of them listed late, revised, moved or excluded.

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use super::listing::{Ledger, Listing};
use super::tables::{Home, Kept, TABLES, Table};
use crate::simulation::year::chance::Chance;
use crate::simulation::year::time::{At, day_of, days, local, minutes, start_of};

/// Rates at which the records of a table appear and change.
#[derive(Debug, Clone, Copy)]
struct Habit {
    /// Mean number of records on a working day.
    records: i64,
    /// Number of records in 1000 that are listed a day or more late.
    late: i64,
    /// Largest delay in days.
    latest: i64,
    /// Largest number of revisions of a record.
    revisions: i64,
    /// Number of days after its creation in which a record may be revised.
    months: i64,
    /// Number of records in 1000 that the provider removes again.
    excluded: i64,
    /// `(n, size)`: one working day in `n` has records for more than one page of `size`.
    pages: (i64, i64),
}

const STILL: Habit = Habit {
    records: 4,
    late: 0,
    latest: 1,
    revisions: 0,
    months: 1,
    excluded: 15,
    pages: (i64::MAX, 0),
};

fn habit(table: &Table) -> Habit {
    let late = Habit {
        late: 100,
        latest: 90,
        ..STILL
    };
    match (table.source, table.dataset) {
        ("pncp", "contratacoes") => Habit {
            records: 14,
            late: 40,
            latest: 80,
            pages: (30, 50),
            ..STILL
        },
        ("pncp", "contratos") => Habit {
            records: 6,
            late: 40,
            latest: 80,
            pages: (200, 500),
            ..STILL
        },
        ("pncp", "instrumentos_cobranca") => Habit {
            records: 4,
            late: 40,
            latest: 80,
            pages: (60, 100),
            ..STILL
        },
        ("pncp", "contratacoes_atualizacao") => Habit {
            records: 12,
            revisions: 3,
            months: 120,
            pages: (40, 50),
            ..STILL
        },
        ("pncp", _) => Habit {
            records: 5,
            revisions: 3,
            months: 150,
            pages: (200, 500),
            ..STILL
        },
        ("comprasnet", "contratacoes") => Habit {
            records: 6,
            revisions: 1,
            months: 40,
            ..late
        },
        ("comprasnet", "itens") => Habit {
            records: 8,
            revisions: 4,
            months: 115,
            pages: (120, 500),
            ..late
        },
        ("comprasnet", "resultados") => Habit {
            records: 5,
            revisions: 1,
            months: 40,
            ..late
        },
        ("comprasnet", "arp" | "arp_itens") => Habit {
            records: 4,
            revisions: 2,
            months: 85,
            ..late
        },
        _ => STILL,
    }
}

struct Maker<'a> {
    table: usize,
    chance: Chance,
    ledger: &'a mut Ledger,
    /// One day after the end of the last day. Records that are never removed stay listed until long after it.
    end: At,
    /// Time range in which the table lists nothing new. `None` if there is none.
    stall: Option<(At, At)>,
    rows: u32,
}

/// Returns the ledger of the records from shortly before `first` until `last`.
pub fn ledger(seed: u64, first: NaiveDate, last: NaiveDate) -> Ledger {
    let mut ledger = Ledger::default();
    let mut chance = Chance::of(seed, "stall");
    let length = (last - first).num_days();
    let stall = (length > 200).then(|| {
        let from = start_of(first + days(chance.within(60, length - 100)));
        let lasts = days(35);
        (from, from + lasts)
    });
    for (number, table) in TABLES.iter().enumerate() {
        let stalls = table.source == "comprasnet"
            && ["contratacoes", "itens", "resultados"].contains(&table.dataset);
        let mut maker = Maker {
            table: number,
            chance: Chance::of(seed, table.prefix),
            ledger: &mut ledger,
            end: start_of(last + days(2)),
            stall: stall.filter(|_| stalls),
            rows: 0,
        };
        match table.home {
            Home::Nowhere => maker.standing(first, last),
            _ => maker.stream(first, last, table.dataset == "acordaos"),
        }
    }
    ledger
}

impl Maker<'_> {
    fn table(&self) -> &'static Table {
        &TABLES[self.table]
    }

    /// Adds the records of a dated table or feed, day by day.
    fn stream(&mut self, first: NaiveDate, last: NaiveDate, weekly: bool) {
        let habit = habit(self.table());
        let before = if weekly { 60 } else { 10 };
        for day in (first - days(before))
            .iter_days()
            .take_while(|day| *day <= last)
        {
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            let mut records = match weekend {
                true => self.chance.within(0, 1),
                false => self.chance.within(habit.records / 2, habit.records * 3 / 2),
            };
            if weekly {
                let session = matches!(day.weekday(), Weekday::Tue | Weekday::Wed);
                records = if session { 10 } else { 0 };
            }
            let many = !weekend && self.chance.within(1, habit.pages.0) == 1;
            if many {
                records += habit.pages.1 + self.chance.within(1, habit.pages.1 * 3 / 2);
            }
            let slice = self.slice();
            for _ in 0..records {
                let slice = if many { slice } else { self.slice() };
                self.record(habit, day, slice, weekly);
            }
        }
    }

    /// Returns a random slice by fixed weights. Of 15 slices, each can occur: 3% of the draws have equal
    /// weights.
    fn slice(&mut self) -> usize {
        let slices = self.table().slices;
        let usual: &[usize] = match slices.len() {
            1 => &[0],
            15 => &[5, 5, 5, 7, 7, 7, 7, 8, 8, 3, 0, 11, 12, 14],
            4 => &[0, 1, 1, 2, 2, 2, 3],
            _ => &[0, 0, 1],
        };
        if slices.len() == 15 && self.chance.in_1000(30) {
            return usize::try_from(self.chance.within(0, 14)).expect("small");
        }
        self.chance.one_of(usual)
    }

    /// Adds a record of `day`, with its revisions and its removal.
    fn record(&mut self, habit: Habit, day: NaiveDate, slice: usize, session: bool) {
        let chance = &mut self.chance;
        let second = chance.within(6 * 3600, 23 * 3600 + 3000);
        let made = start_of(day) + TimeDelta::seconds(second);
        let lag = minutes(chance.within(1, 40));
        let mut listed = made + lag;
        if session {
            listed = made + days(chance.within(1, 30));
        } else if chance.in_1000(habit.late) {
            // 95% at least three days before the settle time is over (if it is longer than five days), the
            // rest up to `latest` days late.
            let settle = self.table().settle_hours / 24;
            let usual = if settle > 5 {
                habit.latest.min(settle - 3)
            } else {
                habit.latest
            };
            let chance = &mut self.chance;
            let most = if chance.in_1000(950) {
                usual
            } else {
                habit.latest
            };
            listed += days(chance.within(1, most));
        }
        let mut stamps = vec![made];
        if self.table_kept() != Kept::Records {
            for _ in 0..self.chance.within(0, habit.revisions) {
                let after = self.chance.within(60, habit.months * 1440);
                stamps.push(made + minutes(after));
            }
        }
        stamps.sort();
        let excluded = self.chance.in_1000(habit.excluded);
        let gone = match excluded {
            true => listed + minutes(self.chance.within(30, 100 * 1440)),
            false => self.end + days(400),
        };
        let ahead = days(self.chance.within(-60, 60));
        self.list(
            day + ahead_of(self.table(), ahead),
            slice,
            &stamps,
            listed,
            lag,
            gone,
        );
    }

    fn table_kept(&self) -> Kept {
        self.table().kept
    }

    fn list(
        &mut self,
        day: NaiveDate,
        slice: usize,
        stamps: &[At],
        listed: At,
        lag: TimeDelta,
        gone: At,
    ) {
        let row = self.rows;
        self.rows += 1;
        let copies = if self.chance.in_1000(self.table().twice) {
            2
        } else {
            1
        };
        let listed = stamps
            .iter()
            .map(|stamp| self.unstalled(listed.max(*stamp + lag)));
        let listed: Vec<At> = listed.collect();
        for (number, stamp) in stamps.iter().enumerate() {
            let next = listed.get(number + 1).copied().unwrap_or(gone);
            let home = match self.table().home {
                Home::Update => day_of(*stamp),
                _ => day,
            };
            self.ledger.add(Listing {
                table: self.table,
                slice,
                row,
                revision: u32::try_from(number).expect("few"),
                stamp: local(*stamp),
                day: Some(home),
                from: listed[number],
                until: next.min(gone),
                copies,
            });
        }
    }

    /// Returns the instant at which a record due at `at` is listed: half an hour after the stall if `at` is
    /// in it.
    fn unstalled(&self, at: At) -> At {
        match self.stall {
            Some((from, until)) if from <= at && at < until => until + minutes(30),
            _ => at,
        }
    }

    /// Adds the rows of a snapshot; some appear, change or are removed during the year.
    fn standing(&mut self, first: NaiveDate, last: NaiveDate) {
        let begin = start_of(first - days(30));
        let length = (last - first).num_days();
        let many = if self.table().dataset == "uasg" {
            1_150
        } else {
            30
        };
        for number in 0..many + length / 5 {
            let slice = self.slice();
            let from = match number < many {
                true => begin,
                false => start_of(first + days(self.chance.within(0, length - 1))) + minutes(600),
            };
            let mut stamps = vec![from];
            if self.chance.in_1000(if many > 100 { 20 } else { 300 }) {
                stamps.push(from + minutes(self.chance.within(1440, length * 1440)));
            }
            let gone = match self.chance.in_1000(if many > 100 { 20 } else { 200 }) {
                true => from + minutes(self.chance.within(1440, length * 1440)),
                false => self.end + days(400),
            };
            self.list_standing(slice, &stamps, gone);
        }
    }

    fn list_standing(&mut self, slice: usize, stamps: &[At], gone: At) {
        let row = self.rows;
        self.rows += 1;
        for (number, stamp) in stamps.iter().enumerate() {
            let next = stamps.get(number + 1).copied().unwrap_or(gone);
            self.ledger.add(Listing {
                table: self.table,
                slice,
                row,
                revision: u32::try_from(number).expect("few"),
                stamp: local(*stamp),
                day: None,
                from: *stamp,
                until: next.min(gone),
                copies: 1,
            });
        }
    }
}

/// Returns the offset of the day that a record is listed on: `ahead` if listed by validity, else zero.
fn ahead_of(table: &Table, ahead: TimeDelta) -> TimeDelta {
    match table.home {
        Home::Validity => ahead,
        _ => TimeDelta::zero(),
    }
}
