//! Links to the AWS documentation of finding types.
//!
//! There is a page per resource and feature. The anchors follow a rule with many exceptions. Source: the links of the
//! GuardDuty User Guide, “GuardDuty finding types” and “Integrating with Security Hub”, of 2026.

use super::FindingType;

/// Anchors that differ from the rule of [`to_anchor`].
const ANCHORS: [(&str, &str); 48] = [
    ("AttackSequence:EC2/CompromisedInstanceGroup", "attack-sequence-ec2-compromised-instance-group"),
    ("AttackSequence:ECS/CompromisedCluster", "attack-sequence-ecs-compromised-cluster"),
    ("AttackSequence:EKS/CompromisedCluster", "attack-sequence-eks-compromised-cluster"),
    ("AttackSequence:IAM/CompromisedCredentials", "attack-sequence-iam-compromised-credentials"),
    ("AttackSequence:S3/CompromisedData", "attack-sequence-s3-compromised-data"),
    ("Backdoor:Lambda/C&CActivity.B", "backdoor-lambda-ccactivity-b"),
    (
        "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed",
        "credaccess-kubernetes-anomalousbehavior-secretsaccessed",
    ),
    ("CredentialAccess:RDS/AnomalousBehavior.FailedLogin", "credaccess-rds-anombehavior-failedlogin"),
    ("CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce", "credaccess-rds-anombehavior-successfulbruteforce"),
    ("CredentialAccess:RDS/AnomalousBehavior.SuccessfulLogin", "credaccess-rds-anombehavior-successlogin"),
    ("CredentialAccess:RDS/MaliciousIPCaller.FailedLogin", "credaccess-rds-maliciousipcaller-failedlogin"),
    ("CredentialAccess:RDS/MaliciousIPCaller.SuccessfulLogin", "credaccess-rds-maliciousipcaller-successfullogin"),
    ("CredentialAccess:RDS/TorIPCaller.FailedLogin", "credaccess-rds-toripcaller-failedlogin"),
    ("CredentialAccess:RDS/TorIPCaller.SuccessfulLogin", "credaccess-rds-toripcaller-successfullogin"),
    ("CryptoCurrency:Lambda/BitcoinTool.B", "cryptocurrency-lambda-bitcointool-b"),
    ("DefenseEvasion:EC2/UnusualDoHActivity", "defenseevasion-ec2-unsualdohactivity"),
    ("DefenseEvasion:Runtime/FilelessExecution", "defenseeva-runtime-filelessexecution"),
    ("DefenseEvasion:Runtime/ProcessInjection.Proc", "defenseeva-runtime-processinjectionproc"),
    ("DefenseEvasion:Runtime/ProcessInjection.Ptrace", "defenseeva-runtime-processinjectionptrace"),
    ("DefenseEvasion:Runtime/ProcessInjection.VirtualMemoryWrite", "defenseeva-runtime-processinjectionvirtualmemw"),
    ("DefenseEvasion:Runtime/PtraceAntiDebugging", "defenseevasion-runtime-ptrace-anti-debug"),
    ("DefenseEvasion:Runtime/SuspiciousCommand", "defenseevasion-runtime-suspicious-command"),
    (
        "Discovery:Kubernetes/AnomalousBehavior.PermissionChecked",
        "discovery-kubernetes-anomalousbehavrior-permissionchecked",
    ),
    ("Discovery:Runtime/SuspiciousCommand", "discovery-runtime-suspicious-command"),
    ("Execution:Kubernetes/AnomalousBehavior.ExecInPod", "execution-kubernetes-anomalousbehvaior-execinprod"),
    ("Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed", "exec-kubernetes-anomalousbehavior-workloaddeployed"),
    ("Execution:Runtime/MaliciousFileExecuted", "execution-runtime-malicious-file-executed"),
    ("Execution:Runtime/SuspiciousShellCreated", "execution-runtime-suspicious-shell-created"),
    ("Impact:EC2/MaliciousDomainRequest.Custom", "impact-ec2-maliciousdomainrequest-custom"),
    ("Impact:IAMUser/AnomalousModelInvocation", "ai-protection-anomalousmodelinvocation"),
    ("Impact:IAMUser/CostHarvesting", "ai-protection-costharvesting"),
    ("Impact:IAMUser/PromptInjection.Direct", "ai-protection-promptinjection-direct"),
    ("Impact:S3/AnomalousBehavior.Delete", "impact-s3-anomalousbehavior-delete"),
    ("Impact:S3/AnomalousBehavior.Permission", "impact-s3-anomalousbehavior-permission"),
    ("Impact:S3/AnomalousBehavior.Write", "impact-s3-anomalousbehavior-write"),
    ("Object:S3/MaliciousFile", "s3-object-s3-malicious-file"),
    (
        "Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount",
        "privesc-kubernetes-anomalousbehavior-workloaddeployed-containerwithsensitivemount",
    ),
    ("Persistence:Runtime/SuspiciousCommand", "persistence-runtime-suspicious-command"),
    ("Policy:IAMUser/ShortTermRootCredentialUsage", "policy-iam-user-short-term-root-credential-usage"),
    (
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated",
        "privesc-kubernetes-anomalousbehavior-rolebindingcreated",
    ),
    (
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated",
        "privesc-kubernetes-anomalousbehavior-rolecreated",
    ),
    (
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer",
        "privesc-kubernetes-anomalousbehavior-workloaddeployed-privcontainer",
    ),
    ("PrivilegeEscalation:Runtime/SuspiciousCommand", "privilege-escalation-runtime-suspicious-command"),
    ("Trojan:Lambda/BlackholeTraffic", "trojan-lambda-blackhole-traffic"),
    ("Trojan:Lambda/DropPoint", "trojan-lambda-drop-point"),
    ("UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom", "unauthorized-access-lambda-maliciousIPcaller-custom"),
    ("UnauthorizedAccess:Lambda/TorClient", "unauthorized-access-lambda-tor-client"),
    ("UnauthorizedAccess:Lambda/TorRelay", "unauthorized-access-lambda-tor-relay"),
];

/// Types that GuardDuty no longer generates. They have a separate page.
const RETIRED: [&str; 27] = [
    "Backdoor:EC2/XORDDOS",
    "Behavior:IAMUser/InstanceLaunchUnusual",
    "CryptoCurrency:EC2/BitcoinTool.A",
    "Discovery:S3/BucketEnumeration.Unusual",
    "Exfiltration:S3/ObjectRead.Unusual",
    "Impact:S3/ObjectDelete.Unusual",
    "Impact:S3/PermissionsModification.Unusual",
    "Persistence:IAMUser/NetworkPermissions",
    "Persistence:IAMUser/ResourcePermissions",
    "Persistence:IAMUser/UserPermissions",
    "Persistence:Kubernetes/ContainerWithSensitiveMount",
    "PrivilegeEscalation:IAMUser/AdministrativePermissions",
    "PrivilegeEscalation:Kubernetes/PrivilegedContainer",
    "PrivilegeEscalation:Runtime/CGroupsReleaseAgentModified",
    "PrivilegeEscalation:Runtime/ContainerMountsHostDirectory",
    "PrivilegeEscalation:Runtime/DockerSocketAccessed",
    "PrivilegeEscalation:Runtime/ElevationToRoot",
    "PrivilegeEscalation:Runtime/RuncContainerEscape",
    "PrivilegeEscalation:Runtime/UserfaultfdUsage",
    "Recon:IAMUser/NetworkPermissions",
    "Recon:IAMUser/ResourcePermissions",
    "Recon:IAMUser/UserPermissions",
    "ResourceConsumption:IAMUser/ComputeResources",
    "Stealth:IAMUser/LoggingConfigurationModified",
    "UnauthorizedAccess:EC2/TorIPCaller",
    "UnauthorizedAccess:IAMUser/ConsoleLogin",
    "UnauthorizedAccess:IAMUser/UnusualASNCaller",
];

impl FindingType {
    /// Returns the documentation of the type. China has its own copy of the guide. For an unknown type, the link leads to
    /// the list of all types. `by_rule`: the finding is from a custom detection rule. Types of such rules share one page.
    pub fn documentation(&self, partition: &str, by_rule: bool) -> String {
        let guide = match partition {
            "aws-cn" => "https://docs.amazonaws.cn/en_us/guardduty/latest/ug/",
            _ => "https://docs.aws.amazon.com/guardduty/latest/ug/",
        };
        match self.doc_page(by_rule) {
            DocPage { name, anchored: true } => format!("{guide}{name}.html#{}", self.anchor()),
            DocPage { name, anchored: false } => format!("{guide}{name}.html"),
        }
    }

    fn doc_page(&self, by_rule: bool) -> DocPage {
        let anchored = |name| DocPage { name, anchored: true };
        let whole = |name| DocPage { name, anchored: false };
        if by_rule {
            return whole("findings-custom-detection-rules");
        }
        if RETIRED.contains(&self.as_str()) {
            return anchored("guardduty_finding-types-retired");
        }
        match (self.purpose(), self.resource(), self.family()) {
            ("AttackSequence", ..) => anchored("guardduty-attack-sequence-finding-types"),
            ("Object", "S3", _) => anchored("gdu-malware-protection-s3-finding-types"),
            ("Execution", _, "MaliciousFile") if self.artifact().is_some() => {
                anchored("findings-malware-protection-backup")
            }
            ("Execution", _, "MaliciousFile" | "SuspiciousFile") => anchored("findings-malware-protection"),
            ("Impact", "IAMUser", "AnomalousModelInvocation" | "CostHarvesting" | "PromptInjection") => {
                anchored("findings-ai-protection")
            }
            (_, "EC2", _) => anchored("guardduty_finding-types-ec2"),
            (_, "IAMUser", _) => anchored("guardduty_finding-types-iam"),
            (_, "S3", _) => anchored("guardduty_finding-types-s3"),
            (_, "Kubernetes", _) => anchored("guardduty-finding-types-eks-audit-logs"),
            (_, "Runtime", _) => anchored("findings-runtime-monitoring"),
            (_, "RDS", _) => anchored("findings-rds-protection"),
            (_, "Lambda", _) => anchored("lambda-protection-finding-types"),
            (_, "IAM" | "Organizations" | "Route53Resolver" | "SES" | "SageMaker" | "RolesAnywhere", _) => {
                whole("findings-custom-detection-rules")
            }
            _ => whole("guardduty_finding-types-active"),
        }
    }

    /// `recon-ec2-portprobeunprotectedport`: in lowercase, with hyphens for `:` and `/`, without other punctuation, and with
    /// `iam` for `IAMUser`.
    fn anchor(&self) -> String {
        if let Some((_, anchor)) = ANCHORS.iter().find(|(name, _)| *name == self.as_str()) {
            return (*anchor).to_owned();
        }
        let (purpose, resource) = (self.purpose(), self.resource());
        let tail = self.as_str().split_once('/').map_or("", |(_, tail)| tail);
        if purpose == "Execution" && matches!(self.family(), "MaliciousFile" | "SuspiciousFile") {
            return format!("execution-malware-{}-{}", to_anchor(resource), to_anchor(&tail.replace('!', "-")));
        }
        let resource = if resource == "IAMUser" { "IAM" } else { resource };
        format!("{}-{}-{}", to_anchor(purpose), to_anchor(resource), to_anchor(tail))
    }
}

struct DocPage {
    name: &'static str,
    anchored: bool,
}

/// Keeps only letters, digits and hyphens, because an anchor contains nothing else.
fn to_anchor(text: &str) -> String {
    text.to_ascii_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs(kind: &str) -> String {
        FindingType::new(kind).documentation("aws", false)
    }

    #[test]
    fn each_type_leads_to_its_own_section() {
        let guide = "https://docs.aws.amazon.com/guardduty/latest/ug/";
        for (kind, page) in [
            (
                "Recon:EC2/PortProbeUnprotectedPort",
                "guardduty_finding-types-ec2.html#recon-ec2-portprobeunprotectedport",
            ),
            ("Backdoor:EC2/C&CActivity.B!DNS", "guardduty_finding-types-ec2.html#backdoor-ec2-ccactivitybdns"),
            (
                "UnauthorizedAccess:IAMUser/TorIPCaller",
                "guardduty_finding-types-iam.html#unauthorizedaccess-iam-toripcaller",
            ),
            (
                "Discovery:Kubernetes/MaliciousIPCaller.Custom",
                "guardduty-finding-types-eks-audit-logs.html#discovery-kubernetes-maliciousipcallercustom",
            ),
            (
                "Execution:EC2/MaliciousFile!AMI",
                "findings-malware-protection-backup.html#execution-malware-ec2-maliciousfile-ami",
            ),
            ("Execution:ECS/SuspiciousFile", "findings-malware-protection.html#execution-malware-ecs-suspiciousfile"),
            ("Object:S3/MaliciousFile", "gdu-malware-protection-s3-finding-types.html#s3-object-s3-malicious-file"),
            (
                "AttackSequence:IAM/CompromisedCredentials",
                "guardduty-attack-sequence-finding-types.html#attack-sequence-iam-compromised-credentials",
            ),
            ("Impact:IAMUser/CostHarvesting", "findings-ai-protection.html#ai-protection-costharvesting"),
            ("Impact:SES/ResourceHijacking", "findings-custom-detection-rules.html"),
            ("Recon:IAMUser/UserPermissions", "guardduty_finding-types-retired.html#recon-iam-userpermissions"),
            ("Brand:New/Thing", "guardduty_finding-types-active.html"),
            ("", "guardduty_finding-types-active.html"),
        ] {
            assert_eq!(docs(kind), format!("{guide}{page}"));
        }
    }

    #[test]
    fn china_has_its_own_guide_and_rules_their_own_page() {
        let kind = FindingType::new("CredentialAccess:EC2/UnsecuredCredentials");
        assert_eq!(
            kind.documentation("aws-cn", true),
            "https://docs.amazonaws.cn/en_us/guardduty/latest/ug/findings-custom-detection-rules.html"
        );
    }
}
