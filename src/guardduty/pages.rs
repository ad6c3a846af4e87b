//! Reads lists that have several pages.

use super::error::ReadError;
use crate::pages::PageTokens;

/// Reads all pages of a list. `ask` requests the page of a token.
pub(super) async fn paginate<T>(
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
    async fn a_token_that_repeats_ends_the_paging() {
        let error = read(&["a", "b", "a", "b", "a"]).await.unwrap_err();
        assert_eq!(error.to_string(), "ListFilters: pagination token repeated");
    }
}
