//! Values of another kind are converted where they can have one meaning only.

use super::super::faults::Faults;
use super::*;

/// The value of a member of this type, and the number of omitted members.
fn converted<'a, T: Member<'a>>(json: &'a str) -> (Option<T>, usize) {
    let faults = Faults::default();
    let value = T::read(&mut serde_json::Deserializer::from_str(json), &faults).expect("JSON");
    (value, faults.into_paths().len())
}

#[test]
fn a_value_of_another_kind_is_converted_where_it_can_have_one_meaning_only() {
    for (json, number) in [
        ("5", Some(5)),
        ("-5", Some(-5)),
        ("5.0", Some(5)),
        ("-5.0", Some(-5)),
        ("5.5", None),
        (r#"" 5 ""#, Some(5)),
        (r#""5e2""#, Some(500)),
        (r#""five""#, None),
        ("8999999999999999.0", Some(8_999_999_999_999_999)),
        ("9000000000000000.0", None),
        ("9223372036854775807", Some(i64::MAX)),
        ("18446744073709551615", None),
        ("true", None),
        ("{}", None),
    ] {
        assert_eq!(converted(json), (number, usize::from(number.is_none())), "{json}");
    }
    for (json, number) in
        [("5", Some(5.0)), ("-5", Some(-5.0)), ("0.5", Some(0.5)), (r#"" 0.5""#, Some(0.5)), (r#""NaN""#, None)]
    {
        assert_eq!(converted(json), (number, usize::from(number.is_none())), "{json}");
    }
    for (json, flag) in [
        ("true", Some(true)),
        ("false", Some(false)),
        (r#"" True""#, Some(true)),
        (r#""yes""#, Some(true)),
        (r#""1""#, Some(true)),
        (r#""NO""#, Some(false)),
        (r#""false""#, Some(false)),
        (r#""0""#, Some(false)),
        (r#""maybe""#, None),
        ("1", Some(true)),
        ("0", Some(false)),
        ("2", None),
        ("1.0", None),
    ] {
        assert_eq!(converted(json), (flag, usize::from(flag.is_none())), "{json}");
    }
    for (json, text) in [("5", "5"), ("-5", "-5"), ("2.5", "2.5"), ("true", "true"), (r#""a\n""#, "a\n")] {
        let read = converted::<Text>(json);
        assert_eq!((read.0.as_deref(), read.1), (Some(text), 0), "{json}");
        let list = converted::<Vec<Text>>(json);
        assert_eq!((list.0.as_deref(), list.1), (Some([text.into()].as_slice()), 0), "a list of one: {json}");
    }
    assert_eq!(converted::<i64>("null"), (None, 0), "a member that is null is absent");
}

#[test]
fn a_time_keeps_its_text_in_every_form() {
    let millis = |json| converted::<GivenTime>(json).0.map(|given| (given.text.into_owned(), given.time.0));
    let second = 1_767_225_600_000;
    assert_eq!(millis("1767225600"), Some(("1767225600".to_owned(), second)));
    assert_eq!(millis("1767225600.5"), Some(("1767225600.5".to_owned(), second + 500)));
    assert_eq!(millis(r#""2026-01-01T00:00:00Z""#), Some(("2026-01-01T00:00:00Z".to_owned(), second)));
    assert_eq!(millis(r#""soon""#), None);
}

#[test]
fn so_many_omitted_members_are_recorded_and_no_more() {
    let (list, omitted) = converted::<Vec<i64>>(&format!("[{}7]", r#""odd", "#.repeat(100)));
    assert_eq!((list, omitted), (Some(vec![7]), 20));
}
