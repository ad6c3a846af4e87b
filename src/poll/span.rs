//! Spans of time, into which a long list is divided, so that the parts can be read concurrently.

use crate::time::Timestamp;

/// The pages that one part of a divided list should have.
const PAGES_PER_PART: i64 = 4;
/// Maximum number of parts of a list. If findings are spread unevenly, another division is cheaper than many empty lists.
const MAX_PARTS: i64 = 64;
/// If the clock gives no estimate, an unbounded list is assumed to continue past the newest known time by this multiple of
/// the span that was read.
const GUESSED_LENGTH_FACTOR: i64 = 8;

/// A time range, both ends included. Without an end, it extends to the newest finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Option<Timestamp>,
}

/// What the first pages of a list show of how densely it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// The `updatedAt` of its first finding, and of the last one read.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) pages: usize,
}

impl Span {
    pub(super) fn new(from: Timestamp, to: Option<Timestamp>) -> Self {
        Self { from, to }
    }

    pub(super) fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && self.to.is_none_or(|to| time <= to)
    }

    /// One millisecond cannot be divided.
    pub(super) fn is_one_time(&self) -> bool {
        self.to == Some(self.from)
    }

    /// Two spans that meet behind `last`, which must lie before the end.
    fn cut_behind(&self, last: Timestamp) -> [Span; 2] {
        [Span::new(self.from, Some(last)), Span::new(Timestamp(last.0 + 1), self.to)]
    }

    /// Where findings are known to be: two spans with about half of them each, if there is a time at which they can be divided.
    pub(super) fn halve(&self, mut known: Vec<Timestamp>) -> Option<[Span; 2]> {
        known.retain(|time| self.contains(*time));
        known.sort_unstable();
        let newest = *known.last()?;
        // The first half ends with a finding, and at least one lies behind it.
        let middle = known[(known.len() - 1) / 2];
        let last = if middle < newest { middle } else { Timestamp(newest.0 - 1) };
        (self.from <= last).then(|| self.cut_behind(last))
    }

    /// Parts of a span whose list is too long. What was read becomes a part of its own: listed with an upper bound, it has
    /// no more findings than that. The rest is divided by how dense it seems to be. `now` is a guess of where an unbounded
    /// list ends, and decides nothing else.
    pub(super) fn divide(&self, sample: Option<Sample>, now: Timestamp) -> Vec<Span> {
        let Some(sample) = sample.filter(|s| self.contains(s.last)) else { return self.divide_blindly(now) };
        let read = if sample.last > self.from { Timestamp(sample.last.0 - 1) } else { self.from };
        if self.to == Some(read) {
            return vec![*self];
        }
        let [read, rest] = self.cut_behind(read);
        let width = (sample.last.0 - sample.first.0).max(1);
        let end = rest.to.unwrap_or_else(|| {
            now.max(Timestamp(rest.from.0.saturating_add(width.saturating_mul(GUESSED_LENGTH_FACTOR))))
        });
        let length = end.0 - rest.from.0 + 1;
        let pages = i128::from(length) * sample.pages as i128 / i128::from(width);
        let parts = i64::try_from(pages / i128::from(PAGES_PER_PART)).unwrap_or(MAX_PARTS);
        let mut spans = vec![read];
        spans.extend(rest.divide_evenly(end, parts.clamp(1, MAX_PARTS)));
        spans
    }

    /// Nothing is known of where the findings are: two halves.
    fn divide_blindly(&self, now: Timestamp) -> Vec<Span> {
        let end = self.to.unwrap_or(now);
        if end <= self.from { vec![*self] } else { self.divide_evenly(end, 2) }
    }

    /// Spans of equal length up to `end`; the last one reaches to this span's own end.
    fn divide_evenly(&self, end: Timestamp, parts: i64) -> Vec<Span> {
        let step = ((end.0 - self.from.0 + 1) / parts).max(1);
        let mut spans = Vec::new();
        let mut rest = *self;
        for part in 1..parts {
            let last = Timestamp(self.from.0 + part * step - 1);
            if last >= end {
                break;
            }
            let [span, behind] = rest.cut_behind(last);
            spans.push(span);
            rest = behind;
        }
        spans.push(rest);
        spans
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: i64, to: impl Into<Option<i64>>) -> Span {
        Span::new(Timestamp(from), to.into().map(Timestamp))
    }

    fn sample(first: i64, last: i64, pages: usize) -> Option<Sample> {
        Some(Sample { first: Timestamp(first), last: Timestamp(last), pages })
    }

    /// One after another, without a gap, from the beginning to the end.
    fn cover(whole: Span, parts: &[Span]) -> bool {
        let meet = parts.windows(2).all(|pair| pair[0].to == Some(Timestamp(pair[1].from.0 - 1)));
        let ends = parts.iter().all(|part| part.to.is_none_or(|to| part.from <= to));
        let whole_from = parts.first().map(|part| part.from) == Some(whole.from);
        let whole_to = parts.last().map(|part| part.to) == Some(whole.to);
        meet && ends && whole_from && whole_to
    }

    proptest! {
        #[test]
        fn parts_cover_a_list_without_overlapping(
            from in 0..1_000i64,
            length in proptest::option::of(0..3_000i64),
            first in 0..4_000i64,
            read in 0..4_000i64,
            pages in 1..20usize,
            now in 0..6_000i64,
        ) {
            let whole = span(from, length.map(|l| from + l));
            for sample in [sample(first.min(read), read, pages), None] {
                let parts = whole.divide(sample, Timestamp(now));
                prop_assert!(cover(whole, &parts), "{parts:?}");
                prop_assert!(i64::try_from(parts.len()).unwrap() <= MAX_PARTS + 1);
                let shrinks = parts.iter().all(|part| *part != whole);
                prop_assert!(shrinks || parts == [whole]);
            }
        }

        #[test]
        fn halves_meet_and_are_both_shorter(
            from in 0..1_000i64,
            length in proptest::option::of(0..3_000i64),
            known in proptest::collection::vec(0..4_500i64, 0..40),
        ) {
            let whole = span(from, length.map(|l| from + l));
            if let Some(halves) = whole.halve(known.into_iter().map(Timestamp).collect()) {
                prop_assert!(cover(whole, &halves));
                prop_assert!(halves.iter().all(|half| *half != whole));
            }
        }
    }

    #[test]
    fn an_evenly_filled_list_is_divided_into_parts_of_four_pages() {
        let parts = span(0, None).divide(sample(0, 4_000, 4), Timestamp(100_000));
        assert_eq!(parts[0], span(0, 3_999));
        assert_eq!(parts[1], span(4_000, 7_999));
        assert_eq!(parts[24], span(96_000, None));
        assert_eq!(parts.len(), 25);
    }

    #[test]
    fn the_time_at_which_reading_ended_belongs_to_the_rest() {
        assert_eq!(span(0, 9).divide(sample(0, 5, 8), Timestamp(0))[0], span(0, 4));
        // Everything that was read has the first time, which cannot be divided.
        assert_eq!(span(5, 9).divide(sample(5, 5, 1), Timestamp(0))[..1], [span(5, 5)]);
        assert_eq!(span(5, 5).divide(sample(5, 5, 8), Timestamp(0)), [span(5, 5)]);
    }

    #[test]
    fn an_unbounded_list_is_divided_even_if_the_clock_is_behind() {
        let parts = span(1_000, None).divide(sample(1_000, 2_000, 4), Timestamp(0));
        assert!(parts.len() > 5 && parts.last().is_some_and(|part| part.to.is_none()), "{parts:?}");
    }

    #[test]
    fn a_list_of_which_no_finding_is_known_is_halved_by_time() {
        assert_eq!(span(0, 9).divide(None, Timestamp(0)), [span(0, 4), span(5, 9)]);
        assert_eq!(span(0, None).divide(None, Timestamp(9)), [span(0, 4), span(5, None)]);
        assert_eq!(span(10, None).divide(None, Timestamp(9)), [span(10, None)]);
    }

    #[test]
    fn halves_end_where_a_finding_is() {
        let times = |all: &[i64]| all.iter().copied().map(Timestamp).collect::<Vec<_>>();
        assert_eq!(span(0, None).halve(times(&[1, 2, 3, 4])), Some([span(0, 2), span(3, None)]));
        assert_eq!(span(0, 9).halve(times(&[5, 5, 5])), Some([span(0, 4), span(5, 9)]));
        assert_eq!(span(5, 9).halve(times(&[5, 5, 5])), None);
        assert_eq!(span(5, 9).halve(times(&[])), None);
    }
}
