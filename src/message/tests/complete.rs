//! Values of findings that no message shows, with the reasons.

use std::collections::BTreeMap;

use super::*;

/// `path  reason`: values of the fixtures that no message shows.
const OMITTED: &str = include_str!("omitted.txt");

#[test]
fn each_value_of_a_finding_is_shown_or_omitted_for_a_reason() {
    let reasons: BTreeMap<&str, &str> = OMITTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once("  ").expect("two spaces before the reason"))
        .map(|(path, reason)| (path.trim(), reason.trim()))
        .collect();
    assert!(reasons.values().all(|reason| !reason.is_empty()));
    let mut omitted: BTreeMap<String, String> = BTreeMap::new();
    for (name, raw, finding) in raw_fixtures() {
        let shown = Shown::of(&full(&finding, &RenderContext::default()));
        let mut leaves = Vec::new();
        leaves_of(&raw, "", &mut leaves);
        for (path, value) in leaves.iter().filter(|(_, value)| !shown.has(value)) {
            omitted.entry(path.clone()).or_insert_with(|| format!("{name}: {value}"));
        }
    }
    let is_explained = |path: &str| reasons.keys().any(|pattern| matches(pattern, path));
    let unexplained: Vec<String> = omitted
        .iter()
        .filter(|(path, _)| !is_explained(path))
        .map(|(path, value)| format!("{path}  ({value})"))
        .collect();
    assert!(unexplained.is_empty(), "in no message, without a reason:\n{}", unexplained.join("\n"));
    let is_needed = |pattern: &str| omitted.keys().any(|path| matches(pattern, path));
    let shown: Vec<&&str> = reasons.keys().filter(|pattern| !is_needed(pattern)).collect();
    assert!(shown.is_empty(), "listed as omitted, and shown: {shown:?}");
}

/// Returns true if the path is that of the list, or ends with what follows its `*`.
fn matches(pattern: &str, path: &str) -> bool {
    pattern.strip_prefix('*').map_or(pattern == path, |end| path.ends_with(end))
}

/// Name, JSON and finding of each fixture that is not about hostile values.
fn raw_fixtures() -> Vec<(String, Value, Finding)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/findings");
    let raw = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let all = fixtures().into_iter().filter(|(name, _)| name != "hostile");
    all.map(|(name, finding)| (name.clone(), raw(&name), finding)).collect()
}

/// Each value with its path, without the indices of lists. JSON inside a string is parsed.
fn leaves_of(value: &Value, path: &str, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves_of(value, &format!("{path}/{name}"), leaves));
        }
        Value::Array(items) => items.iter().for_each(|item| leaves_of(item, path, leaves)),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => leaves_of(&inner, path, leaves),
            _ => leaves.push((path.to_owned(), value.clone())),
        },
        Value::Null => {}
        _ => leaves.push((path.to_owned(), value.clone())),
    }
}

/// The text of a message, as far as it can be compared with values.
struct Shown {
    text: String,
    /// The text without punctuation, in lowercase.
    letters: String,
    times: Vec<i64>,
}

impl Shown {
    fn of(payload: &Value) -> Self {
        let mut shown = Self { text: String::new(), letters: String::new(), times: Vec::new() };
        for blocks in [&payload["blocks"], &payload["attachments"][0]["blocks"]] {
            shown.add(blocks);
        }
        shown.letters = letters(&shown.text);
        shown
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(members) => {
                if let Some(time) = value["timestamp"].as_i64() {
                    self.times.push(time);
                }
                if let Some(text) = value["text"].as_str() {
                    self.times.extend(
                        text.split("<!date^").skip(1).filter_map(|date| date.split('^').next()?.parse::<i64>().ok()),
                    );
                    self.text.push_str(&without_dates(text).replace("[.]", ".").replace("[:]", ":"));
                    self.text.push(' ');
                }
                members.values().for_each(|member| self.add(member));
            }
            _ => {}
        }
    }

    /// Returns true if the value, its time, or its last segment is in the message.
    fn has(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.has_text(text),
            Value::Number(number) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "times of findings are whole seconds or milliseconds"
                )]
                let seconds = number.as_f64().unwrap_or_default() as i64;
                let is_time = [seconds, seconds / 1_000].iter().any(|time| self.times.contains(time));
                is_time || self.has_word(&number.to_string()) || self.has_word(&format!("{seconds}"))
            }
            // Flags are shown as words that cannot be recognized automatically: their paths are listed.
            _ => false,
        }
    }

    fn has_text(&self, text: &str) -> bool {
        if let Some(time) = crate::time::Timestamp::parse(text) {
            return self.times.contains(&time.0.div_euclid(1_000));
        }
        let digits = text.rsplit(':').next().unwrap_or(text);
        let is_hash = digits.len() > 24 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let last = text.rsplit('/').next().unwrap_or(text);
        let spaced = letters(text);
        text.trim().is_empty()
            || self.text.contains(text)
            || is_hash && self.text.contains(&format!("{}…", &digits[..12]))
            || text.starts_with("arn:") && self.text.contains(last)
            || !spaced.is_empty() && self.letters.contains(&spaced)
    }

    fn has_word(&self, word: &str) -> bool {
        let words = self.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        words.into_iter().any(|shown| shown.trim_matches('.') == word)
    }
}

/// mrkdwn without its `<!date^…>`, whose times are compared as such.
fn without_dates(text: &str) -> String {
    let mut parts = text.split("<!date^");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.split_once('>').map_or("", |(_, after)| after))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
