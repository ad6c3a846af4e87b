//! Shape and limits of blocks.

use insta::assert_snapshot;

use super::*;

fn plain(text: &str) -> SafeText {
    SafeText::single_line(text)
}

#[test]
fn every_kind_of_block_has_slacks_shape() {
    let console = Link::new("https://console.aws.amazon.com/").unwrap();
    let blocks = [
        Block::header(&plain("Critical")),
        Block::section(Mrkdwn::new().literal("*Where* ").code(&plain("eu-west-1"))),
        Block::fields([TextObject::from(plain("a")), TextObject::from(Mrkdwn::new()), TextObject::from(plain("b"))]),
        Block::context([TextObject::from(plain("small"))]),
        Block::actions([Button::new(&plain("Open"), console.clone()).map(Button::primary), None]),
        Some(Block::divider()),
    ];
    assert_snapshot!(blocks.map(|b| json!(b).to_string()).join("\n"), @r#"
    {"text":{"emoji":false,"text":"Critical","type":"plain_text"},"type":"header"}
    {"expand":true,"text":{"text":"*Where* `eu-west-1`","type":"mrkdwn","verbatim":true},"type":"section"}
    {"fields":[{"emoji":false,"text":"a","type":"plain_text"},{"emoji":false,"text":"b","type":"plain_text"}],"type":"section"}
    {"elements":[{"emoji":false,"text":"small","type":"plain_text"}],"type":"context"}
    {"elements":[{"style":"primary","text":{"emoji":false,"text":"Open","type":"plain_text"},"type":"button","url":"https://console.aws.amazon.com/"}],"type":"actions"}
    {"type":"divider"}
    "#);
}

#[test]
fn empty_content_produces_no_block() {
    let none = || TextObject::from(SafeText::single_line(" "));
    assert_eq!(Block::header(&plain("")), None);
    assert_eq!(Block::section(none()), None);
    assert_eq!(Block::fields([none()]), None);
    assert_eq!(Block::context([]), None);
    assert_eq!(Block::actions([None]), None);
    assert_eq!(
        Block::rich_text(Rich::new().section(Runs::new()).preformatted(&plain("")).bullets([Runs::new()])),
        None
    );
}

#[test]
fn each_text_is_cut_to_its_own_limit() {
    let long = SafeText::single_line(&"x".repeat(9_000));
    assert_eq!(Block::header(&long).unwrap().utf16_len(), 150);
    assert_eq!(Block::section(long.clone()).unwrap().utf16_len(), 3_000);
    assert_eq!(Block::fields(vec![TextObject::from(long.clone()); 12]).unwrap().utf16_len(), 20_000);
    assert_eq!(Block::context(vec![TextObject::from(long.clone()); 12]).unwrap().utf16_len(), 30_000);
    assert_eq!(
        Block::actions(vec![Button::new(&long, Link::new("https://x").unwrap()); 30]).unwrap().utf16_len(),
        25 * 75
    );
}

#[test]
fn truncation_keeps_the_first_characters() {
    let fields = Block::fields([TextObject::from(plain("abcd")), TextObject::from(plain("efgh"))]).unwrap();
    assert_eq!(fields.truncate(6), Block::fields([TextObject::from(plain("abcd")), TextObject::from(plain("e…"))]));
    assert_eq!(fields.truncate(0), None);
}
