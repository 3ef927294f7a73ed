//! Sequence of choices that defines a schedule: drawn from a seed, replayed from an earlier schedule, or
//! enumerated.
//!
//! Every open decision is taken from one sequence of small numbers, in which 0 is always the default: the
//! same actor continues, no fault happens. So a schedule is replayed from its numbers, shrunk by dropping
//! or lowering them, and all schedules are enumerated by counting.

use std::ops::Range;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Source and record of the choices.
#[derive(Debug)]
pub struct Choices {
    given: Vec<u32>,
    rng: Option<SmallRng>,
    taken: Vec<Choice>,
}

/// A choice, and the number of alternatives.
#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: u32,
    of: u32,
}

impl Choices {
    /// Draws choices from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            given: Vec::new(),
            rng: Some(SmallRng::seed_from_u64(seed)),
            taken: Vec::new(),
        }
    }

    /// Replays the given choices, then takes the default.
    pub fn given(given: Vec<u32>) -> Self {
        Self {
            given,
            rng: None,
            taken: Vec::new(),
        }
    }

    /// Picks one of `n`, uniformly.
    pub fn pick(&mut self, n: usize) -> usize {
        self.pick_mostly_first(n, 0.0)
    }

    /// Picks one of `n`: the first with probability `first`, in a single choice.
    pub fn pick_mostly_first(&mut self, n: usize, first: f64) -> usize {
        if n <= 1 {
            return 0;
        }
        let of = u32::try_from(n).expect("few");
        let next = match (self.given.get(self.taken.len()), &mut self.rng) {
            (Some(given), _) => (*given).min(of - 1),
            (None, Some(rng)) if first == 0.0 => rng.random_range(0..of),
            (None, Some(rng)) => match rng.random_bool(first) {
                true => 0,
                false => rng.random_range(0..of),
            },
            (None, None) => 0,
        };
        self.taken.push(Choice { taken: next, of });
        next as usize
    }

    /// Returns `true` with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.pick_mostly_first(2, 1.0 - 2.0 * probability) == 1
    }

    /// Returns all choices so far.
    pub fn trace(&self) -> Vec<u32> {
        self.taken.iter().map(|choice| choice.taken).collect()
    }

    /// Returns the choices of the next schedule in counting order, of which only those at these positions are counted;
    /// `None` after the last one.
    pub fn next_in(&self, positions: Range<usize>) -> Option<Vec<u32>> {
        let counted = self.taken.get(..positions.end).unwrap_or(&self.taken);
        let is_open = |choice: &Choice| choice.taken + 1 < choice.of;
        let last = counted.iter().rposition(is_open)?;
        if last < positions.start {
            return None;
        }
        let mut next: Vec<_> = self.trace();
        next.truncate(last + 1);
        next[last] += 1;
        Some(next)
    }
}

/// Shrinks a trace for which `fails` holds, by dropping and lowering choices for as long as it still holds.
pub fn shrink(mut trace: Vec<u32>, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    loop {
        let before = trace.clone();
        let mut size = trace.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < trace.len() {
                let until = (from + size).min(trace.len());
                let shorter = [&trace[..from], &trace[until..]].concat();
                let mut tamer = trace.clone();
                tamer[from..until].fill(0);
                if fails(&shorter) {
                    trace = shorter;
                } else if tamer != trace && fails(&tamer) {
                    trace = tamer;
                    from = until;
                } else {
                    from = until;
                }
            }
            size /= 2;
        }
        for position in 0..trace.len() {
            while trace[position] > 0 {
                let mut smaller = trace.clone();
                smaller[position] -= 1;
                if !fails(&smaller) {
                    break;
                }
                trace = smaller;
            }
        }
        while trace.last() == Some(&0) {
            trace.pop();
        }
        if trace == before {
            return trace;
        }
    }
}

#[test]
fn a_trace_is_replayed_counted_and_shrunk() {
    let mut drawn = Choices::seeded(7);
    let first: Vec<_> = (2..20).map(|n| drawn.pick(n)).collect();
    let mut again = Choices::given(drawn.trace());
    assert_eq!(first, (2..20).map(|n| again.pick(n)).collect::<Vec<_>>());

    let (mut next, mut all) = (Some(Vec::new()), Vec::new());
    while let Some(given) = next {
        let mut choices = Choices::given(given);
        let pair = (choices.pick(2), choices.pick(3));
        all.push(pair);
        next = choices.next_in(0..usize::MAX);
    }
    assert_eq!(all, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);

    let mut choices = Choices::given(vec![0, 2]);
    let _ = (choices.pick(2), choices.pick(3));
    assert_eq!(choices.next_in(1..usize::MAX), None, "the branch has ended");
    assert_eq!(choices.next_in(0..1), Some(vec![1]), "the next branch");

    let small = shrink(vec![5, 0, 9, 4, 4, 8, 1, 3], |trace| {
        trace.iter().filter(|choice| **choice >= 4).count() >= 2
    });
    assert_eq!(small, [4, 4]);
}
