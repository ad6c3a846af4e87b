//! Reading one source: a window of findings, and how far it is complete.
//!
//! `ListFindings` tells ids only, ascending by `updatedAt`; an update moves a finding to the end and can shift the
//! pages while they are read, so that one is on none of them. Then what shifted them is where it was no more. So a list
//! longer than a page is read again until it shows the same, and a list that is cut short is complete only up to the
//! smallest `updatedAt` of its last page, once a further listing, bounded above by that instant, shows the same, and one
//! page all that carries that very instant.

mod confirm;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;

use crate::finding::Finding;
use crate::guardduty::{Detector, Page, ReadError, Reason};
use crate::time::Millis;

/// `GetFindings` takes so many ids a call, `ListFindings` gives as many.
pub const PAGE: usize = 50;

/// So often an unbounded list is read again before it is treated as cut short: under steady updates it never ends.
const PASSES: usize = 5;

/// What needs no look any more.
#[derive(Debug, Default)]
pub struct Known {
    /// What was already said: id → the newest `updatedAt` that is settled.
    pub said: HashMap<String, Millis>,
    /// Listed for a day and never told when asked for: given up.
    pub passed: HashSet<String>,
}

/// What is asked of a source.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Inclusive lower bound.
    pub from: Millis,
    /// How far behind its watermark the next run looks again.
    pub overlap: Duration,
    pub room: Rc<Room>,
    pub known: Rc<Known>,
}

/// So many findings whose state was not said may still be taken in hand, by all sources together.
#[derive(Debug)]
pub struct Room {
    limit: usize,
    left: Cell<usize>,
}

impl Room {
    pub fn new(findings: usize) -> Self {
        Self { limit: findings, left: Cell::new(findings) }
    }

    pub fn is_none(&self) -> bool {
        self.limit == 0
    }

    fn take(&self) {
        self.left.set(self.left.get().saturating_sub(1));
    }

    /// Whether a page of `ids` may not fit any more.
    fn is_full(&self, ids: usize) -> bool {
        self.left.get() <= ids
    }

    /// Whether one more is taken in. What has its place in the state already is, however full that is: else what holds
    /// up its watermark would never be told.
    fn admits(&self, has_place: bool) -> bool {
        self.left.get() > 0 || (self.limit == 0 && has_place)
    }
}

/// What one window showed.
#[derive(Debug, Default)]
pub struct Window {
    /// Findings whose newest state was not said.
    pub fresh: Vec<Rc<Finding>>,
    /// Listed, yet not told when asked for.
    pub missing: Vec<String>,
    /// The watermark must stay below this: something listed could not be fetched.
    pub hold: Option<Millis>,
    /// Everything listed up to here was fetched; none: nothing is certain, or nothing was listed.
    pub complete_to: Option<Millis>,
    /// The list goes on from here.
    pub next: Option<Millis>,
    pub error: Option<ReadError>,
}

/// How a pass over the list ended.
enum End {
    Whole { pages: usize },
    Cut,
    Failed(ReadError),
}

/// Reads one window of a detector's findings.
pub async fn window<D: Detector>(source: &D, detector: &str, ask: &Ask) -> Window {
    let mut reading = Reading {
        source,
        detector,
        ask,
        seen: HashMap::new(),
        pages: Vec::new(),
        out: Window::default(),
        last: None,
        refused: None,
    };
    let started = tokio::time::Instant::now();
    match reading.pass(None, Some(&ask.room)).await {
        // What is updated between list and get carries a later instant than what comes to lie between: the next
        // look's overlap covers that, if it is longer than this look took.
        End::Whole { pages } if pages <= 1 && started.elapsed() * 2 <= ask.overlap => reading.whole(),
        End::Whole { .. } => reading.until_the_same().await,
        End::Cut => reading.cut().await,
        End::Failed(error) => reading.failed(error).await,
    }
    reading.out
}

struct Reading<'a, D> {
    source: &'a D,
    detector: &'a str,
    ask: &'a Ask,
    /// What was fetched in this window: id → `updatedAt`.
    seen: HashMap<String, Millis>,
    /// What the last pass listed.
    pages: Vec<Vec<String>>,
    out: Window,
    /// The smallest `updatedAt` of the last page that was fetched whole.
    last: Option<Millis>,
    /// The smallest one for which there was no room.
    refused: Option<Millis>,
}

impl<D: Detector> Reading<'_, D> {
    fn whole(&mut self) {
        self.out.complete_to = self.seen.values().max().copied();
    }

    async fn until_the_same(&mut self) {
        match self.confirmed(None).await {
            Ok(true) => return self.whole(),
            Ok(false) => {}
            Err(error) => return self.failed(error).await,
        }
        for _ in 0..PASSES {
            let before = std::mem::take(&mut self.pages).concat();
            match self.pass(None, None).await {
                End::Whole { .. } if self.shows_the_same(&before) => return self.whole(),
                End::Whole { .. } => {}
                End::Cut => break,
                End::Failed(error) => return self.failed(error).await,
            }
        }
        self.cut().await;
    }

    /// The list goes on: complete up to the smallest instant of its last page, once that was listed anew.
    async fn cut(&mut self) {
        self.out.next = Some(self.ask.from);
        // All before the first one that was refused was listed, unless an update in between made that one younger.
        let refused = self.refused.map(|r| Millis(r.0 - 1)).filter(|b| Some(*b) > self.last);
        for bound in [refused, self.last].into_iter().flatten() {
            match self.confirmed(Some(bound)).await {
                Ok(true) => return self.ends_at(bound),
                Ok(false) => {}
                Err(error) => {
                    self.out.error = Some(error);
                    return;
                }
            }
        }
        let Some(bound) = self.last else { return };
        let mut before = None;
        for _ in 0..=PASSES {
            match self.pass(Some(bound), None).await {
                End::Whole { .. } if before.is_some_and(|before: Vec<String>| self.shows_the_same(&before)) => {
                    return self.ends_at(bound);
                }
                End::Whole { .. } | End::Cut => before = Some(self.pages.concat()),
                End::Failed(error) => {
                    self.out.error = Some(error);
                    return;
                }
            }
        }
    }

    fn ends_at(&mut self, bound: Millis) {
        self.out.complete_to = Some(bound);
        self.out.next = Some(Millis(bound.0 + 1));
    }

    /// What was read counts; the watermark moves only as far as a bounded listing still confirms.
    async fn failed(&mut self, error: ReadError) {
        if !error.denied() {
            self.cut().await;
        }
        self.out.error = Some(error);
    }

    /// Lists once, fetching what was not seen in this window; the details of a page while the next one is listed.
    async fn pass(&mut self, to: Option<Millis>, room: Option<&Room>) -> End {
        let mut tokens = HashSet::new();
        self.pages.clear();
        let mut page = match self.source.list(self.detector, self.ask.from, to, None).await {
            Ok(page) => page,
            Err(error) => return End::Failed(error),
        };
        for pages in 1.. {
            let next = match page.next.take() {
                Some(token) if !tokens.insert(token.clone()) => {
                    let fetched = self.fetch(&page).await;
                    return End::Failed(fetched.err().unwrap_or_else(repeated_token));
                }
                next => next,
            };
            if room.is_some_and(|room| !self.may_admit(room, &page)) {
                return End::Cut;
            }
            let full = room.is_some_and(|room| room.is_full(page.ids.len()));
            let listing = async {
                match &next {
                    Some(token) if !full => Some(self.source.list(self.detector, self.ask.from, to, Some(token)).await),
                    _ => None,
                }
            };
            let (details, following) = join(details(self.source, self.detector, &self.unseen(&page)), listing).await;
            let before = self.out.fresh.len();
            match details.map(|found| self.take(&page, found, room)) {
                Ok(true) => {}
                Ok(false) => return End::Cut,
                Err(error) => return End::Failed(error),
            }
            let took = self.out.fresh.len() > before;
            match following {
                Some(Ok(following)) => page = following,
                Some(Err(error)) => return End::Failed(error),
                None if next.is_none() => return End::Whole { pages },
                None if took && room.is_some_and(|room| room.is_full(0)) => return End::Cut,
                // The page held little that is new.
                None => match self.source.list(self.detector, self.ask.from, to, next.as_deref()).await {
                    Ok(following) => page = following,
                    Err(error) => return End::Failed(error),
                },
            }
        }
        End::Whole { pages: 0 }
    }

    async fn fetch(&mut self, page: &Page) -> Result<(), ReadError> {
        let found = details(self.source, self.detector, &self.unseen(page)).await?;
        self.take(page, found, None);
        Ok(())
    }

    fn unseen(&self, page: &Page) -> Vec<String> {
        page.ids.iter().filter(|id| !self.seen.contains_key(*id)).cloned().collect()
    }

    /// Takes in what a page shows, as far as there is room for it. False: not all of it, so that the page does not count.
    fn take(&mut self, page: &Page, found: Vec<Finding>, room: Option<&Room>) -> bool {
        let mut whole = true;
        // A finding whose `updatedAt` cannot be read counts as one of its page.
        let of_page = found.iter().filter_map(Finding::listed_at).min().or(self.last).unwrap_or(self.ask.from);
        for f in found.into_iter().filter(|f| page.ids.contains(&f.id)) {
            let fresh = self.is_fresh(&f);
            if fresh && room.is_some_and(|room| !room.admits(self.ask.known.said.contains_key(&f.id))) {
                whole = false;
                let listed_at = f.listed_at().unwrap_or(of_page);
                self.refused = Some(self.refused.map_or(listed_at, |r| r.min(listed_at)));
            } else if self.seen.insert(f.id.clone(), f.listed_at().unwrap_or(of_page)).is_none() && fresh {
                self.ask.room.take();
                self.out.fresh.push(Rc::new(f));
            }
        }
        if !whole {
            self.pages.push(page.ids.iter().filter(|id| self.seen.contains_key(*id)).cloned().collect());
            return false;
        }
        self.pages.push(page.ids.clone());
        let is_news = |id: &String| !self.out.missing.contains(id) && !self.ask.known.passed.contains(id);
        let missing: Vec<String> = self.unseen(page).into_iter().filter(is_news).collect();
        if !missing.is_empty() {
            // It may be as old as the oldest of the page before.
            let hold = self.last.unwrap_or(self.ask.from);
            self.out.hold = Some(self.out.hold.map_or(hold, |h| h.min(hold)));
            self.out.missing.extend(missing);
        }
        self.last = page.ids.iter().filter_map(|id| self.seen.get(id)).min().copied().or(self.last);
        true
    }

    /// Whether it is worth asking for what a page lists: not where it lists something new and the others took all room.
    fn may_admit(&self, room: &Room, page: &Page) -> bool {
        let known = |id: &String| {
            self.ask.known.said.contains_key(id) || self.ask.known.passed.contains(id) || self.seen.contains_key(id)
        };
        room.is_none() || !room.is_full(0) || page.ids.iter().all(known)
    }

    fn is_fresh(&self, f: &Finding) -> bool {
        self.ask.known.said.get(&f.id).is_none_or(|u| *u < f.updated)
    }
}

/// A loop that elastic/integrations#8601 met in the wild.
fn repeated_token() -> ReadError {
    ReadError::Passing {
        reason: Reason::Malformed,
        text: "ListFindings answered with a page token that it gave before".into(),
    }
}

async fn details<D: Detector>(source: &D, detector: &str, ids: &[String]) -> Result<Vec<Finding>, ReadError> {
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(PAGE) {
        found.extend(source.get(detector, part).await?);
    }
    Ok(found)
}
