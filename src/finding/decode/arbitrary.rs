//! Generates findings with arbitrary values in any member, for property tests. The shapes define the members.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::member::Member;
use super::shapes;

/// One finding's JSON: each member present or not, lists of up to three, strings that are hostile, odd or arbitrary.
pub(crate) fn finding() -> impl Strategy<Value = Value> {
    let odd = prop::sample::select(ODD.to_vec()).prop_map(str::to_owned);
    let text = prop_oneof![3 => odd, 1 => any::<String>(), 1 => (0usize..3_000).prop_map(|n| "<&> ".repeat(n))];
    (prop::collection::vec(text, 1..12), any::<u64>()).prop_map(|(texts, seed)| {
        let fill = &mut Fill { texts: &texts, seed };
        let mut finding = shapes::Details::arbitrary(fill);
        merge(&mut finding, shapes::Header::arbitrary(fill));
        finding["updatedAt"] = json!("2026-11-24T12:34:56.789Z");
        if finding["id"].as_str().is_none_or(|id| id.trim().is_empty()) {
            finding["id"] = json!("00c0ffee");
        }
        finding
    })
}

/// Adds the members of an object, also to the objects inside.
fn merge(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            other.into_iter().for_each(|(name, value)| merge(into.entry(name).or_insert(Value::Null), value));
        }
        (into, other) => *into = other,
    }
}

const ODD: [&str; 18] = [
    "<!channel> <!here> <@U0AB1> <#C012> <!subteam^S1>",
    "<https://evil.example|AWS console>",
    "https://evil.example/path?a=1&b=<x>",
    "*bold* _it_ ~strike~ `code` ```pre```",
    "@here @channel",
    "a\u{202e}b\u{200b}c\u{feff}d\u{0}e\u{7}\u{2066}f",
    "line\none\r\ntwo\u{2028}three",
    "198.51.100.7",
    "2001:db8::7",
    "evil.example",
    "&amp;&lt;!here&gt;",
    "{type}{id}{account}|<>",
    "🚨👩\u{200d}🚀",
    "AccessKey",
    "EKSCluster",
    "OUTBOUND",
    r#"{"sample": true, "anomalies": {"anomalousAPIs": "<!here>:[x:y]"}, "domain": "evil.example", "deep": {"a": ["b", 1, null]}}"#,
    " ",
];

/// Source of arbitrary values. The same seed always generates the same finding, so that a failure can be repeated.
pub(crate) struct Fill<'a> {
    texts: &'a [String],
    seed: u64,
}

impl Fill<'_> {
    /// A number from 0 to below `limit`, by xorshift.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.max(1);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % limit.max(1)
    }

    pub(crate) fn text(&mut self) -> String {
        let n = usize::try_from(self.below(self.texts.len() as u64)).unwrap_or(0);
        self.texts[n].clone()
    }
}
