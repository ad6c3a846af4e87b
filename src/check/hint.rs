//! Selects the hint for the cause of a failed check. Only a denied call gets a hint about a permission.

use crate::guardduty::{ReadError, TransientReason};
use crate::slack::SlackError;

/// A service that a check calls, with the variable of its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    name: &'static str,
    address: &'static str,
}

pub(super) const AWS: Service = Service { name: "AWS", address: "AWS_ENDPOINT_URL" };
pub(super) const SLACK: Service = Service { name: "Slack", address: "SLACK_API_URL" };
pub(super) const PUSHGATEWAY: Service = Service { name: "the Pushgateway", address: "PUSHGATEWAY_URL" };
const API_SERVER: &str = "check that the API server responds and that the egress rules of the pod include it";

/// The reason why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NetworkCause {
    Resolution,
    Refused,
    Timeout,
    Certificate,
    Proxy,
    Interrupted,
    Unknown,
}

impl NetworkCause {
    /// Recognizes the reason by the text of an error, because the HTTP and DNS libraries do not export these error types.
    fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["certificate", "tls", "unknownissuer"]) {
            Self::Certificate
        } else if has(&["tunnel", "proxy auth", "proxy connect"]) {
            Self::Proxy
        } else if has(&["dns", "resolve", "lookup address", "name or service"]) {
            Self::Resolution
        } else if has(&["refused", "unreachable", "no route"]) {
            Self::Refused
        } else if has(&["timed out", "timeout", "no answer within", "has not answered", "deadline"]) {
            Self::Timeout
        } else if has(&["reset", "closed", "broken pipe", "connection error"]) {
            Self::Interrupted
        } else {
            Self::Unknown
        }
    }
}

impl Service {
    /// The hint for a network error.
    pub(super) fn network_hint(self, error: &str) -> String {
        let Self { name, address } = self;
        match NetworkCause::of(error) {
            NetworkCause::Resolution => format!("check the DNS of this host, {address} and HTTPS_PROXY"),
            NetworkCause::Refused => format!("check {address}, HTTPS_PROXY and the egress rules of this host"),
            NetworkCause::Timeout => format!("check that {name} is reachable: egress rules, HTTPS_PROXY, {address}"),
            NetworkCause::Certificate => "set SSL_CERT_FILE to a bundle with the CA of this certificate".into(),
            NetworkCause::Proxy => "check HTTPS_PROXY: the proxy did not open the connection".into(),
            NetworkCause::Interrupted | NetworkCause::Unknown => {
                format!("check the connection to {name}: {address} and HTTPS_PROXY; then run check again")
            }
        }
    }

    /// The hint for an error status of the service.
    pub(super) fn server_hint(self) -> String {
        format!("run check again later: {} reports an internal error", self.name)
    }

    fn busy_hint(self) -> String {
        format!("run check again later: {} limits the rate of requests", self.name)
    }

    fn response_hint(self) -> String {
        format!("check {} and HTTPS_PROXY: the response is not from {}", self.address, self.name)
    }
}

/// The hint for a failed call to AWS. `permission` is the hint for a denied call.
pub(super) fn for_aws(error: &ReadError, permission: &str) -> String {
    match error {
        ReadError::AccessDenied(_) => permission.to_owned(),
        ReadError::NoEndpoint(_) => "check GUARDDUTY_REGIONS and the DNS of this host".into(),
        ReadError::Unsupported(_) => "optional: GuardDuty does not offer this operation here".into(),
        ReadError::TooLong(_) => "optional: this list is too long to be watched".into(),
        ReadError::DetectorNotFound(_) => "run check again: the detector was deleted meanwhile".into(),
        ReadError::Transient { reason, text } => match reason {
            TransientReason::Throttled => AWS.busy_hint(),
            TransientReason::Server => AWS.server_hint(),
            TransientReason::Malformed => AWS.response_hint(),
            TransientReason::Network | TransientReason::Timeout => AWS.network_hint(text),
            TransientReason::Credentials if NetworkCause::of(text) != NetworkCause::Unknown => AWS.network_hint(text),
            TransientReason::Credentials => "check that the credentials are valid and that their source answers".into(),
            TransientReason::Rejected => "check AWS_ENDPOINT_URL and GUARDDUTY_REGIONS".into(),
        },
    }
}

/// The hint for a failed call to Slack. `rejected` is the hint for a call that Slack rejected.
pub(super) fn for_slack(failure: &SlackError, rejected: &str) -> String {
    match failure {
        SlackError::RateLimited(_) => SLACK.busy_hint(),
        SlackError::NotSent(text) => SLACK.network_hint(text),
        SlackError::OutcomeUnknown(text) if text.starts_with("http_5") => SLACK.server_hint(),
        SlackError::OutcomeUnknown(text) => SLACK.network_hint(text),
        SlackError::AppRejected(text) if text.starts_with("http_") => SLACK.response_hint(),
        _ => rejected.to_owned(),
    }
}

/// The hint for a failed store of the state. Some of its errors end with a hint already.
pub(super) fn for_state(error: &str, in_cluster: bool, unknown: &str) -> String {
    match error.split("; ").skip(1).find(|part| !part.contains("mounted copy")) {
        Some(hint) => hint.to_owned(),
        _ if in_cluster && NetworkCause::of(error) != NetworkCause::Unknown => API_SERVER.to_owned(),
        _ => unknown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_hint_fits_the_cause() {
        let passing = |reason, text: &str| ReadError::Transient { reason, text: text.into() };
        let aws = [
            ReadError::AccessDenied("AccessDenied".into()),
            ReadError::DetectorNotFound("not owned".into()),
            ReadError::NoEndpoint("the name guardduty.xx-west-9.amazonaws.com does not exist in DNS".into()),
            passing(TransientReason::Throttled, "ThrottlingException"),
            passing(TransientReason::Server, "500: InternalServerError"),
            passing(
                TransientReason::Network,
                "cannot connect to h:443: dns error: failed to lookup address information",
            ),
            passing(TransientReason::Network, "cannot connect to 127.0.0.1:9: Connection refused (os error 111)"),
            passing(TransientReason::Network, "cannot connect to h:443: invalid peer certificate: UnknownIssuer"),
            passing(
                TransientReason::Network,
                "cannot connect to h:443 through proxy p:3128: tunnel error: unsuccessful",
            ),
            passing(TransientReason::Network, "connection reset by peer"),
            passing(TransientReason::Timeout, "operation timed out"),
            passing(TransientReason::Malformed, "200: expected value"),
            passing(TransientReason::Credentials, "ExpiredTokenException"),
            passing(TransientReason::Credentials, "dispatch failure: Connection refused"),
            passing(TransientReason::Rejected, "BadRequestException"),
        ];
        let slack = [
            SlackError::AppRejected("missing_scope".into()),
            SlackError::ChannelRejected("channel_not_found".into()),
            SlackError::RateLimited(Some(Duration::from_secs(1))),
            SlackError::NotSent("cannot connect to 127.0.0.1:9: Connection refused".into()),
            SlackError::OutcomeUnknown("http_503".into()),
            SlackError::OutcomeUnknown("operation timed out".into()),
            SlackError::AppRejected("http_404: response is not from Slack".into()),
        ];
        let aws = aws.iter().map(|error| format!("{error} → {}", for_aws(error, "allow it")));
        let slack = slack.iter().map(|failure| format!("{failure} → {}", for_slack(failure, "invite the app")));
        insta::assert_snapshot!(aws.chain(slack).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn only_a_denied_call_is_answered_with_a_permission() {
        let words = ["permission", "polic", "iam", "allow", "grant", "scope", "role", "trust", "denied"];
        for text in ["dns error", "refused", "timed out", "certificate", "tunnel", "reset"] {
            for service in [AWS, SLACK, PUSHGATEWAY] {
                for hint in
                    [service.network_hint(text), service.server_hint(), service.busy_hint(), service.response_hint()]
                {
                    let hint = hint.to_ascii_lowercase();
                    assert!(words.iter().all(|word| !hint.contains(word)), "{hint}");
                }
            }
        }
    }
}
