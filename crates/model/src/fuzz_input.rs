//! Fuzz input, consumed from the front. Reading past the end gives an empty value or 0.

use std::borrow::Cow;

/// The unread part of an input.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Wraps the whole input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the unread bytes.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Returns the unread bytes as text.
    pub fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// Returns `true` if nothing is left to read.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// Reads one line as bytes.
    pub fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        line
    }

    /// Reads one line as text.
    pub fn words(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.line())
    }

    /// Reads a number from one line; other text is hashed to a number.
    pub fn number(&mut self) -> u64 {
        let line = self.line();
        let text = String::from_utf8_lossy(line);
        text.trim().parse().unwrap_or_else(|_| {
            let mix = |sum: u64, byte: &u8| sum.wrapping_mul(257).wrapping_add((*byte).into());
            line.iter().fold(0, mix)
        })
    }

    /// Reads the name of a choice from one line; an unknown name is mapped to one of the choices.
    pub fn choice<T: Copy>(&mut self, choices: &[T], name: impl Fn(T) -> String) -> T {
        let mut line = *self;
        let named = line.words();
        let found = choices.iter().find(|choice| name(**choice) == named);
        let index = self.number() % choices.len() as u64;
        match found {
            Some(found) => *found,
            None => choices[usize::try_from(index).unwrap_or_default()],
        }
    }
}
