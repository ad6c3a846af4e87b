//! Fake GuardDuty: the revisions of findings, the sources that show them, and lists.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use guardduty_slack::finding::{self, Finding, Origin};
use guardduty_slack::guardduty::{ListPage, SourceKey};
use guardduty_slack::time::Timestamp;

use crate::history::{FaultEffect, History, SourceChange, WorldEvent};
use crate::rng::hash;
use crate::world::{BEGIN, World, name};

/// One revision of a finding.
#[derive(Clone, Debug)]
pub(crate) struct SimRevision {
    pub updated: Timestamp,
    pub visible: Timestamp,
    pub severity: f64,
    pub ip: u8,
    pub count: u64,
}

/// History of one finding.
#[derive(Clone, Debug, Default)]
pub(crate) struct FindingHistory {
    pub revisions: Vec<SimRevision>,
    /// Times at which the finding was archived (true) or unarchived.
    pub archived: Vec<(Timestamp, bool)>,
}

impl FindingHistory {
    /// Histories of all findings. A later revision never becomes visible before an earlier one.
    pub(crate) fn all(history: &History) -> Vec<Self> {
        let mut finding_histories = vec![Self::default(); history.setup.findings.len()];
        for e in &history.events {
            let at = Timestamp(BEGIN + e.at);
            match e.what {
                WorldEvent::Revision { finding, severity, ip, count, late } => {
                    let before = finding_histories[finding].revisions.last();
                    let updated = before.map_or(at.0, |b| (b.updated.0 + 1).max(at.0));
                    let visible = before.map_or(updated + late, |b| (updated + late).max(b.visible.0));
                    let revision =
                        SimRevision { updated: Timestamp(updated), visible: Timestamp(visible), severity, ip, count };
                    finding_histories[finding].revisions.push(revision);
                }
                WorldEvent::Archive(finding) => finding_histories[finding].archived.push((at, true)),
                WorldEvent::Unarchive(finding) => finding_histories[finding].archived.push((at, false)),
                _ => {}
            }
        }
        finding_histories
    }
}

/// Changes of each source, by time.
pub(crate) fn source_changes(history: &History) -> Vec<Vec<(Timestamp, SourceChange)>> {
    let mut changes = vec![Vec::new(); history.setup.sources];
    for event in &history.events {
        if let WorldEvent::ChangeSource(source, change) = event.what {
            changes[source].push((Timestamp(BEGIN + event.at), change));
        }
    }
    changes
}

pub(crate) fn account(source: usize) -> &'static str {
    ["111122223333", "111122223333", "444455556666"][source]
}

pub(crate) fn region(source: usize) -> &'static str {
    ["eu-west-1", "us-east-1", "eu-west-1"][source]
}

pub(crate) fn source_key(source: usize) -> SourceKey {
    SourceKey { account: account(source).into(), region: region(source).into() }
}

/// Status of a source.
#[derive(Clone, Debug)]
pub(crate) struct SimSourceStatus {
    pub region: bool,
    /// Number of the present detector, if there is one, and the time of its creation.
    pub detector: Option<usize>,
    pub since: Timestamp,
    pub enabled: bool,
    /// Reason why the source is unreadable.
    pub unreadable: Option<FaultEffect>,
    pub filters: Vec<u8>,
}

pub(crate) fn detector(source: usize, number: usize) -> Cow<'static, str> {
    if number == 0 { Cow::Borrowed(["d0", "d1", "d2"][source]) } else { Cow::Owned(format!("d{source}-{number}")) }
}

impl World {
    pub(crate) fn source_status(&self, source: usize, now: Timestamp) -> SimSourceStatus {
        // With `GUARDDUTY_REGIONS=all` other regions are enabled later.
        let region = !self.history.setup.all || source == 0;
        let mut status = SimSourceStatus {
            region,
            detector: Some(0),
            since: Timestamp(0),
            enabled: true,
            unreadable: None,
            filters: Vec::new(),
        };
        let mut number = 0;
        for (at, change) in self.source_changes[source].iter().copied().filter(|(at, _)| *at <= now) {
            match change {
                SourceChange::Region(on) => status.region = on,
                SourceChange::Deleted => status.detector = None,
                SourceChange::Replaced => {
                    number += 1;
                    (status.detector, status.since) = (Some(number), at);
                }
                SourceChange::Enabled(on) => status.enabled = on,
                SourceChange::Readable => status.unreadable = None,
                SourceChange::Unreadable { denied } => {
                    status.unreadable = Some(if denied { FaultEffect::Denied } else { FaultEffect::Fail });
                }
                SourceChange::Filter(n) => status.filters.push(n),
            }
        }
        status
    }

    /// Returns the ID of the present detector.
    pub(crate) fn detector(&self, source: usize) -> Option<Cow<'static, str>> {
        self.source_status(source, self.now()).detector.map(|n| detector(source, n))
    }

    /// Returns all revisions of a finding, by `updatedAt`.
    pub(crate) fn revisions(&self, finding: usize) -> &[SimRevision] {
        &self.finding_histories[finding].revisions
    }

    /// Returns the index of the newest visible revision.
    pub(crate) fn visible_revision(&self, finding: usize, now: Timestamp) -> Option<usize> {
        self.revisions(finding).iter().rposition(|revision| revision.visible <= now)
    }

    pub(crate) fn archived(&self, finding: usize, now: Timestamp) -> bool {
        let archivings = self.archivings.borrow();
        let by_runs = archivings.iter().filter(|(_, f, _)| *f == finding).map(|(at, _, archived)| (*at, *archived));
        let changes =
            self.finding_histories[finding].archived.iter().copied().chain(by_runs).filter(|(at, _)| *at <= now);
        changes.max_by_key(|(at, _)| *at).is_some_and(|(_, archived)| archived)
    }

    pub(crate) fn seen_by(&self, source: usize) -> impl Iterator<Item = usize> {
        let makes = &self.history.setup.findings;
        (0..makes.len()).filter(move |f| makes[*f].sources.contains(&source))
    }

    /// Returns true if a source shows a finding. A finding is deleted with its detector.
    pub(crate) fn is_shown(&self, source: usize, f: usize, now: Timestamp) -> bool {
        let status = self.source_status(source, now);
        let updated = self.visible_revision(f, now).map(|n| self.revisions(f)[n].updated);
        status.region && status.detector.is_some() && updated.is_some_and(|u| u >= status.since)
    }

    /// Returns one page. A token is an offset, so that pages shift when a finding is updated between two requests.
    pub(crate) fn page(&self, source: usize, from: Timestamp, to: Option<Timestamp>, token: Option<&str>) -> ListPage {
        let now = self.now();
        let mut found: Vec<(Timestamp, u64, usize)> = self
            .seen_by(source)
            .filter(|f| !self.archived(*f, now) && self.is_shown(source, *f, now))
            .filter_map(|f| {
                let updated = self.revisions(f)[self.visible_revision(f, now)?].updated;
                let within = updated >= from && to.is_none_or(|to| updated <= to);
                within.then(|| (updated, hash(&[self.seed(), f as u64]), f))
            })
            .collect();
        found.sort_unstable();
        let start: usize = token.and_then(|t| t.parse().ok()).unwrap_or(0);
        let end = (start + self.history.setup.page).min(found.len());
        let ids = found.get(start..end).unwrap_or_default().iter().map(|(.., f)| name(*f)).collect();
        ListPage { ids, next_token: (end < found.len()).then(|| end.to_string()) }
    }

    pub(crate) fn details(&self, source: usize, ids: &[String]) -> Vec<Finding> {
        let numbers = ids.iter().filter_map(|id| id[1..].parse().ok());
        let found =
            numbers.filter(|f| self.is_shown(source, *f, self.now()) && !self.history.setup.is_never_returned(*f));
        let found = found.filter_map(|f| self.detail(source, f));
        let mut found: Vec<Finding> = found.collect();
        found.sort_by_key(|f| hash(&[self.seed(), f.updated.0 as u64, f.id.len() as u64]));
        found
    }

    fn detail(&self, source: usize, finding: usize) -> Option<Finding> {
        let now = self.now();
        let revision = &self.revisions(finding)[self.visible_revision(finding, now)?];
        let number = self.source_status(source, now).detector.unwrap_or_default();
        let origin = Origin {
            account: account(source).into(),
            region: region(source).into(),
            detector: detector(source, number).into_owned(),
        };
        let archived = self.archived(finding, now);
        Some(revision.finding(finding, self.history.setup.findings[finding].account_wide, archived, origin))
    }
}

/// What is the same in all revisions of a finding with one remote address: number, number of the user, address.
type Constants = (usize, Option<u32>, u8);

thread_local! {
    /// Every finding that was decoded, with its details.
    static DECODED: RefCell<BTreeMap<Constants, Finding>> = RefCell::default();
}

impl SimRevision {
    /// Returns the revision as a source returns it.
    fn finding(&self, number: usize, user: Option<u32>, archived: bool, origin: Origin) -> Finding {
        let mut finding = DECODED.with_borrow_mut(|decoded| {
            decoded
                .entry((number, user, self.ip))
                .or_insert_with(|| self.decode(number, user, archived, &origin))
                .clone()
        });
        finding.updated = self.updated;
        finding.updated_at = self.updated.to_rfc3339();
        (finding.created, finding.first_seen, finding.last_seen) =
            (Some(self.updated), Some(self.updated), Some(self.updated));
        finding.region.clone_from(&origin.region);
        (finding.severity, finding.count, finding.archived) = (self.severity, self.count, archived);
        finding.origin = Arc::new(origin);
        finding
    }

    fn decode(&self, number: usize, user: Option<u32>, archived: bool, origin: &Origin) -> Finding {
        let (kind, resource) = match user {
            Some(user) => (
                "UnauthorizedAccess:IAMUser/TorIPCaller",
                format!(
                    r#"{{"resourceType":"AccessKey","accessKeyDetails":{{"userName":"u{user}","userType":"IAMUser"}}}}"#
                ),
            ),
            None => (
                "UnauthorizedAccess:EC2/TorClient",
                format!(r#"{{"resourceType":"Instance","instanceDetails":{{"instanceId":"i-{number}"}}}}"#),
            ),
        };
        let (id, account, region, updated) = (name(number), account(0), &origin.region, self.updated.to_rfc3339());
        let Self { severity, ip, count, .. } = self;
        let raw = format!(
            r#"{{"id":"{id}","accountId":"{account}","region":"{region}","type":"{kind}","title":"t",
            "severity":{severity:?},"updatedAt":"{updated}","createdAt":"{updated}","resource":{resource},
            "service":{{"archived":{archived},"count":{count},"eventFirstSeen":"{updated}","eventLastSeen":"{updated}",
            "action":{{"actionType":"AWS_API_CALL","awsApiCallAction":
            {{"api":"ListBuckets","remoteIpDetails":{{"ipAddressV4":"198.51.100.{ip}"}}}}}}}}}}"#
        );
        let finding = finding::decode(&raw, &Arc::new(origin.clone())).expect("it has an id");
        finding.details();
        finding
    }
}

#[test]
fn every_revision_is_returned_as_if_it_was_decoded() {
    let updated = |n: i64| Timestamp(BEGIN + n * 1_000);
    for (user, ip) in [(None, 1), (Some(1), 2)] {
        for n in 0..3 {
            let (source, archived) = (n % 2, n == 1);
            let origin =
                || Origin { account: account(source).into(), region: region(source).into(), detector: format!("d{n}") };
            let revision = SimRevision {
                updated: updated(n as i64),
                visible: updated(0),
                severity: 5.0 + n as f64,
                ip,
                count: n as u64 + 1,
            };
            let decoded = revision.decode(7, user, archived, &origin());
            assert_eq!(format!("{:?}", revision.finding(7, user, archived, origin())), format!("{decoded:?}"));
        }
    }
}
