//! Text safety: nothing foreign is live, nothing hides, every cut keeps its length.
#![no_main]

use guardduty_slack::message::text::{Link, Mrkdwn, Plain, cut, defang_domain, defang_text, defang_url, units};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &str)| {
    let (max, raw) = (usize::from(input.0) % 512, input.1);
    let (lines, line) = (Plain::lines(raw), Plain::line(raw));
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    assert!(!lines.as_str().contains(hidden) && !line.as_str().contains(|c| hidden(c) || c == '\n'));
    assert_eq!(Plain::lines(lines.as_str()), lines, "what is visible stays");
    assert_eq!(Plain::line(line.as_str()), line, "what is visible stays");

    assert!(units(&cut(raw, max)) <= max && lines.cut(max).units() <= max);
    for shown in [Mrkdwn::new().text(&lines).code(&lines), Mrkdwn::new().code(&line)] {
        let short = shown.cut(max);
        for text in [shown.render(), short.render()] {
            assert!(!text.contains(['<', '>']), "no control sequence is live: {text:?}");
            let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            assert!(!rest.contains('&'), "an escape is cut: {text:?}");
        }
        assert!(short.units() <= max);
        assert!(!shown.one_line().render().contains('\n'));
    }
    let code = Mrkdwn::new().code(&line).cut(max).render();
    assert!(matches!(code.matches('`').count(), 0 | 2), "code is left: {code:?}");

    let safe = defang_text(raw);
    let lower = safe.to_ascii_lowercase();
    for live in ["http://", "https://", "mailto:"] {
        assert!(!lower.contains(live), "{live} is live: {safe:?}");
    }
    assert_eq!(defang_text(&safe), safe, "to defang twice is to defang once");
    let _ = (defang_domain(raw), defang_url(raw));

    if let Some(link) = Link::new(raw) {
        assert!(units(link.as_str()) <= 3_000 && link.as_str().bytes().all(|b| b.is_ascii_graphic()));
        assert!(!link.as_str().contains(['<', '>', '|', '"', '`']), "a link ends early: {}", link.as_str());
    }
});
