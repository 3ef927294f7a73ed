//! The four kinds of datasets, and detection of newer versions of a record.

use super::window::Window;

/// Kind of dataset: how the API serves its records.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A day is a request parameter.
    Dated(Window),
    /// The whole table is read each time; the day is the day of reading.
    Snapshot,
    /// One walk for each record of the parent dataset, stored in that record's day.
    Child(Parent),
    /// Newest first, without a date parameter; the day is a field of the record.
    Feed,
}

impl Kind {
    /// Returns `true` if a day can be read only while it is the current day, because the API doesn't
    /// serve it later.
    pub fn is_of_today(&self) -> bool {
        matches!(self, Self::Snapshot | Self::Feed)
    }

    /// Returns the name used in TOML.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dated(_) => "dated",
            Self::Snapshot => "snapshot",
            Self::Child(_) => "child",
            Self::Feed => "feed",
        }
    }
}

/// Parent dataset, for whose records a child is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Name of the parent dataset, in the same source.
    pub dataset: String,
    /// Table of the parent dataset.
    pub prefix: String,
    /// JSON pointers to the fields that make up the parent's ids.
    pub primary_key: Vec<String>,
    /// `true` if the parent is a child itself.
    pub is_child: bool,
    /// Template variables, with the JSON pointers into the parent's record that give their values.
    pub bind: Vec<(String, String)>,
    /// Template variables with the values that they had in the request for the parent.
    pub inherited: Vec<String>,
    /// Conditions (JSON pointer and text): only parents that meet all of them have children.
    pub when: Vec<(String, String)>,
}

/// Detection of newer versions of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// None: each id is stored once.
    None,
    /// By the field at this JSON pointer.
    Field(String),
    /// By the hash of the record's canonical JSON, compared with the last version stored.
    Content,
}
