//! Seeded random numbers: the same seed gives the same simulation.

/// SplitMix64 generator.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Returns the generator of a purpose. Each purpose has its own, so that an additional draw for one
    /// doesn't change the others.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in purpose.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(mix(hash))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number of `from..=to`.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from).expect("a range") + 1;
        from + i64::try_from(self.next() % width).expect("small")
    }

    /// Returns `true` in `times` of 1000 draws.
    pub fn in_1000(&mut self, times: i64) -> bool {
        self.within(0, 999) < times
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.next() % u64::try_from(all.len()).expect("small");
        all[usize::try_from(at).expect("small")]
    }
}

pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
