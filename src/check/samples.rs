//! Builds a message of each kind, for Slack to validate. None of them is posted.

use std::time::Duration;

use crate::finding::documents::read_documents;
use crate::finding::{Attribute, Finding, SeverityLevel};
use crate::mention::{Mention, MentionPart};
use crate::message::{
    self, Addressing, Message, MessageForm, MessageOptions, NoisyPair, Notice, NoticeId, NoticeLevel, RenderContext,
    ReplyContent, Summary, WorstFinding,
};
use crate::time::Timestamp;

const FINDING: &str = include_str!("sample.json");

/// Name and message of each kind.
pub(super) fn messages() -> Vec<(&'static str, Message)> {
    let findings = read_documents(FINDING).findings;
    let wording = MessageOptions::default();
    let mut messages: Vec<(&str, Message)> =
        findings.first().into_iter().flat_map(|finding| of_finding(finding, &wording)).collect();
    let all: Vec<&Finding> = findings.iter().cycle().take(2).collect();
    let digest = message::digest("sample", &all, &wording, &Addressing::default(), MessageForm::Blocks);
    messages.extend([
        ("digest", digest),
        ("notice", message::notice(&notice(), MessageForm::Blocks)),
        ("summary", message::summary(&summary(), MessageForm::Blocks)),
    ]);
    messages
}

fn of_finding(finding: &Finding, wording: &MessageOptions) -> [(&'static str, Message); 2] {
    let mention = Mention::of_parts([MentionPart::Here]);
    let life = RenderContext { mention: mention.as_ref(), ..RenderContext::default() };
    let attributes = ["ip 198.51.100.4", "country France"].map(Attribute::from);
    // An escalation has every member that the metadata of a reply can have.
    let unacknowledged_for = Some(Duration::from_mins(30));
    let content = ReplyContent {
        previous_severity: Some(5.0),
        new_attributes: &attributes,
        unacknowledged_for,
        ..ReplyContent::default()
    };
    [
        ("finding", message::finding(finding, &life, wording, MessageForm::Blocks)),
        ("reply", message::reply(finding, &content, wording, MessageForm::Blocks)),
    ]
}

fn notice() -> Notice {
    let lines = ["from 2026-11-24T09:10:00.000Z", "to 2026-11-24T10:05:00.000Z"].map(str::to_owned);
    Notice {
        id: NoticeId::new("sample", Timestamp(0)),
        title: "Sample".into(),
        lines: lines.into(),
        level: NoticeLevel::Warning,
    }
}

fn summary() -> Summary {
    let worst = WorstFinding {
        level: SeverityLevel::High,
        severity: 8.0,
        title: "Sample".into(),
        since: Timestamp(1_795_521_840_000),
        permalink: Some("https://example.slack.com/archives/C1/p1".into()),
    };
    let noisy = NoisyPair {
        finding_type: "Recon:EC2/Portscan".into(),
        resource: "i-0a1b".into(),
        count: 90,
        command: "aws guardduty create-filter --name sample".into(),
    };
    Summary { id: "sample".into(), worst: vec![worst], noisiest: vec![noisy], ..Summary::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_each_kind() {
        let names: Vec<&str> = messages().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["finding", "reply", "digest", "notice", "summary"]);
        assert!(messages().iter().all(|(_, message)| message.payload()["blocks"].is_array()));
    }

    #[test]
    fn each_event_type_has_one_sample() {
        let messages = messages();
        let types: Vec<&str> = messages.iter().filter_map(|(_, message)| message.event_type()).collect();
        let written =
            ["guardduty_finding", "guardduty_reply", "guardduty_digest", "guardduty_notice", "guardduty_summary"];
        assert_eq!(types, written);
    }
}
