//! Reads lists that have several pages.

use std::collections::HashSet;

use super::error::{ReadError, TransientReason};

/// Reads all pages of a list. `ask` requests the page of a token. A repeated token is an error, because it would cause an
/// endless loop (elastic/integrations#8601). An empty token means that there are no more pages.
pub(super) async fn paginate<T>(
    what: &str,
    mut ask: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), ReadError>,
) -> Result<Vec<T>, ReadError> {
    let (mut rows, mut seen, mut token) = (Vec::new(), HashSet::new(), None);
    loop {
        let (page, next) = ask(token).await?;
        rows.extend(page);
        token = next.filter(|t| !t.is_empty());
        match &token {
            None => return Ok(rows),
            Some(t) if !seen.insert(t.clone()) => {
                return Err(ReadError::transient(TransientReason::Malformed, what, "pagination token repeated"));
            }
            Some(_) => {}
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
