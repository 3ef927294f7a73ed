use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use reqwest::header::HeaderValue;

use super::*;
use crate::classify::{ResponseClass, classify};
use crate::testing;

const MAX: u64 = 1024 * 1024;

/// A page whose only id has non-ASCII characters.
fn page() -> String {
    testing::envelope(&["São João – €"], 1)
}

fn reply(content_type: &str, encoding: &str, body: &[u8]) -> RawResponse {
    let mut reply = RawResponse {
        status: 200,
        content_type: Some(content_type.to_owned()),
        body: Bytes::copy_from_slice(body),
        ..RawResponse::default()
    };
    if !encoding.is_empty() {
        let encoding = HeaderValue::from_str(encoding).unwrap();
        reply.headers.insert(CONTENT_ENCODING, encoding);
    }
    reply
}

/// Returns the text of a page's only record, or the failure.
fn read(reply: RawResponse) -> Result<String, String> {
    let reply = reply.decoded(MAX).unwrap();
    match classify(&testing::dataset(), reply, chrono::DateTime::UNIX_EPOCH) {
        ResponseClass::Page(page) => Ok(page.records().next().unwrap().to_owned()),
        ResponseClass::Retry { failure, .. } => Err(failure.to_string()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_read(reply: RawResponse) {
    let record = read(reply).unwrap();
    assert!(record.contains("São João – €"), "{record}");
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn latin(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        '–' => 0x96,
        '€' => 0x80,
        c => u8::try_from(u32::from(c)).unwrap(),
    };
    text.chars().map(byte).collect()
}

/// Regression: the error was "no array of records at `/data`", for a body that has it.
#[test]
fn a_byte_order_mark_before_the_json_is_passed_over() {
    let body = [MARK, page().as_bytes()].concat();
    assert_read(reply("application/json", "", &body));
    assert_read(reply("application/json; charset=utf-8", "", &gzip(&body)));
    // A byte order mark alone isn't an empty body.
    let text = read(reply("application/json", "", MARK)).unwrap_err();
    assert!(text.contains("not whole JSON"), "{text}");
}

/// Regression: the error was "invalid utf-8 sequence", and no configuration key helped.
#[test]
fn a_declared_charset_is_read_and_one_that_is_not_read_is_named() {
    let body = latin(&page());
    for charset in ["ISO-8859-1", "\"latin1\"", "Windows-1252"] {
        let declared = format!("application/json;charset={charset}");
        assert_read(reply(&declared, "", &body));
        assert_read(reply(&declared, "", &gzip(&body)));
        // Valid UTF-8 isn't read as Latin 1, whatever charset the server declares by default.
        assert_read(reply(&declared, "", page().as_bytes()));
    }
    let text = read(reply("application/json; charset=IBM850", "", &body)).unwrap_err();
    assert!(text.contains("charset ibm850, which isn't read"), "{text}");
    assert!(text.contains("Accept-Charset"), "{text}");
    for declared in ["application/json", "application/json; charset=utf-8"] {
        let text = read(reply(declared, "", &body)).unwrap_err();
        assert!(text.contains("isn't UTF-8 from its byte"), "{text}");
        assert!(text.contains("Accept-Charset"), "{text}");
    }
}

#[test]
fn utf_16_is_known_by_its_mark() {
    for (mark, bytes) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let mut body = mark.to_vec();
        body.extend(page().encode_utf16().flat_map(bytes));
        assert_read(reply("application/json", "", &body));
        body.pop();
        assert!(read(reply("application/json", "", &body)).is_err());
    }
}

/// Regression: the error was "not whole JSON", with a garbled snippet.
#[test]
fn a_body_that_was_packed_unasked_is_unpacked_or_what_packs_it_is_named() {
    let page = page();
    let plain = page.as_bytes();
    let packed = [
        ("gzip", gzip(plain)),
        ("deflate", zlib(plain, 9)),
        ("deflate", zlib(plain, 1)),
        ("zstd", zstd::bulk::compress(plain, 3).unwrap()),
        ("x-gzip", gzip(&gzip(plain))),
    ];
    for (encoding, body) in packed {
        assert_read(reply("application/json", encoding, &body));
        assert_read(reply("application/json", "", &body));
        let broken = &body[..body.len() / 2];
        let text = read(reply("application/json", "", broken)).unwrap_err();
        assert!(text.contains("is compressed with"), "{encoding}: {text}");
        assert!(!text.contains('\u{fffd}'), "{encoding}: {text}");
    }
    assert_read(reply("application/json", "deflate", &deflate(plain)));
    // A content encoding declared for a body that isn't compressed.
    assert_read(reply("application/json", "br", plain));
    let brotli = b"\x8b\x03\x80{\"a\":1}\xff\x03";
    let text = read(reply("application/json", "br", brotli)).unwrap_err();
    assert!(
        text.contains("compressed with br, which isn't read"),
        "{text}"
    );
    assert!(text.contains("Accept-Encoding = \"identity\""), "{text}");
    assert!(text.ends_with("of the source"), "rubbish is shown: {text}");
}

#[test]
fn p8_what_is_unpacked_is_bounded() {
    let body = gzip(&vec![b' '; 3 * 1024 * 1024]);
    let packed = reply("application/json", "", &body);
    let outcome = packed.clone().decoded(MAX);
    assert!(matches!(
        outcome,
        Err(TransportError::TooLarge { max: MAX })
    ));
    let page = RawResponse {
        status: 503,
        ..packed
    };
    assert_eq!(page.decoded(MAX).unwrap().body.len() as u64, MAX + 1);
}
