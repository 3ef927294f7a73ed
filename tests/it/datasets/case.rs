//! What is said of one dataset.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bronzed::json::{self, Object};

use super::api::{Envelope, Reply};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A dataset, and what its API is known to answer.
pub struct Case {
    /// `pncp.contratos`
    pub dataset: &'static str,
    /// Records that are known, with what becomes of them.
    pub samples: Vec<Sample>,
    /// The member with the record's own date, where a day is asked for by it.
    pub day_field: Option<&'static str>,
    /// What the API wraps a page in.
    pub envelope: Envelope,
    /// How many records a full page has, as the API documents it.
    pub page: usize,
    /// What must stand in the query for there to be any records: the slice that has them.
    pub slice: &'static [(&'static str, &'static str)],
    /// The first request for the day of the first sample, as the API documents it.
    pub asked: &'static str,
    /// What makes a record another one: a member that the n-th copy has changed.
    pub vary: &'static str,
    /// How the API says that there is nothing.
    pub empty: Reply,
    /// An error that the API is known for.
    pub trouble: Trouble,
    /// The dataset that must have been read before: a child's parent, or the one whose rows give the
    /// slices.
    pub before: Option<Box<Case>>,
}

/// What becomes of an error.
pub enum Trouble {
    /// The first request gets it; it passes on another try.
    Passes(Reply),
    /// Every request gets it, and the run says this.
    Fails(Reply, &'static str),
}

/// One record.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its JSON, as the API sends it.
    pub json: String,
    /// The id that it must have; where versions are told by content, the id without its version.
    pub id: String,
    /// Its fields that no column holds, by their path.
    pub extra: Vec<String>,
}

/// Records of a file, or of a text, that nothing was said of yet.
pub struct Records(Vec<String>);

/// The records at `pointer` in a recorded answer.
pub fn recorded(file: &str, pointer: &str) -> Records {
    let text = fs::read_to_string(Path::new(FIXTURES).join(file)).unwrap();
    let array = json::pointer(&text, pointer).unwrap();
    let array = array.unwrap_or_else(|| panic!("nothing at {pointer} in {file}"));
    let records = json::elements(array).unwrap();
    Records(records.into_iter().map(str::to_owned).collect())
}

/// Records made by hand, as the API is documented to send them.
pub fn documented(records: &[&str]) -> Records {
    Records(records.iter().map(|record| (*record).to_owned()).collect())
}

impl Records {
    /// Only those with this text at a member.
    pub fn that_have(mut self, member: &str, value: &str) -> Self {
        self.0.retain(|record| text(record, member) == value);
        self
    }

    /// The only one.
    pub fn one(mut self) -> String {
        assert_eq!(self.0.len(), 1);
        self.0.remove(0)
    }

    /// As the API is documented to send them today: each text replaced by the other.
    pub fn brought_up_to_date(self, changes: &[(&str, &str)]) -> Self {
        let change = |record: String| {
            changes.iter().fold(record, |record, (old, new)| {
                assert!(record.contains(old), "no {old} in {record}");
                record.replace(old, new)
            })
        };
        Self(self.0.into_iter().map(change).collect())
    }

    /// Each with the id that the members of these names make, joined as ids of several fields are.
    pub fn known_by(self, members: &[&str]) -> Vec<Sample> {
        let id = |record: &str| {
            let values: Vec<_> = members.iter().map(|name| text(record, name)).collect();
            values.join("|")
        };
        self.with_ids(id)
    }

    /// Each with the id that this makes of it.
    pub fn with_ids(self, id: impl Fn(&str) -> String) -> Vec<Sample> {
        let sample = |json: String| Sample {
            id: id(&json),
            json,
            extra: Vec::new(),
        };
        self.0.into_iter().map(sample).collect()
    }

    /// Each with the hash of its content for a version: the stamp is missing.
    pub fn without_stamp(self, key: &str) -> Vec<Sample> {
        self.with_ids(|record| {
            let hash = json::canonical::hash(record);
            format!("{}@sha256:{hash}", text(record, key))
        })
    }

    /// Each with the hash of its content for an id: a field of the key is missing.
    pub fn unidentified(self) -> Vec<Sample> {
        self.with_ids(|record| format!("sha256:{}", json::canonical::hash(record)))
    }
}

/// Says which fields of these records no column holds.
pub fn with_extra(mut samples: Vec<Sample>, extra: &[&str]) -> Vec<Sample> {
    for sample in &mut samples {
        sample.extra = extra.iter().map(|field| (*field).to_owned()).collect();
    }
    samples
}

/// The value of a member, or of one within: `itens/numeroItem`. A string without its quotes.
pub fn text(record: &str, path: &str) -> String {
    let value = json::pointer(record, &format!("/{path}")).unwrap();
    let value = value.unwrap_or_else(|| panic!("no {path} in {record}"));
    match json::kind(value) {
        json::Kind::String => json::string(value).unwrap().into_owned(),
        _ => value.to_owned(),
    }
}

impl Case {
    /// The source's name.
    pub fn source(&self) -> &'static str {
        self.dataset.split_once('.').unwrap().0
    }

    /// The dataset's short name.
    pub fn name(&self) -> &'static str {
        self.dataset.split_once('.').unwrap().1
    }

    /// The day of the first sample.
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

    /// The samples by their own days.
    pub fn samples_by_day(&self) -> BTreeMap<String, Vec<Sample>> {
        let mut days: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for sample in &self.samples {
            days.entry(self.day_of(sample))
                .or_default()
                .push(sample.clone());
        }
        days
    }

    /// So many records of the first sample's day: the sample itself, and copies of it that are others.
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

/// The id in which the last part that is `old` is `new`.
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

/// The record with another value at `path`: a number that follows, or a text with one behind it. And what
/// that is, as text.
fn varied(record: &str, path: &str, number: usize) -> (String, String) {
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let mut changed = String::new();
    let members = Object::parse(record).unwrap().members;
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
