//! A device that sends nothing but scans: a line, or what came before a silence, is one.

use std::time::Duration;

use crate::devices::scan::framing::{SCAN_BYTES_MAX, SILENCE, displayable, scan_of};
use crate::devices::scan::input::{Input, ScanFlag, ScanFlags};

/// XON and XOFF, which steer the line and are no data.
const FLOW: [u8; 2] = [0x11, 0x13];

/// Fewer bytes than this say nothing about a parity bit.
const PARITY_BYTES_MIN: usize = 4;

/// The bytes since the last suffix or silence.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    total: usize,
    last_at: Duration,
}

impl Line {
    pub(super) fn push(&mut self, byte: u8, at: Duration, out: &mut Vec<Input>) {
        self.last_at = at;
        // Once a scan is overlong only silence ends it: its tail is never a scan of its own.
        if self.total >= SCAN_BYTES_MAX && (self.total > SCAN_BYTES_MAX || !is_suffix(byte)) {
            self.total += 1;
        } else if is_suffix(byte) {
            self.finish(out);
        } else {
            self.bytes.push(byte);
            self.total += 1;
        }
    }

    pub(super) fn expire(&mut self, at: Duration, out: &mut Vec<Input>) {
        if self.total > 0 && at.saturating_sub(self.last_at) >= SILENCE {
            self.finish(out);
        }
    }

    pub(super) fn pending(&self) -> String {
        displayable(&self.bytes)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        (self.total > 0).then(|| self.last_at + SILENCE)
    }

    fn finish(&mut self, out: &mut Vec<Input>) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let dropped = std::mem::take(&mut self.total) - bytes.len();
        while bytes.last().is_some_and(|byte| FLOW.contains(byte)) {
            bytes.pop();
        }
        let lead = bytes.iter().take_while(|byte| FLOW.contains(byte)).count();
        bytes.drain(..lead);
        if bytes.is_empty() {
            return;
        }
        let flags = ScanFlags::NONE.with_if(has_parity_bit(&bytes), ScanFlag::Parity);
        let total = bytes.len() + dropped;
        out.push(scan_of(bytes, total, flags));
    }
}

fn is_suffix(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'\t' | 0)
}

/// Whether the bytes look like 7 bits of text with a parity bit above: all have it (mark), or
/// those have it whose ones would otherwise be odd (even parity), or even (odd parity).
fn has_parity_bit(bytes: &[u8]) -> bool {
    bytes.len() >= PARITY_BYTES_MIN
        && !bytes.is_ascii()
        && std::str::from_utf8(bytes).is_err()
        && bytes.iter().all(|byte| {
            let low = byte & 0x7f;
            matches!(low, 0x20..=0x7e | b'\r' | b'\n' | b'\t' | 0x1d)
        })
        && (bytes.iter().all(|byte| byte & 0x80 != 0)
            || bytes.iter().all(|byte| byte.count_ones() % 2 == 0)
            || bytes.iter().all(|byte| byte.count_ones() % 2 == 1))
}
