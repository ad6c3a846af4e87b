//! Classifies the errors of AWS.

use std::error::Error;
use std::fmt;

use aws_config::profile::credentials::ProfileFileError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::finding::NotAnAnswer;
use crate::http::{ResolveError, Unreachable, causes, links};
use crate::pages::RepeatedToken;

/// A call that failed after its retries. The text is one line with the operation and the error of AWS. It contains no
/// credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The permission, the trust, the credentials or the opt-in of the region is missing. Waiting does not help.
    #[error("{0}")]
    AccessDenied(String),
    /// The detector does not belong to this account any more. It was deleted, and may have been replaced.
    #[error("{0}")]
    DetectorNotFound(String),
    /// The service has no endpoint in the region: its name does not exist.
    #[error("{0}")]
    NoEndpoint(String),
    /// The service does not have the operation in the region.
    #[error("{0}")]
    Unsupported(String),
    /// The next attempt may succeed.
    #[error("{text}")]
    Transient { reason: TransientReason, text: String },
}

/// Reason of a failure that may pass, for the log and the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransientReason {
    Throttled,
    /// No connection, or one that broke.
    Network,
    Timeout,
    /// AWS returned a server error (5xx).
    Server,
    /// AWS rejected the request as invalid.
    Rejected,
    /// The answer could not be read.
    Malformed,
    /// No credentials at the moment: STS or the agent did not answer, or the credentials expired.
    Credentials,
}

impl TransientReason {
    pub fn name(self) -> &'static str {
        match self {
            TransientReason::Throttled => "throttled",
            TransientReason::Network => "network",
            TransientReason::Timeout => "timeout",
            TransientReason::Server => "server",
            TransientReason::Rejected => "rejected",
            TransientReason::Malformed => "malformed",
            TransientReason::Credentials => "credentials",
        }
    }
}

impl fmt::Display for TransientReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReadError {
    pub fn is_access_denied(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_))
    }

    /// Returns true if another attempt soon cannot help.
    pub fn is_lasting(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_) | ReadError::Unsupported(_))
    }

    /// Returns true if the answer was not JSON.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(self, ReadError::Transient { reason: TransientReason::Malformed, .. })
    }

    /// Returns true if this identity cannot poll the region at all.
    pub fn rules_out_region(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_) | ReadError::NoEndpoint(_))
    }

    /// The reason as one word, for the log and the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            ReadError::AccessDenied(_) => "denied",
            ReadError::DetectorNotFound(_) => "detector_not_found",
            ReadError::NoEndpoint(_) => "no_endpoint",
            ReadError::Unsupported(_) => "unsupported",
            ReadError::Transient { reason, .. } => reason.name(),
        }
    }
}

/// The error of a call of an AWS client.
type SdkFailure<E> = SdkError<E, HttpResponse>;

impl ReadError {
    pub(super) fn transient(reason: TransientReason, what: &str, cause: impl fmt::Display) -> Self {
        ReadError::Transient { reason, text: single_line(&format!("{what}: {cause}")) }
    }

    /// The error of a list that cannot be read to its end.
    pub fn repeated_token(what: &str, repeated: &RepeatedToken) -> Self {
        Self::transient(TransientReason::Malformed, what, repeated)
    }

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

    /// Returns true if fetching the same credentials again within the run may succeed. The SDK has retried transient errors
    /// already: the network, throttling, and server errors.
    pub(super) fn is_worth_fetching_again(&self) -> bool {
        matches!(self, ReadError::Transient { reason: TransientReason::Credentials | TransientReason::Malformed, .. })
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
/// Returns true for a signature or token that has expired, and for an identity provider that did not answer STS.
const EXPIRED_CODES: &[&str] = &["ExpiredToken", "RequestExpired", "RequestTimeTooSkewed", "IDPCommunicationError"];
/// Returns true if STS could not reach the identity provider. In all other cases, `InvalidIdentityToken` is final.
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
    let text: String = body.trim().chars().take(200).collect();
    if text.is_empty() { causes(error) } else { text }
}

/// Converts a text of AWS or a proxy to one line of at most 500 characters.
fn single_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(500) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;

    fn verdict(status: Option<u16>, code: Option<&str>, message: &str) -> String {
        let error = classify("ListFindings in eu-west-1", status, code, message);
        format!("{}: {error}", error.reason())
    }

    #[test]
    fn aws_errors_are_classified() {
        let answers = [
            (Some(403), Some("AccessDeniedException"), "User is not authorized to perform: guardduty:ListFindings"),
            (Some(403), Some("UnrecognizedClientException"), "The security token included in the request is invalid."),
            (Some(400), Some("ThrottlingException"), "Rate exceeded"),
            (Some(429), None, "slow down"),
            (Some(500), Some("InternalServerErrorException"), "Internal error."),
            (Some(503), None, "<html>\n  <b>busy</b>\u{1b}"),
            (
                Some(400),
                Some("BadRequestException"),
                "The request is rejected because the input detectorId is not owned by the current account.",
            ),
            (
                Some(400),
                Some("BadRequestException"),
                "The request is rejected because the parameter nextToken has an invalid value.",
            ),
            (Some(400), Some("BadRequestException"), "The caller is not authorized to call this API."),
            (Some(403), Some("ExpiredTokenException"), "The security token included in the request is expired"),
            (Some(200), None, "expected value"),
            (Some(404), Some("UnknownOperationException"), "POST /malware-scan"),
            (None, Some("InvalidIdentityToken"), "Incorrect token"),
            (None, Some("InvalidIdentityToken"), "Couldn't retrieve verification key from your identity provider"),
        ];
        let verdicts: Vec<String> = answers.iter().map(|(s, c, m)| verdict(*s, *c, m)).collect();
        insta::assert_snapshot!(verdicts.join("\n"), @"
        denied: ListFindings in eu-west-1: AccessDeniedException: User is not authorized to perform: guardduty:ListFindings
        denied: ListFindings in eu-west-1: UnrecognizedClientException: The security token included in the request is invalid. (is the region enabled for this account?)
        throttled: ListFindings in eu-west-1: ThrottlingException: Rate exceeded
        throttled: ListFindings in eu-west-1: 429: slow down
        server: ListFindings in eu-west-1: InternalServerErrorException: Internal error.
        server: ListFindings in eu-west-1: 503: <html> <b>busy</b>
        detector_not_found: ListFindings in eu-west-1: BadRequestException: The request is rejected because the input detectorId is not owned by the current account.
        rejected: ListFindings in eu-west-1: BadRequestException: The request is rejected because the parameter nextToken has an invalid value.
        denied: ListFindings in eu-west-1: BadRequestException: The caller is not authorized to call this API.
        credentials: ListFindings in eu-west-1: ExpiredTokenException: The security token included in the request is expired
        malformed: ListFindings in eu-west-1: 200: expected value
        unsupported: ListFindings in eu-west-1: UnknownOperationException: POST /malware-scan
        denied: ListFindings in eu-west-1: InvalidIdentityToken: Incorrect token
        credentials: ListFindings in eu-west-1: InvalidIdentityToken: Couldn't retrieve verification key from your identity provider
        ");
    }

    #[test]
    fn an_endpoint_of_credentials_is_described_by_its_status() {
        let answered = |status: u16| {
            let text = format!(
                "Non-success status from HTTP credential provider: {:?}",
                StatusCode::try_from(status).unwrap()
            );
            ReadError::from_credentials("self", &CredentialsError::provider_error(text))
        };
        assert_eq!(answered(429).to_string(), "credentials of self: the credentials endpoint returned 429");
        assert!([408, 429, 500, 503].into_iter().all(|status| answered(status).is_worth_fetching_again()));
        assert!([400, 401, 404].into_iter().all(|status| !answered(status).is_worth_fetching_again()));
    }

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        assert_eq!(single_line(" a\r\n\tb  c\u{7} "), "a b c");
        assert_eq!(single_line(&"ü".repeat(600)).chars().count(), 501);
    }
}
