//! What a scanner or a keyboard gives: scans, typed characters, keys and notices.

/// One thing that came in, in the order it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A finished scan, to be judged.
    Scan(Scan),
    /// A character typed by hand; never a control character.
    Typed(char),
    /// A key that came alone, and may therefore be a command.
    Key(Key),
    /// Something came in that is neither; the operator may need to know.
    Notice(ScanNotice),
}

/// The bytes of one scan as they came, without the suffix.
///
/// They may hold anything: control bytes, escape sequences, no UTF-8. Never show them unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// At most [`SCAN_BYTES_MAX`](super::framing::SCAN_BYTES_MAX) bytes.
    pub bytes: Vec<u8>,
    /// How many bytes came in all; more than `bytes` holds if the scan is overlong.
    pub total: usize,
    /// What was odd about it.
    pub flags: ScanFlags,
}

/// One odd thing about a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanFlag {
    /// It holds an escape sequence, or a control byte that is no GS1 separator.
    Dirty,
    /// It was cut; what followed was swallowed up to the next silence.
    Overlong,
    /// It is a line of a paste.
    Paste,
    /// It holds three or more Alt+digit keys in a row, beside text.
    AltDigits,
    /// It has a parity bit on its bytes: the scanner must be set to 8N1.
    Parity,
}

impl ScanFlag {
    /// All of them, in the order of [`ScanFlags::iter`].
    pub const ALL: [Self; 5] = [
        Self::Dirty,
        Self::Overlong,
        Self::Paste,
        Self::AltDigits,
        Self::Parity,
    ];

    fn bit(self) -> u8 {
        match self {
            Self::Dirty => 1,
            Self::Overlong => 2,
            Self::Paste => 4,
            Self::AltDigits => 8,
            Self::Parity => 16,
        }
    }
}

/// A set of [`ScanFlag`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanFlags(u8);

impl ScanFlags {
    /// The set of a scan with nothing odd about it.
    pub const NONE: Self = Self(0);

    /// This set with one flag more.
    #[must_use]
    pub fn with(self, flag: ScanFlag) -> Self {
        Self(self.0 | flag.bit())
    }

    /// This set, with one flag more if `is_so`.
    #[must_use]
    pub fn with_if(self, is_so: bool, flag: ScanFlag) -> Self {
        if is_so { self.with(flag) } else { self }
    }

    /// Whether the flag is in the set.
    pub fn contains(self, flag: ScanFlag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// Whether nothing is odd.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags of the set.
    pub fn iter(self) -> impl Iterator<Item = ScanFlag> {
        ScanFlag::ALL
            .into_iter()
            .filter(move |flag| self.contains(*flag))
    }
}

/// A key that is no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Enter on what was typed before, or on nothing.
    Enter,
    /// Tab, likewise.
    Tab,
    /// Shift+Tab.
    BackTab,
    /// Escape.
    Esc,
    /// Backspace, which terminals send as 0x7f or as Ctrl-H.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key, from 1 to 12.
    F(u8),
    /// Ctrl with a lower-case letter or one of `@ \ ] ^ _`.
    Ctrl(char),
}

impl Key {
    /// Whether the key only moves or erases. Such a key may be held down, and may follow typing
    /// closely; no other key is taken that way.
    pub(super) fn is_editing(self) -> bool {
        match self {
            Self::Backspace
            | Self::Delete
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::Home
            | Self::End
            | Self::PageUp
            | Self::PageDown => true,
            Self::Enter
            | Self::Tab
            | Self::BackTab
            | Self::Esc
            | Self::Insert
            | Self::F(_)
            | Self::Ctrl(_) => false,
        }
    }
}

/// What the operator may need to know about input that is neither scan, text nor key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanNotice {
    /// The scanner types Alt with digits; its ALT mode must be switched off.
    AltMode,
    /// Bytes were dropped: an unfinished escape sequence, keys in a burst, or no UTF-8.
    Garbage,
}
