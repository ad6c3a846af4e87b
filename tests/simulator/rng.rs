//! Pseudorandom numbers: the same seed generates the same history.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and sufficient for a simulator.
#[derive(Clone, Debug)]
pub(crate) struct SimRng(u64);

impl SimRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number in `range`, without its end.
    pub(crate) fn pick(&mut self, range: std::ops::Range<i64>) -> i64 {
        range.start + (self.next() % (range.end - range.start).max(1) as u64) as i64
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.pick(0..len as i64) as usize
    }

    pub(crate) fn choose<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.index(all.len())].clone()
    }

    /// Returns true with a probability in percent.
    pub(crate) fn percent(&mut self, chance: i64) -> bool {
        self.pick(0..100) < chance
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns a number that depends on the arguments only, so that it does not change when the history is shrunk.
pub(crate) fn hash(of: &[u64]) -> u64 {
    of.iter().fold(0, |h, n| mix(h ^ n.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}
