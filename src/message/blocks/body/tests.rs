//! Bodies within the limits of Slack.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::super::super::text::SafeText;
use super::super::{Rich, Runs, TextObject};
use super::*;
use crate::text::utf16_len;

fn section(text: &str) -> Option<Block> {
    Block::section(SafeText::single_line(text))
}

fn fallback(text: &str) -> FallbackText {
    FallbackText::new(Mrkdwn::new().text(&SafeText::single_line(text)))
}

#[test]
fn a_body_has_its_blocks_beside_the_bar() {
    let mut b = BodyBuilder::new().color(Color("#a30200"));
    b.push(Priority::Vital, section("top"))
        .push_attachment(Priority::Useful, section("bar"))
        .push(Priority::Extra, None);
    assert_snapshot!(json!(b.finish(fallback("one line")).json()), @r##"{"attachments":[{"blocks":[{"expand":true,"text":{"emoji":false,"text":"bar","type":"plain_text"},"type":"section"}],"color":"#a30200"}],"blocks":[{"expand":true,"text":{"emoji":false,"text":"top","type":"plain_text"},"type":"section"}],"text":"one line"}"##);
}

#[test]
fn the_least_important_goes_first_and_of_equals_the_last() {
    let mut b = BodyBuilder::new();
    for (rank, word) in
        [(Priority::Vital, "v"), (Priority::Extra, "x"), (Priority::Detail, "d"), (Priority::Extra, "y")]
    {
        b.push(rank, section(&word.repeat(2_400)));
    }
    let starts = |body: Body| {
        body.top
            .iter()
            .map(|b| (b.json()["text"]["text"].to_string()[1..2].to_owned(), b.utf16_len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        starts(b.clone().finish(fallback("f"))),
        [("v".into(), 2_400), ("x".into(), 2_400), ("d".into(), 2_400), ("y".into(), 1_699)]
    );
    b.push(Priority::Vital, section(&"w".repeat(2_400)));
    assert_eq!(
        starts(b.finish(fallback("f"))),
        [("v".into(), 2_400), ("x".into(), 1_699), ("d".into(), 2_400), ("w".into(), 2_400)]
    );
}

#[test]
fn redundant_dividers_are_omitted() {
    let mut b = BodyBuilder::new();
    b.push(Priority::Useful, Block::divider())
        .push(Priority::Useful, section("a"))
        .push(Priority::Useful, Block::divider());
    b.push(Priority::Useful, Block::divider())
        .push(Priority::Useful, section("b"))
        .push(Priority::Useful, Block::divider());
    assert_eq!(b.finish(fallback("f")).top, [section("a").unwrap(), Block::divider(), section("b").unwrap()]);
}

#[test]
fn the_fallback_is_never_empty_and_one_line() {
    assert_eq!(fallback("").render(), "–");
    assert_eq!(FallbackText::new(Mrkdwn::new().text(&SafeText::multi_line("a\nb"))).render(), "a b");
}

fn any_block() -> impl Strategy<Value = Option<Block>> {
    let text = prop_oneof!["[a&<>` ]{0,20}", any::<String>(), (0usize..3_500).prop_map(|n| "&ü🚀".repeat(n / 3))];
    (0u8..7, prop::collection::vec(text, 1..12)).prop_map(|(kind, texts)| {
        let plain: Vec<_> = texts.iter().map(|t| SafeText::multi_line(t)).collect();
        let all = || plain.iter().map(|p| TextObject::from(p.clone()));
        match kind {
            0 => Block::header(&plain[0]),
            1 => Block::section(Mrkdwn::new().text(&plain[0]).code(&plain[0])),
            2 => Block::fields(all()),
            3 => Block::context(all()),
            4 => {
                Block::rich_text(Rich::new().bullets(plain.iter().map(|p| Runs::new().code(p))).preformatted(&plain[0]))
            }
            5 => Some(Block::divider()),
            _ => Block::section(plain[0].clone()),
        }
    })
}

fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| strings(v, out)),
        Value::Object(map) => {
            out.extend(map.get("text").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|v| strings(v, out));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_limit_of_a_message_can_be_broken(blocks in prop::collection::vec((any_block(), 0u8..3), 0..70), text in any::<String>(), bar in any::<bool>()) {
        let mut b = if bar { BodyBuilder::new().color(Color("#123456")) } else { BodyBuilder::new() };
        for (block, rank) in blocks {
            let rank = [Priority::Extra, Priority::Useful, Priority::Vital][usize::from(rank)];
            if rank == Priority::Useful { b.push_attachment(rank, block) } else { b.push(rank, block) };
        }
        let body = b.finish(fallback(&text));
        prop_assert!(body.top.len() + body.attachment.len() <= 50 && body.attachment.len() <= 20);
        let mut all = Vec::new();
        strings(&Value::Object(body.json()), &mut all);
        prop_assert!(all.iter().all(|t| !t.is_empty() && utf16_len(t) <= 3_000));
        prop_assert!(all.iter().map(|t| utf16_len(t)).sum::<usize>() <= MAX_TOTAL);
    }
}
