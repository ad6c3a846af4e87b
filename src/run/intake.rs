//! What the sources of a run show: looks side by side, windows one after another, and how far each source got.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::rc::Rc;

use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::config::{Access, Config};
use crate::finding::{Band, Finding};
use crate::guardduty::{Detector, DetectorStatus, ReadError, Subject};
use crate::plan::watch;
use crate::run::look::{Besides, Look};
use crate::run::looks::Looks;
use crate::run::poll::{Ask, Known, Rest, Room};
use crate::run::watched;
use crate::state::{InHand, Items, Progress, Source, Standing, State};
use crate::time::Millis;

/// Archiving is looked up for so many findings a source and run.
const LOOKUPS: usize = 500;
/// Among them, so many first whose messages lack a link.
const LINKS: usize = 100;

/// An identity that could not be used, and with it the sources seen through it.
#[derive(Debug)]
pub struct Unreachable {
    /// `self`, or the role.
    pub identity: String,
    /// The account, where it is known without asking.
    pub account: Option<String>,
    pub error: ReadError,
}

/// The sources of one identity, once it is known what they are.
pub type Identity<D> = Pin<Box<dyn Future<Output = Result<Vec<D>, Unreachable>>>>;

/// One source in this run.
pub struct Track<D> {
    source: Rc<D>,
    /// When its first list was asked for.
    since: Instant,
    pub n: u32,
    detector: Option<String>,
    pub progress: Progress,
    /// The list goes on from here.
    next: Option<Rest>,
    pub looked: bool,
    /// It was read without an error so far.
    pub up: bool,
    pub status: Option<DetectorStatus>,
    pub open: Option<BTreeMap<Band, u64>>,
    /// IDs that this run listed and GetFindings did not return.
    unfetched: BTreeSet<String>,
}

impl<D> Track<D> {
    /// Findings of this source as GuardDuty returns them, by ID.
    pub async fn documents(&self, ids: &[String]) -> Result<BTreeMap<String, String>, ReadError>
    where
        D: Detector,
    {
        match &self.detector {
            Some(detector) => self.source.documents(detector, ids).await,
            None => Ok(BTreeMap::new()),
        }
    }

    /// Number of findings that are listed and not processed, including those that could not be fetched.
    pub fn pending(&self) -> usize {
        let unsettled = &self.progress.unsettled;
        unsettled.len() + self.unfetched.iter().filter(|id| !unsettled.contains_key(*id)).count()
    }
}

/// All sources of a run.
pub struct Intake<'a, D> {
    config: &'a Config,
    /// From here a source is read that is new to the state.
    pub start: Millis,
    pub tracks: BTreeMap<String, Track<D>>,
    pub identities: FuturesUnordered<Identity<D>>,
    pub looks: Looks<D>,
}

impl<'a, D: Detector + 'static> Intake<'a, D> {
    pub fn new(config: &'a Config, identities: Vec<Identity<D>>, start: Millis) -> Self {
        let identities = identities.into_iter().collect();
        Self { config, start, tracks: BTreeMap::new(), identities, looks: Looks::new() }
    }

    /// Nothing is asked for any more.
    pub fn is_idle(&self) -> bool {
        self.identities.is_empty() && self.looks.is_empty()
    }

    /// Starts the first look at a source. One that another identity showed already is not looked at twice.
    pub fn first_look(&mut self, source: D, state: &State, room: &Rc<Room>, known: &Rc<Known>, now: Millis) {
        let key = source.key().to_string();
        if self.tracks.contains_key(&key) {
            return;
        }
        let start = self.start;
        let stored = state.sources.get(&key).filter(|s| s.standing != Standing::LeftOut);
        let from = stored.map_or(start, |s| s.lower(self.config.overlap));
        let besides = self.besides(stored, state, start, now);
        let source = Rc::new(source);
        let ask = Ask::new(from, now, self.config.overlap, room, known);
        self.looks.push(source.clone(), None, ask, besides);
        let track = Track {
            source,
            since: Instant::now(),
            n: 0,
            detector: None,
            progress: Progress::default(),
            next: None,
            looked: false,
            up: true,
            status: None,
            unfetched: BTreeSet::new(),
            open: None,
        };
        self.tracks.insert(key, track);
    }

    fn besides(&self, stored: Option<&Source>, state: &State, start: Millis, now: Millis) -> Besides {
        let compare = stored.is_none_or(|s| watch::compare_due(s, now));
        let watched = stored.and_then(|s| s.watched.as_ref()).filter(|_| !compare);
        let ids = |items: &Option<Items>| items.iter().flatten().map(|(id, _)| id.clone()).collect();
        let known = watched.map(|w| [(Subject::Filters, ids(&w.filters)), (Subject::IpSets, ids(&w.ip_sets))]);
        Besides {
            first: true,
            watch: self.config.watch,
            // One that could not be read last time is not asked six things to be denied them all.
            expected: stored.filter(|s| s.blind_since.is_none()).and_then(|s| s.detector.clone()),
            watched: watched::Query {
                all: compare,
                known: known.into_iter().flatten().collect(),
                scans: watch::ScanQuery::of(stored, now),
            },
            open_before: stored.is_none().then_some(start),
            lookups: self.lookups(stored, state),
        }
    }

    /// Which findings are looked up: those whose messages lack a link, then the next ones in turn of those whose messages
    /// can be edited.
    fn lookups(&self, stored: Option<&Source>, state: &State) -> Vec<String> {
        let (Some(source), Access::Bot { .. }) = (stored, &self.config.slack.access) else { return Vec::new() };
        let live = |e: &crate::state::Entry| e.s == source.n && e.at.as_ref().is_some_and(|at| !at.is_webhook());
        let ids: Vec<&String> = state.findings.iter().filter(|(_, e)| live(e)).map(|(id, _)| id).collect();
        let after = ids.partition_point(|id| **id <= source.looked_up);
        let outdated: Vec<&String> = state.outdated_links(source.n).into_iter().take(LINKS).collect();
        let in_turn = ids.iter().copied().cycle().skip(after).take(LOOKUPS.min(ids.len()));
        let in_turn = in_turn.filter(|id| !outdated.contains(id));
        outdated.iter().copied().chain(in_turn).cloned().collect()
    }

    /// Starts the next window of every source whose list goes on. Whether there is any.
    pub fn next_windows(&mut self, state: &State, room: &Rc<Room>, known: &Rc<Known>, now: Millis) -> bool {
        let mut any = false;
        for (key, track) in &mut self.tracks {
            let Some(next) = track.next.take() else { continue };
            // What was forgotten since must not be listed again.
            let floor = state.sources.get(key).map_or(next.from, |s| s.floor);
            let ask = Ask::go_on(next, floor, Ask::new(floor, now, self.config.overlap, room, known));
            self.looks.push(track.source.clone(), track.detector.clone(), ask, Besides::default());
            any = true;
        }
        any
    }

    /// Takes in what a source showed: how far it is complete, what is not settled, where its list goes on.
    pub fn take(&mut self, look: &mut Look) -> Vec<Rc<Finding>> {
        let Some(track) = self.tracks.get_mut(&look.key.to_string()) else { return Vec::new() };
        track.looked = true;
        track.up &= look.error().is_none();
        track.status = look.status.take().or(track.status.take());
        track.open = look.open.take().or(track.open.take());
        let Ok(Some(detector)) = &look.detector else { return Vec::new() };
        track.detector = Some(detector.clone());
        let window = &mut look.window;
        track.unfetched.extend(window.missing.iter().cloned());
        let fresh = std::mem::take(&mut window.fresh);
        track.progress.unsettled.extend(fresh.iter().map(|f| (f.id.clone(), f.updated)));
        track.progress.complete_to = track.progress.complete_to.max(window.complete_to);
        track.progress.took = track.since.elapsed();
        track.progress.hold = [track.progress.hold, window.hold].into_iter().flatten().min();
        track.next = window.next.take().filter(|_| window.error.is_none());
        fresh
    }

    /// The source of this number and its detector, if it was read in this run.
    pub fn reader(&self, n: u32) -> Option<(Rc<D>, String)> {
        let track = self.tracks.values().find(|track| track.n == n && track.looked && track.detector.is_some())?;
        Some((track.source.clone(), track.detector.clone()?))
    }

    /// Every source that was read in this run, and its detector.
    pub fn readers(&self) -> Vec<(Rc<D>, String)> {
        let read = self.tracks.values().filter(|track| track.looked);
        read.filter_map(|track| Some((track.source.clone(), track.detector.clone()?))).collect()
    }

    /// What is to be told though no list showed it is in hand as if one had.
    pub fn hold(&mut self, findings: &[Rc<Finding>]) {
        for f in findings {
            if let Some(track) = self.tracks.get_mut(&f.origin.key()) {
                track.progress.unsettled.entry(f.id.clone()).or_insert(f.updated);
            }
        }
    }

    /// A state of a finding is settled: it holds up no source any more.
    pub fn settled(&mut self, id: &str) {
        for track in self.tracks.values_mut() {
            track.progress.unsettled.remove(id);
            track.unfetched.remove(id);
        }
    }

    /// Moves every watermark as far as everything is settled.
    pub fn advance(&self, state: &mut State) {
        for (key, track) in &self.tracks {
            if let Some(source) = state.sources.get_mut(key) {
                source.advance(&track.progress);
            }
        }
    }

    /// What is listed and not settled.
    pub fn in_hand(&self) -> InHand<'_> {
        let oldest = |t: &Track<D>| [t.progress.oldest_unsettled(), t.progress.hold].into_iter().flatten().min();
        InHand {
            ids: self.tracks.values().flat_map(|t| t.progress.unsettled.keys().map(String::as_str)).collect(),
            oldest: self.tracks.iter().filter_map(|(key, t)| Some((key.as_str(), oldest(t)?))).collect(),
        }
    }

    /// How many findings are listed and not settled, and whether any list goes on.
    pub fn pending(&self) -> usize {
        self.tracks.values().map(|t| t.progress.unsettled.len()).sum()
    }

    pub fn goes_on(&self) -> bool {
        self.tracks.values().any(|t| t.next.is_some())
    }

    /// By `account/region`, the `n` of each source.
    pub fn numbers(&self) -> HashMap<String, u32> {
        self.tracks.iter().map(|(key, t)| (key.clone(), t.n)).collect()
    }
}
