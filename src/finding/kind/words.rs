//! A finding type in words.

use super::FindingType;

/// Threat purposes in words. Source: GuardDuty User Guide, «Threat purposes».
const PURPOSES: [(&str, &str); 25] = [
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

/// Threat families in words. Source: GuardDuty User Guide, the summaries of the finding types.
const FAMILIES: [(&str, &str); 112] = [
    ("AbusedDomainRequest", "asked for a domain that is often abused"),
    ("AccountBlockPublicAccessDisabled", "the account's Block Public Access was switched off"),
    ("AccountManipulation", "an account or its permissions may have been manipulated"),
    ("AdminAccessToDefaultServiceAccount", "admin rights for a default service account"),
    ("AdministrativePermissions", "may have tried to grant itself broad permissions"),
    ("AnomalousBehavior", "behavior unlike before"),
    ("AnomalousModelInvocation", "AI models invoked unlike before"),
    ("AnonymousAccessGranted", "anonymous access to a cluster was granted"),
    ("BedrockLoggingDisabled", "Bedrock's logging was switched off"),
    ("BitcoinDomainRequest", "asked for a cryptocurrency domain"),
    ("BitcoinTool", "cryptocurrency activity"),
    ("BlackholeTraffic", "traffic to an address known as a black hole"),
    ("BootOrLogonInitializationScripts", "a start-up script may have been changed"),
    ("BucketAnonymousAccessGranted", "a bucket was opened to everyone"),
    ("BucketBlockPublicAccessDisabled", "a bucket's Block Public Access was switched off"),
    ("BucketEnumeration", "buckets were listed"),
    ("BucketPublicAccessGranted", "a bucket was opened to all AWS users"),
    ("C&CActivity", "contact with a known command-and-control server"),
    ("CGroupsReleaseAgentModified", "a container changed the cgroup release agent"),
    ("CloudTrailLoggingDisabled", "CloudTrail logging was switched off"),
    ("CommandAndScriptingInterpreter", "commands may have been run"),
    ("CompromiseAccounts", "accounts may be taken over"),
    ("CompromisedCluster", "potential compromise of a cluster"),
    ("CompromisedCredentials", "potential compromise of credentials"),
    ("CompromisedData", "potential compromise of data"),
    ("CompromisedInstanceGroup", "potential compromise of a group of instances"),
    ("ComputeResources", "compute resources were launched"),
    ("ConsoleLogin", "an unusual console login"),
    ("ConsoleLoginSuccess", "console logins from several places at once"),
    ("ContainerMountsHostDirectory", "a container mounts a directory of its host"),
    ("ContainerWithSensitiveMount", "a container mounts a sensitive host path"),
    ("CostHarvesting", "AI models may be used at your expense"),
    ("CryptoMinerExecuted", "a potential crypto miner was run"),
    ("DGADomainRequest", "asked for domains that may be generated, as malware does"),
    ("DNSDataExfiltration", "data may leave through DNS requests"),
    ("DataDestruction", "data may have been destroyed"),
    ("DenialOfService", "may take part in a denial-of-service attack"),
    ("DisableOrModifyTools", "a security tool may have been disabled or changed"),
    ("DockerSocketAccessed", "the Docker socket was opened"),
    ("DriveBySourceTraffic", "asked for a domain known for drive-by downloads"),
    ("DropPoint", "contact with a known drop point for stolen data"),
    ("ElevationToRoot", "a process became root"),
    ("ExecInKubeSystemPod", "a command was run in a pod of kube-system"),
    ("ExploitPublicFacingApplication", "a public application may have been exploited"),
    ("ExposedDashboard", "a Kubernetes dashboard is open to the internet"),
    ("ExternalRemoteServices", "remote access from outside may have been opened"),
    ("FilelessExecution", "a program was run from memory"),
    ("InstanceCredentialExfiltration", "an instance's credentials are used elsewhere"),
    ("InstanceLaunchUnusual", "an unusual instance launch"),
    ("KaliLinux", "API called from Kali Linux"),
    ("KernelModuleLoaded", "a kernel module was loaded"),
    ("KubeflowDashboardExposed", "a Kubeflow dashboard is open to the internet"),
    ("LoggingConfigurationModified", "the logging configuration was changed"),
    ("MaliciousDomainRequest", "asked for a malicious domain"),
    ("MaliciousFile", "malware found"),
    ("MaliciousFileExecuted", "malware was run"),
    ("MaliciousIPCaller", "contact with a malicious IP address"),
    ("MetadataDNSRebind", "DNS rebinding towards instance metadata"),
    ("ModifyAuthenticationProcess", "the way of authentication may have been changed"),
    ("ModifyCloudResourceHierarchy", "the organization's structure may have been changed"),
    ("NetworkPermissions", "network permissions were touched"),
    ("NetworkPortUnusual", "talks on an unusual port"),
    ("NewBinaryExecuted", "a newly created program was run in a container"),
    ("NewLibraryLoaded", "a newly created library was loaded"),
    ("ObjectDelete", "objects were deleted"),
    ("ObjectRead", "objects were read"),
    ("ParrotLinux", "API called from Parrot Linux"),
    ("PasswordPolicyChange", "the password policy was weakened"),
    ("PentooLinux", "API called from Pentoo Linux"),
    ("PermissionsModification", "permissions were changed"),
    ("PhishingDomainRequest", "asked for a phishing domain"),
    ("PortProbeEMRUnprotectedPort", "an open EMR port is being probed"),
    ("PortProbeUnprotectedPort", "an open port is being probed"),
    ("PortSweep", "probes one port on many hosts"),
    ("Portscan", "scans ports of a remote host"),
    ("PrivilegedContainer", "a privileged container was started"),
    ("ProcessInjection", "a process injected code into another"),
    ("PromptInjection", "a potential prompt injection"),
    ("PtraceAntiDebugging", "a process may evade debuggers"),
    ("RDPBruteForce", "RDP passwords are being guessed"),
    ("RemoteServices", "remote services may be used to move on"),
    ("ResourceCredentialExfiltration", "a resource's credentials are used elsewhere"),
    ("ResourceHijacking", "resources may be hijacked"),
    ("ResourcePermissions", "permissions of resources were touched"),
    ("ReverseShell", "a reverse shell was opened"),
    ("RootCredentialUsage", "root credentials were used"),
    ("RuncContainerEscape", "a container may have tried to escape through runc"),
    ("SSHBruteForce", "SSH passwords are being guessed"),
    ("ServerAccessLoggingDisabled", "a bucket's access logging was switched off"),
    ("ShortTermRootCredentialUsage", "short-term root credentials were used"),
    ("Spambot", "may send spam"),
    ("SuccessfulAnonymousAccess", "an anonymous API call succeeded"),
    ("SuspiciousCommand", "a suspicious command was run"),
    ("SuspiciousDomainRequest", "asked for a suspicious domain"),
    ("SuspiciousFile", "a suspicious file was found"),
    ("SuspiciousShellCreated", "a network service started a shell"),
    ("SuspiciousTool", "a suspicious tool was run"),
    ("TorClient", "connects to the Tor network"),
    ("TorIPCaller", "contact from a Tor exit node"),
    ("TorRelay", "may act as a Tor relay"),
    ("TrafficVolumeUnusual", "an unusual amount of traffic"),
    ("TransferDataToCloudAccount", "data may have been moved to another account"),
    ("UnsecuredCredentials", "unsecured credentials may have been read"),
    ("UnusualASNCaller", "API called from an unusual network"),
    ("UnusualDNSResolver", "uses an unusual DNS resolver"),
    ("UnusualDoHActivity", "unusual DNS over HTTPS"),
    ("UnusualDoTActivity", "unusual DNS over TLS"),
    ("UserPermissions", "user permissions were touched"),
    ("UserfaultfdUsage", "a container used userfaultfd"),
    ("ValidAccounts", "valid accounts may be misused"),
    ("XORDDOS", "contact with servers of the XOR DDoS malware"),
    ("WinRMBruteForce", "WinRM passwords are being guessed"),
];

/// Mechanisms that say something to a reader; `A`, `B` and `C` only number variants.
const MECHANISMS: [(&str, &str); 24] = [
    ("Custom", "on your own threat list"),
    ("Delete", "delete calls"),
    ("Direct", "direct"),
    ("Dns", "by DNS"),
    ("ExecInPod", "a command run in a pod"),
    ("FailedLogin", "login failed"),
    ("InsideAWS", "in another AWS account"),
    ("OutsideAWS", "outside AWS"),
    ("Permission", "permission calls"),
    ("PermissionChecked", "permissions checked"),
    ("Proc", "by the proc file system"),
    ("Ptrace", "by ptrace"),
    ("Reputation", "by reputation"),
    ("RoleBindingCreated", "a role binding created"),
    ("RoleCreated", "a role created"),
    ("SecretsAccessed", "secrets read"),
    ("SuccessfulBruteForce", "login succeeded after many failures"),
    ("SuccessfulLogin", "login succeeded"),
    ("Tcp", "by TCP"),
    ("Udp", "by UDP"),
    ("UdpOnTcpPorts", "by UDP on TCP ports"),
    ("VirtualMemoryWrite", "by writing its memory"),
    ("WorkloadDeployed", "a workload deployed"),
    ("Write", "write calls"),
];

fn look_up(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == key).map(|(_, words)| *words)
}

impl FindingType {
    /// `Backdoor: contact with a known command-and-control server (DNS)`. A type that this version does not know is taken apart
    /// into its words. May hold what GuardDuty sent: foreign text.
    pub fn in_words(&self) -> String {
        let purpose = look_up(&PURPOSES, self.purpose()).map_or_else(|| spaced(self.purpose()), str::to_owned);
        let mut more: Vec<String> = Vec::new();
        if let Some(mechanism) = self.mechanism().filter(|m| m.chars().count() > 1) {
            more.push(look_up(&MECHANISMS, mechanism).map_or_else(|| uncapitalized(&spaced(mechanism)), str::to_owned));
        }
        more.extend(self.artifact().map(|a| uncapitalized(&spaced(a))));
        let family =
            look_up(&FAMILIES, self.family()).map_or_else(|| uncapitalized(&spaced(self.family())), str::to_owned);
        let mut words = purpose;
        if !family.is_empty() {
            words = format!("{words}: {family}");
        }
        if more.is_empty() { words } else { format!("{words} ({})", more.join(", ")) }
    }
}

/// `DefenseImpairment` → `Defense impairment`, `DNS` stays `DNS`.
fn spaced(name: &str) -> String {
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
fn uncapitalized(words: &str) -> String {
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
        FindingType::new(kind).in_words()
    }

    #[test]
    fn purpose_family_and_mechanism_are_said_in_words() {
        let said: Vec<String> = [
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
        insta::assert_snapshot!(said.join("\n"), @r"
        Backdoor: contact with a known command-and-control server (DNS)
        Unauthorized access: an instance's credentials are used elsewhere (outside AWS)
        Credential access: behavior unlike before (login succeeded after many failures)
        Execution: malware found (recovery point)
        Unauthorized access: contact with a malicious IP address (on your own threat list)
        Backdoor: may take part in a denial-of-service attack (by UDP on TCP ports)
        Impact: behavior unlike before (write calls)
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
    fn tables_hold_each_name_once() {
        let families: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        let unique: std::collections::BTreeSet<_> = families.iter().collect();
        assert_eq!(unique.len(), families.len());
    }
}
