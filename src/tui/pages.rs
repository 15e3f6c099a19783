//! The pages that the home screen's panel may show, and how they age.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ratatui::text::Line;

use crate::devices::scan::input::{ScanFlag, ScanFlags};
use crate::domain::code::grouped;
use crate::domain::reversal::{Reversal, ReversalWord};
use crate::domain::verdict::Answer;
use crate::tui::canvas::{bold, cut, wrapped};
use crate::tui::msg::TodayCounts;
use crate::tui::panel::{self, Page, clock, headline_lines};
use crate::tui::screens::question::Given;
use crate::tui::theme::Tone;

/// A sample code of the training mode, and what will happen.
pub type Sample = (String, String);

/// What the panel says while nothing is at the desk and nothing is asked.
pub(super) enum Shown {
    Nothing,
    Verdict(Judged),
    NotJudged {
        number: u64,
        words: String,
        at: Timestamp,
    },
    Failed {
        number: Option<u64>,
        words: String,
        hint: String,
    },
    Undone {
        answer: Reversal,
        at: Timestamp,
    },
    /// A scan that the hub has not answered was given up.
    GivenUp {
        code: String,
        at: Timestamp,
    },
}

pub(super) struct Judged {
    pub(super) number: u64,
    pub(super) raw: Vec<u8>,
    pub(super) given: Given,
    pub(super) flags: ScanFlags,
    pub(super) answer: Box<Answer>,
    pub(super) at: Timestamp,
}

/// What the screen needs from around it to draw.
pub struct View<'a> {
    /// The wall clock at the last tick.
    pub now: Timestamp,
    /// The store's time zone.
    pub zone: &'a TimeZone,
    /// Today's figures.
    pub today: TodayCounts,
    /// The sample codes of the training mode.
    pub training: Option<&'a [Sample]>,
    /// When a verdict fades.
    pub fade_after: SignedDuration,
    /// What has come in but is not yet known to be typing or a scan.
    pub pending: &'a str,
    /// The campaigns in test mode.
    pub in_test_mode: &'a [String],
}

pub(super) fn sample(code: &str, happens: &str, room: u16) -> String {
    cut(&format!("{}  {happens}", grouped(code)), room)
}

impl Shown {
    /// The running number of the scan it is about.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Shown::Verdict(judged) => Some(judged.number),
            Shown::NotJudged { number, .. } => Some(*number),
            Shown::Failed { number, .. } => *number,
            Shown::Nothing | Shown::Undone { .. } | Shown::GivenUp { .. } => None,
        }
    }

    /// Its page, with lines for a room of `room` columns, in a panel of `rows` rows.
    pub(super) fn page(&self, room: u16, rows: u16, view: &View<'_>) -> Page {
        match self {
            Shown::Nothing => idle_page(room, rows, view.training),
            Shown::Verdict(judged) => verdict_page(judged, room, view),
            Shown::NotJudged { number, words, at } => {
                let mut page = Page::new(Tone::Look, "NOT READ");
                page.number = Some(*number);
                page.lines = headline_lines(Tone::Look.glyph(), words, room);
                page.lines.push(Line::from("   nothing was used up"));
                fade(&mut page, *at, view);
                page
            }
            Shown::Failed {
                number,
                words,
                hint,
            } => failed_page(*number, words, hint, room),
            Shown::Undone { answer, at } => {
                let (tone, word) = match answer.word {
                    ReversalWord::Reversed | ReversalWord::Replayed => (Tone::Plain, "UNDONE"),
                    // Whoever asked has cancelled it since.
                    ReversalWord::NothingToReverse
                    | ReversalWord::NeedsApproval
                    | ReversalWord::KeyConflict
                    | ReversalWord::OfflineRefused => (Tone::Look, "NOT UNDONE"),
                    ReversalWord::UnknownOutcome => (Tone::Wait, "WAIT"),
                };
                let mut page = Page::new(tone, word);
                page.lines = headline_lines(' ', answer.message(), room);
                if let Some(code) = &answer.code {
                    page.lines.push(Line::from(format!("   {}", grouped(code))));
                }
                page.note = clock(*at, view.zone);
                page
            }
            Shown::GivenUp { code, at } => {
                let mut page = Page::new(Tone::Plain, "GIVEN UP");
                let words = "whatever the hub has done about it will be undone";
                page.lines = headline_lines(' ', words, room);
                page.lines.push(Line::from(format!("   {}", grouped(code))));
                page.lines.push(Line::from("   its next scan is a new one"));
                page.note = clock(*at, view.zone);
                page
            }
        }
    }
}

fn idle_page(room: u16, rows: u16, training: Option<&[Sample]>) -> Page {
    let mut page = Page::new(Tone::Plain, "READY");
    page.lines
        .push(Line::from("Scan a code, or type it and press Enter."));
    if let Some(samples) = training {
        page.lines.push(Line::default());
        page.lines.push(Line::from(bold("Codes to try:")));
        let seen = usize::from(rows.saturating_sub(9));
        for (code, happens) in samples.iter().take(seen) {
            page.lines.push(Line::from(sample(code, happens, room)));
        }
    }
    page
}

fn verdict_page(judged: &Judged, room: u16, view: &View<'_>) -> Page {
    let mut page = panel::verdict_page(&judged.answer, view.zone, judged.number, room);
    for advice in scanner_advice(judged.flags) {
        let line = cut(advice, room.saturating_sub(3));
        page.lines.push(Line::from(format!("   {line}")));
    }
    fade(&mut page, judged.at, view);
    page
}

/// What to set on a scanner whose scan was odd; the scan itself is judged as it came.
fn scanner_advice(flags: ScanFlags) -> impl Iterator<Item = &'static str> {
    flags.iter().filter_map(|flag| match flag {
        ScanFlag::Parity => Some("scanner: set it to 8N1 (it sends a parity bit)"),
        ScanFlag::AltDigits => Some("scanner: switch off its ALT mode"),
        ScanFlag::Dirty | ScanFlag::Overlong | ScanFlag::Paste => None,
    })
}

fn failed_page(number: Option<u64>, words: &str, hint: &str, room: u16) -> Page {
    let mut page = Page::new(Tone::Failed, "NOT DONE");
    page.number = number;
    let nothing = if number.is_some() {
        "nothing was used up"
    } else {
        "nothing was changed"
    };
    page.lines = headline_lines(Tone::Failed.glyph(), nothing, room);
    for text in [words, hint] {
        for line in wrapped(text, room.saturating_sub(3), 2) {
            page.lines.push(Line::from(format!("   {line}")));
        }
    }
    page
}

/// A page that is old is grey and says its age, so that it never passes for a new one.
fn fade(page: &mut Page, at: Timestamp, view: &View<'_>) {
    let age = view.now.duration_since(at);
    if age < view.fade_after {
        return;
    }
    page.tone = Tone::Faded;
    page.note = age_in_words(age);
}

/// `12 s ago`, `3 min ago`, `2 h ago`.
fn age_in_words(age: SignedDuration) -> String {
    let seconds = age.as_secs();
    if seconds < 100 {
        format!("{seconds} s ago")
    } else if seconds < 6000 {
        format!("{} min ago", seconds / 60)
    } else {
        format!("{} h ago", seconds / 3600)
    }
}
