//! Matches globs of finding types, accounts, regions, resources and tags.

use std::fmt;

/// A pattern in which `*` matches any number of characters, and `?` exactly one. All other characters match themselves,
/// with their case. There is no escape, because the matched strings never contain `*` or `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    chars: Vec<char>,
}

impl Glob {
    pub fn new(pattern: &str) -> Self {
        let mut chars: Vec<char> = pattern.chars().collect();
        // `**` has the same meaning as `*`.
        chars.dedup_by(|a, b| *a == '*' && *b == '*');
        Self { pattern: pattern.to_owned(), chars }
    }

    /// Returns true if the whole text matches.
    ///
    /// If a character does not match, only the last `*` matches one more character. An earlier one never helps, because the
    /// last one could have matched the same text. Therefore a match takes at most pattern × text steps, without recursion,
    /// and the name of a bucket that an attacker chose cannot make it slow.
    pub fn matches(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        let mut star: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            match (self.chars.get(at), rest.next()) {
                (Some('*'), _) => {
                    rest = before.clone();
                    at += 1;
                    star = Some((at, before));
                }
                (None, None) => return true,
                (Some(p), Some(c)) if *p == '?' || *p == c => at += 1,
                _ => {
                    let Some((after, taken)) = &mut star else { return false };
                    if taken.next().is_none() {
                        return false;
                    }
                    (at, rest) = (*after, taken.clone());
                }
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => naive(rest, text) || text.split_first().is_some_and(|(_, t)| naive(pattern, t)),
            (Some((p, rest)), Some((c, t))) => (*p == '?' || p == c) && naive(rest, t),
            _ => false,
        }
    }

    #[test]
    fn globs_match_the_whole_text_in_its_own_case() {
        for (pattern, text, hit) in [
            ("CryptoCurrency:*", "CryptoCurrency:EC2/BitcoinTool.B!DNS", true),
            ("*:EC2/*", "CryptoCurrency:EC2/BitcoinTool.B!DNS", true),
            ("*:ec2/*", "CryptoCurrency:EC2/BitcoinTool.B!DNS", false),
            ("eu-*", "us-eu-1", false),
            ("eu-west-?", "eu-west-1", true),
            ("eu-west-?", "eu-west-", false),
            ("payments/*", "payments/", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "ü", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), hit, "{pattern} on {text}");
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        let text = "a".repeat(5_000);
        assert!(!Glob::new(&"*a".repeat(40)).matches(&format!("{text}b")));
        assert!(Glob::new(&"*a".repeat(40)).matches(&text));
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_matcher(pattern in "[ab*?]{0,8}", text in "[abü]{0,10}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), naive(&p, &t));
        }
    }
}
