//! Defines findings, and decodes them from JSON. No other module decodes findings.

mod action;
mod additional;
mod anomaly;
mod assessment;
mod attribute;

mod build;
mod compute;
mod container;
mod database;
mod decode;
pub mod documents;
mod evidence;
mod facts_builder;
mod hash;
mod iam;
mod kind;
pub(crate) mod line;
mod malware;
mod outcome;
mod profile;
mod remote;
mod resource;
mod runtime;
mod sequence;
mod severity_level;
mod storage;
#[cfg(test)]
mod tests;
mod value;

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

pub use assessment::{Assessment, investigated_finding};
pub use attribute::{Attribute, AttributeKind};
#[cfg(test)]
pub(crate) use decode::arbitrary;
pub use decode::{DecodedFindings, NoId, NotAnAnswer, decode, decode_answer, raw_findings, repair, undecodable};
pub use hash::short_hash;
pub use kind::{FindingType, Tactic};
pub use line::{Line, Span};
pub use severity_level::{FindingCounts, SeverityLevel};

use crate::source_key::SourceKey;
use crate::time::Timestamp;

/// Source in which a finding was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The polled account. With a delegated administrator, it can differ from the account of the finding.
    pub account: String,
    /// The polled region. It can differ from the region of the finding.
    pub region: String,
    /// The detector that returned the finding.
    pub detector: String,
}

impl Origin {
    pub fn source_key(&self) -> SourceKey {
        SourceKey { account: self.account.clone(), region: self.region.clone() }
    }
}

/// One revision of a finding: its header and its JSON. The [`Details`] are read from the JSON only if they are needed,
/// because digests only count most findings of a flood. The size is limited, and is about 4 KiB for a normal finding.
#[derive(Clone, Debug)]
pub struct Finding {
    pub id: String,
    /// `updatedAt` as received. If it cannot be read, the time in `updated`, or empty if there is none.
    pub updated_at: String,
    /// Time of this revision. If `updatedAt` cannot be read, the latest other time of the finding. If it has no time, the
    /// epoch: then only its ID identifies the finding, and no revision of it is newer than a processed one.
    pub updated: Timestamp,
    has_updated_at: bool,
    pub created: Option<Timestamp>,
    /// The account in which the activity occurred.
    pub account_id: String,
    /// The region in which the activity occurred. For findings about global services, it can differ from the polled region.
    pub region: String,
    pub origin: Arc<Origin>,
    /// `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`.
    pub partition: String,
    pub kind: FindingType,
    /// 1.0 to 10.0 according to the documentation; 0.0 if there is none.
    pub severity: f64,
    pub title: Option<String>,
    /// ARN of the attack sequence of which the finding is a signal.
    pub sequence_arn: Option<String>,
    /// Number of occurrences, at least 1.
    pub count: u64,
    pub archived: bool,
    pub sample: bool,
    pub first_seen: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    /// `resourceType` as received: an open string, which may be empty.
    pub resource_kind: String,
    /// The finding as received, if only the ID could be read. It is announced in the minimal form.
    pub raw: Option<Box<str>>,
    principal: Option<String>,
    /// Empty after the details were read.
    json: RefCell<Box<str>>,
    /// Clones share them.
    details: OnceCell<Arc<Details>>,
}

/// The data of a finding that only its message needs, in addition to the header.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub description: Option<String>,
    /// The custom detection rule that caused the finding.
    pub rule: Option<String>,
    /// The feature of GuardDuty that found it, such as `RuntimeMonitoring`.
    pub feature: Option<String>,
    pub resource: Resource,
    /// The lines of the message, in reading order.
    pub facts: Vec<TopicLines>,
    traits: Vec<Attribute>,
    signals: Vec<(String, String)>,
    /// The action has a shape that this version does not know. The description is shown instead.
    pub is_action_unknown: bool,
    /// A member could not be interpreted.
    is_partial: bool,
}

/// The resource that a finding is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Description of the resource, such as `EC2 instance i-0abc (web-1)`. Empty if it is unknown.
    pub summary: Line,
    names: Vec<String>,
    tags: Vec<(String, String)>,
}

/// Topic of [`TopicLines`], in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Resource,
    Action,
    /// Who acted, where GuardDuty says so.
    Actor,
    /// The other end, where the resource of the finding acted.
    Target,
    /// The other end, where nothing says who acted.
    RemoteHost,
    Process,
    Malware,
    /// What to revoke or to isolate.
    Contain,
    Signals,
    Evidence,
    Anomalies,
    Indicators,
    /// More about the resource, and the resources beside it.
    Details,
}

/// Lines about one matter; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicLines {
    pub topic: Topic,
    /// The most important first.
    pub lines: Vec<Line>,
    /// Number of lines that the finding would have beyond these.
    pub omitted: usize,
}

impl Finding {
    pub fn severity_level(&self) -> SeverityLevel {
        SeverityLevel::from_score(self.severity)
    }

    /// Returns false if GuardDuty gave no severity that can be read.
    pub fn has_severity(&self) -> bool {
        self.severity > 0.0
    }

    /// Time by which GuardDuty lists the finding; `None` if it cannot be read.
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.has_updated_at.then_some(self.updated)
    }

    /// Time of the last change that is known, if any.
    pub fn changed(&self) -> Option<Timestamp> {
        self.last_seen.or_else(|| (!self.updated_at.is_empty()).then_some(self.updated))
    }

    /// Reads the details, at the first call.
    pub fn details(&self) -> &Details {
        self.details.get_or_init(|| Arc::new(decode::decode_details(&self.id, &self.json.take())))
    }

    /// The resource in a few words; empty if nothing is known of it.
    pub fn subject(&self) -> &Line {
        &self.details().resource.summary
    }

    /// What a route's `resource` globs match: the kind, then every identifier.
    pub fn resource_names(&self) -> Vec<String> {
        let kind = (!self.resource_kind.is_empty()).then(|| self.resource_kind.clone());
        kind.into_iter().chain(self.details().resource.names.iter().cloned()).collect()
    }

    pub fn tags(&self) -> &[(String, String)] {
        &self.details().resource.tags
    }

    /// Attributes that are compared between revisions, in the order in which they are shown. At most twelve, of at most
    /// about 90 characters.
    pub fn attributes(&self) -> Vec<Attribute> {
        self.details().traits.clone()
    }

    /// ID of the attack sequence of which it is a signal.
    pub fn sequence_id(&self) -> Option<&str> {
        self.sequence_arn.as_deref()?.rsplit_once("/finding/").map(|(_, id)| id)
    }

    /// The findings that are signals of an attack sequence: ID and title.
    pub fn signals(&self) -> &[(String, String)] {
        if self.kind.is_attack_sequence() { &self.details().signals } else { &[] }
    }

    /// The lines about one matter; none if there are none.
    pub fn lines_about(&self, about: Topic) -> &[Line] {
        self.details().facts.iter().find(|f| f.topic == about).map_or(&[], |f| &f.lines)
    }

    /// Strings that are names, whatever they look like: those of the resource, of users and of threats. An address or a
    /// domain of the other end is none, even if a resource has the same name.
    pub fn names(&self) -> Vec<&str> {
        let details = self.details();
        let values = |kind| details.traits.iter().filter_map(move |attribute| attribute.value_of(kind));
        let domains: Vec<&str> = values(AttributeKind::Domain).collect();
        let of_traits = values(AttributeKind::User).chain(values(AttributeKind::Threat));
        let names = details.resource.names.iter().map(String::as_str).chain(of_traits);
        names.filter(|name| name.parse::<std::net::IpAddr>().is_err()).filter(|name| !domains.contains(name)).collect()
    }

    /// Number of lines about one matter that were not kept.
    pub fn omitted(&self, about: Topic) -> usize {
        self.details().facts.iter().find(|f| f.topic == about).map_or(0, |f| f.omitted)
    }

    /// Who acted, or the other end, or the process: the first of them that is known.
    pub fn counterpart(&self) -> &[Line] {
        let matters = [self.other_end(), Topic::Process];
        matters.into_iter().map(|about| self.lines_about(about)).find(|lines| !lines.is_empty()).unwrap_or_default()
    }

    /// What the other end of the finding is: the matter under which earlier addresses belong too.
    pub fn other_end(&self) -> Topic {
        let known = [Topic::Actor, Topic::Target, Topic::RemoteHost];
        known.into_iter().find(|about| !self.lines_about(*about).is_empty()).unwrap_or(Topic::RemoteHost)
    }

    /// What is the same finding in every region: some for findings about IAM users and roles, 8 hexadecimal digits
    /// of (account, type, principal). Source: GuardDuty User Guide, “How GuardDuty handles global service events”.
    pub fn global_key(&self) -> Option<String> {
        let principal = self.principal.as_deref()?;
        Some(short_hash([self.account_id.as_str(), self.kind.as_str(), principal]))
    }
}
