//! A message as lines of text, wrapped as on a narrow screen on the day of its findings.

use serde_json::Value;

use crate::html::{mrkdwn, when};

/// A clock of 24 hours.
const CLOCK: &str = "{time_24}";

/// The lines of a message that is `columns` characters wide. Dates are in UTC; the `text` beside blocks is not shown.
pub fn lines(payload: &Value, columns: usize) -> Vec<String> {
    let attached = list(&payload["attachments"]).flat_map(|attachment| list(&attachment["blocks"]));
    let blocks: Vec<&Value> = list(&payload["blocks"]).chain(attached).collect();
    if blocks.is_empty() {
        return wrap(payload["text"].as_str().unwrap_or_default(), "", columns);
    }
    blocks.into_iter().flat_map(|block| block_lines(block, columns)).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn block_lines(block: &Value, columns: usize) -> Vec<String> {
    match block["type"].as_str().unwrap_or_default() {
        "rich_text" => list(&block["elements"]).flat_map(|element| rich_lines(element, columns)).collect(),
        "actions" => {
            let buttons: Vec<String> =
                list(&block["elements"]).map(|button| format!("[{}]", content(&button["text"]))).collect();
            wrap(&buttons.join(" "), "", columns)
        }
        "context" => wrap(&list(&block["elements"]).map(content).collect::<Vec<_>>().join("  "), "", columns),
        "divider" => vec!["─".repeat(columns)],
        _ => {
            let fields = list(&block["fields"]).map(content);
            let texts = block.get("text").map(content).into_iter().chain(fields);
            texts.flat_map(|text| wrap(&text, "", columns)).collect()
        }
    }
}

fn rich_lines(element: &Value, columns: usize) -> Vec<String> {
    let text = |element: &Value| list(&element["elements"]).map(run).collect::<String>();
    match element["type"].as_str().unwrap_or_default() {
        "rich_text_list" => list(&element["elements"]).flat_map(|item| wrap(&text(item), "• ", columns)).collect(),
        "rich_text_quote" => wrap(&text(element), "│ ", columns),
        _ => wrap(&text(element), "", columns),
    }
}

fn content(object: &Value) -> String {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { mrkdwn::visible(text) } else { text.to_owned() }
}

/// The text of an inline element; a mention is its identifier.
fn run(run: &Value) -> String {
    let text = |member: &str| run[member].as_str().unwrap_or_default().to_owned();
    match run["type"].as_str().unwrap_or_default() {
        "date" => {
            let format = text("format").replace("{date_short_pretty}", "today").replace("{time}", CLOCK);
            let shown = when::format(&run["timestamp"].to_string(), &format);
            shown.unwrap_or_else(|| text("fallback"))
        }
        "user" => format!("@{}", text("user_id")),
        "usergroup" => format!("@{}", text("usergroup_id")),
        "broadcast" => format!("@{}", text("range")),
        _ => text("text"),
    }
}

/// Breaks a text between words, and a word that is longer than a line where the line ends. Continuation lines are indented
/// by the width of `mark`.
fn wrap(text: &str, mark: &str, columns: usize) -> Vec<String> {
    text.split('\n').flat_map(|paragraph| wrap_paragraph(paragraph, mark, columns)).collect()
}

fn wrap_paragraph(text: &str, mark: &str, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(mark.chars().count()).max(1);
    let indent = " ".repeat(mark.chars().count());
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if !line.is_empty() && length(&line) + length(word.trim_end()) > width {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(word);
        while length(line.trim_end()) > width {
            let rest: String = line.chars().skip(width).collect();
            lines.push(line.chars().take(width).collect());
            line = rest;
        }
    }
    lines.push(line);
    let prefix = |n: usize| if n == 0 { mark } else { indent.as_str() };
    lines.iter().enumerate().map(|(n, line)| format!("{}{}", prefix(n), line.trim_end())).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_wrapped_between_words() {
        let item = |text: &str| json!({"type": "rich_text_section", "elements": [{"type": "text", "text": text}]});
        let payload = json!({
            "text": "not shown",
            "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "one two three"}}],
            "attachments": [{"blocks": [
                {"type": "rich_text", "elements": [
                    {"type": "rich_text_section", "elements": [
                        {"type": "date", "timestamp": 1_767_225_600, "format": "{time}", "fallback": "x"}, {"type": "text", "text": " UTC"}]},
                    {"type": "rich_text_list", "elements": [item("four five"), item("abcdefghijkl")]},
                ]},
                {"type": "actions", "elements": [{"type": "button", "text": {"text": "Open"}}]},
            ]}],
        });
        let shown = ["one two", "three", "00:00 UTC", "• four", "  five", "• abcdefgh", "  ijkl", "[Open]"];
        assert_eq!(lines(&payload, 10), shown);
    }

    #[test]
    fn a_message_without_blocks_is_its_text() {
        assert_eq!(lines(&json!({"text": "a b"}), 42), ["a b"]);
    }
}
