//! What a printer can print of a text, in its page code.
//!
//! Invariant: no byte below 0x20 and no 0x7F leaves here, whatever came in, so nothing that a person
//! typed can be a command. Invariant: a character of ASCII is always itself; the hyphen stays 2D.
//!
//! The rules, in order: white space of any kind is a space; what has no width (joiners, direction
//! marks, soft hyphens, variation selectors) is left out; ASCII, then the page code, is printed as it
//! is; the euro sign and its like become words (`EUR`), letters lose their marks (`é` is `e`, `ß` is
//! `ss`), Cyrillic and Greek are spelled in Latin letters, full-width letters become plain ones. What
//! is left (Arabic, Chinese, emoji, control characters) is a `?` each, and is told.

mod letters;

use std::fmt;

use serde::Deserialize;

use crate::domain::escape::for_display;

/// What is printed where there is nothing to print.
const UNKNOWN: &str = "?";

/// The upper half of the characters a printer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeTable {
    /// None: ASCII alone, the same on every printer that speaks ESC/POS.
    Ascii,
    /// PC437.
    Cp437,
    /// PC858, which has the euro sign.
    Cp858,
    /// WPC1252, which has the euro sign.
    Cp1252,
}

impl CodeTable {
    /// Every table, for listing.
    pub const ALL: [CodeTable; 4] = [
        CodeTable::Ascii,
        CodeTable::Cp437,
        CodeTable::Cp858,
        CodeTable::Cp1252,
    ];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            CodeTable::Ascii => "ascii",
            CodeTable::Cp437 => "cp437",
            CodeTable::Cp858 => "cp858",
            CodeTable::Cp1252 => "cp1252",
        }
    }

    /// The byte of a character in the upper half.
    fn upper_byte(self, letter: char) -> Option<u8> {
        if letter == char::REPLACEMENT_CHARACTER {
            return None;
        }
        let at = self
            .upper_half()
            .chars()
            .position(|known| known == letter)?;
        u8::try_from(at).ok()?.checked_add(0x80)
    }

    /// The characters 80 to FF; `U+FFFD` where there is none.
    pub fn upper_half(self) -> &'static str {
        match self {
            CodeTable::Ascii => "",
            CodeTable::Cp437 => letters::CP437,
            CodeTable::Cp858 => letters::CP858,
            CodeTable::Cp1252 => letters::CP1252,
        }
    }
}

/// A character that is printed as something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Substitution {
    /// The character in the text.
    pub from: char,
    /// What stands for it on paper.
    pub to: &'static str,
}

impl fmt::Display for Substitution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from;
        if for_display(from.encode_utf8(&mut [0; 4])) == from.to_string() {
            write!(f, "{from} is printed as {}", self.to)
        } else {
            write!(f, "U+{:04X} is printed as {}", u32::from(from), self.to)
        }
    }
}

/// The bytes that print `text`, one for each column, and what had to be put for what, once each.
pub fn spell(text: &str, table: CodeTable) -> (Vec<u8>, Vec<Substitution>) {
    let mut bytes = Vec::with_capacity(text.len());
    let mut substitutions: Vec<Substitution> = Vec::new();
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let is_ou = matches!(before, 'ο' | 'Ο') && matches!(letter, 'υ' | 'ύ');
        before = letter;
        if letter.is_whitespace() {
            bytes.push(b' ');
        } else if (' '..='~').contains(&letter) {
            bytes.extend(u8::try_from(letter));
        } else if is_without_width(letter) {
        } else if let Some(byte) = table.upper_byte(letter) {
            bytes.push(byte);
        } else {
            // ELOT 743: the two are one sound, and the ending of half of all Greek names.
            let to = if is_ou { "u" } else { substitute(letter) };
            if !substitutions.iter().any(|known| known.from == letter) {
                substitutions.push(Substitution { from: letter, to });
            }
            let is_currency = find(letters::CURRENCIES, letter).is_some();
            if is_currency && bytes.last().is_some_and(u8::is_ascii_alphanumeric) {
                bytes.push(b' ');
            }
            bytes.extend_from_slice(to.as_bytes());
            if is_currency && letters.peek().is_some_and(char::is_ascii_alphanumeric) {
                bytes.push(b' ');
            }
        }
    }
    (bytes, substitutions)
}

/// What stands for a character that the printer does not have.
fn substitute(letter: char) -> &'static str {
    const ASCII: &str = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`\
                         abcdefghijklmnopqrstuvwxyz{|}~";
    if ('\u{ff01}'..='\u{ff5e}').contains(&letter) {
        let at = usize::try_from(u32::from(letter).saturating_sub(0xff01)).unwrap_or_default();
        return ASCII.get(at..at.saturating_add(1)).unwrap_or(UNKNOWN);
    }
    let tables = [
        letters::CURRENCIES,
        letters::SIGNS,
        letters::LATIN,
        letters::CYRILLIC_AND_GREEK,
    ];
    tables
        .into_iter()
        .find_map(|table| find(table, letter))
        .unwrap_or(UNKNOWN)
}

fn find(table: &[(&'static str, &str)], letter: char) -> Option<&'static str> {
    let (spelling, _) = table.iter().find(|(_, letters)| letters.contains(letter))?;
    Some(spelling)
}

/// Nothing that ink could show: marks on the letter before (a name typed on some computers has its
/// accents so), joiners, direction marks, the soft hyphen, variation selectors, skin tones.
fn is_without_width(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CodeTable, spell};

    fn ascii(text: &str) -> String {
        String::from_utf8(spell(text, CodeTable::Ascii).0).unwrap()
    }

    #[test]
    fn plain_printers_print_plain_letters() {
        let table = [
            ("CF-7K2M", "CF-7K2M"),
            ("5€ off", "5 EUR off"),
            ("€5", "EUR 5"),
            ("5 €", "5 EUR"),
            ("£3 or ¥500", "GBP 3 or Yen 500"),
            ("Zoë Müller-Straße", "Zoe Muller-Strasse"),
            ("Zoe\u{308} Garc\u{ed}a", "Zoe Garcia"),
            ("Łódź, Ærø, Þór", "Lodz, AEro, Thor"),
            ("Nguyễn Thị Ánh", "Nguyen Thi Anh"),
            ("TEST – NOT VALID", "TEST - NOT VALID"),
            ("“Fish” & ‘chips’…", "\"Fish\" & 'chips'..."),
            ("Щербаков Юрий", "Shcherbakov Yuriy"),
            ("Ольга", "Olga"),
            ("Ελένη Χρήστου", "Eleni Christou"),
            ("ＡＢＣ１２！～", "ABC12!~"),
            ("李小龍", "???"),
            ("محمد", "????"),
            ("a👍🏽b❤\u{fe0f}", "a?b<3"),
            ("a\tb\nc\u{a0}d\u{3000}e", "a b c d e"),
            ("a\u{200b}b\u{202e}c\u{ad}d", "abcd"),
            ("\u{1b}p\u{0}\u{10}\u{14}\u{1d}V\u{7f}\u{9b}", "?p????V??"),
        ];
        for (text, wanted) in table {
            assert_eq!(ascii(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_put_for_what_is_told_once() {
        let (_, told) = spell("€ € ß \u{1b}", CodeTable::Ascii);
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        let wanted = [
            "€ is printed as EUR",
            "ß is printed as ss",
            "U+001B is printed as ?",
        ];
        assert_eq!(told, wanted);
        assert_eq!(spell("Zoe\u{308}", CodeTable::Ascii).1, []);
    }

    #[test]
    fn a_page_code_prints_what_it_has() {
        let table: [(CodeTable, &str, &[u8]); 3] = [
            (CodeTable::Cp858, "€ß-é–Ł", b"\xd5\xe1-\x82-L"),
            (CodeTable::Cp437, "€ß-é°", b"EUR\xe1-\x82\xf8"),
            (CodeTable::Cp1252, "€ß-é–", b"\x80\xdf-\xe9\x96"),
        ];
        for (code, text, wanted) in table {
            assert_eq!(spell(text, code).0, wanted, "{code:?}");
        }
        for code in CodeTable::ALL {
            let letters = code.upper_half().chars().count();
            assert!(letters == 128 || code == CodeTable::Ascii, "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_leaves_can_be_a_command(text: String, which in 0_usize..4) {
            let (bytes, _) = spell(&text, CodeTable::ALL[which]);
            prop_assert!(bytes.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f));
        }

        #[test]
        fn ascii_is_itself(text in "[ -~]*", which in 0_usize..4) {
            let (bytes, told) = spell(&text, CodeTable::ALL[which]);
            prop_assert_eq!(bytes, text.into_bytes());
            prop_assert_eq!(told, []);
        }
    }
}
