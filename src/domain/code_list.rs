//! Lists of codes as people export them: what a row may say, and how each bad row is named.
//!
//! Invariant: a row is either understood whole or named with its line, column, value and reason;
//! nothing is guessed. Not here: reading the file; whether a code is known (only the ledger knows).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use thiserror::Error;

use crate::domain::campaign::ContactKind;
use crate::domain::code::{CodeFault, FoldedCode, fold};
use crate::domain::contact::{ContactFault, PhoneRegion, normal_form};
use crate::domain::escape::escape;
use crate::domain::ids::CampaignId;
use crate::domain::local_time::Boundary;

/// The columns a list may have; without a header they stand in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The code; every list has it.
    Code,
    /// Whose code it is, by e-mail address.
    Email,
    /// Whose code it is, by telephone number.
    Phone,
    /// Whose code it is, by another system's name.
    ExternalId,
    /// The first instant at which the code is no longer honoured.
    ExpiresAt,
}

impl Column {
    /// Every column, in the order of a list without a header.
    pub const ALL: [Column; 5] = [
        Column::Code,
        Column::Email,
        Column::Phone,
        Column::ExternalId,
        Column::ExpiresAt,
    ];

    /// The column's name in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Column::Code => "code",
            Column::Email => "email",
            Column::Phone => "phone",
            Column::ExternalId => "external_id",
            Column::ExpiresAt => "expires_at",
        }
    }
}

/// What makes a whole list unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListFault {
    /// Excel's "Unicode text".
    #[error(
        "this file is UTF-16, not UTF-8: export it again as \"CSV UTF-8\", or convert it with `iconv -f UTF-16 -t UTF-8`"
    )]
    Utf16,
    /// The header names a column that no list has.
    #[error(
        "line 1: there is no column {0:?}; the columns are code, email, phone, external_id and expires_at"
    )]
    UnknownColumn(String),
    /// The header names a column twice.
    #[error("line 1: the column {0} stands there twice")]
    ColumnTwice(&'static str),
    /// More fields than columns.
    #[error(
        "line {line} has {found} fields; a list without a header has at most 5: code, email, phone, external_id and expires_at"
    )]
    TooManyFields {
        /// The first line with content.
        line: u64,
        /// How many fields it has.
        found: usize,
    },
    /// A row without an end.
    #[error(
        "the row that begins in line {line} is longer than {bytes} bytes: is a quote never closed?"
    )]
    EndlessRow {
        /// Where it begins.
        line: u64,
        /// The longest row that is read.
        bytes: usize,
    },
    /// Nothing in it.
    #[error("there are no codes in this file")]
    Empty,
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The line of the file in which the row begins, from 1.
    pub line: u64,
    /// The column's name, or its number from 1 in a list without a header; empty: the whole row.
    pub column: String,
    /// What stands there, escaped and cut short.
    pub value: String,
    /// Why it cannot be stored.
    pub reason: String,
}

/// Why a row cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowFault {
    /// The code could not be one.
    #[error(transparent)]
    Code(#[from] CodeFault),
    /// Bytes that are not UTF-8.
    #[error("this is not UTF-8 text")]
    NotText,
    /// More or fewer fields than the first row.
    #[error("the row has {found} fields, not {expected}")]
    FieldCount {
        /// How many it has.
        found: usize,
        /// How many the list has.
        expected: usize,
    },
    /// The same code again.
    #[error("the same code stands in line {first_line} of this file")]
    Twice {
        /// Where it stands first.
        first_line: u64,
    },
    /// Another spelling of the same code.
    #[error(
        "a scan could not tell it from {first:?} in line {first_line}: letter case, spaces and hyphens do not count"
    )]
    Clash {
        /// Where the other spelling stands.
        first_line: u64,
        /// The other spelling.
        first: String,
    },
    /// The ledger has this code.
    #[error("the ledger has this code already, in campaign {campaign}")]
    Known {
        /// Whose code it is.
        campaign: CampaignId,
    },
    /// The ledger has another spelling of this code.
    #[error(
        "a scan could not tell it from {known:?} of campaign {campaign}: letter case, spaces and hyphens do not count"
    )]
    KnownClash {
        /// Whose code it is.
        campaign: CampaignId,
        /// The other spelling.
        known: String,
    },
    /// A campaign says this text when its codes are gone: everybody knows it.
    #[error(
        "this is what campaign {campaign} says when its codes are gone, so it cannot be a code"
    )]
    Fallback {
        /// The campaign.
        campaign: String,
    },
    /// Excel turned the code into a number in scientific notation.
    #[error(
        "a spreadsheet has turned this code into a number (scientific notation): export the list again with the column as text, or import it with --as-is"
    )]
    Scientific,
    /// Excel dropped leading zeros.
    #[error(
        "a spreadsheet has probably dropped leading zeros: most numbers here have {usual} digits; export the list again with the column as text, or import it with --as-is"
    )]
    LostZeros {
        /// How many digits most codes have.
        usual: usize,
    },
    /// The contact could not be one.
    #[error(transparent)]
    Contact(#[from] ContactFault),
    /// Not a time.
    #[error("{0}")]
    ExpiresAt(String),
    /// The customer may have no further code.
    #[error("this customer has their {limit} of this campaign's codes already")]
    PerCustomer {
        /// How many the campaign allows.
        limit: u32,
    },
    /// The contacts disagree.
    #[error("the contacts of this row belong to two customers")]
    TwoCustomers,
}

/// A bad field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// The place in the row, from 0; none: the whole row.
    pub place: Option<usize>,
    /// What stands there.
    pub value: Vec<u8>,
    /// Why it cannot be stored.
    pub fault: RowFault,
}

/// Which field of a row is which column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    order: Vec<Column>,
    has_header: bool,
}

/// A row as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The code in the form in which codes are compared.
    pub folded: FoldedCode,
    /// The code as it is shown.
    pub shown: &'a str,
    /// Whose it is: contacts in normal form.
    pub contacts: Vec<(ContactKind, String)>,
    /// The first instant at which it is no longer honoured.
    pub expires_at: Option<Timestamp>,
}

/// What is read into a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpreadsheetCheck {
    /// Codes that a spreadsheet has damaged are named.
    Look,
    /// Codes are taken as they are.
    TakeAsIs,
}

/// What separates the fields, by the first line with content: the most frequent of comma, semicolon
/// and tab outside quotes.
pub fn delimiter_of(beginning: &[u8]) -> u8 {
    let line = beginning
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in line {
        is_quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += i32::from(!is_quoted && byte == delimiter);
        }
    }
    let mut best = (b',', 0);
    for candidate in counts {
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    best.0
}

/// Whether a file begins as UTF-16 does: with its mark, or with every other byte zero.
pub fn is_utf16(beginning: &[u8]) -> bool {
    match beginning {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [0, first, 0, second, ..] | [first, 0, second, 0, ..] => *first != 0 && *second != 0,
        _ => false,
    }
}

impl Columns {
    /// The columns of a list by its first row, which is a header exactly when its first field is
    /// `code`.
    pub fn of_first_row<'a>(
        fields: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        line: u64,
    ) -> Result<Columns, ListFault> {
        let found = fields.len();
        let names = fields.map(|field| String::from_utf8_lossy(field).trim().to_lowercase());
        if names.clone().next().as_deref() != Some(Column::Code.as_str()) {
            let order: Vec<Column> = Column::ALL.into_iter().take(found).collect();
            if found > order.len() {
                return Err(ListFault::TooManyFields { line, found });
            }
            return Ok(Columns {
                order,
                has_header: false,
            });
        }
        let mut order = Vec::new();
        for name in names {
            let column = Column::ALL
                .into_iter()
                .find(|column| column.as_str() == name)
                .ok_or_else(|| ListFault::UnknownColumn(capped(name.as_bytes())))?;
            if order.contains(&column) {
                return Err(ListFault::ColumnTwice(column.as_str()));
            }
            order.push(column);
        }
        Ok(Columns {
            order,
            has_header: true,
        })
    }

    /// Whether the first row is a header.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.order.iter().map(|column| column.as_str())
    }

    /// What a person calls the field at a place: its name in the header, else its number.
    pub fn name(&self, place: usize) -> String {
        self.order
            .get(place)
            .filter(|_| self.has_header)
            .map_or_else(
                || (place + 1).to_string(),
                |column| column.as_str().to_owned(),
            )
    }

    /// The place of a column.
    pub fn place_of(&self, column: Column) -> Option<usize> {
        self.order.iter().position(|own| *own == column)
    }

    /// Understands one row; phone numbers without a country are of `region`.
    pub fn read<'a>(
        &self,
        fields: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        check: SpreadsheetCheck,
        zone: &TimeZone,
        region: Option<PhoneRegion>,
    ) -> Result<Row<'a>, BadField> {
        if check == SpreadsheetCheck::Look
            && let Some(value) = split_scientific(fields.clone())
        {
            return Err(bad(Some(0), value.as_bytes(), RowFault::Scientific));
        }
        let found = fields.len();
        if found != self.order.len() {
            let expected = self.order.len();
            let value: Vec<&[u8]> = fields.collect();
            let fault = RowFault::FieldCount { found, expected };
            return Err(bad(None, &value.join(b"|".as_slice()), fault));
        }
        let mut code = None;
        let mut contacts = Vec::new();
        let mut expires_at = None;
        for (place, (column, field)) in self.order.iter().zip(fields).enumerate() {
            let text = std::str::from_utf8(field)
                .ok()
                .ok_or_else(|| bad(Some(place), field, RowFault::NotText))?;
            let named = |fault: RowFault| bad(Some(place), field, fault);
            let kind = match column {
                Column::Code => {
                    code = Some(read_code(text, check).map_err(named)?);
                    continue;
                }
                Column::ExpiresAt => {
                    expires_at = read_expiry(text, zone).map_err(named)?;
                    continue;
                }
                Column::Email => ContactKind::Email,
                Column::Phone => ContactKind::Phone,
                Column::ExternalId => ContactKind::ExternalId,
            };
            if !text.trim().is_empty() {
                let form = normal_form(kind, text, region).map_err(|fault| named(fault.into()))?;
                contacts.push((kind, form));
            }
        }
        let (folded, shown) = code.ok_or_else(|| bad(None, b"", CodeFault::Empty.into()))?;
        Ok(Row {
            folded,
            shown,
            contacts,
            expires_at,
        })
    }

    /// A bad row in words for people.
    pub fn bad_row(&self, line: u64, field: &BadField) -> BadRow {
        BadRow {
            line,
            column: field
                .place
                .map_or_else(String::new, |place| self.name(place)),
            value: capped(&field.value),
            reason: field.fault.to_string(),
        }
    }
}

/// How many digits the numeric codes of a list have, to notice lost leading zeros.
#[derive(Debug, Clone, Default)]
pub struct DigitCensus {
    by_length: Vec<u64>,
}

/// The digits of a number from which on it has lost zeros rather than being just short.
const DIGITS_MIN: usize = 6;

impl DigitCensus {
    /// Counts a code, if it is a number.
    pub fn count(&mut self, shown: &str) {
        if !is_number(shown) {
            return;
        }
        if self.by_length.len() <= shown.len() {
            self.by_length.resize(shown.len() + 1, 0);
        }
        if let Some(count) = self.by_length.get_mut(shown.len()) {
            *count += 1;
        }
    }

    /// How many digits a number must have, where the list says so: at least six, and at least half
    /// of its numbers have them.
    pub fn usual(&self) -> Option<usize> {
        let all: u64 = self.by_length.iter().sum();
        let (usual, most) = self
            .by_length
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count)?;
        (usual >= DIGITS_MIN && most * 2 >= all).then_some(usual)
    }
}

/// Whether a code has probably lost leading zeros, where numbers usually have so many digits.
pub fn has_lost_zeros(shown: &str, usual: Option<usize>) -> Option<RowFault> {
    let usual = usual.filter(|usual| shown.len() < *usual && is_number(shown))?;
    Some(RowFault::LostZeros { usual })
}

/// A text escaped and cut short, as reports show it.
pub fn capped(value: &[u8]) -> String {
    const SHOWN_MAX: usize = 80;
    let shown = escape(value.get(..SHOWN_MAX * 2).unwrap_or(value));
    if shown.len() <= SHOWN_MAX && value.len() <= SHOWN_MAX * 2 {
        return shown;
    }
    shown.chars().take(SHOWN_MAX).chain(['…']).collect()
}

fn bad(place: Option<usize>, value: &[u8], fault: RowFault) -> BadField {
    BadField {
        place,
        value: value.to_vec(),
        fault,
    }
}

fn read_code(text: &str, check: SpreadsheetCheck) -> Result<(FoldedCode, &str), RowFault> {
    let folded = fold(text)?;
    let shown = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
    if check == SpreadsheetCheck::Look && is_scientific(shown) {
        return Err(RowFault::Scientific);
    }
    Ok((folded, shown))
}

fn read_expiry(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, RowFault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let boundary: Boundary = text
        .parse()
        .map_err(|fault: crate::domain::ids::MalformedName| RowFault::ExpiresAt(fault.0))?;
    boundary
        .ends_at(zone)
        .map(Some)
        .ok_or_else(|| RowFault::ExpiresAt("no clock shows this time".to_owned()))
}

/// `1,23E+11`, `1.2E+10`, `4E+07`: one digit, decimals, and an exponent with its sign.
fn is_scientific(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let (whole, decimals) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let exponent = exponent.strip_prefix(['+', '-']);
    is_number(whole) && whole.len() == 1 && is_number(decimals) && exponent.is_some_and(is_number)
}

/// `1,23E+11` of a spreadsheet with decimal commas, torn apart at its comma.
fn split_scientific<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let first = std::str::from_utf8(fields.next()?).ok()?.trim();
    if first.len() != 1 || !is_number(first) {
        return None;
    }
    let second = std::str::from_utf8(fields.next()?).ok()?.trim();
    let joined = format!("{first},{second}");
    is_scientific(&joined).then_some(joined)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(first_row: &str) -> Result<Columns, ListFault> {
        let fields: Vec<&[u8]> = first_row.split(',').map(str::as_bytes).collect();
        Columns::of_first_row(fields.into_iter(), 1)
    }

    fn fault(row: &str) -> String {
        let all = columns("code,email,phone,external_id,expires_at").unwrap();
        let fields: Vec<&[u8]> = row.split('|').map(str::as_bytes).collect();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        match all.read(fields.into_iter(), SpreadsheetCheck::Look, &zone, None) {
            Ok(_) => String::new(),
            Err(field) => {
                let row = all.bad_row(7, &field);
                format!("{} {} {}", row.column, row.value, row.reason)
            }
        }
    }

    #[test]
    fn a_first_row_is_a_header_exactly_when_it_begins_with_code() {
        assert!(columns("Code,EMAIL").unwrap().has_header());
        assert!(columns(" code ").unwrap().has_header());
        assert!(!columns("codes,email").unwrap().has_header());
        assert_eq!(columns("a,b,c,d,e").unwrap().name(4), "5");
        assert_eq!(columns("code,phone").unwrap().name(1), "phone");
        assert_eq!(
            columns("code,name"),
            Err(ListFault::UnknownColumn("name".into()))
        );
        assert_eq!(
            columns("code,email,Email"),
            Err(ListFault::ColumnTwice("email"))
        );
        assert!(matches!(
            columns("a,b,c,d,e,f"),
            Err(ListFault::TooManyFields { found: 6, .. })
        ));
    }

    #[test]
    fn the_delimiter_is_sniffed_outside_quotes() {
        for (line, delimiter) in [
            ("code", b','),
            ("code;email\na,b,c,d", b';'),
            ("code\temail", b'\t'),
            ("\r\n\"a,b,c\";d\n", b';'),
            ("a,b;c,d", b','),
        ] {
            assert_eq!(delimiter_of(line.as_bytes()), delimiter, "{line:?}");
        }
        assert!(is_utf16(b"\xff\xfec\0") && is_utf16(b"c\0o\0d\0") && is_utf16(b"\0c\0o"));
        assert!(!is_utf16(b"code") && !is_utf16(b"") && !is_utf16(b"\xef\xbb\xbfcode"));
    }

    #[test]
    fn every_bad_field_is_named() {
        for (row, expected) in [
            ("ABC||||", ""),
            ("ABC|ana@example.org|+44 20 7946 0958|x|2026-12-24", ""),
            ("|a@example.org|||", "code  there is no code"),
            ("ÄBC||||", "code \\u{c4}BC \\u{c4} at column 1 is not"),
            ("ABC|ana|||", "email ana \"ana\" is not an e-mail"),
            ("ABC||12||", "phone 12 \"12\" is not a phone"),
            ("ABC||||soon", "expires_at soon \"soon\" is not a time"),
            ("ABC|", " ABC| the row has 2 fields, not 5"),
            ("1.2E+10||||", "code 1.2E+10 a spreadsheet"),
            ("1|23E+11|||", "code 1,23E+11 a spreadsheet"),
            ("4e+07||||", "code 4e+07 a spreadsheet"),
            ("4E07||||", ""),
            ("AE+07||||", ""),
        ] {
            let found = fault(row);
            assert!(found.starts_with(expected), "{row}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{row}: {found}");
        }
    }

    #[test]
    fn a_bare_date_means_the_whole_local_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let columns = Columns {
            order: vec![Column::Code, Column::ExpiresAt],
            has_header: true,
        };
        let fields: [&[u8]; 2] = [b" ab-c ", b"2026-12-24"];
        let row = columns
            .read(fields.into_iter(), SpreadsheetCheck::Look, &zone, None)
            .unwrap();
        assert_eq!(row.shown, "ab-c");
        assert_eq!(row.folded.as_str(), "ABC");
        assert_eq!(row.expires_at, "2026-12-24T23:00:00Z".parse().ok());
    }

    #[test]
    fn short_numbers_have_lost_zeros_only_where_most_are_longer() {
        let usual = |codes: &[&str]| {
            let mut census = DigitCensus::default();
            for code in codes {
                census.count(code);
            }
            census.usual()
        };
        assert_eq!(usual(&["123456", "123456", "1234", "ABC"]), Some(6));
        assert_eq!(usual(&["12345", "12345"]), None);
        assert_eq!(usual(&["1234567", "123456", "12345"]), None);
        assert_eq!(usual(&[]), None);
        assert!(has_lost_zeros("1234", Some(6)).is_some());
        assert!(has_lost_zeros("123456", Some(6)).is_none());
        assert!(has_lost_zeros("A234", Some(6)).is_none());
        assert!(has_lost_zeros("1234", None).is_none());
    }

    #[test]
    fn values_are_cut_short() {
        assert_eq!(capped(b"a\x1bb"), "a\\x1bb");
        assert_eq!(capped(&[b'x'; 80]).len(), 80);
        assert_eq!(capped(&[b'x'; 500]).chars().count(), 81);
    }
}
