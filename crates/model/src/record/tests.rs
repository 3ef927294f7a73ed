//! Ids of records by the declarations of datasets.

use crate::declaration::{Dataset, Version};
use crate::json;
use crate::record::*;

fn dataset(primary_key: &[&str], version: Option<&str>) -> Dataset {
    Dataset {
        primary_key: primary_key.iter().map(|key| (*key).to_owned()).collect(),
        version: version.map_or(Version::None, |field| Version::Field(field.to_owned())),
        ..crate::testing::dataset()
    }
}

fn id(primary_key: &[&str], record: &str) -> String {
    RecordId::of(&dataset(primary_key, None), record).id
}

#[test]
fn one_field_is_the_id_verbatim() {
    for (record, expected) in [
        (
            r#"{"a":"07954480000179-1-022746/2025"}"#,
            "07954480000179-1-022746/2025",
        ),
        (r#"{"a":"x|y\\z"}"#, r"x|y\z"),
        (r#"{"a":"\u00e7@1"}"#, "ç@1"),
        (r#"{"a":12.50}"#, "12.50"),
        (r#"{"a":true}"#, "true"),
        (r#"{"a":1,"a":2}"#, "2"),
        (r#"{"a":" x "}"#, " x "),
    ] {
        assert_eq!(id(&["/a"], record), expected, "{record}");
    }
    assert_eq!(id(&["/o/c~1d"], r#"{"o":{"c/d":"1"}}"#), "1");
}

#[test]
fn several_fields_are_joined_so_that_none_is_taken_for_another() {
    let of = |a: &str, b: &str| {
        let record = format!(r#"{{"a":{},"b":{}}}"#, json::quote(a), json::quote(b));
        id(&["/a", "/b"], &record)
    };
    assert_eq!(
        of("43052497000102-0-000001/2025", "1139"),
        "43052497000102-0-000001/2025|1139"
    );
    assert_eq!(of("x|y", "z"), r"x\|y|z");
    assert_eq!(of("x", "y|z"), r"x|y\|z");
    assert_eq!(of("x\\", "y"), r"x\\|y");
    assert_eq!(id(&["/a", "/b"], r#"{"b":2,"a":1}"#), "1|2");
}

#[test]
fn a_version_is_appended_to_the_key() {
    let dataset = dataset(&["/a"], Some("/v"));
    let id = RecordId::of(&dataset, r#"{"a":"x@y","v":"2026-05-27T07:18:44"}"#);
    assert_eq!(id.id, "x@y@2026-05-27T07:18:44");
    assert_eq!(
        (id.key(), id.version()),
        ("x@y", Some("2026-05-27T07:18:44"))
    );
    let record = r#"{"a":"x","v":null}"#;
    let without = RecordId::of(&dataset, record);
    assert_eq!(without.id, format!("x@{}", RecordId::content_hash(record)));
    assert!(without.identified && without.key() == "x");
}

#[test]
fn golden_versions_by_content() {
    let mut dataset = dataset(&["/a"], None);
    dataset.version = Version::Content;
    let id = RecordId::of(&dataset, r#"{"a":"x@y","b":1.50,"c":null}"#);
    assert_eq!((id.id.as_str(), id.version()), ("x@y", None));
    let version = ContentVersion {
        ordinal: 2,
        hash: id.content().unwrap().into(),
    };
    let id = id.with_version(&version);
    assert_eq!(id.id, "x@y@0002-87f5cf2fe2800734d013e74885d99389");
    assert_eq!(id.key(), "x@y");
    assert_eq!(ContentVersion::parse(id.version().unwrap()), Some(version));
    let alike = RecordId::of(&dataset, r#"{"b":1.5,"a":"x@y"}"#);
    assert_eq!(alike.content(), id.version().and_then(|text| text.get(5..)));
    for none in [
        "2-87f5cf2fe2800734d013e74885d99389",
        "0002-87f5",
        "0002",
        "0002-87F5CF2FE2800734D013E74885D99389",
        "y@0001-87f5cf2fe2800734d013e74885d99389",
    ] {
        assert_eq!(ContentVersion::parse(none), None, "{none}");
    }
}

#[test]
fn a_child_is_known_with_its_parent() {
    let dataset = dataset(&[PARENT_ID, "/n"], None);
    let id = |parent: &str, record: &str| RecordId::of_child(&dataset, parent, record);
    assert_eq!(id("p|1", r#"{"n":7}"#).id, r"p\|1|7");
    // Equal children of two parents have distinct ids.
    let (one, other) = (id("p", "{}"), id("q", "{}"));
    assert!(!one.identified && one.id != other.id);
    assert!(RecordId::is_content_hash(&one.id));
    // Without a parent, the record is unidentified.
    assert!(!RecordId::of(&dataset, r#"{"n":7,"_parent_id":"p"}"#).identified);
}

#[test]
fn p2_without_a_usable_key_the_content_is_the_id() {
    for record in [
        "{}",
        r#"{"a":null}"#,
        r#"{"a":""}"#,
        r#"{"a":" "}"#,
        r#"{"a":[1]}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"\ud800":1,"a":"x"}"#,
        "5",
        "null",
        "[]",
        r#""a""#,
    ] {
        let id = RecordId::of(&dataset(&["/a"], None), record);
        assert!(!id.identified, "{record}");
        assert_eq!(id.id, RecordId::content_hash(record), "{record}");
        assert_eq!((id.key(), id.version()), (id.id.as_str(), None), "{record}");
        assert!(RecordId::is_content_hash(&id.id));
    }
    let one_missing = id(&["/a", "/b"], r#"{"a":"x"}"#);
    assert!(RecordId::is_content_hash(&one_missing));
}

#[test]
fn golden_content_ids() {
    let expected = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(id(&["/a"], "{}"), expected);
    assert_eq!(id(&["/a"], r#"{"a":null}"#), expected);
    // The order of keys and the spelling of numbers don't change the id.
    assert_eq!(
        id(&["/a"], r#"{"x":1.0,"y":2}"#),
        id(&["/a"], r#"{"y":2,"x":1}"#)
    );
}
