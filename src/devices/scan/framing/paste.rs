//! A bracketed paste: every line of it is one candidate scan, nothing in it is a key.

use crate::devices::scan::framing::{SCAN_BYTES_MAX, scan_of};
use crate::devices::scan::input::{Input, ScanFlag, ScanFlags};

/// What closes a paste. ESC stands at its start only, so a failed match never hides another.
const END: [u8; 6] = *b"\x1b[201~";

/// An open paste.
#[derive(Debug, Default)]
pub(super) struct Paste {
    line: Vec<u8>,
    total: usize,
    matched: usize,
}

/// Whether a paste goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PasteStep {
    Open,
    Closed,
}

impl Paste {
    pub(super) fn push(&mut self, byte: u8, out: &mut Vec<Input>) -> PasteStep {
        if END.get(self.matched) == Some(&byte) {
            self.matched += 1;
            if self.matched == END.len() {
                self.matched = 0;
                self.end_line(out);
                return PasteStep::Closed;
            }
            return PasteStep::Open;
        }
        self.keep_matched();
        match byte {
            b'\r' | b'\n' => self.end_line(out),
            _ if END.first() == Some(&byte) => self.matched = 1,
            _ => self.keep(byte),
        }
        PasteStep::Open
    }

    /// Ends the paste where it stands, because nothing more came.
    pub(super) fn end(&mut self, out: &mut Vec<Input>) {
        self.keep_matched();
        self.end_line(out);
    }

    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    fn keep_matched(&mut self) {
        for byte in END.into_iter().take(std::mem::take(&mut self.matched)) {
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        self.total += 1;
        if self.line.len() < SCAN_BYTES_MAX {
            self.line.push(byte);
        }
    }

    fn end_line(&mut self, out: &mut Vec<Input>) {
        let line = std::mem::take(&mut self.line);
        let total = std::mem::take(&mut self.total);
        if !line.is_empty() {
            out.push(scan_of(line, total, ScanFlags::NONE.with(ScanFlag::Paste)));
        }
    }
}
