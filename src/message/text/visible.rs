//! Replaces invisible characters by visible marks.

use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;

/// Maximum number of characters of a grapheme. The longest sequence that is one emoji (a family with skin tones) has 11.
/// Longer graphemes are letters with many combining marks, which hide the lines above.
const MAX_GRAPHEME: usize = 16;

pub(super) fn single_line(raw: &str) -> String {
    let spaced: String = reveal(raw).split_whitespace().collect::<Vec<_>>().join(" ");
    limit_combining_marks(spaced)
}

pub(super) fn multi_line(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut blank = true;
    for text in reveal(raw).lines().map(str::trim_end) {
        if text.is_empty() && blank {
            continue;
        }
        blank = text.is_empty();
        out.push_str(text);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    limit_combining_marks(out)
}

/// Replaces every invisible or misleading character by a mark, every line break by `\n`, other white space by a space.
fn reveal(raw: &str) -> String {
    let raw = raw.replace("\r\n", "\n");
    let mut out = String::with_capacity(raw.len());
    let mut before = PrecedingChar::Other;
    let mut rest = raw.chars().peekable();
    while let Some(c) = rest.next() {
        let keeps = is_legitimate_joiner(c, before, rest.peek().copied());
        before = before.advance(c, keeps);
        match c {
            '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            _ if c.is_whitespace() => out.push(' '),
            '\0'..='\u{1F}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('␀')),
            '\u{7F}' => out.push('␡'),
            _ if is_invisible(c) && !keeps => push_code_point(&mut out, c),
            _ => out.push(c),
        }
    }
    out
}

fn push_code_point(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(out, "⟨U+{:04X}⟩", c as u32);
}

/// The characters before a joiner or a variation selector that decide whether it is legitimate.
#[derive(Clone, Copy, PartialEq)]
enum PrecedingChar {
    /// a pictograph or a skin tone
    Pictograph,
    /// a pictograph with its variation selector
    WithVariationSelector,
    /// `#`, `*` or a digit, the base of a keycap
    KeycapBase,
    Other,
}

impl PrecedingChar {
    fn advance(self, c: char, keeps: bool) -> Self {
        match c {
            '\u{FE0E}' | '\u{FE0F}' if keeps && self == Self::Pictograph => Self::WithVariationSelector,
            _ if is_pictograph(c) => Self::Pictograph,
            '#' | '*' | '0'..='9' => Self::KeycapBase,
            _ => Self::Other,
        }
    }
}

/// Returns true if an invisible character is part of an emoji: a zero-width joiner between two pictographs, or one
/// variation selector after a pictograph. In all other places both characters only hide something.
fn is_legitimate_joiner(c: char, before: PrecedingChar, next: Option<char>) -> bool {
    match c {
        '\u{200D}' => {
            matches!(before, PrecedingChar::Pictograph | PrecedingChar::WithVariationSelector)
                && next.is_some_and(is_pictograph)
        }
        '\u{FE0E}' | '\u{FE0F}' => matches!(before, PrecedingChar::Pictograph | PrecedingChar::KeycapBase),
        _ => false,
    }
}

/// Includes every emoji. It is not exact, but it includes no letter and no white space.
fn is_pictograph(c: char) -> bool {
    matches!(c, '©' | '®' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Characters that show nothing or move the text around them: categories Cc (C1) and Cf, the property
/// `Default_Ignorable_Code_Point`, private use, non-characters, and letters that are blank by design.
/// Source: Unicode 17, `DerivedCoreProperties.txt` and `DerivedGeneralCategory.txt`.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}'
        | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFC}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}' | '\u{16FE4}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
        || (c as u32) & 0xFFFE == 0xFFFE
}

/// Limits the number of combining marks per character, and shows how many were removed.
fn limit_combining_marks(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        match grapheme.char_indices().nth(MAX_GRAPHEME) {
            None => out.push_str(grapheme),
            Some((end, _)) => {
                out.push_str(&grapheme[..end]);
                let _ = write!(out, "⟨+{}⟩", grapheme[end..].chars().count());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(single_line("a\u{1b}[31mred\u{7}\u{0}"), "a␛[31mred␇␀");
        assert_eq!(single_line("ca\u{7f}fe\u{9b}"), "ca␡fe⟨U+009B⟩");
    }

    #[test]
    fn bidi_and_invisible_characters_become_visible() {
        assert_eq!(single_line("invoice\u{202E}fdp.exe"), "invoice⟨U+202E⟩fdp.exe");
        assert_eq!(single_line("pay\u{200B}pal\u{FEFF}"), "pay⟨U+200B⟩pal⟨U+FEFF⟩");
        assert_eq!(single_line("a\u{E0041}b\u{E007F}"), "a⟨U+E0041⟩b⟨U+E007F⟩");
        assert_eq!(single_line("a\u{FE0F}\u{3164}\u{2800}"), "a⟨U+FE0F⟩⟨U+3164⟩⟨U+2800⟩");
    }

    #[test]
    fn emoji_and_non_latin_scripts_are_kept() {
        for text in [
            "👩\u{200D}🚀",
            "✔\u{FE0F} ok",
            "1\u{FE0F}\u{20E3}",
            "👨🏽\u{200D}👩🏽\u{200D}👧🏽\u{200D}👦🏽",
            "Müller",
            "データ",
            "البيانات",
            "हिन्दी",
        ] {
            assert_eq!(single_line(text), text);
        }
    }

    #[test]
    fn a_joiner_or_selector_out_of_place_is_shown() {
        assert_eq!(single_line("👩\u{200D}a"), "👩⟨U+200D⟩a");
        assert_eq!(single_line("👩\u{FE0F}\u{FE0F}"), "👩\u{FE0F}⟨U+FE0F⟩");
    }

    #[test]
    fn white_space_and_line_breaks_collapse() {
        assert_eq!(single_line("  a\u{a0}\t b\r\nc\u{2028}d\u{3000}\n"), "a b c d");
        assert_eq!(multi_line("a  b\r\n\n\n\nc \u{85}d\n\n"), "a  b\n\nc\nd");
        assert_eq!(multi_line("\n\n"), "");
    }

    #[test]
    fn excessive_combining_marks_are_truncated() {
        let heap = format!("a{}b", "\u{301}".repeat(5_000));
        assert_eq!(single_line(&heap), format!("a{}⟨+4985⟩b", "\u{301}".repeat(15)));
    }

    /// Strings with many characters that this module replaces.
    fn tricky() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            '\n',
            '\r',
            '\t',
            '\u{0}',
            '\u{85}',
            '\u{200B}',
            '\u{200D}',
            '\u{202E}',
            '\u{2066}',
            '\u{FE0F}',
            '\u{FE0E}',
            '\u{FEFF}',
            '👩',
            '🚀',
            '1',
            '#',
            '\u{301}',
            '\u{E0061}',
            '\u{FFFF}',
            ' ',
            'a',
        ]);
        prop::collection::vec(prop_oneof![odd, any::<char>()], 0..60).prop_map(|c| c.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_hidden_passes(text in tricky()) {
            for shown in [single_line(&text), multi_line(&text)] {
                let odd = |c: char| c.is_control() && c != '\n' || c.is_whitespace() && !matches!(c, ' ' | '\n')
                    || is_invisible(c) && !matches!(c, '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
                prop_assert!(!shown.contains(odd), "{:?}", shown);
            }
            prop_assert!(!single_line(&text).contains('\n'));
        }

        #[test]
        fn what_is_visible_stays_as_it_is(text in tricky()) {
            let (one, many) = (single_line(&text), multi_line(&text));
            prop_assert_eq!(single_line(&one), one);
            prop_assert_eq!(multi_line(&many), many);
        }
    }
}
