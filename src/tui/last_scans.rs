//! The list of last scans: a line each, with its time, its outcome and the end of its code.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::code::last_letters;
use crate::domain::verdict::{Answer, Band, Unseen};
use crate::tui::canvas::{Canvas, columns, padded};
use crate::tui::theme::Tone;
use crate::tui::words;

/// How many of the last scans are kept for the list.
pub(super) const LAST_SCANS_MAX: usize = 60;

/// How long an acceptance that was never drawn heads the list: the rest of a working day, longer
/// than a rescan answers for it, so that it is seen after a long outage too.
const UNSEEN_FOR: SignedDuration = SignedDuration::from_hours(12);

/// How many of them head the list.
const UNSEEN_MAX: usize = 5;

/// The last scans, newest first, after the acceptances that were never drawn.
#[derive(Default)]
pub(super) struct LastScans {
    recent: VecDeque<Recent>,
    unseen: Vec<Unseen>,
}

/// One line of the list of last scans.
pub(super) struct Recent {
    pub(super) number: u64,
    at: Timestamp,
    tone: Tone,
    text: String,
    code: Option<String>,
}

impl LastScans {
    /// Takes the newest acceptances that were never drawn; the last scans need room too.
    pub(super) fn opened(&mut self, mut unseen: Vec<Unseen>) {
        unseen.truncate(UNSEEN_MAX);
        self.unseen = unseen;
    }

    /// Time went by.
    pub(super) fn ticked(&mut self, now: Timestamp) {
        self.unseen
            .retain(|unseen| now.duration_since(unseen.at) < UNSEEN_FOR);
    }

    /// A scan was judged; an acceptance of the same code that was never drawn is answered by it.
    pub(super) fn judged(&mut self, number: u64, answer: &Answer) {
        if let Some(code) = &answer.code {
            self.unseen.retain(|unseen| unseen.code != *code);
        }
        let text = words::of(answer.verdict.word());
        let band = answer.verdict.band();
        let words = match (band, &answer.offer) {
            (Band::Go, Some(offer)) => offer.clone(),
            (Band::Go, None) | (Band::Look | Band::Stop | Band::Wait, _) => text.short.to_owned(),
        };
        self.recent.push_front(Recent {
            number,
            at: answer.at,
            tone: Tone::of(band),
            text: words,
            code: answer.code.clone(),
        });
        self.recent.truncate(LAST_SCANS_MAX);
    }

    /// The newest scan that was judged.
    pub(super) fn newest(&self) -> Option<&Recent> {
        self.recent.front()
    }

    /// The scans in a list of `rows` rows; those never shown before take theirs first. A list of
    /// one row leaves out what the panel says anyway.
    pub(super) fn in_rows(
        &self,
        rows: u16,
        in_panel: Option<u64>,
    ) -> impl Iterator<Item = &Recent> {
        let room = usize::from(rows).saturating_sub(self.unseen.len());
        let in_panel = if rows == 1 { in_panel } else { None };
        self.recent
            .iter()
            .filter(move |recent| in_panel != Some(recent.number))
            .take(room)
    }

    /// Draws the list in `rows` rows.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        zone: &TimeZone,
        rows: u16,
        in_panel: Option<u64>,
    ) {
        let theme = canvas.theme();
        let mut row = 0;
        for unseen in &self.unseen {
            if row >= rows {
                return;
            }
            let text = format!("unseen: {}", unseen.offer);
            let at = list_clock(unseen.at, zone, canvas.columns());
            draw_row(canvas, row, &at, Tone::Go, &text, Some(&unseen.code));
            row = row.saturating_add(1);
        }
        if self.recent.is_empty() && self.unseen.is_empty() {
            canvas.text(0, row, "none yet", theme.dim());
        }
        for recent in self.in_rows(rows, in_panel) {
            draw_recent(canvas, row, recent, zone);
            row = row.saturating_add(1);
        }
    }
}

/// One scan in a row.
pub(super) fn draw_recent(canvas: &mut Canvas<'_>, row: u16, recent: &Recent, zone: &TimeZone) {
    let at = list_clock(recent.at, zone, canvas.columns());
    let code = recent.code.as_deref();
    draw_row(canvas, row, &at, recent.tone, &recent.text, code);
}

/// A scan without an answer yet: `#4 … asking the hub`.
pub(super) fn draw_asked(canvas: &mut Canvas<'_>, row: u16, number: u64) {
    draw_row(
        canvas,
        row,
        &format!("#{number}"),
        Tone::Wait,
        "asking the hub",
        None,
    );
}

/// `14:31:07 ✔ Free coffee   …GHJK`
fn draw_row(
    canvas: &mut Canvas<'_>,
    row: u16,
    at: &str,
    tone: Tone,
    text: &str,
    code: Option<&str>,
) {
    let theme = canvas.theme();
    let mut column = canvas.text(0, row, at, theme.dim()).saturating_add(1);
    let glyph = tone.glyph().to_string();
    let bold_mark = theme.mark(tone).patch(theme.strong());
    column = column
        .saturating_add(canvas.text(column, row, &glyph, bold_mark))
        .saturating_add(1);
    let tail = code.map(last_letters).unwrap_or_default();
    let room = canvas
        .columns()
        .saturating_sub(column)
        .saturating_sub(columns(&tail))
        .saturating_sub(1);
    let style = theme.mark(tone);
    canvas.text(column, row, &padded(text, room), style);
    canvas.text_right(0, row, &tail, theme.dim());
}

/// The time of day; without seconds where the list is narrow.
fn list_clock(at: Timestamp, zone: &TimeZone, room: u16) -> String {
    let pattern = if room < 34 { "%H:%M" } else { "%H:%M:%S" };
    at.to_zoned(zone.clone()).strftime(pattern).to_string()
}
