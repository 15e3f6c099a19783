//! Bytes from a scanner or a keyboard, framed into scans, typed text and commands.
//!
//! `tty`, `serial` and `evdev` own a device each and read the clock; `framing` decides, without either.
//! Invariant: a byte of a scan is never changed, and a byte of a burst is never a command.
//! Not here: what a scan means (`domain`), and where it goes (the console).

pub mod evdev;
pub mod framing;
pub mod input;
pub mod serial;
pub mod tty;
