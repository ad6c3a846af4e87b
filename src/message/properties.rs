//! Properties of every message, for any content of a finding.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{read, wording};
use super::*;
use crate::finding::{Assessment, arbitrary};
use crate::time::Timestamp;

fn check(payload: &Value) -> Result<(), TestCaseError> {
    promises::kept(payload).map_err(TestCaseError::fail)
}

#[test]
fn underscore_formats_only_at_the_beginning_of_a_word() {
    let payload = |text| json!({"text": text, "unfurl_links": false, "unfurl_media": false});
    assert_eq!(promises::kept(&payload("LD_PRELOAD · LD_… · `_a_`")), Ok(()));
    assert!(promises::kept(&payload("see _this_")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_finding_breaks_a_message(raw in arbitrary::finding(), other in arbitrary::finding()) {
        let findings = read(&json!([&raw, other]).to_string());
        prop_assert_eq!(findings.len(), 2);
        let w = wording();
        for form in [MessageForm::Blocks, MessageForm::Text, MessageForm::Minimal] {
            for f in &findings {
                let traits = f.attributes();
                prop_assert!(traits.len() <= 12 && f.resource_names().len() <= 65);
                check(&super::finding(f, &RenderContext { known_attributes: &findings[0].attributes(), intended_channel: f.title.as_deref(), ..RenderContext::default() }, &w, form).payload())?;
                check(&super::reply(f, &ReplyContent { previous_severity: Some(f.severity), new_attributes: &traits, previous_count: Some(0), placement: Placement::Channel { message_link: None }, ..ReplyContent::default() }, &w, form).payload())?;
                let text = |limit| raw.to_string().chars().rev().take(limit).collect::<String>();
                let assessment = Assessment { investigation: "0a".into(), risk_level: Some(text(300)), confidence: f.title.clone(), risk: Some(text(1_024)), summary: Some(text(20_000)) };
                check(&super::reply(f, &ReplyContent { assessment: Some(&assessment), ..ReplyContent::default() }, &w, form).payload())?;
                let lines = f.details().facts.iter().flat_map(|f| &f.lines).map(|l| l.to_plain()).collect();
                let notice = Notice { id: NoticeId::new(&f.id, Timestamp(1)), title: f.title.clone().unwrap_or_default(), lines, level: NoticeLevel::Info };
                check(&super::notice(&notice, form).payload())?;
                check(&super::redirect(&f.id, &f.account_id, f.details().description.as_deref().filter(|_| false), form).payload())?;
            }
            check(&super::digest(&findings[0].id, &findings.iter().collect::<Vec<_>>(), &w, &Addressing { omitted_mention: crate::mention::Mention::parse("<!channel>").as_ref(), intended_channel: findings[0].title.as_deref(), ..Addressing::default() }, form).payload())?;
        }
    }

    #[test]
    fn a_finding_has_a_key_and_a_stable_order(raw in arbitrary::finding()) {
        let text = raw.to_string();
        let (one, other) = (read(&text).remove(0), read(&text).remove(0));
        prop_assert_eq!(&one.details().facts, &other.details().facts);
        let key = one.global_key();
        prop_assert!(key.is_none_or(|k| k.len() == 8 && k.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
