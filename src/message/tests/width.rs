//! The length of messages on the screen of a phone.

use guardduty_slack_support::text;

use super::*;

/// Characters of a line on a phone.
const COLUMNS: usize = 42;
const MEDIAN_LINES: usize = 18;
const SEQUENCE_LINES: usize = 40;

pub(super) fn lines(payload: &Value) -> Vec<String> {
    text::lines(payload, COLUMNS)
}

fn length(finding: &Finding) -> usize {
    lines(&full(finding, &RenderContext::default())).len()
}

#[test]
fn half_of_the_messages_fit_on_the_screen_of_a_phone() {
    let mut lengths: Vec<(usize, String)> =
        fixtures().iter().map(|(name, finding)| (length(finding), name.clone())).collect();
    lengths.sort();
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_LINES, "{median}: {lengths:?}");
}

#[test]
fn a_sequence_of_a_few_signals_fits_on_two_screens() {
    for (name, finding) in fixtures().into_iter().filter(|(_, finding)| finding.kind.purpose() == "AttackSequence") {
        assert!(length(&finding) <= SEQUENCE_LINES, "{name}: {}", length(&finding));
    }
}

#[test]
fn the_line_under_the_title_answers_how_severe_where_when_and_how_often() {
    for (name, finding) in fixtures().into_iter().filter(|(_, finding)| finding.has_severity()) {
        let message = full(&finding, &RenderContext::default());
        let first = rich(&message["attachments"][0]["blocks"][0]["elements"][0]);
        for part in [&SeverityLevel::format_score(finding.severity), &finding.account_id, &finding.region] {
            assert!(first.contains(part.as_str()), "{name}: {part} is not in {first}");
        }
        assert!(first.contains(" UTC}"), "{name}: no time in {first}");
        assert_eq!(first.contains(" times"), finding.count > 1, "{name}: {first}");
    }
}

#[test]
fn a_reply_is_complete_without_its_thread() {
    let content = ReplyContent { previous_severity: Some(2.0), ..ReplyContent::default() };
    for (name, finding) in fixtures().into_iter().filter(|(name, _)| name != "hostile") {
        let reply = super::super::reply(&finding, &content, &wording(), MessageForm::Blocks).payload();
        for shown in [seen(&reply), reply["text"].to_string()].map(|shown| shown.replace("&amp;", "&")) {
            let subject = finding.subject().to_plain();
            let resource = subject.rsplit(' ').next().unwrap_or_default().trim_matches(['(', ')']);
            for part in [finding.account_id.as_str(), &finding.region, finding.kind.as_str(), resource] {
                assert!(shown.contains(part), "{name}: {part} is not in {shown}");
            }
        }
    }
}
