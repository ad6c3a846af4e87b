//! Results of investigations as messages.

use super::*;
use crate::message::render;

fn shown(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| render::to_fallback(line).render()).collect()
}

fn assessment(summary: &str) -> Assessment {
    Assessment {
        investigation: "0a".into(),
        risk_level: Some("High".into()),
        confidence: Some("Medium".into()),
        risk: Some("Credentials were used from a Tor exit node".into()),
        summary: Some(summary.into()),
    }
}

#[test]
fn the_title_names_risk_and_confidence_also_where_they_are_unknown() {
    assert_eq!(title(&assessment("")).as_str(), "🔎 Investigation: risk HIGH, confidence medium");
    assert_eq!(title(&Assessment::default()).as_str(), "🔎 Investigation: risk UNKNOWN, confidence unknown");
}

#[test]
fn a_text_is_shown_with_the_threat_before_the_recommended_steps() {
    let text = "## Threat\n\n- one\n- two\n- three\n\n**Recommended actions**\n1. Rotate the key\n2. Isolate i-1\n";
    insta::assert_snapshot!(shown(&lines(&assessment(text))).join("\n"), @"
    `Credentials were used from a Tor exit node`
    `Threat`
    `one`
    `two`
    Recommended: `1. Rotate the key`
    Recommended: `2. Isolate i-1`
    1 more in the GuardDuty console, page Investigations
    ");
}

#[test]
fn a_document_is_shown_by_the_descriptions_of_its_countermeasures() {
    let document = serde_json::json!({
        "countermeasures": [
            { "defenseTactic": "Isolate", "actions": [{ "description": "Isolate the instance" }, { "priority": 1 }] },
            { "defenseTactic": "Evict", "description": "Revoke the sessions", "actions": [] },
        ],
        "recommendations": [{ "description": "Enable Runtime Monitoring" }],
    });
    insta::assert_snapshot!(shown(&lines(&assessment(&document.to_string()))).join("\n"), @"
    `Credentials were used from a Tor exit node`
    Recommended: `Isolate the instance`
    Recommended: `Revoke the sessions`
    Recommended: `Enable Runtime Monitoring`
    ");
}

#[test]
fn what_an_attacker_wrote_into_a_finding_is_inert() {
    let text = "see https://evil.example/x and evil.example, <!channel> `x` 198.51.100.7\u{202e}";
    insta::assert_snapshot!(shown(&lines(&assessment(text))).join("\n"), @"
    `Credentials were used from a Tor exit node`
    `see hxxps://evil[.]example/x and evil[.]example, &lt;!channel&gt; ˋxˋ 198[.]51[.]100[.]7⟨U+202E⟩`
    ");
}

#[test]
fn a_long_text_is_cut_and_the_omitted_lines_are_counted() {
    let text = (0..50).map(|n| format!("line {n} {}", "x".repeat(500))).collect::<Vec<_>>().join("\n");
    let lines = shown(&lines(&assessment(&text)));
    assert_eq!(lines.len(), 5);
    assert!(lines[4].starts_with("47 more in"), "{lines:?}");
    assert!(lines.iter().all(|line| line.chars().count() < 300), "{lines:?}");
}
