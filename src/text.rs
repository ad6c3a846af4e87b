//! Limits of texts and lists, which every text for a reader observes.

use unicode_segmentation::UnicodeSegmentation;

/// Length in UTF-16 code units, the unit of all limits.
///
/// Slack does not document whether its limits count characters or code units. A string never has fewer code units than
/// characters, so a limit in code units is safe in both cases.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Returns `text` if it is not longer than `max` units, otherwise the whole graphemes that fit, and an ellipsis.
pub fn truncate(text: &str, max: usize) -> String {
    if text.len() <= max || utf16_len(text) <= max {
        return text.to_owned();
    }
    let Some(capacity) = max.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let kept: String = text
        .graphemes(true)
        .take_while(|g| {
            used += utf16_len(g);
            used <= capacity
        })
        .collect();
    format!("{}…", kept.trim_end())
}

/// `1 call`, `14 calls`.
pub fn pluralize(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        _ => format!("{n} {one}s"),
    }
}

/// `and 4 more`, for a list of `count` items of which `shown` are shown. `None` if all are shown.
pub fn and_more(count: usize, shown: usize) -> Option<String> {
    let omitted = count.checked_sub(shown).filter(|omitted| *omitted > 0)?;
    Some(format!("and {omitted} more"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_falls_between_graphemes_and_shows_an_ellipsis() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 5), "abcd…");
        assert_eq!(truncate("ab cdef", 4), "ab…");
        assert_eq!((truncate("äöü", 2), truncate("äö", 2)), ("ä…".into(), "äö".into()));
        let astronaut = "\u{1F469}\u{200D}\u{1F680}";
        assert_eq!(truncate(&astronaut.repeat(3), 12), format!("{}…", astronaut.repeat(2)));
        assert_eq!(truncate("abc", 1), "…");
        assert_eq!(truncate("abc", 0), "");
    }

    #[test]
    fn only_a_list_with_omitted_items_has_more() {
        assert_eq!(and_more(7, 3).as_deref(), Some("and 4 more"));
        assert_eq!(and_more(3, 3), None);
        assert_eq!(and_more(2, 3), None);
    }

    proptest! {
        #[test]
        fn a_cut_never_exceeds_its_bound(text in any::<String>(), max in 0usize..40) {
            let cut = truncate(&text, max);
            prop_assert!(utf16_len(&cut) <= max && cut.chars().count() <= max);
        }
    }
}
