//! Decodes findings in all formats of `preview`, and renders their messages.
#![no_main]

use std::sync::Arc;

use guardduty_slack::finding::documents::read_documents;
use guardduty_slack::finding::{Origin, decode_answer};
use guardduty_slack::message::{
    self, Addressing, MessageForm, MessageOptions, Notice, NoticeId, NoticeLevel, RenderContext, ReplyContent,
};
use guardduty_slack::time::Timestamp;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/message/promises.rs"]
mod promises;

fuzz_target!(|text: &str| {
    let _ = decode_answer(text.as_bytes(), &[], &Arc::new(origin()));
    let input = read_documents(text);
    assert!(!input.findings.is_empty() || !input.faults.is_empty(), "an input without findings is an error");
    assert!(input.faults.iter().all(|fault| !fault.to_string().is_empty()));
    let options = MessageOptions::default();
    let all: Vec<_> = input.findings.iter().take(500).collect();
    for form in [MessageForm::Blocks, MessageForm::Text, MessageForm::Minimal] {
        for f in all.iter().take(3) {
            let attributes = f.attributes();
            assert!(f.severity.is_finite() && f.count > 0 && !f.id.trim().is_empty());
            assert!(attributes.len() <= 12 && f.resource_names().len() <= 65);
            let context = RenderContext {
                known_attributes: &attributes,
                intended_channel: f.title.as_deref(),
                ..RenderContext::default()
            };
            verify(&message::finding(f, &context, &options, form));
            let content = ReplyContent {
                previous_severity: Some(0.0),
                new_attributes: &attributes,
                previous_count: Some(0),
                ..ReplyContent::default()
            };
            verify(&message::reply(f, &content, &options, form));
            let lines = f.details().facts.iter().flat_map(|f| &f.lines).map(|line| line.to_plain()).collect();
            let title = f.details().description.clone().unwrap_or_default();
            let id = NoticeId::new(&f.id, Timestamp::default());
            verify(&message::notice(&Notice { id, title, lines, level: NoticeLevel::Warning }, form));
            verify(&message::redirect(&f.id, &f.account_id, None, form));
        }
        verify(&message::digest("d", &all, &options, &Addressing::default(), form));
    }
});

fn origin() -> Origin {
    Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d1".into() }
}

fn verify(message: &message::Message) {
    if let Err(violation) = promises::kept(&message.payload()) {
        panic!("{violation}");
    }
}
