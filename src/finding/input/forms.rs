//! The five forms in which findings are handed to `preview`.

use serde_json::{Deserializer, Map, Value};

use super::InputError;

/// A finding's JSON with what an event around it says of where it was seen.
pub(super) struct Raw {
    pub finding: Map<String, Value>,
    pub account: Option<String>,
    pub region: Option<String>,
}

/// Every finding in the text, each on its own: what is none is an error of its own.
pub(super) fn split(text: &str) -> Vec<Result<Raw, InputError>> {
    let mut found = Vec::new();
    for value in values(text) {
        match value {
            Ok(value) => unfold(value, &mut found),
            Err(error) => found.push(Err(error)),
        }
    }
    found
}

/// The JSON values of the text. If they do not follow one another cleanly, each line is one, so that a bad line costs only itself.
fn values(text: &str) -> Vec<Result<Value, InputError>> {
    let text = text.trim_start_matches('\u{feff}');
    let stream: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
    match stream {
        Ok(values) => values.into_iter().map(Ok).collect(),
        Err(error) if !is_lines(text) => vec![Err(InputError::Json { at: error.line(), why: error.to_string() })],
        Err(_) => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(n, line)| json_line(n + 1, line))
            .collect(),
    }
}

/// Whether at least one line stands alone as an object: else a line by line reading would only multiply one error.
fn is_lines(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('{') && serde_json::from_str::<Value>(line).is_ok())
}

fn json_line(at: usize, line: &str) -> Result<Value, InputError> {
    serde_json::from_str(line).map_err(|error| InputError::Json { at, why: error.to_string() })
}

/// Takes arrays, get-findings output and events apart.
fn unfold(value: Value, found: &mut Vec<Result<Raw, InputError>>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| unfold(item, found)),
        Value::Object(mut map) => {
            if let Some(findings) = map.remove("Findings").or_else(|| map.remove("findings")) {
                return unfold(findings, found);
            }
            match map.remove("detail") {
                Some(Value::Object(finding)) => {
                    found.push(Ok(Raw { finding, account: owned(&map, "account"), region: owned(&map, "region") }))
                }
                Some(Value::Array(items)) => items.into_iter().for_each(|item| unfold(item, found)),
                // Its severity and its type stand elsewhere: shown as GuardDuty's it would look harmless.
                _ if map.contains_key("ProductArn") || map.contains_key("detail-type") => {
                    found.push(Err(InputError::Foreign { at: found.len() + 1 }))
                }
                _ => found.push(Ok(Raw { finding: map, account: None, region: None })),
            }
        }
        _ => found.push(Err(InputError::NoObject { at: found.len() + 1 })),
    }
}

fn owned(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key)?.as_str().map(str::to_owned)
}
