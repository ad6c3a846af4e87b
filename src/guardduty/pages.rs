//! Reads lists that have several pages.

use super::error::ReadError;
use crate::pages::PageTokens;

/// Maximum number of pages of a list that is not necessary to find findings, and must not delay them.
pub(super) const MAX_PAGES: usize = 200;

/// Reads all pages of a list. `ask` requests the page of a token.
pub(super) async fn paginate<T>(
    what: &str,
    ask: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), ReadError>,
) -> Result<Vec<T>, ReadError> {
    paginate_at_most(usize::MAX, what, ask).await
}

/// Like [`paginate`], but rejects a list that has more pages.
pub(super) async fn paginate_at_most<T>(
    max_pages: usize,
    what: &str,
    mut ask: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut rows = Vec::new();
    let mut tokens = PageTokens::default();
    loop {
        let (page, next) = ask(tokens.current().map(str::to_owned)).await?;
        rows.extend(page);
        if !tokens.advance(next).map_err(|repeated| ReadError::repeated_token(what, &repeated))? {
            return Ok(rows);
        }
        if tokens.pages() >= max_pages {
            return Err(ReadError::TooLong(format!("{what}: more than {max_pages} pages")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(tokens: &[&str]) -> Result<Vec<usize>, ReadError> {
        let mut calls = 0;
        paginate("ListFilters", async |_| {
            calls += 1;
            Ok((vec![calls], tokens.get(calls - 1).map(|t| t.to_string())))
        })
        .await
    }

    #[tokio::test]
    async fn every_page_is_read_until_there_is_no_token() {
        assert_eq!(read(&[]).await.unwrap(), [1]);
        assert_eq!(read(&["a", "b"]).await.unwrap(), [1, 2, 3]);
        assert_eq!(read(&["a", ""]).await.unwrap(), [1, 2]);
    }

    #[tokio::test]
    async fn a_list_that_is_too_long_is_an_error_that_lasts() {
        for (max_pages, is_read) in [(3, true), (2, false)] {
            let mut calls = 0;
            let list = paginate_at_most(max_pages, "ListCoverage", async |_| {
                calls += 1;
                Ok((vec![calls], (calls < 3).then(|| calls.to_string())))
            });
            match list.await {
                Ok(rows) => assert!(is_read && rows == [1, 2, 3], "{max_pages}: {rows:?}"),
                Err(error) => assert!(!is_read && error.is_lasting(), "{max_pages}: {error}"),
            }
            assert_eq!(calls, max_pages);
        }
    }

    #[tokio::test]
    async fn a_token_that_repeats_ends_the_paging() {
        let error = read(&["a", "b", "a", "b", "a"]).await.unwrap_err();
        assert_eq!(error.to_string(), "ListFilters: pagination token repeated");
    }
}
