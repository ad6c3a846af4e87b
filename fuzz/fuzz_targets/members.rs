//! Decodes a sample finding in which one member is replaced by an arbitrary value.
//!
//! Input: a byte that selects the sample, two bytes that select the member, and the text that replaces it.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use guardduty_slack::finding::{Origin, decode, decode_answer, repair};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PLACEHOLDER: &str = "placeholder of the replaced member";

static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/findings");
    let files = std::fs::read_dir(folder).expect("the fixtures of the tests").flatten();
    files.filter_map(|file| serde_json::from_slice(&std::fs::read(file.path()).ok()?).ok()).collect()
});

fuzz_target!(|data: &[u8]| {
    let [sample, high, low, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut sample = SAMPLES[usize::from(*sample) % SAMPLES.len()].clone();
    let is_value = serde_json::from_str::<Value>(&repair(text)).is_ok();
    if sample.get("id").is_none() || !is_value {
        return;
    }
    let mut pointers = Vec::new();
    collect(&sample, "", &mut pointers);
    let pointer = &pointers[usize::from(u16::from_be_bytes([*high, *low])) % pointers.len()];
    if pointer == "/id" {
        return;
    }
    *sample.pointer_mut(pointer).expect("a pointer of this sample") = PLACEHOLDER.into();
    let raw = sample.to_string().replace(&format!("{PLACEHOLDER:?}"), text);
    let origin = Arc::new(Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d1".into() });
    let finding = decode(&raw, &origin).expect("a finding with an ID");
    assert_eq!(Some(finding.id.as_str()), sample["id"].as_str());
    let answer =
        decode_answer(format!("{{\"findings\": [{raw}]}}").as_bytes(), &[], &origin).expect("JSON with findings");
    let [answered] = &answer.findings[..] else { panic!("{} findings", answer.findings.len()) };
    assert_eq!((&answered.id, &answered.details().facts), (&finding.id, &finding.details().facts));
});

fn collect(value: &Value, at: &str, pointers: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.replace('/', "~1"), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (step, child) in children {
        let pointer = format!("{at}/{step}");
        collect(child, &pointer, pointers);
        pointers.push(pointer);
    }
}
