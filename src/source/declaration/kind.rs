//! How a dataset is read: the four kinds, and how a newer version of a record is known.

use super::window::Window;

/// How a dataset is read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A day is a request parameter.
    Dated(Window),
    /// The whole table is read each time; the day is the day of reading.
    Snapshot,
    /// One walk for each record of another dataset, in that record's day.
    Child(Parent),
    /// Newest first, without a date parameter; the day is a field of the record.
    Feed,
}

impl Kind {
    /// Whether a day can be read only while it is under way: afterwards nobody can ask for it any
    /// more.
    pub fn is_of_today(&self) -> bool {
        matches!(self, Self::Snapshot | Self::Feed)
    }

    /// As the file says it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dated(_) => "dated",
            Self::Snapshot => "snapshot",
            Self::Child(_) => "child",
            Self::Feed => "feed",
        }
    }
}

/// The dataset whose records a child is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The dataset's name, in the same source.
    pub dataset: String,
    /// The table of that dataset.
    pub prefix: String,
    /// JSON pointers to the fields that make up its ids.
    pub primary_key: Vec<String>,
    /// Whether it is a child itself.
    pub is_child: bool,
    /// Template variable, and the JSON pointer into the parent's record that gives its value.
    pub bind: Vec<(String, String)>,
    /// Template variables that have the value that they had in the request for the parent itself.
    pub inherited: Vec<String>,
    /// Only parents that have this text at this JSON pointer, for all of these, have children.
    pub when: Vec<(String, String)>,
}

/// How a newer version of a record is told from a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// Not at all: the id is stored once.
    None,
    /// By the field that this JSON pointer names.
    Field(String),
    /// By the hash of the record's canonical JSON, compared with the last version stored.
    Content,
}
