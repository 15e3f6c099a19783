//! Codes: the alphabet, the folding, the check letters, the shapes of generated codes.
//!
//! Invariant: a text that is one or two letters away from a generated code of at most 15 letters,
//! or has two of its letters swapped, fails the check. Invariant: folding twice is folding once.
//! Not here: where random bytes come from; whether a code exists (only the ledger knows).

use std::fmt;

use thiserror::Error;

use crate::domain::escape::escape;

/// The letters of generated codes: the 16 that every Latin keyboard layout types alike, without
/// vowels (no words by accident) and without digits (no 0 for O, no 1 for I). The place of a
/// letter is its value in GF(16).
pub const ALPHABET: [u8; 16] = *b"BCDFGHJKLNPRSTVX";

/// The longest code that is imported, generated or looked up, in bytes.
pub const CODE_BYTES_MAX: usize = 64;

/// The shortest generated code without a prefix, check letters included: six letters drawn.
pub const SHAPE_LETTERS_MIN: usize = 8;

/// The longest generated code without a prefix, check letters included.
pub const SHAPE_LETTERS_MAX: usize = 40;

/// The longest code with the full strength of the check: a Reed–Solomon code over GF(16) has 15
/// symbols at most.
pub const FULL_CHECK_LETTERS_MAX: usize = 15;

const CHECK_LETTERS: usize = 2;
const COLUMNS: usize = FULL_CHECK_LETTERS_MAX - CHECK_LETTERS;

/// A code in the form in which codes are compared: ASCII upper case, without spaces and hyphens,
/// printable, not empty, at most [`CODE_BYTES_MAX`] bytes. Made by [`fold`] only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedCode(String);

impl FoldedCode {
    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded text, for keeping.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for FoldedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for FoldedCode {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot be a code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodeFault {
    /// Nothing but white space.
    #[error("there is no code")]
    Empty,
    /// More than [`CODE_BYTES_MAX`] bytes.
    #[error("a code of {bytes} bytes is too long: {CODE_BYTES_MAX} at most")]
    TooLong {
        /// How long it is, trimmed.
        bytes: usize,
    },
    /// A character outside ASCII: an umlaut, a look-alike, a non-breaking space.
    #[error("{found} at column {column} is not a plain (ASCII) character")]
    NotAscii {
        /// Its place in the text as given, counted in characters from 1.
        column: usize,
        /// The character, escaped.
        found: String,
    },
    /// A character that cannot be printed.
    #[error("{found} at column {column} is a control character")]
    ControlCharacter {
        /// Its place in the text as given, counted in characters from 1.
        column: usize,
        /// The character, escaped.
        found: String,
    },
    /// Spaces and hyphens only.
    #[error("a code needs more than spaces and hyphens")]
    NothingLeft,
}

/// The form of a code in which it is compared: trimmed of ASCII white space, printable ASCII, ASCII
/// upper case, spaces and hyphens dropped. The same for import and for look-up, so that a scan means
/// one code.
pub fn fold(text: &str) -> Result<FoldedCode, CodeFault> {
    let trimmed = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
    if trimmed.is_empty() {
        return Err(CodeFault::Empty);
    }
    let before = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_whitespace())
            .len();
    for (at, letter) in trimmed.chars().enumerate() {
        let found = || escape(letter.encode_utf8(&mut [0; 4]).as_bytes());
        let column = before + at + 1;
        if !letter.is_ascii() {
            return Err(CodeFault::NotAscii {
                column,
                found: found(),
            });
        }
        if letter.is_ascii_control() {
            return Err(CodeFault::ControlCharacter {
                column,
                found: found(),
            });
        }
    }
    if trimmed.len() > CODE_BYTES_MAX {
        return Err(CodeFault::TooLong {
            bytes: trimmed.len(),
        });
    }
    let folded = fold_letters(trimmed);
    if folded.is_empty() {
        return Err(CodeFault::NothingLeft);
    }
    Ok(FoldedCode(folded))
}

/// The two check letters of 1 to 13 letters of the alphabet; `None` for anything else.
///
/// A systematic, shortened Reed–Solomon code over GF(16) (modulus x⁴ + x + 1, roots 1 and x), so of
/// distance 3: any one or two wrong letters, and any swap of two different ones, are caught. What it
/// does not see is a letter of value zero (`B`) more or less in front: the length must be known, as
/// it is to a [`Shape`].
pub fn check_letters(letters: &str) -> Option<[char; 2]> {
    if letters.is_empty() || letters.len() > COLUMNS {
        return None;
    }
    let [first, second] = check_symbols(&values(letters)?);
    Some([letter(first), letter(second)])
}

/// Whether a folded text is 3 to 15 letters of the alphabet whose last two are their check letters.
pub fn check_passes(folded: &str) -> bool {
    (CHECK_LETTERS + 1..=FULL_CHECK_LETTERS_MAX).contains(&folded.len()) && check_holds(folded)
}

/// What every code drawn in test mode begins with.
pub const TEST_PREFIX: &str = "TEST-";

/// The shape of generated codes: a fixed prefix, then letters of the alphabet that end in two check
/// letters.
///
/// Of 8 to 15 letters the check is that of [`check_letters`]. Of 16 to 40 letters it is weaker,
/// because no two symbols over GF(16) can do more: the letters are laid out from the right in rows
/// of 13, row `r` is multiplied by xʳ, the columns are added up, and the sums are checked as if they
/// were the letters. It catches any one wrong letter, any swap of two different letters, and any two
/// wrong letters but those that are 13 or 26 apart, of which it misses 1 in 15. The prefix is
/// not checked; it must simply be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// What every code begins with, as it is printed; compared folded. May be empty.
    pub prefix: String,
    /// How many letters follow the prefix, check letters included.
    pub length: usize,
}

/// Why codes cannot have a shape.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShapeFault {
    /// Too few letters to be unguessable, or too many to be checked.
    #[error("{length} letters: a code has {SHAPE_LETTERS_MIN} to {SHAPE_LETTERS_MAX}")]
    Length {
        /// The length asked for.
        length: usize,
    },
    /// Prefix and letters together are longer than a code may be.
    #[error("{bytes} bytes with the prefix: a code has {CODE_BYTES_MAX} at most")]
    TooLong {
        /// The length of the whole code.
        bytes: usize,
    },
    /// The prefix could not be part of a code.
    #[error("the prefix cannot be used: {0}")]
    Prefix(CodeFault),
}

impl Shape {
    /// The shape of codes unless told otherwise: no prefix, 12 random letters (48 bits) and 2 check
    /// letters.
    pub fn standard() -> Shape {
        Shape {
            prefix: String::new(),
            length: 14,
        }
    }

    /// The shape of codes drawn in test mode: [`TEST_PREFIX`], 12 random letters and 2 check
    /// letters.
    pub fn test() -> Shape {
        Shape {
            prefix: TEST_PREFIX.to_owned(),
            length: 14,
        }
    }

    /// A shape that codes can have. White space around the prefix is dropped.
    pub fn new(prefix: &str, length: usize) -> Result<Shape, ShapeFault> {
        if !(SHAPE_LETTERS_MIN..=SHAPE_LETTERS_MAX).contains(&length) {
            return Err(ShapeFault::Length { length });
        }
        let prefix = prefix.trim_matches(|letter: char| letter.is_ascii_whitespace());
        if !prefix.is_empty() {
            fold(prefix).map_err(ShapeFault::Prefix)?;
        }
        let bytes = prefix.len() + length;
        if bytes > CODE_BYTES_MAX {
            return Err(ShapeFault::TooLong { bytes });
        }
        Ok(Shape {
            prefix: prefix.to_owned(),
            length,
        })
    }

    /// How many random bytes [`Shape::generate`] needs: one for every two letters drawn.
    pub fn random_len(&self) -> usize {
        self.drawn().div_ceil(2)
    }

    /// The bits of chance in a code of this shape: four for each letter drawn.
    pub fn combinations_log2(&self) -> u32 {
        u32::try_from(self.drawn()).map_or(u32::MAX, |drawn| drawn.saturating_mul(4))
    }

    /// The code that these random bytes stand for: one byte makes two letters, the high half first,
    /// then come the check letters. `None` if the bytes are too few or the shape is none that
    /// [`Shape::new`] would make.
    pub fn generate(&self, random: &[u8]) -> Option<String> {
        Shape::new(&self.prefix, self.length).ok()?;
        let symbols: Vec<u8> = random
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0xf])
            .take(self.drawn())
            .collect();
        if symbols.len() < self.drawn() {
            return None;
        }
        let check = check_symbols(&symbols);
        let letters = symbols.into_iter().chain(check).map(letter);
        Some(self.prefix.chars().chain(letters).collect())
    }

    /// Whether a folded text is a code of this shape: its prefix, its length, and a check that
    /// passes.
    pub fn matches(&self, folded: &str) -> bool {
        self.body(folded)
            .is_some_and(|body| body.len() == self.length && check_holds(body))
    }

    /// Whether a folded text was meant to be a code of this shape, whatever its check: its prefix
    /// and length, ASCII letters and digits only, at most two of them outside the alphabet.
    pub fn looks_like(&self, folded: &str) -> bool {
        self.body(folded).is_some_and(|body| {
            body.len() == self.length
                && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && body.bytes().filter(|byte| value(*byte).is_none()).count() <= 2
        })
    }

    /// The length of a folded code of this shape.
    pub fn folded_len(&self) -> usize {
        fold_letters(&self.prefix).len() + self.length
    }

    fn drawn(&self) -> usize {
        self.length.saturating_sub(CHECK_LETTERS)
    }

    fn body<'a>(&self, folded: &'a str) -> Option<&'a str> {
        folded.strip_prefix(fold_letters(&self.prefix).as_str())
    }
}

/// A pattern for generated codes that must look like somebody else's: `?` is a letter of the
/// alphabet, `#` a digit, anything else stands for itself. Such codes have no check letters: a wrong
/// letter makes another code, so a pattern needs far more combinations than codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Letter,
    Digit,
    Literal(char),
}

/// Why a pattern cannot make codes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternFault {
    /// The text could not be a code.
    #[error(transparent)]
    Code(#[from] CodeFault),
    /// Neither `?` nor `#`: all codes would be the same.
    #[error("a pattern needs a ? (letter) or a # (digit)")]
    NothingRandom,
}

impl Pattern {
    /// Reads a pattern: printable ASCII, at most [`CODE_BYTES_MAX`] bytes, with at least one `?` or
    /// `#`.
    pub fn parse(text: &str) -> Result<Pattern, PatternFault> {
        fold(text)?;
        let trimmed = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
        let places: Vec<Place> = trimmed
            .chars()
            .map(|letter| match letter {
                '?' => Place::Letter,
                '#' => Place::Digit,
                literal => Place::Literal(literal),
            })
            .collect();
        let pattern = Pattern { places };
        if pattern.letter_count() + pattern.digit_count() == 0 {
            return Err(PatternFault::NothingRandom);
        }
        Ok(pattern)
    }

    /// How many codes the pattern can make, as whole bits, rounded down: a pattern that makes 10 000
    /// codes has 13.
    pub fn combinations_log2(&self) -> u32 {
        // log2(10) = 3.321928094…; at most 64 digits, so nine places are enough to round down.
        let digits = self.digit_count() as u64 * 3_321_928_094 / 1_000_000_000;
        let bits = self.letter_count() as u64 * 4 + digits;
        u32::try_from(bits).unwrap_or(u32::MAX)
    }

    /// How many random bytes are enough for [`Pattern::generate`], but for once in 10¹² times.
    pub fn random_len(&self) -> usize {
        self.letter_count() + 2 * self.digit_count() + 8
    }

    /// The code that these random bytes stand for. A letter takes the low half of one byte. A digit
    /// takes bytes until one is below 250 and is its last digit, so that all digits are equally
    /// likely (256 is no multiple of 10). `None` when the bytes run out: call again with fresh ones.
    pub fn generate(&self, random: &[u8]) -> Option<String> {
        let mut bytes = random.iter().copied();
        self.places
            .iter()
            .map(|place| match place {
                Place::Letter => bytes.next().map(|byte| letter(byte & 0xf)),
                Place::Digit => bytes
                    .find(|byte| *byte < 250)
                    .map(|byte| char::from(b'0' + byte % 10)),
                Place::Literal(literal) => Some(*literal),
            })
            .collect()
    }

    fn letter_count(&self) -> usize {
        self.places
            .iter()
            .filter(|place| **place == Place::Letter)
            .count()
    }

    fn digit_count(&self) -> usize {
        self.places
            .iter()
            .filter(|place| **place == Place::Digit)
            .count()
    }
}

/// A code as it is shown to people: 8 or more letters of the alphabet and nothing else are grouped
/// by four (`BCDF-GHJK-LNPR-ST`); any other code is shown as it is stored.
pub fn grouped(code: &str) -> String {
    if code.len() < SHAPE_LETTERS_MIN || values(code).is_none() {
        return code.to_owned();
    }
    let mut shown = String::new();
    for (at, letter) in code.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}

/// A letter of the alphabet for each random byte, for names of our own that are no codes.
pub fn letters_of(random: &[u8]) -> String {
    random.iter().map(|byte| letter(*byte)).collect()
}

/// The end of a code, for lists and logs that must not give the code away: `…NPRS`. Four letters, or
/// half of them if the code is shorter than eight; separators do not count.
pub fn last_letters(code: &str) -> String {
    let letters: Vec<char> = code
        .chars()
        .filter(|letter| !is_separator(*letter) && !letter.is_control())
        .collect();
    let shown = (letters.len() / 2).min(4);
    std::iter::once('…')
        .chain(letters.into_iter().rev().take(shown).rev())
        .collect()
}

/// Folds without judging: upper case, no separators.
pub(crate) fn fold_letters(text: &str) -> String {
    text.chars()
        .filter(|letter| !is_separator(*letter))
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

fn is_separator(letter: char) -> bool {
    letter == ' ' || letter == '-'
}

fn value(byte: u8) -> Option<u8> {
    let place = ALPHABET.iter().position(|letter| *letter == byte)?;
    u8::try_from(place).ok()
}

fn values(letters: &str) -> Option<Vec<u8>> {
    letters.bytes().map(value).collect()
}

fn letter(value: u8) -> char {
    // A symbol has four bits and the alphabet sixteen letters, so there always is one.
    ALPHABET
        .get(usize::from(value & 0xf))
        .map_or('?', |byte| char::from(*byte))
}

/// a · b in GF(16), modulo x⁴ + x + 1.
fn times(a: u8, b: u8) -> u8 {
    let mut product = 0;
    let mut shifted = a;
    for bit in 0..4 {
        if b >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted <<= 1;
        if shifted & 0x10 != 0 {
            shifted ^= 0b1_0011;
        }
    }
    product
}

/// 1, x, x², … in GF(16), until they begin again.
const POWERS: [u8; 15] = [1, 2, 4, 8, 3, 6, 12, 11, 5, 10, 7, 14, 15, 13, 9];

/// xⁿ in GF(16).
fn power(exponent: usize) -> u8 {
    let place = exponent % POWERS.len();
    POWERS.get(place).copied().unwrap_or_default()
}

/// The two syndromes of the drawn symbols, as if the check symbols were zero.
fn syndromes(drawn: &[u8]) -> (u8, u8) {
    drawn
        .iter()
        .rev()
        .enumerate()
        .fold((0, 0), |(sum, weighted), (from_right, symbol)| {
            let (row, column) = (from_right / COLUMNS, from_right % COLUMNS);
            let scaled = times(*symbol, power(row));
            (
                sum ^ scaled,
                weighted ^ times(scaled, power(CHECK_LETTERS + column)),
            )
        })
}

fn check_symbols(drawn: &[u8]) -> [u8; 2] {
    // first + second = sum and x · first + second = weighted, so (x + 1) · first = sum + weighted,
    // and x + 1 is x⁴, whose inverse is x¹¹.
    let (sum, weighted) = syndromes(drawn);
    let first = times(sum ^ weighted, power(11));
    [first, sum ^ first]
}

fn check_holds(letters: &str) -> bool {
    let Some(symbols) = values(letters) else {
        return false;
    };
    let drawn_len = symbols.len().saturating_sub(CHECK_LETTERS);
    let (drawn, check) = symbols.split_at(drawn_len);
    !drawn.is_empty() && check_symbols(drawn).as_slice() == check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        ALPHABET, CodeFault, POWERS, Pattern, PatternFault, Shape, ShapeFault, check_letters,
        check_passes, fold, grouped, last_letters, power, times,
    };

    fn with(code: &str, at: usize, letter: u8) -> String {
        let mut bytes = code.as_bytes().to_vec();
        bytes[at] = letter;
        String::from_utf8(bytes).unwrap()
    }

    fn swapped(code: &str, one: usize, other: usize) -> String {
        let mut bytes = code.as_bytes().to_vec();
        bytes.swap(one, other);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn folding_ignores_case_spaces_and_hyphens() {
        for text in ["BCDF-GHJK", " bcdf ghjk\r\n", "bc-df--gh jk"] {
            assert_eq!(fold(text).unwrap().as_str(), "BCDFGHJK", "{text:?}");
        }
        assert_eq!(fold("a_b.1/2").unwrap().to_string(), "A_B.1/2");
    }

    #[test]
    fn what_cannot_be_a_code_is_named() {
        let not_ascii = |column, found: &str| CodeFault::NotAscii {
            column,
            found: found.into(),
        };
        let control = |column, found: &str| CodeFault::ControlCharacter {
            column,
            found: found.into(),
        };
        let table = [
            ("", CodeFault::Empty),
            (" \t", CodeFault::Empty),
            (" - ", CodeFault::NothingLeft),
            ("A\u{a0}", not_ascii(2, "\\u{a0}")),
            (" \u{410}BC", not_ascii(2, "\\u{410}")),
            ("\u{ff21}\u{ff22}", not_ascii(1, "\\u{ff21}")),
            ("A\u{200b}B", not_ascii(2, "\\u{200b}")),
            ("A\tB", control(2, "\\t")),
            ("AB\u{1b}C", control(3, "\\x1b")),
            ("A\u{7f}B", control(2, "\\x7f")),
        ];
        for (text, fault) in table {
            assert_eq!(fold(text), Err(fault), "{text:?}");
        }
        assert_eq!(fold(&"A".repeat(65)), Err(CodeFault::TooLong { bytes: 65 }));
        assert!(fold(&"A".repeat(64)).is_ok());
    }

    #[test]
    fn check_letters_are_pinned() {
        // Printed codes depend on these for ever.
        assert_eq!(check_letters("BCDFGHJKLNPR"), Some(['B', 'B']));
        assert_eq!(check_letters("CDFGHJKL"), Some(['H', 'T']));
        assert_eq!(check_letters("C"), Some(['F', 'D']));
        for bad in ["", "BCDFGHJKLNPRST", "BCDE", "bcdf", "BCD-F", "BCDß"] {
            assert_eq!(check_letters(bad), None, "{bad}");
        }
        for bad in ["", "BB", "CC", "bbb", "BBBBBBBBBBBBBBBB", "BBE"] {
            assert!(!check_passes(bad), "{bad}");
        }
        assert!(check_passes("BBB"));
    }

    #[test]
    fn each_power_is_x_times_the_one_before() {
        assert_eq!(power(0), 1);
        for exponent in 0..2 * POWERS.len() {
            assert_eq!(power(exponent + 1), times(power(exponent), 2), "{exponent}");
        }
    }

    /// Every one and two wrong letters of the alphabet, in a few codes of every fully checked length.
    #[test]
    fn all_single_and_double_changes_are_caught() {
        for length in 8..=15 {
            let shape = Shape::new("", length).unwrap();
            for random in [[0; 7], [0xa7, 0x3c, 0x51, 0xf0, 0x9e, 0x28, 0xd4]] {
                let code = shape.generate(&random).unwrap();
                assert!(check_passes(&code) && shape.matches(&code));
                for one in 0..length {
                    for first in ALPHABET {
                        let once = with(&code, one, first);
                        assert_eq!(check_passes(&once), once == code);
                        for other in one + 1..length {
                            for second in ALPHABET {
                                let twice = with(&once, other, second);
                                assert_eq!(check_passes(&twice), twice == code, "{code} {twice}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn long_codes_catch_single_changes_and_swaps() {
        for length in 16..=40 {
            let shape = Shape::new("", length).unwrap();
            let random: Vec<u8> = (0..20).map(|at: u8| at.wrapping_mul(59) ^ 7).collect();
            let code = shape.generate(&random).unwrap();
            assert!(shape.matches(&code));
            for one in 0..length {
                for letter in ALPHABET {
                    let changed = with(&code, one, letter);
                    assert_eq!(shape.matches(&changed), changed == code);
                    for other in (one + 1..length).filter(|other| (other - one) % 13 != 0) {
                        let twice = with(&changed, other, b'X');
                        assert_eq!(shape.matches(&twice), twice == code);
                    }
                }
                for other in one + 1..length {
                    let changed = swapped(&code, one, other);
                    assert_eq!(shape.matches(&changed), changed == code, "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn shapes_that_codes_cannot_have_are_refused() {
        assert_eq!(Shape::new("", 7), Err(ShapeFault::Length { length: 7 }));
        assert_eq!(Shape::new("", 41), Err(ShapeFault::Length { length: 41 }));
        assert_eq!(
            Shape::new(&"A".repeat(51), 14),
            Err(ShapeFault::TooLong { bytes: 65 })
        );
        assert!(matches!(
            Shape::new("Ä", 14),
            Err(ShapeFault::Prefix(CodeFault::NotAscii { .. }))
        ));
        assert_eq!(
            Shape {
                prefix: String::new(),
                length: 2
            }
            .generate(&[0; 9]),
            None
        );
        assert_eq!(Shape::standard().generate(&[0; 5]), None);
        assert_eq!(Shape::standard().random_len(), 6);
        assert_eq!(Shape::standard().combinations_log2(), 48);
    }

    #[test]
    fn a_prefix_is_printed_as_given_and_compared_folded() {
        let shape = Shape::new("Spring-26-", 10).unwrap();
        let code = shape.generate(&[0x12, 0x34, 0x56, 0x78]).unwrap();
        assert!(code.starts_with("Spring-26-CDFGHJKL"), "{code}");
        let folded = fold(&code).unwrap();
        assert!(shape.matches(folded.as_str()));
        assert_eq!(folded.as_str().len(), shape.folded_len());
        assert!(!Shape::standard().looks_like(folded.as_str()));
        assert!(!shape.looks_like("SUMMER26CDFGHJKLBB"));
    }

    #[test]
    fn a_text_looks_like_a_code_with_at_most_two_foreign_letters() {
        let shape = Shape::standard();
        for (text, expected) in [
            ("BCDFGHJKLNPRST", true),
            ("BCDFGHJKLNPR00", true),
            ("BCDFGHJKLNP000", false),
            ("BCDFGHJKLNPRS", false),
            ("BCDFGHJKLNPRSTV", false),
            ("BCDFGHJKLNPRS.", false),
            ("BCDFGHJKLNPRß", false),
        ] {
            assert_eq!(shape.looks_like(text), expected, "{text}");
        }
    }

    #[test]
    fn patterns_make_what_they_say() {
        let pattern = Pattern::parse(" AB-??##! ").unwrap();
        assert_eq!(pattern.combinations_log2(), 8 + 6);
        assert_eq!(
            pattern.generate(&[0xf0, 0x1f, 250, 255, 249, 7]).as_deref(),
            Some("AB-BX97!")
        );
        assert_eq!(pattern.generate(&[0, 0, 250, 255, 249]), None);
        assert!(pattern.random_len() >= 4);
        assert_eq!(Pattern::parse("####").unwrap().combinations_log2(), 13);
        assert_eq!(Pattern::parse("###").unwrap().combinations_log2(), 9);
        assert_eq!(
            Pattern::parse(&"#".repeat(64)).unwrap().combinations_log2(),
            212
        );
        assert_eq!(Pattern::parse("ABC"), Err(PatternFault::NothingRandom));
        assert_eq!(
            Pattern::parse(" "),
            Err(PatternFault::Code(CodeFault::Empty))
        );
        assert!(matches!(Pattern::parse("ä?"), Err(PatternFault::Code(_))));
    }

    #[test]
    fn codes_are_shown_in_groups_and_hidden_but_for_their_end() {
        for (code, shown, end) in [
            ("BCDFGHJKLNPRST", "BCDF-GHJK-LNPR-ST", "…PRST"),
            ("BCDFGHJK", "BCDF-GHJK", "…GHJK"),
            ("BCDFGHJ", "BCDFGHJ", "…GHJ"),
            ("BCDF-GHJK-LNPR-ST", "BCDF-GHJK-LNPR-ST", "…PRST"),
            ("CF-7K2M-9QXA", "CF-7K2M-9QXA", "…9QXA"),
            ("A1", "A1", "…1"),
            ("A", "A", "…"),
            ("", "", "…"),
        ] {
            assert_eq!(
                (grouped(code).as_str(), last_letters(code).as_str()),
                (shown, end)
            );
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "[ -~]{1,64}") {
            if let Ok(folded) = fold(&text) {
                prop_assert_eq!(fold(folded.as_str()), Ok(folded));
            }
        }

        #[test]
        fn a_generated_code_is_of_its_shape_however_it_is_typed(
            random in proptest::collection::vec(any::<u8>(), 20),
            length in 8..=40usize,
        ) {
            let shape = Shape::new("K7-", length).unwrap();
            let code = shape.generate(&random).unwrap();
            for typed in [code.clone(), code.to_lowercase(), grouped(&code)] {
                let folded = fold(&typed).unwrap();
                prop_assert!(shape.matches(folded.as_str()));
                prop_assert!(shape.looks_like(folded.as_str()));
            }
        }

        #[test]
        fn any_text_can_be_judged(text: String) {
            prop_assert_eq!(grouped(&text).replace('-', ""), text.replace('-', ""));
            prop_assert!(last_letters(&text).chars().count() <= 5);
            let is_checked = check_passes(&text);
            prop_assert!(!is_checked || check_letters(&text[..text.len() - 2]).is_some());
            prop_assert!(Pattern::parse(&text).is_err() || fold(&text).is_ok());
            prop_assert!(!Shape::standard().matches(&text) || Shape::standard().looks_like(&text));
        }
    }
}
