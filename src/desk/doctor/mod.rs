//! Judging what `doctor` has seen: what is well, what somebody should look at, what is bad, and what to
//! do. Pure; looking is the command line's.

mod computer;
mod counter;
mod shop;

pub use crate::desk::doctor::computer::{
    ClockSeen, DiskSeen, TerminalSeen, clock, disk, file_system_of, terminal, time_zone,
};
pub use crate::desk::doctor::counter::{
    KeyboardsSeen, NodeSeen, PrinterSeen, SerialSeen, exclusive, keyboards, printer, serial,
    usb_printer,
};
pub use crate::desk::doctor::shop::{
    Joined, LedgerSeen, certificate, files, joined, ledger, migrations, stores,
};

use jiff::Timestamp;

/// Whole days from one moment to a later one; none: it is not later.
fn days_until(end: Timestamp, now: Timestamp) -> Option<i64> {
    let seconds = end.as_second().saturating_sub(now.as_second());
    (seconds > 0).then_some(seconds / 86_400)
}
