//! A finding type in words, and the ATT&CK tactic that its threat purpose stands for.

use super::FindingType;

/// A tactic of MITRE ATT&CK for Enterprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tactic {
    pub id: &'static str,
    pub name: &'static str,
}

const fn tactic(id: &'static str, name: &'static str) -> Option<Tactic> {
    Some(Tactic { id, name })
}

/// Threat purpose, its words, its tactic. Source: GuardDuty User Guide, «Threat purposes»; the tactics of purposes that
/// ATT&CK does not name are those under which AWS files their findings in Security Hub («TTPs/…»).
const PURPOSES: [(&str, &str, Option<Tactic>); 25] = [
    ("AttackSequence", "Attack sequence", None),
    ("Backdoor", "Backdoor", tactic("TA0011", "Command and Control")),
    ("Behavior", "Unusual behavior", None),
    ("Collection", "Collection", tactic("TA0009", "Collection")),
    ("CredentialAccess", "Credential access", tactic("TA0006", "Credential Access")),
    ("CryptoCurrency", "Cryptocurrency", tactic("TA0040", "Impact")),
    ("DefenseEvasion", "Defense evasion", tactic("TA0005", "Defense Evasion")),
    ("DefenseImpairment", "Defense impairment", tactic("TA0005", "Defense Evasion")),
    ("Discovery", "Discovery", tactic("TA0007", "Discovery")),
    ("Execution", "Execution", tactic("TA0002", "Execution")),
    ("Exfiltration", "Exfiltration", tactic("TA0010", "Exfiltration")),
    ("Impact", "Impact", tactic("TA0040", "Impact")),
    ("InitialAccess", "Initial access", tactic("TA0001", "Initial Access")),
    ("LateralMovement", "Lateral movement", tactic("TA0008", "Lateral Movement")),
    ("Object", "Malicious object", tactic("TA0002", "Execution")),
    ("PenTest", "Penetration test", tactic("TA0043", "Reconnaissance")),
    ("Persistence", "Persistence", tactic("TA0003", "Persistence")),
    ("Policy", "Policy violation", None),
    ("PrivilegeEscalation", "Privilege escalation", tactic("TA0004", "Privilege Escalation")),
    ("Recon", "Reconnaissance", tactic("TA0043", "Reconnaissance")),
    ("ResourceConsumption", "Resource consumption", tactic("TA0040", "Impact")),
    ("ResourceDevelopment", "Resource development", tactic("TA0042", "Resource Development")),
    ("Stealth", "Stealth", tactic("TA0005", "Defense Evasion")),
    ("Trojan", "Trojan", tactic("TA0011", "Command and Control")),
    ("UnauthorizedAccess", "Unauthorized access", tactic("TA0001", "Initial Access")),
];

/// Threat families in words. Source: GuardDuty User Guide, the summaries of the finding types.
const FAMILIES: [(&str, &str); 112] = [
    ("AbusedDomainRequest", "asked for a domain that is often abused"),
    ("AccountBlockPublicAccessDisabled", "the account's Block Public Access was switched off"),
    ("AccountManipulation", "an account or its permissions were manipulated"),
    ("AdminAccessToDefaultServiceAccount", "admin rights for a default service account"),
    ("AdministrativePermissions", "tried to grant itself broad permissions"),
    ("AnomalousBehavior", "behavior unlike before"),
    ("AnomalousModelInvocation", "AI models invoked unlike before"),
    ("AnonymousAccessGranted", "anonymous access to a cluster was granted"),
    ("BedrockLoggingDisabled", "Bedrock's logging was switched off"),
    ("BitcoinDomainRequest", "asked for a cryptocurrency domain"),
    ("BitcoinTool", "cryptocurrency activity"),
    ("BlackholeTraffic", "traffic to an address known as a black hole"),
    ("BootOrLogonInitializationScripts", "a start-up script was changed"),
    ("BucketAnonymousAccessGranted", "a bucket was opened to everyone"),
    ("BucketBlockPublicAccessDisabled", "a bucket's Block Public Access was switched off"),
    ("BucketEnumeration", "buckets were listed"),
    ("BucketPublicAccessGranted", "a bucket was opened to all AWS users"),
    ("C&CActivity", "talks to a command-and-control server"),
    ("CGroupsReleaseAgentModified", "a container changed the cgroup release agent"),
    ("CloudTrailLoggingDisabled", "CloudTrail logging was switched off"),
    ("CommandAndScriptingInterpreter", "commands were run"),
    ("CompromiseAccounts", "accounts are being taken over"),
    ("CompromisedCluster", "a cluster is compromised"),
    ("CompromisedCredentials", "credentials are compromised"),
    ("CompromisedData", "data is compromised"),
    ("CompromisedInstanceGroup", "a group of instances is compromised"),
    ("ComputeResources", "compute resources were launched"),
    ("ConsoleLogin", "an unusual console login"),
    ("ConsoleLoginSuccess", "console logins from several places at once"),
    ("ContainerMountsHostDirectory", "a container mounts a directory of its host"),
    ("ContainerWithSensitiveMount", "a container mounts a sensitive host path"),
    ("CostHarvesting", "AI models are used at your expense"),
    ("CryptoMinerExecuted", "a crypto miner was run"),
    ("DGADomainRequest", "asked for generated domains, as malware does"),
    ("DNSDataExfiltration", "data leaves through DNS requests"),
    ("DataDestruction", "data was destroyed"),
    ("DenialOfService", "may take part in a denial-of-service attack"),
    ("DisableOrModifyTools", "a security tool was disabled or changed"),
    ("DockerSocketAccessed", "the Docker socket was opened"),
    ("DriveBySourceTraffic", "asked for a domain of drive-by downloads"),
    ("DropPoint", "talks to a place where stolen data is kept"),
    ("ElevationToRoot", "a process became root"),
    ("ExecInKubeSystemPod", "a command was run in a pod of kube-system"),
    ("ExploitPublicFacingApplication", "a public application was exploited"),
    ("ExposedDashboard", "a Kubernetes dashboard is open to the internet"),
    ("ExternalRemoteServices", "remote access from outside was opened"),
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
    ("ModifyAuthenticationProcess", "the way of authentication was changed"),
    ("ModifyCloudResourceHierarchy", "the organization's structure was changed"),
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
    ("PromptInjection", "a prompt injection was caught"),
    ("PtraceAntiDebugging", "a process evades debuggers"),
    ("RDPBruteForce", "RDP passwords are being guessed"),
    ("RemoteServices", "remote services are used to move on"),
    ("ResourceCredentialExfiltration", "a resource's credentials are used elsewhere"),
    ("ResourceHijacking", "resources were hijacked"),
    ("ResourcePermissions", "permissions of resources were touched"),
    ("ReverseShell", "a reverse shell was opened"),
    ("RootCredentialUsage", "root credentials were used"),
    ("RuncContainerEscape", "a container tried to escape by runc"),
    ("SSHBruteForce", "SSH passwords are being guessed"),
    ("ServerAccessLoggingDisabled", "a bucket's access logging was switched off"),
    ("ShortTermRootCredentialUsage", "short-term root credentials were used"),
    ("Spambot", "sends spam"),
    ("SuccessfulAnonymousAccess", "an anonymous API call succeeded"),
    ("SuspiciousCommand", "a suspicious command was run"),
    ("SuspiciousDomainRequest", "asked for a suspicious domain"),
    ("SuspiciousFile", "a suspicious file was found"),
    ("SuspiciousShellCreated", "a network service started a shell"),
    ("SuspiciousTool", "a suspicious tool was run"),
    ("TorClient", "connects to the Tor network"),
    ("TorIPCaller", "contact from a Tor exit node"),
    ("TorRelay", "acts as a Tor relay"),
    ("TrafficVolumeUnusual", "an unusual amount of traffic"),
    ("TransferDataToCloudAccount", "data was moved to another account"),
    ("UnsecuredCredentials", "unsecured credentials were read"),
    ("UnusualASNCaller", "API called from an unusual network"),
    ("UnusualDNSResolver", "uses an unusual DNS resolver"),
    ("UnusualDoHActivity", "unusual DNS over HTTPS"),
    ("UnusualDoTActivity", "unusual DNS over TLS"),
    ("UserPermissions", "user permissions were touched"),
    ("UserfaultfdUsage", "a container used userfaultfd"),
    ("ValidAccounts", "valid accounts are misused"),
    ("XORDDOS", "talks to servers of the XOR DDoS malware"),
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
    ("SuccessfulBruteForce", "passwords guessed with success"),
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
    /// The tactic that the threat purpose stands for; none for attack sequences, which name theirs, for policy
    /// violations and plain unusual behavior.
    pub fn tactic(&self) -> Option<Tactic> {
        PURPOSES.iter().find(|(purpose, ..)| *purpose == self.purpose()).and_then(|(.., tactic)| *tactic)
    }

    /// `Backdoor: talks to a command-and-control server (DNS)`. A type that this version does not know is taken apart
    /// into its words. May hold what GuardDuty sent: foreign text.
    pub fn in_words(&self) -> String {
        let purpose =
            PURPOSES.iter().find(|(purpose, ..)| *purpose == self.purpose()).map(|(_, words, _)| (*words).to_owned());
        let purpose = purpose.unwrap_or_else(|| spaced(self.purpose()));
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
        Backdoor: talks to a command-and-control server (DNS)
        Unauthorized access: an instance's credentials are used elsewhere (outside AWS)
        Credential access: behavior unlike before (passwords guessed with success)
        Execution: malware found (recovery point)
        Unauthorized access: contact with a malicious IP address (on your own threat list)
        Backdoor: may take part in a denial-of-service attack (by UDP on TCP ports)
        Impact: behavior unlike before (write calls)
        Quantum leap: time travel (backwards, DNS)
        Nothing
        ");
    }

    #[test]
    fn purposes_stand_for_tactics() {
        let id = |kind: &str| FindingType::new(kind).tactic().map(|t| t.id);
        assert_eq!(id("CredentialAccess:IAMUser/AnomalousBehavior"), Some("TA0006"));
        assert_eq!(id("Recon:EC2/Portscan"), Some("TA0043"));
        assert_eq!(id("Trojan:EC2/DropPoint"), Some("TA0011"));
        assert_eq!(id("AttackSequence:S3/CompromisedData"), None);
        assert_eq!(id("Unheard:Of/It"), None);
    }

    #[test]
    fn tables_hold_each_name_once() {
        let families: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        let unique: std::collections::BTreeSet<_> = families.iter().collect();
        assert_eq!(unique.len(), families.len());
    }
}
