//! Safety of texts: no untrusted text formats, nothing is hidden, every truncated text has the requested length.
#![no_main]

use guardduty_slack::message::text::{Link, Mrkdwn, SafeText, defang_domain, defang_text, defang_url};
use guardduty_slack::text::{truncate, utf16_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &str)| {
    let (max, raw) = (usize::from(input.0) % 512, input.1);
    let (lines, line) = (SafeText::multi_line(raw), SafeText::single_line(raw));
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    assert!(!lines.as_str().contains(hidden) && !line.as_str().contains(|c| hidden(c) || c == '\n'));
    assert_eq!(SafeText::multi_line(lines.as_str()), lines, "the conversion is idempotent");
    assert_eq!(SafeText::single_line(line.as_str()), line, "the conversion is idempotent");

    assert!(utf16_len(&truncate(raw, max)) <= max && lines.truncate(max).utf16_len() <= max);
    for shown in [Mrkdwn::new().text(&lines).code(&lines), Mrkdwn::new().code(&line)] {
        let short = shown.truncate(max);
        for text in [shown.render(), short.render()] {
            assert!(!text.contains(['<', '>']), "a control sequence is active: {text:?}");
            let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            assert!(!rest.contains('&'), "an escape is truncated: {text:?}");
        }
        assert!(short.utf16_len() <= max);
        assert!(!shown.one_line().render().contains('\n'));
    }
    let code = Mrkdwn::new().code(&line).truncate(max).render();
    assert!(matches!(code.matches('`').count(), 0 | 2), "a backtick is not paired: {code:?}");

    let safe = defang_text(raw);
    let lower = safe.to_ascii_lowercase();
    for scheme in ["http://", "https://", "mailto:"] {
        assert!(!lower.contains(scheme), "{scheme} becomes a link: {safe:?}");
    }
    assert_eq!(defang_text(&safe), safe, "defanging is idempotent");
    let _ = (defang_domain(raw), defang_url(raw));

    if let Some(link) = Link::new(raw) {
        assert!(utf16_len(link.as_str()) <= 3_000 && link.as_str().bytes().all(|b| b.is_ascii_graphic()));
        assert!(!link.as_str().contains(['<', '>', '|', '"', '`']), "a link ends early: {}", link.as_str());
    }
});
