//! Tests specific to the folder, and error messages of misbehaving servers. `tests/it/backends` tests the
//! guarantees on every backend.

mod document;
mod folder;
mod identity;
mod server;

use super::*;

fn at(url: &str) -> Lake {
    Lake::open(&settings(url)).unwrap()
}

fn settings(url: &str) -> LakeSettings {
    LakeSettings {
        url: url.to_owned(),
        options: Default::default(),
        simulated: false,
    }
}

fn text(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

#[test]
fn addresses_that_are_none_say_what_would_be_right() {
    for (url, problem) in [
        ("", "it is empty"),
        ("file://data/lake", "three slashes"),
        ("s3:///path", "no bucket"),
        ("ftp://host/path", "`ftp` isn't known"),
        ("s3://bucket/path?secret=hush", "belong in the environment"),
        ("s3://key:hush@bucket/path", "belong in the environment"),
    ] {
        let error = Lake::open(&settings(url)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LakeError::Address { .. }), "{text}");
        assert!(text.contains(problem), "{url}: {text}");
        assert!(text.contains("write a folder"), "{url}: {text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn an_unknown_option_is_named_without_its_value() {
    let mut settings = settings("s3://bucket");
    let value = "hush".to_owned().into();
    settings.options.insert("aws_enpoint".to_owned(), value);
    let error = Lake::open(&settings).unwrap_err().to_string();
    assert!(error.contains("no option `aws_enpoint`"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn a_lake_is_shown_by_its_address() {
    assert_eq!(
        at("s3://bucket/some/path/").to_string(),
        "s3://bucket/some/path"
    );
    assert_eq!(at("memory:///").to_string(), "memory://");
}
