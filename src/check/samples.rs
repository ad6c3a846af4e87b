//! A message of each kind, for Slack to validate. None of them is posted.

use crate::finding::Finding;
use crate::finding::documents::read_documents;
use crate::message::{self, Addressing, Form, Level, Life, Message, News, Notice, Wording};

const FINDING: &str = include_str!("sample.json");

/// Name and message of each kind.
pub(super) fn messages() -> Vec<(&'static str, Message)> {
    let findings = read_documents(FINDING).findings;
    let wording = Wording::default();
    let mut messages: Vec<(&str, Message)> =
        findings.first().into_iter().flat_map(|finding| of_finding(finding, &wording)).collect();
    let all: Vec<&Finding> = findings.iter().cycle().take(2).collect();
    let digest = message::digest("sample", &all, &wording, &Addressing::default(), Form::Full);
    messages.extend([("digest", digest), ("notice", message::notice(&notice(), Form::Full))]);
    messages
}

fn of_finding(finding: &Finding, wording: &Wording) -> [(&'static str, Message); 2] {
    let life = Life { mention: Some("<!here>"), ..Life::default() };
    let attributes = ["ip 198.51.100.4".to_owned(), "country France".to_owned()];
    let news = News { severity_was: Some(5.0), fresh: &attributes, ..News::default() };
    [
        ("finding", message::finding(finding, &life, wording, Form::Full)),
        ("reply", message::reply(finding, &news, wording, Form::Full)),
    ]
}

fn notice() -> Notice {
    let lines = ["from 2026-11-24T09:10:00.000Z", "to 2026-11-24T10:05:00.000Z"].map(str::to_owned);
    Notice { id: "sample".into(), title: "Sample".into(), lines: lines.into(), level: Level::Warning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_each_kind() {
        let names: Vec<&str> = messages().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["finding", "reply", "digest", "notice"]);
        assert!(messages().iter().all(|(_, message)| message.payload()["blocks"].is_array()));
    }
}
