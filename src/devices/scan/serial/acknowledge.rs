//! What a scanner is answered, so that its own beeper says the verdict.
//!
//! Source: Honeywell, Xenon/Granit User Guide, "Host Acknowledgment" (Host ACK, responses): a command is
//! ESC, a character and a comma, which is required; `7` is a good read, `8` twice is what to send for
//! an item that is not on file, `5` a beep of medium pitch. With Host ACK on the scanner is silent after
//! a read and reads no further until it has an answer, or until its own time is over (10 s by default).
//! Not tried on a scanner of that make; the bytes are those of the guide.

use serde::{Deserialize, Serialize};

/// Whose answers a scanner understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// Honeywell's Host ACK, which must be on in the scanner.
    Honeywell,
}

/// What came of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanAnswer {
    /// It was honoured, and that is committed.
    Good,
    /// It was not.
    Bad,
    /// It was read, and there was nothing to honour.
    Taken,
}

impl Acknowledge {
    /// The bytes to send.
    pub fn bytes(self, answer: ScanAnswer) -> &'static [u8] {
        match (self, answer) {
            (Acknowledge::Honeywell, ScanAnswer::Good) => b"\x1b7,",
            (Acknowledge::Honeywell, ScanAnswer::Bad) => b"\x1b8,\x1b8,",
            (Acknowledge::Honeywell, ScanAnswer::Taken) => b"\x1b5,",
        }
    }
}
