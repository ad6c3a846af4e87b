//! Replies in the thread of a message.

use super::*;

#[test]
fn a_reply_names_its_finding_and_what_is_new() {
    let mut f = fixture("iam-tor-caller");
    f.count = 47;
    let fresh = ["ip 198.51.100.4", "ip 2001:db8::9", "country France", "api PutBucketPolicy"].map(Attribute::from);
    let content = ReplyContent { new_attributes: &fresh, previous_count: Some(14), ..ReplyContent::default() };
    insta::assert_snapshot!(seen(&super::reply(&f, &content, &wording(), MessageForm::Blocks).payload()), @"
    text: IAM user `deploy-bot` · new remote IPs `198[.]51[.]100[.]4`, `2001[:]db8::9` · new country `France` · new API `PutBucketPolicy` · seen 47 times (33 new), last seen 2026-11-24 12:31 UTC · `payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller`
    IAM user `deploy-bot`
      - new remote IPs `198[.]51[.]100[.]4`, `2001[:]db8::9`
      - new country France
      - new API `PutBucketPolicy`
      - seen 47 times (33 new), last seen {2026-11-24 12:31 UTC}
    (payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller)
    ");
    let mention = Mention::parse(MENTION);
    let addressing = mentioning(mention.as_ref());
    let increase = ReplyContent { previous_severity: Some(5.0), addressing, ..ReplyContent::default() };
    insta::assert_snapshot!(seen(&super::reply(&f, &increase, &wording(), MessageForm::Blocks).payload()), @r#"
    text: <!subteam^S0123> 🔴 Severity increased: MEDIUM 5.0 → HIGH 8.0 · IAM user `deploy-bot` · seen 47 times, last seen 2026-11-24 12:31 UTC · `payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller`
    {"type":"usergroup","usergroup_id":"S0123"} **🔴 Severity increased: MEDIUM 5.0 → HIGH 8.0** · IAM user `deploy-bot`
      - seen 47 times, last seen {2026-11-24 12:31 UTC}
    (payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller)
    "#);
}

#[test]
fn the_metadata_of_a_reply_has_the_severity_if_that_increased() {
    let f = fixture("iam-tor-caller");
    let identity = json!({"finding_id": f.id, "updated_at": f.updated_at});
    let increased = json!({"finding_id": f.id, "updated_at": f.updated_at, "severity": 8.0});
    for (previous_severity, expected) in [(None, identity), (Some(5.0), increased)] {
        let content = ReplyContent { previous_severity, ..ReplyContent::default() };
        let message = super::reply(&f, &content, &wording(), MessageForm::Blocks).payload();
        assert_eq!(message["metadata"], json!({"event_type": "guardduty_reply", "event_payload": expected}));
    }
}

#[test]
fn a_reply_is_at_most_half_of_its_message() {
    for (name, f) in fixtures() {
        let fresh = ["ip 198.51.100.4", "country France"].map(Attribute::from);
        let content = ReplyContent {
            previous_severity: Some(2.0),
            new_attributes: &fresh,
            previous_count: Some(1),
            ..ReplyContent::default()
        };
        let reply = width::lines(&super::reply(&f, &content, &wording(), MessageForm::Blocks).payload());
        let message = width::lines(&full(&f, &RenderContext::default()));
        assert!(reply.len() <= 9.max(message.len() / 2), "{name}: {reply:#?}");
    }
}

#[test]
fn a_reply_in_the_channel_names_its_finding() {
    let f = fixture("iam-tor-caller");
    let fresh = ["ip 203.0.113.9"].map(Attribute::from);
    let placement = Placement::Channel { message_link: Some("https://example.slack.com/archives/C1/p17") };
    let here = Mention::parse("<!here>");
    let increased = ReplyContent {
        previous_severity: Some(2.0),
        addressing: mentioning(here.as_ref()),
        placement,
        ..ReplyContent::default()
    };
    let content = ReplyContent { new_attributes: &fresh, placement, ..ReplyContent::default() };
    let shown = |content: &ReplyContent| seen(&super::reply(&f, content, &wording(), MessageForm::Blocks).payload());
    insta::assert_snapshot!("reply-in-channel", [shown(&increased), shown(&content)].join("\n"));
}
