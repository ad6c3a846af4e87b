//! A reply in the thread of a finding: where it goes, who it calls, and what it is about.

use std::rc::Rc;
use std::time::Duration;

use crate::finding::{Assessment, Attribute};
use crate::mention::Mention;
use crate::message::{Reopened, ReplyContent};
use crate::slack::MessageRef;
use crate::time::Timestamp;

/// A reply in the thread of a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The message of the finding.
    pub message: MessageRef,
    /// Who is called. Only a reply that is broadcast calls somebody.
    pub mention: Option<Mention>,
    pub subject: ReplySubject,
}

/// What a reply is about.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplySubject {
    /// What is new since the last notification.
    Changes(Changes),
    /// Nobody acknowledged the finding for this time.
    Unacknowledged(Duration),
    /// The result of an investigation of the finding.
    Investigation(Rc<Assessment>),
}

/// What is new about a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The severity shown before, if the severity level increased.
    pub previous_severity: Option<f64>,
    /// The newest revision that was processed before.
    pub since: Option<Timestamp>,
    pub new_attributes: Vec<Attribute>,
    pub previous_count: Option<u64>,
    pub reopened: Option<Reopened>,
}

impl Reply {
    /// The content of the reply.
    pub fn content(&self) -> ReplyContent<'_> {
        let none = ReplyContent::default();
        match &self.subject {
            ReplySubject::Changes(changes) => ReplyContent {
                previous_severity: changes.previous_severity,
                new_attributes: &changes.new_attributes,
                previous_count: changes.previous_count,
                reopened: changes.reopened,
                ..none
            },
            ReplySubject::Unacknowledged(time) => ReplyContent { unacknowledged_for: Some(*time), ..none },
            ReplySubject::Investigation(assessment) => ReplyContent { assessment: Some(assessment), ..none },
        }
    }

    /// Returns true if the reply is also shown in the channel.
    pub fn is_broadcast(&self) -> bool {
        match &self.subject {
            ReplySubject::Changes(changes) => changes.previous_severity.is_some(),
            ReplySubject::Unacknowledged(_) => true,
            ReplySubject::Investigation(_) => false,
        }
    }
}
