//! Findings in all forms that `preview` reads, and the messages made of them.
#![no_main]

use std::sync::Arc;

use guardduty_slack::finding::documents::read_documents;
use guardduty_slack::finding::{Origin, decode_answer};
use guardduty_slack::message::{self, Addressing, Form, Level, Life, News, Notice, Wording};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/message/promises.rs"]
mod promises;

fuzz_target!(|text: &str| {
    let _ = decode_answer(text.as_bytes(), &[], &Arc::new(origin()));
    let input = read_documents(text);
    assert!(!input.findings.is_empty() || !input.faults.is_empty(), "nothing read is an error");
    assert!(input.faults.iter().all(|fault| !fault.to_string().is_empty()));
    let wording = Wording::default();
    let all: Vec<_> = input.findings.iter().take(500).collect();
    for form in [Form::Full, Form::Text, Form::Bare] {
        for f in all.iter().take(3) {
            let traits = f.traits();
            assert!(f.severity.is_finite() && f.count > 0 && !f.id.trim().is_empty());
            assert!(traits.len() <= 12 && f.resource_names().len() <= 65);
            let life = Life { traits_seen: &traits, refused_channel: f.title.as_deref(), ..Life::default() };
            kept(&message::finding(f, &life, &wording, form));
            let news = News { severity_was: Some(0.0), fresh: &traits, count_was: Some(0), ..News::default() };
            kept(&message::reply(f, &news, &wording, form));
            let lines = f.details().facts.iter().flat_map(|f| &f.lines).map(|line| line.plain()).collect();
            let title = f.details().description.clone().unwrap_or_default();
            kept(&message::notice(&Notice { id: f.id.clone(), title, lines, level: Level::Warning }, form));
            kept(&message::moved(&f.id, &f.account_id, None, form));
        }
        kept(&message::digest("d", &all, &wording, &Addressing::default(), form));
    }
});

fn origin() -> Origin {
    Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d1".into() }
}

fn kept(message: &message::Message) {
    if let Err(broken) = promises::kept(&message.payload()) {
        panic!("{broken}");
    }
}
