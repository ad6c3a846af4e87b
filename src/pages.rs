//! The tokens of a list that a service returns in pages.

use std::fmt;

/// The tokens of the pages that were requested after the first page, which has none.
#[derive(Debug, Default)]
pub(crate) struct PageTokens(Vec<String>);

/// A service returned a token of this list a second time. To follow it would be an endless loop
/// (elastic/integrations#8601).
#[derive(Debug, PartialEq, Eq)]
pub struct RepeatedToken;

impl fmt::Display for RepeatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pagination token repeated")
    }
}

impl PageTokens {
    /// Token of the page to request.
    pub(crate) fn current(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// Takes the token of the next page. Returns false if there is no next page: then, a service returns no token or an
    /// empty one.
    pub(crate) fn advance(&mut self, next: Option<String>) -> Result<bool, RepeatedToken> {
        let Some(next) = next.filter(|token| !token.is_empty()) else { return Ok(false) };
        if self.0.contains(&next) {
            return Err(RepeatedToken);
        }
        self.0.push(next);
        Ok(true)
    }

    /// Number of pages that had a next page.
    pub(crate) fn pages(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_without_a_token_or_with_an_empty_one() {
        let mut tokens = PageTokens::default();
        assert_eq!((tokens.current(), tokens.pages()), (None, 0));
        assert_eq!(tokens.advance(Some("a".into())), Ok(true));
        assert_eq!((tokens.current(), tokens.pages()), (Some("a"), 1));
        assert_eq!(tokens.advance(None), Ok(false));
        assert_eq!(tokens.advance(Some(String::new())), Ok(false));
    }

    #[test]
    fn any_earlier_token_counts_as_repeated() {
        let mut tokens = PageTokens::default();
        for token in ["a", "b"] {
            assert_eq!(tokens.advance(Some(token.into())), Ok(true));
        }
        for token in ["a", "b"] {
            assert_eq!(tokens.advance(Some(token.into())), Err(RepeatedToken));
        }
    }
}
