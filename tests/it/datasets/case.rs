//! Test data of one dataset.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bronzed_model::json;

use super::api::{Envelope, Reply};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A dataset, with known records and responses of its API.
pub struct Case {
    /// Full name: `pncp.contratos`.
    pub dataset: &'static str,
    /// Known records, with their expected ids and extra fields.
    pub samples: Vec<Sample>,
    /// Member with the record's own date, if the dataset is requested by day.
    pub day_field: Option<&'static str>,
    /// Envelope of a page.
    pub envelope: Envelope,
    /// Number of records on a full page, as the API documents it.
    pub page: usize,
    /// Query parameters of the slice that has records.
    pub slice: &'static [(&'static str, &'static str)],
    /// First request for the day of the first sample, as the API documents it.
    pub asked: &'static str,
    /// Member that is changed in each copy of a record, to make it a different record.
    pub vary: &'static str,
    /// Response of the API for "no data".
    pub empty: Reply,
    /// An error response that the API is known for.
    pub trouble: Trouble,
    /// Dataset that must be read before: a child's parent, or the dataset whose rows give the slices.
    pub before: Option<Box<Case>>,
}

/// Outcome of an error response.
pub enum Trouble {
    /// Only the first request gets the error; a retry succeeds.
    Passes(Reply),
    /// Every request gets the error, and the run's report contains this text.
    Fails(Reply, &'static str),
}

/// One record.
#[derive(Debug, Clone)]
pub struct Sample {
    /// JSON as the API sends it.
    pub json: String,
    /// Expected id; without its version if versions are told by content.
    pub id: String,
    /// Paths of the fields that no column holds.
    pub extra: Vec<String>,
}

/// Records without expectations yet.
pub struct Records(Vec<String>);

/// Returns the records at `pointer` in a recorded response.
pub fn recorded(file: &str, pointer: &str) -> Records {
    let text = fs::read_to_string(Path::new(FIXTURES).join(file)).unwrap();
    let array = json::pointer(&text, pointer).unwrap();
    let array = array.unwrap_or_else(|| panic!("nothing at {pointer} in {file}"));
    let records = json::elements(array).unwrap();
    Records(records.into_iter().map(str::to_owned).collect())
}

/// Returns records made by hand from the API's documentation.
pub fn documented(records: &[&str]) -> Records {
    Records(records.iter().map(|record| (*record).to_owned()).collect())
}

impl Records {
    /// Keeps the records with this text at a member.
    pub fn that_have(mut self, member: &str, value: &str) -> Self {
        self.0.retain(|record| text(record, member) == value);
        self
    }

    /// Returns the only record.
    pub fn one(mut self) -> String {
        assert_eq!(self.0.len(), 1);
        self.0.remove(0)
    }

    /// Updates recorded records to the API's current documentation, by replacing texts.
    pub fn brought_up_to_date(self, changes: &[(&str, &str)]) -> Self {
        let change = |record: String| {
            changes.iter().fold(record, |record, (old, new)| {
                assert!(record.contains(old), "no {old} in {record}");
                record.replace(old, new)
            })
        };
        Self(self.0.into_iter().map(change).collect())
    }

    /// Sets each id from the members of these names, joined as composite ids are.
    pub fn known_by(self, members: &[&str]) -> Vec<Sample> {
        let id = |record: &str| {
            let values: Vec<_> = members.iter().map(|name| text(record, name)).collect();
            values.join("|")
        };
        self.with_ids(id)
    }

    /// Sets each id by a function of the record.
    pub fn with_ids(self, id: impl Fn(&str) -> String) -> Vec<Sample> {
        let sample = |json: String| Sample {
            id: id(&json),
            json,
            extra: Vec::new(),
        };
        self.0.into_iter().map(sample).collect()
    }

    /// Sets each version to the hash of the content, because the stamp is missing.
    pub fn without_stamp(self, key: &str) -> Vec<Sample> {
        self.with_ids(|record| {
            let hash = json::canonical::hash(record);
            format!("{}@sha256:{hash}", text(record, key))
        })
    }

    /// Sets each id to the hash of the content, because a field of the key is missing.
    pub fn unidentified(self) -> Vec<Sample> {
        self.with_ids(|record| format!("sha256:{}", json::canonical::hash(record)))
    }
}

/// Sets the fields of these records that no column holds.
pub fn with_extra(mut samples: Vec<Sample>, extra: &[&str]) -> Vec<Sample> {
    for sample in &mut samples {
        sample.extra = extra.iter().map(|field| (*field).to_owned()).collect();
    }
    samples
}

/// Returns the value of a member, which may be nested: `itens/numeroItem`. A string is unquoted.
pub fn text(record: &str, path: &str) -> String {
    let value = json::pointer(record, &format!("/{path}")).unwrap();
    let value = value.unwrap_or_else(|| panic!("no {path} in {record}"));
    match json::kind(value) {
        json::Kind::String => json::string(value).unwrap().into_owned(),
        _ => value.to_owned(),
    }
}

impl Case {
    /// Returns the source's name.
    pub fn source(&self) -> &'static str {
        self.dataset.split_once('.').unwrap().0
    }

    /// Returns the dataset's short name.
    pub fn name(&self) -> &'static str {
        self.dataset.split_once('.').unwrap().1
    }

    /// Returns the day of the first sample.
    pub fn day(&self) -> String {
        self.day_of(&self.samples[0])
    }

    fn day_of(&self, sample: &Sample) -> String {
        match (self.day_field, &self.before) {
            (Some(field), _) => text(&sample.json, field)[..10].to_owned(),
            (None, Some(parent)) => parent.day(),
            (None, None) => super::desk::TODAY.to_owned(),
        }
    }

    /// Returns the samples by their own days.
    pub fn samples_by_day(&self) -> BTreeMap<String, Vec<Sample>> {
        let mut days: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for sample in &self.samples {
            days.entry(self.day_of(sample))
                .or_default()
                .push(sample.clone());
        }
        days
    }

    /// Returns `count` records of the first sample's day: the sample, and copies with different ids.
    pub fn many(&self, count: usize) -> Vec<Sample> {
        let first = &self.samples[0];
        let copies = (1..count).map(|number| {
            let (json, changed) = varied(&first.json, self.vary, number);
            let old = text(&first.json, self.vary);
            Sample {
                json,
                id: with_part(&first.id, &old, &changed),
                extra: first.extra.clone(),
            }
        });
        std::iter::once(first.clone()).chain(copies).collect()
    }
}

/// Replaces the last part of the id that equals `old`.
fn with_part(id: &str, old: &str, new: &str) -> String {
    let (key, version) = match id.split_once('@') {
        Some((key, version)) => (key, format!("@{version}")),
        None => (id, String::new()),
    };
    let mut parts: Vec<_> = key.split('|').collect();
    let part = parts.iter_mut().rev().find(|part| **part == old);
    *part.unwrap_or_else(|| panic!("{old} is no part of {id}")) = new;
    parts.join("|") + &version
}

/// Returns the record with another value at `path` (a number is increased, a text gets a suffix), and the
/// new value as text.
fn varied(record: &str, path: &str, number: usize) -> (String, String) {
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let mut changed = String::new();
    let members = json::members(record).unwrap();
    let members = members.into_iter().map(|(key, value)| {
        let value = match (key == first, rest) {
            (false, _) => value.to_owned(),
            (true, Some(rest)) => {
                let (value, inner) = varied(value, rest, number);
                changed = inner;
                value
            }
            (true, None) => {
                let (value, text) = another(value, number);
                changed = text;
                value
            }
        };
        format!("{}:{value}", json::quote(&key))
    });
    let members: Vec<_> = members.collect();
    (format!("{{{}}}", members.join(",")), changed)
}

fn another(value: &str, number: usize) -> (String, String) {
    match json::kind(value) {
        json::Kind::String => {
            let text = format!("{}-{number}", json::string(value).unwrap());
            (json::quote(&text), text)
        }
        json::Kind::Number => {
            let text = (value.parse::<u64>().unwrap() + 1_000_000 + number as u64).to_string();
            (text.clone(), text)
        }
        _ => panic!("{value} can't be another"),
    }
}
