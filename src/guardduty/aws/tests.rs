//! Identities, accounts and regions with a fake AWS server.

use guardduty_slack_support::server::Outcome;
use serde_json::json;

use super::super::wire::{Asked, Wire, assumed, error, ok, refused, sts};
use super::super::{CallerIdentity, GuardDutyApi, TransientReason};
use super::*;
use crate::config::{Regions, Role};

const READER: &str = "arn:aws:iam::222233334444:role/reader";
const OTHER: &str = "arn:aws:iam::333344445555:role/reader";

fn role(arn: &str) -> Role {
    Role::Arn(arn.into())
}

fn regions(list: &[&str]) -> Regions {
    Regions::List(list.iter().map(|r| r.to_string()).collect())
}

/// The account of the Pod is 111122223333, every role can be assumed, every region has a detector.
fn obliging(call: &Asked) -> Outcome {
    match call.op.as_str() {
        "GetCallerIdentity" => {
            sts("GetCallerIdentity", "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/me</Arn>")
        }
        "AssumeRole" => assumed("ASIAROLE"),
        "POST /listRegions" if call.body.get("NextToken").is_none() => ok(
            json!({"Regions": [{"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}], "NextToken": "2"}),
        ),
        "POST /listRegions" => ok(json!({"Regions": [{"RegionName": "eu-south-1", "RegionOptStatus": "ENABLED"}]})),
        "AWSOrganizationsV20161128.ListAccounts" if call.body.get("NextToken").is_none() => {
            ok(json!({"Accounts": [{"Id": "111122223333", "Name": "prod"}], "NextToken": "2"}))
        }
        "AWSOrganizationsV20161128.ListAccounts" => ok(json!({"Accounts": [{"Id": "222233334444", "Name": "test"}]})),
        _ => ok(json!({"detectorIds": ["d1"]})),
    }
}

fn keys(seen: &[IdentitySources]) -> Vec<String> {
    seen.iter().flat_map(|s| s.sources.iter().flatten()).map(|s| s.key().to_string()).collect()
}

#[tokio::test]
async fn a_role_is_assumed_once_for_all_its_regions_and_only_when_needed() {
    let wire = Wire::answering(obliging);
    let aws = wire.aws(regions(&["eu-west-1", "us-east-1", "ap-southeast-2"]), vec![role(READER)]);
    let sources = aws.discover_all().await.remove(0).sources.unwrap();
    assert!(wire.ops().is_empty(), "the ARN contains the account");
    assert!(join_all(sources.iter().map(|s| s.list_detectors())).await.iter().all(Result::is_ok));
    let asked = wire.asked();
    assert_eq!(asked.iter().filter(|a| a.op == "AssumeRole").count(), 1);
    let form = asked[0].body.as_str().unwrap();
    for part in [
        "RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2Freader",
        "ExternalId=ext-1",
        "RoleSessionName=guardduty-slack",
    ] {
        assert!(form.contains(part), "{part} is not in {form}");
    }
    let mut reached: Vec<_> = asked[1..].iter().map(|a| (a.key.as_str(), a.region.as_str())).collect();
    reached.sort_unstable();
    assert_eq!(reached, [("ASIAROLE", "ap-southeast-2"), ("ASIAROLE", "eu-west-1"), ("ASIAROLE", "us-east-1")]);
}

#[tokio::test]
async fn the_own_account_is_asked_for_once() {
    let wire = Wire::answering(obliging);
    let aws = wire.aws(regions(&["eu-west-1", "us-east-1"]), vec![Role::Pod]);
    for _ in 0..2 {
        assert_eq!(keys(&aws.discover_all().await), ["111122223333/eu-west-1", "111122223333/us-east-1"]);
    }
    assert_eq!(wire.ops(), ["GetCallerIdentity"]);
    assert_eq!(wire.counted(), ["sts GetCallerIdentity 200: 1"]);
}

#[tokio::test]
async fn account_id_from_credentials_saves_a_request() {
    let wire = Wire::answering(obliging);
    let credentials = aws_credential_types::Credentials::builder()
        .access_key_id("ASIAPOD")
        .secret_access_key("hush")
        .account_id("999900001111")
        .provider_name("test");
    let sdk =
        wire.sdk().into_builder().credentials_provider(SharedCredentialsProvider::new(credentials.build())).build();
    let settings = config::AwsConfig {
        regions: Regions::Default,
        roles: vec![Role::Pod],
        external_id: None,
        ..config::AwsConfig::default()
    };
    let aws = Aws::new(sdk, None, &settings, wire.requests.clone()).unwrap();
    assert_eq!(keys(&aws.discover_all().await), ["999900001111/eu-west-1"]);
    assert!(wire.ops().is_empty());
}

#[tokio::test]
async fn an_account_that_two_identities_reach_is_polled_once() {
    let wire = Wire::answering(obliging);
    let aws = wire.aws(Regions::Default, vec![Role::Pod, role("arn:aws:iam::111122223333:role/again"), role(READER)]);
    assert_eq!(keys(&aws.discover_all().await), ["111122223333/eu-west-1", "222233334444/eu-west-1"]);
}

#[tokio::test]
async fn failure_of_one_identity_does_not_affect_others() {
    let wire = Wire::answering(|call| match call.op.as_str() {
        "AssumeRole" if call.body.as_str().unwrap().contains("222233334444") => {
            refused(403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
        }
        "GetCallerIdentity" => refused(500, "InternalFailure", "try again"),
        _ => obliging(call),
    });
    let aws = wire.aws(Regions::Default, vec![Role::Pod, role(READER), role(OTHER)]);
    let seen = aws.discover_all().await;
    assert_eq!(seen[0].sources.as_ref().err().map(ReadError::reason), Some("server"));
    assert_eq!(keys(&seen), ["222233334444/eu-west-1", "333344445555/eu-west-1"]);
    let sources: Vec<&SourceClient> = seen.iter().flat_map(|s| s.sources.iter().flatten()).collect();
    let refused = sources[0].list_detectors().await.unwrap_err();
    assert!(refused.is_access_denied());
    assert_eq!(
        refused.to_string(),
        format!("AssumeRole {READER}: AccessDenied: not authorized to perform: sts:AssumeRole")
    );
    assert_eq!(sources[1].list_detectors().await.unwrap(), ["d1"]);
}

#[tokio::test]
async fn without_credentials_the_account_of_irsa_is_still_known() {
    let wire = Wire::answering(|_| refused(500, "InternalFailure", "try again"));
    let settings = config::AwsConfig {
        regions: Regions::Default,
        roles: vec![Role::Pod],
        external_id: None,
        ..config::AwsConfig::default()
    };
    let env = |name: &str| match name {
        "AWS_ROLE_ARN" => Some("arn:aws:iam::111122223333:role/pod".to_owned()),
        _ => Some("token".into()),
    };
    let aws = Aws::new(wire.sdk(), irsa_account(env), &settings, wire.requests.clone()).unwrap();
    assert_eq!(keys(&aws.discover_all().await), ["111122223333/eu-west-1"]);
    assert_eq!(irsa_account(|_| None), None);
}

#[tokio::test]
async fn all_regions_are_those_that_the_account_enabled() {
    let wire = Wire::answering(obliging);
    let aws = wire.aws(Regions::All { except: vec![] }, vec![role(READER)]);
    assert_eq!(keys(&aws.discover_all().await), ["222233334444/eu-west-1", "222233334444/eu-south-1"]);
    let body = wire.asked().remove(1).body;
    assert_eq!(body, json!({"MaxResults": 50, "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}));
}

#[tokio::test]
async fn failed_region_listing_is_an_error_of_the_account() {
    let wire = Wire::answering(|call| match call.op.as_str() {
        "POST /listRegions" => error(403, "AccessDeniedException", "no"),
        _ => obliging(call),
    });
    let aws = wire.aws(Regions::All { except: vec![] }, vec![role(READER)]);
    let seen = aws.discover_all().await.remove(0);
    assert_eq!((seen.identity.as_str(), seen.account.as_deref()), (READER, Some("222233334444")));
    assert!(seen.sources.is_err_and(|e| e.is_access_denied()));
}

#[tokio::test]
async fn names_come_from_the_organization() {
    let wire = Wire::answering(obliging);
    let names = wire.aws(Regions::Default, vec![Role::Pod]).organization_account_names().await.unwrap();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        [("111122223333".into(), "prod".into()), ("222233334444".into(), "test".into())]
    );
}

#[tokio::test]
async fn each_identity_returns_its_account() {
    let wire = Wire::answering(obliging);
    let (name, caller) = wire.aws(Regions::Default, vec![Role::Pod]).caller_identities().await.remove(0);
    let me = CallerIdentity { account: "111122223333".into(), arn: "arn:aws:iam::111122223333:user/me".into() };
    assert_eq!((name.as_str(), caller), ("self", Ok(me)));
}

#[tokio::test]
async fn without_a_region_the_fault_names_the_variables() {
    let wire = Wire::answering(obliging);
    let sdk = wire.sdk().into_builder().region(None).build();
    let settings = config::AwsConfig {
        regions: Regions::All { except: vec![] },
        roles: vec![Role::Pod],
        external_id: None,
        ..config::AwsConfig::default()
    };
    let fault = Aws::new(sdk, None, &settings, RequestCounts::default()).err().unwrap();
    assert_eq!(fault.to_string(), "no region: set AWS_REGION, or list the regions to poll in GUARDDUTY_REGIONS");
}

#[tokio::test]
async fn no_secret_is_in_an_error() {
    let wire = Wire::answering(|_| error(403, "AccessDeniedException", "no"));
    let aws = wire.aws(Regions::Default, vec![role(READER)]);
    let sources = aws.discover_all().await.remove(0).sources.unwrap();
    let e = sources[0].list_detectors().await.unwrap_err();
    assert!(!format!("{e} {e:?}").contains("hush"));
}

#[tokio::test]
async fn refused_connection_is_a_network_error() {
    let wire = Wire::answering(obliging);
    let sdk = wire.sdk().into_builder().endpoint_url("http://127.0.0.1:9").build();
    let settings = config::AwsConfig {
        regions: Regions::Default,
        roles: vec![Role::Pod],
        external_id: None,
        ..config::AwsConfig::default()
    };
    let seen = Aws::new(sdk, None, &settings, wire.requests.clone()).unwrap().discover_all().await.remove(0);
    assert!(matches!(seen.sources, Err(ReadError::Transient { reason: TransientReason::Network, .. })));
    assert_eq!(wire.counted(), ["sts GetCallerIdentity error: 3"]);
}

#[test]
fn more_tries_than_the_sdk_s_own_unless_the_environment_says_otherwise() {
    let tries = |retry| {
        with_retries(SdkConfig::builder().retry_config(retry).build(), false)
            .retry_config()
            .map(RetryConfig::max_attempts)
    };
    assert_eq!(tries(RetryConfig::standard()), Some(MAX_ATTEMPTS));
    assert_eq!(tries(RetryConfig::standard().with_max_attempts(9)), Some(9));
}
