//! Parts, lists and lengths of phrases.

use super::*;

#[test]
fn absent_parts_leave_no_separator() {
    let phrase = Phrase::new()
        .with("EC2 instance ", Some("i-1"))
        .part_with("VPC ", None)
        .part_with("VPC ", Some("  "))
        .part_ours("running");
    assert_eq!(phrase.plain(), "EC2 instance i-1 · running");
}

#[test]
fn a_long_list_says_how_many_are_left_out() {
    assert_eq!(listed(["a", "", "b", "c", "d"], 2).plain(), "a, b and 2 more");
    let lines = first_of(&[1, 2, 3], 2, |n| Phrase::new().ours(n.to_string()));
    assert_eq!(lines.iter().map(Phrase::plain).collect::<Vec<_>>(), ["1", "2", "and 1 more"]);
}

#[test]
fn constants_of_the_api_do_not_shout() {
    assert_eq!(
        ["NOT_PUBLIC", "ACTIVE", "TCP", "Aurora", "VPC_1"].map(quiet).join(", "),
        "not public, active, TCP, Aurora, VPC_1"
    );
}

#[test]
fn a_long_string_is_cut_between_characters() {
    assert_eq!(short("äöü", 2), "äö…");
    assert_eq!(short("äö", 2), "äö");
}

#[test]
fn a_brief_list_names_what_fits_into_a_line_and_a_half() {
    let name = |n: usize| format!("GeneratedSecurityGroupNumber{n}");
    let shown = "GeneratedSecurityGroupNumber1, GeneratedSecurityGroupNumber2 and 2 more";
    assert_eq!(listed_briefly((1..5).map(name)).plain(), shown);
    assert_eq!(listed_briefly(["a", " ", "b", "c"]).plain(), "a, b, c");
    assert_eq!(listed_briefly(["x".repeat(99), "y".into()]).plain(), format!("{} and 1 more", "x".repeat(99)));
    assert!(listed_briefly([""; 0]).is_empty());
}
