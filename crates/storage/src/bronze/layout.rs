//! Object keys of a table in the lake.
//!
//! ```text
//! pncp/year=2025/month=10/day=22/pncp_20251022_c000007.parquet        commit 7 of the day
//! pncp/_state/year=2025/month=10/day=22/state_20251022.json           the day's index
//! pncp/_state/complete/20251022                                       the day is complete
//! pncp/_state/complete/20251022.1                                     … including the slices of generation 1
//! pncp/_state/accepted/20251022                                       a person has accepted the day
//! pncp/_delta_log/00000000000000000007.json                           version 7 of the Delta table
//! pncp/_compacted/year=2025/month=10/day=22/pncp_20251022_c000001-c000024_5b1c9e07d2a4f683.parquet
//!                                                                     the rows of commits 1 to 24, for its readers
//! pncp/_state/files/20251022_c000007_6_48213                          … and up to commit 7, the day has 6 files of
//!                                                                     48,213 bytes: commit 3 was lost before
//! tcu_inidoneos/_state/known/20251022_c000002_5b1c9e07d2a4f683        snapshot checkpoint: the current rows
//!                                                                     after commit 2 of the day
//! ```
//!
//! Existing lakes and other readers rely on these keys: they never change.

use chrono::NaiveDate;

use bronzed_model::day::Day;

/// Folder of a day's files, without a trailing slash.
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

/// Commit number of the file `key`. `None` if the key is not of this layout: a file of the earlier pipeline
/// or of another program.
pub fn file_number(prefix: &str, day: Day, key: &str) -> Option<u64> {
    let (_, number) = key.strip_suffix(".parquet")?.rsplit_once("_c")?;
    let number = number.parse().ok()?;
    // Accept only the canonical spelling: no sign, no extra or missing zeros.
    (number > 0 && file_key(prefix, day, number) == key).then_some(number)
}

/// Day of the partition that contains the Parquet file `key`, regardless of its writer. `None` if the key is
/// not in the table.
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

/// Folder of states and markers, without a trailing slash.
pub fn state_folder(prefix: &str) -> String {
    format!("{prefix}/_state")
}

/// Folder of the table's Delta log, without a trailing slash.
pub fn delta_log_folder(prefix: &str) -> String {
    format!("{prefix}/_delta_log")
}

/// Folder of the table's compacted files, without a trailing slash.
pub fn compacted_folder(prefix: &str) -> String {
    format!("{prefix}/_compacted")
}

/// A compacted file: it has the rows of the day's files from one commit to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactedName {
    /// The day.
    pub day: Day,
    /// Number of the first commit.
    pub first: u64,
    /// Number of the last commit.
    pub last: u64,
    /// Digest of the files from which the rows were taken.
    pub digest: String,
}

/// Key of the compacted file.
pub fn compacted_key(prefix: &str, name: &CompactedName) -> String {
    let CompactedName {
        day,
        first,
        last,
        digest,
    } = name;
    format!(
        "{}/{}/{}_{}_c{first:06}-c{last:06}_{digest}.parquet",
        compacted_folder(prefix),
        day.partition(),
        table(prefix),
        day.compact()
    )
}

/// Name of the compacted file `key`. `None` if the key is not one.
pub fn compacted_name(prefix: &str, key: &str) -> Option<CompactedName> {
    let (rest, digest) = key.strip_suffix(".parquet")?.rsplit_once('_')?;
    let (rest, last) = rest.rsplit_once("-c")?;
    let (rest, first) = rest.rsplit_once("_c")?;
    let (_, date) = rest.rsplit_once('_')?;
    let name = CompactedName {
        day: Day::from_compact(date)?,
        first: first.parse().ok()?,
        last: last.parse().ok()?,
        digest: digest.to_owned(),
    };
    (compacted_key(prefix, &name) == key).then_some(name)
}

/// Day of the state document `key`. `None` if the key is not a state document.
pub fn state_day(prefix: &str, key: &str) -> Option<Day> {
    let name = key.strip_suffix(".json")?.rsplit_once("/state_")?.1;
    let day = Day::from_compact(name)?;
    (state_key(prefix, day) == key).then_some(day)
}

/// Key of the complete marker of the day.
pub fn complete_key(prefix: &str, day: Day) -> String {
    format!("{prefix}/_state/complete/{}", day.compact())
}

/// Key of the marker that says that the day is complete including the slices of this generation.
pub fn complete_key_of(prefix: &str, day: Day, generation: u64) -> String {
    match generation {
        0 => complete_key(prefix, day),
        later => format!("{}.{later}", complete_key(prefix, day)),
    }
}

/// Day and generation of the complete marker `key`. `None` if the key is not such a marker.
pub fn complete_mark(prefix: &str, key: &str) -> Option<(Day, u64)> {
    let (_, name) = key.rsplit_once('/')?;
    let (date, generation) = match name.split_once('.') {
        Some((date, generation)) => (date, generation.parse().ok()?),
        None => (name, 0),
    };
    let day = Day::from_compact(date)?;
    (complete_key_of(prefix, day, generation) == key).then_some((day, generation))
}

/// Key of the accepted marker of the day.
pub fn accepted_key(prefix: &str, day: Day) -> String {
    format!("{prefix}/_state/accepted/{}", day.compact())
}

/// Day of the accepted marker `key`. `None` if the key is not such a marker.
pub fn accepted_day(prefix: &str, key: &str) -> Option<Day> {
    let (_, name) = key.rsplit_once('/')?;
    let day = Day::from_compact(name)?;
    (accepted_key(prefix, day) == key).then_some(day)
}

/// Number and size of a day's files when the day was complete or accepted. Files are never changed, so it
/// stays true of the files up to its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesNote {
    /// Number of the last commit.
    pub commits: u64,
    /// Number of files up to this commit, those of the earlier pipeline included, and lost ones not.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
}

/// Key of the object that notes the day's files; the object is empty.
pub fn files_key(prefix: &str, day: Day, note: &FilesNote) -> String {
    let FilesNote {
        commits,
        files,
        bytes,
    } = note;
    format!(
        "{prefix}/_state/files/{}_c{commits:06}_{files}_{bytes}",
        day.compact()
    )
}

/// Day and content of the note `key`. `None` if the key is not such a note.
pub fn files_note(prefix: &str, key: &str) -> Option<(Day, FilesNote)> {
    let (_, name) = key.rsplit_once('/')?;
    let (date, rest) = name.split_once("_c")?;
    let mut numbers = rest.split('_').map(|number| number.parse().ok());
    let day = Day::from_compact(date)?;
    let note = FilesNote {
        commits: numbers.next()??,
        files: numbers.next()??,
        bytes: numbers.next()??,
    };
    (files_key(prefix, day, &note) == key).then_some((day, note))
}

/// Key of a snapshot's checkpoint: its current rows after commit `number` of `day`. `digest` identifies the
/// files from which the rows were derived.
pub fn known_key(prefix: &str, day: Day, number: u64, digest: &str) -> String {
    format!(
        "{prefix}/_state/known/{}_c{number:06}_{digest}",
        day.compact()
    )
}

/// Day, commit number and digest of the snapshot checkpoint `key`. `None` if the key is not a checkpoint.
pub fn known_rows<'k>(prefix: &str, key: &'k str) -> Option<(Day, u64, &'k str)> {
    let (_, name) = key.rsplit_once('/')?;
    let (date, rest) = name.split_once("_c")?;
    let (number, digest) = rest.split_once('_')?;
    let day = Day::from_compact(date)?;
    let number = number.parse().ok()?;
    (known_key(prefix, day, number, digest) == key).then_some((day, number, digest))
}

/// Start of file names: the last folder of the prefix.
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
    fn a_note_of_files_tells_day_and_content() {
        let note = FilesNote {
            commits: 7,
            files: 6,
            bytes: 48_213,
        };
        let key = files_key("pncp", day(), &note);
        assert_eq!(key, "pncp/_state/files/20251022_c000007_6_48213");
        assert_eq!(files_note("pncp", &key), Some((day(), note)));
        for key in [
            "pncp/_state/files/20251022_c7_6_48213",
            "pncp/_state/files/20251022_c000007_6",
            "pncp/_state/files/20251022_c000007_6_48213_1",
            "other/_state/files/20251022_c000007_6_48213",
        ] {
            assert_eq!(files_note("pncp", key), None, "{key}");
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
    fn a_compacted_file_tells_its_commits_and_is_no_file_of_the_day() {
        let name = CompactedName {
            day: day(),
            first: 1,
            last: 24,
            digest: "5b1c9e07d2a4f683".to_owned(),
        };
        let key = compacted_key("bronze/tcu_atas", &name);
        assert_eq!(
            key,
            "bronze/tcu_atas/_compacted/year=2025/month=10/day=22/tcu_atas_20251022_c000001-c000024_5b1c9e07d2a4f683.parquet"
        );
        assert_eq!(compacted_name("bronze/tcu_atas", &key), Some(name));
        assert_eq!(file_day("bronze/tcu_atas", &key), None);
        assert_eq!(file_number("bronze/tcu_atas", day(), &key), None);
        for other in [
            file_key("pncp", day(), 1),
            key.replace("c000024", "c24"),
            key.replace("day=22", "day=23"),
            key.replace("_compacted/", ""),
        ] {
            assert_eq!(compacted_name("bronze/tcu_atas", &other), None, "{other}");
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
