//! The list of last scans: a line each, with its time, its outcome and the end of its code.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::code::last_letters;
use crate::tui::canvas::{Canvas, columns, padded};
use crate::tui::theme::Tone;

/// One line of the list of last scans.
pub(super) struct Recent {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) tone: Tone,
    pub(super) text: String,
    pub(super) code: Option<String>,
}

pub(super) fn draw_recent(canvas: &mut Canvas<'_>, row: u16, recent: &Recent, zone: &TimeZone) {
    let at = list_clock(recent.at, zone, canvas.columns());
    let code = recent.code.as_deref();
    draw_row(canvas, row, &at, recent.tone, &recent.text, code);
}

/// `14:31:07 ✔ Free coffee   …GHJK`
pub(super) fn draw_row(
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
pub(super) fn list_clock(at: Timestamp, zone: &TimeZone, room: u16) -> String {
    let pattern = if room < 34 { "%H:%M" } else { "%H:%M:%S" };
    at.to_zoned(zone.clone()).strftime(pattern).to_string()
}
