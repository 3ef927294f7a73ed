//! Body of a response, held in pieces while it arrives and joined once, exactly sized, when it is whole.
//!
//! A single buffer that grows is copied at each step, and the smaller one exists until the copy is done. Pieces never
//! move: a body that is given up, because it has no end or broke off, takes its own length and part of one piece.

use bytes::{Bytes, BytesMut};

/// Number of bytes of the smallest piece.
const SMALLEST: usize = 16 * 1024;

/// Number of bytes of the largest piece, unless the network delivered a larger one. Allocators give memory of this size
/// back at once, so that pieces are gone as they are joined.
const LARGEST: usize = 8 * 1024 * 1024;

/// Chunks of a body in their order.
///
/// Chunks are copied, since each one keeps the network's buffer alive, which may be many times larger. The first chunk
/// alone is kept as it came: most often it is the whole body.
#[derive(Debug)]
pub(super) struct Pieces {
    full: Vec<Bytes>,
    /// Piece that is being filled. It never grows.
    last: BytesMut,
    length: usize,
    expected: usize,
}

impl Pieces {
    /// Returns an empty body of which this many bytes are expected; zero if nothing is known.
    pub(super) fn expecting(bytes: usize) -> Self {
        Self {
            full: Vec::new(),
            last: BytesMut::new(),
            length: 0,
            expected: bytes,
        }
    }

    /// Returns the number of bytes so far.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Appends a chunk.
    pub(super) fn push(&mut self, chunk: Bytes) {
        let first = self.length == 0;
        self.length += chunk.len();
        if first && chunk.len() >= self.expected {
            self.full.push(chunk);
            return;
        }
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            if self.last.len() == self.last.capacity() {
                self.begin_piece();
            }
            let room = self.last.capacity() - self.last.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.last.extend_from_slice(now);
            rest = later;
        }
    }

    /// Returns the body in one. Copies nothing if there is one piece.
    pub(super) fn join(mut self) -> Bytes {
        if !self.last.is_empty() {
            self.full.push(self.last.freeze());
        }
        if self.full.len() < 2 {
            return self.full.pop().unwrap_or_default();
        }
        let mut whole = Vec::with_capacity(self.length);
        for piece in self.full {
            whole.extend_from_slice(&piece);
        }
        whole.into()
    }

    /// Begins a piece as large as all before it, so that a body has few pieces and little room that stays empty.
    fn begin_piece(&mut self) {
        let bytes = match self.last.is_empty() && self.full.is_empty() {
            true => self.expected.max(SMALLEST),
            false => self.length.clamp(SMALLEST, LARGEST),
        };
        let full = std::mem::replace(&mut self.last, BytesMut::with_capacity(bytes));
        if !full.is_empty() {
            self.full.push(full.freeze());
        }
    }
}

#[cfg(test)]
mod tests;
