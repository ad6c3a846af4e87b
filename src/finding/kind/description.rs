//! Descriptions of finding types.

use super::FindingType;

/// Descriptions of threat purposes. Source: GuardDuty User Guide, “Threat purposes”.
const PURPOSE_LABELS: [(&str, &str); 25] = [
    ("AttackSequence", "Attack sequence"),
    ("Backdoor", "Backdoor"),
    ("Behavior", "Unusual behavior"),
    ("Collection", "Collection"),
    ("CredentialAccess", "Credential access"),
    ("CryptoCurrency", "Cryptocurrency"),
    ("DefenseEvasion", "Defense evasion"),
    ("DefenseImpairment", "Defense impairment"),
    ("Discovery", "Discovery"),
    ("Execution", "Execution"),
    ("Exfiltration", "Exfiltration"),
    ("Impact", "Impact"),
    ("InitialAccess", "Initial access"),
    ("LateralMovement", "Lateral movement"),
    ("Object", "Malicious object"),
    ("PenTest", "Penetration test"),
    ("Persistence", "Persistence"),
    ("Policy", "Policy violation"),
    ("PrivilegeEscalation", "Privilege escalation"),
    ("Recon", "Reconnaissance"),
    ("ResourceConsumption", "Resource consumption"),
    ("ResourceDevelopment", "Resource development"),
    ("Stealth", "Stealth"),
    ("Trojan", "Trojan"),
    ("UnauthorizedAccess", "Unauthorized access"),
];

/// Descriptions of threat families. Source: GuardDuty User Guide, the summaries of the finding types.
const FAMILY_DESCRIPTIONS: [(&str, &str); 112] = [
    ("AbusedDomainRequest", "request to a domain associated with abuse"),
    ("AccountBlockPublicAccessDisabled", "S3 Block Public Access disabled for the account"),
    ("AccountManipulation", "potential manipulation of an account or its permissions"),
    ("AdminAccessToDefaultServiceAccount", "administrator privileges granted to a default service account"),
    ("AdministrativePermissions", "attempt by a principal to assign itself a highly permissive policy"),
    ("AnomalousBehavior", "anomalous behavior"),
    ("AnomalousModelInvocation", "anomalous invocation of AI models"),
    ("AnonymousAccessGranted", "API permissions granted to anonymous users of a cluster"),
    ("BedrockLoggingDisabled", "Amazon Bedrock logging disabled"),
    ("BitcoinDomainRequest", "request to a domain associated with cryptocurrency activity"),
    ("BitcoinTool", "communication associated with cryptocurrency activity"),
    ("BlackholeTraffic", "communication attempt with a known black hole"),
    ("BootOrLogonInitializationScripts", "potential modification of a boot or logon script"),
    ("BucketAnonymousAccessGranted", "S3 bucket made accessible to the internet"),
    ("BucketBlockPublicAccessDisabled", "S3 Block Public Access disabled for a bucket"),
    ("BucketEnumeration", "S3 buckets enumerated"),
    ("BucketPublicAccessGranted", "S3 bucket made accessible to all AWS users"),
    ("C&CActivity", "communication with a known command-and-control server"),
    ("CGroupsReleaseAgentModified", "cgroup release agent file modified in a container"),
    ("CloudTrailLoggingDisabled", "AWS CloudTrail logging disabled"),
    ("CommandAndScriptingInterpreter", "suspicious execution of commands or scripts"),
    ("CompromiseAccounts", "potential account compromise"),
    ("CompromisedCluster", "potential compromise of a cluster"),
    ("CompromisedCredentials", "potential compromise of credentials"),
    ("CompromisedData", "potential compromise of data"),
    ("CompromisedInstanceGroup", "potential compromise of a group of instances"),
    ("ComputeResources", "compute resources launched"),
    ("ConsoleLogin", "unusual console login"),
    ("ConsoleLoginSuccess", "successful console logins from multiple locations"),
    ("ContainerMountsHostDirectory", "host directory mounted in a running container"),
    ("ContainerWithSensitiveMount", "container launched with a sensitive host path mounted"),
    ("CostHarvesting", "potential cost harvesting through AI models"),
    ("CryptoMinerExecuted", "binary associated with cryptocurrency mining executed"),
    ("DGADomainRequest", "request to a potentially generated domain, as malware does"),
    ("DNSDataExfiltration", "potential data exfiltration through DNS queries"),
    ("DataDestruction", "potential data destruction"),
    ("DenialOfService", "behavior consistent with a denial-of-service attack"),
    ("DisableOrModifyTools", "security tool potentially disabled or modified"),
    ("DockerSocketAccessed", "Docker socket accessed from a container"),
    ("DriveBySourceTraffic", "request to a known source of drive-by downloads"),
    ("DropPoint", "communication with a host known to store stolen data"),
    ("ElevationToRoot", "process assumed root privileges"),
    ("ExecInKubeSystemPod", "command executed in a pod of the kube-system namespace"),
    ("ExploitPublicFacingApplication", "potential exploitation of a public-facing application"),
    ("ExposedDashboard", "Kubernetes dashboard exposed to the internet"),
    ("ExternalRemoteServices", "potential external remote access"),
    ("FilelessExecution", "process executed from memory"),
    ("InstanceCredentialExfiltration", "instance credentials used from another location"),
    ("InstanceLaunchUnusual", "unusual instance launch"),
    ("KaliLinux", "API invoked from a Kali Linux machine"),
    ("KernelModuleLoaded", "kernel module loaded"),
    ("KubeflowDashboardExposed", "Kubeflow dashboard exposed to the internet"),
    ("LoggingConfigurationModified", "logging configuration modified"),
    ("MaliciousDomainRequest", "request to a known malicious domain"),
    ("MaliciousFile", "malicious file detected"),
    ("MaliciousFileExecuted", "malicious file executed"),
    ("MaliciousIPCaller", "communication with a known malicious IP address"),
    ("MetadataDNSRebind", "DNS lookups that resolve to the instance metadata service"),
    ("ModifyAuthenticationProcess", "authentication process potentially modified"),
    ("ModifyCloudResourceHierarchy", "organization structure potentially modified"),
    ("NetworkPermissions", "network access permissions queried or changed"),
    ("NetworkPortUnusual", "communication on an unusual port"),
    ("NewBinaryExecuted", "newly created or modified binary executed in a container"),
    ("NewLibraryLoaded", "newly created or modified library loaded in a container"),
    ("ObjectDelete", "S3 objects deleted"),
    ("ObjectRead", "S3 objects read"),
    ("ParrotLinux", "API invoked from a Parrot Linux machine"),
    ("PasswordPolicyChange", "account password policy weakened"),
    ("PentooLinux", "API invoked from a Pentoo Linux machine"),
    ("PermissionsModification", "S3 permissions modified"),
    ("PhishingDomainRequest", "request to a phishing domain"),
    ("PortProbeEMRUnprotectedPort", "unprotected EMR port probed by a known malicious host"),
    ("PortProbeUnprotectedPort", "unprotected port probed by a known malicious host"),
    ("PortSweep", "port probed on a large number of hosts"),
    ("Portscan", "outbound port scan of a remote host"),
    ("PrivilegedContainer", "privileged container launched"),
    ("ProcessInjection", "process injection detected"),
    ("PromptInjection", "potential prompt injection"),
    ("PtraceAntiDebugging", "potential anti-debugging technique through ptrace"),
    ("RDPBruteForce", "RDP brute-force attack"),
    ("RemoteServices", "potential use of remote services for lateral movement"),
    ("ResourceCredentialExfiltration", "resource credentials used from another location"),
    ("ResourceHijacking", "potential resource hijacking"),
    ("ResourcePermissions", "resource permissions queried or changed"),
    ("ReverseShell", "reverse shell created"),
    ("RootCredentialUsage", "root user credentials used"),
    ("RuncContainerEscape", "container escape attempt through runC"),
    ("SSHBruteForce", "SSH brute-force attack"),
    ("ServerAccessLoggingDisabled", "S3 server access logging disabled"),
    ("ShortTermRootCredentialUsage", "short-term root user credentials used"),
    ("Spambot", "unusual traffic on port 25, possible spam"),
    ("SuccessfulAnonymousAccess", "successful API call by an unauthenticated user"),
    ("SuspiciousCommand", "suspicious command executed"),
    ("SuspiciousDomainRequest", "request to a suspicious domain"),
    ("SuspiciousFile", "suspicious file detected"),
    ("SuspiciousShellCreated", "interactive shell started by a network service"),
    ("SuspiciousTool", "suspicious tool executed"),
    ("TorClient", "connection to the Tor network as a client"),
    ("TorIPCaller", "activity from a Tor exit node"),
    ("TorRelay", "connection to the Tor network as a relay"),
    ("TrafficVolumeUnusual", "unusually large volume of outbound traffic"),
    ("TransferDataToCloudAccount", "potential data transfer to another cloud account"),
    ("UnsecuredCredentials", "potential access to unsecured credentials"),
    ("UnusualASNCaller", "API invoked from an unusual network"),
    ("UnusualDNSResolver", "communication with an unusual public DNS resolver"),
    ("UnusualDoHActivity", "unusual DNS over HTTPS traffic"),
    ("UnusualDoTActivity", "unusual DNS over TLS traffic"),
    ("UserPermissions", "user permissions queried or changed"),
    ("UserfaultfdUsage", "userfaultfd system calls used"),
    ("ValidAccounts", "potential misuse of valid accounts"),
    ("XORDDOS", "communication attempt with XOR DDoS malware servers"),
    ("WinRMBruteForce", "outbound WinRM brute-force attack"),
];

/// Descriptions of mechanisms. `A`, `B` and `C` only number variants and have none.
const MECHANISM_LABELS: [(&str, &str); 24] = [
    ("Custom", "custom threat list"),
    ("Delete", "delete operations"),
    ("Direct", "direct"),
    ("Dns", "over DNS"),
    ("ExecInPod", "command executed in a pod"),
    ("FailedLogin", "failed login"),
    ("InsideAWS", "from another AWS account"),
    ("OutsideAWS", "from outside AWS"),
    ("Permission", "permission changes"),
    ("PermissionChecked", "permission check"),
    ("Proc", "through the proc filesystem"),
    ("Ptrace", "through ptrace"),
    ("Reputation", "low domain reputation"),
    ("RoleBindingCreated", "role binding created or modified"),
    ("RoleCreated", "role created or modified"),
    ("SecretsAccessed", "secrets accessed"),
    ("SuccessfulBruteForce", "successful brute force"),
    ("SuccessfulLogin", "successful login"),
    ("Tcp", "over TCP"),
    ("Udp", "over UDP"),
    ("UdpOnTcpPorts", "UDP on TCP ports"),
    ("VirtualMemoryWrite", "direct write to virtual memory"),
    ("WorkloadDeployed", "workload deployed"),
    ("Write", "write operations"),
];

fn lookup(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == key).map(|(_, words)| *words)
}

impl FindingType {
    /// `Backdoor: communication with a known command-and-control server (DNS)`. A type that this version does not know is
    /// split into its words. The result may contain untrusted text.
    pub fn describe(&self) -> String {
        let purpose =
            lookup(&PURPOSE_LABELS, self.purpose()).map_or_else(|| split_camel_case(self.purpose()), str::to_owned);
        let mut more: Vec<String> = Vec::new();
        if let Some(mechanism) = self.mechanism().filter(|m| m.chars().count() > 1) {
            more.push(
                lookup(&MECHANISM_LABELS, mechanism)
                    .map_or_else(|| lowercase_first(&split_camel_case(mechanism)), str::to_owned),
            );
        }
        more.extend(self.artifact().map(|a| lowercase_first(&split_camel_case(a))));
        let family = lookup(&FAMILY_DESCRIPTIONS, self.family())
            .map_or_else(|| lowercase_first(&split_camel_case(self.family())), str::to_owned);
        let mut words = purpose;
        if !family.is_empty() {
            words = format!("{words}: {family}");
        }
        if more.is_empty() { words } else { format!("{words} ({})", more.join(", ")) }
    }
}

/// `DefenseImpairment` → `Defense impairment`, `DNS` stays `DNS`.
fn split_camel_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (n, c) in chars.iter().enumerate() {
        let before = n.checked_sub(1).map(|b| chars[b]);
        let starts_word = c.is_uppercase() && before.is_some_and(|b| b.is_lowercase());
        let in_capitals = chars.get(n + 1).is_none_or(|next| !next.is_lowercase());
        match (starts_word, in_capitals) {
            (true, true) => out.extend([' ', *c]),
            (true, false) => {
                out.push(' ');
                out.extend(c.to_lowercase());
            }
            _ => out.push(*c),
        }
    }
    out
}

/// `Recovery point` → `recovery point`; `DNS` stays.
fn lowercase_first(words: &str) -> String {
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(kind: &str) -> String {
        FindingType::new(kind).describe()
    }

    #[test]
    fn purpose_family_and_mechanism_have_descriptions() {
        let descriptions: Vec<String> = [
            "Backdoor:EC2/C&CActivity.B!DNS",
            "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
            "CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce",
            "Execution:EC2/MaliciousFile!RecoveryPoint",
            "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom",
            "Backdoor:EC2/DenialOfService.UdpOnTcpPorts",
            "Impact:S3/AnomalousBehavior.Write",
            "QuantumLeap:FluxCapacitor/TimeTravel.Backwards!DNS",
            "Nothing",
        ]
        .map(words)
        .to_vec();
        insta::assert_snapshot!(descriptions.join("\n"), @r"
        Backdoor: communication with a known command-and-control server (DNS)
        Unauthorized access: instance credentials used from another location (from outside AWS)
        Credential access: anomalous behavior (successful brute force)
        Execution: malicious file detected (recovery point)
        Unauthorized access: communication with a known malicious IP address (custom threat list)
        Backdoor: behavior consistent with a denial-of-service attack (UDP on TCP ports)
        Impact: anomalous behavior (write operations)
        Quantum leap: time travel (backwards, DNS)
        Nothing
        ");
    }

    #[test]
    fn no_type_claims_a_compromise_that_guardduty_calls_potential() {
        for kind in [
            "AttackSequence:EKS/CompromisedCluster",
            "AttackSequence:IAM/CompromisedCredentials",
            "AttackSequence:S3/CompromisedData",
            "AttackSequence:EC2/CompromisedInstanceGroup",
        ] {
            assert!(words(kind).starts_with("Attack sequence: potential compromise of "), "{}", words(kind));
        }
    }

    #[test]
    fn tables_have_unique_names() {
        let families: Vec<&str> = FAMILY_DESCRIPTIONS.iter().map(|(name, _)| *name).collect();
        let unique: std::collections::BTreeSet<_> = families.iter().collect();
        assert_eq!(unique.len(), families.len());
    }
}
