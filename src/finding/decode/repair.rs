//! Repairs text that is almost JSON, as some writers produce it and a strict parser rejects it.

/// Maximum length of a number that is not changed. A longer one may exceed the range of a parser.
const MAX_NUMBER: usize = 17;

/// Returns the text with halves of surrogate pairs, unknown escapes and raw control characters in strings replaced, and
/// with huge numbers, `NaN` and `Infinity` as strings. Text that is not JSON stays invalid.
pub fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '"' => string(rest, &mut repaired),
            '-' | '0'..='9' | 'N' | 'I' => word(rest, &mut repaired),
            _ => {
                repaired.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[token..];
    }
    repaired
}

/// Copies a number or a word. Returns its length.
fn word(text: &str, repaired: &mut String) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let word = &text[..length];
    let is_number = word.parse::<f64>().is_ok();
    let is_plain = length <= MAX_NUMBER && !word.contains(['e', 'E', 'N', 'I']);
    if is_number && !is_plain {
        repaired.extend(["\"", word, "\""]);
    } else {
        repaired.push_str(word);
    }
    length
}

/// Copies a string. Returns its length.
fn string(text: &str, repaired: &mut String) -> usize {
    repaired.push('"');
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match c {
            '"' => {
                repaired.push('"');
                return at + 1;
            }
            '\\' => escape(rest, repaired),
            '\u{0}'..='\u{1f}' => {
                repaired.push_str(&format!("\\u{:04x}", u32::from(c)));
                1
            }
            _ => {
                repaired.push(c);
                c.len_utf8()
            }
        };
    }
    at
}

/// Copies an escape, or U+FFFD if it does not encode a character. Returns its length.
fn escape(text: &str, repaired: &mut String) -> usize {
    let length = match (text.as_bytes().get(1), unit(text)) {
        (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => 2,
        (_, Some(0xd800..=0xdbff))
            if text.get(6..).and_then(unit).is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) =>
        {
            12
        }
        (_, Some(0xd800..=0xdfff)) => {
            repaired.push('\u{fffd}');
            return 6;
        }
        (_, Some(_)) => 6,
        _ => {
            repaired.push('\u{fffd}');
            return 1;
        }
    };
    repaired.push_str(&text[..length]);
    length
}

/// The UTF-16 unit of an escape such as `\u00e4` at the beginning of the text.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(&repair(text)).unwrap()
    }

    #[test]
    fn nearly_json_becomes_json() {
        for (text, value) in [
            (r#"{"a": "curl \ud800 alone"}"#, json!({"a": "curl \u{fffd} alone"})),
            (r#""\udc00\ud83d\ude00\ud83d""#, json!("\u{fffd}\u{1f600}\u{fffd}")),
            (r#""\x \u12 é""#, json!("\u{fffd}x \u{fffd}u12 é")),
            (r#""\u00e4\ud800""#, json!("ä\u{fffd}")),
            ("\"a\nb\\\"\"", json!("a\nb\"")),
            ("[NaN, -Infinity, 1e999, 22.5]", json!(["NaN", "-Infinity", "1e999", 22.5])),
            ("123456789012345678901234567890", json!("123456789012345678901234567890")),
        ] {
            assert_eq!(parsed(text), value, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_json_stays_invalid() {
        for text in ["<html>", r#"{"findings": [{"id": "a"#, "", "\\", "\"\\", "\"\\u"] {
            assert!(serde_json::from_str::<Value>(&repair(text)).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_repaired(text in any::<String>()) {
            prop_assert_eq!(parsed(&Value::from(text.as_str()).to_string()), Value::from(text.as_str()));
            repair(&text);
        }
    }
}
