//! Findings about who acts: users, keys, database logins, attack sequences.

use serde_json::json;

use super::parts::{FindingContext, FindingParts, access_key, api_call, evidence, remote, tor};

pub(super) fn tor_caller(place: &FindingContext) -> FindingParts {
    let user = format!("deploy-bot-{}", place.hex(4));
    FindingParts {
        name: "UnauthorizedAccess:IAMUser/TorIPCaller",
        title: format!("API ListBuckets was invoked from a Tor exit node using credentials of {user}."),
        description: "API ListBuckets was invoked from a Tor exit node IP address 198.51.100.7.".into(),
        resource: json!({ "resourceType": "AccessKey", "accessKeyDetails": access_key(place, &user, "IAMUser") }),
        service: json!({
            "action": api_call("ListBuckets", "s3.amazonaws.com", tor(), "aws-cli/2.17.0 Python/3.11"),
            "evidence": evidence("ProofPoint", &["Tor exit"]),
        }),
    }
}

pub(super) fn s3_exfiltration(place: &FindingContext) -> FindingParts {
    let bucket = format!("customer-exports-{}", place.hex(6));
    FindingParts {
        name: "Exfiltration:S3/AnomalousBehavior",
        title: format!("User analytics-etl is anomalously invoking S3 API calls on {bucket}."),
        description: format!(
            "The user analytics-etl read objects of {bucket} in a way that was not seen before: GetObject."
        ),
        resource: json!({
            "resourceType": "S3Bucket",
            "accessKeyDetails": access_key(place, "analytics-etl", "AssumedRole"),
            "s3BucketDetails": [{
                "name": bucket, "arn": format!("arn:aws:s3:::{bucket}"), "type": "Destination",
                "createdAt": 1_700_000_000.0, "owner": { "id": "example-canonical-user" },
                "tags": [{ "key": "data-class", "value": "confidential" }, { "key": "owner", "value": "analytics" }],
                "defaultServerSideEncryption": { "encryptionType": "AES256" },
                "publicAccess": { "effectivePermission": "NOT_PUBLIC" },
                "s3ObjectDetails": [{ "objectArn": format!("arn:aws:s3:::{bucket}/2026/full-dump.csv.gz"), "key": "2026/full-dump.csv.gz" }],
            }],
        }),
        service: json!({
            "action": api_call("GetObject", "s3.amazonaws.com", remote("203.0.113.99", "Brazil", "São Paulo", "64500", "Example Telecom SA"), "Boto3/1.34.0"),
            "additionalInfo": {
                "type": "default",
                "value": "{\"unusualBehavior\":{\"unusualAPIsUserIdentity\":\"GetObject\",\"unusualASNsUserIdentity\":\"64500\"}}",
            },
        }),
    }
}

pub(super) fn rds_brute_force(place: &FindingContext) -> FindingParts {
    FindingParts {
        name: "CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce",
        title: "A user logged in to a database after a brute force attack.".into(),
        description: "The user admin logged in to the database orders-db after many failed attempts.".into(),
        resource: json!({
            "resourceType": "RDSDBInstance",
            "rdsDbInstanceDetails": {
                "dbInstanceIdentifier": "orders-db", "engine": "Aurora PostgreSQL", "engineVersion": "16.4",
                "dbClusterIdentifier": "orders", "dbInstanceArn": place.arn("rds", "db:orders-db"),
                "tags": [{ "key": "team", "value": "payments" }],
            },
            "rdsDbUserDetails": { "user": "admin", "application": "psql", "database": "orders", "ssl": "TLSv1.3", "authMethod": "SCRAM" },
        }),
        service: json!({
            "action": {
                "actionType": "RDS_LOGIN_ATTEMPT",
                "rdsLoginAttemptAction": {
                    "remoteIpDetails": remote("198.51.100.61", "Viet Nam", "Hanoi", "64502", "Example Net"),
                    "LoginAttributes": [{ "user": "admin", "application": "psql", "failedLoginAttempts": 412, "successfulLoginAttempts": 1 }],
                },
            },
        }),
    }
}

pub(super) fn attack_sequence(place: &FindingContext) -> FindingParts {
    let user = format!("ci-deployer-{}", place.hex(4));
    let signal = |uid: &str, name: &str, kind: &str, severity: f64, at: f64| {
        json!({
            "uid": uid, "type": kind, "name": name, "description": format!("{name} was seen."), "severity": severity, "count": 1,
            "createdAt": at, "updatedAt": at + 60.0, "firstSeenAt": at, "lastSeenAt": at + 60.0,
            "actorIds": ["user"], "endpointIds": ["tor"], "resourceUids": ["key"],
        })
    };
    FindingParts {
        name: "AttackSequence:IAM/CompromisedCredentials",
        title: format!("Potential credential compromise of {user} indicated by a sequence of actions."),
        description: "A sequence of actions involving 3 signals indicated a potential credential compromise.".into(),
        resource: json!({ "resourceType": "AttackSequence" }),
        service: json!({
            "featureName": "Correlation",
            "detection": { "sequence": {
                "uid": place.hex(16),
                "description": "A sequence of actions involving 3 signals indicated a potential credential compromise.",
                "actors": [{ "id": "user", "user": { "name": user, "uid": format!("AIDA{}", place.hex(17).to_uppercase()), "type": "IAMUser", "account": { "uid": place.account } } }],
                "resources": [{ "uid": "key", "name": format!("ASIA{}", place.hex(16).to_uppercase()), "accountId": place.account, "resourceType": "ACCESS_KEY", "region": place.region, "service": "iam" }],
                "endpoints": [{ "id": "tor", "ip": "198.51.100.7", "location": { "city": "Berlin", "country": "Germany", "lat": 52.5, "lon": 13.4 }, "autonomousSystem": { "name": "Stiftung Erneuerbare Freiheit", "number": 60729 } }],
                "signals": [
                    signal("s1", "Discovery:IAMUser/AnomalousBehavior", "FINDING", 5.0, place.at),
                    signal("s2", "iam:AttachUserPolicy", "CLOUD_TRAIL", 7.0, place.at + 300.0),
                    signal("s3", "cloudtrail:StopLogging", "CLOUD_TRAIL", 8.0, place.at + 900.0),
                ],
                "sequenceIndicators": [
                    { "key": "ATTACK_TACTIC", "title": "MITRE ATT&CK tactics", "values": ["Discovery", "Persistence", "Defense Evasion"] },
                    { "key": "ATTACK_TECHNIQUE", "title": "MITRE ATT&CK techniques", "values": ["T1098 - Account Manipulation", "T1562.008 - Disable or Modify Cloud Logs"] },
                    { "key": "HIGH_RISK_API", "title": "High risk APIs", "values": ["iam:AttachUserPolicy", "cloudtrail:StopLogging"] },
                ],
            }},
        }),
    }
}

pub(super) fn root_usage(place: &FindingContext) -> FindingParts {
    let mut key = access_key(place, "Root", "Root");
    key["principalId"] = json!(place.account);
    FindingParts {
        name: "Policy:IAMUser/RootCredentialUsage",
        title: "API GetCostAndUsage was invoked using root credentials.".into(),
        description: "API GetCostAndUsage was invoked using root credentials from IP address 203.0.113.8.".into(),
        resource: json!({ "resourceType": "AccessKey", "accessKeyDetails": key }),
        service: json!({
            "action": api_call("GetCostAndUsage", "ce.amazonaws.com", remote("203.0.113.8", "Germany", "Munich", "64505", "Example DSL"), "Mozilla/5.0"),
        }),
    }
}
