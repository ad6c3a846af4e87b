//! Threat lists.

use super::About;
use super::decode::{Text, shapes};
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, listed_briefly};

/// Lists that name the same threats share a line: GuardDuty repeats the names with each list.
pub(super) fn read(draft: &mut Draft, evidence: &shapes::Evidence) {
    let all = evidence.threat_intelligence_details();
    let mut told: Vec<&[Text]> = Vec::new();
    for first in all {
        let threats = first.threat_names();
        if told.contains(&threats) {
            continue;
        }
        told.push(threats);
        let same = || all.iter().filter(|d| d.threat_names() == threats);
        let lists = listed_briefly(same().filter_map(|d| d.threat_list_name()));
        let names = listed_briefly(threats);
        let mut line = match (lists.is_empty(), names.is_empty()) {
            (true, _) => names,
            (false, true) => Phrase::new().ours("threat list ").then(lists),
            (false, false) => Phrase::new().ours("threat list ").then(lists).ours(": ").then(names),
        };
        for hash in same().filter_map(|d| filled(d.threat_file_sha256())).take(1) {
            line = line.part_hash("file SHA-256 ", Some(hash));
        }
        draft.add(About::Evidence, line);
        for name in threats {
            draft.seen(Trait::Threat, Some(name));
        }
    }
}
