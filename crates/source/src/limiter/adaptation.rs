//! Adaptation of a limit to what the server bears, which only its refusals tell.
//!
//! The limit is searched for once and then held. A refusal halves it; it grows by one after every 10 good responses,
//! up to one below the limit that was refused. That one is tried again after 100, then after twice as many each time
//! that it is refused; a refusal then takes back only the step. So a server that bears n requests has nearly all the
//! time n of them, and refuses less than one of a hundred; one that bears more than before is found to within
//! minutes. Only responses while the limit was in use count: others say nothing about it.

/// Number of good responses after which the limit grows by one.
pub(super) const GROW_AFTER: u32 = 10;
/// Number of good responses after which a limit that was refused is tried again, at first …
const TRY_AFTER: u32 = 100;
/// … and at most.
const TRY_AFTER_MAX: u32 = 1_600;

/// Number of requests that may be in flight, as far as responses have shown.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    ceiling: usize,
    limit: usize,
    /// Limit that was refused last, until it has been borne.
    refused: Option<usize>,
    /// Number of good responses before that limit is tried again.
    try_after: u32,
    /// Number of good responses since the limit was last changed.
    good: u32,
    /// The limit has just grown, and hasn't been borne yet.
    on_trial: bool,
    /// As many requests as the limit allows were in flight since it was last changed.
    filled: bool,
    /// Number of the last request before the limit was last lowered: responses to it and to those before don't
    /// change the limit again.
    lowered_after: u64,
}

impl AdaptiveLimit {
    /// Begins at the declared concurrency.
    pub(super) fn new(ceiling: usize) -> Self {
        Self {
            ceiling,
            limit: ceiling,
            refused: None,
            try_after: TRY_AFTER,
            good: 0,
            on_trial: false,
            filled: false,
            lowered_after: 0,
        }
    }

    pub(super) fn get(&self) -> usize {
        self.limit
    }

    /// Notes how many requests are in flight.
    pub(super) fn note_in_flight(&mut self, in_flight: usize) {
        self.filled |= in_flight >= self.limit;
    }

    /// Notes a good response to the request with this number.
    pub(super) fn good(&mut self, number: u64) {
        if number <= self.lowered_after || !self.filled {
            return;
        }
        self.good = self.good.saturating_add(1);
        if self.good >= GROW_AFTER {
            self.on_trial = false;
            if self.refused == Some(self.limit) {
                self.refused = None;
                self.try_after = TRY_AFTER;
            }
        }
        let next = self.limit + 1;
        let needed = match self.refused {
            Some(refused) if next >= refused => self.try_after,
            _ => GROW_AFTER,
        };
        if self.good >= needed && next <= self.ceiling {
            self.change(next);
            self.on_trial = true;
        }
    }

    /// Notes that the request with this number was one too many; `last` is the number of the last request that was
    /// sent, and `share` the part of the limit that this process may use.
    pub(super) fn refused(&mut self, number: u64, last: u64, share: usize) {
        if number <= self.lowered_after {
            return;
        }
        let limit = self.limit.min(share).max(1);
        let again = self.refused == Some(limit);
        self.try_after = match self.on_trial && again {
            true => (self.try_after * 2).min(TRY_AFTER_MAX),
            false => TRY_AFTER,
        };
        self.refused = Some(limit);
        self.change(match self.on_trial {
            true => limit.saturating_sub(1).max(1),
            false => limit - limit / 2,
        });
        self.lowered_after = last;
    }

    fn change(&mut self, limit: usize) {
        self.limit = limit;
        self.good = 0;
        self.on_trial = false;
        self.filled = false;
    }
}
