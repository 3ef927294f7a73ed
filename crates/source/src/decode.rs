//! Decoding of bodies: decompression, and conversion to UTF-8.
//!
//! An API may compress responses unasked, omit the header that says so, use the charset of its database,
//! or begin with a byte order mark. A body that can be decoded without guessing is decoded; any other is
//! reported by its encoding, never as broken JSON.
//!
//! | body | read as |
//! |---|---|
//! | gzip, zstd, zlib by their first bytes; raw deflate by its `Content-Encoding` | decompressed |
//! | valid UTF-8, whatever charset is declared | UTF-8, as RFC 8259 wants it |
//! | declared as ISO-8859-1 or windows-1252, and not UTF-8 | windows-1252, as browsers do |
//! | UTF-16 with a byte order mark | UTF-16 |
//! | ZIP, where CSV is declared | the one file that is wanted |
//! | anything else | not read: [`Unreadable`] |

use std::borrow::Cow;
use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::CONTENT_ENCODING;

use crate::failure::snippet;
use crate::transport::{RawResponse, TransportError, Unreadable};
use crate::unzip::{self, is_archive};
use bronzed_model::declaration::{CsvEncoding, CsvFormat};

/// A byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Maximum number of compression layers: a proxy may compress what the server has compressed already.
const MOST_LAYERS: usize = 2;

impl RawResponse {
    /// Decodes the body, up to `max` bytes; `csv` is the form of a CSV response. A body that can't be decoded
    /// is kept, with the reason in `unreadable`.
    ///
    /// # Errors
    /// If a 2xx response has more than `max` bytes after decompression.
    pub fn decoded(mut self, max: u64, csv: Option<&CsvFormat>) -> Result<Self, TransportError> {
        let sent = self.body.clone();
        let accepted = (200..300).contains(&self.status);
        for _ in 0..MOST_LAYERS {
            let Some(packing) = Packing::of(&self) else {
                break;
            };
            let (unpacked, outcome) = packing.unpack(&self.body, max);
            if unpacked.len() as u64 > max {
                match accepted {
                    true => return Err(TransportError::TooLarge { max }),
                    false => self.body = unpacked.into(),
                }
                break;
            }
            match outcome {
                Ok(()) => self.body = unpacked.into(),
                // The beginning of an error page is enough.
                Err(_) if !accepted && !unpacked.is_empty() => self.body = unpacked.into(),
                Err(error) => {
                    self.unreadable = packing.unreadable(&error);
                    return Ok(self);
                }
            }
        }
        if let Some(format) = csv.filter(|_| accepted) {
            if is_archive(&self.body) {
                match unzip::file(&self.body, format.file.as_deref(), max) {
                    Ok(file) if file.len() as u64 > max => {
                        return Err(TransportError::TooLarge { max });
                    }
                    Ok(file) => self.body = file.into(),
                    Err(unreadable) => {
                        self.unreadable = Some(unreadable);
                        return Ok(self);
                    }
                }
            }
            // A packed body has an end of its own.
            if !self.framed && self.body == sent && !sent.is_empty() {
                self.unreadable = Some(Unreadable::NoEnd);
            }
            if format.encoding == CsvEncoding::Latin1 && std::str::from_utf8(&self.body).is_err() {
                self.body = windows_1252(&self.body).into();
            }
        }
        match text(&self.body, self.content_type.as_deref(), self.encoding()) {
            Ok(Some(text)) => self.body = text.into(),
            Ok(None) => {}
            Err(unreadable) => self.unreadable = Some(unreadable),
        }
        while self.body.starts_with(MARK) && self.body.len() > MARK.len() {
            self.body = self.body.slice(MARK.len()..);
        }
        Ok(self)
    }

    /// Returns the declared content encoding, unless the HTTP library has undone it.
    fn encoding(&self) -> Option<&str> {
        let declared = self.headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
        (!declared.is_empty() && !declared.eq_ignore_ascii_case("identity")).then_some(declared)
    }
}

/// Compression method of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
    Zlib,
    /// Raw deflate, without zlib's frame, which some servers send as `deflate`.
    Deflate,
}

impl Packing {
    /// Detects the method by the first bytes, none of which begin JSON. Raw deflate has no signature, so
    /// its header is trusted.
    fn of(reply: &RawResponse) -> Option<Self> {
        let declared = |name| {
            reply
                .encoding()
                .is_some_and(|it| it.eq_ignore_ascii_case(name))
        };
        match &reply.body[..] {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Self::Zlib),
            [first, ..] if declared("deflate") && !begins_json(*first) => Some(Self::Deflate),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zlib | Self::Deflate => "deflate",
        }
    }

    /// Decompresses up to `max` + 1 bytes. Returns an error with them if the data is truncated or
    /// corrupt.
    fn unpack(self, body: &Bytes, max: u64) -> (Vec<u8>, io::Result<()>) {
        let reader: io::Result<Box<dyn Read + '_>> = match self {
            Self::Gzip => Ok(Box::new(MultiGzDecoder::new(&body[..]))),
            Self::Zlib => Ok(Box::new(ZlibDecoder::new(&body[..]))),
            Self::Deflate => Ok(Box::new(DeflateDecoder::new(&body[..]))),
            Self::Zstd => zstd::stream::read::Decoder::new(&body[..])
                .map(|decoder| Box::new(decoder) as Box<dyn Read>),
        };
        let mut unpacked = Vec::new();
        let outcome = reader.and_then(|reader| {
            let mut reader = reader.take(max.saturating_add(1));
            reader.read_to_end(&mut unpacked).map(|_| ())
        });
        (unpacked, outcome)
    }

    fn unreadable(self, error: &io::Error) -> Option<Unreadable> {
        let problem = snippet(error.to_string().as_bytes());
        Some(Unreadable::Damaged(self.name(), problem))
    }
}

/// Converts a body to UTF-8. `None` if it already is.
fn text(
    body: &[u8],
    content_type: Option<&str>,
    encoding: Option<&str>,
) -> Result<Option<String>, Unreadable> {
    let Err(error) = std::str::from_utf8(body) else {
        return Ok(None);
    };
    match body {
        [0xff, 0xfe, rest @ ..] => return Ok(Some(utf16(rest, u16::from_le_bytes))),
        [0xfe, 0xff, rest @ ..] => return Ok(Some(utf16(rest, u16::from_be_bytes))),
        _ => {}
    }
    if let Some(encoding) = encoding
        && !body.first().copied().is_some_and(begins_json)
    {
        return Err(Unreadable::Compressed(snippet(encoding.as_bytes())));
    }
    match content_type.and_then(charset) {
        Some(name) if is_latin(&name) => Ok(Some(windows_1252(body))),
        Some(name) if name != "utf-8" && name != "utf8" => {
            Err(Unreadable::Charset(snippet(name.as_bytes())))
        }
        _ => Err(Unreadable::NoCharset(error.valid_up_to() + 1)),
    }
}

fn begins_json(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the `charset` of a content type, in lower case.
fn charset(content_type: &str) -> Option<Cow<'_, str>> {
    let parameters = content_type.split(';').skip(1);
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    let value = value.trim().trim_matches(['"', '\'']);
    Some(value.to_ascii_lowercase().into())
}

/// Returns `true` for the labels that servers use for windows-1252 and its subset ISO-8859-1, both
/// decoded as windows-1252.
fn is_latin(name: &str) -> bool {
    matches!(
        name,
        "iso-8859-1"
            | "iso8859-1"
            | "iso_8859-1"
            | "iso88591"
            | "latin1"
            | "latin-1"
            | "l1"
            | "windows-1252"
            | "cp1252"
            | "cp-1252"
            | "x-cp1252"
    )
}

/// Characters of bytes 0x80 to 0x9f in windows-1252, by the WHATWG's table: the five undefined bytes are
/// control characters.
const UPPER: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

fn windows_1252(body: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x80..=0x9f => UPPER[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    body.iter().map(character).collect()
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = body.chunks(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        // Half a character at the end: the JSON isn't whole either.
        _ => 0xfffd,
    });
    char::decode_utf16(units)
        .map(|character| character.unwrap_or('\u{fffd}'))
        .collect()
}

#[cfg(test)]
mod tests;
