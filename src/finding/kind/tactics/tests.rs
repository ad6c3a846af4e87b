//! The tactics are those that AWS publishes.

use super::*;

fn tactic(kind: &str) -> Option<&'static str> {
    FindingType::new(kind).tactic().map(|tactic| tactic.name)
}

#[test]
fn the_tactic_is_the_one_that_aws_names_and_not_the_threat_purpose() {
    for (kind, name) in [
        ("Recon:EC2/PortProbeUnprotectedPort", "Discovery"),
        ("Recon:EC2/Portscan", "Discovery"),
        ("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "Exfiltration"),
        ("Trojan:EC2/DropPoint", "Exfiltration"),
        ("Trojan:EC2/DriveBySourceTraffic!DNS", "Initial Access"),
        ("UnauthorizedAccess:IAMUser/TorIPCaller", "Command and Control"),
        ("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", "Command and Control"),
        ("UnauthorizedAccess:EC2/TorClient", "Impact"),
        ("UnauthorizedAccess:EC2/TorRelay", "Impact"),
        ("UnauthorizedAccess:EC2/SSHBruteForce", "Initial Access"),
        ("CryptoCurrency:EC2/BitcoinTool.B!DNS", "Command and Control"),
        ("Stealth:S3/ServerAccessLoggingDisabled", "Defense Evasion"),
        ("Discovery:S3/AnomalousBehavior", "Discovery"),
    ] {
        assert_eq!(tactic(kind), Some(name), "{kind}");
    }
}

#[test]
fn a_type_has_no_tactic_where_aws_names_none() {
    for kind in [
        "AttackSequence:S3/CompromisedData",
        "Behavior:EC2/NetworkPortUnusual",
        "Object:S3/MaliciousFile",
        "PenTest:IAMUser/KaliLinux",
        "Policy:IAMUser/RootCredentialUsage",
        "PrivilegeEscalation:Runtime/SuspiciousCommand",
        "UnauthorizedAccess:EC2/MetadataDNSRebind",
        "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B",
        "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
        "Discovery:Unknown/Type",
    ] {
        assert_eq!(tactic(kind), None, "{kind}");
    }
}

#[test]
fn each_type_is_listed_once() {
    let all: Vec<&str> = TACTICS.iter().flat_map(|(_, types)| types.iter().copied()).collect();
    let unique: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(unique.len(), all.len());
}
