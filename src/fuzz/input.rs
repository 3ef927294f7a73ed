//! An input, taken apart from its beginning on. Nothing is ever missing: what isn't there is empty, or 0.

use std::borrow::Cow;

/// What is left of an input.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of it.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// What is left, as a text.
    pub fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// Whether nothing is left.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// The next line, as bytes.
    pub fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        line
    }

    /// The next line, as a text.
    pub fn words(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.line())
    }

    /// The number in the next line; what is none stands for one.
    pub fn number(&mut self) -> u64 {
        let line = self.line();
        let text = String::from_utf8_lossy(line);
        text.trim().parse().unwrap_or_else(|_| {
            let mix = |sum: u64, byte: &u8| sum.wrapping_mul(257).wrapping_add((*byte).into());
            line.iter().fold(0, mix)
        })
    }

    /// What the next line names; what isn't there stands for something that is.
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
