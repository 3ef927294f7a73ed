//! List of the failpoints.

/// Name of each point, with the steps done and not yet done when it is passed.
pub const POINTS: &[(&str, &str)] = &[
    ("data.before", "the rows are encoded, and no file has them"),
    (
        "data.after",
        "the file is there, or its number was another's; no state counts it",
    ),
    (
        "state.before",
        "a state is to be written, and the lake has the one before it",
    ),
    (
        "state.after",
        "the state is written, or was another's meanwhile, and the caller doesn't know",
    ),
    (
        "marker.before",
        "the state says that the day is complete or accepted, and no marker does",
    ),
    (
        "marker.after",
        "the day's marker is there, and the run goes on",
    ),
    (
        "comparison.before",
        "a day was compared with the API, and isn't marked as compared",
    ),
    ("comparison.after", "the comparison is marked"),
    (
        "document.before",
        "any other object is to be written: the lake's identity, a table's document or seal, coverage, known rows, the probe",
    ),
    (
        "document.after",
        "that object is written, or was refused, and the caller doesn't know",
    ),
    ("removal.before", "an object is to be removed, and is there"),
    (
        "removal.after",
        "it is removed, and the caller doesn't know",
    ),
    (
        "folder.locked",
        "the folder's lock is held, and nothing is done",
    ),
    ("folder.made", "a new folder is there, and isn't on disk"),
    ("folder.staged", "the staging file is there, and empty"),
    (
        "folder.written",
        "the staging file has its content, and nothing has its name",
    ),
    (
        "folder.linked",
        "a new object has its name, and the staging file, too",
    ),
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
