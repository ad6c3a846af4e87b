//! Reads the threat lists that an address or a domain is on.

use super::Topic;
use super::attribute::AttributeKind;
use super::decode::{Text, shapes};
use super::facts_builder::FactsBuilder;
use super::line::{Line, listed_briefly, non_blank};

/// Adds one line for all lists that name the same threats. GuardDuty repeats the names with each list.
pub(super) fn add_evidence(draft: &mut FactsBuilder, evidence: &shapes::Evidence) {
    let all = evidence.threat_intelligence_details();
    let mut named: Vec<&[Text]> = Vec::new();
    for first in all {
        let threats = first.threat_names();
        if named.contains(&threats) {
            continue;
        }
        named.push(threats);
        let same = || all.iter().filter(|d| d.threat_names() == threats);
        let lists = listed_briefly(same().filter_map(|d| d.threat_list_name()));
        let names = listed_briefly(threats);
        let mut line = match (lists.is_empty(), names.is_empty()) {
            (true, _) => names,
            (false, true) => Line::new().literal("threat list ").concat(lists),
            (false, false) => Line::new().literal("threat list ").concat(lists).literal(": ").concat(names),
        };
        for hash in same().filter_map(|d| non_blank(d.threat_file_sha256())).take(1) {
            line = line.part_hash("file SHA-256 ", Some(hash));
        }
        draft.add(Topic::Evidence, line);
        for name in threats {
            draft.add_attribute(AttributeKind::Threat, Some(name));
        }
    }
}
