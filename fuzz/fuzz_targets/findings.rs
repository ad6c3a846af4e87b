//! Findings in all forms that `preview` reads, and the messages made of them.
#![no_main]

use guardduty_slack::finding::input;
use guardduty_slack::message::{self, Form, Life, News, Wording};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without IO");
    let Ok(input) = runtime.block_on(input::read(text)) else { return };
    let wording = Wording::default();
    for f in &input.findings {
        for form in [Form::Full, Form::Text, Form::Bare] {
            check(&message::finding(f, &Life::default(), &wording, form));
            check(&message::reply(f, &News::default(), &wording, form));
        }
    }
    let all: Vec<_> = input.findings.iter().take(500).collect();
    check(&message::digest("d", &all, &wording, None, Form::Full));
});

/// What every message keeps: one line of fallback within Slack's limit, no mention, all of it below the total.
fn check(message: &message::Message) {
    let fallback = message.fallback();
    assert!(!fallback.contains('\n') && fallback.chars().count() <= 4_000);
    let payload = message.payload().to_string();
    for live in ["<@", "<#", "<!here", "<!channel", "<!everyone", "<!subteam"] {
        assert!(!payload.contains(live), "{live}");
    }
}
