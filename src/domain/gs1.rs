//! GS1 element strings and Digital Link URIs: which of their fields carries our code.
//!
//! Source: GS1 General Specifications, §3.2 (the list of application identifiers, AI), §7.8 (element
//! strings, FNC1, fields of predefined length), §7.9 (check digits), §7.11 (the characters of a field);
//! GS1 Digital Link: URI Syntax 1.2 and later (numeric keys only).
//! Invariant: all of a text fits the table, or nothing of it is read: never half a code.
//! Invariant: a key that is the same on every paper (a coupon's number without its serial) is no code.
//! Not here: whether a code exists, and which hosts are ours.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::ids::MalformedName;
use crate::domain::link::{path_of_ours, percent_decoded};
use crate::domain::reading::{is_gtin, without_aim};

/// The separator of fields, as a scanner sends FNC1.
const SEPARATOR: char = '\u{1d}';

/// An application identifier that a code may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CodeField(u16);

impl CodeField {
    /// A serial number: the code is the field.
    pub const SERIAL: CodeField = CodeField(21);
    /// A Global Coupon Number: the code is the coupon's number and its serial number together.
    pub const COUPON: CodeField = CodeField(255);
}

impl fmt::Display for CodeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for CodeField {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<CodeField, MalformedName> {
        // One paper is told from another by these; a key that all papers share must never be a code.
        const ALLOWED: [u16; 15] = [
            21, 253, 255, 8003, 8112, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99,
        ];
        ALLOWED
            .into_iter()
            .find(|ai| ai.to_string() == text)
            .map(CodeField)
            .ok_or_else(|| {
                MalformedName(format!(
                    "no code stands in a GS1 field {text:?}: 21, 253, 255, 8003, 8112 or 90 to 99"
                ))
            })
    }
}

impl TryFrom<String> for CodeField {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<CodeField, MalformedName> {
        text.parse()
    }
}

/// The number of a trade item as it stands in an element string: 14 digits, its check digit right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Gtin(String);

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Gtin {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Gtin, MalformedName> {
        let is_long_enough = matches!(text.len(), 8 | 12 | 13 | 14);
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_long_enough && is_number && is_gtin(text) {
            Ok(Gtin(format!("{text:0>14}")))
        } else {
            Err(MalformedName(format!(
                "{text:?} is no GTIN: 8, 12, 13 or 14 digits, the last their check digit"
            )))
        }
    }
}

impl TryFrom<String> for Gtin {
    type Error = MalformedName;

    fn try_from(text: String) -> Result<Gtin, MalformedName> {
        text.parse()
    }
}

/// Where a counter takes codes from in GS1 texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gs1Rules {
    /// The fields that may carry a code; the first of them that is there counts.
    pub code_in: Vec<CodeField>,
    /// The trade items whose serial numbers are codes; empty: any.
    pub gtins: Vec<Gtin>,
}

impl Default for Gs1Rules {
    fn default() -> Gs1Rules {
        Gs1Rules {
            code_in: vec![CodeField::COUPON, CodeField::SERIAL],
            gtins: Vec::new(),
        }
    }
}

/// Why a GS1 text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gs1Fault {
    /// A check digit is wrong.
    CheckDigit,
    /// A field is shorter or longer than it may be, or holds a character that it may not.
    Field,
    /// What follows is no field that is known.
    UnknownField,
    /// A field is there twice, and says two things.
    TwoAnswers,
}

impl Gs1Fault {
    /// What to say to the cashier.
    pub fn words(self) -> &'static str {
        match self {
            Gs1Fault::CheckDigit => "a GS1 label with a wrong check digit: scan again",
            Gs1Fault::Field => "a GS1 label that did not arrive whole: scan again",
            Gs1Fault::UnknownField => "a GS1 label with a field that is unknown: scan again",
            Gs1Fault::TwoAnswers => "a GS1 label that says two things: scan one",
        }
    }
}

/// What a GS1 text holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gs1 {
    /// A code, in a field that the rules name.
    Code(String),
    /// Well-formed, and no code in it.
    NoCode,
    /// Not readable.
    Malformed(Gs1Fault),
}

/// One field: its application identifier, as it is written, and its data.
pub type Field = (String, String);

/// Reads the text of a scan; none: it is no GS1 text. `allowed_hosts` are those whose Digital Links
/// are read.
pub fn read(raw: &[u8], rules: &Gs1Rules, allowed_hosts: &[String]) -> Option<Gs1> {
    let text = std::str::from_utf8(raw).ok()?;
    Some(match fields(text, allowed_hosts)? {
        Ok(fields) => rules.code(&fields).map_or(Gs1::NoCode, Gs1::Code),
        Err(fault) => Gs1::Malformed(fault),
    })
}

/// The fields of a text in the order in which they stand; none: it is no GS1 text.
pub fn fields(text: &str, allowed_hosts: &[String]) -> Option<Result<Vec<Field>, Gs1Fault>> {
    let text = text.trim_matches(is_around);
    let found = match path_of_ours(without_aim(text), allowed_hosts) {
        Some(path) => digital_link(&path)?,
        None => element_string(text)?,
    };
    Some(found.and_then(without_twins))
}

impl Gs1Rules {
    fn code(&self, fields: &[Field]) -> Option<String> {
        let value = |wanted: &str| {
            let field = fields.iter().find(|(ai, _)| ai == wanted);
            field.map(|(_, data)| data.as_str())
        };
        self.code_in.iter().find_map(|field| {
            let data = value(&field.to_string())?;
            // The key, which all papers of an offer share, must be followed by one paper's serial.
            let key_chars = match field.0 {
                253 | 255 => 13,
                8003 => 14,
                _ => 0,
            };
            let is_ours = *field != CodeField::SERIAL
                || self.gtins.is_empty()
                || value("01").is_some_and(|gtin| self.gtins.iter().any(|ours| ours.0 == gtin));
            (data.len() > key_chars && is_ours).then(|| data.to_owned())
        })
    }
}

/// What a field may hold.
#[derive(Clone, Copy)]
enum Kind {
    Digits,
    /// The 82 characters of ISO/IEC 646 that element strings are made of.
    Text,
    /// Those of component and part numbers.
    Text39,
}

/// Application identifiers from the first to the last, what they hold, from how many characters to how
/// many; the digits before the place named must end in a check digit (0: none).
type Row = (u16, u16, Kind, usize, usize, usize);

#[rustfmt::skip]
const TWO_DIGITS: &[Row] = {
    use Kind::{Digits, Text};
    &[
        (0, 0, Digits, 18, 18, 18), (1, 3, Digits, 14, 14, 14), (10, 10, Text, 1, 20, 0),
        (11, 13, Digits, 6, 6, 0), (15, 17, Digits, 6, 6, 0), (20, 20, Digits, 2, 2, 0),
        (21, 22, Text, 1, 20, 0), (30, 30, Digits, 1, 8, 0), (37, 37, Digits, 1, 8, 0),
        (90, 90, Text, 1, 30, 0), (91, 99, Text, 1, 90, 0),
    ]
};

#[rustfmt::skip]
const THREE_DIGITS: &[Row] = {
    use Kind::{Digits, Text};
    &[
        (235, 235, Text, 1, 28, 0), (240, 241, Text, 1, 30, 0), (242, 242, Digits, 1, 6, 0),
        (243, 243, Text, 1, 20, 0), (250, 251, Text, 1, 30, 0), (253, 253, Text, 13, 30, 13),
        (254, 254, Text, 1, 20, 0), (255, 255, Digits, 13, 25, 13), (400, 401, Text, 1, 30, 0),
        (402, 402, Digits, 17, 17, 17), (403, 403, Text, 1, 30, 0), (410, 417, Digits, 13, 13, 13),
        (420, 420, Text, 1, 20, 0), (421, 421, Text, 4, 12, 0), (422, 422, Digits, 3, 3, 0),
        (423, 423, Digits, 3, 15, 0), (424, 424, Digits, 3, 3, 0), (425, 425, Digits, 3, 15, 0),
        (426, 426, Digits, 3, 3, 0), (427, 427, Text, 1, 3, 0), (710, 717, Text, 1, 20, 0),
    ]
};

#[rustfmt::skip]
const FOUR_DIGITS: &[Row] = {
    use Kind::{Digits, Text, Text39};
    &[
        (3100, 3169, Digits, 6, 6, 0), (3200, 3299, Digits, 6, 6, 0), (3300, 3379, Digits, 6, 6, 0),
        (3400, 3499, Digits, 6, 6, 0), (3500, 3579, Digits, 6, 6, 0), (3600, 3699, Digits, 6, 6, 0),
        (3900, 3909, Digits, 1, 15, 0), (3910, 3919, Digits, 4, 18, 0), (3920, 3929, Digits, 1, 15, 0),
        (3930, 3939, Digits, 4, 18, 0), (3940, 3949, Digits, 4, 4, 0), (3950, 3959, Digits, 6, 6, 0),
        (4300, 4301, Text, 1, 35, 0), (4302, 4306, Text, 1, 70, 0), (4307, 4307, Text, 2, 2, 0),
        (4308, 4308, Text, 1, 30, 0), (4309, 4309, Digits, 20, 20, 0), (4310, 4311, Text, 1, 35, 0),
        (4312, 4316, Text, 1, 70, 0), (4317, 4317, Text, 2, 2, 0), (4318, 4318, Text, 1, 20, 0),
        (4319, 4319, Text, 1, 30, 0), (4320, 4320, Text, 1, 35, 0), (4321, 4323, Digits, 1, 1, 0),
        (4324, 4325, Digits, 10, 10, 0), (4326, 4326, Digits, 6, 6, 0), (4330, 4333, Text, 6, 7, 0),
        (7001, 7001, Digits, 13, 13, 0), (7002, 7002, Text, 1, 30, 0), (7003, 7003, Digits, 10, 10, 0),
        (7004, 7004, Digits, 1, 4, 0), (7005, 7005, Text, 1, 12, 0), (7006, 7006, Digits, 6, 6, 0),
        (7007, 7007, Digits, 6, 12, 0), (7008, 7008, Text, 1, 3, 0), (7009, 7009, Text, 1, 10, 0),
        (7010, 7010, Text, 1, 2, 0), (7011, 7011, Digits, 6, 10, 0), (7020, 7022, Text, 1, 20, 0),
        (7023, 7023, Text, 1, 30, 0), (7030, 7039, Text, 4, 30, 0), (7040, 7040, Text, 4, 4, 0),
        (7041, 7041, Text, 1, 4, 0), (7230, 7239, Text, 3, 30, 0), (7240, 7240, Text, 1, 20, 0),
        (7241, 7241, Digits, 2, 2, 0), (7242, 7242, Text, 1, 25, 0), (7250, 7250, Digits, 8, 8, 0),
        (7251, 7251, Digits, 12, 12, 0), (7252, 7252, Digits, 1, 1, 0), (7253, 7254, Text, 1, 40, 0),
        (7255, 7255, Text, 1, 10, 0), (7256, 7256, Text, 1, 90, 0), (7257, 7257, Text, 1, 70, 0),
        (7258, 7258, Text, 3, 3, 0), (7259, 7259, Text, 1, 40, 0), (8001, 8001, Digits, 14, 14, 0),
        (8002, 8002, Text, 1, 20, 0), (8003, 8003, Text, 14, 30, 14), (8004, 8004, Text, 1, 30, 0),
        (8005, 8005, Digits, 6, 6, 0), (8006, 8006, Digits, 18, 18, 14), (8007, 8007, Text, 1, 34, 0),
        (8008, 8008, Digits, 8, 12, 0), (8009, 8009, Text, 1, 50, 0), (8010, 8010, Text39, 1, 30, 0),
        (8011, 8011, Digits, 1, 12, 0), (8012, 8012, Text, 1, 20, 0), (8013, 8013, Text, 1, 25, 0),
        (8014, 8014, Text, 1, 25, 0), (8017, 8018, Digits, 18, 18, 18), (8019, 8019, Digits, 1, 10, 0),
        (8020, 8020, Text, 1, 25, 0), (8026, 8026, Digits, 18, 18, 14), (8030, 8030, Text, 1, 90, 0),
        (8110, 8110, Text, 1, 70, 0), (8111, 8111, Digits, 4, 4, 0), (8112, 8112, Text, 1, 70, 0),
        (8200, 8200, Text, 1, 70, 0),
    ]
};

/// Fields that begin so need no separator after them (predefined length).
const PREDEFINED: [&str; 22] = [
    "00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "31",
    "32", "33", "34", "35", "36", "41",
];

/// Keys that a Digital Link may begin with.
const LINK_KEYS: [&str; 20] = [
    "00", "01", "253", "255", "401", "402", "410", "411", "412", "413", "414", "415", "416", "417",
    "8003", "8004", "8006", "8010", "8017", "8018",
];

/// What surrounds a text without belonging to it; separators do.
fn is_around(letter: char) -> bool {
    letter != SEPARATOR && (letter.is_ascii_whitespace() || letter.is_ascii_control())
}

fn row_of(ai: &str) -> Option<Row> {
    let table = match ai.len() {
        2 => TWO_DIGITS,
        3 => THREE_DIGITS,
        4 => FOUR_DIGITS,
        _ => return None,
    };
    if !ai.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u16 = ai.parse().ok()?;
    table
        .iter()
        .find(|(first, last, ..)| (*first..=*last).contains(&number))
        .copied()
}

/// The application identifier that a text begins with. None is the beginning of another.
fn leading_ai(text: &str) -> Option<(&str, Row)> {
    [2, 3, 4].into_iter().find_map(|length| {
        let (ai, _) = text.split_at_checked(length)?;
        Some((ai, row_of(ai)?))
    })
}

/// Whether data fits its row, and then whether its check digit is right.
fn check(data: &str, row: Row) -> Result<(), Gs1Fault> {
    let (_, _, kind, min, max, check_at) = row;
    let may_hold = |byte: u8| match kind {
        Kind::Digits => byte.is_ascii_digit(),
        Kind::Text => byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&byte),
        Kind::Text39 => {
            byte.is_ascii_digit() || byte.is_ascii_uppercase() || b"#-/".contains(&byte)
        }
    };
    if !(min..=max).contains(&data.len()) || !data.bytes().all(may_hold) {
        return Err(Gs1Fault::Field);
    }
    if check_at == 0 {
        return Ok(());
    }
    let key = data.get(..check_at).ok_or(Gs1Fault::Field)?;
    if !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Gs1Fault::Field);
    }
    if is_gtin(key) {
        Ok(())
    } else {
        Err(Gs1Fault::CheckDigit)
    }
}

/// An element string as a scanner sends it, or in brackets as people write it.
fn element_string(text: &str) -> Option<Result<Vec<Field>, Gs1Fault>> {
    let bare = without_aim(text).trim_matches(is_around);
    let aim = text.strip_suffix(bare).unwrap_or_default();
    if let Some(after) = bare.strip_prefix('(') {
        let (ai, _) = after.split_once(')')?;
        row_of(ai)?;
        return Some(in_brackets(bare));
    }
    let plain = bare.replace("{GS}", "\u{1d}");
    let fields = plain.trim_matches(SEPARATOR);
    let is_named = ["]C1", "]Q3", "]d2", "]e", "]J1"]
        .iter()
        .any(|symbology| aim.contains(symbology));
    let has_gtin = fields
        .strip_prefix("01")
        .and_then(|rest| rest.split_at_checked(14))
        .is_some_and(|(gtin, more)| !more.is_empty() && is_gtin(gtin));
    let is_one = is_named || plain.contains(SEPARATOR) || has_gtin;
    let begins_with_digits = fields
        .get(..2)
        .is_some_and(|start| start.bytes().all(|byte| byte.is_ascii_digit()));
    (is_one && begins_with_digits).then(|| separated(fields))
}

fn separated(text: &str) -> Result<Vec<Field>, Gs1Fault> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (ai, row) = leading_ai(rest).ok_or(Gs1Fault::UnknownField)?;
        let data = rest.get(ai.len()..).unwrap_or_default();
        let has_own_length = ai.get(..2).is_some_and(|start| PREDEFINED.contains(&start));
        let end = if has_own_length {
            row.4
        } else {
            data.find(SEPARATOR).unwrap_or(data.len())
        };
        let (data, after) = data.split_at_checked(end).ok_or(Gs1Fault::Field)?;
        check(data, row)?;
        fields.push((ai.to_owned(), data.to_owned()));
        rest = after.strip_prefix(SEPARATOR).unwrap_or(after);
    }
    Ok(fields)
}

/// `(01)…(21)…`. A bracket inside data begins a field only with an identifier that is known.
fn in_brackets(text: &str) -> Result<Vec<Field>, Gs1Fault> {
    let bracketed_ai = |text: &str| -> Option<(String, Row)> {
        let (ai, _) = text.strip_prefix('(')?.split_once(')')?;
        Some((ai.to_owned(), row_of(ai)?))
    };
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (ai, row) = bracketed_ai(rest).ok_or(Gs1Fault::UnknownField)?;
        let after = rest.get(ai.len() + 2..).unwrap_or_default();
        let end = after
            .match_indices('(')
            .map(|(at, _)| at)
            .find(|at| after.get(*at..).and_then(bracketed_ai).is_some())
            .unwrap_or(after.len());
        let (data, next) = after.split_at_checked(end).ok_or(Gs1Fault::Field)?;
        // People put spaces between the fields.
        let data = data.trim_matches([' ', SEPARATOR]);
        check(data, row)?;
        fields.push((ai, data.to_owned()));
        rest = next;
    }
    Ok(fields)
}

/// The keys in the path of a Digital Link, after whatever the host puts before them; none: a link of
/// another kind. What stands in its query are attributes, which carry no code.
fn digital_link(path_and_query: &str) -> Option<Result<Vec<Field>, Gs1Fault>> {
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let start = parts.iter().position(|part| LINK_KEYS.contains(part))?;
    let parts = parts.get(start..)?;
    let (pairs, rest) = parts.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut fields: Vec<Field> = Vec::new();
    let mut fault = None;
    for [ai, data] in pairs {
        let row = row_of(ai)?;
        let mut data = percent_decoded(data)?;
        // A shorter item number is the same one without its leading zeros.
        if *ai == "01" && matches!(data.len(), 8 | 12 | 13) {
            data = format!("{data:0>14}");
        }
        match check(&data, row) {
            Ok(()) => {}
            // What begins with another thing than a key is a link of another kind.
            Err(Gs1Fault::Field) if fields.is_empty() && fault.is_none() => return None,
            Err(found) => fault = fault.or(Some(found)),
        }
        fields.push(((*ai).to_owned(), data));
    }
    Some(fault.map_or(Ok(fields), Err))
}

/// A field may be there twice if it says the same (§7.8).
fn without_twins(fields: Vec<Field>) -> Result<Vec<Field>, Gs1Fault> {
    let mut kept: Vec<Field> = Vec::new();
    for (ai, data) in fields {
        match kept.iter().find(|(known, _)| *known == ai) {
            None => kept.push((ai, data)),
            Some((_, known)) if *known == data => {}
            Some(_) => return Err(Gs1Fault::TwoAnswers),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Vec<String> {
        vec!["id.example".to_owned()]
    }

    fn one(text: &str) -> Option<Gs1> {
        read(text.as_bytes(), &Gs1Rules::default(), &hosts())
    }

    fn code(code: &str) -> Gs1 {
        Gs1::Code(code.to_owned())
    }

    /// As a scanner sends them, each with a separator after it.
    fn separated_text(all: &[Field]) -> String {
        let parts: Vec<String> = all
            .iter()
            .map(|(ai, data)| format!("{ai}{data}\u{1d}"))
            .collect();
        parts.concat()
    }

    #[test]
    fn the_code_stands_in_the_serial_or_the_coupon_s_number() {
        let coupon = "9501101020917123";
        for (text, wanted) in [
            (
                "]C1010950600013435221BCDFGHJKLNPRBB",
                Some(code("BCDFGHJKLNPRBB")),
            ),
            (
                "]Q301095060001343521726123121BCDF\u{1d}10LOT\r\n",
                Some(code("BCDF")),
            ),
            ("]d2\u{1d}010950600013435210LOT\u{1d}21A1", Some(code("A1"))),
            ("]e00109506000134352\u{1d}21A1", Some(code("A1"))),
            ("\u{1d}010950600013435221A1\u{1d}", Some(code("A1"))),
            ("010950600013435221A1", Some(code("A1"))),
            ("0109506000134352{GS}21A1", Some(code("A1"))),
            ("(01)09506000134352(21)A1", Some(code("A1"))),
            ("(01) 09506000134352 (21) A(1)", Some(code("A(1)"))),
            ("(255)9501101020917123", Some(code(coupon))),
            ("]C12559501101020917123", Some(code(coupon))),
            // The coupon's number comes first, also where the item has a serial number.
            (
                "(01)09506000134352(21)A1(255)9501101020917123",
                Some(code(coupon)),
            ),
            (
                "https://id.example/01/09506000134352/21/A1",
                Some(code("A1")),
            ),
            (
                "]Q1https://id.example/shop/01/9506000134352/10/L/21/A%2F1/?17=261231",
                Some(code("A/1")),
            ),
            (
                "https://id.example/255/9501101020917123",
                Some(code(coupon)),
            ),
            // No serial, no code.
            ("(255)9501101020917", Some(Gs1::NoCode)),
            ("https://id.example/255/9501101020917", Some(Gs1::NoCode)),
            ("(01)09506000134352(10)LOT", Some(Gs1::NoCode)),
            ("]e00109506000134352", Some(Gs1::NoCode)),
            ("(21)A1(21)A1", Some(code("A1"))),
        ] {
            assert_eq!(one(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_and_nothing_of_it_is_read() {
        use Gs1Fault::{CheckDigit, Field, TwoAnswers, UnknownField};
        for (text, fault) in [
            ("(01)09506000134353(21)A1", CheckDigit),
            ("]C1010950600013435321A1", CheckDigit),
            ("(255)9501101020918123", CheckDigit),
            ("https://id.example/01/09506000134353/21/A1", CheckDigit),
            ("(01)0950600013435(21)A1", Field),
            ("]C10109506000134", Field),
            ("(21)A1 B", Field),
            ("(21)123456789012345678901", Field),
            ("(255)9501101020917A", Field),
            ("(17)26123(21)A1", Field),
            (
                "https://id.example/01/09506000134352/21/123456789012345678901",
                Field,
            ),
            ("]C1010950600013435288A1", UnknownField),
            ("\u{1d}21A1\u{1d}\u{1d}10B", UnknownField),
            ("(21)A1(21)A2", TwoAnswers),
        ] {
            assert_eq!(one(text), Some(Gs1::Malformed(fault)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_gs1_text_is_left_to_others() {
        for text in [
            "",
            "21A1",
            "2112345678",
            "A1",
            "BCDFGHJKLNPRBB",
            "]C1BCDFGHJKLNPRBB",
            "]Q121A1",
            "4006381333931",
            "0109506000134352",
            "(hello)",
            "(88)A1",
            "https://id.example/A1",
            "https://id.example/01/A1",
            "https://id.example/21/A1",
            "https://id.example/01/09506000134352/offer/A1",
            "https://id.example/01/09506000134352/A1",
            "https://elsewhere.example/01/09506000134352/21/A1",
            "\u{1d}",
            "\u{1d}BCDF",
        ] {
            assert_eq!(one(text), None, "{text:?}");
        }
        assert_eq!(read(b"\x1d21A\xff", &Gs1Rules::default(), &[]), None);
    }

    #[test]
    fn only_what_the_rules_name_carries_a_code() {
        let text = b"(01)09506000134352(21)A1(91)B2(8003)09501101020917A3";
        let of = |code_in: &[&str], gtins: &[&str]| {
            let rules = Gs1Rules {
                code_in: code_in.iter().map(|ai| ai.parse().unwrap()).collect(),
                gtins: gtins.iter().map(|gtin| gtin.parse().unwrap()).collect(),
            };
            read(text, &rules, &[])
        };
        assert_eq!(of(&["91", "21"], &[]), Some(code("B2")));
        assert_eq!(of(&["255", "8003"], &[]), Some(code("09501101020917A3")));
        assert_eq!(of(&["21"], &["9506000134352"]), Some(code("A1")));
        assert_eq!(of(&["21"], &["4006381333931"]), Some(Gs1::NoCode));
        assert_eq!(of(&["255"], &[]), Some(Gs1::NoCode));
        for wrong in ["", "10", "021", "01", "8110", "serial"] {
            assert!(wrong.parse::<CodeField>().is_err(), "{wrong}");
        }
        assert!("4006381333930".parse::<Gtin>().is_err());
        assert!("400638133393é".parse::<Gtin>().is_err());
        let gtin: Gtin = "4006381333931".parse().unwrap();
        assert_eq!(gtin.to_string(), "04006381333931");
    }

    #[test]
    fn no_identifier_is_the_beginning_of_another_and_all_rows_can_be_written() {
        for (length, table) in [(2, TWO_DIGITS), (3, THREE_DIGITS), (4, FOUR_DIGITS)] {
            for (first, last, _, min, max, check_at) in table.iter().copied() {
                assert!(
                    first <= last && 0 < min && min <= max && check_at <= min,
                    "{first}"
                );
                for number in first..=last {
                    let ai = format!("{number:0length$}");
                    assert_eq!(leading_ai(&ai).map(|(found, _)| found), Some(ai.as_str()));
                    let is_predefined = PREDEFINED.contains(&&ai[..2]);
                    assert!(!is_predefined || min == max, "{ai}");
                }
            }
        }
    }

    /// Digits that end in their check digit.
    fn checked(mut digits: String) -> String {
        let last = ('0'..='9')
            .find(|last| is_gtin(&format!("{digits}{last}")))
            .unwrap();
        digits.push(last);
        digits
    }

    fn field() -> impl Strategy<Value = Field> {
        let text = "[0-9A-Za-z!%&'*+,./:;<=>?_-]{1,20}";
        prop_oneof![
            "[0-9]{13}".prop_map(|key| ("01".to_owned(), checked(key))),
            "[0-9]{6}".prop_map(|date| ("17".to_owned(), date)),
            text.prop_map(|lot| ("10".to_owned(), lot)),
            text.prop_map(|serial| ("21".to_owned(), serial)),
            ("[0-9]{12}", "[0-9]{0,12}")
                .prop_map(|(key, serial)| ("255".to_owned(), checked(key) + &serial)),
            "[0-9]{6}".prop_map(|weight| ("3103".to_owned(), weight)),
            text.prop_map(|own| ("99".to_owned(), own)),
        ]
    }

    fn distinct() -> impl Strategy<Value = Vec<Field>> {
        proptest::collection::vec(field(), 1..5).prop_map(|mut fields| {
            fields.sort();
            fields.dedup_by(|one, other| one.0 == other.0);
            fields
        })
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(all in distinct()) {
            let plain = separated_text(&all);
            let bracketed: Vec<String> = all.iter().map(|(ai, data)| format!("({ai}){data}")).collect();
            for text in [format!("]C1{plain}"), format!("\u{1d}{plain}"), bracketed.concat()] {
                prop_assert_eq!(fields(&text, &[]), Some(Ok(all.clone())), "{}", text);
            }
        }

        #[test]
        fn a_text_that_is_cut_never_yields_half_a_key(all in distinct(), cut in 0usize..80) {
            let whole = separated_text(&all);
            let cut = cut.min(whole.len());
            if let Some(Ok(read)) = fields(&format!("]C1{}", &whole[..cut]), &[]) {
                for (ai, data) in read {
                    let was = &all.iter().find(|(known, _)| *known == ai).unwrap().1;
                    // Only what has no length of its own can lose its end unnoticed.
                    prop_assert!(*was == data || (was.starts_with(&data) && matches!(ai.as_str(), "10" | "21" | "255" | "99")));
                }
            }
        }

        #[test]
        fn any_text_is_read(text in "(\\]C1|\u{1d}|\\(|https://id.example/)?(01|21|255|[0-9]{2,4})?[)/]?\\PC{0,60}") {
            one(&text);
        }

        #[test]
        fn any_bytes_are_read(raw: Vec<u8>) {
            read(&raw, &Gs1Rules::default(), &hosts());
        }
    }
}
