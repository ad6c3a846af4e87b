//! GuardDuty as the world has it: which finding is in which state, who sees it, and what a list shows.

use std::sync::Arc;

use guardduty_slack::finding::{self, Finding, Origin};
use guardduty_slack::guardduty::Page;
use guardduty_slack::time::Millis;
use serde_json::json;

use crate::dice::fate;
use crate::history::{History, How, Turn, What};
use crate::world::{BEGIN, World, name};

/// One state of a finding.
#[derive(Clone, Debug)]
pub struct State {
    pub updated: Millis,
    pub visible: Millis,
    pub severity: f64,
    pub ip: u8,
    pub count: u64,
}

/// All that ever happens to a finding.
#[derive(Clone, Debug, Default)]
pub struct Life {
    pub states: Vec<State>,
    /// Archived, or brought back, and when.
    pub archived: Vec<(Millis, bool)>,
}

impl Life {
    /// By finding. A later state never becomes visible before an earlier one.
    pub fn all(history: &History) -> Vec<Life> {
        let mut lives = vec![Life::default(); history.setup.findings.len()];
        for e in &history.events {
            let at = Millis(BEGIN + e.at);
            match e.what {
                What::State { finding, severity, ip, count, late } => {
                    let before = lives[finding].states.last();
                    let updated = before.map_or(at.0, |b| (b.updated.0 + 1).max(at.0));
                    let visible = before.map_or(updated + late, |b| (updated + late).max(b.visible.0));
                    let state = State { updated: Millis(updated), visible: Millis(visible), severity, ip, count };
                    lives[finding].states.push(state);
                }
                What::Archive(finding) => lives[finding].archived.push((at, true)),
                What::BringBack(finding) => lives[finding].archived.push((at, false)),
                _ => {}
            }
        }
        lives
    }
}

pub fn account(source: usize) -> &'static str {
    ["111122223333", "111122223333", "444455556666"][source]
}

pub fn region(source: usize) -> &'static str {
    ["eu-west-1", "us-east-1", "eu-west-1"][source]
}

/// How a source stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub region: bool,
    /// The how many-th detector, if there is one, and since when.
    pub detector: Option<usize>,
    pub since: Millis,
    pub enabled: bool,
    /// Why it cannot be read.
    pub unreadable: Option<How>,
    pub filters: Vec<u8>,
}

pub fn detector(source: usize, number: usize) -> String {
    if number == 0 { format!("d{source}") } else { format!("d{source}-{number}") }
}

impl World {
    pub fn turns(&self, source: usize) -> impl Iterator<Item = (Millis, Turn)> {
        self.history.events.iter().filter_map(move |e| match e.what {
            What::Turn(s, turn) if s == source => Some((Millis(BEGIN + e.at), turn)),
            _ => None,
        })
    }

    pub fn standing(&self, source: usize, now: Millis) -> Standing {
        // With `GUARDDUTY_REGIONS=all` there are further regions later on.
        let region = !self.history.setup.all || source == 0;
        let mut s = Standing {
            region,
            detector: Some(0),
            since: Millis(0),
            enabled: true,
            unreadable: None,
            filters: Vec::new(),
        };
        let mut made = 0;
        for (at, turn) in self.turns(source).filter(|(at, _)| *at <= now) {
            match turn {
                Turn::Region(on) => s.region = on,
                Turn::Gone => s.detector = None,
                Turn::Anew => {
                    made += 1;
                    (s.detector, s.since) = (Some(made), at);
                }
                Turn::Enabled(on) => s.enabled = on,
                Turn::Readable => s.unreadable = None,
                Turn::Unreadable { denied } => s.unreadable = Some(if denied { How::Denied } else { How::Fail }),
                Turn::Filter(n) => s.filters.push(n),
            }
        }
        s
    }

    /// Its present detector, by its id.
    pub fn detector(&self, source: usize) -> Option<String> {
        self.standing(source, self.now()).detector.map(|n| detector(source, n))
    }

    /// All states of a finding, by `updatedAt`.
    pub fn states(&self, finding: usize) -> &[State] {
        &self.lives[finding].states
    }

    /// The state that GuardDuty shows: the newest that is visible.
    pub fn state_of(&self, finding: usize, now: Millis) -> Option<usize> {
        self.states(finding).iter().rposition(|s| s.visible <= now)
    }

    pub fn archived(&self, finding: usize, now: Millis) -> bool {
        let archivings = self.archivings.borrow();
        let by_runs = archivings.iter().filter(|(_, f, _)| *f == finding).map(|(at, _, archived)| (*at, *archived));
        let changes = self.lives[finding].archived.iter().copied().chain(by_runs).filter(|(at, _)| *at <= now);
        changes.max_by_key(|(at, _)| *at).is_some_and(|(_, archived)| archived)
    }

    pub fn seen_by(&self, source: usize) -> impl Iterator<Item = usize> {
        let makes = &self.history.setup.findings;
        (0..makes.len()).filter(move |f| makes[*f].sources.contains(&source))
    }

    /// Whether a source shows a finding: it went with the detector that found it.
    pub fn is_shown(&self, source: usize, f: usize, now: Millis) -> bool {
        let standing = self.standing(source, now);
        let states = self.state_of(f, now).map(|n| self.states(f)[n].updated);
        standing.region && standing.detector.is_some() && states.is_some_and(|u| u >= standing.since)
    }

    /// One page; a token is an offset, so that pages shift when a finding is updated while they are read.
    pub fn page(&self, source: usize, from: Millis, to: Option<Millis>, token: Option<&str>) -> Page {
        let now = self.now();
        let mut found: Vec<(Millis, u64, usize)> = self
            .seen_by(source)
            .filter(|f| !self.archived(*f, now) && self.is_shown(source, *f, now))
            .filter_map(|f| {
                let updated = self.states(f)[self.state_of(f, now)?].updated;
                let within = updated >= from && to.is_none_or(|to| updated <= to);
                within.then(|| (updated, fate(&[self.seed(), f as u64]), f))
            })
            .collect();
        found.sort_unstable();
        let start: usize = token.and_then(|t| t.parse().ok()).unwrap_or(0);
        let end = (start + self.history.setup.page).min(found.len());
        let ids = found.get(start..end).unwrap_or_default().iter().map(|(.., f)| name(*f)).collect();
        Page { ids, next: (end < found.len()).then(|| end.to_string()) }
    }

    pub fn details(&self, source: usize, ids: &[String]) -> Vec<Finding> {
        let numbers = ids.iter().filter_map(|id| id[1..].parse().ok());
        let found = numbers.filter(|f| self.is_shown(source, *f, self.now()) && !self.history.setup.is_never_told(*f));
        let found = found.filter_map(|f| self.detail(source, f));
        let mut found: Vec<Finding> = found.collect();
        found.sort_by_key(|f| fate(&[self.seed(), f.updated.0 as u64, f.id.len() as u64]));
        found
    }

    fn detail(&self, source: usize, finding: usize) -> Option<Finding> {
        let now = self.now();
        let (state, archived) = (self.state_of(finding, now)?, self.archived(finding, now));
        let number = self.standing(source, now).detector.unwrap_or_default();
        let key = (finding, state, archived, source, number);
        if let Some(known) = self.details.borrow().get(&key) {
            return Some(known.clone());
        }
        let made = self.make(finding, &self.states(finding)[state], archived, (source, number));
        self.details.borrow_mut().insert(key, made.clone());
        Some(made)
    }

    fn make(&self, finding: usize, state: &State, archived: bool, (source, number): (usize, usize)) -> Finding {
        let origin = Origin {
            account: account(source).into(),
            region: region(source).into(),
            detector: detector(source, number),
        };
        let (kind, resource) = match self.history.setup.findings[finding].wide {
            Some(user) => (
                "UnauthorizedAccess:IAMUser/TorIPCaller",
                json!({"resourceType": "AccessKey", "accessKeyDetails": {"userName": format!("u{user}"), "userType": "IAMUser"}}),
            ),
            None => (
                "UnauthorizedAccess:EC2/TorClient",
                json!({"resourceType": "Instance", "instanceDetails": {"instanceId": format!("i-{finding}")}}),
            ),
        };
        let (updated, ip) = (state.updated.iso(), format!("198.51.100.{}", state.ip));
        let raw = json!({
            "id": name(finding), "accountId": account(0), "region": region(source), "type": kind, "title": "t",
            "severity": state.severity, "updatedAt": updated, "createdAt": updated, "resource": resource,
            "service": {"archived": archived, "count": state.count, "eventFirstSeen": updated, "eventLastSeen": updated,
                "action": {"actionType": "AWS_API_CALL",
                    "awsApiCallAction": {"api": "ListBuckets", "remoteIpDetails": {"ipAddressV4": ip}}}},
        });
        finding::decode(&raw.to_string(), &Arc::new(origin)).expect("it has an id")
    }
}
