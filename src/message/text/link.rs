//! Validates the URLs of links.

use crate::text::utf16_len;
use std::fmt::Write;

/// An `http` or `https` URL of at most 3,000 units, the limit of Slack for the URL of a button. Characters that RFC 3986
/// does not allow in a URL are percent-encoded, so that they cannot end a `<url|label>` or an attribute early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// Returns `None` for another scheme, for a URL without a host, and for one that is too long: a truncated URL would
    /// lead to another page.
    pub fn new(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        if rest.is_empty() || rest.starts_with(['/', '?', '#', ':', '@']) {
            return None;
        }
        let encoded =
            percent_encode_with(url, |b| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b));
        (utf16_len(&encoded) <= 3_000).then_some(Self(encoded))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Encodes one component of a URL: all characters except the unreserved ones of RFC 3986.
pub fn percent_encode(component: &str) -> String {
    percent_encode_with(component, |b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

fn percent_encode_with(text: &str, keeps: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keeps(byte) {
            out.push(byte as char);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_with_a_host_are_links() {
        for bad in ["javascript:alert(1)", "ftp://x", "https://", "https:///x", "https://?x", "", "//x", "HTTPS ://x"] {
            assert_eq!(Link::new(bad), None, "{bad}");
        }
        assert_eq!(Link::new(&format!("https://x/{}", "a".repeat(3_000))), None);
        assert_eq!(Link::new("https://x/?a=1&b=2#c").unwrap().as_str(), "https://x/?a=1&b=2#c");
    }

    #[test]
    fn nothing_in_a_link_can_end_it() {
        assert_eq!(Link::new("https://x/a b|<c>\"\n`é").unwrap().as_str(), "https://x/a%20b%7C%3Cc%3E%22%0A%60%C3%A9");
        assert_eq!(percent_encode("Recon:EC2/a b"), "Recon%3AEC2%2Fa%20b");
    }
}
