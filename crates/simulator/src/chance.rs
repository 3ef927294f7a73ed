//! Random draws that depend on a seed and a path, never on the order of requests.
//!
//! Requests reach the simulator in any order, and the same request must still get the same response.
//! Therefore there is no stream of random numbers: a draw is a hash of the seed and of a path of names and
//! numbers, the same on every machine and in every version.
//!
//! ```text
//! Chance::new(seed).of("modalidade=6").at(page).at(attempt).fraction()
//! ```

/// A node in the tree of draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

/// 2^64 divided by the golden ratio: keeps small numbers apart (SplitMix64).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The root of the tree of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)))
    }

    /// The branch of a name.
    pub fn of(self, name: &str) -> Self {
        // FNV-1a: short names, and no dependency on a hasher that may change.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.at(hash)
    }

    /// The branch of a number.
    pub const fn at(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(GOLDEN))))
    }

    /// The draw as 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The draw as a number from 0 (included) to 1 (not included).
    pub fn fraction(self) -> f64 {
        // 53 bits are what an `f64` holds exactly.
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The draw as a whole number below `end`; 0 if `end` is 0.
    pub const fn below(self, end: u64) -> u64 {
        ((self.0 as u128 * end as u128) >> 64) as u64
    }

    /// Returns `true` with this probability.
    pub fn happens(self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// The draw as an index into `weights`, with probabilities proportional to the weights.
    pub fn weighted(self, weights: &[u32]) -> usize {
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut rest = self.below(total);
        for (index, weight) in weights.iter().enumerate() {
            match rest.checked_sub(u64::from(*weight)) {
                Some(less) => rest = less,
                None => return index,
            }
        }
        0
    }
}

/// The finaliser of SplitMix64.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer() {
        let ask = |seed| Chance::new(seed).of("modalidade=6").at(3).bits();
        assert_eq!(ask(1), ask(1));
        assert_ne!(ask(1), ask(2));
        // Must never change: a catalogue of seed 1 is the same in every later version.
        assert_eq!(ask(1), GOLDEN_DRAW);
    }

    const GOLDEN_DRAW: u64 = 12_577_664_486_066_356_678;

    #[test]
    fn draws_are_spread_evenly() {
        let root = Chance::new(7);
        let hits = (0..10_000).filter(|n| root.at(*n).happens(0.05)).count();
        assert!((400..600).contains(&hits), "{hits}");
        let mut seen = [0; 3];
        for n in 0..10_000 {
            seen[root.at(n).weighted(&[1, 0, 3])] += 1;
        }
        assert!((2_300..2_700).contains(&seen[0]), "{seen:?}");
        assert_eq!(seen[1], 0);
    }
}
