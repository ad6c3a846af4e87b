//! What every message must be, whatever a finding holds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{read, wording};
use super::*;
use crate::finding::input::arbitrary;

/// Every text of a payload with whether Slack interprets mrkdwn in it.
fn texts(value: &Value, out: &mut Vec<(bool, String)>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| texts(v, out)),
        Value::Object(map) => {
            if let Some(text) = map.get("text").and_then(Value::as_str) {
                out.push((map.get("type").is_none_or(|t| t == "mrkdwn"), text.to_owned()));
            }
            map.iter().filter(|(key, _)| *key != "metadata").for_each(|(_, v)| texts(v, out));
        }
        _ => {}
    }
}

fn kinds(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| kinds(v, out)),
        Value::Object(map) => {
            out.extend(map.get("type").and_then(Value::as_str).map(str::to_owned));
            out.extend(map.get("url").and_then(Value::as_str).map(|u| format!("url {u}")));
            map.iter().filter(|(key, _)| *key != "metadata").for_each(|(_, v)| kinds(v, out));
        }
        _ => {}
    }
}

/// Live `<…>` of mrkdwn that are neither a link of ours nor a date.
fn live(text: &str) -> Vec<&str> {
    let inner = text.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(inner, _)| inner));
    inner.filter(|t| !(t.starts_with("!date^") || HOSTS.iter().any(|h| t.starts_with(h)))).collect()
}

const HOSTS: [&str; 3] = ["https://", "http://", "!date^"];

fn ours(url: &str) -> bool {
    let host = url.trim_start_matches("https://").split(['/', '?', '#']).next().unwrap_or_default();
    [
        ".aws.amazon.com",
        "docs.amazonaws.cn",
        ".console.amazonaws.cn",
        ".console.amazonaws-us-gov.com",
        "wiki.corp.example",
    ]
    .iter()
    .any(|h| host == h.trim_start_matches('.') || host.ends_with(h))
}

/// Slack's limits and ours, on any payload.
fn check(payload: &Value) -> Result<(), TestCaseError> {
    let text = payload["text"].as_str().unwrap_or_default();
    prop_assert!(
        !text.trim().is_empty() && !text.contains('\n') && text.chars().count() <= 4_000,
        "fallback: {text:?}"
    );
    prop_assert_eq!(&payload["unfurl_links"], false);
    let (mut all, mut found) = (Vec::new(), Vec::new());
    texts(payload, &mut all);
    kinds(payload, &mut found);
    let total: usize = all.iter().map(|(_, t)| t.encode_utf16().count()).sum();
    prop_assert!(total < 9_000 || payload.get("blocks").is_none(), "{total} characters");
    for (mrkdwn, text) in &all {
        prop_assert!(!text.is_empty());
        let hidden = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        prop_assert!(!text.contains(hidden), "hidden: {text:?}");
        if *mrkdwn {
            prop_assert!(live(text).is_empty(), "live: {:?} in {text:?}", live(text));
            for link in text.split('<').skip(1).filter(|l| l.starts_with("http")) {
                prop_assert!(ours(link.split(['|', '>']).next().unwrap_or_default()), "link: {link}");
            }
        }
    }
    for kind in found {
        prop_assert!(!matches!(kind.as_str(), "user" | "usergroup" | "broadcast" | "channel"), "a mention of {kind}");
        prop_assert!(kind.strip_prefix("url ").is_none_or(ours), "{kind}");
    }
    for value in payload["metadata"]["event_payload"].as_object().into_iter().flat_map(|m| m.values()) {
        prop_assert!(value.is_string() || value.is_number(), "{value}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_finding_breaks_a_message(raw in arbitrary::finding(), other in arbitrary::finding()) {
        let findings = read(&json!([raw, other]).to_string());
        prop_assert_eq!(findings.len(), 2);
        let w = wording();
        for form in [Form::Full, Form::Text, Form::Bare] {
            for f in &findings {
                let traits = f.traits();
                prop_assert!(traits.len() <= 12 && f.resource_names().len() <= 65);
                check(&super::finding(f, &Life { traits_seen: &findings[0].traits(), refused_channel: f.title.as_deref(), ..Life::default() }, &w, form).payload())?;
                check(&super::reply(f, &News { severity_was: Some(f.severity), fresh: &traits, count_was: Some(0), mention: None }, &w, form).payload())?;
                let lines = f.facts.iter().flat_map(|f| &f.lines).map(|l| l.plain()).collect();
                let notice = Notice { id: f.id.clone(), title: f.title.clone().unwrap_or_default(), lines, level: Level::Info };
                check(&super::notice(&notice, form).payload())?;
                check(&super::moved(&f.id, &f.account_id, f.description.as_deref().filter(|_| false), form).payload())?;
            }
            check(&super::digest(&findings[0].id, &findings.iter().collect::<Vec<_>>(), &w, None, form).payload())?;
        }
    }

    #[test]
    fn a_finding_has_a_key_and_a_stable_order(raw in arbitrary::finding()) {
        let text = raw.to_string();
        prop_assert_eq!(read(&text), read(&text));
        let key = read(&text)[0].account_wide_key();
        prop_assert!(key.is_none_or(|k| k.len() == 8 && k.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
