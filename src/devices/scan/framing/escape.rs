//! Where an escape sequence ends, and which key it is.
//!
//! Invariant: CR, LF and TAB are never part of a sequence, so a scan's suffix always counts.

use crate::devices::scan::framing::run::TokenKind;
use crate::devices::scan::input::Key;

pub(super) const ESC: u8 = 0x1b;

/// The longest sequence; what follows it is text again.
const SEQUENCE_BYTES_MAX: usize = 32;

/// What opens a bracketed paste.
const PASTE: &[u8] = b"\x1b[200~";

/// A sequence that has begun and not ended.
#[derive(Debug)]
pub(super) struct Escape {
    state: State,
    len: usize,
}

#[derive(Debug)]
enum State {
    Start,
    Csi,
    Ss3,
    /// The Linux console sends F1 to F5 as `ESC [ [ A` to `E`.
    Console,
    /// An old mouse report: so many bytes are left of its three.
    Mouse(u8),
    /// OSC, DCS and the like, up to BEL or `ESC \`.
    Text,
}

/// What one more byte does to a sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to it.
    More,
    /// It belongs to it and ends it.
    Done,
    /// It does not belong to it; the sequence stays unfinished.
    Cut,
}

/// What a whole sequence is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Token(TokenKind),
    PasteStart,
}

impl Escape {
    pub(super) fn begin() -> Self {
        Self {
            state: State::Start,
            len: 1,
        }
    }

    pub(super) fn step(&mut self, byte: u8) -> Step {
        if self.len >= SEQUENCE_BYTES_MAX {
            return Step::Cut;
        }
        self.len += 1;
        match self.state {
            State::Start => self.step_start(byte),
            State::Csi => self.step_csi(byte),
            State::Ss3 | State::Console => match byte {
                0x20..=0x7e => Step::Done,
                _ => Step::Cut,
            },
            State::Mouse(left) => match byte {
                0x00..=0x1f => Step::Cut,
                _ if left <= 1 => Step::Done,
                _ => {
                    self.state = State::Mouse(left - 1);
                    Step::More
                }
            },
            State::Text => match byte {
                0x07 => Step::Done,
                0x00..=0x1f | 0x7f => Step::Cut,
                _ => Step::More,
            },
        }
    }

    fn step_start(&mut self, byte: u8) -> Step {
        self.state = match byte {
            b'[' => State::Csi,
            b'O' => State::Ss3,
            b']' | b'P' | b'X' | b'^' | b'_' => State::Text,
            0x20..=0x7f => return Step::Done,
            _ => return Step::Cut,
        };
        Step::More
    }

    fn step_csi(&mut self, byte: u8) -> Step {
        // Two bytes before this one: nothing stands between `ESC [` and it.
        let is_first = self.len == 3;
        match byte {
            b'[' if is_first => self.state = State::Console,
            b'M' if is_first => self.state = State::Mouse(3),
            0x20..=0x3f => {}
            0x40..=0x7e => return Step::Done,
            _ => return Step::Cut,
        }
        Step::More
    }
}

/// What a finished sequence means; keys with modifiers mean nothing here.
pub(super) fn meaning_of(sequence: &[u8]) -> Meaning {
    if sequence == PASTE {
        return Meaning::PasteStart;
    }
    Meaning::Token(match sequence {
        [ESC, digit] if digit.is_ascii_digit() => TokenKind::AltDigit,
        [ESC, b'[', rest @ ..] => csi_key(rest).map_or(TokenKind::Junk, TokenKind::Key),
        [ESC, b'O', last] => ss3_key(*last).map_or(TokenKind::Junk, TokenKind::Key),
        _ => TokenKind::Junk,
    })
}

/// What an unfinished sequence is: the Esc key if nothing followed it.
pub(super) fn meaning_of_unfinished(sequence: &[u8]) -> TokenKind {
    match sequence {
        [ESC] => TokenKind::Key(Key::Esc),
        _ => TokenKind::Broken,
    }
}

/// The key of a control byte that is no suffix and no ESC.
pub(super) fn control_key(byte: u8) -> Key {
    match byte {
        0x08 | 0x7f => Key::Backspace,
        0x01..=0x1a => Key::Ctrl(char::from(byte + 0x60)),
        _ => Key::Ctrl(char::from((byte & 0x1f) + 0x40)),
    }
}

fn csi_key(rest: &[u8]) -> Option<Key> {
    Some(match rest {
        [b'[', last @ b'A'..=b'E'] => Key::F(last - b'A' + 1),
        [b'Z'] => Key::BackTab,
        [last] => cursor_key(*last)?,
        b"1~" | b"7~" => Key::Home,
        b"2~" => Key::Insert,
        b"3~" => Key::Delete,
        b"4~" | b"8~" => Key::End,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        [b'1', digit @ b'1'..=b'5', b'~'] => Key::F(digit - b'0'),
        [b'1', digit @ b'7'..=b'9', b'~'] => Key::F(digit - b'1'),
        b"20~" => Key::F(9),
        b"21~" => Key::F(10),
        b"23~" => Key::F(11),
        b"24~" => Key::F(12),
        _ => return None,
    })
}

fn ss3_key(last: u8) -> Option<Key> {
    match last {
        b'P'..=b'S' => Some(Key::F(last - b'P' + 1)),
        _ => cursor_key(last),
    }
}

fn cursor_key(last: u8) -> Option<Key> {
    match last {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'H' => Some(Key::Home),
        b'F' => Some(Key::End),
        _ => None,
    }
}
