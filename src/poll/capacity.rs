//! Limits the number of findings that a run can still accept.

use std::cell::Cell;

/// Number of new findings that all sources together can still accept.
#[derive(Debug)]
pub struct Capacity {
    limit: usize,
    left: Cell<usize>,
}

impl Capacity {
    pub fn new(findings: usize) -> Self {
        Self { limit: findings, left: Cell::new(findings) }
    }

    pub fn is_zero(&self) -> bool {
        self.limit == 0
    }

    pub(super) fn left(&self) -> usize {
        self.left.get()
    }

    /// Reserves places for `wanted` findings, or as many as are free. Returns the number reserved.
    pub(super) fn reserve(&self, wanted: usize) -> usize {
        let granted = wanted.min(self.left.get());
        self.left.set(self.left.get() - granted);
        granted
    }

    /// Returns places that were reserved but not needed.
    pub(super) fn release(&self, places: usize) {
        self.left.set(self.left.get() + places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_granted_as_far_as_there_are_any() {
        let capacity = Capacity::new(5);
        assert_eq!(capacity.reserve(3), 3);
        assert_eq!(capacity.reserve(3), 2);
        assert_eq!(capacity.reserve(1), 0);
        capacity.release(4);
        assert_eq!(capacity.left(), 4);
        assert!(!capacity.is_zero());
        assert!(Capacity::new(0).is_zero());
    }
}
