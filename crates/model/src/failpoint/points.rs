//! List of the failpoints.

/// Name of each point, with the steps done and not yet done when it is passed.
pub const POINTS: &[(&str, &str)] = &[
    (
        "probe.written",
        "the probe's object is in the lake, and isn't removed",
    ),
    (
        "create.refused",
        "a create was refused, and whether anything is there wasn't looked at",
    ),
    (
        "folder.locked",
        "the folder's lock is held, and nothing is done",
    ),
    ("folder.made", "a new folder is there, and isn't on disk"),
    ("folder.staged", "the staging file is there, and empty"),
    (
        "folder.written",
        "the staging file has its content, and isn't on disk",
    ),
    (
        "folder.synced",
        "the staging file is on disk, and nothing has its name",
    ),
    (
        "folder.linked",
        "a new object has its name, and the staging file, too",
    ),
    (
        "folder.unstaged",
        "a new object has its name, which isn't on disk",
    ),
    (
        "folder.renamed",
        "an object was replaced, which isn't on disk",
    ),
    (
        "folder.named",
        "the object and its name are on disk, and the caller doesn't know",
    ),
    (
        "seal.before_create",
        "a table is to be protected, and no seal says so",
    ),
    (
        "seal.after_create",
        "the table's seal is there, and nothing of the table",
    ),
    (
        "seal.before_replace",
        "the seal is to tell of a key, and tells of none",
    ),
    (
        "seal.after_replace",
        "the seal tells of the key, and nothing is written with it",
    ),
    (
        "recover.file_read",
        "a file beyond the state was read, and the state doesn't count it",
    ),
    (
        "recover.files_listed",
        "the day's files are listed, and not compared with those of the state",
    ),
    (
        "recover.before_state",
        "the state was set right in memory, and not in the lake",
    ),
    (
        "recover.after_state",
        "the state was set right in the lake, and nothing is read",
    ),
    (
        "rebuild.marker_seen",
        "the marker was looked for, and no file was",
    ),
    (
        "rebuild.files_listed",
        "the day's files are listed, and not read",
    ),
    ("rebuild.file_read", "one of the day's files was read"),
    (
        "rebuild.before_state",
        "the state was made anew on demand, and isn't written",
    ),
    (
        "rebuild.after_state",
        "it is written, and a complete day's marker isn't put",
    ),
    (
        "commit.before_data",
        "the rows are encoded, and no file has them",
    ),
    (
        "commit.taken",
        "the number of the file was another's, whose rows aren't known",
    ),
    (
        "commit.after_data",
        "the file is there, and no state counts it",
    ),
    (
        "commit.after_state",
        "the state follows what was stored, and the run goes on",
    ),
    (
        "state.refused",
        "the state was another's meanwhile, and wasn't read again",
    ),
    (
        "record.before_state",
        "the run is at its end, and the state doesn't say so",
    ),
    (
        "record.after_state",
        "the state says how the run ended; a complete day has no marker",
    ),
    (
        "record.after_marker",
        "the marker of a complete day is there, and the run goes on",
    ),
    (
        "child.marker_seen",
        "whether the parents are complete is known, and they aren't listed",
    ),
    (
        "child.parents_listed",
        "the parents are listed, and no child is read",
    ),
    (
        "child.before_state",
        "parents without children are done, and the state doesn't say so",
    ),
    (
        "child.after_state",
        "the state says that they are done, and the run goes on",
    ),
    (
        "feed.day_committed",
        "one day of several has its rows, and the others don't",
    ),
    (
        "feed.days_committed",
        "all days have their rows, and none is closed",
    ),
    ("feed.day_closed", "one day of several is closed"),
    (
        "feed.before_coverage",
        "the days are closed, and the coverage doesn't say so",
    ),
    (
        "feed.after_coverage",
        "the coverage is written, and the walk goes on",
    ),
    (
        "snapshot.before_known",
        "all rows are committed, and the known ones aren't kept",
    ),
    (
        "snapshot.after_known",
        "the known rows are kept, and no state names them",
    ),
    (
        "verify.compared",
        "the day differs from the API, and isn't read again",
    ),
    (
        "verify.before_mark",
        "the marks of comparisons were read, and aren't written",
    ),
    ("verify.after_mark", "the comparison is marked"),
];

/// `true` if the point is listed; evaluated at compile time.
pub const fn is_listed(name: &str) -> bool {
    let mut at = 0;
    while at < POINTS.len() {
        if is_same(POINTS[at].0.as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    one.len() == other.len()
}
