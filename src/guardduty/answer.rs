//! Reads the responses of GuardDuty before the SDK does.
//!
//! The deserializers of the SDK reject a response with one `null` in a list. Therefore the body of a successful response is
//! read first. [`finding::decode_answer`](crate::finding::decode_answer) decodes findings, and the SDK gets an empty
//! response. In other responses, `null`s are removed. A body that is not JSON is a failed attempt, which the SDK retries
//! like a broken connection.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;
use serde_json::Value;

use crate::finding::{NotAnAnswer, repair};

/// Reads the body of a successful response, and returns the body that the SDK reads instead.
type ReadBody = dyn Fn(&[u8]) -> Result<SdkBody, NotAnAnswer> + Send + Sync;

/// An HTTP client that reads successful responses before the SDK does.
#[derive(Clone)]
pub(super) struct ReadingClient {
    inner: SharedHttpClient,
    read: Arc<ReadBody>,
}

/// Result of reading the last response of one call.
pub(super) struct Slot<T>(Arc<Mutex<Option<Result<T, NotAnAnswer>>>>);

impl<T> Slot<T> {
    pub(super) fn take(&self) -> Option<Result<T, NotAnAnswer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, answer: Result<T, NotAnAnswer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl ReadingClient {
    /// Removes `null`s from every response.
    pub(super) fn tidying(inner: SharedHttpClient) -> Self {
        Self { inner, read: Arc::new(tidy) }
    }

    /// Reads the responses of one call into the slot. The SDK gets an empty response.
    pub(super) fn reading<T: Send + 'static>(
        inner: SharedHttpClient,
        read: impl Fn(&[u8]) -> Result<T, NotAnAnswer> + Send + Sync + 'static,
    ) -> (Self, Slot<T>) {
        let slot = Slot(Arc::default());
        let last = Slot(slot.0.clone());
        let read = move |body: &[u8]| {
            let answer = read(body);
            let failure = answer.as_ref().err().cloned();
            last.put(answer);
            failure.map_or_else(|| Ok(SdkBody::from("{}")), Err)
        };
        (Self { inner, read: Arc::new(read) }, slot)
    }
}

/// Removes the `null`s of a response, which have no meaning, and which the SDK rejects in lists.
fn tidy(body: &[u8]) -> Result<SdkBody, NotAnAnswer> {
    let text = String::from_utf8_lossy(body);
    let mut value: Value = match serde_json::from_str(&text).or_else(|_| serde_json::from_str(&repair(&text))) {
        Ok(value) => value,
        Err(_) if text.trim().is_empty() => return Ok(SdkBody::from("{}")),
        Err(_) => return Err(NotAnAnswer::of(&text)),
    };
    remove_nulls(&mut value);
    Ok(SdkBody::from(value.to_string()))
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(remove_nulls);
        }
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

impl fmt::Debug for ReadingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadingClient").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl HttpClient for ReadingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(ReadingConnector { inner, read: self.read.clone() })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

struct ReadingConnector {
    inner: SharedHttpConnector,
    read: Arc<ReadBody>,
}

impl fmt::Debug for ReadingConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadingConnector").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl HttpConnector for ReadingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.inner.call(request);
        let read = self.read.clone();
        HttpConnectorFuture::new(async move {
            let response = response.await?;
            if response.status().is_success() { read_body(response, &*read).await } else { Ok(response) }
        })
    }
}

async fn read_body(mut response: HttpResponse, read: &ReadBody) -> Result<HttpResponse, ConnectorError> {
    let body = ByteStream::new(response.take_body());
    let body = body.collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
    let body =
        read(&body).map_err(|error| ConnectorError::other(BoxError::from(error), Some(ErrorKind::TransientError)))?;
    // The SDK compares the length of a body with this header.
    response.headers_mut().remove("content-length");
    *response.body_mut() = body;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(body: &str) -> Result<String, NotAnAnswer> {
        tidy(body.as_bytes()).map(|body| String::from_utf8_lossy(body.bytes().unwrap_or_default()).into_owned())
    }

    #[test]
    fn nulls_are_removed_and_nearly_json_is_repaired() {
        assert_eq!(tidied(r#"{"findingIds":["a",null],"nextToken":null}"#).unwrap(), r#"{"findingIds":["a"]}"#);
        assert_eq!(tidied(r#"{"name":"\ud800"}"#).unwrap(), "{\"name\":\"\u{fffd}\"}");
        assert_eq!(tidied("").unwrap(), "{}");
    }

    #[test]
    fn a_page_of_a_proxy_is_not_an_answer() {
        for body in ["<html>sign in</html>", r#"{"findingIds": ["a", "#] {
            assert!(tidied(body).is_err(), "{body}");
        }
    }
}
