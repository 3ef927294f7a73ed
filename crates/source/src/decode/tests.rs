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
    let reply = reply.decoded(MAX, None).unwrap();
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
    let outcome = packed.clone().decoded(MAX, None);
    assert!(matches!(
        outcome,
        Err(TransportError::TooLarge { max: MAX })
    ));
    let page = RawResponse {
        status: 503,
        ..packed
    };
    assert_eq!(page.decoded(MAX, None).unwrap().body.len() as u64, MAX + 1);
}

/// CSV by its columns `id` and `nome`.
fn read_csv(format: &CsvFormat, reply: RawResponse) -> Result<String, String> {
    let mut dataset = testing::dataset();
    dataset.csv = Some(format.clone());
    dataset.data_selector = String::new();
    dataset.paginator.total_records_path = None;
    dataset.paginator.total_pages_path = None;
    dataset.primary_key = vec!["/id".to_owned()];
    let reply = match reply.decoded(MAX, Some(format)) {
        Ok(reply) => reply,
        Err(error) => return Err(format!("{error:?}")),
    };
    match classify(&dataset, reply, chrono::DateTime::UNIX_EPOCH) {
        ResponseClass::Page(page) => Ok(page.records().collect::<Vec<_>>().join(" ")),
        ResponseClass::Retry { failure, .. } => Err(failure.to_string()),
        other => panic!("{other:?}"),
    }
}

fn framed(content_type: &str, body: &[u8]) -> RawResponse {
    RawResponse {
        framed: true,
        ..reply(content_type, "", body)
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in files {
        let options = zip::write::SimpleFileOptions::default();
        let options = options.compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(*name, options).unwrap();
        archive.write_all(body).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const TABLE: &[u8] = b"id,nome\n1,S\xe3o\n";

#[test]
fn csv_is_read_in_its_encoding_plain_and_packed() {
    let latin = CsvFormat {
        encoding: CsvEncoding::Latin1,
        ..CsvFormat::default()
    };
    let row = r#"{"id":"1","nome":"São"}"#;
    let utf8 = framed("text/csv", "\u{feff}id,nome\n1,São\n".as_bytes());
    assert_eq!(read_csv(&CsvFormat::default(), utf8.clone()).unwrap(), row);
    assert_eq!(read_csv(&latin, utf8).unwrap(), row);
    assert_eq!(read_csv(&latin, framed("text/csv", TABLE)).unwrap(), row);
    let declared = framed("text/csv; charset=iso-8859-1", TABLE);
    assert_eq!(read_csv(&CsvFormat::default(), declared).unwrap(), row);
    let undeclared = read_csv(&CsvFormat::default(), framed("text/csv", TABLE));
    assert!(undeclared.unwrap_err().contains("isn't UTF-8"));
    // A packed body ends by itself.
    let packed = reply("text/csv", "", &gzip(TABLE));
    assert_eq!(read_csv(&latin, packed).unwrap(), row);
    let archive = reply("application/zip", "", &zipped(&[("a/t.csv", TABLE)]));
    assert_eq!(read_csv(&latin, archive).unwrap(), row);
}

#[test]
fn of_an_archive_the_file_is_read_that_is_named() {
    let two = zipped(&[("202501_Itens.csv", b"x\n"), ("202501_Compras.csv", TABLE)]);
    let two = framed("application/zip", &two);
    let named = CsvFormat {
        encoding: CsvEncoding::Latin1,
        file: Some("_Compras.csv".to_owned()),
        ..CsvFormat::default()
    };
    assert!(read_csv(&named, two.clone()).unwrap().contains("São"));
    let error = read_csv(&CsvFormat::default(), two).unwrap_err();
    assert!(
        error.contains("has 2 files to read") && error.contains("202501_Itens.csv"),
        "{error}"
    );
    let empty = read_csv(&named, framed("application/zip", &zipped(&[]))).unwrap_err();
    assert!(empty.contains("has 0 files"), "{empty}");
}

#[test]
fn csv_that_is_cut_off_or_no_csv_is_no_page() {
    let archive = zipped(&[("t.csv", &TABLE.repeat(20))]);
    for end in 4..archive.len() {
        let cut = read_csv(
            &CsvFormat::default(),
            framed("application/zip", &archive[..end]),
        );
        assert!(cut.is_err(), "{end}: {cut:?}");
    }
    let unframed = read_csv(
        &CsvFormat::default(),
        reply("text/csv", "", b"id,nome\n1,a\n"),
    );
    assert!(unframed.unwrap_err().contains("cut off"));
    for (content_type, body, part) in [
        ("text/html", "<html>Manutenção</html>", "answered HTML"),
        ("text/csv", "<!DOCTYPE html><p>x", "answered HTML"),
        ("application/json", r#"{"erro":"x"}"#, "quotes of row 1"),
        ("text/csv", "Erro interno\n", "no column `id`"),
        ("text/csv", "id,nome\n1", "no line break"),
        (
            "text/csv",
            "id,nome\n1,a\n2\n",
            "row 3 of the CSV has 1 fields",
        ),
    ] {
        let error = read_csv(&CsvFormat::default(), framed(content_type, body.as_bytes()));
        let error = error.unwrap_err();
        assert!(error.contains(part), "{body}: {error}");
    }
    let header = read_csv(&CsvFormat::default(), framed("text/csv", b"id,nome\n"));
    assert_eq!(header.unwrap(), "");
}

#[test]
fn an_archive_that_unpacks_to_more_than_is_allowed_is_refused() {
    let bomb = zipped(&[("t.csv", &vec![b'a'; MAX as usize + 1])]);
    assert!(bomb.len() < 10_000);
    let error = read_csv(&CsvFormat::default(), framed("application/zip", &bomb));
    assert!(error.unwrap_err().contains("TooLarge"));
}
