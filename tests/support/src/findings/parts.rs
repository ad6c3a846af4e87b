//! The parts that many kinds of findings share.

use serde_json::{Value, json};

use super::hex_id;

/// Where a finding is from and what it is called; names of resources follow from the id, so that each has its own.
pub(super) struct FindingContext<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub id: &'a str,
    /// Seconds since the epoch: when it began.
    pub at: f64,
}

impl FindingContext<'_> {
    /// `n` hexadecimal digits that belong to this finding.
    pub(super) fn hex(&self, n: usize) -> String {
        hex_id(self.id)[..n.min(32)].to_owned()
    }

    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }
}

/// What makes one kind: its type, its words, and the members of `resource` and `service` of its own.
pub(super) struct FindingParts {
    pub name: &'static str,
    pub title: String,
    pub description: String,
    pub resource: Value,
    pub service: Value,
}

pub(super) fn remote(ip: &str, country: &str, city: &str, asn: &str, org: &str) -> Value {
    json!({
        "ipAddressV4": ip, "country": { "countryName": country }, "city": { "cityName": city },
        "geoLocation": { "lat": 52.5, "lon": 13.4 },
        "organization": { "asn": asn, "asnOrg": org, "isp": org, "org": org },
    })
}

/// A Tor exit as GuardDuty describes it.
pub(super) fn tor() -> Value {
    remote("198.51.100.7", "Germany", "Berlin", "60729", "Stiftung Erneuerbare Freiheit")
}

pub(super) fn instance(place: &FindingContext, name: &str, team: &str) -> Value {
    json!({
        "resourceType": "Instance",
        "instanceDetails": {
            "instanceId": format!("i-0{}", place.hex(16)), "instanceType": "m6i.xlarge", "instanceState": "running",
            "availabilityZone": format!("{}a", place.region), "imageId": "ami-0fe310dde2a8fdc5c",
            "imageDescription": "Amazon Linux 2023 AMI", "launchTime": "2026-03-02T07:11:00.000Z",
            "iamInstanceProfile": {
                "arn": format!("arn:aws:iam::{}:instance-profile/{name}", place.account), "id": "AIPAEXAMPLEPROFILE",
            },
            "networkInterfaces": [{
                "networkInterfaceId": "eni-0a1b2c3d4e5f60718", "privateIpAddress": "10.20.4.17",
                "privateDnsName": "ip-10-20-4-17.ec2.internal", "publicIp": "203.0.113.17",
                "publicDnsName": "ec2-203-0-113-17.compute.amazonaws.com", "ipv6Addresses": [],
                "subnetId": "subnet-0a1b2c3d", "vpcId": "vpc-0d1e2f3a",
                "securityGroups": [{ "groupId": "sg-0123abcd", "groupName": name }],
            }],
            "productCodes": [],
            "tags": [{ "key": "Name", "value": name }, { "key": "team", "value": team }],
        },
    })
}

/// An IAM user has long-term keys and an ID of its own; a role has sessions with temporary keys.
/// Source: IAM User Guide, "IAM identifiers".
pub(super) fn access_key(place: &FindingContext, user: &str, user_type: &str) -> Value {
    let (key, digits) = (place.hex(16).to_uppercase(), place.hex(17).to_uppercase());
    let (key_id, principal_id) = match user_type {
        "IAMUser" => (format!("AKIA{key}"), format!("AIDA{digits}")),
        _ => (format!("ASIA{key}"), format!("AROA{digits}:{user}")),
    };
    json!({ "accessKeyId": key_id, "principalId": principal_id, "userName": user, "userType": user_type })
}

pub(super) fn api_call(api: &str, service: &str, from: Value, agent: &str) -> Value {
    json!({
        "actionType": "AWS_API_CALL",
        "awsApiCallAction": {
            "api": api, "serviceName": service, "callerType": "Remote IP", "remoteIpDetails": from,
            "userAgent": agent, "affectedResources": {},
        },
    })
}

pub(super) fn evidence(list: &str, names: &[&str]) -> Value {
    json!({ "threatIntelligenceDetails": [{ "threatListName": list, "threatNames": names }] })
}

pub(super) fn cluster(place: &FindingContext, name: &str) -> Value {
    json!({
        "name": name, "arn": place.arn("eks", &format!("cluster/{name}")), "vpcId": "vpc-0d1e2f3a",
        "status": "ACTIVE", "createdAt": 1_767_225_600.0, "tags": [{ "key": "team", "value": "platform" }],
    })
}
