//! What Slack refuses: shapes and lengths of Block Kit as its reference documents them, and the undocumented total
//! (11,341 characters of block text were refused in the wild).

use serde_json::{Map, Value};

const TOTAL: usize = 11_340;

/// The error that a payload earns, with what is wrong; none if Slack takes it.
pub fn refusal(payload: &Value) -> Option<(&'static str, String)> {
    let mut faults = Vec::new();
    for blocks in block_lists(payload) {
        check_blocks(blocks, &mut faults);
    }
    let text = payload["text"].as_str().unwrap_or_default().chars().count();
    let total: usize = block_lists(payload).iter().map(|b| length(b)).sum::<usize>() + text;
    if !faults.is_empty() {
        Some(("invalid_blocks", faults.join("; ")))
    } else if !block_lists(payload).is_empty() && total > TOTAL {
        Some(("msg_blocks_too_long", format!("{total} characters")))
    } else if text > 40_000 {
        Some(("msg_too_long", format!("{text} characters")))
    } else if text == 0 && block_lists(payload).is_empty() {
        Some(("no_text", String::new()))
    } else {
        metadata_refusal(&payload["metadata"])
    }
}

fn metadata_refusal(metadata: &Value) -> Option<(&'static str, String)> {
    let flat = |m: &Map<String, Value>| m.values().all(|v| v.is_string() || v.is_number() || v.is_boolean());
    if metadata.is_null() {
        return None;
    }
    if !metadata["event_type"].is_string() || !metadata["event_payload"].as_object().is_some_and(flat) {
        return Some(("invalid_metadata_format", metadata.to_string()));
    }
    (metadata.to_string().len() > 8000).then(|| ("metadata_too_large", String::new()))
}

/// The lists of blocks in a payload: its own and those of its attachments.
pub(crate) fn block_lists(payload: &Value) -> Vec<&Value> {
    let attached = payload["attachments"].as_array().into_iter().flatten().map(|a| &a["blocks"]);
    std::iter::once(&payload["blocks"])
        .chain(attached)
        .filter(|b| b.as_array().is_some_and(|l| !l.is_empty()))
        .collect()
}

/// Characters of every text in a list of blocks.
fn length(node: &Value) -> usize {
    match node {
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(members) => {
            let own = members.get("text").and_then(Value::as_str).map_or(0, |t| t.chars().count());
            own + members.values().map(length).sum::<usize>()
        }
        _ => 0,
    }
}

/// Every string of a message that a reader sees, one a line; entities and defanging as they were sent.
pub fn visible(payload: &Value) -> String {
    fn collect<'a>(node: &'a Value, found: &mut Vec<&'a str>) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(members) => members.iter().for_each(|(name, member)| match member {
                Value::String(text) if matches!(name.as_str(), "text" | "url") => found.push(text),
                _ => collect(member, found),
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    block_lists(payload).iter().for_each(|blocks| collect(blocks, &mut found));
    found.extend(payload["text"].as_str());
    found.join("\n")
}

fn check_blocks(blocks: &Value, faults: &mut Vec<String>) {
    let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
    if blocks.len() > 50 {
        faults.push(format!("{} blocks, allowed 50", blocks.len()));
    }
    let mut ids = std::collections::BTreeSet::new();
    for block in blocks {
        if let Some(id) = block["block_id"].as_str()
            && (id.len() > 255 || !ids.insert(id))
        {
            faults.push(format!("block_id {id} is too long or used twice"));
        }
        check_block(block, faults);
    }
}

fn check_block(block: &Value, faults: &mut Vec<String>) {
    match block["type"].as_str().unwrap_or_default() {
        "section" => {
            keys(block, &["text", "fields", "accessory", "expand"], faults);
            if block["text"].is_null() && block["fields"].is_null() {
                faults.push("a section needs text or fields".into());
            }
            if !block["text"].is_null() {
                text(&block["text"], 3000, true, faults);
            }
            items(&block["fields"], 10, faults, |field, faults| text(field, 2000, true, faults));
            if !block["accessory"].is_null() {
                element(&block["accessory"], faults);
            }
        }
        "header" => {
            keys(block, &["text", "level"], faults);
            text(&block["text"], 150, false, faults);
        }
        "divider" => keys(block, &[], faults),
        "context" => {
            keys(block, &["elements"], faults);
            needed(block, faults);
            items(&block["elements"], 10, faults, |e, faults| match e["type"].as_str() {
                Some("image") => element(e, faults),
                _ => text(e, 3000, true, faults),
            });
        }
        "actions" => {
            keys(block, &["elements"], faults);
            needed(block, faults);
            items(&block["elements"], 25, faults, element);
        }
        "rich_text" => {
            keys(block, &["elements"], faults);
            needed(block, faults);
            block["elements"].as_array().into_iter().flatten().for_each(|e| rich_element(e, faults));
        }
        "markdown" => {
            keys(block, &["text"], faults);
            let n = block["text"].as_str().unwrap_or_default().chars().count();
            if !(1..=12_000).contains(&n) {
                faults.push(format!("markdown of {n} characters"));
            }
        }
        other => faults.push(format!("unknown block type {other:?}")),
    }
}

fn keys(block: &Value, allowed: &[&str], faults: &mut Vec<String>) {
    for name in block.as_object().into_iter().flat_map(Map::keys) {
        if !matches!(name.as_str(), "type" | "block_id") && !allowed.contains(&name.as_str()) {
            faults.push(format!("{} may not have {name}", block["type"]));
        }
    }
}

fn needed(block: &Value, faults: &mut Vec<String>) {
    if block["elements"].as_array().is_none_or(Vec::is_empty) {
        faults.push(format!("{} without elements", block["type"]));
    }
}

fn items(list: &Value, most: usize, faults: &mut Vec<String>, check: impl Fn(&Value, &mut Vec<String>)) {
    let Some(list) = list.as_array() else { return };
    if list.is_empty() || list.len() > most {
        faults.push(format!("{} elements, allowed 1 to {most}", list.len()));
    }
    list.iter().for_each(|item| check(item, faults));
}

fn text(object: &Value, most: usize, mrkdwn: bool, faults: &mut Vec<String>) {
    let extra = match object["type"].as_str() {
        Some("plain_text") => "emoji",
        Some("mrkdwn") if mrkdwn => "verbatim",
        _ => return faults.push(format!("no text object: {object}")),
    };
    let n = object["text"].as_str().unwrap_or_default().chars().count();
    if !(1..=most).contains(&n) {
        faults.push(format!("a text of {n} characters, allowed 1 to {most}"));
    }
    for name in object.as_object().into_iter().flat_map(Map::keys) {
        if !["type", "text", extra].contains(&name.as_str()) {
            faults.push(format!("a text object may not have {name}"));
        }
    }
}

fn element(element: &Value, faults: &mut Vec<String>) {
    match element["type"].as_str() {
        Some("image") => {
            if !element["alt_text"].is_string() || !element["image_url"].is_string() {
                faults.push("an image needs alt_text and image_url".into());
            }
        }
        Some("button") => {
            text(&element["text"], 75, false, faults);
            for (name, most) in [("url", 3000), ("value", 2000), ("action_id", 255)] {
                let n = element[name].as_str().map(|t| t.chars().count());
                if n.is_some_and(|n| n == 0 || n > most) {
                    faults.push(format!("a button's {name} of {} characters", n.unwrap_or(0)));
                }
            }
            if element["url"].as_str().is_some_and(|u| !u.starts_with("http") || u.contains(char::is_whitespace)) {
                faults.push(format!("no URL: {}", element["url"]));
            }
        }
        _ => faults.push(format!("no button and no image: {}", element["type"])),
    }
}

fn rich_element(part: &Value, faults: &mut Vec<String>) {
    let runs = part["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
    match part["type"].as_str().unwrap_or_default() {
        "rich_text_list" if matches!(part["style"].as_str(), Some("bullet" | "ordered")) => {
            runs.iter().for_each(|section| rich_element(section, faults));
        }
        "rich_text_section" | "rich_text_preformatted" | "rich_text_quote" => runs.iter().for_each(|r| run(r, faults)),
        other => faults.push(format!("unknown rich text {other:?}")),
    }
}

fn run(run: &Value, faults: &mut Vec<String>) {
    let kind = run["type"].as_str().unwrap_or_default();
    let needed: &[&str] = match kind {
        "text" => &["text"],
        "link" => &["url"],
        "emoji" => &["name"],
        "user" => &["user_id"],
        "usergroup" => &["usergroup_id"],
        "channel" => &["channel_id"],
        "broadcast" => &["range"],
        "date" => &["timestamp", "format"],
        _ => return faults.push(format!("unknown run {kind:?}")),
    };
    for name in needed {
        if run[*name].is_null() || run[*name] == "" {
            faults.push(format!("a run of type {kind} without {name}"));
        }
    }
    for style in run["style"].as_object().into_iter().flat_map(Map::keys) {
        if !["bold", "italic", "strike", "code", "underline"].contains(&style.as_str()) {
            faults.push(format!("unknown style {style}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::refusal;

    #[test]
    fn values_within_the_limits_are_accepted_and_others_rejected() {
        let mrkdwn = |n: usize| json!({ "type": "mrkdwn", "text": "x".repeat(n) });
        let section = |n: usize| json!({ "text": "t", "blocks": [{ "type": "section", "text": mrkdwn(n) }] });
        let fields = |n: usize| json!({ "text": "t", "blocks": [{ "type": "section", "fields": vec![mrkdwn(9); n] }] });
        let blocks = |n: usize| json!({ "text": "t", "blocks": vec![json!({ "type": "divider" }); n] });
        let total = |n: usize| json!({ "text": "t", "attachments": vec![json!({ "blocks": [{ "type": "section", "text": mrkdwn(2835) }] }); n] });
        assert_eq!([section(3000), fields(10), blocks(50), total(3)].map(|p| refusal(&p)), [const { None }; 4]);
        for payload in [section(3001), section(0), fields(11), fields(0), blocks(51)] {
            assert_eq!(refusal(&payload).map(|(error, _)| error), Some("invalid_blocks"));
        }
        assert_eq!(refusal(&total(4)).map(|(error, _)| error), Some("msg_blocks_too_long"));
        assert_eq!(refusal(&json!({ "text": "" })).map(|(error, _)| error), Some("no_text"));
        let nested = json!({ "text": "t", "metadata": { "event_type": "a", "event_payload": { "b": {} } } });
        assert_eq!(refusal(&nested).map(|(error, _)| error), Some("invalid_metadata_format"));
    }
}
