//! The few ESC/POS commands that a slip needs, each in one place.
//!
//! Source: Epson's ESC/POS command reference, by the names given at each; the numbers of the
//! functions and their parameters are in decimal there and here.
//! Invariant: texts come in as [`crate::devices::print::text::spell`] made them.

use crate::devices::print::profile::{Cut, PageCode, Profile};
use crate::devices::print::raster::Raster;
use crate::devices::print::text::CodeTable;
use crate::domain::slip_template::Align;

const DLE: u8 = 0x10;
const ESC: u8 = 0x1b;
const FS: u8 = 0x1c;
const GS: u8 = 0x1d;
const LF: u8 = 0x0a;

/// What `DLE EOT` can ask (Epson: "DLE EOT n", 1 to 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether it is on line.
    Printer,
    /// Why it is not.
    Offline,
    /// What broke.
    Error,
    /// How much paper it has.
    Paper,
}

/// Asks a status in real time: answered at once, even off line, by one byte.
pub(super) fn ask(question: Question) -> [u8; 3] {
    let number = match question {
        Question::Printer => 1,
        Question::Offline => 2,
        Question::Error => 3,
        Question::Paper => 4,
    };
    [DLE, 0x04, number]
}

/// `GS r 1`: the paper's status, answered only when everything before it has been printed, and not at
/// all without paper: the fence behind a job.
pub(super) const FENCE: [u8; 3] = [GS, b'r', 1];

/// How large letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// As they are.
    Normal,
    /// Twice as high.
    Tall,
    /// Twice as high and wide.
    Large,
}

/// The bytes of a job, command by command.
#[derive(Debug, Default)]
pub(super) struct Escpos {
    bytes: Vec<u8>,
}

impl Escpos {
    /// A job's beginning: `ESC @` (forget what the last job set), `FS .` (leave Chinese mode, in which
    /// many clones wake), `ESC t` (the page code), and on an Epson `GS ( D` function 20 (data that
    /// looks like a drawer pulse or a power-off is data).
    pub(super) fn begin(profile: &Profile) -> Escpos {
        let mut job = Escpos::default();
        job.put(&[ESC, b'@', FS, b'.']);
        if profile.has_real_time_switch {
            for command in [1, 2] {
                job.put(&[GS, b'(', b'D', 3, 0, 20, command, 0]);
            }
        }
        job.page_code(profile.page_code);
        job
    }

    pub(super) fn page_code(&mut self, page: PageCode) {
        if page.table != CodeTable::Ascii {
            self.put(&[ESC, b't', page.number]);
        }
    }

    pub(super) fn align(&mut self, align: Align) {
        let number = match align {
            Align::Left => 0,
            Align::Centre => 1,
            Align::Right => 2,
        };
        self.put(&[ESC, b'a', number]);
    }

    /// `GS !` and `ESC E`.
    pub(super) fn look(&mut self, size: Size, is_bold: bool) {
        let scale = match size {
            Size::Normal => 0x00,
            Size::Tall => 0x01,
            Size::Large => 0x11,
        };
        self.put(&[GS, b'!', scale, ESC, b'E', u8::from(is_bold)]);
    }

    /// A line of text.
    pub(super) fn line(&mut self, spelled: &[u8]) {
        debug_assert!(
            spelled.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f),
            "text that was not spelled"
        );
        self.put(spelled);
        self.put(&[LF]);
    }

    /// `GS v 0`, in pieces: old firmware reads one byte of the height.
    pub(super) fn raster(&mut self, raster: &Raster) {
        for (rows, data) in raster.pieces() {
            let [low, high] = raster.row_bytes().to_le_bytes();
            self.put(&[GS, b'v', b'0', 0, low, high, rows, 0]);
            self.put(data);
        }
    }

    /// `GS ( k` functions 165 (model 2), 167 (module), 169 (level M), 180 (store), 181 (print).
    ///
    /// Text is at most [`crate::domain::qr::QR_BYTES_MAX`] bytes.
    pub(super) fn native_qr(&mut self, text: &[u8], module_dots: u8) {
        let stored = u16::try_from(text.len().saturating_add(3)).unwrap_or(u16::MAX);
        let [low, high] = stored.to_le_bytes();
        self.put(&[GS, b'(', b'k', 4, 0, 49, 65, 50, 0]);
        self.put(&[GS, b'(', b'k', 3, 0, 49, 67, module_dots]);
        self.put(&[GS, b'(', b'k', 3, 0, 49, 69, 49]);
        self.put(&[GS, b'(', b'k', low, high, 49, 80, 48]);
        self.put(text);
        self.put(&[GS, b'(', b'k', 3, 0, 49, 81, 48]);
    }

    /// Feeds and cuts: `GS V` function B where the printer knows the way to its cutter, else lines and
    /// function A.
    pub(super) fn cut(&mut self, profile: &Profile) {
        self.look(Size::Normal, false);
        for _ in 0..profile.feed_lines.unwrap_or(0) {
            self.put(&[LF]);
        }
        match (profile.cut, profile.feed_lines) {
            (Cut::None, Some(_)) => {}
            (Cut::None, None) => self.put(&[LF, LF, LF, LF]),
            (Cut::Full, None) => self.put(&[GS, b'V', 65, 0]),
            (Cut::Partial, None) => self.put(&[GS, b'V', 66, 0]),
            (Cut::Full, Some(_)) => self.put(&[GS, b'V', 0]),
            (Cut::Partial, Some(_)) => self.put(&[GS, b'V', 1]),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}
