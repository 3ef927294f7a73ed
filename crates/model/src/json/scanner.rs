//! Scanner of a JSON text (RFC 8259): validates it and records its values, in one pass and without recursion.

use super::tape::{MOST_VALUES, NONE, TapeError, Token};

/// State of a scan.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// Position on the tape of the innermost open array or object; [`NONE`] if none is open. Its token has the position
    /// of the one around it.
    open: u32,
}

/// Length of a text from which the tape has room for all values from the beginning. Room that isn't used isn't resident,
/// while a tape that grows is there twice.
const LARGE: usize = 8 << 20;

/// One byte in each of eight.
const ONES: u64 = 0x0101_0101_0101_0101;
/// Highest bit of each of eight bytes.
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl<'a> Scanner<'a> {
    /// Creates a scanner at the beginning of `text`.
    pub(super) fn new(text: &'a str) -> Result<Self, TapeError> {
        if u32::try_from(text.len()).is_err() {
            return Err(TapeError::TooLong(text.len()));
        }
        Ok(Self {
            bytes: text.as_bytes(),
            at: 0,
            tokens: Vec::with_capacity(match text.len() {
                // Records of the known APIs have a value or key in 20 to 25 bytes.
                ..LARGE => text.len() / 20 + 1,
                _ => MOST_VALUES,
            }),
            open: NONE,
        })
    }

    /// Scans the whole text.
    pub(super) fn scan(mut self) -> Result<Vec<Token>, TapeError> {
        loop {
            self.skip_space();
            let is_open = self.value()?;
            if !is_open && self.close_ended()? {
                return Ok(self.tokens);
            }
        }
    }

    /// Scans a scalar, an empty container, or the beginning of a container up to its first value. Returns
    /// `true` if a value of a container follows.
    fn value(&mut self) -> Result<bool, TapeError> {
        match self.peek() {
            Some(b'{') => {
                self.begin()?;
                if self.peek() == Some(b'}') {
                    self.end();
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            Some(b'[') => {
                self.begin()?;
                if self.peek() == Some(b']') {
                    self.end();
                    return Ok(false);
                }
                Ok(true)
            }
            Some(b'"') => self.string().map(|()| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b't') => self.literal(b"true").map(|()| false),
            Some(b'f') => self.literal(b"false").map(|()| false),
            Some(b'n') => self.literal(b"null").map(|()| false),
            _ => Err(self.error("expected a value")),
        }
    }

    /// After a value: closes the containers that end here, and steps to the next value of the innermost open
    /// one. Returns `true` at the end of the text.
    fn close_ended(&mut self) -> Result<bool, TapeError> {
        loop {
            self.skip_space();
            let Some(is_object) = self.in_object() else {
                return match self.peek() {
                    None => Ok(true),
                    Some(_) => Err(self.error("unexpected text after the value")),
                };
            };
            match (self.peek(), is_object) {
                (Some(b'}'), true) | (Some(b']'), false) => self.end(),
                (Some(b','), true) => {
                    self.at += 1;
                    self.skip_space();
                    return self.key().map(|()| false);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (_, true) => return Err(self.error("expected `,` or `}`")),
                (_, false) => return Err(self.error("expected `,` or `]`")),
            }
        }
    }

    /// Returns `true` if the innermost open container is an object; `None` if none is open.
    fn in_object(&self) -> Option<bool> {
        let container = self.tokens.get(self.open as usize)?;
        Some(self.bytes.get(container.start as usize) == Some(&b'{'))
    }

    /// Opens the container that begins here.
    fn begin(&mut self) -> Result<(), TapeError> {
        let position = index(self.tokens.len());
        self.push(Token::opened(index(self.at), self.open))?;
        self.open = position;
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Closes the innermost open container, whose last byte is here.
    fn end(&mut self) {
        self.at += 1;
        let next = index(self.tokens.len());
        if let Some(container) = self.tokens.get_mut(self.open as usize) {
            self.open = container.around();
            container.close(index(self.at), next);
        }
    }

    /// Scans a key and its colon.
    fn key(&mut self) -> Result<(), TapeError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.error("expected `:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), TapeError> {
        let (start, mut escaped) = (self.at, false);
        self.at += 1;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return self.push_scalar(start, escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.error("unescaped control character in a string")),
                None => return Err(self.error("unterminated string")),
            }
        }
    }

    /// Skips to the next quote, backslash or control character of a string, eight bytes at a time.
    fn skip_plain(&mut self) {
        while let Some(rest) = self.bytes.get(self.at..) {
            let Some(eight) = rest.first_chunk::<8>() else {
                let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
                self.at += rest.iter().take_while(|byte| plain(byte)).count();
                return;
            };
            // In each term, the lowest set bit is exact: a borrow only spoils bytes above a true hit.
            let eight = u64::from_le_bytes(*eight);
            let (quote, backslash) = (eight ^ (ONES * 0x22), eight ^ (ONES * 0x5c));
            let hits = (quote.wrapping_sub(ONES) & !quote)
                | (backslash.wrapping_sub(ONES) & !backslash)
                | (eight.wrapping_sub(ONES * 0x20) & !eight);
            match hits & HIGHS {
                0 => self.at += 8,
                hits => {
                    self.at += hits.trailing_zeros() as usize / 8;
                    return;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), TapeError> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let length = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                6
            }
            _ => return Err(self.error("invalid escape in a string")),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), TapeError> {
        let start = self.at;
        self.skip_if(b"-");
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.skip_if(b".") {
            self.digits()?;
        }
        if self.skip_if(b"eE") {
            self.skip_if(b"+-");
            self.digits()?;
        }
        self.push_scalar(start, false)
    }

    /// Skips one or more digits.
    fn digits(&mut self) -> Result<(), TapeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.error("expected a digit")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    fn literal(&mut self, literal: &'static [u8]) -> Result<(), TapeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal) {
            return Err(self.error("expected a value"));
        }
        let start = self.at;
        self.at += literal.len();
        self.push_scalar(start, false)
    }

    /// Skips the next byte if it is one of these.
    fn skip_if(&mut self, any: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Records the key or scalar that ends here.
    fn push_scalar(&mut self, start: usize, escaped: bool) -> Result<(), TapeError> {
        let position = index(self.tokens.len());
        let range = index(start)..index(self.at);
        self.push(Token::scalar(range, position, escaped))
    }

    fn push(&mut self, token: Token) -> Result<(), TapeError> {
        if self.tokens.len() >= MOST_VALUES {
            return Err(TapeError::TooMany);
        }
        self.tokens.push(token);
        Ok(())
    }

    fn error(&self, problem: &'static str) -> TapeError {
        TapeError::Syntax {
            problem: match self.at >= self.bytes.len() {
                true => "the text ends where more should follow",
                false => problem,
            },
            at: self.at,
        }
    }
}

/// Converts a position, which is below the length of the text.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
