//! Bytes and the times they came, framed into inputs. Pure: time is an argument.
//!
//! A *run* is what came since the last silence of 100 ms or the last suffix (CR, LF, TAB). A run
//! that came faster than a hand can type is a scan; any other is typing.
//!
//! Invariant: the bytes of a scan are kept as they came, and no byte of a burst is a command.
//! Invariant: only the times count. How the bytes were split among reads, and how often
//! [`Framer::tick`] was called in between, changes nothing.
//! Invariant: no input keeps the framer from taking the next scan after 250 ms of silence.

mod escape;
mod line;
mod paste;
mod run;
#[cfg(test)]
mod tests;
mod wedge;

use std::time::Duration;

use crate::devices::scan::framing::line::Line;
use crate::devices::scan::framing::wedge::Wedge;
use crate::devices::scan::input::{Input, Scan, ScanFlag, ScanFlags};

/// How many bytes of one scan are kept; the rest is counted and dropped.
pub const SCAN_BYTES_MAX: usize = 4096;

/// A silence of this length ends a run, with or without a suffix.
pub const SILENCE: Duration = Duration::from_millis(100);

/// A reader that is later than this was not held up, but asleep with its machine.
const STALL_MAX: Duration = Duration::from_secs(1);

/// Frames the bytes of one device.
#[derive(Debug)]
pub struct Framer(Flavour);

#[derive(Debug)]
enum Flavour {
    Wedge(Box<Wedge>),
    Serial(Line),
}

impl Framer {
    /// For a terminal, where a hand and a scanner type into the same line.
    pub fn wedge() -> Self {
        Self(Flavour::Wedge(Box::default()))
    }

    /// For a serial or grabbed device, where every line is a scan. A NUL is a suffix too.
    pub fn serial() -> Self {
        Self(Flavour::Serial(Line::default()))
    }

    /// Takes what one read gave. `at` is the time since any fixed start, and never goes back.
    pub fn feed(&mut self, bytes: &[u8], at: Duration, out: &mut Vec<Input>) {
        self.tick(at, out);
        for byte in bytes {
            match &mut self.0 {
                Flavour::Wedge(wedge) => wedge.push(*byte, at, out),
                Flavour::Serial(line) => line.push(*byte, at, out),
            }
        }
    }

    /// Decides what silence decides. To be called at [`Framer::next_deadline`] at the latest.
    pub fn tick(&mut self, at: Duration, out: &mut Vec<Input>) {
        match &mut self.0 {
            Flavour::Wedge(wedge) => wedge.expire(at, out),
            Flavour::Serial(line) => line.expire(at, out),
        }
    }

    /// When the bytes came that were read at `now`, at the best guess.
    ///
    /// A reader that woke after its deadline cannot tell whether they came before or after it. It
    /// was held up, the scanner was not: they count as come in time, lest a scan be torn apart.
    pub fn arrival(&self, now: Duration) -> Duration {
        let Some(deadline) = self.next_deadline() else {
            return now;
        };
        match now.checked_sub(deadline) {
            Some(late) if late < STALL_MAX => deadline.saturating_sub(Duration::from_micros(1)),
            Some(_) | None => now,
        }
    }

    /// The text that is not decided yet, safe to show. Not part of any input given so far.
    pub fn pending(&self) -> String {
        match &self.0 {
            Flavour::Wedge(wedge) => wedge.pending(),
            Flavour::Serial(line) => line.pending(),
        }
    }

    /// When silence decides next; nothing is undecided if there is no such time.
    pub fn next_deadline(&self) -> Option<Duration> {
        match &self.0 {
            Flavour::Wedge(wedge) => wedge.next_deadline(),
            Flavour::Serial(line) => line.next_deadline(),
        }
    }
}

fn scan_of(mut bytes: Vec<u8>, total: usize, flags: ScanFlags) -> Input {
    bytes.truncate(SCAN_BYTES_MAX);
    let is_dirty = bytes.iter().any(|byte| is_dirt(*byte));
    Input::Scan(Scan {
        flags: flags
            .with_if(is_dirty, ScanFlag::Dirty)
            .with_if(total > bytes.len(), ScanFlag::Overlong),
        bytes,
        total,
    })
}

/// Control bytes that no code holds. EOT, FS, GS, RS and US separate the fields of GS1 and ISO
/// 15434 data, and TAB the columns of a paste.
fn is_dirt(byte: u8) -> bool {
    match byte {
        0x04 | b'\t' | 0x1c..=0x1f => false,
        _ => byte.is_ascii_control(),
    }
}

/// Decodes for the screen: what cannot be read, moves the cursor or hides is shown as a dot.
fn displayable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if is_showable(c) { c } else { '·' })
        .collect()
}

fn is_showable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e007f}')
}
