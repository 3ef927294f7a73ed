//! Index of one JSON text, made in a single pass that also validates it.
//!
//! A [`Tape`] has the byte range of every value and key, in the order of the text, and for each the position
//! after its last descendant. Ids, days and columns of a record are read from it without scanning the text
//! again. It holds no text: a [`Value`] is a position on the tape together with the text it was made from.
//!
//! ```text
//! {"a":[1,2],"b":"x"}      0 {…}  1 "a"  2 […]  3 1  4 2  5 "b"  6 "x"
//!                          next:  7       2     5    4    5      6     7
//! ```

use std::borrow::Cow;
use std::ops::Range;

use super::Kind;
use super::scanner::Scanner;

/// Maximum number of values and keys in one text: 48 MB of tape. That of `[1,1,1,…]` takes six times the memory
/// of its text; real pages, of up to 64 MB, have one value in twenty bytes or more.
pub const MOST_VALUES: usize = 4_000_000;

/// Reason why a text isn't one valid JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// Not JSON, or truncated.
    #[error("{problem} at byte {at}")]
    Syntax {
        /// Problem, as in `expected a value`.
        problem: &'static str,
        /// Position in the text in bytes, from 0.
        at: usize,
    },
    /// Another type of value.
    #[error("expected {0}")]
    Expected(&'static str),
    /// More values than the memory of this process should hold.
    #[error("more than {MOST_VALUES} values in one text")]
    TooMany,
    /// Longer than the 4 GiB that a tape can index.
    #[error("{0} bytes in one text, more than can be indexed")]
    TooLong(usize),
}

/// Byte range of one value or key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Position on the tape after the last descendant, and [`ESCAPED`]. Of a container that isn't closed yet, the
    /// position of the one around it.
    next: u32,
}

/// Position of the container around an outermost one.
pub(super) const NONE: u32 = u32::MAX;

/// Bit of a token's `next` that is set for a string with an escape. Positions are below it ([`MOST_VALUES`]).
const ESCAPED: u32 = 1 << 31;

impl Token {
    /// Creates the token of a key or scalar at `position` on the tape.
    pub(super) fn scalar(range: Range<u32>, position: u32, escaped: bool) -> Self {
        Self {
            start: range.start,
            end: range.end,
            next: (position + 1) | if escaped { ESCAPED } else { 0 },
        }
    }

    /// Creates the token of a container that begins at byte `start`, within the one at the position `around`.
    pub(super) fn opened(start: u32, around: u32) -> Self {
        Self {
            start,
            end: start + 1,
            next: around,
        }
    }

    /// Returns the position of the container around this one, which isn't closed.
    pub(super) fn around(&self) -> u32 {
        self.next
    }

    /// Closes a container at byte `end`; `next` is the position after its last descendant.
    pub(super) fn close(&mut self, end: u32, next: u32) {
        (self.end, self.next) = (end, next);
    }

    fn next(&self) -> u32 {
        self.next & !ESCAPED
    }

    fn is_escaped(&self) -> bool {
        self.next & ESCAPED != 0
    }
}

/// Index of one JSON text.
#[derive(Debug, Clone, Default)]
pub struct Tape(Box<[Token]>);

impl Tape {
    /// Validates and indexes a text, at any nesting depth.
    ///
    /// # Errors
    /// Returns an error if the text isn't one JSON value from its first to its last byte, or is too large.
    pub fn parse(text: &str) -> Result<Self, TapeError> {
        let tokens = Scanner::new(text)?.scan()?;
        Ok(Self(tokens.into_boxed_slice()))
    }

    /// Returns the whole text's value. `text` must be the text that the tape was made from; of another one,
    /// values are empty or parts of it.
    pub fn root<'a>(&'a self, text: &'a str) -> Value<'a> {
        self.at(text, 0)
    }

    /// Returns the value at a position that [`Value::position`] has returned.
    pub fn at<'a>(&'a self, text: &'a str, position: u32) -> Value<'a> {
        Value {
            text,
            tokens: &self.0,
            at: position,
        }
    }
}

/// A JSON text with its tape.
#[derive(Debug, Clone)]
pub struct Document {
    text: Box<str>,
    tape: Tape,
}

impl Document {
    /// Validates and indexes a text.
    ///
    /// # Errors
    /// As [`Tape::parse`].
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, TapeError> {
        let text = text.into();
        let tape = Tape::parse(&text)?;
        Ok(Self { text, tape })
    }

    /// Returns the text's value.
    pub fn value(&self) -> Value<'_> {
        self.tape.root(&self.text)
    }
}

/// One value of a JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: u32,
}

impl<'a> Value<'a> {
    fn token(&self, at: u32) -> Token {
        // A position beyond the tape isn't reached from a tape and its own text.
        self.tokens.get(at as usize).copied().unwrap_or(Token {
            start: 0,
            end: 0,
            next: !ESCAPED,
        })
    }

    fn with(&self, at: u32) -> Self {
        Self { at, ..*self }
    }

    /// Returns the value's text, without surrounding white space.
    pub fn text(&self) -> &'a str {
        self.text.get(self.range()).unwrap_or("null")
    }

    /// Returns the byte range of the value's text.
    pub(super) fn range(&self) -> Range<usize> {
        let token = self.token(self.at);
        token.start as usize..token.end as usize
    }

    /// Returns the value's type.
    pub fn kind(&self) -> Kind {
        Kind::of_first_byte(self.text())
    }

    /// Returns `true` for `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Returns the value's position on its tape.
    pub fn position(&self) -> u32 {
        self.at
    }

    /// Returns the decoded string. `None` if the value isn't a string, or has an escape that is no valid
    /// Unicode (a lone surrogate).
    pub fn string(&self) -> Option<Cow<'a, str>> {
        let text = self.text();
        if self.token(self.at).is_escaped() {
            return super::string(text).ok();
        }
        let inside = text.strip_prefix('"')?.strip_suffix('"')?;
        Some(Cow::Borrowed(inside))
    }

    /// Returns the value as an object. `None` if it isn't one, or if one of its keys isn't valid Unicode.
    pub fn object(&self) -> Option<Object<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let object = Object(*self);
        let mut escaped = object
            .entries()
            .filter(|(key, _)| key.token(key.at).is_escaped());
        escaped
            .all(|(key, _)| key.string().is_some())
            .then_some(object)
    }

    /// Returns the elements of an array. `None` if the value isn't an array.
    pub fn elements(&self) -> Option<impl Iterator<Item = Self> + use<'a>> {
        if self.kind() != Kind::Array {
            return None;
        }
        let (array, end) = (*self, self.token(self.at).next());
        let mut at = self.at + 1;
        Some(std::iter::from_fn(move || {
            (at < end).then(|| {
                let element = array.with(at);
                at = array.token(at).next();
                element
            })
        }))
    }

    /// Returns the value at an RFC 6901 pointer (`/data`, `/orgaoEntidade/cnpj`, `/items/0`); the empty
    /// pointer is the value itself. `None` if there is no such value.
    pub fn pointer(&self, pointer: &str) -> Option<Self> {
        let mut value = *self;
        for step in pointer.split('/').skip(1) {
            let step = super::unescaped_step(step);
            value = match value.kind() {
                Kind::Object => value.object()?.get(&step)?,
                Kind::Array => value.elements()?.nth(step.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// An object whose keys are all valid Unicode.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a>(Value<'a>);

impl<'a> Object<'a> {
    /// Returns the members in the order of the text, repeated keys included.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
        self.entries()
            .map(|(key, value)| (key.string().unwrap_or_default(), value))
    }

    /// Returns the value of a key; the last one if the key is repeated, like most JSON parsers.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let found = self.members().filter(|(name, _)| name == key).last();
        found.map(|(_, value)| value)
    }

    /// Returns the value at a position of the object's tape.
    pub fn at(&self, position: u32) -> Value<'a> {
        self.0.with(position)
    }

    /// Returns the members, each key as a value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + use<'a> {
        let (object, end) = (self.0, self.0.token(self.0.at).next());
        let mut at = object.at + 1;
        std::iter::from_fn(move || {
            (at + 1 < end).then(|| {
                let (key, value) = (object.with(at), object.with(at + 1));
                at = object.token(at + 1).next();
                (key, value)
            })
        })
    }
}

#[cfg(test)]
mod tests;
