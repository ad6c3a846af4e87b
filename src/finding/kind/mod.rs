//! Parses finding types: `Purpose:Resource/Family.Mechanism!Artifact`.

mod description;
mod docs;
mod tactics;

pub use tactics::Tactic;

/// A finding type as GuardDuty names it, for example `UnauthorizedAccess:EC2/TorClient`.
/// Source: GuardDuty User Guide, “GuardDuty finding format”.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingType(Box<str>);

impl FindingType {
    pub fn new(raw: &str) -> Self {
        Self(raw.into())
    }

    /// The type as GuardDuty gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_attack_sequence(&self) -> bool {
        self.purpose() == "AttackSequence"
    }

    /// The threat purpose: `Backdoor` of `Backdoor:EC2/C&CActivity.B!DNS`.
    pub fn purpose(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(purpose, _)| purpose)
    }

    /// The kind of resource: `EC2` of `Backdoor:EC2/C&CActivity.B!DNS`.
    pub fn resource(&self) -> &str {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/').map_or(rest, |(resource, _)| resource)
    }

    /// The threat family: `C&CActivity` of `Backdoor:EC2/C&CActivity.B!DNS`.
    pub fn family(&self) -> &str {
        let tail = self.tail();
        tail.split(['.', '!']).next().unwrap_or(tail)
    }

    /// How it was done: `B` of `Backdoor:EC2/C&CActivity.B!DNS`.
    pub fn mechanism(&self) -> Option<&str> {
        let (_, rest) = self.tail().split_once('.')?;
        rest.split('!').next().filter(|m| !m.is_empty())
    }

    /// What was used: `DNS` of `Backdoor:EC2/C&CActivity.B!DNS`.
    pub fn artifact(&self) -> Option<&str> {
        self.tail().split_once('!').map(|(_, artifact)| artifact).filter(|a| !a.is_empty())
    }

    fn tail(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, tail)| tail)
    }
}

impl std::fmt::Display for FindingType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_type_is_split_into_its_parts() {
        let t = FindingType::new("Backdoor:EC2/C&CActivity.B!DNS");
        assert_eq!(
            (t.purpose(), t.resource(), t.family(), t.mechanism(), t.artifact()),
            ("Backdoor", "EC2", "C&CActivity", Some("B"), Some("DNS"))
        );
        let t = FindingType::new("Execution:EC2/MaliciousFile!AMI");
        assert_eq!((t.family(), t.mechanism(), t.artifact()), ("MaliciousFile", None, Some("AMI")));
        let t = FindingType::new("Something new");
        assert_eq!(
            (t.purpose(), t.resource(), t.family(), t.mechanism(), t.artifact()),
            ("Something new", "", "", None, None)
        );
    }
}
