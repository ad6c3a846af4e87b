//! Parts, lists and lengths of lines.

use super::*;

#[test]
fn absent_parts_leave_no_separator() {
    let phrase = Line::new()
        .with_code("EC2 instance ", Some("i-1"))
        .separated_code("VPC ", None)
        .separated_code("VPC ", Some("  "))
        .separated_literal("running");
    assert_eq!(phrase.to_plain(), "EC2 instance i-1 · running");
}

#[test]
fn long_list_shows_the_number_of_omitted_items() {
    assert_eq!(join_limited(["a", "", "b", "c", "d"], 2).to_plain(), "a, b and 2 more");
}

#[test]
fn api_constants_are_shown_in_sentence_case() {
    assert_eq!(
        ["NOT_PUBLIC", "ACTIVE", "TCP", "Aurora", "VPC_1"].map(humanize).join(", "),
        "not public, active, TCP, Aurora, VPC_1"
    );
}

#[test]
fn a_brief_list_names_what_fits_into_a_line_and_a_half() {
    let name = |n: usize| format!("GeneratedSecurityGroupNumber{n}");
    let shown = "GeneratedSecurityGroupNumber1, GeneratedSecurityGroupNumber2 and 2 more";
    assert_eq!(listed_briefly((1..5).map(name)).to_plain(), shown);
    assert_eq!(listed_briefly(["a", " ", "b", "c"]).to_plain(), "a, b, c");
    assert_eq!(listed_briefly(["x".repeat(99), "y".into()]).to_plain(), format!("{} and 1 more", "x".repeat(99)));
    assert!(listed_briefly([""; 0]).is_empty());
}
