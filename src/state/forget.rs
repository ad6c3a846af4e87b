//! Keeping the document below its bound, whatever happens.
//!
//! Forgotten first is what the next look cannot list again: at worst, a recurrence starts a new message. Then, in a
//! flood, the oldest settled findings inside the overlap, and the lower bound of their sources rises past them:
//! that shortens how late a finding may become visible; it repeats nothing and loses nothing that was listed. If that
//! is not enough, as where something holds a watermark up, the messages of the others are forgotten, not their states.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::state::{Entry, State};
use crate::time::Millis;

/// What is aimed at once the bound is passed, so that a flood does not forget a little at every checkpoint.
fn roomy(bound: usize) -> usize {
    bound / 10 * 8
}
/// GuardDuty keeps findings for 90 days; a message about one that is gone can recur no more.
const LIFE: Duration = Duration::from_secs(95 * 86_400);
/// A finding that failed and is listed no longer (archived since, say) needs no memory of its failing.
const FAILING: Duration = Duration::from_secs(3 * 86_400);
/// A source that is configured no longer.
const UNCONFIGURED: Duration = Duration::from_secs(7 * 86_400);

/// What had to be forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forgotten {
    /// Sources whose lower bound rose, and to where.
    pub raised: BTreeMap<String, Millis>,
    /// Bytes of the document.
    pub bytes: usize,
}

/// What a run has listed and not settled. It is not forgotten: its message is about to be edited.
#[derive(Clone, Debug, Default)]
pub struct InHand<'a> {
    pub ids: HashSet<&'a str>,
    /// The smallest `updatedAt`, by the source's key. No floor rises above it.
    pub oldest: HashMap<&'a str, Millis>,
}

impl State {
    /// Drops what no longer matters and, above the bound, what matters least.
    pub fn forget(&mut self, bound: usize, overlap: Duration, in_hand: &InHand, now: Millis) -> Forgotten {
        self.raise_floors(overlap);
        let bounds = self.lower_bounds(overlap);
        self.findings.retain(|_, e| keeps(e, bounds.get(&e.s).copied(), now));
        self.unfetched.retain(|_, u| now.since(u.since) < if u.passed { LIFE } else { FAILING });
        let mut bytes = self.encode().len();
        let mut forgotten = Forgotten::default();
        if bytes > bound {
            self.drop_unlistable(&bounds, in_hand, bytes - roomy(bound));
            bytes = self.encode().len();
        }
        while bytes > bound && self.raise_floor(overlap, in_hand, bytes - roomy(bound), &mut forgotten) {
            bytes = self.encode().len();
        }
        if bytes > bound {
            self.strip(in_hand, bytes - roomy(bound));
            bytes = self.encode().len();
        }
        Forgotten { bytes, ..forgotten }
    }

    /// Bytes that stay whatever is forgotten: all but the findings below the lower bound of their source, those below
    /// which its floor may rise, and the messages of the others.
    pub fn unforgettable(&self, overlap: Duration, in_hand: &InHand) -> usize {
        let bounds = self.lower_bounds(overlap);
        let limits: HashMap<u32, Millis> =
            self.sources.iter().map(|(key, s)| (s.n, self.highest_floor(region(key), in_hand))).collect();
        let goes = |e: &Entry| {
            let below = |limit: Option<&Millis>| limit.is_none_or(|limit| e.u < *limit);
            below(bounds.get(&e.s)) || (e.failing.is_none() && below(limits.get(&e.s)))
        };
        let free = |(id, e): (&String, &Entry)| match bare(e) {
            _ if in_hand.ids.contains(id.as_str()) => 0,
            _ if goes(e) => size(id, e),
            Some(bare) => size(id, e) - size(id, &bare),
            None => 0,
        };
        self.encode().len() - self.findings.iter().map(free).sum::<usize>()
    }

    /// Drops the sources that are configured no longer. Only a run that has heard of all that are may say so: after a
    /// pause of days, one that has not answered yet looks like one that is no longer asked.
    pub fn forget_unconfigured(&mut self, now: Millis) {
        self.sources.retain(|_, s| s.configured.is_none_or(|t| now.since(t) < UNCONFIGURED));
    }

    /// What lies below the next look may be forgotten from now on: no longer overlap, set later, may list it again.
    fn raise_floors(&mut self, overlap: Duration) {
        let lowest = self.lowest_bounds(overlap);
        for (key, source) in &mut self.sources {
            source.floor = source.floor.max(lowest[region(key)]);
        }
    }

    /// By a source's `n`, the lowest bound of its region.
    fn lower_bounds(&self, overlap: Duration) -> HashMap<u32, Millis> {
        let lowest = self.lowest_bounds(overlap);
        self.sources.iter().map(|(key, s)| (s.n, lowest[region(key)])).collect()
    }

    /// By region, the lowest bound of all its sources. A finding can be listed by another source of its region (an
    /// administrator and its member), never by one of another region.
    fn lowest_bounds(&self, overlap: Duration) -> HashMap<String, Millis> {
        let mut lowest = HashMap::new();
        for (key, source) in &self.sources {
            let lower = lowest.entry(region(key).to_owned()).or_insert(Millis::MAX);
            *lower = source.lower(overlap).min(*lower);
        }
        lowest
    }

    /// Live messages of findings below every lower bound, the longest untouched first.
    fn drop_unlistable(&mut self, bounds: &HashMap<u32, Millis>, in_hand: &InHand, mut need: usize) {
        let below = |e: &Entry| bounds.get(&e.s).is_none_or(|lower| e.u < *lower);
        let goes = |(id, e): &(&String, &Entry)| below(e) && !in_hand.ids.contains(id.as_str());
        let mut old: Vec<(Millis, String)> =
            self.findings.iter().filter(goes).map(|(id, e)| (e.touched, id.clone())).collect();
        old.sort_unstable();
        for (_, id) in old {
            if need == 0 {
                break;
            }
            if let Some(e) = self.findings.remove(&id) {
                need = need.saturating_sub(size(&id, &e));
            }
        }
    }

    /// Forgets the oldest settled findings of the fullest region and raises its sources' floors past them.
    /// False: nothing can be forgotten.
    fn raise_floor(&mut self, overlap: Duration, in_hand: &InHand, need: usize, forgotten: &mut Forgotten) -> bool {
        let regions: HashMap<u32, String> = self.sources.iter().map(|(k, s)| (s.n, region(k).to_owned())).collect();
        let mut candidates: BTreeMap<&str, Vec<(Millis, usize)>> = BTreeMap::new();
        let free = |(id, e): &(&String, &Entry)| e.failing.is_none() && !in_hand.ids.contains(id.as_str());
        for (id, e) in self.findings.iter().filter(free) {
            if let Some(region) = regions.get(&e.s) {
                candidates.entry(region).or_default().push((e.u, size(id, e)));
            }
        }
        let mut fullest: Vec<(&str, Vec<(Millis, usize)>)> = candidates.into_iter().collect();
        fullest.sort_by_key(|(_, entries)| std::cmp::Reverse(entries.len()));
        for (region_name, entries) in fullest {
            let limit = self.highest_floor(region_name, in_hand);
            if let Some(floor) = floor_that_frees(entries, need, limit) {
                self.apply_floor(region_name, floor, overlap, &regions, in_hand, forgotten);
                return true;
            }
        }
        false
    }

    /// Forgets where the messages of settled findings stand that may be listed again, the longest untouched first: should
    /// one recur, it starts a new message.
    fn strip(&mut self, in_hand: &InHand, mut need: usize) {
        let mut live: Vec<(Millis, String)> = self
            .findings
            .iter()
            .filter(|(id, _)| !in_hand.ids.contains(id.as_str()))
            .map(|(id, e)| (e.touched, id.clone()))
            .collect();
        live.sort_unstable();
        for (_, id) in live {
            if need == 0 {
                break;
            }
            if let Some(e) = self.findings.get_mut(&id)
                && let Some(bare) = bare(e)
            {
                need = need.saturating_sub(size(&id, e) - size(&id, &bare));
                *e = bare;
            }
        }
    }

    /// No floor of this region may be above a watermark, nor above a listed finding that is not settled.
    fn highest_floor(&self, name: &str, in_hand: &InHand) -> Millis {
        let of_region = self.sources.iter().filter(|(key, _)| region(key) == name);
        of_region.fold(Millis::MAX, |limit, (key, s)| {
            limit.min(s.watermark).min(in_hand.oldest.get(key.as_str()).copied().unwrap_or(Millis::MAX))
        })
    }

    fn apply_floor(
        &mut self,
        name: &str,
        floor: Millis,
        overlap: Duration,
        regions: &HashMap<u32, String>,
        in_hand: &InHand,
        forgotten: &mut Forgotten,
    ) {
        self.findings.retain(|id, e| {
            let stays = e.failing.is_some() || e.u >= floor || in_hand.ids.contains(id.as_str());
            stays || regions.get(&e.s).is_none_or(|region| region != name)
        });
        for (key, source) in self.sources.iter_mut().filter(|(key, _)| region(key) == name) {
            if source.lower(overlap) < floor {
                debug_assert!(floor <= source.watermark, "{key}: floor {floor:?} above {:?}", source.watermark);
                source.floor = floor;
                forgotten.raised.insert(key.clone(), floor);
            }
        }
    }
}

/// The region of `account/region`.
fn region(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, region)| region)
}

fn keeps(e: &Entry, lower: Option<Millis>, now: Millis) -> bool {
    let listable = lower.is_some_and(|lower| e.u >= lower);
    let live = (e.at.is_some() || !e.old.is_empty()) && now.since(e.u) < LIFE;
    let failing = e.failing.is_some_and(|since| now.since(since) < FAILING);
    listable || live || failing
}

/// What is left of an entry without its message, if that may go.
fn bare(e: &Entry) -> Option<Entry> {
    let goes = e.at.is_some() && e.old.is_empty() && e.failing.is_none();
    goes.then(|| Entry { u: e.u, s: e.s, unknown: e.unknown.clone(), ..Entry::default() })
}

/// Bytes of an entry in the document: key, quotes, colon and comma included.
fn size(id: &str, e: &Entry) -> usize {
    id.len() + 4 + serde_json::to_string(e).map_or(0, |s| s.len())
}

/// The lowest floor that forgets `need` bytes, or as much as `limit` allows.
fn floor_that_frees(mut entries: Vec<(Millis, usize)>, need: usize, limit: Millis) -> Option<Millis> {
    entries.sort_unstable();
    let mut freed = 0;
    let mut floor = None;
    for (u, bytes) in entries.into_iter().take_while(|(u, _)| *u < limit) {
        if freed >= need && floor != Some(Millis(u.0 + 1)) {
            break;
        }
        freed += bytes;
        floor = Some(Millis(u.0 + 1));
    }
    floor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{BOUND, Source};

    const NOW: Millis = Millis(1_800_000_000_000);

    fn flooded(count: i64, spread: i64) -> State {
        let mut state = State::default();
        let watermark = Millis(NOW.0 - 1_000);
        state.sources.insert("111122223333/eu-west-1".into(), Source { watermark, ..Source::default() });
        for i in 0..count {
            let u = Millis(watermark.0 - (count - i) * spread);
            state.findings.insert(format!("{i:032x}"), Entry { u, ..Entry::default() });
        }
        state
    }

    fn listed(oldest: Millis) -> InHand<'static> {
        let oldest = HashMap::from([("111122223333/eu-west-1", oldest)]);
        InHand { oldest, ..InHand::default() }
    }

    #[test]
    fn what_cannot_be_listed_again_and_has_no_message_is_forgotten() {
        let mut state = flooded(10, 60_000);
        let forgotten = state.forget(BOUND, Duration::from_secs(5 * 60), &InHand::default(), NOW);
        assert_eq!((state.findings.len(), forgotten.raised.len()), (5, 0));
    }

    #[test]
    fn a_longer_overlap_lists_nothing_that_was_forgotten_under_a_shorter_one() {
        let mut state = flooded(10, 60_000);
        let before = state.clone();
        state.forget(BOUND, Duration::from_secs(5 * 60), &InHand::default(), NOW);
        let from = state.sources["111122223333/eu-west-1"].lower(Duration::from_secs(60 * 60));
        let listable = before.findings.iter().filter(|(_, e)| e.u >= from);
        assert!(listable.into_iter().all(|(id, _)| state.findings.contains_key(id)));
    }

    #[test]
    fn in_a_flood_the_floor_rises_past_what_is_forgotten() {
        let mut state = flooded(30_000, 1);
        let forgotten = state.forget(BOUND, Duration::from_secs(900), &InHand::default(), NOW);
        let floor = state.sources["111122223333/eu-west-1"].floor;
        assert!(forgotten.bytes <= BOUND, "{forgotten:?}");
        assert!(state.findings.values().all(|e| e.u >= floor), "nothing below the floor is kept");
        assert!(state.findings.len() > 5_000, "{} are kept", state.findings.len());
        assert_eq!(forgotten.raised["111122223333/eu-west-1"], floor);
    }

    #[test]
    fn no_floor_rises_above_a_finding_that_is_listed_and_not_settled() {
        let mut state = flooded(30_000, 1);
        let oldest = Millis(NOW.0 - 1_000 - 29_000);
        let in_hand = listed(oldest);
        let forgotten = state.forget(BOUND, Duration::from_secs(900), &in_hand, NOW);
        assert!(forgotten.bytes > BOUND, "the rest must wait");
        assert!(state.unforgettable(Duration::from_secs(900), &in_hand) > BOUND);
        assert!(state.sources["111122223333/eu-west-1"].floor <= oldest);
    }

    #[test]
    fn what_stays_whatever_is_forgotten_is_known_before() {
        let mut state = flooded(3_000, 1_000);
        let in_hand = listed(Millis(NOW.0 - 500_000));
        let stays = state.unforgettable(Duration::from_secs(900), &in_hand);
        assert!(stays < state.encode().len());
        let forgotten = state.forget(0, Duration::from_secs(900), &in_hand, NOW);
        assert_eq!(stays, forgotten.bytes);
    }

    #[test]
    fn what_is_in_hand_is_not_forgotten() {
        let mut state = flooded(3_000, 1_000);
        let id = format!("{:032x}", 7);
        let in_hand = InHand { ids: HashSet::from([id.as_str()]), ..InHand::default() };
        state.findings.get_mut(&id).unwrap().at =
            Some(crate::slack::At { channel: "C0SECURITY".into(), ts: "1.0".into(), thread: None });
        state.forget(2_000, Duration::from_secs(900), &in_hand, NOW);
        assert!(state.findings.contains_key(&id));
    }

    #[test]
    fn findings_of_one_millisecond_are_forgotten_together_or_not_at_all() {
        let entries = vec![(Millis(5), 10), (Millis(5), 10), (Millis(5), 10), (Millis(6), 10)];
        assert_eq!(floor_that_frees(entries.clone(), 15, Millis(100)), Some(Millis(6)));
        assert_eq!(floor_that_frees(entries.clone(), 35, Millis(100)), Some(Millis(7)));
        assert_eq!(floor_that_frees(entries, 15, Millis(5)), None);
    }
}
