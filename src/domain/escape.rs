//! Text from outside in harmless forms: an ASCII escape that can be undone, and a form for screens.
//!
//! Invariant: `unescape(escape(raw)) == raw` for any bytes. Invariant: neither form holds a control
//! character, so nothing scanned can steer a terminal, a log or a printer.
//! Not here: HTML and SQL, which have escapes of their own.

use std::fmt::Write as _;

/// What stands for a character that must not reach a terminal.
const REPLACEMENT: char = '\u{fffd}';

/// Any bytes as printable ASCII. Printable ASCII stays, a backslash is doubled, `\n` `\r` `\t` are
/// written so, other ASCII controls as `\x1b`; of the rest, what is UTF-8 is written by its scalar
/// value (`ß` is `\u{df}`), and bytes that are not as `\xff`. [`unescape`] undoes it.
pub fn escape(raw: &[u8]) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for piece in pieces(raw) {
        escaped.push_str(&piece);
    }
    escaped
}

/// The escaped forms of the characters and stray bytes of `raw`, one by one.
pub(crate) fn pieces(raw: &[u8]) -> impl Iterator<Item = String> + '_ {
    raw.utf8_chunks().flat_map(|chunk| {
        let text = chunk.valid().chars().map(escape_char);
        let stray = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        text.chain(stray)
    })
}

/// The bytes that [`escape`] was given; `None` for a text that it cannot have made.
pub fn unescape(escaped: &str) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(letter) = rest.chars().next() {
        if !(' '..='~').contains(&letter) {
            return None;
        }
        let Some(sequence) = rest.strip_prefix('\\') else {
            raw.extend(u8::try_from(letter));
            rest = rest.get(1..)?;
            continue;
        };
        rest = unescape_one(sequence, &mut raw)?;
    }
    Some(raw)
}

/// A field that a spreadsheet would take for a formula, made text by an apostrophe before it
/// (OWASP, CSV Injection). Telephone numbers keep their plus.
pub fn for_spreadsheet(field: &str) -> String {
    let is_number = field
        .strip_prefix(['+', '-'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{field}")
    } else {
        field.to_owned()
    }
}

/// Any text in a form that is harmless on a terminal: white space of any kind becomes a space, and
/// controls, direction marks, zero-width and unassignable characters become `U+FFFD`; variation
/// selectors, which only spoil the width, are dropped. Not reversible; the length in characters
/// never grows.
pub fn for_display(text: &str) -> String {
    // Nearly every text, and each is asked about with every frame.
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control()) {
        return text.to_owned();
    }
    text.chars()
        .filter(|letter| !matches!(letter, '\u{fe00}'..='\u{fe0f}'))
        .map(|letter| match letter {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            harmful if is_harmful(harmful) => REPLACEMENT,
            blank if blank.is_whitespace() => ' ',
            plain => plain,
        })
        .collect()
}

fn escape_char(letter: char) -> String {
    match letter {
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        ' '..='~' => letter.to_string(),
        _ => {
            let mut escaped = String::new();
            let number = u32::from(letter);
            let written = if letter.is_ascii() {
                write!(escaped, "\\x{number:02x}")
            } else {
                write!(escaped, "\\u{{{number:x}}}")
            };
            debug_assert!(written.is_ok(), "a string takes everything");
            escaped
        }
    }
}

/// Undoes one sequence, given without its backslash, and returns what follows it.
fn unescape_one<'a>(sequence: &'a str, raw: &mut Vec<u8>) -> Option<&'a str> {
    let rest = sequence.get(1..)?;
    match sequence.chars().next()? {
        '\\' => raw.push(b'\\'),
        'n' => raw.push(b'\n'),
        'r' => raw.push(b'\r'),
        't' => raw.push(b'\t'),
        'x' => {
            let digits = rest.get(..2).filter(|digits| is_hex(digits))?;
            raw.push(u8::from_str_radix(digits, 16).ok()?);
            return rest.get(2..);
        }
        'u' => {
            let (digits, after) = rest.strip_prefix('{')?.split_once('}')?;
            if !is_hex(digits) {
                return None;
            }
            let letter = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            raw.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(after);
        }
        _ => return None,
    }
    Some(rest)
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Controls, and the characters of Unicode's categories Cf, Co and Cn (non-characters) and its
/// default-ignorable fillers, which are drawn as nothing or change how their neighbours are drawn.
fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{escape, for_display, for_spreadsheet, unescape};

    #[test]
    fn formulas_are_made_text_and_telephone_numbers_are_left() {
        assert_eq!(for_spreadsheet("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(for_spreadsheet("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(for_spreadsheet("-1+1"), "'-1+1");
        assert_eq!(for_spreadsheet("+442079460958"), "+442079460958");
        assert_eq!(for_spreadsheet("CF-7K2M"), "CF-7K2M");
    }

    #[test]
    fn escapes_are_readable() {
        let table: [(&[u8], &str); 8] = [
            (b"CF-7K2M", "CF-7K2M"),
            (b"a\\b", "a\\\\b"),
            (b"\x1b[200~", "\\x1b[200~"),
            (b"A\r\n\tB\x00\x7f", "A\\r\\n\\tB\\x00\\x7f"),
            ("CFß".as_bytes(), "CF\\u{df}"),
            (b"Caf\xe9 12", "Caf\\xe9 12"),
            (b"\xc3", "\\xc3"),
            ("\u{202e}".as_bytes(), "\\u{202e}"),
        ];
        for (raw, escaped) in table {
            assert_eq!(escape(raw), escaped);
            assert_eq!(unescape(escaped).as_deref(), Some(raw));
        }
    }

    #[test]
    fn nonsense_is_not_unescaped() {
        for bad in [
            "\\",
            "\\q",
            "\\x",
            "\\x4",
            "\\xé0",
            "\\x+1",
            "\\u",
            "\\u{}",
            "\\u{d800}",
            "\\u{12",
            "ß",
            "\n",
        ] {
            assert_eq!(unescape(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn screens_get_nothing_that_steers_them() {
        assert_eq!(for_display("Ben\u{1b}[2J"), "Ben\u{fffd}[2J");
        assert_eq!(
            for_display("a\u{202e}b\u{200b}c\u{feff}"),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
        assert_eq!(for_display("a\nb\u{a0}c"), "a b c");
        assert_eq!(for_display("Zoë 東京 ❤\u{fe0f}"), "Zoë 東京 ❤");
    }

    proptest! {
        #[test]
        fn escaping_can_be_undone(raw: Vec<u8>) {
            let escaped = escape(&raw);
            prop_assert!(escaped.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(unescape(&escaped), Some(raw));
        }

        #[test]
        fn escaping_text_can_be_undone(text: String) {
            prop_assert_eq!(unescape(&escape(text.as_bytes())), Some(text.into_bytes()));
        }

        #[test]
        fn unescaping_any_text_is_safe(text in "[\\\\xnu{}0-9a-f ]{0,12}") {
            if let Some(raw) = unescape(&text) {
                prop_assert_eq!(unescape(&escape(&raw)), Some(raw));
            }
        }

        #[test]
        fn displayed_text_is_harmless_and_stays_so(text: String) {
            let shown = for_display(&text);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= text.chars().count());
            prop_assert_eq!(for_display(&shown), shown.clone());
        }
    }
}
