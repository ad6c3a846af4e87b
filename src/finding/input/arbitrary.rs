//! Findings with anything in any member, for property tests: the model of the API says which members there are.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::wire::{Kind, members};

/// One finding's JSON: each member present or not, lists of up to three, strings that are hostile, odd or arbitrary.
pub(crate) fn finding() -> impl Strategy<Value = Value> {
    let odd = prop::sample::select(ODD.to_vec()).prop_map(str::to_owned);
    let text = prop_oneof![3 => odd, 1 => any::<String>(), 1 => (0usize..3_000).prop_map(|n| "<&> ".repeat(n))];
    (prop::collection::vec(text, 1..12), any::<u64>()).prop_map(|(texts, seed)| {
        let mut finding = Fill { texts: &texts, seed }.shape("Finding");
        finding["updatedAt"] = json!("2026-11-24T12:34:56.789Z");
        if finding["id"].as_str().is_none_or(|id| id.trim().is_empty()) {
            finding["id"] = json!("00c0ffee");
        }
        finding
    })
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

struct Fill<'a> {
    texts: &'a [String],
    seed: u64,
}

impl Fill<'_> {
    /// Xorshift: the same seed always makes the same finding, so that a failing one shrinks and replays.
    fn next(&mut self, below: u64) -> u64 {
        self.seed = self.seed.max(1);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below.max(1)
    }

    fn shape(&mut self, name: &str) -> Value {
        let mut out = Map::new();
        for (wire, kind) in members(name) {
            if self.next(4) > 0 {
                let value = self.value(&kind);
                out.insert(wire.to_owned(), value);
            }
        }
        Value::Object(out)
    }

    fn value(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Text => json!(self.text()),
            Kind::Integer { .. } => json!(i64::try_from(self.next(1 << 33)).unwrap_or(0) - (1 << 32)),
            Kind::Double => Number::from_f64(self.next(1_200) as f64 / 100.0 - 1.0).map_or(Value::Null, Value::Number),
            Kind::Boolean => json!(self.next(2) == 0),
            Kind::Timestamp => json!(self.next(1 << 40)),
            Kind::List(of) => (0..self.next(4)).map(|_| self.value(of)).collect(),
            Kind::Map(of) => (0..self.next(4)).map(|_| (self.text(), self.value(of))).collect::<Map<_, _>>().into(),
            Kind::Shape(name) => self.shape(name),
        }
    }

    fn text(&mut self) -> String {
        let n = usize::try_from(self.next(self.texts.len() as u64)).unwrap_or(0);
        self.texts[n].clone()
    }
}
