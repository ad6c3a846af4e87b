//! Listing a second time: whether what was seen of a source is all there is, up to a bound.

use std::collections::HashSet;

use futures_util::future::{join, join_all};

use super::{PAGE, Reading, repeated_token};
use crate::guardduty::{Detector, ReadError};
use crate::time::Millis;

/// A listing that confirms what was seen is asked for in so many parts at once.
const PARTS: usize = 4;

impl<D: Detector> Reading<'_, D> {
    /// Whether a further listing shows the same. It is as long as what it confirms, but what it has to show is known:
    /// so its parts are listed side by side.
    pub(super) async fn confirmed(&self, to: Option<Millis>) -> Result<bool, ReadError> {
        let parts = parts(self.ask.from, to, self.seen.values().copied());
        let parts = join_all(parts.into_iter().map(|(from, to)| self.listed(from, to)));
        let Some(to) = to else { return Ok(self.shows_the_same(&joined(parts.await)?)) };
        // The list may have been cut among findings of the bound's own instant: the further listing is the first to show
        // all of them. One page, which nothing can shift, has to show them, too.
        let of_the_bound = self.source.list(self.detector, to, Some(to), None);
        let (parts, of_the_bound) = join(parts, of_the_bound).await;
        let (shown, of_the_bound) = (joined(parts)?, of_the_bound?);
        let known = of_the_bound.next.is_none() && of_the_bound.ids.iter().all(|id| shown.contains(id));
        Ok(known && self.is_shown_up_to(to, &shown))
    }

    async fn listed(&self, from: Millis, to: Option<Millis>) -> Result<Vec<String>, ReadError> {
        let (mut ids, mut tokens, mut token) = (Vec::new(), HashSet::new(), None);
        loop {
            let page = self.source.list(self.detector, from, to, token.as_deref()).await?;
            ids.extend(page.ids);
            match page.next {
                None => return Ok(ids),
                Some(next) if !tokens.insert(next.clone()) => return Err(repeated_token()),
                next => token = next,
            }
        }
    }

    /// Whether another listing showed what the last pass did, in the same order but for findings of one instant.
    pub(super) fn shows_the_same(&self, shown: &[String]) -> bool {
        let listed = self.pages.concat();
        let instants = |ids: &[String]| ids.iter().map(|id| self.seen.get(id).copied()).collect::<Vec<_>>();
        let all = |ids: &[String]| ids.iter().cloned().collect::<HashSet<_>>();
        listed == shown || (instants(&listed) == instants(shown) && all(&listed) == all(shown))
    }

    /// Whether a listing bounded by `to` shows nothing that the last pass did not, and all that it did: of its last page
    /// what lies within the bound.
    fn is_shown_up_to(&self, to: Millis, shown: &[String]) -> bool {
        let Some((last, before)) = self.pages.split_last() else { return shown.is_empty() };
        let within = last.iter().filter(|id| self.seen.get(*id).is_some_and(|u| *u <= to));
        let shown: HashSet<&String> = shown.iter().collect();
        let listed: HashSet<&String> = self.pages.iter().flatten().collect();
        shown.is_subset(&listed) && before.iter().flatten().chain(within).all(|id| shown.contains(id))
    }
}

fn joined(parts: Vec<Result<Vec<String>, ReadError>>) -> Result<Vec<String>, ReadError> {
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// `from..=to` in parts that hold about as many of the instants each, and two pages at least.
fn parts(from: Millis, to: Option<Millis>, instants: impl Iterator<Item = Millis>) -> Vec<(Millis, Option<Millis>)> {
    let mut within: Vec<Millis> = instants.filter(|u| *u >= from && to.is_none_or(|to| *u < to)).collect();
    within.sort_unstable();
    let n = (within.len() / (2 * PAGE)).clamp(1, PARTS);
    let mut ends: Vec<Millis> = (1..n).map(|i| within[within.len() * i / n]).collect();
    ends.dedup();
    let begins = std::iter::once(from).chain(ends.iter().map(|end| Millis(end.0 + 1)));
    begins.zip(ends.iter().copied().map(Some).chain([to])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_of_a_listing_cover_it_and_do_not_overlap(
            from in 0..1_000i64,
            to in proptest::option::of(1_000..2_000i64),
            instants in proptest::collection::vec(0..2_500i64, 0..900),
        ) {
            let parts = parts(Millis(from), to.map(Millis), instants.into_iter().map(Millis));
            prop_assert!(parts.len() <= PARTS);
            prop_assert_eq!(parts[0].0, Millis(from));
            prop_assert_eq!(parts[parts.len() - 1].1, to.map(Millis));
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].1, Some(Millis(pair[1].0.0 - 1)));
                prop_assert!(pair[0].0 <= Millis(pair[1].0.0 - 1));
            }
        }
    }

    #[test]
    fn a_short_listing_is_one_part_and_a_long_one_four() {
        let instants = |n: i64| (0..n).map(Millis);
        assert_eq!(parts(Millis(0), None, instants(150)), [(Millis(0), None)]);
        assert_eq!(parts(Millis(0), Some(Millis(5_000)), instants(1_000)).len(), 4);
        assert_eq!(
            parts(Millis(0), None, std::iter::repeat_n(Millis(7), 1_000)),
            [(Millis(0), Some(Millis(7))), (Millis(8), None)]
        );
    }
}
