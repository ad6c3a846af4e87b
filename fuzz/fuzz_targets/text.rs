//! Text safety: nothing foreign is live, nothing hides, every cut keeps its length.
#![no_main]

use guardduty_slack::message::text::{Mrkdwn, Plain, cut, defang_text, units};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u16)| {
    let (raw, max) = input;
    let (plain, max) = (Plain::lines(raw), usize::from(max));
    let hidden = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}' | '\u{200b}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!plain.as_str().contains(hidden));
    assert!(units(&cut(raw, max)) <= max);
    assert!(plain.cut(max).units() <= max);
    let shown = Mrkdwn::new().text(&plain).code(&plain);
    assert!(!shown.render().contains('<'), "no control sequence is live");
    assert!(shown.cut(max).units() <= max);
    assert!(!shown.one_line().render().contains('\n'));
    let _ = defang_text(raw);
});
