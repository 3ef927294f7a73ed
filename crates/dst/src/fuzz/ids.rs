//! Target: record ids. Different records never share an id, and the same record always has the same one.

use serde_json::value::RawValue;

use super::respelled::respelled;
use super::{Input, sources};
use bronzed_model::json;
use bronzed_model::record::{self, ContentVersion, RecordId};

/// Input: dataset name, parent id, two values of key fields, record.
pub fn ids(input: &[u8]) {
    let mut input = Input::new(input);
    let dataset = sources::dataset(&mut input);
    let parent = input.words();
    let values = [input.words(), input.words()];
    hold_key(&values.each_ref().map(AsRef::as_ref));
    let version = ContentVersion::parse(&parent);
    if let Some(version) = &version {
        assert_eq!(
            ContentVersion::parse(&version.to_string()).as_ref(),
            Some(version)
        );
    }
    let record = input.text();
    let own = RecordId::of(dataset, &record);
    let of_child = RecordId::of_child(dataset, &parent, &record);
    for id in [&own, &of_child] {
        assert!(!id.id.is_empty() && id.id.starts_with(id.key()));
        assert_eq!(
            id.identified,
            !RecordId::is_content_hash(id.key()) || id.identified
        );
        if let Some(version) = &version {
            let versioned = id.with_version(version);
            assert_eq!(versioned.key(), id.key());
            assert_eq!(versioned.version(), Some(version.to_string().as_str()));
        }
    }
    if !dataset
        .primary_key
        .iter()
        .any(|field| field == record::PARENT_ID)
        && own.identified
    {
        assert_eq!(own, of_child, "whose child it is makes no difference");
    }
    let is_json = serde_json::from_str::<&RawValue>(&record).is_ok();
    if let Some(other) = respelled(&record).filter(|_| is_json) {
        assert_same(&own, &RecordId::of(dataset, &other), &record);
        assert_same(
            &of_child,
            &RecordId::of_child(dataset, &parent, &other),
            &record,
        );
    }
}

/// Asserts that a record has the same id in another spelling, unless it contains a digit: an id holds
/// fields verbatim, and JSON has many spellings of a number.
fn assert_same(id: &RecordId, other: &RecordId, record: &str) {
    let verbatim = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    if !id.identified || !verbatim(record) {
        assert_eq!(id, other, "{record}");
    }
}

/// Asserts that a composite key can be split into its fields again, so that no two records share one.
fn hold_key(values: &[&str]) {
    let record = values.iter().enumerate().map(|(nth, value)| {
        let value = json::quote(value);
        format!("\"f{nth}\":{value}")
    });
    let record = format!("{{{}}}", record.collect::<Vec<_>>().join(","));
    let pointers = ["/f0".to_owned(), "/f1".to_owned()];
    let Some(key) = record::key(&pointers, &record) else {
        let is_blank = |value: &&str| value.trim().is_empty();
        assert!(values.iter().any(is_blank), "{record} has no key");
        return;
    };
    assert_eq!(key, record::join_key(values.iter().copied()));
    assert_eq!(taken_apart(&key), values, "{key}");
}

fn taken_apart(key: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = key.chars();
    while let Some(character) = characters.next() {
        let last = fields.last_mut().unwrap();
        match character {
            '\\' => last.extend(characters.next()),
            '|' => fields.push(String::new()),
            other => last.push(other),
        }
    }
    fields
}
