//! Describes the results of calls: error codes and HTTP status codes.

use super::line::{Line, non_blank};

/// `denied: AccessDenied`, `failed: NoSuchBucket`, `dry run, would have succeeded: Client.DryRunOperation`.
pub(super) fn error(code: Option<&str>) -> Line {
    match non_blank(code) {
        Some(code) => Line::new().literal(error_words(code)).literal(": ").code(code),
        None => Line::new(),
    }
}

/// ` denied`, ` failed: NoSuchBucket`: behind a call of a list.
pub(super) fn brief_error(code: Option<&str>) -> Line {
    match non_blank(code) {
        Some(code) if is_denial(code) => Line::new().literal(" denied"),
        Some(code) => Line::new().literal(" ").concat(error(Some(code))),
        None => Line::new(),
    }
}

/// What an error code means. Source: EC2 API Reference, "Error codes"; CloudTrail User Guide, `errorCode`.
pub(super) fn error_words(code: &str) -> &'static str {
    if code.ends_with("DryRunOperation") {
        "dry run, would have succeeded"
    } else if is_denial(code) {
        "denied"
    } else {
        "failed"
    }
}

/// Whether access was denied: only then an error is one of permissions.
pub(super) fn is_denial(code: &str) -> bool {
    const DENIALS: [&str; 6] =
        ["AccessDenied", "Unauthorized", "NotAuthorized", "AuthorizationError", "AuthFailure", "Forbidden"];
    matches!(code, "401" | "403") || DENIALS.iter().any(|denial| code.contains(denial))
}

/// Name of an HTTP status. Source: RFC 9110, section 15.
pub(super) fn status(status: i64) -> String {
    let words = match status {
        101 | 200..=299 => return "succeeded".to_owned(),
        100..=199 => "in progress",
        300..=399 => "redirected",
        401 | 403 => "denied",
        404 => "failed, not found",
        409 => "failed, conflict",
        429 => "failed, too many requests",
        400..=499 => "failed, client error",
        500..=599 => "failed, server error",
        _ => "status",
    };
    format!("{words} ({status})")
}

/// The name of a protocol that GuardDuty gives as a number. Source: IANA, "Protocol Numbers".
pub(super) fn protocol(given: &str) -> &str {
    match given.trim() {
        "1" => "ICMP",
        "2" => "IGMP",
        "6" => "TCP",
        "17" => "UDP",
        "47" => "GRE",
        "50" => "ESP",
        "58" => "ICMPv6",
        "132" => "SCTP",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_of_permissions_is_a_denial() {
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "Client.UnauthorizedOperation",
            "AllAccessDisabledForbidden",
            "403",
            "NotAuthorizedException",
        ] {
            assert_eq!(error_words(code), "denied", "{code}");
        }
        for code in
            ["NoSuchBucket", "ThrottlingException", "Client.InvalidInstanceID.NotFound", "ResourceNotFoundException"]
        {
            assert_eq!(error_words(code), "failed", "{code}");
        }
    }

    #[test]
    fn a_dry_run_would_have_succeeded() {
        assert_eq!(
            error(Some("Client.DryRunOperation")).to_plain(),
            "dry run, would have succeeded: Client.DryRunOperation"
        );
        assert!(error(Some(" ")).is_empty());
    }

    #[test]
    fn status_codes_have_descriptions() {
        for (code, words) in [
            (101, "succeeded"),
            (201, "succeeded"),
            (403, "denied (403)"),
            (404, "failed, not found (404)"),
            (422, "failed, client error (422)"),
            (503, "failed, server error (503)"),
            (7, "status (7)"),
        ] {
            assert_eq!(status(code), words);
        }
    }

    #[test]
    fn a_protocol_number_has_a_name() {
        assert_eq!(["6", "17", "1", "TCP", "253"].map(protocol), ["TCP", "UDP", "ICMP", "TCP", "253"]);
    }
}
