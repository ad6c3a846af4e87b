//! Renders messages as text, for snapshots.

use serde_json::Value;

/// A message as a reader sees it: bold as `**`, code as backticks, links with their target.
pub(super) fn seen(payload: &Value) -> String {
    let mut out = format!("text: {}\n", payload["text"].as_str().unwrap_or_default());
    for block in payload["blocks"].as_array().into_iter().flatten() {
        show(block, &mut out);
    }
    for attachment in payload["attachments"].as_array().into_iter().flatten() {
        out.push_str(&format!("| {}\n", attachment["color"].as_str().unwrap_or_default()));
        for block in attachment["blocks"].as_array().into_iter().flatten() {
            show(block, &mut out);
        }
    }
    out
}

fn show(block: &Value, out: &mut String) {
    let words = |v: &Value| v["text"].as_str().unwrap_or_default().to_owned();
    let line = match block["type"].as_str().unwrap_or_default() {
        "header" => format!("# {}\n", words(&block["text"])),
        "section" => format!("{}\n", words(&block["text"])),
        "context" => block["elements"].as_array().into_iter().flatten().map(|e| format!("({})\n", words(e))).collect(),
        "actions" => block["elements"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|b| format!("[{}] {}\n", words(&b["text"]), b["url"].as_str().unwrap_or_default()))
            .collect(),
        "rich_text" => block["elements"].as_array().into_iter().flatten().map(rich).collect(),
        other => format!("{other}\n"),
    };
    out.push_str(&line);
}

pub(super) fn rich(element: &Value) -> String {
    let inner = || element["elements"].as_array().into_iter().flatten();
    match element["type"].as_str().unwrap_or_default() {
        "rich_text_list" => inner().map(|item| format!("  - {}", rich(item))).collect(),
        "rich_text_quote" => format!("> {}\n", inner().map(run).collect::<String>()),
        _ => format!("{}\n", inner().map(run).collect::<String>()),
    }
}

fn run(run: &Value) -> String {
    let text = run["text"].as_str().unwrap_or_default();
    match run["type"].as_str().unwrap_or_default() {
        "text" if run["style"]["code"] == true => format!("`{text}`"),
        "text" if run["style"]["bold"] == true => format!("**{text}**"),
        "text" => text.to_owned(),
        "link" => format!("[{text}]({})", run["url"].as_str().unwrap_or_default()),
        "date" => format!("{{{}}}", run["fallback"].as_str().unwrap_or_default()),
        _ => run.to_string(),
    }
}
