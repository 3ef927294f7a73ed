//! Where the objects of a table lie in the lake.
//!
//! ```text
//! pncp/year=2025/month=10/day=22/pncp_20251022_c000007.parquet        commit 7 of the day
//! pncp/_state/year=2025/month=10/day=22/state_20251022.json           the day's index
//! pncp/_state/complete/20251022                                       the day is complete
//! pncp/_state/complete/20251022.1                                     … with the slices of generation 1
//! pncp/_state/accepted/20251022                                       a person has taken the day as it is
//! tcu_inidoneos/_state/known/20251022_c000002_5b1c9e07d2a4f683        the rows that a snapshot knew after
//!                                                                     commit 2 of the day
//! ```
//!
//! Existing lakes and other readers rely on these keys: they are for ever.

use chrono::NaiveDate;

use crate::day::Day;

/// The folder of a day's files, without a slash at its end.
pub fn partition(prefix: &str, day: Day) -> String {
    format!("{prefix}/{}", day.partition())
}

/// The key of the file that is commit `number` (from 1) of the day.
pub fn file_key(prefix: &str, day: Day, number: u64) -> String {
    let folder = partition(prefix, day);
    format!(
        "{folder}/{}_{}_c{number:06}.parquet",
        table(prefix),
        day.compact()
    )
}

/// The number of the commit that `key` is the file of. `None` says that it is no file of the
/// protocol: one of the earlier pipeline, or a stranger's.
pub fn file_number(prefix: &str, day: Day, key: &str) -> Option<u64> {
    let (_, number) = key.strip_suffix(".parquet")?.rsplit_once("_c")?;
    let number = number.parse().ok()?;
    // Only the one spelling counts: no sign, no further or missing zeros.
    (number > 0 && file_key(prefix, day, number) == key).then_some(number)
}

/// The day whose partition the Parquet file `key` lies in, whoever wrote it. `None`: it is none of the
/// table's.
pub fn file_day(prefix: &str, key: &str) -> Option<Day> {
    let path = key.strip_prefix(prefix)?.strip_prefix('/')?;
    let (folder, name) = path.rsplit_once('/')?;
    let day = NaiveDate::parse_from_str(folder, "year=%Y/month=%m/day=%d").ok()?;
    let day = Day::new(day);
    (name.ends_with(".parquet") && folder == day.partition()).then_some(day)
}

/// The key of the day's state document.
pub fn state_key(prefix: &str, day: Day) -> String {
    format!(
        "{prefix}/_state/{}/state_{}.json",
        day.partition(),
        day.compact()
    )
}

/// The folder of states and markers, without a slash at its end.
pub fn state_folder(prefix: &str) -> String {
    format!("{prefix}/_state")
}

/// The day whose state document `key` is. `None`: it is none.
pub fn state_day(prefix: &str, key: &str) -> Option<Day> {
    let name = key.strip_suffix(".json")?.rsplit_once("/state_")?.1;
    let day = Day::from_compact(name)?;
    (state_key(prefix, day) == key).then_some(day)
}

/// The key of the marker that says that the day is complete.
pub fn complete_key(prefix: &str, day: Day) -> String {
    format!("{prefix}/_state/complete/{}", day.compact())
}

/// The key of the marker that says that the day is complete with the slices of this generation, too.
pub fn complete_key_of(prefix: &str, day: Day, generation: u64) -> String {
    match generation {
        0 => complete_key(prefix, day),
        later => format!("{}.{later}", complete_key(prefix, day)),
    }
}

/// The day and the generation whose marker `key` is. `None`: it is no marker.
pub fn complete_mark(prefix: &str, key: &str) -> Option<(Day, u64)> {
    let (_, name) = key.rsplit_once('/')?;
    let (date, generation) = match name.split_once('.') {
        Some((date, generation)) => (date, generation.parse().ok()?),
        None => (name, 0),
    };
    let day = Day::from_compact(date)?;
    (complete_key_of(prefix, day, generation) == key).then_some((day, generation))
}

/// The key of the marker that says that a person has taken the day as it is.
pub fn accepted_key(prefix: &str, day: Day) -> String {
    format!("{prefix}/_state/accepted/{}", day.compact())
}

/// The accepted day whose marker `key` is. `None`: it is no such marker.
pub fn accepted_day(prefix: &str, key: &str) -> Option<Day> {
    let (_, name) = key.rsplit_once('/')?;
    let day = Day::from_compact(name)?;
    (accepted_key(prefix, day) == key).then_some(day)
}

/// The key of the rows that a snapshot knew after commit `number` of `day`; `digest` tells which files
/// they are made of.
pub fn known_key(prefix: &str, day: Day, number: u64, digest: &str) -> String {
    format!(
        "{prefix}/_state/known/{}_c{number:06}_{digest}",
        day.compact()
    )
}

/// The day, the number of the commit, and the digest that `key` is for. `None`: it is no such key.
pub fn known_rows<'k>(prefix: &str, key: &'k str) -> Option<(Day, u64, &'k str)> {
    let (_, name) = key.rsplit_once('/')?;
    let (date, rest) = name.split_once("_c")?;
    let (number, digest) = rest.split_once('_')?;
    let day = Day::from_compact(date)?;
    let number = number.parse().ok()?;
    (known_key(prefix, day, number, digest) == key).then_some((day, number, digest))
}

/// What file names begin with: the last folder of the prefix.
fn table(prefix: &str) -> &str {
    prefix.rsplit_once('/').map_or(prefix, |(_, table)| table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        "2025-10-22".parse().unwrap()
    }

    #[test]
    fn keys_are_those_that_others_rely_on() {
        assert_eq!(
            file_key("pncp", day(), 7),
            "pncp/year=2025/month=10/day=22/pncp_20251022_c000007.parquet"
        );
        assert_eq!(
            state_key("pncp", day()),
            "pncp/_state/year=2025/month=10/day=22/state_20251022.json"
        );
        assert_eq!(complete_key("pncp", day()), "pncp/_state/complete/20251022");
        assert_eq!(partition("pncp", day()), "pncp/year=2025/month=10/day=22");
        assert_eq!(
            file_key("bronze/tcu_atas", day(), 1),
            "bronze/tcu_atas/year=2025/month=10/day=22/tcu_atas_20251022_c000001.parquet"
        );
    }

    #[test]
    fn a_file_tells_its_number() {
        for number in [1, 7, 999_999, 1_000_000] {
            let key = file_key("pncp", day(), number);
            assert_eq!(file_number("pncp", day(), &key), Some(number), "{key}");
        }
    }

    #[test]
    fn a_file_tells_its_day_whoever_wrote_it() {
        let folder = partition("a/pncp", day());
        for name in ["pncp_20251022_c000007.parquet", "part-0.parquet"] {
            let key = format!("{folder}/{name}");
            assert_eq!(file_day("a/pncp", &key), Some(day()), "{key}");
        }
        for key in [
            "a/pncp/year=2025/month=10/day=22/state.json",
            "a/pncp/year=2025/month=10/day=32/x.parquet",
            "a/pncp/year=2025/month=10/day=22/more/x.parquet",
            "a/pncp/year=2025/month=9/day=22/x.parquet",
            "a/pncp_itens/year=2025/month=10/day=22/x.parquet",
            "a/pncp/_state/year=2025/month=10/day=22/x.parquet",
        ] {
            assert_eq!(file_day("a/pncp", key), None, "{key}");
        }
    }

    #[test]
    fn a_marker_tells_its_day() {
        let key = complete_key("pncp", day());
        assert_eq!(complete_mark("pncp", &key), Some((day(), 0)));
        for key in [
            "pncp/_state/complete/2025-10-22",
            "pncp/_state/complete/20251322",
            "pncp/_state/complete/x/20251022",
            "other/_state/complete/20251022",
        ] {
            assert_eq!(complete_mark("pncp", key), None, "{key}");
        }
    }

    #[test]
    fn a_marker_of_an_accepted_day_is_none_of_a_complete_one() {
        let key = accepted_key("pncp", day());
        assert_eq!(key, "pncp/_state/accepted/20251022");
        assert_eq!(accepted_day("pncp", &key), Some(day()));
        assert_eq!(complete_mark("pncp", &key), None);
        assert_eq!(accepted_day("pncp", &complete_key("pncp", day())), None);
    }

    #[test]
    fn a_marker_of_later_slices_tells_their_generation() {
        for (generation, key) in [
            (0, "pncp/_state/complete/20251022"),
            (1, "pncp/_state/complete/20251022.1"),
            (12, "pncp/_state/complete/20251022.12"),
        ] {
            assert_eq!(complete_key_of("pncp", day(), generation), key);
            assert_eq!(complete_mark("pncp", key), Some((day(), generation)));
        }
        for key in [
            "pncp/_state/complete/20251022.0",
            "pncp/_state/complete/20251022.01",
            "pncp/_state/complete/20251022.x",
            "pncp/_state/accepted/20251022",
        ] {
            assert_eq!(complete_mark("pncp", key), None, "{key}");
        }
    }

    #[test]
    fn a_state_tells_its_day() {
        let key = state_key("bronze/pncp", day());
        assert_eq!(state_day("bronze/pncp", &key), Some(day()));
        for key in [
            "pncp/_state/year=2025/month=10/day=22/state_20251023.json",
            "pncp/_state/year=2025/month=10/day=22/state_20251022.json.tmp",
            "pncp/_state/complete/20251022",
            "other/_state/year=2025/month=10/day=22/state_20251022.json",
        ] {
            assert_eq!(state_day("pncp", key), None, "{key}");
        }
    }

    #[test]
    fn known_rows_tell_what_they_are_made_of() {
        let key = known_key("tcu_inidoneos", day(), 2, "5b1c9e07d2a4f683");
        assert_eq!(
            key,
            "tcu_inidoneos/_state/known/20251022_c000002_5b1c9e07d2a4f683"
        );
        let told = known_rows("tcu_inidoneos", &key);
        assert_eq!(told, Some((day(), 2, "5b1c9e07d2a4f683")));
        for key in [
            "tcu_inidoneos/_state/known/20251022_c2_5b1c9e07d2a4f683",
            "tcu_inidoneos/_state/known/20251022_c000002",
            "tcu_inidoneos/_state/known/x/20251022_c000002_5b1c9e07d2a4f683",
        ] {
            assert_eq!(known_rows("tcu_inidoneos", key), None, "{key}");
        }
    }

    #[test]
    fn files_of_others_have_no_number() {
        let folder = partition("pncp", day());
        for name in [
            "pncp_20251022_120003.parquet",
            "pncp_20251022.parquet",
            "pncp_20251022_c7.parquet",
            "pncp_20251022_c0000007.parquet",
            "pncp_20251022_c000000.parquet",
            "pncp_20251022_c+00007.parquet",
            "pncp_20251023_c000007.parquet",
            "other_20251022_c000007.parquet",
            "pncp_20251022_c000007.parquet.tmp",
        ] {
            let key = format!("{folder}/{name}");
            assert_eq!(file_number("pncp", day(), &key), None, "{name}");
        }
        let elsewhere = "pncp/year=2025/month=10/day=23/pncp_20251022_c000007.parquet";
        assert_eq!(file_number("pncp", day(), elsewhere), None);
    }
}
