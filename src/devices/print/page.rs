//! Lines of a slip onto paper: wrapped, sized, spelled, in commands.
//!
//! Invariant: one cut, at the end. Invariant: a code is whole on its line, or breaks between its
//! groups, or says in words that it goes on.

use std::fmt::Write as _;

use thiserror::Error;

use crate::devices::print::escpos::{Escpos, Size};
use crate::devices::print::profile::{MODULE_DOTS_MIN, Profile, QrWay};
use crate::devices::print::raster::{self, RasterFault};
use crate::devices::print::text::{Substitution, spell};
use crate::domain::code::CODE_BYTES_MAX;
use crate::domain::escape::escape;
use crate::domain::qr::{QUIET_ZONE_MODULES, QrFault, QrMatrix};
use crate::domain::slip::Slip;
use crate::domain::slip_template::{Align, SlipLine, Style, Template};

/// The longest slip, in printed lines: about a metre of paper.
pub const LINES_MAX: usize = 250;

/// The bytes of a slip for one profile, and what of its text is printed as something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What stands for what, once each.
    pub substitutions: Vec<Substitution>,
}

/// Why a slip cannot be printed. Nothing has been sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JobFault {
    /// The code is empty, too long, or has characters that not every printer and scanner has.
    #[error("the code {0} cannot be printed: use 1 to {CODE_BYTES_MAX} printable ASCII characters")]
    Code(String),
    /// The QR code does not exist.
    #[error("the QR code cannot be drawn: {0}")]
    Qr(#[from] QrFault),
    /// The QR code is wider than the paper.
    #[error(
        "the QR code does not fit on paper of {width_dots} dots: check the printer's width_dots, or \
         use shorter codes"
    )]
    TooNarrow {
        /// The paper's width.
        width_dots: u16,
    },
    /// More than [`LINES_MAX`].
    #[error("the slip is longer than {LINES_MAX} lines: shorten the offer or the template")]
    TooLong,
}

/// The job of a slip.
pub fn slip_job(slip: &Slip, template: &Template, profile: &Profile) -> Result<Job, JobFault> {
    if !is_printable_code(&slip.code) {
        let mut shown = escape(slip.code.as_bytes());
        shown.truncate(CODE_BYTES_MAX);
        return Err(JobFault::Code(format!("\"{shown}\"")));
    }
    page_job(&template.lines(slip), profile)
}

/// The job of any lines; what stands after [`SlipLine::Cut`] is left out, and without one the cut is
/// at the end.
pub fn page_job(lines: &[SlipLine], profile: &Profile) -> Result<Job, JobFault> {
    let mut page = Page::begin(profile);
    for line in lines.iter().take_while(|line| **line != SlipLine::Cut) {
        page.put(line)?;
    }
    Ok(page.end())
}

/// What is printed so far.
pub(super) struct Page<'a> {
    pub(super) profile: &'a Profile,
    pub(super) escpos: Escpos,
    pub(super) substitutions: Vec<Substitution>,
    printed_lines: usize,
}

impl<'a> Page<'a> {
    pub(super) fn begin(profile: &'a Profile) -> Page<'a> {
        Page {
            profile,
            escpos: Escpos::begin(profile),
            substitutions: Vec::new(),
            printed_lines: 0,
        }
    }

    pub(super) fn put(&mut self, line: &SlipLine) -> Result<(), JobFault> {
        match line {
            SlipLine::Text {
                text,
                style,
                holds_code,
            } => self.text(text, *style, *holds_code),
            SlipLine::Qr { text, align } => self.qr(text, *align, self.profile.qr),
            SlipLine::Rule => {
                let rule = "-".repeat(usize::from(self.profile.columns));
                let style = Style {
                    align: Align::Centre,
                    ..Style::default()
                };
                self.text(&rule, style, false)
            }
            SlipLine::Cut => Ok(()),
        }
    }

    pub(super) fn text(
        &mut self,
        text: &str,
        style: Style,
        holds_code: bool,
    ) -> Result<(), JobFault> {
        let (spelled, substitutions) = spell(text, self.profile.page_code.table);
        for substitution in substitutions {
            if !self.substitutions.contains(&substitution) {
                self.substitutions.push(substitution);
            }
        }
        let columns = usize::from(self.profile.columns);
        let (size, wrapped) = fit(&spelled, columns, style, holds_code);
        self.escpos.align(style.align);
        self.escpos.look(size, style.is_bold);
        for line in &wrapped.lines {
            self.printed_lines = self.printed_lines.saturating_add(1);
            if self.printed_lines > LINES_MAX {
                return Err(JobFault::TooLong);
            }
            self.escpos.line(line);
        }
        if holds_code && wrapped.breaks_words {
            self.escpos.look(Size::Normal, false);
            let mut note = String::new();
            let written = write!(note, "(one code, {} lines)", wrapped.lines.len());
            debug_assert!(written.is_ok(), "a string takes everything");
            self.escpos.line(note.as_bytes());
        }
        Ok(())
    }

    pub(super) fn qr(&mut self, text: &str, align: Align, way: QrWay) -> Result<(), JobFault> {
        let profile = self.profile;
        let too_narrow = JobFault::TooNarrow {
            width_dots: profile.width_dots,
        };
        // A printer executes real-time commands in a symbol's data too.
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            let mut shown = escape(text.as_bytes());
            shown.truncate(CODE_BYTES_MAX);
            return Err(JobFault::Code(format!("\"{shown}\"")));
        }
        self.escpos.align(align);
        match way {
            QrWay::Raster => {
                let raster = raster::draw(
                    text,
                    profile.width_dots,
                    profile.module_dots,
                    MODULE_DOTS_MIN,
                )
                .map_err(|fault| match fault {
                    RasterFault::Qr(fault) => JobFault::Qr(fault),
                    RasterFault::TooNarrow => too_narrow,
                })?;
                self.escpos.raster(&raster);
            }
            QrWay::Native => {
                let module = raster::module_that_fits(
                    &QrMatrix::of(text)?,
                    profile.width_dots,
                    profile.module_dots,
                    MODULE_DOTS_MIN,
                )
                .and_then(|module| u8::try_from(module).ok())
                .ok_or(too_narrow)?;
                // The printer draws no quiet zone; a line is fed by 24 dots or more.
                let quiet = usize::from(module)
                    .saturating_mul(QUIET_ZONE_MODULES)
                    .div_ceil(24);
                self.escpos.look(Size::Normal, false);
                for _ in 0..quiet {
                    self.escpos.line(b"");
                }
                self.escpos.native_qr(text.as_bytes(), module);
                for _ in 0..quiet {
                    self.escpos.line(b"");
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Job {
        self.escpos.align(Align::Left);
        self.escpos.cut(self.profile);
        Job {
            bytes: self.escpos.into_bytes(),
            substitutions: self.substitutions,
        }
    }
}

fn is_printable_code(code: &str) -> bool {
    (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !code.trim().is_empty()
}

struct Wrapped {
    lines: Vec<Vec<u8>>,
    breaks_words: bool,
}

/// The largest size at which a code is on one line and other text breaks no word. If none will do, a
/// code is small, to be broken as rarely as can be, and text is tall.
fn fit(spelled: &[u8], columns: usize, style: Style, holds_code: bool) -> (Size, Wrapped) {
    if style.is_large {
        for (size, columns) in [(Size::Large, columns / 2), (Size::Tall, columns)] {
            let wrapped = wrap(spelled, columns);
            let will_do = if holds_code {
                wrapped.lines.len() == 1
            } else {
                !wrapped.breaks_words || size == Size::Tall
            };
            if will_do {
                return (size, wrapped);
            }
        }
    }
    (Size::Normal, wrap(spelled, columns))
}

/// Breaks text into lines at spaces; words that are longer than a line behind their hyphens, and what
/// is still longer where the line ends.
fn wrap(spelled: &[u8], columns: usize) -> Wrapped {
    let columns = columns.max(1);
    let mut wrapped = Wrapped {
        lines: Vec::new(),
        breaks_words: false,
    };
    let mut line: Vec<u8> = Vec::new();
    for (at, word) in spelled.split(|byte| *byte == b' ').enumerate() {
        if at > 0 {
            // The space that ends a full line is not printed.
            if line.len() >= columns {
                wrapped.lines.push(std::mem::take(&mut line));
            } else {
                line.push(b' ');
            }
        }
        if line.len().saturating_add(word.len()) <= columns {
            line.extend_from_slice(word);
            continue;
        }
        if word.len() <= columns {
            wrapped
                .lines
                .push(std::mem::replace(&mut line, word.to_vec()));
            continue;
        }
        for part in word.split_inclusive(|byte| *byte == b'-') {
            if line.len().saturating_add(part.len()) > columns && !line.is_empty() {
                wrapped.lines.push(std::mem::take(&mut line));
            }
            let mut rest = part;
            while let Some((head, tail)) = rest
                .split_at_checked(columns)
                .filter(|(_, tail)| !tail.is_empty())
            {
                wrapped.lines.push(head.to_vec());
                wrapped.breaks_words = true;
                rest = tail;
            }
            line.extend_from_slice(rest);
        }
    }
    wrapped.lines.push(line);
    for line in &mut wrapped.lines {
        let used = line.iter().rposition(|byte| *byte != b' ');
        line.truncate(used.map_or(0, |last| last.saturating_add(1)));
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{JobFault, LINES_MAX, fit, page_job, wrap};
    use crate::devices::print::escpos::Size;
    use crate::devices::print::profile::ProfileName;
    use crate::domain::slip_template::{Align, SlipLine, Style};

    const LARGE: Style = Style {
        align: Align::Left,
        is_large: true,
        is_bold: false,
    };

    fn lines(text: &str, columns: usize) -> Vec<String> {
        let wrapped = wrap(text.as_bytes(), columns).lines;
        wrapped
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    #[test]
    fn lines_break_at_spaces_then_behind_hyphens_then_anywhere() {
        let table: [(&str, &[&str]); 10] = [
            ("", &[""]),
            ("one two", &["one two"]),
            ("one two three", &["one two", "three"]),
            ("exactly_10 x", &["exactly_10", "x"]),
            ("  indented", &["  indented"]),
            ("BCDF-GHJK-LNPR-ST", &["BCDF-GHJK-", "LNPR-ST"]),
            ("for BCDF-GHJK-ST", &["for BCDF-", "GHJK-ST"]),
            ("for BCDF-GHJK", &["for", "BCDF-GHJK"]),
            ("ABCDEFGHIJKLMNO", &["ABCDEFGHIJ", "KLMNO"]),
            ("a          b", &["a", "b"]),
        ];
        for (text, wanted) in table {
            assert_eq!(lines(text, 10), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_code_is_as_large_as_one_line_allows() {
        let code = b"BCDF-GHJK-LNPR-ST".as_slice();
        for (columns, wanted, count) in [
            (42, Size::Large, 1),
            (32, Size::Tall, 1),
            (17, Size::Tall, 1),
            (16, Size::Normal, 2),
        ] {
            let (size, wrapped) = fit(code, columns, LARGE, true);
            assert_eq!((size, wrapped.lines.len()), (wanted, count), "{columns}");
            assert!(!wrapped.breaks_words);
        }
        assert_eq!(fit(b"a few large words", 12, LARGE, false).0, Size::Large);
        assert_eq!(fit(b"unfathomable", 12, LARGE, false).0, Size::Tall);
    }

    #[test]
    fn a_code_that_breaks_within_a_group_says_so() {
        let profile = ProfileName::Generic58.profile();
        let line = SlipLine::Text {
            text: "B".repeat(33),
            style: Style::default(),
            holds_code: true,
        };
        let bytes = page_job(&[line], &profile).unwrap().bytes;
        let says = String::from_utf8_lossy(&bytes).contains("(one code, 2 lines)");
        assert!(says);
    }

    #[test]
    fn what_cannot_be_printed_is_refused_before_a_byte_is_sent() {
        let profile = ProfileName::Generic58.profile();
        let qr = |text: &str| SlipLine::Qr {
            text: text.to_owned(),
            align: Align::Centre,
        };
        let long = vec![SlipLine::Rule; LINES_MAX + 1];
        assert_eq!(page_job(&long, &profile), Err(JobFault::TooLong));
        let sly = page_job(&[qr("A\u{10}\u{14}")], &profile);
        assert_eq!(sly, Err(JobFault::Code("\"A\\x10\\x14\"".to_owned())));
        let wide = page_job(&[qr(&"a".repeat(900))], &profile);
        assert_eq!(wide, Err(JobFault::TooNarrow { width_dots: 384 }));
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[a-c -]{0,60}", columns in 1_usize..20) {
            let wrapped = lines(&text, columns);
            prop_assert!(wrapped.iter().all(|line| line.len() <= columns));
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&wrapped.concat()), letters(&text));
        }
    }
}
