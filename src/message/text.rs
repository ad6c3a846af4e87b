//! Text that cannot do what its author wanted it to do.
//!
//! A finding is full of strings that an attacker wrote: user agents, object keys, domain and pod names, process
//! arguments. Three types keep them text:
//!
//! - [`SafeText`]: nothing in it is hidden or moves what stands around it. For `plain_text` and `rich_text`, which Slack
//!   does not interpret.
//! - [`Mrkdwn`]: `&`, `<` and `>` escaped, control sequences only through constructors of our own.
//! - [`Link`]: an `http(s)` URL that cannot end early.
//!
//! All lengths are UTF-16 code units: Slack does not say what it counts, and a string has never fewer of them than it
//! has characters, so a bound kept here is kept either way.

mod defang;
mod link;
mod mrkdwn;
mod visible;

use std::fmt;

use serde::{Serialize, Serializer};
use unicode_segmentation::UnicodeSegmentation;

pub use defang::{defang_domain, defang_ip, defang_text, defang_text_except, defang_url};
pub use link::{Link, percent_encode};
pub use mrkdwn::{Mention, Mrkdwn};

/// The length by which every limit is kept: UTF-16 code units.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `text` if it is no longer than `max` units, else as many whole graphemes as fit with an ellipsis after them.
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

/// Text in which nothing is hidden: control characters, bidirectional controls, zero-width and other invisible
/// characters stand as visible marks (`␛`, `⟨U+202E⟩`). It holds no other white space than a space and, made by
/// [`SafeText::multi_line`], `\n`. To make it of what is plain already changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText(String);

impl SafeText {
    /// One line: every run of white space and line breaks becomes one space.
    pub fn single_line(raw: &str) -> Self {
        Self(visible::single_line(raw))
    }

    /// Line breaks stay, of several empty lines one.
    pub fn multi_line(raw: &str) -> Self {
        Self(visible::multi_line(raw))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// UTF-16 code units.
    pub fn utf16_len(&self) -> usize {
        utf16_len(&self.0)
    }

    /// At most `max` units, cut between graphemes, with an ellipsis.
    pub fn truncate(&self, max: usize) -> Self {
        Self(truncate(&self.0, max))
    }

    /// Defanged wherever it could be taken for a link: for words that a reader may be shown in a place where Slack
    /// makes links by itself (the top-level `text`).
    pub fn defang(&self) -> Self {
        Self(defang_text(&self.0))
    }

    /// The same, but for these names wherever they stand as a whole.
    pub fn defanged_except(&self, names: &[&str]) -> Self {
        Self(defang_text_except(&self.0, names))
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SafeText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// One line, see [`SafeText::single_line`].
impl From<&str> for SafeText {
    fn from(raw: &str) -> Self {
        Self::single_line(raw)
    }
}

/// One line, see [`SafeText::single_line`].
impl From<String> for SafeText {
    fn from(raw: String) -> Self {
        Self::single_line(&raw)
    }
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
        let astronaut = "\u{1F469}\u{200D}\u{1F680}";
        assert_eq!(truncate(&astronaut.repeat(3), 12), format!("{}…", astronaut.repeat(2)));
        assert_eq!(truncate("abc", 1), "…");
        assert_eq!(truncate("abc", 0), "");
    }

    proptest! {
        #[test]
        fn a_cut_never_exceeds_its_bound(text in any::<String>(), max in 0usize..40) {
            let cut = truncate(&text, max);
            prop_assert!(utf16_len(&cut) <= max && cut.chars().count() <= max);
        }

        #[test]
        fn a_cut_of_plain_text_stays_plain(text in any::<String>(), max in 0usize..40) {
            let cut = SafeText::single_line(&text).truncate(max);
            prop_assert_eq!(&SafeText::single_line(cut.as_str()), &cut);
        }
    }
}
