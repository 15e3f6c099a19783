//! A terminal: typing, keys and scans in one stream, told apart by their pace.

use std::time::Duration;

use crate::devices::scan::framing::escape::{
    ESC, Escape, Meaning, Step, control_key, meaning_of, meaning_of_unfinished,
};
use crate::devices::scan::framing::paste::{Paste, PasteStep};
use crate::devices::scan::framing::run::{ALT_DIGITS_MIN, KEY_QUIET, Lead, Maker, Run, TokenKind};
use crate::devices::scan::framing::{SCAN_BYTES_MAX, SILENCE, displayable, scan_of};
use crate::devices::scan::input::{Input, Key, ScanFlags, ScanNotice};

/// An escape sequence that stops for this long is over.
const ESCAPE_QUIET: Duration = Duration::from_millis(50);

/// A paste that stops for this long is over.
const PASTE_QUIET: Duration = Duration::from_millis(250);

/// A second suffix within this time belongs to the first: CR LF, CR CR, or a held Enter.
const SUFFIX_QUIET: Duration = Duration::from_millis(60);

/// Alt+digit keys further apart than this are no scanner's.
const ALT_DIGIT_QUIET: Duration = Duration::from_millis(500);

/// The framer of a terminal.
#[derive(Debug, Default)]
pub(super) struct Wedge {
    mode: Mode,
    run: Run,
    /// The sequence that the last token of the run is, while it is open.
    escape: Option<Escape>,
    last_at: Option<Duration>,
    last_suffix: Option<(u8, Duration)>,
    /// Whether the last run was a scan.
    after_scan: bool,
    alt_digits: AltDigits,
}

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Ground,
    Paste(Paste),
    /// An overlong scan: its first bytes, its flags, and how many bytes came so far.
    Swallow(Vec<u8>, ScanFlags, usize),
}

#[derive(Debug, Default)]
struct AltDigits {
    count: usize,
    last_at: Duration,
}

impl Wedge {
    pub(super) fn push(&mut self, byte: u8, at: Duration, out: &mut Vec<Input>) {
        match &mut self.mode {
            Mode::Ground => self.push_ground(byte, at, out),
            Mode::Swallow(_, _, total) => *total += 1,
            Mode::Paste(paste) => {
                if paste.push(byte, out) == PasteStep::Closed {
                    self.mode = Mode::Ground;
                    self.after_scan = true;
                }
            }
        }
        self.last_at = Some(at);
    }

    pub(super) fn expire(&mut self, at: Duration, out: &mut Vec<Input>) {
        let Some(last_at) = self.last_at else {
            return;
        };
        let quiet = at.saturating_sub(last_at);
        match &mut self.mode {
            Mode::Paste(paste) if quiet >= PASTE_QUIET => {
                paste.end(out);
                self.mode = Mode::Ground;
            }
            Mode::Swallow(bytes, flags, total) if quiet >= SILENCE => {
                out.push(scan_of(std::mem::take(bytes), *total, *flags));
                self.mode = Mode::Ground;
            }
            Mode::Paste(_) | Mode::Swallow(..) => {}
            Mode::Ground => self.expire_ground(quiet, out),
        }
    }

    pub(super) fn pending(&self) -> String {
        match &self.mode {
            Mode::Ground => self.run.displayable(),
            Mode::Paste(paste) => displayable(paste.line()),
            Mode::Swallow(bytes, ..) => displayable(bytes),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let quiet = match &self.mode {
            Mode::Paste(_) => PASTE_QUIET,
            Mode::Ground if self.run.is_empty() => return None,
            Mode::Ground if self.escape.is_some() => ESCAPE_QUIET,
            Mode::Ground => self.run.lone_tail_quiet().unwrap_or(SILENCE),
            Mode::Swallow(..) => SILENCE,
        };
        self.last_at.map(|last_at| last_at + quiet)
    }

    fn expire_ground(&mut self, quiet: Duration, out: &mut Vec<Input>) {
        if self.escape.is_some() && quiet >= ESCAPE_QUIET {
            self.cut_escape(out);
        }
        if self.escape.is_none()
            && self
                .run
                .lone_tail_quiet()
                .is_some_and(|wanted| quiet >= wanted)
        {
            self.take_lone_tail(out);
        }
        if quiet >= SILENCE && !self.run.is_empty() {
            self.finish(None, out);
        }
    }

    fn push_ground(&mut self, byte: u8, at: Duration, out: &mut Vec<Input>) {
        if let Some(escape) = &mut self.escape {
            match escape.step(byte) {
                Step::More => return self.run.extend(byte, at),
                Step::Done => {
                    self.run.extend(byte, at);
                    return self.end_escape(at, out);
                }
                Step::Cut => self.cut_escape(out),
            }
        }
        if matches!(byte, b'\r' | b'\n' | b'\t') {
            self.end_by_suffix(byte, at, out);
        } else if self.run.takes_continuation(byte) {
            self.run.extend(byte, at);
        } else if self.run.len() >= SCAN_BYTES_MAX && self.try_swallow() {
            // The byte is counted, and dropped like all that follow.
        } else {
            self.begin_token(byte, at, out);
        }
    }

    fn begin_token(&mut self, byte: u8, at: Duration, out: &mut Vec<Input>) {
        if self.run.is_empty() || self.run.is_bare_suffix() {
            // A suffix that a burst begins with is no Enter, and not of the code either.
            self.run = Run::after(self.lead_at(at));
        } else if self.run.is_typing_before(at) || self.run.len() >= SCAN_BYTES_MAX {
            let typing = std::mem::replace(&mut self.run, Run::after(Lead::Typing));
            typing.into_typing(None, out);
            self.after_scan = false;
        }
        match byte {
            ESC => {
                self.escape = Some(Escape::begin());
                self.run.begin(TokenKind::Broken, byte, at);
            }
            0x00..=0x1f | 0x7f => {
                self.run.begin(TokenKind::Key(control_key(byte)), byte, at);
                self.take_repeated(out);
            }
            _ => self.run.begin(TokenKind::Text, byte, at),
        }
    }

    fn lead_at(&self, at: Duration) -> Lead {
        match self.last_at {
            Some(last_at) if at.saturating_sub(last_at) < KEY_QUIET => {
                if self.after_scan {
                    Lead::Scan
                } else {
                    Lead::Close
                }
            }
            _ => Lead::Quiet,
        }
    }

    /// Swallows from here on, unless the full run is a key held for minutes.
    fn try_swallow(&mut self) -> bool {
        if self.run.has_text() && self.run.maker(None) == Maker::Hand {
            return false;
        }
        let run = std::mem::take(&mut self.run);
        let flags = run.flags();
        let bytes = run.into_bytes();
        let total = bytes.len() + 1;
        self.mode = Mode::Swallow(bytes, flags, total);
        self.after_scan = true;
        true
    }

    fn end_escape(&mut self, at: Duration, out: &mut Vec<Input>) {
        self.escape = None;
        match meaning_of(self.run.last_bytes()) {
            Meaning::PasteStart if self.run.is_single() => {
                self.run = Run::default();
                self.mode = Mode::Paste(Paste::default());
            }
            // Within a burst it is but one more sequence of that scan.
            Meaning::PasteStart => self.run.name_last(TokenKind::Junk),
            Meaning::Token(kind) => {
                self.run.name_last(kind);
                self.count_alt_digit(kind, at, out);
                self.take_repeated(out);
            }
        }
    }

    fn cut_escape(&mut self, out: &mut Vec<Input>) {
        self.escape = None;
        let kind = meaning_of_unfinished(self.run.last_bytes());
        self.run.name_last(kind);
        self.take_repeated(out);
    }

    fn take_repeated(&mut self, out: &mut Vec<Input>) {
        out.extend(self.run.take_repeated().map(Input::Key));
    }

    /// ALT mode is noticed at any pace, since no hand holds Alt for three digits in a row.
    fn count_alt_digit(&mut self, kind: TokenKind, at: Duration, out: &mut Vec<Input>) {
        if kind != TokenKind::AltDigit {
            return;
        }
        let is_near = at.saturating_sub(self.alt_digits.last_at) < ALT_DIGIT_QUIET;
        self.alt_digits.last_at = at;
        self.alt_digits.count = if is_near {
            self.alt_digits.count + 1
        } else {
            1
        };
        if self.alt_digits.count == ALT_DIGITS_MIN {
            out.push(Input::Notice(ScanNotice::AltMode));
        }
    }

    fn take_lone_tail(&mut self, out: &mut Vec<Input>) {
        let Some(kind) = self.run.pop() else {
            return;
        };
        std::mem::take(&mut self.run).into_typing(None, out);
        self.after_scan = false;
        match kind {
            TokenKind::Key(key) => out.push(Input::Key(key)),
            TokenKind::Broken => out.push(Input::Notice(ScanNotice::Garbage)),
            TokenKind::Text | TokenKind::AltDigit | TokenKind::Junk => {}
        }
    }

    /// A suffix ends what came before it. Before anything it is a key, and so has to be alone.
    fn end_by_suffix(&mut self, suffix: u8, at: Duration, out: &mut Vec<Input>) {
        if self.is_line_feed(suffix, at) {
            // Part of the CR.
        } else if self.run.is_bare_suffix() {
            self.run = Run::default();
        } else if !self.run.is_empty() {
            self.finish(Some((suffix, at)), out);
        } else if !self.is_second_suffix(at) {
            self.run = Run::after(self.lead_at(at));
            self.run
                .begin(TokenKind::Key(suffix_key(suffix)), suffix, at);
        }
        self.last_suffix = Some((suffix, at));
    }

    fn is_line_feed(&self, suffix: u8, at: Duration) -> bool {
        suffix == b'\n'
            && self.last_suffix.is_some_and(|(before, since)| {
                before == b'\r' && self.last_at == Some(since) && at.saturating_sub(since) < SILENCE
            })
    }

    fn is_second_suffix(&self, at: Duration) -> bool {
        let is_near = |since: Option<Duration>, quiet| {
            since.is_some_and(|since| at.saturating_sub(since) < quiet)
        };
        is_near(self.last_at, KEY_QUIET)
            || is_near(self.last_suffix.map(|(_, since)| since), SUFFIX_QUIET)
    }

    fn finish(&mut self, suffix: Option<(u8, Duration)>, out: &mut Vec<Input>) {
        let run = std::mem::take(&mut self.run);
        let suffix_at = suffix.map(|(_, at)| at);
        match run.maker(suffix_at) {
            Maker::Scanner => {
                self.after_scan = true;
                out.push(run.into_scan());
            }
            Maker::Hand => {
                self.after_scan = false;
                // A key this close before the suffix was no hand's, so the suffix is no Enter.
                let is_text_last = run.into_typing(suffix_at, out);
                if let Some((suffix, _)) = suffix
                    && is_text_last
                {
                    out.push(Input::Key(suffix_key(suffix)));
                }
            }
        }
    }
}

fn suffix_key(suffix: u8) -> Key {
    if suffix == b'\t' {
        Key::Tab
    } else {
        Key::Enter
    }
}
