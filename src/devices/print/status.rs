//! What a printer answers, told from noise by its fixed bits.
//!
//! Source: Epson ESC/POS command reference, DLE EOT, GS r and GS a; the fixed bits are also in the
//! manual of Citizen's CT-S310. `DLE EOT` answers `0xx1xx10`, `GS r` answers `0xx0xxxx`, an automatic
//! status begins with `0xx1xx00` and three bytes more, which look like answers to `GS r`.

/// A byte that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// An answer to `DLE EOT`.
    Status(u8),
    /// An answer to `GS r`: the fence.
    Fence(u8),
}

/// Listens to a printer, byte by byte.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// How many bytes of an automatic status are still to come.
    automatic: u8,
    /// Whether anything came at all.
    has_heard: bool,
    /// Whether it ever answered what it was asked.
    has_answered: bool,
}

impl Ears {
    /// What this byte means, if anything.
    pub(super) fn hear(&mut self, byte: u8) -> Option<Heard> {
        self.has_heard = true;
        if self.automatic > 0 && byte & 0x90 == 0x00 {
            self.automatic = self.automatic.saturating_sub(1);
            return None;
        }
        self.automatic = 0;
        match (byte & 0x93, byte & 0x90) {
            (0x12, _) => {
                self.has_answered = true;
                Some(Heard::Status(byte))
            }
            (0x10, _) => {
                self.automatic = 3;
                None
            }
            (_, 0x00) => Some(Heard::Fence(byte)),
            _ => None,
        }
    }

    /// Whether something was heard and none of it an answer: a line that echoes what it is sent, a
    /// wrong speed, no printer at all. What looks like a fence then is none: a letter of the job's
    /// own text would do.
    pub(super) fn hears_only_noise(&self) -> bool {
        self.has_heard && !self.has_answered
    }
}

/// Whether `DLE EOT 1` says off line.
pub(super) fn is_offline(status: u8) -> bool {
    status & 0x08 != 0
}

/// Whether `DLE EOT 2` says that the cover is open.
pub(super) fn is_cover_open(status: u8) -> bool {
    status & 0x04 != 0
}

/// Whether `DLE EOT 2` says that printing stopped for want of paper.
pub(super) fn has_stopped_for_paper(status: u8) -> bool {
    status & 0x20 != 0
}

/// Whether `DLE EOT 2` says that something broke.
pub(super) fn has_error(status: u8) -> bool {
    status & 0x40 != 0
}

/// Whether `DLE EOT 3` says that it was the cutter.
pub(super) fn has_cutter_error(status: u8) -> bool {
    status & 0x08 != 0
}

/// Whether `DLE EOT 4` says that there is no paper.
pub(super) fn is_paper_out(status: u8) -> bool {
    status & 0x60 != 0
}

/// Whether `DLE EOT 4` says that the roll is nearly used up.
pub(super) fn is_paper_low(status: u8) -> bool {
    status & 0x0c != 0
}

/// Whether the fence says that there is no paper.
pub(super) fn fence_paper_out(fence: u8) -> bool {
    fence & 0x0c != 0
}

/// Whether the fence says that the roll is nearly used up.
pub(super) fn fence_paper_low(fence: u8) -> bool {
    fence & 0x03 != 0
}

#[cfg(test)]
mod tests {
    use super::{Ears, Heard};

    #[test]
    fn answers_are_told_from_noise_by_their_fixed_bits() {
        let table: [(u8, Option<Heard>); 10] = [
            (0x12, Some(Heard::Status(0x12))),
            (0x1e, Some(Heard::Status(0x1e))),
            (0x7e, Some(Heard::Status(0x7e))),
            (0x00, Some(Heard::Fence(0x00))),
            (0x0f, Some(Heard::Fence(0x0f))),
            (0x63, Some(Heard::Fence(0x63))),
            (0x11, None),
            (0x13, None),
            (0x92, None),
            (0xff, None),
        ];
        for (byte, wanted) in table {
            assert_eq!(Ears::default().hear(byte), wanted, "{byte:#04x}");
        }
    }

    #[test]
    fn an_automatic_status_is_passed_over_whole() {
        let mut ears = Ears::default();
        for byte in [0x14, 0x00, 0x00, 0x0f] {
            assert_eq!(ears.hear(byte), None);
        }
        assert_eq!(ears.hear(0x00), Some(Heard::Fence(0)));
        // Cut short by an answer: that counts.
        assert_eq!(ears.hear(0x10), None);
        assert_eq!(ears.hear(0x16), Some(Heard::Status(0x16)));
        assert_eq!(ears.hear(0x03), Some(Heard::Fence(3)));
    }

    #[test]
    fn a_line_that_echoes_is_noise() {
        let mut ears = Ears::default();
        for byte in [0x10, 0x04, 0x04] {
            ears.hear(byte);
        }
        assert!(ears.hears_only_noise());
        ears.hear(0x12);
        assert!(!ears.hears_only_noise());
    }
}
