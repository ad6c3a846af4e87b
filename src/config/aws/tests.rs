//! The AWS variables and profiles, with the errors that a user sees.

use std::path::Path;

use super::*;

fn read_from(vars: &[(&str, &str)]) -> (Read, ConfigErrors) {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut faults = ConfigErrors::default();
    (read(&vars.collect(), &mut faults), faults)
}

fn faults(vars: &[(&str, &str)]) -> String {
    read_from(vars).1.to_string()
}

/// A profile file with this text, without a credentials file.
fn with_profile<T>(text: &str, read: impl Fn(&[(&str, &str)]) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("config"), text).unwrap();
    read(&[("AWS_CONFIG_FILE", &path("config")), ("AWS_SHARED_CREDENTIALS_FILE", &path("none"))])
}

/// Faults of a profile file, without the names of the files.
fn profile_faults(text: &str) -> String {
    with_profile(text, |vars| {
        let folder = Path::new(vars[0].1).parent().unwrap().display().to_string();
        faults(vars).replace(&folder, "FOLDER")
    })
}

#[test]
fn values_are_trimmed_for_the_sdk() {
    let (read, faults) = read_from(&[("AWS_ACCESS_KEY_ID", "AKIA\r\n"), ("AWS_SECRET_ACCESS_KEY", " hush\n")]);
    assert!(faults.is_empty(), "{faults}");
    assert_eq!(read.environment.get("AWS_ACCESS_KEY_ID"), Some("AKIA"));
    assert_eq!(read.environment.get("AWS_SECRET_ACCESS_KEY"), Some("hush"));
}

#[test]
fn variables_that_the_sdk_does_not_read_are_not_passed_on() {
    let (read, faults) = read_from(&[("AWS_PAGER", "less\nmore"), ("PATH", "/bin")]);
    assert!(faults.is_empty() && read.environment == Environment::default());
}

#[test]
fn every_variable_that_cannot_be_parsed_is_named() {
    let wrong = [
        ("AWS_MAX_ATTEMPTS", "0"),
        ("AWS_RETRY_MODE", "often"),
        ("AWS_ENDPOINT_URL", "garbage"),
        ("AWS_ENDPOINT_URL_STS", "https://host/a b"),
        ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ("AWS_REGION", "EU_WEST_1"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ACCOUNT_ID", "1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example/x"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv5"),
        ("AWS_SESSION_TOKEN", "hush hush"),
        ("AWS_EXECUTION_ENV", "EKS\n"),
        ("AWS_PROFILE", "a\nb"),
    ];
    insta::assert_snapshot!(faults(&wrong), @r#"
    AWS_ACCOUNT_ID: invalid account ID "1": expected 12 digits
    AWS_CONTAINER_CREDENTIALS_FULL_URI: invalid URL (not shown): without TLS, expected a loopback address or the agent of ECS or EKS
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: invalid path "v2": expected a path such as /v2/credentials
    AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: invalid endpoint mode "ipv5": expected ipv4 or ipv6
    AWS_ENDPOINT_URL: invalid URL (not shown): expected a URL such as https://host/path
    AWS_ENDPOINT_URL_STS: invalid URL (not shown): expected a URL such as https://host/path
    AWS_EXECUTION_ENV: invalid value (not shown): expected printable ASCII characters on one line
    AWS_MAX_ATTEMPTS: invalid number of attempts "0": expected a whole number from 1
    AWS_PROFILE: invalid value "a\nb": expected one line of UTF-8
    AWS_REGION: invalid region "EU_WEST_1": expected a region such as eu-west-1 or us-gov-west-1
    AWS_RETRY_MODE: invalid retry mode "often": expected standard, adaptive or legacy
    AWS_ROLE_ARN: invalid role ARN "arn:aws:iam::1:role/x": expected arn:aws:iam::123456789012:role/name
    AWS_SESSION_TOKEN: invalid value (not shown): expected letters, digits and punctuation without spaces
    AWS_USE_FIPS_ENDPOINT: invalid boolean "yes": expected true or false
    "#);
}

#[test]
fn variables_that_need_each_other_are_named_together() {
    assert_eq!(
        faults(&[("AWS_ACCESS_KEY_ID", "AKIA")]),
        "AWS_SECRET_ACCESS_KEY: not set: required with AWS_ACCESS_KEY_ID"
    );
    assert_eq!(
        faults(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")]),
        "AWS_ROLE_ARN: not set: required with AWS_WEB_IDENTITY_TOKEN_FILE"
    );
}

#[test]
fn the_legacy_retry_mode_is_the_standard_one() {
    assert_eq!(read_from(&[("AWS_RETRY_MODE", "Legacy")]).0.environment.get("AWS_RETRY_MODE"), Some("standard"));
    let profile = with_profile("[default]\nretry_mode = legacy\nregion = eu-west-1\n", |vars| read_from(vars).0);
    assert_eq!(profile.environment.get("AWS_RETRY_MODE"), Some("standard"));
    assert_eq!(profile.environment.get("AWS_REGION"), Some("eu-west-1"));
}

#[test]
fn a_variable_takes_precedence_over_the_profile() {
    let read = with_profile("[default]\nregion = eu-west-1\n", |vars| {
        read_from(&[vars, &[("AWS_DEFAULT_REGION", "eu-central-1")]].concat()).0
    });
    assert_eq!(read.environment.get("AWS_REGION"), Some("eu-central-1"));
}

#[test]
fn a_profile_that_cannot_be_parsed_is_named_with_file_and_key() {
    let keys = "[default]\nregion = nowhere\nretry_mode = often\nmax_attempts = lots\nservices = mine\n\
        [services mine]\nguardduty =\n  endpoint_url = garbage\n";
    insta::assert_snapshot!(profile_faults(keys), @r#"
    profile default in FOLDER/config and FOLDER/none: region: invalid region "nowhere": expected a region such as eu-west-1 or us-gov-west-1
    profile default in FOLDER/config and FOLDER/none: max_attempts: invalid number of attempts "lots": expected a whole number from 1
    profile default in FOLDER/config and FOLDER/none: retry_mode: invalid retry mode "often": expected standard, adaptive or legacy
    profile default in FOLDER/config and FOLDER/none: services, guardduty, endpoint_url: invalid URL (not shown): expected a URL such as https://host/path
    "#);
    let broken = profile_faults("[default\nregion = eu-west-1\n");
    assert!(broken.starts_with("FOLDER/config and FOLDER/none: cannot be read: "), "{broken}");
    let missing = with_profile("[default]\n", |vars| faults(&[vars, &[("AWS_PROFILE", "absent")]].concat()));
    assert!(missing.starts_with("AWS_PROFILE: unknown profile: expected a profile of /"), "{missing}");
}

#[test]
fn no_secret_is_shown() {
    let (read, faults) = read_from(&[
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_SESSION_TOKEN", "hush hush"),
    ]);
    assert!(!format!("{:?} {faults}", read.environment).contains("hush"));
}

#[test]
fn a_ca_bundle_is_the_variable_s_or_the_profile_s() {
    let bundle = |more: &[(&str, &str)]| {
        with_profile("[default]\nca_bundle = /profile.pem\n", |vars| read_from(&[vars, more].concat()).0.ca_bundle)
    };
    assert_eq!(bundle(&[]).as_deref(), Some("/profile.pem"));
    assert_eq!(bundle(&[("AWS_CA_BUNDLE", " /variable.pem\n")]).as_deref(), Some("/variable.pem"));
}

proptest::proptest! {
    #[test]
    fn no_value_makes_it_panic(n in 0..VARIABLES.len(), value in "\\PC{0,40}|[-a-z0-9:/{}<>@#.,=*\\[\\]\\n ]{0,40}") {
        let _ = read_from(&[(VARIABLES[n].0, value.as_str())]).1.to_string();
    }
}
