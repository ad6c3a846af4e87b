//! Verdicts on errors of AWS.

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
        let text =
            format!("Non-success status from HTTP credential provider: {:?}", StatusCode::try_from(status).unwrap());
        ReadError::from_credentials("self", &CredentialsError::provider_error(text))
    };
    assert_eq!(answered(429).to_string(), "credentials of self: the credentials endpoint returned 429");
    assert!([408, 429, 500, 503].into_iter().all(|status| answered(status).is_worth_fetching_again()));
    assert!([400, 401, 404].into_iter().all(|status| !answered(status).is_worth_fetching_again()));
}

#[test]
fn a_text_is_one_line_of_bounded_length() {
    assert_eq!(single_line(" a\r\n\tb  c\u{7} "), "a b c");
    assert_eq!(single_line(&"ü".repeat(600)).chars().count(), 500);
}
