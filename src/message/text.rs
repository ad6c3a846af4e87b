//! Text types that make untrusted text safe for a Slack message.
//!
//! A finding contains many strings that an attacker can choose: user agents, object keys, domain and pod names, process
//! arguments. Three types ensure that they are shown as text only:
//!
//! - [`SafeText`]: no character in it is hidden or moves the text around it. It is for `plain_text` and `rich_text`,
//!   which Slack does not interpret.
//! - [`Mrkdwn`]: `&`, `<` and `>` are escaped. Only its constructors create control sequences.
//! - [`Link`]: an `http(s)` URL in which no character ends it early.
//!
//! All lengths are UTF-16 code units.

mod defang;
mod link;
mod mrkdwn;
mod visible;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::text::{truncate, utf16_len};

pub use defang::{defang_domain, defang_ip, defang_text, defang_text_except, defang_url};
pub use link::{Link, percent_encode};
pub use mrkdwn::Mrkdwn;

/// Text without hidden characters: control characters, bidirectional controls, zero-width and other invisible characters
/// are replaced by visible marks (`␛`, `⟨U+202E⟩`). The only white space in it is the space and, in text of
/// [`SafeText::multi_line`], `\n`. The conversion is idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText(String);

impl SafeText {
    /// Converts to one line: every run of white space and line breaks becomes one space.
    pub fn single_line(raw: &str) -> Self {
        Self(visible::single_line(raw))
    }

    /// Keeps line breaks. Several empty lines become one.
    pub fn multi_line(raw: &str) -> Self {
        Self(visible::multi_line(raw))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of UTF-16 code units.
    pub fn utf16_len(&self) -> usize {
        utf16_len(&self.0)
    }

    /// Truncates the text to `max` units, between graphemes, with an ellipsis.
    pub fn truncate(&self, max: usize) -> Self {
        Self(truncate(&self.0, max))
    }

    /// Defangs everything that could become a link. It is for texts in places where Slack creates links by itself (the
    /// top-level `text`).
    pub fn defang(&self) -> Self {
        Self(defang_text(&self.0))
    }

    /// Like `defang`, except for these names where they are whole words.
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

    proptest! {
        #[test]
        fn a_cut_of_plain_text_stays_plain(text in any::<String>(), max in 0usize..40) {
            let cut = SafeText::single_line(&text).truncate(max);
            prop_assert_eq!(&SafeText::single_line(cut.as_str()), &cut);
        }
    }
}
