//! Defines the result of a GuardDuty investigation of a finding.

/// Texts are untrusted: they quote the finding, and a model wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// ID of the investigation.
    pub investigation: String,
    /// `Info`, `Low`, `Medium`, `High` or `Critical`.
    pub risk_level: Option<String>,
    /// `Unknown`, `Low`, `Medium` or `High`.
    pub confidence: Option<String>,
    /// What the risk is.
    pub risk: Option<String>,
    /// Affected resources, an assessment of the threat, and recommended steps: text, or a JSON document.
    pub summary: Option<String>,
}

/// The finding that an investigation was about: the only finding ID in its prompt. GuardDuty analyzes a finding if the
/// prompt contains its ID, 32 hexadecimal digits. Source: GuardDuty User Guide, "GuardDuty Investigation".
pub fn investigated_finding(prompt: &str) -> Option<&str> {
    let words = prompt.split(|c: char| !c.is_ascii_alphanumeric());
    let mut ids = words.filter(|word| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let id = ids.next()?;
    ids.all(|other| other == id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1ab2c3d4e5f6a7b8c9d0e1f2a3b4c5d6";

    #[test]
    fn an_investigation_is_about_the_only_finding_that_its_prompt_names() {
        for prompt in [
            format!("Investigate finding {ID} in account 123456789012"),
            format!("finding/{ID}?"),
            format!("{ID}: is {ID} a false positive?"),
        ] {
            assert_eq!(investigated_finding(&prompt), Some(ID), "{prompt}");
        }
        for prompt in [
            "Analyze findings in my organization".to_owned(),
            format!("Compare {ID} with {}", ID.replace('1', "2")),
            format!("Investigate finding {ID}0"),
            format!("Investigate finding {}", &ID[1..]),
            format!("Investigate finding x{ID}"),
        ] {
            assert_eq!(investigated_finding(&prompt), None, "{prompt}");
        }
    }
}
