//! Proves that a list that was read page by page contains all findings.
//!
//! A page token may be an offset. If a finding that was read leaves the list, because it was updated or archived, the
//! following findings move up, and one of them is on no page. A list is complete if no finding that was read had left it by
//! the time the last page was read:
//!
//! - Each position of a list is on one page only, and the last page ends where the list ends. Therefore, if no finding was
//!   read twice, the number of findings read is the length of the list.
//! - If each of them was still in the list afterwards, all of them were in it when the last page was read. Both numbers are
//!   equal, so the list contained no other finding.
//!
//! The details of a finding show that it was still in the list, if they are fetched after the last page. Another listing
//! shows it, too.

use std::collections::{HashMap, HashSet};

use crate::time::Timestamp;

use super::span::Span;

/// Whether details that were fetched after the list prove it complete: each finding is there, within the span, and in
/// the place that its `updatedAt` gives it. `details`: `updatedAt` of the findings that are not archived.
pub(super) fn is_proven_by_details(listed: &[String], details: &HashMap<String, Timestamp>, span: Span) -> bool {
    let times: Option<Vec<Timestamp>> = listed.iter().map(|id| details.get(id).copied()).collect();
    let is_in_order = |times: Vec<Timestamp>| times.is_sorted() && times.iter().all(|i| span.contains(*i));
    has_no_duplicate(listed) && times.is_some_and(is_in_order)
}

/// Whether another listing, made afterwards, proves a list complete: it shows the same findings.
pub(super) fn is_proven_by_listing(listed: &[String], again: &[String]) -> bool {
    let all: HashSet<&String> = listed.iter().collect();
    listed.len() == again.len()
        && has_no_duplicate(listed)
        && has_no_duplicate(again)
        && again.iter().all(|id| all.contains(id))
}

fn has_no_duplicate(listed: &[String]) -> bool {
    let mut seen = HashSet::new();
    listed.iter().all(|id| seen.insert(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    /// By letter, at its place in the alphabet.
    fn details(known: &[(&str, i64)]) -> HashMap<String, Timestamp> {
        known.iter().map(|(id, time)| (id.to_string(), Timestamp(*time))).collect()
    }

    /// The list, the details, and whether they prove the list.
    type Case = (&'static str, &'static [(&'static str, i64)], bool);

    #[test]
    fn details_prove_a_list_of_which_nothing_moved() {
        let span = Span::new(Timestamp(0), Some(Timestamp(9)));
        let cases: [Case; 8] = [
            ("", &[], true),
            ("abc", &[("a", 1), ("b", 2), ("c", 3)], true),
            // With one `updatedAt`, in any order.
            ("ba", &[("a", 1), ("b", 1)], true),
            // Left out, or archived since.
            ("abc", &[("a", 1), ("c", 3)], false),
            // Updated since: beyond the span, and within it.
            ("abc", &[("a", 10), ("b", 2), ("c", 3)], false),
            ("abc", &[("a", 1), ("b", 4), ("c", 3)], false),
            // Read twice: something before it became visible meanwhile.
            ("abbc", &[("a", 1), ("b", 2), ("c", 3)], false),
            // Before the span, which no update explains.
            ("ab", &[("a", -1), ("b", 2)], false),
        ];
        for (listed, known, proven) in cases {
            assert_eq!(is_proven_by_details(&ids(listed), &details(known), span), proven, "{listed} {known:?}");
        }
    }

    #[test]
    fn a_listing_that_shows_the_same_findings_proves_a_list() {
        let cases = [
            ("", "", true),
            ("abc", "abc", true),
            ("abc", "acb", true),
            ("abc", "ab", false),
            ("abc", "abcd", false),
            ("abb", "abb", false),
            ("abb", "abc", false),
            ("abc", "abb", false),
        ];
        for (listed, again, proven) in cases {
            assert_eq!(is_proven_by_listing(&ids(listed), &ids(again)), proven, "{listed} {again}");
        }
    }

    /// A list with offsets as tokens, changed by an adversary between its pages: every proof that is accepted is right.
    mod adversary {
        use proptest::prelude::*;

        use super::*;

        const LAST: i64 = 40;

        #[derive(Clone, Debug)]
        enum Change {
            Update(usize, i64),
            Archive(usize),
            Appear(i64),
        }

        struct FindingList {
            /// Instant by finding; none: archived.
            findings: Vec<Option<i64>>,
        }

        impl FindingList {
            fn change(&mut self, change: &Change) {
                match change {
                    Change::Update(which, later) => {
                        let count = self.findings.len();
                        if let Some(Some(time)) = self.findings.get_mut(which % count.max(1)) {
                            *time += later;
                        }
                    }
                    Change::Archive(which) => {
                        let count = self.findings.len();
                        if let Some(finding) = self.findings.get_mut(which % count.max(1)) {
                            *finding = None;
                        }
                    }
                    Change::Appear(time) => self.findings.push(Some(*time)),
                }
            }

            fn shown(&self) -> Vec<(i64, usize)> {
                let within = |(n, at): (usize, &Option<i64>)| at.filter(|at| *at <= LAST).map(|at| (at, n));
                let mut shown: Vec<(i64, usize)> = self.findings.iter().enumerate().filter_map(within).collect();
                shown.sort_unstable();
                shown
            }

            /// Lists in pages of two; one change happens before each page.
            fn list(&mut self, changes: &mut impl Iterator<Item = Change>) -> Vec<String> {
                let mut listed: Vec<String> = Vec::new();
                loop {
                    changes.next().iter().for_each(|change| self.change(change));
                    let shown = self.shown();
                    let page = shown.iter().skip(listed.len()).take(2);
                    let begun = listed.len();
                    listed.extend(page.map(|(_, n)| n.to_string()));
                    if listed.len() >= shown.len() || listed.len() == begun {
                        return listed;
                    }
                }
            }
        }

        fn change() -> impl Strategy<Value = Change> {
            prop_oneof![
                3 => (0..12usize, 0..50i64).prop_map(|(which, later)| Change::Update(which, later)),
                1 => (0..12usize).prop_map(Change::Archive),
                1 => (0..50i64).prop_map(Change::Appear),
                // Nothing at all.
                4 => Just(Change::Update(0, 0)),
            ]
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
            #[test]
            fn no_proof_is_accepted_for_a_list_that_misses_a_finding(
                times in proptest::collection::vec(0..LAST, 1..12),
                changes in proptest::collection::vec(change(), 0..20),
            ) {
                let mut list = FindingList { findings: times.into_iter().map(Some).collect() };
                let mut changes = changes.into_iter();
                let listed = list.list(&mut changes);
                let there: HashSet<String> = list.shown().into_iter().map(|(_, n)| n.to_string()).collect();
                let is_complete = listed.iter().cloned().collect::<HashSet<_>>() == there;
                let (mut later, mut between) = (changes.clone(), changes.clone());
                between.next().iter().for_each(|change| list.change(change));
                let details = list.findings.iter().enumerate();
                let details = details.filter_map(|(n, at)| Some((n.to_string(), Timestamp((*at)?)))).collect();
                let span = Span::new(Timestamp(0), Some(Timestamp(LAST)));
                prop_assert!(is_complete || !is_proven_by_details(&listed, &details, span));
                later.next();
                let again = list.list(&mut later);
                prop_assert!(is_complete || !is_proven_by_listing(&listed, &again));
            }
        }
    }
}
