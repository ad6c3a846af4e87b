//! Variables of AWS: what the SDK would panic at, ignore or misunderstand.

use guardduty_slack_support::findings::high;

use crate::kit::{each, world};

/// Every variable that the SDK's crates read.
const VARIABLES: [&str; 46] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
    "AWS_DISABLE_REQUEST_COMPRESSION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ACCOUNT",
    "AWS_ENDPOINT_URL_GUARDDUTY",
    "AWS_ENDPOINT_URL_ORGANIZATIONS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_STS",
    "AWS_EXECUTION_ENV",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_MAX_ATTEMPTS",
    "AWS_NEW_RETRIES_2026",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
];

/// What only these can mean; all others may be any text.
const FREE_TEXT: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_PROFILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
];

#[test]
fn no_variable_of_aws_makes_the_program_panic() {
    each(VARIABLES.to_vec(), 16, |name| {
        let mut world = world().env("RUN_TIMEOUT", "5s").env("GUARDDUTY_WATCH", "false");
        for value in ["garbage", "gar\nbage", "0\n", "ü"] {
            world = world.env(name, value).run();
            let ran = world.last_run();
            let is_ordinary = matches!(ran.code, Some(0..=2)) && !ran.stderr.contains("panicked");
            assert!(is_ordinary, "{name}={value:?}: {}", ran.tail());
            assert!(ran.code != Some(2) || ran.stderr.contains(name), "{name}={value:?}: {}", ran.tail());
        }
    });
}

#[test]
fn a_variable_of_aws_that_cannot_be_parsed_is_a_configuration_error() {
    let other =
        ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_SIGV4A_SIGNING_REGION_SET", "AWS_WEB_IDENTITY_TOKEN_FILE"];
    let any_text = |name: &&str| FREE_TEXT.contains(name) || other.contains(name) || name.starts_with("HTTPS");
    let mut world = world();
    let names: Vec<&str> = VARIABLES.into_iter().filter(|name| !any_text(name)).collect();
    for name in &names {
        world = world.env(name, "garbage");
    }
    let world = world.env("GUARDDUTY_LOOKBACK", "tomorrow").run().exit(2);
    for name in names.into_iter().chain(["GUARDDUTY_LOOKBACK"]) {
        assert!(world.last_run().stderr.contains(name), "{name} is not named: {}", world.last_run().stderr);
    }
}

#[test]
fn an_empty_variable_of_aws_counts_as_unset() {
    let required = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"];
    for empty in ["", " "] {
        let mut world = world().findings([high("f1")]);
        for name in VARIABLES.into_iter().filter(|name| !required.contains(name)) {
            world = world.env(name, empty);
        }
        world.run().posted(["f1"]).exit(0);
    }
}
