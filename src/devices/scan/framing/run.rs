//! The bytes since the last silence or suffix, cut into tokens, and whether a hand typed them.

use std::time::Duration;

use crate::devices::scan::framing::{SILENCE, displayable, scan_of};
use crate::devices::scan::input::{Input, Key, ScanFlag, ScanFlags, ScanNotice};

/// No hand types this fast on average.
const BURST_AVERAGE_MAX: Duration = Duration::from_millis(30);

/// From so many tokens on the average says something.
const BURST_TOKENS_MIN: usize = 6;

/// No hand types twice within this time, except by accident.
pub(super) const TIGHT: Duration = Duration::from_millis(10);

/// Two gaps of this length in a row are a hand's.
const HAND: Duration = Duration::from_millis(40);

/// A key is alone if nothing comes within this time before or after it.
pub(super) const KEY_QUIET: Duration = Duration::from_millis(35);

/// So many Alt+digit keys in a row are a scanner's.
pub(super) const ALT_DIGITS_MIN: usize = 3;

/// One character, or one key however many bytes it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    start: usize,
    len: usize,
    from: Duration,
    until: Duration,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A character, or a byte that is part of none.
    Text,
    Key(Key),
    AltDigit,
    /// A whole sequence that is no key of ours: a mouse report, an answer of the terminal.
    Junk,
    /// A sequence that did not end.
    Broken,
}

/// What came before a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lead {
    /// Nothing, for as long as a key needs to be alone.
    #[default]
    Quiet,
    /// Typing, at a hand's pace.
    Typing,
    /// The end of a scan, at a scanner's pace: whatever follows is of the same burst.
    Scan,
    /// Something else, a moment ago.
    Close,
}

/// The bytes since the last silence or suffix.
#[derive(Debug, Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    lead: Lead,
}

/// Who made a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Scanner,
    Hand,
}

impl Run {
    pub(super) fn after(lead: Lead) -> Self {
        Self {
            lead,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn has_text(&self) -> bool {
        self.tokens.iter().any(|t| t.kind == TokenKind::Text)
    }

    pub(super) fn begin(&mut self, kind: TokenKind, byte: u8, at: Duration) {
        self.tokens.push(Token {
            kind,
            start: self.bytes.len(),
            len: 1,
            from: at,
            until: at,
        });
        self.bytes.push(byte);
    }

    pub(super) fn extend(&mut self, byte: u8, at: Duration) {
        if let Some(last) = self.tokens.last_mut() {
            last.len += 1;
            last.until = at;
            self.bytes.push(byte);
        }
    }

    /// Whether the byte goes on with the character that the run ends with.
    pub(super) fn takes_continuation(&self, byte: u8) -> bool {
        let Some(last) = self.tokens.last() else {
            return false;
        };
        let wanted = match self.bytes.get(last.start) {
            Some(0xc2..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf4) => 4,
            _ => 1,
        };
        matches!(byte, 0x80..=0xbf) && last.kind == TokenKind::Text && last.len < wanted
    }

    pub(super) fn name_last(&mut self, kind: TokenKind) {
        if let Some(last) = self.tokens.last_mut() {
            last.kind = kind;
        }
    }

    pub(super) fn last(&self) -> Option<&Token> {
        self.tokens.last()
    }

    pub(super) fn last_bytes(&self) -> &[u8] {
        self.tokens.last().map_or(&[], |last| self.bytes_of(last))
    }

    pub(super) fn is_single(&self) -> bool {
        self.tokens.len() == 1
    }

    /// Whether there is nothing but an Enter or Tab that may yet turn out to be a suffix.
    pub(super) fn is_bare_suffix(&self) -> bool {
        let is_suffix = |t: &Token| matches!(t.kind, TokenKind::Key(Key::Enter | Key::Tab));
        self.is_single() && self.last().is_some_and(is_suffix)
    }

    /// Whether what there is was typed, given that the next token begins at `at`.
    pub(super) fn is_typing_before(&self, at: Duration) -> bool {
        let (Some(first), Some(last)) = (self.tokens.first(), self.tokens.last()) else {
            return false;
        };
        let count = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        let is_slow_before = match self.gap_before(self.tokens.len() - 1) {
            Some(gap) => gap >= HAND,
            None => self.lead == Lead::Typing,
        };
        is_slow_before
            && at.saturating_sub(last.until) >= HAND
            && at.saturating_sub(first.from) >= HAND * count
    }

    /// Who made the run, which a suffix or a silence has ended.
    pub(super) fn maker(&self, suffix_at: Option<Duration>) -> Maker {
        let Some(last) = self.tokens.last().filter(|_| self.has_text()) else {
            return Maker::Hand;
        };
        let count = self.tokens.len();
        let gaps = u32::try_from(count - 1).unwrap_or(u32::MAX);
        // Without the time within a token: the bytes of a character are no one's pace.
        let time: Duration = self.gaps().sum();
        let is_fast = time <= BURST_AVERAGE_MAX * gaps;
        let is_steady =
            self.lead == Lead::Scan || (count >= BURST_TOKENS_MIN && !self.is_held_key(time, gaps));
        let is_tight = self.gaps().all(|gap| gap <= TIGHT)
            && suffix_at.is_none_or(|at| at.saturating_sub(last.until) <= TIGHT);
        let is_enough =
            count >= 2 && (suffix_at.is_some() || self.character_count() >= BURST_TOKENS_MIN);
        if (is_fast && is_steady) || (is_tight && is_enough) {
            Maker::Scanner
        } else {
            Maker::Hand
        }
    }

    /// How much quiet makes the last token a key that came alone, if it can be one: it had quiet
    /// before it, after something typed or nothing. After a burst without a suffix it may belong
    /// to the burst, until silence tells.
    pub(super) fn lone_tail_quiet(&self) -> Option<Duration> {
        let index = self.tokens.len().checked_sub(1)?;
        let is_lone = self.last().is_some_and(|t| t.kind != TokenKind::Text)
            && self.is_quiet_before(index)
            && self.head().maker(None) == Maker::Hand;
        is_lone.then(|| match self.last_bytes() {
            // The separators of GS1 begin codes more often than anybody presses them.
            [0x1c..=0x1f] => SILENCE,
            _ => KEY_QUIET,
        })
    }

    /// Takes the last token off.
    pub(super) fn pop(&mut self) -> Option<TokenKind> {
        let last = self.tokens.pop()?;
        self.bytes.truncate(last.start);
        Some(last.kind)
    }

    /// If the run is one key and that same key again, as a held key gives, takes the first off.
    pub(super) fn take_repeated(&mut self) -> Option<Key> {
        let [first, second] = self.tokens.as_slice() else {
            return None;
        };
        let TokenKind::Key(key) = first.kind else {
            return None;
        };
        let is_repeat = first.kind == second.kind
            && key.is_editing()
            && self.is_quiet_before(0)
            && second.from.saturating_sub(first.until) >= TIGHT;
        if !is_repeat {
            return None;
        }
        let skip = second.start;
        self.bytes.drain(..skip);
        self.tokens.remove(0);
        for token in &mut self.tokens {
            token.start -= skip;
        }
        Some(key)
    }

    /// What is odd about the run beside its bytes.
    pub(super) fn flags(&self) -> ScanFlags {
        ScanFlags::NONE.with_if(self.has_alt_digits(), ScanFlag::AltDigits)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The run as one scan.
    pub(super) fn into_scan(self) -> Input {
        let flags = self.flags();
        let total = self.bytes.len();
        scan_of(self.bytes, total, flags)
    }

    /// The run as typing. Says whether a character was last, so that Enter may follow at once.
    pub(super) fn into_typing(self, suffix_at: Option<Duration>, out: &mut Vec<Input>) -> bool {
        let is_editing = self.tokens.iter().all(|token| match token.kind {
            TokenKind::Text => true,
            TokenKind::Key(key) => key.is_editing(),
            TokenKind::AltDigit | TokenKind::Junk | TokenKind::Broken => false,
        });
        let mut is_garbled = false;
        let mut is_text_last = false;
        for (index, token) in self.tokens.iter().enumerate() {
            is_text_last = token.kind == TokenKind::Text && self.type_out(token, out);
            match token.kind {
                TokenKind::Key(key) if is_editing && self.is_apart(index, suffix_at) => {
                    out.push(Input::Key(key));
                }
                TokenKind::Text
                | TokenKind::Key(_)
                | TokenKind::AltDigit
                | TokenKind::Junk
                | TokenKind::Broken => is_garbled |= !is_text_last,
            }
        }
        // ALT mode has its own notice.
        if is_garbled && !self.has_alt_digits() {
            out.push(Input::Notice(ScanNotice::Garbage));
        }
        is_text_last
    }

    /// The text of the run, safe to show.
    pub(super) fn displayable(&self) -> String {
        let mut text = Vec::with_capacity(self.bytes.len());
        for token in self.tokens.iter().filter(|t| t.kind == TokenKind::Text) {
            text.extend_from_slice(self.bytes_of(token));
        }
        displayable(&text)
    }

    fn bytes_of(&self, token: &Token) -> &[u8] {
        self.bytes
            .get(token.start..token.start + token.len)
            .unwrap_or_default()
    }

    fn type_out(&self, token: &Token, out: &mut Vec<Input>) -> bool {
        let text = std::str::from_utf8(self.bytes_of(token)).unwrap_or_default();
        let mut is_taken = false;
        for c in text.chars().filter(|c| !c.is_control()) {
            out.push(Input::Typed(c));
            is_taken = true;
        }
        is_taken
    }

    fn head(&self) -> Self {
        let mut head = Self {
            bytes: self.bytes.clone(),
            tokens: self.tokens.clone(),
            lead: self.lead,
        };
        head.pop();
        head
    }

    fn gap_before(&self, index: usize) -> Option<Duration> {
        let before = self.tokens.get(index.checked_sub(1)?)?;
        let token = self.tokens.get(index)?;
        Some(token.from.saturating_sub(before.until))
    }

    fn gaps(&self) -> impl Iterator<Item = Duration> {
        (1..self.tokens.len()).filter_map(|index| self.gap_before(index))
    }

    fn is_quiet_before(&self, index: usize) -> bool {
        match self.gap_before(index) {
            Some(gap) => gap >= KEY_QUIET,
            None => matches!(self.lead, Lead::Quiet | Lead::Typing),
        }
    }

    /// Whether a hand may have pressed this token's key amid its neighbours.
    fn is_apart(&self, index: usize, suffix_at: Option<Duration>) -> bool {
        let is_apart_before = match self.gap_before(index) {
            Some(gap) => gap >= TIGHT,
            None => self.is_quiet_before(index),
        };
        let next = self.tokens.get(index + 1).map(|next| next.from);
        let until = self.tokens.get(index).map(|token| token.until);
        let gap_after = next.or(suffix_at).zip(until);
        is_apart_before && gap_after.is_none_or(|(next, until)| next.saturating_sub(until) >= TIGHT)
    }

    /// Whether the run is one key held down, which repeats as fast as every 30 ms or so.
    fn is_held_key(&self, time: Duration, gaps: u32) -> bool {
        let Some(first) = self.tokens.first() else {
            return false;
        };
        let held = self.bytes_of(first);
        time >= TIGHT * gaps && self.tokens.iter().all(|t| self.bytes_of(t) == held)
    }

    fn character_count(&self) -> usize {
        let is_start = |byte: &&u8| !matches!(byte, 0x80..=0xbf);
        self.bytes.iter().filter(is_start).count()
    }

    fn has_alt_digits(&self) -> bool {
        let is_alt_digit = |t: &Token| t.kind == TokenKind::AltDigit;
        self.tokens
            .windows(ALT_DIGITS_MIN)
            .any(|window| window.iter().all(is_alt_digit))
    }
}
