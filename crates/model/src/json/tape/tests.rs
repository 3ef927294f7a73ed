use std::fmt::{self, Write as _};

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::*;

/// Texts of each token, in the order of the tape.
fn texts(text: &str) -> Vec<String> {
    let tape = Tape::parse(text).unwrap();
    let positions = 0..u32::try_from(tape.0.len()).unwrap();
    let texts = positions.map(|at| tape.at(text, at).text().to_owned());
    texts.collect()
}

/// The value written again by walking the tape, with every string and number as in the text.
fn rewritten(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Object => {
            let members = value.object().unwrap().members();
            let member = |(key, value): (Cow<'_, str>, _)| {
                format!("{}:{}", crate::json::quote(&key), rewritten(value))
            };
            format!("{{{}}}", members.map(member).collect::<Vec<_>>().join(","))
        }
        Kind::Array => {
            let elements: Vec<_> = value.elements().unwrap().map(rewritten).collect();
            format!("[{}]", elements.join(","))
        }
        _ => value.text().to_owned(),
    }
}

#[test]
fn every_value_and_key_has_its_own_text() {
    assert_eq!(
        texts(r#" {"a" : [1, 2.50e3 ],"b":{} , "":"x\"y","n":null,"l":[]} "#),
        [
            r#"{"a" : [1, 2.50e3 ],"b":{} , "":"x\"y","n":null,"l":[]}"#,
            r#""a""#,
            "[1, 2.50e3 ]",
            "1",
            "2.50e3",
            r#""b""#,
            "{}",
            r#""""#,
            r#""x\"y""#,
            r#""n""#,
            "null",
            r#""l""#,
            "[]"
        ]
    );
}

#[test]
fn the_last_of_a_repeated_key_counts_and_members_keep_all() {
    let document = Document::parse(r#"{"a":1.50,"b":0E-8,"\u0061":2}"#).unwrap();
    let object = document.value().object().unwrap();
    assert_eq!(object.get("a").unwrap().text(), "2");
    assert_eq!(object.get("b").unwrap().text(), "0E-8");
    assert_eq!(object.members().count(), 3);
}

#[test]
fn pointers_pass_objects_and_arrays() {
    let document = Document::parse(r#" {"a":[{"b/c":7},{"~":"x"}]} "#).unwrap();
    let found = |pointer| {
        document
            .value()
            .pointer(pointer)
            .map(|value| value.text().to_owned())
    };
    assert_eq!(found("/a/0/b~1c").as_deref(), Some("7"));
    assert_eq!(found("/a/1/~0").as_deref(), Some("\"x\""));
    for absent in ["/a/2", "/a/0/b~1c/d", "/b", "/a/x"] {
        assert_eq!(found(absent), None, "{absent}");
    }
    assert_eq!(
        Document::parse("[1]")
            .unwrap()
            .value()
            .pointer("")
            .unwrap()
            .text(),
        "[1]"
    );
}

#[test]
fn an_object_with_a_key_that_is_no_unicode_is_not_opened() {
    let document = Document::parse(r#"{"a":{"\ud800":1},"b":"\udfff"}"#).unwrap();
    let value = document.value();
    assert!(value.object().is_some());
    assert!(value.pointer("/a").unwrap().object().is_none());
    assert_eq!(value.pointer("/b").unwrap().string(), None);
}

#[test]
fn nesting_of_any_depth_is_borne() {
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let mut value = deep.as_str();
    let tape = Tape::parse(value).unwrap();
    assert_eq!(tape.root(value).text().len(), 400_001);
    value = &deep[1..];
    assert!(Tape::parse(value).is_err());
}

#[test]
fn more_values_than_memory_should_hold_are_refused() {
    let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    assert!(Tape::parse(&list(MOST_VALUES - 1)).is_ok());
    assert_eq!(
        Tape::parse(&list(MOST_VALUES)).unwrap_err(),
        TapeError::TooMany
    );
}

#[test]
fn texts_that_are_no_json_are_refused_where_they_go_wrong() {
    for (text, at) in [
        ("", 0),
        (" ", 1),
        ("{", 1),
        ("[1,2", 4),
        ("[1,]", 3),
        ("[1]]", 3),
        ("[1 2]", 3),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1,}"#, 7),
        ("{a:1}", 1),
        ("01", 1),
        ("-", 1),
        ("1.", 2),
        ("1e", 2),
        ("+1", 0),
        (".5", 0),
        ("nul", 0),
        ("truex", 4),
        ("\"a", 2),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\n\"", 1),
        ("[\u{feff}]", 1),
        ("[1}", 2),
        ("{\"a\":1]", 6),
    ] {
        match Tape::parse(text) {
            Err(TapeError::Syntax { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// Asserts that the tape accepts what `serde_json` accepts, and divides it in the same way.
fn agrees_with_serde_json(text: &str) {
    let whole: Result<&RawValue, _> = serde_json::from_str(text);
    let tape = Tape::parse(text);
    assert_eq!(
        whole.is_ok(),
        tape.is_ok(),
        "{text:?}: {whole:?} and {tape:?}"
    );
    let (Ok(whole), Ok(tape)) = (whole, tape) else {
        return;
    };
    let value = tape.root(text);
    assert_eq!(value.text(), whole.get());
    let members = serde_json::from_str::<Members<'_>>(text).ok();
    let found = value.object().map(|object| {
        let members = object
            .members()
            .map(|(key, value)| (key.into_owned(), value.text()));
        members.collect::<Vec<_>>()
    });
    assert_eq!(found, members.map(|members| members.0));
    let elements = serde_json::from_str::<Vec<&RawValue>>(text).ok();
    let elements = elements.map(|elements| elements.into_iter().map(RawValue::get).collect());
    let found = value.elements();
    let found: Option<Vec<_>> = found.map(|found| found.map(|element| element.text()).collect());
    assert_eq!(found, elements);
}

/// Members of an object as `serde_json` divides it, repeated keys included.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Texts made of the pieces that JSON is made of, most of them broken.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"\\u00e7\"",
        "\\ud800",
        "null",
        "true",
        "false",
        "0",
        "-1.5e+3",
        "12",
        " ",
        "\n",
        "ção",
        "\u{1}",
        ".",
        "e",
        "\"a\":",
        "[]",
        "{}",
        "01234567",
        "\"a long text without any escape\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_tape_accepts_and_divides_as_serde_json_does(text in pieces()) {
        agrees_with_serde_json(&text);
    }

    #[test]
    fn a_value_is_the_same_when_it_is_written_from_its_tape(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        agrees_with_serde_json(&text);
        let tape = Tape::parse(&text).unwrap();
        prop_assert_eq!(rewritten(tape.root(&text)), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn a_text_cut_off_or_with_another_byte_is_judged_as_by_serde_json(
        value in json(), at: prop::sample::Index, byte in 0_u8..0x80,
    ) {
        let mut text = serde_json::to_string(&value).unwrap();
        let positions: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        let at = positions[at.index(positions.len())];
        agrees_with_serde_json(&text[..at]);
        let mut other = text[..at].to_owned();
        let _ = write!(other, "{}", char::from(byte));
        other.extend(text.drain(at..).skip(1));
        agrees_with_serde_json(&other);
    }
}
