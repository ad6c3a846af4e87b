//! Notices about the monitoring itself, and what identifies them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A notice. The state keeps it until it is delivered. It may contain untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(flatten)]
    pub id: NoticeId,
    pub title: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    pub level: NoticeLevel,
}

/// Level of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    Info,
    Warning,
    Resolved,
}

/// Identifies a notice: the same event has the same ID in a run that could not record it and in the next run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoticeId {
    pub event: EventName,
    /// When the state was last saved before the event.
    pub epoch: Timestamp,
    /// The notice combines several. The event is that of the first one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_combined: bool,
}

/// The name of an event that a notice announces: the same whenever the event happens. It is only compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventName(String);

impl EventName {
    pub fn new(event: impl fmt::Display) -> Self {
        Self(event.to_string())
    }
}

impl NoticeId {
    pub fn new(event: impl fmt::Display, epoch: Timestamp) -> Self {
        Self { event: EventName::new(event), epoch, is_combined: false }
    }

    /// Returns true if `announced`, the ID of a notice in a channel, is about the same event, in whatever epoch.
    pub fn is_same_event(&self, announced: &str) -> bool {
        let epoch = announced.strip_prefix(&self.prefix()).and_then(|rest| rest.strip_prefix('-'));
        epoch.is_some_and(|epoch| epoch.parse::<i64>().is_ok())
    }

    fn prefix(&self) -> String {
        let combined = if self.is_combined { "combined-" } else { "" };
        format!("{combined}{}", self.event.0)
    }
}

/// As in the metadata of the message.
impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix(), self.epoch.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notices_about_the_same_event_are_the_same_in_another_epoch() {
        let id = |event: &str, epoch| NoticeId::new(event, Timestamp(epoch));
        let combined = |epoch| NoticeId { is_combined: true, ..id("unreadable-a", epoch) };
        assert!(id("unreadable-a", 1).is_same_event(&id("unreadable-a", 2).to_string()));
        assert!(id("unreadable-a", 1).is_same_event(&id("unreadable-a", -2).to_string()));
        assert!(!id("unreadable-a", 1).is_same_event(&id("unreadable-a-b", 1).to_string()));
        assert!(!id("unreadable-a-b", 1).is_same_event(&id("unreadable-a", 1).to_string()));
        assert!(!id("unreadable-a", 1).is_same_event(&combined(1).to_string()));
        assert!(combined(1).is_same_event(&combined(2).to_string()));
    }

    #[test]
    fn the_state_contains_the_parts_of_an_id() {
        let id = NoticeId::new("no-state", Timestamp(1));
        let notice = Notice { id, title: "t".into(), lines: Vec::new(), level: NoticeLevel::Info };
        let json = serde_json::to_string(&notice).unwrap();
        assert_eq!(json, r#"{"event":"no-state","epoch":1,"title":"t","level":"info"}"#);
        assert_eq!(serde_json::from_str::<Notice>(&json).unwrap(), notice);
    }
}
