//! The choices that make a schedule: drawn by a seed, given by an earlier schedule, or gone through
//! one after the other.
//!
//! Everything that a schedule leaves open is asked of one sequence of small numbers, and 0 is always
//! the tame answer: the one who ran goes on, nothing goes wrong. So a schedule is replayed by its
//! numbers, shrunk by leaving some out or making them smaller, and all schedules are gone through by
//! counting.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// See above.
#[derive(Debug)]
pub struct Choices {
    given: Vec<u32>,
    rng: Option<SmallRng>,
    taken: Vec<Choice>,
}

/// One choice, and how many there were.
#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: u32,
    of: u32,
}

impl Choices {
    /// Those of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            given: Vec::new(),
            rng: Some(SmallRng::seed_from_u64(seed)),
            taken: Vec::new(),
        }
    }

    /// Those that are given, and the tame ones after them.
    pub fn given(given: Vec<u32>) -> Self {
        Self {
            given,
            rng: None,
            taken: Vec::new(),
        }
    }

    /// One of `n`, all alike.
    pub fn pick(&mut self, n: usize) -> usize {
        self.pick_mostly_first(n, 0.0)
    }

    /// One of `n`; with probability `first` the first, without asking for more.
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

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.pick_mostly_first(2, 1.0 - 2.0 * probability) == 1
    }

    /// All choices so far.
    pub fn trace(&self) -> Vec<u32> {
        self.taken.iter().map(|choice| choice.taken).collect()
    }

    /// The choices of the next schedule, counting up; `None` after the last.
    pub fn next(&self) -> Option<Vec<u32>> {
        let is_open = |choice: &Choice| choice.taken + 1 < choice.of;
        let last = self.taken.iter().rposition(is_open)?;
        let mut next: Vec<_> = self.trace();
        next.truncate(last + 1);
        next[last] += 1;
        Some(next)
    }
}

/// The smallest choices that are found for which `fails` still holds, by leaving out and making
/// smaller for as long as that helps.
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
        next = choices.next();
    }
    assert_eq!(all, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);

    let small = shrink(vec![5, 0, 9, 4, 4, 8, 1, 3], |trace| {
        trace.iter().filter(|choice| **choice >= 4).count() >= 2
    });
    assert_eq!(small, [4, 4]);
}
