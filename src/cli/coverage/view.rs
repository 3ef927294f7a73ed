//! Pages of `bronzed coverage`: a calendar of one dataset, and a grid of several.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate};

use super::{Covered, DayMark, Proven};
use crate::cli::text::{Paint, Screen, TextPage, counted};
use bronzed_model::day::Day;

/// Number of days of a grid on a screen without a limit.
const DAYS: usize = 90;
/// Space between the names and the days.
const GAP: usize = 2;

impl DayMark {
    fn sign(self) -> char {
        match self {
            Self::Complete => '■',
            Self::Accepted => 'a',
            Self::Read => '□',
            Self::Partial => '▲',
            Self::Failed => '✗',
            Self::Missing => '·',
        }
    }

    fn paint(self) -> Paint {
        match self {
            Self::Complete => Paint::Good,
            Self::Accepted => Paint::Dim,
            Self::Read | Self::Partial | Self::Missing => Paint::Warn,
            Self::Failed => Paint::Bad,
        }
    }
}

/// Returns the months of one dataset that have a marked day, a line each.
pub fn calendar(one: &Covered, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    if one.marks.is_empty() {
        page.line(&format!("{}: the lake has no days of it", one.dataset));
        return page;
    }
    headline(&mut page, one);
    page.blank();
    page.painted(&[(Paint::Dim, "         1   5    10   15   20   25   30")]);
    let months: BTreeSet<_> = one.marks.keys().map(|day| month(*day)).collect();
    for (year, number) in months {
        let mut parts = vec![(Paint::Bold, format!("{year:04}-{number:02}  "))];
        let first = NaiveDate::from_ymd_opt(year, number, 1).unwrap_or_default();
        let days = first.iter_days().map(Day::new);
        let days = days.take_while(|day| month(*day) == (year, number));
        parts.extend(days.map(|day| part(one, day)));
        add(&mut page, parts);
    }
    page.blank();
    legend(&mut page, one.marks.values().copied());
    page
}

fn month(day: Day) -> (i32, u32) {
    (day.date().year(), day.date().month())
}

/// Returns the last days of several datasets, a line each; those without a marked day are left out.
pub fn grid(all: &[Covered], from: Option<Day>, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let shown: Vec<_> = all.iter().filter(|one| !one.marks.is_empty()).collect();
    let marked = || shown.iter().flat_map(|one| one.marks.keys().copied());
    let (Some(oldest), Some(to)) = (marked().min(), marked().max()) else {
        page.line("the lake has no days of these datasets");
        return page;
    };
    let names = shown.iter().map(|one| one.dataset.chars().count());
    let names = names.max().unwrap_or(0) + GAP;
    let fits = screen
        .width
        .map_or(DAYS, |width| width.saturating_sub(names));
    let back = Days::new(fits.saturating_sub(1) as u64);
    let fitting = to.date().checked_sub_days(back).map_or(to, Day::new);
    let first = from.unwrap_or(oldest).max(fitting);
    heading(&mut page, names, first, to);
    for one in &shown {
        let name = format!("{:names$}", one.dataset);
        let mut parts = vec![(Paint::Plain, name)];
        parts.extend(first.through(to).map(|day| part(one, day)));
        add(&mut page, parts);
    }
    page.blank();
    let marks = shown.iter().flat_map(|one| one.marks.range(first..=to));
    legend(&mut page, marks.map(|(_, mark)| *mark));
    let ranges = shown.iter().filter(|one| one.range.is_some());
    for (position, one) in ranges.enumerate() {
        if position == 0 {
            page.blank();
        }
        headline(&mut page, one);
    }
    let hidden = all.len() - shown.len();
    if hidden > 0 {
        let hidden = counted(hidden, "more dataset");
        page.painted(&[(Paint::Dim, &format!("{hidden} without any day"))]);
    }
    page
}

/// Adds the names of months above their first days.
fn heading(page: &mut TextPage, names: usize, first: Day, to: Day) {
    let mut line = " ".repeat(names);
    for (index, day) in first.through(to).enumerate() {
        let at = names + index;
        let begins = index == 0 || day.date().day() == 1;
        if begins && line.chars().count() <= at {
            let pad = at - line.chars().count();
            line.push_str(&" ".repeat(pad));
            line.push_str(&format!("{} ", day.date().format("%Y-%m-%d")));
        }
    }
    page.painted(&[(Paint::Dim, line.trim_end())]);
}

/// Adds what is known of a dataset as one line; of a range with both ends, one that may be quoted.
fn headline(page: &mut TextPage, one: &Covered) {
    if let Some(Proven {
        from,
        to,
        partitions,
        complete,
        accepted,
    }) = one.proven()
    {
        let all = counted(partitions, one.period.word());
        let mut sum = format!(": {complete} of {all} from {from} to {to} proven complete");
        if accepted > 0 {
            sum += &format!(", {accepted} accepted by a person");
        }
        page.painted(&[(Paint::Bold, &one.dataset), (Paint::Plain, &sum)]);
        return;
    }
    let complete = one
        .marks
        .values()
        .filter(|mark| **mark == DayMark::Complete);
    let (complete, all) = (complete.count(), one.marks.len());
    let sum = format!(
        ": {complete} of {} complete",
        counted(all, one.period.word())
    );
    page.painted(&[(Paint::Bold, &one.dataset), (Paint::Plain, &sum)]);
}

fn part(one: &Covered, day: Day) -> (Paint, String) {
    match one.marks.get(&day) {
        Some(mark) => (mark.paint(), mark.sign().to_string()),
        None => (Paint::Plain, " ".to_owned()),
    }
}

/// Adds a line of days, without blanks at its end.
fn add(page: &mut TextPage, mut parts: Vec<(Paint, String)>) {
    while parts.last().is_some_and(|(_, text)| text == " ") {
        parts.pop();
    }
    let line: Vec<_> = parts
        .iter()
        .map(|(paint, text)| (*paint, &**text))
        .collect();
    page.painted(&line);
}

fn legend(page: &mut TextPage, marks: impl Iterator<Item = DayMark>) {
    let marks: BTreeSet<_> = marks.collect();
    let parts = marks
        .into_iter()
        .map(|mark| format!("{} {}", mark.sign(), mark.name()));
    let parts: Vec<_> = parts.collect();
    page.line(&parts.join("   "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::declaration::Period;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn covered(dataset: &str) -> Covered {
        let whole = day("2025-09-28").through(day("2025-10-20"));
        let mut one = Covered {
            dataset: dataset.to_owned(),
            marks: whole.map(|day| (day, DayMark::Complete)).collect(),
            period: Period::Day,
            range: None,
        };
        one.marks.insert(day("2025-10-03"), DayMark::Failed);
        one.marks.insert(day("2025-10-21"), DayMark::Partial);
        one.marks.insert(day("2025-10-22"), DayMark::Missing);
        one
    }

    fn screen(width: usize) -> Screen {
        Screen {
            width: Some(width),
            color: false,
        }
    }

    #[test]
    fn one_dataset_is_a_calendar_of_months() {
        let page = calendar(&covered("pncp.atas"), screen(80));
        assert_eq!(
            page.text(),
            "\
pncp.atas: 22 of 25 days complete

         1   5    10   15   20   25   30
2025-09                             ■■■
2025-10  ■■✗■■■■■■■■■■■■■■■■■▲·

■ complete   ▲ partial   ✗ failed   · not read"
        );
    }

    /// Days that nobody wanted are no days that are complete.
    #[test]
    fn a_range_is_told_by_all_of_its_days() {
        let told = |from: &str, to: &str| {
            let mut one = covered("pncp.atas");
            let (from, to) = (day(from), day(to));
            one.marks.retain(|day, _| (from..=to).contains(day));
            one.range = Some((from, to));
            one
        };
        let first = |one: &Covered| {
            let text = calendar(one, screen(80)).text();
            text.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(
            first(&told("2025-10-04", "2025-10-20")),
            "pncp.atas: 17 of 17 days from 2025-10-04 to 2025-10-20 proven complete"
        );
        let mut year = told("2025-01-01", "2025-12-31");
        year.marks.insert(day("2025-10-03"), DayMark::Accepted);
        let line = "pncp.atas: 22 of 365 days from 2025-01-01 to 2025-12-31 proven complete, \
                    1 accepted by a person";
        assert_eq!(first(&year), line);
        let grid = grid(&[year, covered("pncp.contratos")], None, screen(80));
        assert!(grid.text().ends_with(&format!("\n\n{line}")));
    }

    /// Counted by days, a year of proven months was "12 of 365 days".
    #[test]
    fn a_range_of_months_is_counted_by_months() {
        let mut one = covered("portal.contratos");
        one.period = Period::Month;
        one.range = Some((day("2025-01-01"), day("2025-12-31")));
        let months = Period::Month.through(day("2025-01-01"), day("2025-12-31"));
        one.marks = months.map(|month| (month, DayMark::Complete)).collect();
        let text = calendar(&one, screen(80)).text();
        assert_eq!(
            text.lines().next(),
            Some("portal.contratos: 12 of 12 months from 2025-01-01 to 2025-12-31 proven complete")
        );
    }

    #[test]
    fn several_datasets_are_a_grid_of_the_days_that_fit() {
        let empty = Covered {
            dataset: "pncp.pca".to_owned(),
            marks: std::collections::BTreeMap::new(),
            period: Period::Day,
            range: None,
        };
        let both = [covered("pncp.atas"), covered("pncp.contratos"), empty];
        let page = grid(&both, None, screen(60));
        assert_eq!(
            page.text(),
            "                2025-09-28
pncp.atas       ■■■■■✗■■■■■■■■■■■■■■■■■▲·
pncp.contratos  ■■■■■✗■■■■■■■■■■■■■■■■■▲·

■ complete   ▲ partial   ✗ failed   · not read
1 more dataset without any day"
        );
        let widest = |page: TextPage| {
            let lengths = page.text().lines().map(|line| line.chars().count()).max();
            lengths.unwrap()
        };
        let mut long = covered("comprasnet.legado_itens_pregoes");
        long.marks.insert(day("2024-01-01"), DayMark::Complete);
        let both = [long, covered("pncp.atas")];
        assert_eq!(widest(grid(&both, None, screen(80))), 80);
        assert_eq!(widest(grid(&both, None, screen(120))), 120);
    }
}
