//! Days as ranges.

use bronzed_model::day::Day;

/// Number of ranges that [`short`] names.
const RANGES: usize = 3;

/// Formats days as ranges, in any order of the days: `2025-10-01 … 2025-10-07, 2025-10-09`.
pub fn spans(days: &[Day]) -> String {
    let spans: Vec<_> = ranges(days).into_iter().map(told).collect();
    spans.join(", ")
}

/// Formats days as at most three ranges, the newest ones: `2025-10-01 … 2025-10-07, and 12 days before`.
pub fn short(days: &[Day]) -> String {
    let ranges = ranges(days);
    let skipped = ranges.len().saturating_sub(RANGES);
    let shown = ranges.iter().skip(skipped).rev();
    let shown: Vec<_> = shown.copied().map(told).collect();
    let before = ranges.iter().take(skipped);
    let before: usize = before
        .map(|(first, last)| first.through(*last).count())
        .sum();
    match before {
        0 => shown.join(", "),
        1 => format!("{}, and 1 day before", shown.join(", ")),
        days => format!("{}, and {days} days before", shown.join(", ")),
    }
}

fn told((first, last): (Day, Day)) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first} … {last}"),
    }
}

/// Returns the ranges of consecutive days, oldest first.
fn ranges(days: &[Day]) -> Vec<(Day, Day)> {
    let mut days = days.to_vec();
    days.sort_unstable();
    let mut ranges: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, last)) if last.next() == day => *last = day,
            _ => ranges.push((day, day)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(texts: &[&str]) -> Vec<Day> {
        texts.iter().map(|day| day.parse().unwrap()).collect()
    }

    #[test]
    fn days_in_a_row_are_told_as_a_span() {
        let days = days(&["2025-11-01", "2025-10-31", "2025-10-28", "2025-10-30"]);
        assert_eq!(spans(&days), "2025-10-28, 2025-10-30 … 2025-11-01");
    }

    #[test]
    fn of_many_ranges_the_newest_are_named_and_the_rest_is_counted() {
        let days = days(&[
            "2025-10-01",
            "2025-10-03",
            "2025-10-04",
            "2025-10-06",
            "2025-10-08",
            "2025-10-10",
        ]);
        let told = "2025-10-10, 2025-10-08, 2025-10-06, and 3 days before";
        assert_eq!(short(&days), told);
        assert_eq!(short(&days[..2]), "2025-10-03, 2025-10-01");
    }
}
