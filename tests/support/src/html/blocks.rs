//! Block Kit as HTML.

use serde_json::Value;

use super::{escape, link, mrkdwn, when};

pub(super) fn all(blocks: &[Value]) -> String {
    blocks.iter().map(block).collect()
}

fn block(block: &Value) -> String {
    match block["type"].as_str().unwrap_or_default() {
        "header" => format!("<h3>{}</h3>\n", text(&block["text"])),
        "divider" => "<hr>\n".into(),
        "section" => section(block),
        "context" => format!(
            "<div class=\"context\">{}</div>\n",
            parts(block, |e| match e["type"].as_str() {
                Some("image") => image(e),
                _ => format!("<span>{}</span>", text(e)),
            })
        ),
        "actions" => format!("<div class=\"actions\">{}</div>\n", parts(block, element)),
        "rich_text" => format!("<div class=\"rich\">{}</div>\n", parts(block, rich)),
        "image" => format!("<div>{}</div>\n", image(block)),
        "markdown" => {
            format!("<div class=\"text\">{}</div>\n", mrkdwn::html(block["text"].as_str().unwrap_or_default()))
        }
        other => format!("<div class=\"unknown\">a block of type {}</div>\n", escape(other)),
    }
}

fn parts(node: &Value, show: impl Fn(&Value) -> String) -> String {
    node["elements"].as_array().into_iter().flatten().map(show).collect()
}

fn text(object: &Value) -> String {
    let content = object["text"].as_str().unwrap_or_default();
    match object["type"].as_str() {
        Some("mrkdwn") => mrkdwn::html(content),
        _ => mrkdwn::plain(content),
    }
}

fn section(block: &Value) -> String {
    let mut out = String::new();
    if !block["text"].is_null() {
        out.push_str(&section_text(block));
    }
    if let Some(fields) = block["fields"].as_array() {
        let cells: String = fields.iter().map(|f| format!("<div>{}</div>", text(f))).collect();
        out.push_str(&format!("<div class=\"fields\">{cells}</div>"));
    }
    let accessory = match block["accessory"].is_null() {
        true => String::new(),
        false => format!("<div class=\"accessory\">{}</div>", element(&block["accessory"])),
    };
    format!("<div class=\"section\"><div>{out}</div>{accessory}</div>\n")
}

/// Characters that five lines hold at most, on a phone and on a desktop.
const COLLAPSED: [(usize, &str); 2] = [(550, "long everywhere"), (210, "long")];

/// Slack may show the beginning of a long text only, until the reader asks for more. Where it begins to do so is not
/// documented; here after five lines.
fn section_text(block: &Value) -> String {
    let content = text(&block["text"]);
    let length = mrkdwn::visible(block["text"]["text"].as_str().unwrap_or_default()).chars().count();
    let class = COLLAPSED.iter().find(|(most, _)| length > *most).map(|(_, class)| class);
    match class {
        Some(class) if block["expand"] != true => format!(
            "<label class=\"more {class}\"><input type=\"checkbox\"><span class=\"text\">{content}</span></label>"
        ),
        _ => format!("<div class=\"text\">{content}</div>"),
    }
}

fn element(element: &Value) -> String {
    if element["type"] == "image" {
        return image(element);
    }
    let style = match element["style"].as_str() {
        Some("primary") => " primary",
        Some("danger") => " danger",
        _ => "",
    };
    let button = format!("<span class=\"button{style}\">{}</span>", text(&element["text"]));
    match element["url"].as_str() {
        Some(url) => link(url, &button),
        None => button,
    }
}

/// The page loads nothing: an image is its alternative text.
fn image(image: &Value) -> String {
    format!("<span class=\"image\">{}</span>", escape(image["alt_text"].as_str().unwrap_or_default()))
}

fn rich(part: &Value) -> String {
    let runs = || parts(part, run);
    match part["type"].as_str().unwrap_or_default() {
        "rich_text_list" => {
            let tag = if part["style"] == "ordered" { "ol" } else { "ul" };
            let indent = part["indent"].as_u64().unwrap_or(0).min(8);
            format!(
                "<{tag} class=\"indent{indent}\">{}</{tag}>",
                parts(part, |item| format!("<li>{}</li>", parts(item, run)))
            )
        }
        "rich_text_preformatted" => format!("<pre>{}</pre>", runs()),
        "rich_text_quote" => format!("<blockquote>{}</blockquote>", runs()),
        _ => format!("<div>{}</div>", runs()),
    }
}

fn run(run: &Value) -> String {
    let content = run["text"].as_str();
    let mention = |name: String| format!("<span class=\"mention\">{}</span>", escape(&name));
    let html = match run["type"].as_str().unwrap_or_default() {
        "text" => escape(content.unwrap_or_default()).replace('\n', "<br>"),
        "link" => {
            let url = run["url"].as_str().unwrap_or_default();
            link(url, &escape(content.unwrap_or(url)))
        }
        "emoji" => {
            let name = run["name"].as_str().unwrap_or_default();
            let shown = mrkdwn::emoji(name).map_or_else(|| escape(&format!(":{name}:")), str::to_owned);
            format!("<span class=\"emoji\">{shown}</span>")
        }
        "date" => {
            let shown = when::format(&run["timestamp"].to_string(), run["format"].as_str().unwrap_or_default());
            escape(&shown.unwrap_or_else(|| run["fallback"].as_str().unwrap_or_default().to_owned()))
        }
        "user" => mention(format!("@{}", run["user_id"].as_str().unwrap_or_default())),
        "usergroup" => mention(format!("@{}", run["usergroup_id"].as_str().unwrap_or_default())),
        "channel" => mention(format!("#{}", run["channel_id"].as_str().unwrap_or_default())),
        "broadcast" => mention(format!("@{}", run["range"].as_str().unwrap_or_default())),
        _ => String::new(),
    };
    let styles = [("code", "code"), ("bold", "b"), ("italic", "i"), ("strike", "s"), ("underline", "u")];
    styles.iter().fold(html, |html, (name, tag)| match run["style"][*name] == true {
        true => format!("<{tag}>{html}</{tag}>"),
        false => html,
    })
}
