//! What a scan may hold, and what it is when it is not ours.
//!
//! A reading offers texts to look up, and says what the scan is if the ledger knows none of them.
//! Invariant: only what was scanned, in one of the forms of [`Reading::candidates`], is ever looked
//! up to be honoured; a repair is looked up only to explain a fault.
//! Invariant: a candidate is printable ASCII.
//! Not here: whether a code exists; framing (when a scan begins and ends).

use serde::{Deserialize, Serialize};

use crate::domain::code::{
    CODE_BYTES_MAX, FoldedCode, SHAPE_LETTERS_MIN, Shape, check_passes, fold, fold_letters,
};
use crate::domain::escape::{for_display, pieces};
use crate::domain::gs1::Gs1Fault;
use crate::domain::layout::{Layout, repair};
use crate::domain::link::{Link, app_link, card, link, strip_ignoring_case};
use crate::domain::private::{Private, private_kind};

/// What an attempt log keeps of a scan at most, in characters.
pub const KEPT_CHARS_MAX: usize = 200;

/// The longest scan that layouts and glued codes are tried on: beyond it nothing is a code. Two
/// links of a usual length.
const EXPLAINED_BYTES_MAX: usize = 512;

/// What a scan may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The texts to look up, in this order, the first that is known counts: the text as it came,
    /// the text without its AIM identifier or Code 39 stars, the code inside an allowed link.
    pub candidates: Vec<FoldedCode>,
    /// What the scan is if no candidate is known.
    pub otherwise: Otherwise,
    /// What the scanner may have meant if the computer's keyboard layout is not the scanner's. If no
    /// candidate is known and all known repairs are one code, the scan is a misread, see
    /// [`MisreadHint::of_layouts`]. Never to be honoured.
    pub repairs: Vec<(Layout, FoldedCode)>,
    /// The two halves of the text, for codes without check letters: if no candidate is known and
    /// both halves are, the scan is [`NotOurs::SeveralCodes`]. Never to be honoured.
    pub halves: Option<(FoldedCode, FoldedCode)>,
}

/// What a scan is when the ledger knows none of its candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Something else than a code of ours.
    NotOurs(NotOurs),
    /// Meant to be a code of ours, but it did not arrive as it was printed.
    Misread(MisreadHint),
    /// It may have been a code; the ledger does not know it.
    NotFound,
}

impl Otherwise {
    /// Whether a field that asks for another number, such as a receipt's, may take the scan: it is
    /// readable, it is one thing, and it is nobody's secret.
    pub fn may_fill(&self) -> bool {
        match self {
            Otherwise::NotFound => true,
            Otherwise::Misread(_) => false,
            Otherwise::NotOurs(what) => match what {
                NotOurs::ProductBarcode
                | NotOurs::Gs1
                | NotOurs::WebLink { .. }
                | NotOurs::AppLink { .. }
                | NotOurs::MailLink
                | NotOurs::PhoneLink
                | NotOurs::TooLong { .. } => true,
                NotOurs::Blank
                | NotOurs::ContactCard
                | NotOurs::WifiCard
                | NotOurs::OneTimePassword
                | NotOurs::CalendarEntry
                | NotOurs::MessageLink
                | NotOurs::MapLink
                | NotOurs::SeveralCodes
                | NotOurs::Preview { .. }
                | NotOurs::TestCode
                | NotOurs::Fallback { .. }
                | NotOurs::Unreadable => false,
            },
        }
    }
}

/// Why a scan did not arrive as it was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MisreadHint {
    /// It has the shape of a generated code, and its check letters are wrong.
    CheckLetters,
    /// The scanner types US keys, and the computer has this layout.
    Layout(Layout),
    /// The scanner types US keys, and the computer has another layout; several would explain it.
    SomeLayout,
    /// The scanner sends Alt and digits instead of letters.
    AltMode,
    /// The serial line carries a parity bit that is read as part of each letter.
    Parity,
    /// It is a GS1 text that cannot be read, at a counter that reads them.
    Gs1(Gs1Fault),
}

impl MisreadHint {
    /// The hint when these layouts explain a scan; `None` if there is none.
    pub fn of_layouts(layouts: &[Layout]) -> Option<MisreadHint> {
        match layouts {
            [] => None,
            [layout] => Some(MisreadHint::Layout(*layout)),
            [_, ..] => Some(MisreadHint::SomeLayout),
        }
    }

    /// What to say to the cashier.
    pub fn words(self) -> String {
        match self {
            MisreadHint::CheckLetters => "not read correctly: scan again".to_owned(),
            MisreadHint::Layout(layout) => format!(
                "the scanner types US keys, the computer's keyboard is set to {layout}: \
                 set both alike"
            ),
            MisreadHint::SomeLayout => "the scanner types US keys, the computer's keyboard is set \
                 to another layout: set both alike"
                .to_owned(),
            MisreadHint::AltMode => {
                "the scanner is in ALT mode: switch it off in the scanner's settings".to_owned()
            }
            MisreadHint::Parity => {
                "the serial scanner sends a parity bit: set it to 8N1".to_owned()
            }
            MisreadHint::Gs1(fault) => fault.words().to_owned(),
        }
    }
}

/// What a scan is that is no code of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotOurs {
    /// Nothing, or white space.
    Blank,
    /// The number of a product: EAN-8, UPC-A, EAN-13, GTIN-14.
    ProductBarcode,
    /// A GS1 element string: a label with several fields.
    Gs1,
    /// A link to a host that is not ours, or to one of ours without a code in it.
    WebLink {
        /// The host, in lower case, harmless on a screen.
        host: String,
    },
    /// A link that starts another program.
    AppLink {
        /// Its scheme, in lower case.
        scheme: String,
    },
    /// vCard, MECARD, BIZCARD.
    ContactCard,
    /// The name and password of a wireless network.
    WifiCard,
    /// The secret of an authenticator.
    OneTimePassword,
    /// An event or a calendar.
    CalendarEntry,
    /// A link that writes a mail.
    MailLink,
    /// A link that calls somebody.
    PhoneLink,
    /// A link that writes a text message.
    MessageLink,
    /// A place on a map.
    MapLink,
    /// Two codes or more, read as one.
    SeveralCodes,
    /// The stand-in for a code in a preview of a mail.
    Preview {
        /// The campaign it names, harmless on a screen.
        campaign: String,
    },
    /// A code drawn in test mode. Said by the ledger only; never by [`read`].
    TestCode,
    /// What a campaign says where no code is left. Said by the ledger only; never by [`read`].
    Fallback {
        /// The campaign.
        campaign: String,
    },
    /// Longer than a code may be.
    TooLong {
        /// Its length without the white space around it.
        bytes: usize,
    },
    /// Control characters or characters outside ASCII.
    Unreadable,
}

impl NotOurs {
    /// What it is, in words for a cashier.
    pub fn words(&self) -> String {
        let words = match self {
            NotOurs::Blank => "nothing to read",
            NotOurs::ProductBarcode => "a product barcode",
            NotOurs::Gs1 => "a product or shipping label",
            NotOurs::WebLink { host } => return format!("a web link to {host}"),
            NotOurs::AppLink { scheme } => return format!("a link for an app ({scheme})"),
            NotOurs::ContactCard => "a contact card",
            NotOurs::WifiCard => "a Wi-Fi password",
            NotOurs::OneTimePassword => "a one-time password",
            NotOurs::CalendarEntry => "a calendar entry",
            NotOurs::MailLink => "a mail address",
            NotOurs::PhoneLink => "a phone number",
            NotOurs::MessageLink => "a text message",
            NotOurs::MapLink => "a place on a map",
            NotOurs::SeveralCodes => "two codes at once: scan one",
            NotOurs::Preview { campaign } => return format!("a preview of {campaign}, not a code"),
            NotOurs::TestCode => "a test code",
            NotOurs::Fallback { campaign } => {
                return format!(
                    "what {campaign} says when its codes are gone, not a code: nothing to honour"
                );
            }
            NotOurs::TooLong { bytes } => return format!("too long for a code ({bytes} bytes)"),
            NotOurs::Unreadable => "not plain text: unreadable",
        };
        words.to_owned()
    }
}

/// Reads the bytes of one scan. `allowed_hosts` are the hosts whose links hold our codes, `shapes`
/// those of our generated codes; [`Shape::standard`] is always among them.
pub fn read(raw: &[u8], allowed_hosts: &[String], shapes: &[Shape]) -> Reading {
    let mut shapes = shapes.to_vec();
    shapes.push(Shape::standard());
    let nothing = |otherwise| Reading {
        candidates: Vec::new(),
        otherwise,
        repairs: Vec::new(),
        halves: None,
    };
    if has_alt_digits(raw) {
        return nothing(Otherwise::Misread(MisreadHint::AltMode));
    }
    let trimmed = trim(raw);
    let Ok(text) = std::str::from_utf8(trimmed) else {
        return nothing(explain_bytes(trimmed));
    };
    let form = Form::of(text, allowed_hosts);
    if form.bare.is_empty() {
        return nothing(Otherwise::NotOurs(NotOurs::Blank));
    }
    let candidates = if text.is_ascii() {
        form.candidates()
    } else {
        Vec::new()
    };
    let is_intact = candidates
        .iter()
        .any(|code| shapes.iter().any(|shape| shape.matches(code.as_str())));
    let alien = form
        .alien()
        .or_else(|| form.gs1(raw).filter(|_| !is_intact));
    let repairs = if is_intact || alien.is_some() {
        Vec::new()
    } else {
        repairs(text, allowed_hosts, &candidates)
    };
    let otherwise = match alien {
        Some(alien) => Otherwise::NotOurs(alien),
        None => explain(&form, is_intact, &repairs, &shapes),
    };
    let halves = if is_intact {
        None
    } else {
        halves(&form.unglued())
    };
    Reading {
        candidates,
        otherwise,
        repairs,
        halves,
    }
}

/// The two codes that a text of an even number of letters may be, glued together by a scanner
/// without a suffix. Whether they exist only the ledger can say.
pub fn halves(folded: &str) -> Option<(FoldedCode, FoldedCode)> {
    if !folded.is_ascii() || !folded.len().is_multiple_of(2) {
        return None;
    }
    let (first, second) = folded.split_at_checked(folded.len() / 2)?;
    Some((fold(first).ok()?, fold(second).ok()?))
}

/// What may be kept of a scan that changed nothing: escaped, so that it can be undone by
/// [`unescape`](crate::domain::escape::unescape), and at most [`KEPT_CHARS_MAX`] characters, a cut
/// marked with the whole length. What is likely a secret or about a person is kept as kind and
/// length only: a lone number of 4 to 8 digits (a PIN, a one-time password), a contact card, a Wi-Fi
/// or one-time-password code, also when a keyboard layout has garbled it. `<` is always escaped, so
/// that a mark is never mistaken for what was scanned.
pub fn kept_form(raw: &[u8]) -> String {
    let trimmed = trim(raw);
    if let Some(kind) = private_kind(&String::from_utf8_lossy(trimmed)) {
        return match kind {
            Private::Number { digits } => format!("<number, {digits} digits>"),
            Private::Card(what) => format!("<{what}, {} bytes>", trimmed.len()),
        };
    }
    let mark = format!("<cut, {} bytes>", raw.len());
    let mut kept = String::new();
    let mut short = None;
    for piece in pieces(raw) {
        let piece = if piece == "<" {
            "\\x3c"
        } else {
            piece.as_str()
        };
        if short.is_none() && kept.len() + piece.len() + mark.len() > KEPT_CHARS_MAX {
            short = Some(kept.len());
        }
        kept.push_str(piece);
        if kept.len() > KEPT_CHARS_MAX {
            kept.truncate(short.unwrap_or(0));
            kept.push_str(&mark);
            return kept;
        }
    }
    kept
}

/// A text taken apart: its AIM identifiers, what follows them, and the code inside a link.
struct Form<'a> {
    text: &'a str,
    aim: &'a str,
    bare: &'a str,
    link: Link,
}

impl<'a> Form<'a> {
    fn of(text: &'a str, allowed_hosts: &[String]) -> Form<'a> {
        let bare = without_aim(text);
        let aim = text.strip_suffix(bare).unwrap_or_default();
        Form {
            text,
            aim,
            bare: trim_text(bare),
            link: link(trim_text(bare), allowed_hosts),
        }
    }

    /// The text that would be our code.
    fn core(&self) -> &str {
        match &self.link {
            Link::Allowed { code } => code,
            Link::None => {
                // Code 39 scanners may send the stars that start and stop it.
                let starred = self
                    .bare
                    .strip_prefix('*')
                    .and_then(|rest| rest.strip_suffix('*'));
                starred.unwrap_or(self.bare)
            }
            Link::Foreign { .. } | Link::Several => self.bare,
        }
    }

    fn candidates(&self) -> Vec<FoldedCode> {
        let texts = [self.text, self.bare, self.core()];
        let mut candidates = Vec::new();
        for code in texts.into_iter().filter_map(|text| fold(text).ok()) {
            if !candidates.contains(&code) {
                candidates.push(code);
            }
        }
        candidates
    }

    fn alien(&self) -> Option<NotOurs> {
        match &self.link {
            Link::Allowed { .. } => None,
            Link::Foreign { host } => Some(NotOurs::WebLink { host: host.clone() }),
            Link::Several => Some(NotOurs::SeveralCodes),
            Link::None => card(self.bare).or_else(|| app_link(self.bare)),
        }
    }

    /// Element strings by FNC1 (as GS, or written out by a driver), by AIM identifier (ISO/IEC
    /// 15424), or by a GTIN and more without either.
    fn gs1(&self, raw: &[u8]) -> Option<NotOurs> {
        let leading = raw.iter().take_while(|byte| is_blank(**byte));
        let has_separator = leading.copied().any(|byte| byte == 0x1d)
            || self.bare.contains('\u{1d}')
            || self.bare.contains("{GS}");
        let has_identifier = ["]Q3", "]d2", "]C1", "]J1", "]e"]
            .iter()
            .any(|aim| self.aim.contains(aim));
        let digits = self
            .bare
            .strip_prefix("(01)")
            .or_else(|| self.bare.strip_prefix("01"));
        let has_gtin = digits
            .and_then(|rest| rest.split_at_checked(14))
            .is_some_and(|(gtin, more)| !more.is_empty() && is_gtin(gtin));
        (has_separator || has_identifier || has_gtin).then_some(NotOurs::Gs1)
    }

    /// The folded text without the identifiers that the scanner put before each part.
    fn unglued(&self) -> String {
        let core = self.core();
        if core.len() > EXPLAINED_BYTES_MAX {
            return String::new();
        }
        let parts = if self.aim.is_empty() {
            core.to_owned()
        } else {
            core.replace(self.aim, "")
        };
        fold_letters(&parts.replace(['\r', '\n', '\t'], ""))
    }
}

/// What a text is that names nothing else by its form.
fn explain(
    form: &Form<'_>,
    is_intact: bool,
    repairs: &[(Layout, FoldedCode)],
    shapes: &[Shape],
) -> Otherwise {
    let core = form.core();
    if is_intact {
        return Otherwise::NotFound;
    }
    if form.aim.contains("]E") || is_product_number(core) {
        return Otherwise::NotOurs(NotOurs::ProductBarcode);
    }
    if let Some(campaign) = preview(core) {
        return Otherwise::NotOurs(NotOurs::Preview { campaign });
    }
    if counts_as_several(&form.unglued(), shapes) {
        return Otherwise::NotOurs(NotOurs::SeveralCodes);
    }
    let folded = fold_letters(core);
    if shapes.iter().any(|shape| shape.looks_like(&folded)) {
        return Otherwise::Misread(MisreadHint::CheckLetters);
    }
    let explaining: Vec<Layout> = repairs
        .iter()
        .filter(|(_, code)| shapes.iter().any(|shape| shape.matches(code.as_str())))
        .map(|(layout, _)| *layout)
        .collect();
    if let Some(hint) = MisreadHint::of_layouts(&explaining) {
        return Otherwise::Misread(hint);
    }
    if !core.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Otherwise::NotOurs(NotOurs::Unreadable);
    }
    if core.len() > CODE_BYTES_MAX {
        return Otherwise::NotOurs(NotOurs::TooLong { bytes: core.len() });
    }
    Otherwise::NotFound
}

/// What bytes are that are not UTF-8.
fn explain_bytes(trimmed: &[u8]) -> Otherwise {
    let lossy = String::from_utf8_lossy(trimmed);
    let bare = after_aim(&lossy).unwrap_or(&lossy);
    if let Some(card) = card(bare) {
        return Otherwise::NotOurs(card);
    }
    // Noise has both parities; 6 bytes that agree by chance are 1 in 32.
    let ones: Vec<u32> = trimmed.iter().map(|byte| byte.count_ones() % 2).collect();
    let is_uniform = ones.iter().all(|one| Some(one) == ones.first());
    let masked: Vec<u8> = trimmed.iter().map(|byte| byte & 0x7f).collect();
    let is_text = trim(&masked).iter().all(|byte| (0x20..0x7f).contains(byte));
    if trimmed.len() >= 6 && is_uniform && is_text {
        return Otherwise::Misread(MisreadHint::Parity);
    }
    Otherwise::NotOurs(NotOurs::Unreadable)
}

fn repairs(
    text: &str,
    allowed_hosts: &[String],
    candidates: &[FoldedCode],
) -> Vec<(Layout, FoldedCode)> {
    if text.len() > EXPLAINED_BYTES_MAX {
        return Vec::new();
    }
    let meant = |layout: Layout| -> Option<(Layout, FoldedCode)> {
        let meant = repair(text, layout)?;
        let form = Form::of(&meant, allowed_hosts);
        let code = fold(form.core()).ok()?;
        (form.alien().is_none() && !candidates.contains(&code)).then_some((layout, code))
    };
    Layout::ALL.into_iter().filter_map(meant).collect()
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control()
}

/// Without white space, controls (suffixes, flow control, stray escapes) and deletes at the ends.
fn trim(raw: &[u8]) -> &[u8] {
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        if !is_blank(*first) {
            break;
        }
        rest = after;
    }
    while let [before @ .., last] = rest {
        if !is_blank(*last) {
            break;
        }
        rest = before;
    }
    rest
}

fn trim_text(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter.is_ascii_control())
}

/// What follows an AIM identifier (ISO/IEC 15424): `]`, a letter for the symbology, a modifier.
pub(super) fn after_aim(text: &str) -> Option<&str> {
    let mut letters = text.strip_prefix(']')?.chars();
    let symbology = letters.next()?;
    let modifier = letters.next()?;
    (symbology.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric())
        .then_some(letters.as_str())
}

/// A text without its AIM identifiers: a scanner and its driver may both add one.
pub fn without_aim(text: &str) -> &str {
    let after_first = after_aim(text).unwrap_or(text);
    after_aim(after_first).unwrap_or(after_first)
}

/// Whether a scan ends in the check letters of a generated code: then it is a code, known here or not.
pub fn is_checked(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    fold(without_aim(text.trim())).is_ok_and(|folded| {
        folded.as_str().len() >= SHAPE_LETTERS_MIN && check_passes(folded.as_str())
    })
}

/// Three digits or more typed with Alt, which a terminal sends as ESC and the digit.
fn has_alt_digits(raw: &[u8]) -> bool {
    raw.windows(6).any(|window| {
        let (pairs, _) = window.as_chunks::<2>();
        pairs
            .iter()
            .all(|[escape, digit]| *escape == 0x1b && digit.is_ascii_digit())
    })
}

fn preview(core: &str) -> Option<String> {
    let campaign = strip_ignoring_case(core, "PREVIEW-")?.trim();
    (!campaign.is_empty() && campaign.len() <= CODE_BYTES_MAX).then(|| for_display(campaign))
}

fn is_product_number(core: &str) -> bool {
    matches!(core.len(), 8 | 12 | 13 | 14) && is_gtin(core)
}

/// Whether the last digit is the GS1 check digit of those before it: weighted 3, 1, 3, … from the
/// right, all digits add up to a multiple of ten (GS1 General Specifications §7.9).
pub(super) fn is_gtin(digits: &str) -> bool {
    let weighted = digits.chars().rev().enumerate().map(|(at, letter)| {
        letter
            .to_digit(10)
            .map(|digit| if at % 2 == 1 { 3 * digit } else { digit })
    });
    weighted
        .sum::<Option<u32>>()
        .is_some_and(|sum| sum.is_multiple_of(10))
}

/// Whether a folded text is two codes or more, each with a check that passes.
fn counts_as_several(folded: &str, shapes: &[Shape]) -> bool {
    let after_one = |text: &str, shape: &Shape| {
        let (code, rest) = text.split_at_checked(shape.folded_len())?;
        shape.matches(code).then(|| rest.to_owned())
    };
    let mut rests: Vec<String> = shapes
        .iter()
        .filter_map(|shape| after_one(folded, shape))
        .collect();
    rests.retain(|rest| !rest.is_empty());
    // Each round takes one more code off; equal rests are one, so this ends after few steps.
    while !rests.is_empty() {
        rests = rests
            .iter()
            .flat_map(|rest| shapes.iter().filter_map(|shape| after_one(rest, shape)))
            .collect();
        if rests.iter().any(String::is_empty) {
            return true;
        }
        rests.sort();
        rests.dedup();
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MisreadHint, NotOurs, Otherwise, Reading, halves, kept_form, read};
    use crate::domain::code::{Shape, fold};
    use crate::domain::escape::unescape;
    use crate::domain::layout::Layout;

    /// A generated code: its check letters are right.
    const CODE: &str = "BCDFGHJKLNPRBB";

    fn scan(raw: impl AsRef<[u8]>) -> Reading {
        let shape = Shape::new("SP-", 10).unwrap();
        read(
            raw.as_ref(),
            &["x.io".to_owned(), "Shop.example".to_owned()],
            &[shape],
        )
    }

    fn texts(reading: &Reading) -> Vec<&str> {
        reading.candidates.iter().map(AsRef::as_ref).collect()
    }

    fn other_code() -> String {
        Shape::standard()
            .generate(b"\xf0\x9a\x3c\x51\x07\xd2")
            .unwrap()
    }

    fn not_ours(raw: impl AsRef<[u8]>) -> NotOurs {
        match scan(raw.as_ref()).otherwise {
            Otherwise::NotOurs(not_ours) => not_ours,
            other @ (Otherwise::Misread(_) | Otherwise::NotFound) => {
                panic!("{:?} is {other:?}", String::from_utf8_lossy(raw.as_ref()))
            }
        }
    }

    #[test]
    fn a_code_is_read_in_every_form_it_may_have() {
        for raw in [
            "BCDFGHJKLNPRBB",
            "bcdfghjklnprbb",
            "BCDF-GHJK-LNPR-BB",
            "bcdf ghjk lnpr bb",
            "\r\nBCDFGHJKLNPRBB\r\r\n",
            "\tBCDFGHJKLNPRBB\t",
            "\u{0}\u{1b}BCDFGHJKLNPRBB\u{4}\u{7f}",
            "\u{11}BCDFGHJKLNPRBB\u{13}",
            "\u{1d}BCDFGHJKLNPRBB",
            "]Q1BCDFGHJKLNPRBB",
            "]q1bcdfghjklnprbb",
            "]Q1]Q1BCDFGHJKLNPRBB",
            "]C0]Q1BCDF-GHJK-LNPR-BB",
            "]C1BCDFGHJKLNPRBB",
            "*BCDFGHJKLNPRBB*",
            "]A0*BCDFGHJKLNPRBB*",
            "https://x.io/BCDFGHJKLNPRBB",
            "HTTPS://X.IO/R/BCDFGHJKLNPRBB",
            "http://shop.example/r/BCDF-GHJK-LNPR-BB/",
            "]Q1https://x.io/r?c=BCDFGHJKLNPRBB",
            "https://x.io/r?utm=1&CODE=bcdfghjklnprbb&x=2",
            "https://x.io/r/?v=BCDF%2DGHJK%2dLNPR+BB#top",
            "https://x.io/01/09506000134352/21/BCDFGHJKLNPRBB",
            "https://me@x.io.:443/BCDFGHJKLNPRBB?utm=mail",
            "https%3A%2F%2Fx.io%2FBCDFGHJKLNPRBB",
            "x.io/BCDFGHJKLNPRBB",
        ] {
            let reading = scan(raw);
            assert_eq!(texts(&reading).last(), Some(&CODE), "{raw:?}");
            assert_eq!(reading.otherwise, Otherwise::NotFound, "{raw:?}");
            assert_eq!((reading.repairs, reading.halves), (vec![], None), "{raw:?}");
        }
    }

    #[test]
    fn the_text_as_it_came_is_looked_up_first() {
        assert_eq!(texts(&scan("]Q1*A1*\r")), ["]Q1*A1*", "*A1*", "A1"]);
        assert_eq!(texts(&scan("https://x.io/A1")), ["HTTPS://X.IO/A1", "A1"]);
        assert_eq!(texts(&scan("https://evil.org/A1")), ["HTTPS://EVIL.ORG/A1"]);
        assert_eq!(texts(&scan("4006381333931")), ["4006381333931"]);
        // The parameter named code wins; a text that says nothing else is only itself.
        assert_eq!(
            texts(&scan("https://x.io/r?v=V&c=C&code=A1")).last(),
            Some(&"A1")
        );
        assert_eq!(texts(&scan("A1")), ["A1"]);
    }

    #[test]
    fn what_is_not_ours_is_named() {
        let table = [
            ("", NotOurs::Blank),
            (" \r\n", NotOurs::Blank),
            ("]Q1", NotOurs::Blank),
            ("\u{1b}\u{0}", NotOurs::Blank),
            ("4006381333931", NotOurs::ProductBarcode),
            ("96385074", NotOurs::ProductBarcode),
            ("036000291452", NotOurs::ProductBarcode),
            ("10012345678902", NotOurs::ProductBarcode),
            ("]E04006381333931", NotOurs::ProductBarcode),
            ("]E0425261", NotOurs::ProductBarcode),
            ("WIFI:T:WPA;S:shop;P:secret;;", NotOurs::WifiCard),
            (
                "BEGIN:VCARD\r\nFN:Zo\u{eb}\r\nEND:VCARD",
                NotOurs::ContactCard,
            ),
            ("]Q1MECARD:N:Ben;;", NotOurs::ContactCard),
            ("otpauth://totp/shop?secret=ABC", NotOurs::OneTimePassword),
            ("BEGIN:VEVENT", NotOurs::CalendarEntry),
            ("MAILTO:ben@example.org", NotOurs::MailLink),
            ("tel:+441234", NotOurs::PhoneLink),
            ("SMSTO:123:hi", NotOurs::MessageLink),
            ("geo:1,2", NotOurs::MapLink),
            (
                "upi://pay?pa=x",
                NotOurs::AppLink {
                    scheme: "upi".into(),
                },
            ),
            ("]d20109506000134352\u{1d}21A1", NotOurs::Gs1),
            ("]C10109506000134352", NotOurs::Gs1),
            ("0109506000134352{GS}21A1", NotOurs::Gs1),
            ("\u{1d}0109506000134352", NotOurs::Gs1),
            ("010950600013435221A1", NotOurs::Gs1),
            ("(01)09506000134352(21)A1", NotOurs::Gs1),
            (
                "PREVIEW-spring",
                NotOurs::Preview {
                    campaign: "spring".into(),
                },
            ),
            (
                "https://x.io/preview-spring",
                NotOurs::Preview {
                    campaign: "spring".into(),
                },
            ),
        ];
        for (raw, expected) in table {
            assert_eq!(not_ours(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn links_that_are_not_ours_name_their_host() {
        let table = [
            ("https://example.org", "example.org"),
            ("HTTPS://EXAMPLE.ORG/BCDFGHJKLNPRBB", "example.org"),
            ("http://www.example.org:8080/?c=A1", "www.example.org"),
            ("https://x.io@evil.org/BCDFGHJKLNPRBB", "evil.org"),
            ("https://evil.org\\@x.io/BCDFGHJKLNPRBB", "evil.org"),
            ("https://x.io.evil.org/BCDFGHJKLNPRBB", "x.io.evil.org"),
            (
                "https://evil.org/?next=https://x.io/BCDFGHJKLNPRBB",
                "evil.org",
            ),
            ("http%3A%2F%2Fevil.org%2FA1", "evil.org"),
            ("https://b\u{fc}cher.example/A1", "b\u{fc}cher.example"),
            ("https://e\u{202e}vil.org/A1", "e\u{fffd}vil.org"),
            ("http://[::1]:80/A1", "[::1]"),
            ("www.example.org/A1", "www.example.org"),
            ("https://x.io/", "x.io"),
            ("https://x.io", "x.io"),
        ];
        for (raw, host) in table {
            assert_eq!(
                not_ours(raw),
                NotOurs::WebLink { host: host.into() },
                "{raw:?}"
            );
        }
    }

    #[test]
    fn text_that_is_not_plain_is_never_looked_up() {
        for raw in [
            "Caf\u{e9}",
            "BCDFGHJK\u{1b}[2JLNPRBB",
            "BCDFGHJ\u{8}KLNPRBB",
            "\u{feff}BCDFGHJKLNPRBB",
            "BCDFGHJ\u{200b}KLNPRBB",
            "\u{202e}BCDFGHJKLNPRBB",
            "\u{ff22}\u{ff23}\u{ff24}",
            "\u{412}CDFGHJKLNPRBB",
            "BCDFGHJKLNPRBB\u{a0}",
            "BCDF\u{301}GHJKLNPRBB",
        ] {
            assert_eq!(not_ours(raw), NotOurs::Unreadable, "{raw:?}");
            assert!(scan(raw).candidates.is_empty(), "{raw:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_never_looked_up() {
        for raw in [
            &b"Caf\xe9 12"[..],
            b"\xc3",
            b"A\xffB\xc3(C",
            b"\x83\x65\x83X\x83g",
            b"\xff\xfe\x80\x13",
        ] {
            assert_eq!(not_ours(raw), NotOurs::Unreadable, "{raw:?}");
            assert!(scan(raw).candidates.is_empty());
        }
        assert_eq!(not_ours(b"BEGIN:VCARD\nFN:Zo\xeb"), NotOurs::ContactCard);
        assert!(scan("BCDFGHJKLNPRBB\u{a0}").candidates.is_empty());
    }

    #[test]
    fn hostile_and_huge_texts_are_only_texts() {
        for raw in [
            "=HYPERLINK(1)",
            "'; DROP TABLE code; --",
            "%s%n{}{0}",
            "../../etc",
            "O0I1",
        ] {
            assert_eq!(scan(raw).otherwise, Otherwise::NotFound, "{raw}");
        }
        assert_eq!(not_ours("7".repeat(7089)), NotOurs::TooLong { bytes: 7089 });
        assert_eq!(not_ours("A".repeat(65)), NotOurs::TooLong { bytes: 65 });
        assert_eq!(not_ours("\u{1b}[200~".repeat(600)), NotOurs::Unreadable);
    }

    #[test]
    fn two_codes_at_once_are_named_and_neither_is_read() {
        let other = other_code();
        for raw in [
            format!("{CODE}{other}"),
            format!("{CODE}{CODE}"),
            format!("{CODE}{other}{CODE}"),
            format!("{CODE}\r\n{other}"),
            format!("{CODE} {other}"),
            format!("]Q1{CODE}]Q1{other}"),
            format!("BCDF-GHJK-LNPR-BB{other}"),
            format!("{CODE}SP-CDFGHJKLHT"),
            format!("https://x.io/{CODE}https://x.io/{other}"),
            format!("https://x.io/?c={CODE}https://x.io/?c={other}"),
            format!("https://x.io/{CODE}{other}"),
            format!("{CODE}https://x.io/{other}"),
        ] {
            let reading = scan(&raw);
            assert_eq!(not_ours(&raw), NotOurs::SeveralCodes, "{raw}");
            assert!(
                !texts(&reading)
                    .iter()
                    .any(|text| [CODE, other.as_str()].contains(text))
            );
        }
        // Half a code more is not two codes.
        assert_eq!(
            scan(format!("{CODE}BCDFGHJ")).otherwise,
            Otherwise::NotFound
        );
    }

    #[test]
    fn halves_of_glued_codes_are_offered() {
        let pair = |one: &str, other: &str| Some((fold(one).unwrap(), fold(other).unwrap()));
        assert_eq!(scan("CF-7K2MCF-9QXA").halves, pair("CF7K2M", "CF9QXA"));
        assert_eq!(scan("]Q1A1]Q1B2\r").halves, pair("A1", "B2"));
        assert_eq!(
            scan("Z".repeat(100)).halves,
            pair(&"Z".repeat(50), &"Z".repeat(50))
        );
        assert_eq!(halves("ABC"), None);
        assert_eq!(halves(""), None);
        assert_eq!(halves("A\u{1b}"), None);
        assert_eq!(halves(&"Z".repeat(130)), None);
        assert_eq!(scan("\u{df}\u{df}").halves, None);
    }

    #[test]
    fn partial_reads_are_never_taken_for_a_code() {
        for raw in ["CDFGHJKLNPRBB", "BCDFGHJKLNPRB", "BCDFGHJKLNPRBBB"] {
            let reading = scan(raw);
            assert_eq!(
                (texts(&reading), &reading.otherwise),
                (vec![raw], &Otherwise::NotFound)
            );
        }
    }

    #[test]
    fn texts_garbled_by_a_layout_are_explained() {
        let some = MisreadHint::SomeLayout;
        for (raw, hint) in [
            (
                "BCDF\u{df}GHJK\u{df}LNPR\u{df}BB",
                MisreadHint::Layout(Layout::German),
            ),
            ("BCDF'GHJK'LNPR'BB", some),
            ("BCDF+GHJK+LNPR+BB", some),
            ("BCDF=GHJK=LNPR=BB", MisreadHint::Layout(Layout::Czech)),
            (
                "BCDF\u{fc}GHJK\u{fc}LNPR\u{fc}BB",
                MisreadHint::Layout(Layout::Hungarian),
            ),
            ("BCDF)GHJK)LNPR)BB", some),
            ("bcdf\u{b0}ghjk\u{b0}lnpr\u{b0}bb", some),
            ("https\u{d6}--x.io-r_c\u{b4}BCDFGHJKLNPRBB", some),
            ("XJEUIDHTNBLPXX", MisreadHint::Layout(Layout::Dvorak)),
        ] {
            let reading = scan(raw);
            assert_eq!(reading.otherwise, Otherwise::Misread(hint), "{raw}");
            assert!(!texts(&reading).contains(&CODE), "{raw}");
        }
        let code = fold("CF-7K2M-9QXA").unwrap();
        for (raw, layout) in [
            ("CF\u{df}7K2M\u{df}9QXA", Layout::German),
            ("CF)\u{e8}K\u{e9}?)\u{e7}AXQ", Layout::French),
            ("CF'7K2M'9QXA", Layout::Spanish),
            ("CF+7K2M+9QXA", Layout::Danish),
            ("CF=\u{fd}K\u{11b}M=\u{ed}QXA", Layout::Czech),
        ] {
            assert!(scan(raw).repairs.contains(&(layout, code.clone())), "{raw}");
            assert!(!scan(raw).candidates.contains(&code), "{raw}");
        }
        assert!(scan("\u{e9}".repeat(300)).repairs.is_empty());
    }

    #[test]
    fn scanner_faults_are_explained() {
        let alt: Vec<u8> = b"066067068"
            .iter()
            .flat_map(|digit| [0x1b, *digit])
            .collect();
        assert_eq!(
            scan(alt).otherwise,
            Otherwise::Misread(MisreadHint::AltMode)
        );
        for odd in [0, 1] {
            let parity: Vec<u8> = b"BCDF-GHJK\r"
                .iter()
                .map(|byte| {
                    if byte.count_ones() % 2 == odd {
                        *byte
                    } else {
                        byte | 0x80
                    }
                })
                .collect();
            let reading = scan(parity);
            assert_eq!(reading.otherwise, Otherwise::Misread(MisreadHint::Parity));
            assert!(reading.candidates.is_empty());
        }
    }

    #[test]
    fn every_answer_has_words() {
        assert_eq!(
            not_ours("https://example.org/1").words(),
            "a web link to example.org"
        );
        assert_eq!(not_ours("4006381333931").words(), "a product barcode");
        assert_eq!(NotOurs::SeveralCodes.words(), "two codes at once: scan one");
        assert!(
            MisreadHint::Layout(Layout::German)
                .words()
                .contains("German")
        );
        assert_eq!(MisreadHint::of_layouts(&[]), None);
    }

    #[test]
    fn secrets_are_kept_as_kind_and_length_only() {
        for (raw, kept) in [
            ("123456\r\n", "<number, 6 digits>"),
            ("1234", "<number, 4 digits>"),
            ("123 456", "<number, 6 digits>"),
            ("]C012345678", "<number, 8 digits>"),
            ("\u{e0}&\u{e9}\"", "<number, 4 digits>"),
            ("WIFI:S:shop;P:secret;;", "<wifi card, 22 bytes>"),
            ("WIFI\u{d6}SÖshopöPÖsecretöö", "<wifi card, 28 bytes>"),
            ("ZIFIMSMshop,PMsecret", "<wifi card, 20 bytes>"),
            ("]Q1WIFI:S:shop;;", "<wifi card, 16 bytes>"),
            ("\u{feff}BEGIN:VCARD\nFN:Ben", "<contact card, 21 bytes>"),
            ("MECARD:N:Ben;;", "<contact card, 14 bytes>"),
            ("otpauth://totp/x?secret=A", "<one-time password, 25 bytes>"),
            ("BCDFGHJKWIFI:S:shop;;", "<wifi card, 21 bytes>"),
            (
                "https://x.io/?u=otpauth://totp/x",
                "<one-time password, 32 bytes>",
            ),
            ("123", "123"),
            ("123456789", "123456789"),
            ("<number, 6 digits>", "\\x3cnumber, 6 digits>"),
            ("BCDF\u{df}\u{1b}[2J\r", "BCDF\\u{df}\\x1b[2J\\r"),
        ] {
            assert_eq!(kept_form(raw.as_bytes()), kept, "{raw:?}");
        }
        assert_eq!(
            kept_form(b"BEGIN:VCARD\nFN:Zo\xeb"),
            "<contact card, 18 bytes>"
        );
        assert_eq!(kept_form("Z".repeat(200).as_bytes()), "Z".repeat(200));
        let cut = kept_form("Z".repeat(2953).as_bytes());
        assert_eq!(cut, format!("{}<cut, 2953 bytes>", "Z".repeat(183)));
    }

    fn generated() -> impl Strategy<Value = (Shape, String)> {
        (8..=15usize, proptest::collection::vec(any::<u8>(), 7)).prop_map(|(length, random)| {
            let shape = Shape::new("", length).unwrap();
            let code = shape.generate(&random).unwrap();
            (shape, code)
        })
    }

    fn is_misread(shape: &Shape, changed: &str) -> bool {
        let reading = read(changed.as_bytes(), &[], std::slice::from_ref(shape));
        reading.otherwise == Otherwise::Misread(MisreadHint::CheckLetters)
    }

    proptest! {
        // Each case is 900 readings.
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Every letter, at every place, to every letter and digit.
        #[test]
        fn a_code_with_one_wrong_letter_is_a_misread((shape, code) in generated()) {
            for at in 0..code.len() {
                for letter in (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z') {
                    let mut bytes = code.clone().into_bytes();
                    bytes[at] = letter;
                    let changed = String::from_utf8(bytes).unwrap();
                    let is_same = changed.eq_ignore_ascii_case(&code);
                    prop_assert_eq!(is_misread(&shape, &changed), !is_same, "{} {}", code, changed);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_code_with_two_wrong_letters_is_a_misread(
            (shape, code) in generated(),
            places in (0..15usize, 0..15usize),
            letters in ("[0-9A-Za-z]", "[0-9A-Za-z]"),
        ) {
            let (one, other) = (places.0 % code.len(), places.1 % code.len());
            let mut bytes = code.clone().into_bytes();
            bytes[one] = letters.0.as_bytes()[0];
            bytes[other] = letters.1.as_bytes()[0];
            let changed = String::from_utf8(bytes).unwrap();
            let is_same = changed.eq_ignore_ascii_case(&code);
            prop_assert_eq!(is_misread(&shape, &changed), !is_same);
        }

        #[test]
        fn a_code_with_two_letters_swapped_is_a_misread((shape, code) in generated()) {
            for one in 0..code.len() {
                for other in one + 1..code.len() {
                    let mut bytes = code.clone().into_bytes();
                    bytes.swap(one, other);
                    let changed = String::from_utf8(bytes).unwrap();
                    prop_assert_eq!(is_misread(&shape, &changed), changed != code);
                }
            }
        }

        #[test]
        fn two_generated_codes_at_once_are_several(
            (shape, code) in generated(),
            random in proptest::collection::vec(any::<u8>(), 7),
        ) {
            let glued = code + &shape.generate(&random).unwrap();
            let reading = read(glued.as_bytes(), &[], &[shape]);
            prop_assert_eq!(reading.otherwise, Otherwise::NotOurs(NotOurs::SeveralCodes));
        }

        #[test]
        fn any_bytes_are_read_and_kept(raw: Vec<u8>) {
            let reading = scan(&raw);
            for code in &reading.candidates {
                prop_assert_eq!(fold(code.as_str()), Ok(code.clone()));
            }
            let kept = kept_form(&raw);
            prop_assert!(kept.len() <= 200);
            if !kept.contains('<') {
                prop_assert_eq!(unescape(&kept), Some(raw));
            }
        }

        #[test]
        fn any_text_like_ours_is_read_and_kept(text in "(\\]Q1)?(https://)?(x.io/|\\PC{0,5})[0-9A-Z%?&=:/.*-]{0,30}") {
            let reading = scan(&text);
            prop_assert!(reading.repairs.iter().all(|(_, code)| !reading.candidates.contains(code)));
            prop_assert!(kept_form(text.as_bytes()).len() <= 200);
        }
    }
}
