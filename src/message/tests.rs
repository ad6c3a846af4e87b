//! The messages of each fixture, and of the history of a finding.

mod complete;
mod replies;
mod shown;
mod width;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use shown::{rich, seen};

use super::*;
use crate::finding::documents::read_documents;
use crate::finding::{Attribute, SeverityLevel};
use crate::mention::Mention;
use crate::time::Timestamp;

const MENTION: &str = "<!subteam^S0123>";

pub(super) fn read(text: &str) -> Vec<Finding> {
    read_documents(text).findings
}

fn fixture(name: &str) -> Finding {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/findings").join(format!("{name}.json"));
    read(&std::fs::read_to_string(path).unwrap()).remove(0)
}

fn fixtures() -> BTreeMap<String, Finding> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/findings");
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    names.map(|name| (name.clone(), fixture(&name))).collect()
}

pub(super) fn wording() -> MessageOptions {
    MessageOptions {
        account_names: [("111122223333".to_owned(), "payments-prod".to_owned())].into(),
        runbook_url: Some("https://wiki.corp.example/{type}?finding={id}".to_owned()),
        portal: None,
    }
}

fn full(f: &Finding, context: &RenderContext) -> Value {
    super::finding(f, context, &wording(), MessageForm::Blocks).payload()
}

fn mentioning(mention: Option<&Mention>) -> Addressing<'_> {
    Addressing { mention, ..Addressing::default() }
}

#[test]
fn every_shape_of_the_api_is_rendered() {
    for (name, finding) in fixtures() {
        insta::assert_snapshot!(format!("finding-{name}"), seen(&full(&finding, &RenderContext::default())));
    }
}

#[test]
fn recurrence_shows_attributes_that_guardduty_no_longer_returns() {
    let seen_before =
        ["ip 198.51.100.4", "ip 185.220.101.34", "ip 203.0.113.88", "country France", "port 22"].map(Attribute::from);
    let message = seen(&full(
        &fixture("iam-tor-caller"),
        &RenderContext { known_attributes: &seen_before, ..RenderContext::default() },
    ));
    assert!(
        message.contains("  - 3 remote IPs in total, previously `198[.]51[.]100[.]4`, `203[.]0[.]113[.]88`\n"),
        "{message}"
    );
    assert!(message.contains("  - 2 countries in total, previously France\n"), "{message}");
}

fn archived(f: &Finding) -> Finding {
    let mut f = f.clone();
    f.archived = true;
    f
}

#[test]
fn mention_is_omitted_for_sample_and_archived_findings() {
    let mention = Mention::parse(MENTION);
    let message = |f: &Finding| full(f, &RenderContext { mention: mention.as_ref(), ..RenderContext::default() });
    let live = fixture("iam-tor-caller");
    assert_eq!(message(&live)["blocks"][0]["text"]["text"], MENTION);
    assert!(message(&live)["text"].as_str().unwrap().starts_with(MENTION));
    for quiet in [message(&archived(&live)), message(&fixture("sample"))] {
        assert!(!quiet.to_string().contains("subteam") && !quiet.to_string().contains("@here"), "{quiet}");
    }
}

#[test]
fn mentions_of_a_route_appear_in_every_message_type() {
    let f = fixture("iam-tor-caller");
    let both = Mention::parse("<!subteam^S0123> <@U0123>");
    let both = both.as_ref();
    let message = full(&f, &RenderContext { mention: both, ..RenderContext::default() });
    assert_eq!(message["blocks"][0]["text"]["text"], "<!subteam^S0123> <@U0123>");
    let digest = super::digest("d", &[&f], &wording(), &mentioning(both), MessageForm::Blocks);
    assert!(digest.fallback().starts_with("<!subteam^S0123> <@U0123> "), "{}", digest.fallback());
    let content =
        ReplyContent { previous_severity: Some(5.0), addressing: mentioning(both), ..ReplyContent::default() };
    let reply = super::reply(&f, &content, &wording(), MessageForm::Blocks).payload();
    let first = &reply["blocks"][0]["elements"][0]["elements"];
    assert_eq!(first[0], json!({"type": "usergroup", "usergroup_id": "S0123"}));
    assert_eq!(first[2], json!({"type": "user", "user_id": "U0123"}));
}

#[test]
fn unknown_resource_type_is_rendered_as_plain_text() {
    let resource = json!({"uid": "u", "resourceType": "*NEW*_`KIND`"});
    let sequence = json!({"uid": "s", "description": "d", "signals": [{"uid": "1", "type": "~NEW~", "resourceUids": ["u"]}], "resources": [resource]});
    let f = read(
        &json!({"id": "1", "updatedAt": "2026-11-24T12:34:56Z", "service": {"detection": {"sequence": sequence}}})
            .to_string(),
    );
    let message = super::finding(&f[0], &RenderContext::default(), &wording(), MessageForm::Blocks).payload();
    assert_eq!(promises::kept(&message), Ok(()));
    assert!(message["text"].as_str().unwrap().contains("New kind `u`"), "{message}");
}

#[test]
fn archived_finding_is_gray_and_labeled_until_it_is_restored() {
    let f = fixture("iam-tor-caller");
    let archived = full(&archived(&f), &RenderContext::default());
    assert!(seen(&archived).contains("# ⚪ Archived · "));
    assert_eq!(archived["attachments"][0]["color"], "#9AA0A6");
    assert!(archived["text"].as_str().unwrap().contains("Archived · high 8.0"));
    assert!(!full(&f, &RenderContext::default()).to_string().to_lowercase().contains("archived"));
}

#[test]
fn message_in_a_fallback_channel_names_the_intended_channel() {
    let message = full(
        &fixture("iam-tor-caller"),
        &RenderContext { intended_channel: Some("#sec-critical"), ..RenderContext::default() },
    );
    assert!(seen(&message).contains("intended for `#sec-critical`, which rejected the message"));
    assert!(message["text"].as_str().unwrap().contains("`#sec-critical`"));
    assert_eq!(message["metadata"]["event_payload"]["intended_channel"], "#sec-critical");
}

#[test]
fn a_message_links_to_the_messages_of_related_findings() {
    let sequence = Related {
        relation: Relation::Sequence,
        title: "AttackSequence:IAM/CompromisedCredentials".to_owned(),
        permalink: "https://example.slack.com/archives/C1/p1".to_owned(),
    };
    let context = RenderContext { related: &[sequence], ..RenderContext::default() };
    for form in [MessageForm::Blocks, MessageForm::Text] {
        let message = super::finding(&fixture("iam-tor-caller"), &context, &wording(), form).payload().to_string();
        assert_eq!(message.matches("https://example.slack.com/archives/C1/p1").count(), 1, "{message}");
    }
}

#[test]
fn portal_link_opens_the_account_of_the_finding() {
    let portal = ConsolePortal { url: "https://d-1234567890.awsapps.com/start".into(), role: "SecurityAudit".into() };
    let f = fixture("iam-tor-caller");
    let message = super::finding(
        &f,
        &RenderContext::default(),
        &MessageOptions { portal: Some(portal), ..wording() },
        MessageForm::Blocks,
    )
    .payload();
    let link = "https://d-1234567890.awsapps.com/start/#/console?account_id=111122223333&role_name=SecurityAudit&destination=https%3A%2F%2Feu-west-1.console.aws.amazon.com%2F";
    assert!(message.to_string().contains(link), "{message}");
}

#[test]
fn each_form_has_the_metadata_and_the_minimal_form_only_validated_fields() {
    let f = fixture("hostile");
    for form in [MessageForm::Blocks, MessageForm::Text, MessageForm::Minimal] {
        let message = super::finding(&f, &RenderContext::default(), &wording(), form).payload();
        assert_eq!(
            message["metadata"],
            json!({"event_type": "guardduty_finding", "event_payload": {"finding_id": f.id, "updated_at": "2026-11-24T12:34:56.789Z",
                "account_id": "111122223333", "region": "eu-west-1", "detector_id": "7ab0b5c2d4e61f7a8b9c0d1e2f3a4b5c", "type": "Discovery:S3/MaliciousIPCaller", "severity": 8.0}})
        );
        assert_eq!(message.get("blocks").is_some(), form == MessageForm::Blocks);
    }
    insta::assert_snapshot!(super::finding(&f, &RenderContext::default(), &wording(), MessageForm::Minimal).fallback(), @"🔴 HIGH 8.0 · GuardDuty finding 8e20e5f0a627b4dd4dedc41a597ab672 · account 111122223333 · eu-west-1 · <https://eu-west-1.console.aws.amazon.com/guardduty/home?region=eu-west-1#/findings?macros=current&amp;fId=8e20e5f0a627b4dd4dedc41a597ab672|open in GuardDuty> · Slack rejected the details; see the log");
}

#[test]
fn a_digest_groups_counts_and_names_the_critical() {
    let all: Vec<Finding> = fixtures().into_values().collect();
    let many: Vec<&Finding> = all.iter().cycle().take(200).collect();
    let mention = Mention::parse(MENTION);
    let addressing = mentioning(mention.as_ref());
    let message = super::digest("d-1", &many, &wording(), &addressing, MessageForm::Blocks).payload();
    assert_eq!(message["metadata"]["event_payload"], json!({"digest_id": "d-1", "findings": 200}));
    insta::assert_snapshot!("digest", seen(&message));
    insta::assert_snapshot!(
        "digest-text",
        super::digest("d-1", &many, &wording(), &Addressing::default(), MessageForm::Text).fallback()
    );
    insta::assert_snapshot!(super::digest("d-1", &many, &wording(), &Addressing::default(), MessageForm::Minimal).fallback(), @"🚨 200 more findings: 13 critical, 99 high, 53 medium, 35 low · Slack rejected the details; see the log");
}

#[test]
fn notices_and_redirects_have_plain_texts() {
    let notice = Notice {
        id: NoticeId::new("n", Timestamp(1)),
        title: "Cannot read 111122223333/eu-west-1".into(),
        lines: vec!["denied: <!here> evil.example".into(), "allow it".into()],
        level: NoticeLevel::Warning,
    };
    insta::assert_snapshot!(seen(&super::notice(&notice, MessageForm::Blocks).payload()), @"
    text: ⚠️ `Cannot read 111122223333/eu-west-1` · `denied: &lt;!here&gt; evil[.]example` · `allow it`
    ⚠️ **Cannot read 111122223333/eu-west-1**
    | #F29900
      - denied: <!here> evil[.]example
      - allow it
    ");
    insta::assert_snapshot!(super::notice(&notice, MessageForm::Minimal).fallback(), @"GuardDuty notice n-1: Slack rejected the text; see the log");
    let moved =
        super::redirect("1a2b", "#sec-critical", Some("https://corp.slack.com/archives/C1/p1"), MessageForm::Blocks);
    insta::assert_snapshot!(seen(&moved.payload()), @"
    text: This finding has moved to `#sec-critical` · <https://corp.slack.com/archives/C1/p1|open the message> · id 1a2b
    ➡️ This finding has moved to `#sec-critical`: [open the message](https://corp.slack.com/archives/C1/p1)
    | #9AA0A6
    (finding 1a2b)
    ");
    assert_eq!(moved.payload().get("metadata"), None);
}

#[test]
fn omitted_mention_is_named_and_notifies_nobody() {
    let f = fixture("iam-tor-caller");
    let mention = Mention::parse("<!channel> <!subteam^S0123>");
    let omitted = Addressing { omitted_mention: mention.as_ref(), ..Addressing::default() };
    let content = ReplyContent { previous_severity: Some(2.0), addressing: omitted, ..ReplyContent::default() };
    for form in [MessageForm::Blocks, MessageForm::Text] {
        for message in [
            super::finding(&f, &RenderContext::addressed(&omitted), &wording(), form),
            super::reply(&f, &content, &wording(), form),
            super::digest("d", &[&f, &f], &wording(), &omitted, form),
        ] {
            let text = message.payload().to_string().replace("<!date^", "");
            assert!(text.contains("@channel, @S0123"), "{text}");
            assert!(!text.contains("<!") && !text.contains("broadcast") && !text.contains("usergroup"), "{text}");
        }
    }
    assert!(
        !full(&archived(&f), &RenderContext::addressed(&omitted)).to_string().contains("@channel"),
        "an archived finding mentions nobody anyway"
    );
}

#[test]
fn a_digest_names_the_channel_that_rejected_it() {
    let f = fixture("iam-tor-caller");
    let addressing = Addressing { intended_channel: Some("#sec-critical"), ..Addressing::default() };
    for form in [MessageForm::Blocks, MessageForm::Text] {
        let message = super::digest("d", &[&f, &f], &wording(), &addressing, form);
        assert!(message.payload().to_string().contains("#sec-critical"));
    }
}
