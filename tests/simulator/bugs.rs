//! Known bugs, planted at the seams: what the core asks and is told is bent as if it had them. That the simulator
//! sees each of them shows that it would see them in the core, too.

use guardduty_slack::config::Config;
use guardduty_slack::finding::Finding;
use guardduty_slack::guardduty::Page;
use guardduty_slack::slack::{At, Failure, OwnMessage};
use guardduty_slack::state::State;
use guardduty_slack::state::store::Source;
use guardduty_slack::time::Millis;
use serde_json::Value;

use crate::history::History;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    NoAdoption,
    NoOverlap,
}

impl Bug {
    pub const ALL: &[Bug] = &[Bug::NoAdoption, Bug::NoOverlap];
}

/// The configuration of every run.
pub fn configure(bug: Option<Bug>, config: &mut Config) {
    if bug == Some(Bug::NoOverlap) {
        config.overlap = std::time::Duration::ZERO;
    }
}

/// The history itself.
pub fn prepare(_bug: Option<Bug>, _history: &mut History) {}

pub fn loaded(_w: &World, source: Source) -> Source {
    source
}

pub fn saved(_w: &World, document: String) -> String {
    document
}

#[allow(dead_code)]
fn rewrite(document: String, change: impl FnOnce(&mut State)) -> String {
    let mut state = State::parse(&document).expect("a run writes what can be read");
    change(&mut state);
    state.encode()
}

pub fn page(w: &World, source: usize, from: Millis, to: Option<Millis>, token: Option<&str>) -> Page {
    w.page(source, from, to, token)
}

pub fn details(w: &World, source: usize, ids: &[String]) -> Vec<Finding> {
    w.details(source, ids)
}

pub fn answer(_w: &World, answer: Result<At, Failure>, _channel: &str) -> Result<At, Failure> {
    answer
}

pub fn edited(_w: &World, answer: Result<(), Failure>, _payload: &Value) -> Result<(), Failure> {
    answer
}

pub fn shown(w: &World, channel: &str, thread: Option<&str>, oldest: Millis) -> Vec<OwnMessage> {
    match w.bug {
        Some(Bug::NoAdoption) => Vec::new(),
        _ => w.slack.borrow().shown(channel, thread, oldest, w.now(), false),
    }
}
