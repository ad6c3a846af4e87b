//! Classifies the errors of calls to AWS, and of credentials providers.

use std::error::Error;

use aws_config::profile::credentials::ProfileFileError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::{ReadError, TransientReason, single_line};
use crate::finding::NotAnAnswer;
use crate::http::{ResolveError, Unreachable, causes, links};
use crate::text::truncate;

/// The error of a call of an AWS client.
type SdkFailure<E> = SdkError<E, HttpResponse>;

impl ReadError {
    /// Classifies a failed call. `what` names the call: `ListFindings in eu-west-1`.
    pub(super) fn from_sdk<E>(what: &str, error: &SdkFailure<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(known) = find_source::<ReadError>(error) {
            return known.clone(); // the call failed because of its credentials, whose error has the cause
        }
        if let Some(answer) = find_source::<NotAnAnswer>(error) {
            return Self::transient(TransientReason::Malformed, what, answer);
        }
        if let Some(missing @ ResolveError::NoSuchName(_)) = find_source(error) {
            return ReadError::NoEndpoint(single_line(&format!("{what}: {missing}")));
        }
        if let Some(unreachable) = find_source::<Unreachable>(error) {
            let is_timeout = matches!(error, SdkError::DispatchFailure(e) if e.is_timeout());
            let reason = if is_timeout { TransientReason::Timeout } else { TransientReason::Network };
            return Self::transient(reason, what, unreachable);
        }
        match error {
            SdkError::ServiceError(e) => {
                let message = e.err().message().map_or_else(|| answer_text(e.err(), e.raw()), str::to_owned);
                classify(
                    what,
                    Some(e.raw().status().as_u16()),
                    e.err().code().filter(|code| !code.is_empty()),
                    &message,
                )
            }
            SdkError::TimeoutError(_) => Self::transient(TransientReason::Timeout, what, causes(error)),
            SdkError::DispatchFailure(_) => Self::transient(TransientReason::Network, what, causes(error)),
            SdkError::ResponseError(_) => Self::transient(TransientReason::Network, what, causes(error)),
            _ => Self::transient(TransientReason::Rejected, what, causes(error)),
        }
    }

    /// Classifies an error of a credentials provider. `whose` names the identity.
    pub(super) fn from_credentials(whose: &str, error: &CredentialsError) -> Self {
        if let Some(known) = find_source::<ReadError>(error) {
            return known.clone();
        }
        let what = format!("credentials of {whose}");
        if let Some(ProfileFileError::FeatureNotEnabled { .. }) = find_source(error) {
            let hint = "export credentials with `aws configure export-credentials --format env`";
            return ReadError::AccessDenied(format!(
                "{what}: this build cannot use profiles of IAM Identity Center and of aws login; {hint}"
            ));
        }
        match error {
            CredentialsError::CredentialsNotLoaded(_) => ReadError::AccessDenied(format!(
                "{what}: none were found; give the pod a role (IRSA or EKS Pod Identity), or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
            )),
            CredentialsError::InvalidConfiguration(_) => {
                ReadError::AccessDenied(single_line(&format!("{what}: {}", causes(error))))
            }
            _ => match find_source::<AssumeRoleWithWebIdentityError>(error).map(|e| (e.code(), e.message())) {
                Some((Some(code), message)) => classify(
                    &format!("{what}: AssumeRoleWithWebIdentity"),
                    None,
                    Some(code),
                    message.unwrap_or_default(),
                ),
                _ => Self::of_endpoint(&what, error),
            },
        }
    }

    /// Classifies the response of an agent of ECS or EKS, the instance metadata service or STS that is not credentials.
    fn of_endpoint(what: &str, error: &CredentialsError) -> Self {
        if let Some(unreachable) = find_source::<Unreachable>(error) {
            return Self::transient(TransientReason::Network, what, unreachable);
        }
        let text = causes(error);
        let status = text.split("StatusCode(").nth(1).and_then(|rest| rest.split(')').next()?.parse::<u16>().ok());
        match status {
            Some(status @ (408 | 429 | 500..)) => Self::transient(
                TransientReason::Credentials,
                what,
                format_args!("the credentials endpoint returned {status}"),
            ),
            Some(status) => Self::transient(
                TransientReason::Rejected,
                what,
                format_args!("the credentials endpoint returned {status}"),
            ),
            None => Self::transient(TransientReason::Credentials, what, text),
        }
    }
}

/// Classifies an error response by its status and error code, as far as they are known, and its message.
/// Sources: “Common Errors” of the GuardDuty and STS API references; the throttling codes of the AWS SDKs
/// (aws-runtime, `THROTTLING_ERRORS`). GuardDuty also returns `BadRequestException` for valid requests.
fn classify(what: &str, status: Option<u16>, code: Option<&str>, message: &str) -> ReadError {
    let text = single_line(&match (code, status) {
        (Some(code), _) => format!("{what}: {code}: {message}"),
        (None, Some(status)) => format!("{what}: {status}: {message}"),
        (None, None) => format!("{what}: {message}"),
    });
    let code = code.unwrap_or_default();
    let begins = |codes: &[&str]| codes.iter().any(|c| code.starts_with(c));
    let passing = |reason| ReadError::Transient { reason, text: text.clone() };
    if status == Some(429) || code.contains("Throttl") || begins(THROTTLING_CODES) {
        passing(TransientReason::Throttled)
    } else if status.is_some_and(|status| status >= 500) {
        passing(TransientReason::Server)
    } else if status.is_some_and(|status| (200..300).contains(&status)) {
        passing(TransientReason::Malformed)
    } else if begins(EXPIRED_CODES) || (code == "InvalidIdentityToken" && message.contains(KEY_NOT_FETCHED)) {
        passing(TransientReason::Credentials)
    } else if message.contains("not owned") {
        ReadError::DetectorNotFound(text)
    } else if begins(&["UnrecognizedClient", "InvalidClientToken", "OptInRequired", "RegionDisabled"]) {
        ReadError::AccessDenied(format!("{text} (is the region enabled for this account?)"))
    } else if begins(&["UnknownOperation"]) {
        ReadError::Unsupported(text)
    } else if matches!(status, Some(401 | 403)) || begins(ACCESS_DENIED_CODES) || message.contains("not authorized") {
        ReadError::AccessDenied(text)
    } else {
        passing(TransientReason::Rejected)
    }
}

const THROTTLING_CODES: &[&str] =
    &["TooManyRequests", "RequestLimitExceeded", "LimitExceeded", "BandwidthLimitExceeded", "SlowDown"];
/// Codes of a signature or token that has expired, and of an identity provider that did not answer STS.
const EXPIRED_CODES: &[&str] = &["ExpiredToken", "RequestExpired", "RequestTimeTooSkewed", "IDPCommunicationError"];
/// In the message of STS if it could not reach the identity provider. In all other cases, `InvalidIdentityToken` is final.
/// See aws/aws-sdk-go#3972, aws/karpenter#1488 and others.
const KEY_NOT_FETCHED: &str = "retrieve verification key";
const ACCESS_DENIED_CODES: &[&str] = &[
    "AccessDenied",
    "AuthFailure",
    "NotAuthorized",
    "Unauthorized",
    "SubscriptionRequired",
    "InvalidIdentityToken",
    "IDPRejectedClaim",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "MissingAuthentication",
];

/// The first error of type `T` in the chain of sources.
fn find_source<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    links(error).find_map(|e| e.downcast_ref())
}

/// Returns the text of a response without a message of AWS, such as the beginning of the page of a proxy.
fn answer_text(error: &(dyn Error + 'static), answer: &HttpResponse) -> String {
    let body = answer.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    match body.trim() {
        "" => causes(error),
        text => truncate(text, 200),
    }
}

#[cfg(test)]
mod tests;
