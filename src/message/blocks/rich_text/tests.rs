//! Shape and limits of `rich_text`.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::super::super::text::Link;
use super::*;
use crate::mention::Mention;

fn plain(text: &str) -> SafeText {
    SafeText::single_line(text)
}

#[test]
fn every_run_has_slacks_shape() {
    let link = Link::new("https://docs.aws.amazon.com/").unwrap();
    let runs = Runs::new()
        .label("Actor ")
        .code(&plain("<!here> `x`"))
        .text(&plain(""))
        .link(&link, &plain("type"))
        .date(1_700_000_000, "{time}", &plain("22:13"))
        .mention(&Mention::parse("<!here>").unwrap())
        .mention(&Mention::parse("<!subteam^S12>").unwrap())
        .mention(&Mention::parse("<@U12>").unwrap());
    let rich = Rich::new()
        .section(runs)
        .bullets([Runs::new().literal("a")])
        .quote(Runs::new().literal("q"))
        .preformatted(&SafeText::multi_line("x\ny"));
    assert_snapshot!(rich.json().iter().map(Value::to_string).collect::<Vec<_>>().join("\n"), @r#"
    {"elements":[{"style":{"bold":true},"text":"Actor ","type":"text"},{"style":{"code":true},"text":"<!here> `x`","type":"text"},{"text":"type","type":"link","url":"https://docs.aws.amazon.com/"},{"fallback":"22:13","format":"{time}","timestamp":1700000000,"type":"date"},{"range":"here","type":"broadcast"},{"type":"usergroup","usergroup_id":"S12"},{"type":"user","user_id":"U12"}],"type":"rich_text_section"}
    {"elements":[{"elements":[{"text":"a","type":"text"}],"type":"rich_text_section"}],"style":"bullet","type":"rich_text_list"}
    {"elements":[{"text":"q","type":"text"}],"type":"rich_text_quote"}
    {"elements":[{"text":"x\ny","type":"text"}],"type":"rich_text_preformatted"}
    "#);
}

#[test]
fn a_cut_keeps_whole_links_and_shows_an_ellipsis() {
    let link = Link::new("https://docs.aws.amazon.com/").unwrap();
    let runs = Runs::new().literal("abc").link(&link, &plain("label"));
    assert_eq!(runs.truncate(8), Some(runs.clone()));
    assert_eq!(runs.truncate(7), Some(Runs::new().literal("abc").literal("…")));
    assert_eq!(runs.truncate(2), Some(Runs::new().literal("a…")));
    assert_eq!(runs.truncate(0), None);
}

proptest! {
    #[test]
    fn a_cut_never_exceeds_its_bound(texts in prop::collection::vec(any::<String>(), 1..5), max in 0usize..40) {
        let runs = |t: &String| Runs::new().bold(&plain(t)).code(&plain(t));
        let rich = Rich::new().bullets(texts.iter().map(runs)).section(runs(&texts[0])).preformatted(&plain(&texts[0]));
        if let Some(cut) = rich.truncate(max) {
            prop_assert!(cut.utf16_len() <= max && !cut.0.is_empty());
            prop_assert!(!format!("{:?}", cut.json()).contains("String(\"\")"), "an empty run");
        }
    }
}
