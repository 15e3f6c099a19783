//! What a slip says, line by line: a small text file with placeholders, and what it makes of a slip.
//!
//! Invariant: what stands in a slip is never read as a mark or a placeholder.
//! Invariant: every slip says its code as text; a test code's slip says that it is one; a copy says
//! which it is.
//! Not here: paper widths, page codes, bytes; those are the printer's.

use std::fmt;

use thiserror::Error;

use crate::domain::code::grouped;
use crate::domain::escape::escape;
use crate::domain::slip::Slip;

/// The template that a shop has until it writes its own.
pub const DEFAULT_TEMPLATE: &str = include_str!("../../assets/slip.txt");

/// The longest template, in bytes: a page of text with its comments, many times over.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;

/// What the slip of a test code says on top and at the end.
pub const TEST_WORDS: &str = "TEST – NOT VALID";

const PLACEHOLDERS: &str =
    "{store} {offer} {code} {qr} {name} {validity} {issued} {campaign} {copy}";

/// A line of a slip, before anybody knows the paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlipLine {
    /// A line of text; empty, an empty line. May hold anything a person typed, control characters
    /// too.
    Text {
        /// The words.
        text: String,
        /// How they look.
        style: Style,
        /// Whether the code stands in it, which is kept together as long as it can be.
        holds_code: bool,
    },
    /// The QR code of this text.
    Qr {
        /// What it holds.
        text: String,
        /// Where it stands.
        align: Align,
    },
    /// A line drawn across the paper.
    Rule,
    /// The end: the paper is cut here.
    Cut,
}

/// How a line of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Where it stands.
    pub align: Align,
    /// Twice as wide and high, as far as the paper allows.
    pub is_large: bool,
    /// Darker.
    pub is_bold: bool,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle.
    Centre,
    /// At the right edge.
    Right,
}

/// A template that was read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    lines: Vec<TemplateLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplateLine {
    Text { style: Style, pieces: Vec<Piece> },
    Qr(Align),
    Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Store,
    Offer,
    Code,
    Qr,
    Name,
    Validity,
    Issued,
    Campaign,
    Copy,
}

/// What is wrong with a template, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The line, from 1; `None` for the whole.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub what: TemplateFaultKind,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => self.what.fmt(f),
        }
    }
}

impl std::error::Error for TemplateFault {}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateFaultKind {
    /// A mark that means nothing.
    #[error("{0:?} is no mark: use left, centre, right, large or bold, as in [centre bold]")]
    UnknownMark(String),
    /// A bracket without its end.
    #[error("the marks have no end: write ], or [] first if the bracket is to be printed")]
    OpenMarks,
    /// A placeholder that means nothing.
    #[error("{{{0}}} is no placeholder: use {PLACEHOLDERS}, or {{{{ to print a brace")]
    UnknownPlaceholder(String),
    /// A brace without its other half.
    #[error("a brace stands alone: write {{{{ or }}}} to print one")]
    LoneBrace,
    /// Words beside the QR code.
    #[error("{{qr}} stands alone on its line, with left, centre or right: put the words elsewhere")]
    QrNotAlone,
    /// A second QR code, which a scanner would take for a second slip.
    #[error("{{qr}} stands in line {first} already: leave one out")]
    SecondQr {
        /// Where the first is.
        first: usize,
    },
    /// A character that steers a printer or cannot be seen.
    #[error("{0} is a control character: remove it")]
    ControlCharacter(String),
    /// Nobody could type the code.
    #[error("{{code}} is missing: put it where people can read it, for when the QR code cannot be")]
    NoCode,
    /// More than [`TEMPLATE_BYTES_MAX`].
    #[error("a template of {bytes} bytes is too long: {TEMPLATE_BYTES_MAX} at most")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

impl Template {
    /// The template that is built in.
    pub fn standard() -> Template {
        // A test holds that it can be read; without it the slip would still say what matters.
        Template::parse(DEFAULT_TEMPLATE).unwrap_or_else(|_| Template {
            lines: vec![
                TemplateLine::Qr(Align::Left),
                field_line(Field::Code, Style::default()),
                field_line(Field::Offer, Style::default()),
            ],
        })
    }

    /// Reads a template; `assets/slip.txt` says how one is written. A byte order mark, and either
    /// kind of line end, are taken as they come.
    pub fn parse(text: &str) -> Result<Template, TemplateFault> {
        if text.len() > TEMPLATE_BYTES_MAX {
            let what = TemplateFaultKind::TooLong { bytes: text.len() };
            return Err(TemplateFault { line: None, what });
        }
        let mut lines = Vec::new();
        let mut qr_line = None;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, written) in text.lines().enumerate() {
            let number = at.saturating_add(1);
            let fault = |what| TemplateFault {
                line: Some(number),
                what,
            };
            if written.starts_with('#') {
                continue;
            }
            let line = line_of(written.trim_end()).map_err(fault)?;
            if matches!(line, TemplateLine::Qr(_))
                && let Some(first) = qr_line.replace(number)
            {
                return Err(fault(TemplateFaultKind::SecondQr { first }));
            }
            lines.push(line);
        }
        let is_empty = |line: &TemplateLine| *line == TemplateLine::empty();
        let text_from = lines.iter().position(|line| !is_empty(line));
        lines.drain(..text_from.unwrap_or_default());
        if !lines.iter().any(|line| line.names(Field::Code)) {
            return Err(TemplateFault {
                line: None,
                what: TemplateFaultKind::NoCode,
            });
        }
        if !lines.iter().any(|line| line.names(Field::Copy)) {
            lines.push(field_line(Field::Copy, LOUD));
        }
        Ok(Template { lines })
    }

    /// The lines of a slip, the cut at their end. Empty lines at the top were only the template's
    /// layout; a line whose placeholders are all empty is left out.
    pub fn lines(&self, slip: &Slip) -> Vec<SlipLine> {
        let warning = slip.is_test.then(|| SlipLine::Text {
            text: TEST_WORDS.to_owned(),
            style: Style {
                is_large: true,
                ..LOUD
            },
            holds_code: false,
        });
        let air = slip.is_test.then(|| SlipLine::Text {
            text: String::new(),
            style: Style::default(),
            holds_code: false,
        });
        let body = self.lines.iter().filter_map(|line| line.filled(slip));
        warning
            .clone()
            .into_iter()
            .chain(air)
            .chain(body)
            .chain(warning)
            .chain([SlipLine::Cut])
            .collect()
    }
}

/// How what nobody may overlook is written.
const LOUD: Style = Style {
    align: Align::Centre,
    is_large: false,
    is_bold: true,
};

fn field_line(field: Field, style: Style) -> TemplateLine {
    TemplateLine::Text {
        style,
        pieces: vec![Piece::Field(field)],
    }
}

impl TemplateLine {
    fn empty() -> TemplateLine {
        TemplateLine::Text {
            style: Style::default(),
            pieces: Vec::new(),
        }
    }

    fn names(&self, field: Field) -> bool {
        match self {
            TemplateLine::Text { pieces, .. } => pieces.contains(&Piece::Field(field)),
            TemplateLine::Qr(_) | TemplateLine::Rule => false,
        }
    }

    fn filled(&self, slip: &Slip) -> Option<SlipLine> {
        let (style, pieces) = match self {
            TemplateLine::Text { style, pieces } => (*style, pieces),
            TemplateLine::Qr(align) => {
                return Some(SlipLine::Qr {
                    text: slip.code.clone(),
                    align: *align,
                });
            }
            TemplateLine::Rule => return Some(SlipLine::Rule),
        };
        let mut text = String::new();
        let mut has_field = false;
        let mut has_value = false;
        for piece in pieces {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Field(field) => {
                    let value = field.value(slip);
                    has_field = true;
                    has_value |= !value.trim().is_empty();
                    text.push_str(&value);
                }
            }
        }
        (has_value || !has_field).then_some(SlipLine::Text {
            text,
            style,
            holds_code: self.names(Field::Code),
        })
    }
}

impl Field {
    fn of(name: &str) -> Option<Field> {
        Some(match name {
            "store" => Field::Store,
            "offer" => Field::Offer,
            "code" => Field::Code,
            "qr" => Field::Qr,
            "name" => Field::Name,
            "validity" => Field::Validity,
            "issued" => Field::Issued,
            "campaign" => Field::Campaign,
            "copy" => Field::Copy,
            _ => return None,
        })
    }

    fn value(self, slip: &Slip) -> String {
        match self {
            Field::Store => slip.store.clone(),
            Field::Offer => slip.offer.clone(),
            Field::Code => grouped(&slip.code),
            Field::Qr => slip.code.clone(),
            Field::Name => slip.name.clone().unwrap_or_default(),
            Field::Validity => slip.validity.clone(),
            Field::Issued => slip.issued.clone(),
            Field::Campaign => slip.campaign.clone(),
            Field::Copy if slip.copy >= 2 => format!("COPY {}", slip.copy),
            Field::Copy => String::new(),
        }
    }
}

fn line_of(written: &str) -> Result<TemplateLine, TemplateFaultKind> {
    if let Some(control) = written.chars().find(|letter| letter.is_control()) {
        let found = escape(control.encode_utf8(&mut [0; 4]).as_bytes());
        return Err(TemplateFaultKind::ControlCharacter(found));
    }
    if written.len() >= 3 && written.bytes().all(|byte| byte == b'-') {
        return Ok(TemplateLine::Rule);
    }
    let (style, words) = match written.strip_prefix('[') {
        None => (Style::default(), written),
        Some(rest) => {
            let (marks, words) = rest.split_once(']').ok_or(TemplateFaultKind::OpenMarks)?;
            (style_of(marks)?, words.strip_prefix(' ').unwrap_or(words))
        }
    };
    let pieces = pieces_of(words)?;
    if !pieces.contains(&Piece::Field(Field::Qr)) {
        return Ok(TemplateLine::Text { style, pieces });
    }
    let is_alone = words.trim() == "{qr}" && !style.is_large && !style.is_bold;
    if is_alone {
        Ok(TemplateLine::Qr(style.align))
    } else {
        Err(TemplateFaultKind::QrNotAlone)
    }
}

fn style_of(marks: &str) -> Result<Style, TemplateFaultKind> {
    let mut style = Style::default();
    for mark in marks.split_whitespace() {
        match mark {
            "left" => style.align = Align::Left,
            "centre" | "center" => style.align = Align::Centre,
            "right" => style.align = Align::Right,
            "large" => style.is_large = true,
            "bold" => style.is_bold = true,
            unknown => return Err(TemplateFaultKind::UnknownMark(unknown.to_owned())),
        }
    }
    Ok(style)
}

fn pieces_of(words: &str) -> Result<Vec<Piece>, TemplateFaultKind> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = words;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, braced) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = braced.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = braced.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else {
            let (name, after) = braced
                .strip_prefix('{')
                .and_then(|open| open.split_once('}'))
                .ok_or(TemplateFaultKind::LoneBrace)?;
            let field = Field::of(name)
                .ok_or_else(|| TemplateFaultKind::UnknownPlaceholder(name.to_owned()))?;
            if !plain.is_empty() {
                pieces.push(Piece::Words(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Field(field));
            rest = after;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Words(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Align, DEFAULT_TEMPLATE, SlipLine, Style, TEMPLATE_BYTES_MAX, TEST_WORDS, Template,
    };
    use crate::domain::slip::Slip;

    fn slip() -> Slip {
        Slip {
            store: "Riverside".to_owned(),
            campaign: "coffee".to_owned(),
            offer: "Free coffee".to_owned(),
            code: "BCDFGHJKLNPRST".to_owned(),
            name: None,
            validity: "until 24 December 2026".to_owned(),
            issued: "21 November 2026, 09:14".to_owned(),
            copy: 1,
            is_test: false,
        }
    }

    fn said(template: &str, slip: &Slip) -> Vec<String> {
        let lines = Template::parse(template).unwrap().lines(slip);
        lines
            .into_iter()
            .map(|line| match line {
                SlipLine::Text { text, .. } => text,
                SlipLine::Qr { text, .. } => format!("QR {text}"),
                SlipLine::Rule => "RULE".to_owned(),
                SlipLine::Cut => "CUT".to_owned(),
            })
            .collect()
    }

    fn fault(template: &str) -> String {
        Template::parse(template).unwrap_err().to_string()
    }

    #[test]
    fn the_standard_slip_says_it_all() {
        assert!(Template::parse(DEFAULT_TEMPLATE).is_ok());
        let plain = said(DEFAULT_TEMPLATE, &slip());
        let wanted = [
            "Riverside",
            "",
            "Free coffee",
            "",
            "QR BCDFGHJKLNPRST",
            "BCDF-GHJK-LNPR-ST",
            "",
            "until 24 December 2026",
            "RULE",
            "coffee, 21 November 2026, 09:14",
            "CUT",
        ];
        assert_eq!(plain, wanted);
        let full = Slip {
            name: Some("Zoë".to_owned()),
            copy: 3,
            is_test: true,
            ..slip()
        };
        let full = said(DEFAULT_TEMPLATE, &full);
        assert_eq!(full.first().unwrap(), TEST_WORDS);
        assert!(full.contains(&"Zoë".to_owned()));
        assert_eq!(full[full.len() - 3..], ["COPY 3", TEST_WORDS, "CUT"]);
    }

    #[test]
    fn marks_style_a_line() {
        let lines = Template::parse("[right large bold] {code}\n[] [x]\n  two").unwrap();
        let lines = lines.lines(&slip());
        let loud = Style {
            align: Align::Right,
            is_large: true,
            is_bold: true,
        };
        let text = |text: &str, style, holds_code| SlipLine::Text {
            text: text.to_owned(),
            style,
            holds_code,
        };
        let wanted = [
            text("BCDF-GHJK-LNPR-ST", loud, true),
            text("[x]", Style::default(), false),
            text("  two", Style::default(), false),
            SlipLine::Cut,
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn a_line_goes_with_its_placeholders() {
        let template = "{code}\nFor {name}\n{name} of {store}\nno placeholder\n{name}{copy}";
        let wanted = [
            "BCDF-GHJK-LNPR-ST",
            " of Riverside",
            "no placeholder",
            "CUT",
        ];
        assert_eq!(said(template, &slip()), wanted);
    }

    #[test]
    fn a_copy_says_so_even_where_the_template_forgot() {
        let copy = Slip { copy: 2, ..slip() };
        assert_eq!(
            said("{code}", &copy),
            ["BCDF-GHJK-LNPR-ST", "COPY 2", "CUT"]
        );
        assert_eq!(said("{copy} {code}", &copy)[0], "COPY 2 BCDF-GHJK-LNPR-ST");
    }

    #[test]
    fn what_a_slip_holds_is_never_read_as_a_template() {
        let sly = Slip {
            offer: "{code} [bold] {{".to_owned(),
            name: Some("---".to_owned()),
            ..slip()
        };
        let wanted = ["{code} [bold] {{", "---", "{x} BCDF-GHJK-LNPR-ST", "CUT"];
        assert_eq!(said("{offer}\n{name}\n{{x}} {code}", &sly), wanted);
    }

    #[test]
    fn faults_name_the_line_and_what_to_do() {
        let table = [
            (
                "{code}\n{nmae}",
                "line 2: {nmae} is no placeholder: use {store} {offer} {code}",
            ),
            (
                "{code}\r\n[huge] x",
                "line 2: \"huge\" is no mark: use left, centre",
            ),
            ("[bold {code}", "line 1: the marks have no end"),
            ("{code", "line 1: a brace stands alone"),
            ("{code} }", "line 1: a brace stands alone"),
            ("{code}\nScan {qr}", "line 2: {qr} stands alone"),
            ("[large] {qr}\n{code}", "line 1: {qr} stands alone"),
            (
                "{qr}\n{code}\n{qr}",
                "line 3: {qr} stands in line 1 already",
            ),
            (
                "# c\n{code}\u{1b}p",
                "line 2: \\x1b is a control character: remove it",
            ),
            ("{offer}", "{code} is missing: put it where"),
            ("", "{code} is missing"),
        ];
        for (template, wanted) in table {
            let said = fault(template);
            assert!(said.starts_with(wanted), "{template:?}: {said}");
        }
        let long = fault(&"#".repeat(TEMPLATE_BYTES_MAX + 1));
        assert!(long.contains("too long"), "{long}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_has_a_fault(text: String) {
            if let Ok(template) = Template::parse(&format!("{{code}}\n{text}")) {
                let lines = template.lines(&slip());
                let cuts = lines.iter().filter(|line| **line == SlipLine::Cut).count();
                prop_assert_eq!(cuts, 1);
            }
        }
    }
}
